//! Comparators, budgets and threads that misbehave (SPEC X1).

use core::cmp::Ordering as Order;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, Weak};

use super::*;
use crate::arena::Budget;

/// An answer that depends on nothing else.
type Fixed = fn(&[u8], &[u8]) -> Order;
type Answer = dyn Fn(&[u8], &[u8]) -> Order + Send + Sync;

/// Answers as it is told to, honestly at first.
#[derive(Clone)]
struct Told(Arc<Mutex<Arc<Answer>>>);

impl Told {
    fn honest() -> Self {
        Self(Arc::new(Mutex::new(Arc::new(|a: &[u8], b: &[u8]| {
            a.cmp(b)
        }))))
    }

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

fn told() -> (Told, MemTable<Told>) {
    let comparator = Told::honest();
    let table = MemTable::with_comparator(comparator.clone());
    (
        comparator,
        table.write_buffer_size(64 << 10).build().unwrap(),
    )
}

/// Every operation that there is; what they answer does not matter.
fn exercise(table: &MemTable<Told>, from: SequenceNumber) {
    let mut keys = table.visible_range(5, Bound::Included(b"b"), Bound::Excluded(b"y"));
    let mut open = table.visible(5);
    let mut cursor = table.iter();
    for byte in 0..20 {
        let key = [b'a' + byte];
        let _ = table.add(from + u64::from(byte), Kind::VALUE, &key, b"");
        if let Ok(mut writer) = table.exclusive_writer() {
            let _ = writer.add(from + 100 + u64::from(byte), Kind::DELETION, &key, b"");
            let _ = writer.add(from + 200, Kind::MERGE, &key, b"");
        }
        let _ = table.get(&key, 5);
        let _ = table.contains(&key, 5);
        for keys in [&mut keys, &mut open] {
            let _ = keys.seek(&key);
            let _ = keys.seek_for_prev(&key);
            let _ = keys.next();
            let _ = keys.prev();
            let _ = keys.seek_to_first();
            let _ = keys.next();
            let _ = keys.lookup();
            let _ = keys.seek_to_last();
            let _ = keys.prev();
        }
        cursor.seek(&key, 5);
        cursor.next();
        cursor.prev();
        cursor.seek_for_prev(&key, 5);
        cursor.seek_before(&key, 5);
    }
}

/// Entries by walking the list, which no comparator can break.
fn walked(table: &MemTable<Told>) -> u64 {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut entries = 0;
    while cursor.valid() {
        entries += 1;
        cursor.next();
    }
    entries
}

#[test]
fn x1_a_comparator_that_contradicts_itself_gives_wrong_answers_only() {
    let answers: [Fixed; 5] = [
        |_, _| Order::Less,
        |_, _| Order::Equal,
        |_, _| Order::Greater,
        |a, b| b.cmp(a),
        |_, _| {
            let answers = [Order::Less, Order::Equal, Order::Greater];
            answers[(crate::sync::random_u64() % 3) as usize]
        },
    ];
    for answer in answers {
        for honest_first in [false, true] {
            let (comparator, table) = told();
            if honest_first {
                exercise(&table, 1);
                // All tombstones and invisible entries: the longest ways to go.
                for byte in 0..20 {
                    let _ = table.add(6, Kind::VALUE, &[b'a' + byte], b"");
                    let _ = table.add(0, Kind::DELETION, &[b'a' + byte], b"");
                }
            }
            comparator.tell(answer);
            for round in 0..3 {
                exercise(&table, 1_000 * (round + 1));
            }
            assert_eq!(walked(&table), table.stats().entries);
            table.seal().unwrap();
        }
    }
}

#[test]
fn x1_a_panicking_comparator_loses_no_count_and_no_writer() {
    for after in 0..60 {
        let (comparator, table) = told();
        let mut added = 0;
        for byte in 0..20 {
            table.add(1, Kind::VALUE, &[b'a' + byte], b"").unwrap();
        }
        let mut writer = table.writer().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        comparator.tell(move |a, b| {
            assert!(calls.fetch_add(1, Ordering::SeqCst) != after, "planted");
            a.cmp(b)
        });
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            for byte in 0..20 {
                writer.add(2, Kind::VALUE, &[b'a' + byte], b"").unwrap();
                added += 1;
            }
        }));
        // The same writer goes on, with what it remembers.
        writer.add(3, Kind::VALUE, b"k", b"").unwrap();
        drop(writer);
        assert_eq!(unwound.is_err(), added < 20);
        assert_eq!(walked(&table), table.stats().entries);
        assert_eq!(table.stats().entries, 20 + added + 1);
        table.seal().unwrap();
    }
}

#[test]
fn x1_a_comparator_may_use_the_table_that_asks_it() {
    let (comparator, table) = told();
    let table = Arc::new(table);
    for byte in 0..20 {
        table.add(1, Kind::VALUE, &[b'a' + byte], b"").unwrap();
    }
    let (weak, inside) = (Arc::downgrade(&table), AtomicBool::new(false));
    let number = AtomicU64::new(100);
    comparator.tell(move |a, b| {
        if !inside.swap(true, Ordering::SeqCst) {
            let table: Arc<MemTable<Told>> = Weak::upgrade(&weak).unwrap();
            assert_eq!(table.seal(), Err(Error::Reentrant));
            assert!(matches!(table.exclusive_writer(), Err(Error::Busy)));
            let _ = table.add(
                number.fetch_add(1, Ordering::SeqCst),
                Kind::VALUE,
                b"k",
                b"",
            );
            let _ = (table.stats(), table.get(b"k", 7));
            inside.store(false, Ordering::SeqCst);
        }
        a.cmp(b)
    });
    table.add(2, Kind::VALUE, b"k", b"").unwrap();
    table
        .exclusive_writer()
        .unwrap()
        .add(3, Kind::VALUE, b"k", b"")
        .unwrap();
    comparator.tell(|a, b| a.cmp(b));
    assert_eq!(walked(&table), table.stats().entries);
    table.seal().unwrap();
}

/// Uses the table that charges it.
#[derive(Debug, Default)]
struct Nosy {
    table: Mutex<Weak<MemTable>>,
    inside: AtomicBool,
    held: AtomicUsize,
}

impl Budget for Nosy {
    fn charge(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::SeqCst);
        let table = self.table.lock().unwrap().upgrade();
        let Some(table) = table else { return };
        if !self.inside.swap(true, Ordering::SeqCst) {
            let _ = (table.stats(), table.memory_usage());
            assert_eq!(table.seal(), Err(Error::Reentrant));
            let bytes = (bytes as u64).to_le_bytes();
            let _ = table.add(u64::from(bytes[1]), Kind::VALUE, b"nosy", &bytes);
            self.inside.store(false, Ordering::SeqCst);
        }
    }

    fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::SeqCst);
    }
}

#[test]
fn x1_a_budget_may_use_the_table_that_charges_it() {
    let budget = Arc::new(Nosy::default());
    let table = small().budget(budget.clone()).build().unwrap();
    let table = Arc::new(table);
    *budget.table.lock().unwrap() = Arc::downgrade(&table);
    let value = std::vec![0; 3_000];
    for sequence in 0..100 {
        table.add(sequence, Kind::VALUE, b"k", &value).unwrap();
    }
    assert!(table.stats().entries > 100);
    assert_eq!(
        budget.held.load(Ordering::SeqCst),
        table.memory_usage().allocated
    );
    table.seal().unwrap();
    drop(table);
    assert_eq!(budget.held.load(Ordering::SeqCst), 0);
}

#[test]
fn w7_a_thread_may_write_while_it_ends() {
    let table = Arc::new(small().build().unwrap());
    let writer = Arc::clone(&table);
    std::thread::spawn(move || {
        // Said before the first writer is there, so that it outlives what that makes.
        let table = Arc::clone(&writer);
        crate::sync::at_thread_end(move || {
            table.add(2, Kind::VALUE, b"last words", b"").unwrap();
        });
        writer.add(1, Kind::VALUE, b"k", b"").unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(table.stats().entries, 2);
    let sealer = Arc::clone(&table);
    let sealer = std::thread::spawn(move || sealer.seal().unwrap());
    for _ in 0..2_000 {
        if sealer.is_finished() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(sealer.is_finished(), "a writer is stuck inside");
    assert!(table.is_sealed());
}
