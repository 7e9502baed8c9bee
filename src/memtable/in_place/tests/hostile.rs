//! Callbacks, comparators and budgets that misbehave (SPEC X1).

use core::cmp::Ordering as Order;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, Weak};

use super::*;
use crate::arena::Budget;
use crate::lookup::Lookup;

fn table() -> InPlaceTable {
    let table = small().in_place().locks(1).build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"old").unwrap();
    table
}

#[test]
fn x1_a_panicking_callback_leaves_the_old_value_and_no_lock() {
    let table = table();
    let before = table.stats();
    let mut writer = table.writer().unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        writer.update_with(2, b"k", |_, value| {
            value.extend_from_slice(b"half");
            panic!("planted");
        })
    }));
    assert!(unwound.is_err());
    assert_eq!(value(&table, b"k", 9).as_deref(), Some(&b"old"[..]));
    // The same writer, and another thread, go on.
    assert_eq!(writer.update(2, b"k", b"new"), Ok(Updated::InPlace));
    std::thread::scope(|scope| {
        let other = scope.spawn(|| table.update(3, b"k", b"two"));
        assert_eq!(other.join().unwrap(), Ok(Updated::InPlace));
    });
    drop(writer);
    assert_eq!(table.stats(), before);
    table.seal().unwrap();
}

#[test]
fn x1_a_callback_may_use_the_table_but_not_update() {
    let (table, beside) = (table(), table());
    let mut writer = table.writer().unwrap();
    let updated = writer.update_with(5, b"k", |existing, made| {
        let Lookup::Found { value: b"old", .. } = existing else {
            panic!("{existing:?}");
        };
        for other in [&table, &beside] {
            assert_eq!(other.update(6, b"k", b"x"), Err(Error::Reentrant));
            assert_eq!(other.update(6, b"another", b"x"), Err(Error::Reentrant));
            assert_eq!(value(other, b"k", 9).as_deref(), Some(&b"old"[..]));
            let mut keys = other.visible(9);
            keys.seek_to_first().unwrap();
            let _ = keys.lookup().unwrap();
            let _ = (other.stats(), other.memory_usage());
        }
        table.add(4, Kind::VALUE, b"beside", b"added").unwrap();
        assert!(matches!(table.exclusive_writer(), Err(Error::Busy)));
        assert_eq!(table.seal(), Err(Error::Reentrant));
        made.extend_from_slice(b"new");
        Decision::Replace
    });
    assert_eq!(updated, Ok(Updated::InPlace));
    drop(writer);
    assert_eq!(value(&table, b"k", 9).as_deref(), Some(&b"new"[..]));
    assert_eq!(value(&table, b"beside", 9).as_deref(), Some(&b"added"[..]));
    assert_eq!(table.stats().data_size, 12 + 19);
    // The thread may update again.
    assert_eq!(beside.update(2, b"k", b"new"), Ok(Updated::InPlace));
}

#[test]
fn x1_two_callbacks_that_want_each_others_turn_do_not_wait_for_it() {
    let table = small().in_place().build().unwrap();
    let keys: [&[u8]; 2] = [b"a", b"b"];
    for key in keys {
        table.add(1, Kind::VALUE, key, b"-").unwrap();
    }
    let (table, both) = (&table, &Barrier::new(2));
    std::thread::scope(|scope| {
        for (mine, other) in [(keys[0], keys[1]), (keys[1], keys[0])] {
            scope.spawn(move || {
                let mut writer = table.writer().unwrap();
                writer.update_with(2, mine, |_, made| {
                    both.wait();
                    assert_eq!(table.update(2, other, b"x"), Err(Error::Reentrant));
                    made.push(b'+');
                    Decision::Replace
                })
            });
        }
    });
    for key in keys {
        assert_eq!(value(table, key, 9).as_deref(), Some(&b"+"[..]));
    }
}

#[test]
fn x1_readers_do_not_wait_for_a_callback() {
    let table = table();
    let (table, inside, seen) = (&table, &Barrier::new(2), &Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut writer = table.writer().unwrap();
            writer.update_with(2, b"k", |_, made| {
                inside.wait();
                seen.wait();
                made.extend_from_slice(b"new");
                Decision::Replace
            })
        });
        inside.wait();
        assert_eq!(value(table, b"k", 9).as_deref(), Some(&b"old"[..]));
        seen.wait();
    });
    assert_eq!(value(table, b"k", 9).as_deref(), Some(&b"new"[..]));
}

type Answer = dyn Fn(&[u8], &[u8]) -> Order + Send + Sync;

/// Answers as it is told to, honestly at first.
#[derive(Clone)]
struct Told(Arc<Mutex<Arc<Answer>>>);

impl Told {
    fn tell(&self, answer: impl Fn(&[u8], &[u8]) -> Order + Send + Sync + 'static) {
        *self.0.lock().unwrap() = Arc::new(answer);
    }
}

impl Comparator for Told {
    fn compare(&self, a: &[u8], b: &[u8]) -> Order {
        let answer = Arc::clone(&*self.0.lock().unwrap());
        answer(a, b)
    }

    fn name(&self) -> &str {
        "told"
    }
}

fn told() -> (Told, Arc<InPlaceTable<Told>>) {
    let honest: Arc<Answer> = Arc::new(|a: &[u8], b: &[u8]| a.cmp(b));
    let comparator = Told(Arc::new(Mutex::new(honest)));
    let table = MemTable::with_comparator(comparator.clone()).write_buffer_size(64 << 10);
    (
        comparator,
        Arc::new(table.in_place().locks(2).build().unwrap()),
    )
}

/// What the counters are to say, by walking the list, which no comparator can break.
fn walked(table: &InPlaceTable<Told>) -> (u64, u64) {
    let (mut entries, mut size) = (0, 0);
    let (mut cursor, mut buffer) = (table.iter(), Vec::new());
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry(&mut buffer).unwrap() {
        entries += 1;
        size += (entry.user_key.len() + entry.value.len() + 8) as u64;
        cursor.next();
    }
    (entries, size)
}

fn counted(table: &InPlaceTable<Told>) -> (u64, u64) {
    let stats = table.stats();
    (stats.entries, stats.data_size)
}

#[test]
fn x1_a_comparator_that_panics_leaves_whole_values_and_exact_counts() {
    for after in 0..60 {
        let (comparator, table) = told();
        for byte in 0..20 {
            table.add(1, Kind::VALUE, &[b'a' + byte], b"old").unwrap();
        }
        let calls = Arc::new(AtomicUsize::new(0));
        comparator.tell(move |a, b| {
            assert!(calls.fetch_add(1, Ordering::SeqCst) != after, "planted");
            a.cmp(b)
        });
        let mut writer = table.writer().unwrap();
        let _ = catch_unwind(AssertUnwindSafe(|| {
            for byte in 0..20 {
                let long = vec![b'n'; usize::from(byte)];
                let entry = EntryRef {
                    user_key: &[b'A' + byte],
                    sequence: 1,
                    kind: Kind::VALUE,
                    value: &long,
                };
                writer.update(2, &[b'a' + byte], &long).unwrap();
                writer.add_batch(&[entry]).unwrap();
                writer.add(2, Kind::MERGE, entry.user_key, b"").unwrap();
            }
        }));
        // The same writer goes on.
        writer.update(3, b"k", b"end").unwrap();
        drop(writer);
        assert_eq!(walked(&table), counted(&table));
        assert_eq!(value(&table, b"k", 9).as_deref(), Some(&b"end"[..]));
        table.seal().unwrap();
    }
}

#[test]
fn x1_a_comparator_that_contradicts_itself_gives_wrong_answers_only() {
    let (comparator, table) = told();
    comparator.tell(|_, _| {
        let answers = [Order::Less, Order::Equal, Order::Greater];
        answers[(crate::sync::random_u64() % 3) as usize]
    });
    for number in 0..400u64 {
        let key = [b'a' + (number % 7) as u8];
        let made = vec![b'v'; (number % 30) as usize];
        let _ = table.update(number, &key, &made);
        let _ = table.add(number + 1_000, Kind::VALUE, &key, b"twelve bytes");
        let _ = table.get(&key, number);
        let mut keys = table.visible(number);
        if keys.seek(&key).is_ok() {
            let _ = keys.lookup();
        }
    }
    assert_eq!(walked(&table), counted(&table));
}

#[test]
fn x1_a_comparator_may_use_the_table_that_asks_it() {
    let (comparator, table) = told();
    for byte in 0..20 {
        table.add(1, Kind::VALUE, &[b'a' + byte], b"old").unwrap();
    }
    let (weak, inside) = (Arc::downgrade(&table), AtomicBool::new(false));
    let refused = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&refused);
    comparator.tell(move |a, b| {
        if !inside.swap(true, Ordering::SeqCst) {
            let table: Arc<InPlaceTable<Told>> = Weak::upgrade(&weak).unwrap();
            let again = table.update(5, b"k", b"in");
            counter.fetch_add(
                usize::from(again == Err(Error::Reentrant)),
                Ordering::SeqCst,
            );
            let _ = value(&table, b"k", 9);
            inside.store(false, Ordering::SeqCst);
        }
        a.cmp(b)
    });
    table.update(3, b"k", b"new").unwrap();
    assert!(
        refused.load(Ordering::SeqCst) > 0,
        "it asked from within the update"
    );
    table.add(4, Kind::DELETION, b"z", b"").unwrap();
    comparator.tell(|a, b| a.cmp(b));
    assert_eq!(walked(&table), counted(&table));
    table.seal().unwrap();
}

/// Updates the table that charges it.
#[derive(Debug, Default)]
struct Nosy {
    table: Mutex<Weak<InPlaceTable>>,
    told: Mutex<Vec<Result<Updated>>>,
}

impl Budget for Nosy {
    fn charge(&self, _bytes: usize) {
        let table = self.table.lock().unwrap().upgrade();
        if let Some(table) = table {
            let told = table.update(7, b"k", b"bud");
            self.told.lock().unwrap().push(told);
        }
    }

    fn release(&self, _bytes: usize) {}
}

#[test]
fn x1_a_budget_may_use_the_table_that_charges_it() {
    let budget = Arc::new(Nosy::default());
    let table = small().budget(budget.clone()).in_place().build().unwrap();
    let table = Arc::new(table);
    table.add(1, Kind::VALUE, b"k", b"old").unwrap();
    *budget.table.lock().unwrap() = Arc::downgrade(&table);
    let large = vec![b'v'; 60_000];
    // From within an add it may; from within an update it may not.
    table.add(2, Kind::VALUE, b"large", &large).unwrap();
    assert_eq!(table.update(3, b"other", &large), Ok(Updated::Added));
    let told = budget.told.lock().unwrap();
    assert_eq!(told.first(), Some(&Ok(Updated::InPlace)));
    assert_eq!(told.last(), Some(&Err(Error::Reentrant)));
    assert_eq!(value(&table, b"k", 9).as_deref(), Some(&b"bud"[..]));
}
