//! The vector by itself; what a table makes of it is tested in `memtable/tests/vector.rs`.

use core::cmp::Ordering as Order;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::sync::{Mutex as StdMutex, Weak};
use std::vec::Vec;

use super::*;
use crate::arena::{ArenaOptions, ConcurrentArena};
use crate::entry::Protection;
use crate::key::{Kind, MAX_SEQUENCE_NUMBER};
use crate::rep::{Cursor, ReadRep};
use crate::skiplist::{HeightSource, Position, SkipListOptions};
use crate::sync::{Arc, without_memory};

/// An answer that depends on nothing else.
type Fixed = fn(&[u8], &[u8]) -> Order;
type Answer = dyn Fn(&[u8], &[u8]) -> Order + Send + Sync;

/// Answers as it is told to, honestly at first.
#[derive(Clone)]
struct Told(Arc<StdMutex<Arc<Answer>>>);

impl Told {
    fn honest() -> Self {
        Self(Arc::new(StdMutex::new(Arc::new(|a: &[u8], b: &[u8]| {
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

fn vector<C: Comparator>(comparator: C, list: SkipListOptions, count: usize) -> VectorRep<C> {
    let context = RepContext {
        arena: Arc::new(ConcurrentArena::new(ArenaOptions::default()).unwrap()),
        comparator,
        list,
        overwrites: false,
        keeps_first: true,
        prefix_extractor: None,
    };
    VectorFactory { count }.create(context).unwrap()
}

fn told() -> (Told, VectorRep<Told>) {
    let comparator = Told::honest();
    let options = SkipListOptions::default();
    (comparator.clone(), vector(comparator, options, 0))
}

fn append<C: Comparator>(rep: &VectorRep<C>, key: &[u8], sequence: u64, value: &[u8]) {
    let entry = EntryRef {
        user_key: key,
        sequence,
        kind: Kind::VALUE,
        value,
    };
    rep.append(&mut &**rep.list.arena(), &entry).unwrap();
}

/// All keys and values, in order.
fn scan<C: Comparator>(rep: &VectorRep<C>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut cursor = Cursor::new(rep);
    let mut found = Vec::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().unwrap() {
        found.push((entry.user_key.to_vec(), entry.value.to_vec()));
        cursor.next();
    }
    found
}

fn dropped<C: Comparator>(rep: &VectorRep<C>) -> usize {
    let mut dropped = 0;
    rep.drain_dropped(&mut |_| dropped += 1);
    dropped
}

#[test]
fn r4_many_entries_are_sorted_by_all_processors() {
    let rep = vector(BytewiseComparator, SkipListOptions::default(), 0);
    assert_eq!((rep.helpers(0), rep.helpers(49_999)), (0, 0));
    let processors = crate::sync::available_parallelism();
    assert_eq!(rep.helpers(usize::MAX), processors - 1);
    let mut expected = BTreeMap::new();
    for number in 0..120_000u64 {
        // A tenth are there twice, and prefixes are shared by eight on average.
        let key = ((crate::sync::random_u64() % 15_000) << 32) | (number % 10);
        append(&rep, &key.to_be_bytes(), 1, &number.to_be_bytes());
        expected.entry(key).or_insert(number);
    }
    let expected = expected
        .iter()
        .map(|(key, number)| (key.to_be_bytes().to_vec(), number.to_be_bytes().to_vec()));
    assert!(scan(&rep).into_iter().eq(expected), "V5");
    assert_eq!(rep.word(), SETTLED);
    assert_eq!(scan(&rep).len() + dropped(&rep), 120_000, "V4");
    assert_eq!(dropped(&rep), 0, "each is handed over once");
}

#[test]
fn x1_a_panic_of_a_helper_goes_on_where_it_was_asked() {
    let asker = std::thread::current().id();
    let together = || {
        crate::sync::run_together(3, || {
            assert!(std::thread::current().id() == asker, "planted");
        });
    };
    let panic = catch_unwind(AssertUnwindSafe(together)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"planted"));
    crate::sync::run_together(100, || ());
}

#[test]
fn r4_sorting_leaves_room_for_what_it_was_told_of_only() {
    let rep = vector(BytewiseComparator, SkipListOptions::default(), 6_000);
    let rooms = || rep.held.lock().rooms();
    let told = 6_000..12_000;
    assert!(rooms().iter().all(|room| told.contains(room)));
    for key in 0..6_000u32 {
        append(&rep, &key.to_be_bytes(), 1, b"");
    }
    assert!(rep.last().is_some());
    assert!(rooms().iter().all(|room| told.contains(room)));
    rep.seal();
    assert_eq!(rooms(), [0, 0]);
    assert_eq!(scan(&rep).len(), 6_000);

    let rep = vector(BytewiseComparator, SkipListOptions::default(), 6_000);
    for key in 0..20_000u32 {
        append(&rep, &key.to_be_bytes(), 1, b"");
    }
    assert!(rep.last().is_some());
    assert_eq!(rep.held.lock().rooms(), [0, 0]);
    assert_eq!(scan(&rep).len(), 20_000);
    assert!(std::format!("{rep:?}").contains("6000"));
}

#[test]
fn r4_no_memory_for_a_list_larger_than_there_is() {
    let context = RepContext {
        arena: Arc::new(ConcurrentArena::new(ArenaOptions::default()).unwrap()),
        comparator: BytewiseComparator,
        list: SkipListOptions::default(),
        overwrites: false,
        keeps_first: true,
        prefix_extractor: None,
    };
    let refused = VectorFactory { count: usize::MAX }.create(context);
    assert!(matches!(refused, Err(Error::OutOfMemory { .. })));
}

#[test]
fn x2_without_memory_to_sort_in_entries_are_linked_in_turn() {
    let rep = vector(BytewiseComparator, SkipListOptions::default(), 0);
    for round in 0..3u32 {
        for number in 0..500u32 {
            let key = (number * 7_919 % 400).to_be_bytes();
            append(&rep, &key, 1, &[round as u8, (number / 400) as u8]);
        }
        let found = without_memory(|| scan(&rep));
        assert!(found.iter().all(|(_, value)| value == &[0, 0]), "V5");
        assert_eq!(found.len(), 400);
        assert!(found.is_sorted());
    }
    assert_eq!(dropped(&rep), 1_100, "V4");
    // Room for the list, but not for a second one.
    let rep = vector(BytewiseComparator, SkipListOptions::default(), 0);
    for number in [3, 1, 2] {
        rep.held.lock().reserve_items(8);
        append(&rep, &[number], 1, b"");
    }
    assert_eq!(without_memory(|| scan(&rep)).len(), 3);
}

#[test]
fn x1_a_comparator_that_panics_while_entries_are_linked_loses_none() {
    for refused in [false, true] {
        let mut interrupted = 0;
        for after in (0..600).step_by(3) {
            let (comparator, rep) = told();
            (0..10u8).for_each(|key| append(&rep, &[b'b' + 2 * key], 1, b"first"));
            assert_eq!(scan(&rep).len(), 10);
            (0..20u8).for_each(|key| append(&rep, &[b'b' + key * 7 % 20], 1, &[key]));
            (0..20u8).for_each(|key| append(&rep, &[b'b' + key], 1, b"last"));
            let calls = Count::new(0);
            comparator.tell(move |a, b| {
                assert!(calls.fetch_add(1, Ordering::SeqCst) != after, "planted");
                a.cmp(b)
            });
            let read = || catch_unwind(AssertUnwindSafe(|| rep.last().is_some()));
            // What panics is caught inside.
            let first = if refused {
                without_memory(read)
            } else {
                read()
            };
            interrupted += usize::from(first.is_err());
            if first.is_err() {
                assert_ne!(rep.word(), SETTLED, "V1");
            }
            append(&rep, b"a", 1, b"");
            comparator.tell(|a, b| a.cmp(b));
            let found = scan(&rep);
            let keys: Vec<u8> = found.iter().map(|(key, _)| key[0]).collect();
            assert!(keys.iter().copied().eq(b'a'..b'b' + 20), "V4: {keys:?}");
            assert_eq!(dropped(&rep), 30, "V4");
            for (key, value) in &found[1..] {
                let there = (key[0] - b'b') % 2 == 0;
                assert_eq!(there, value == b"first", "V5");
                assert_ne!(value, b"last", "V5");
            }
        }
        assert!((50..200).contains(&interrupted), "{interrupted}");
    }
}

#[test]
fn x1_a_comparator_may_read_while_it_is_asked_to_sort() {
    // Below and above what is sorted by one thread.
    for entries in [50u32, 60_000] {
        let comparator = Told::honest();
        let rep = vector(comparator.clone(), SkipListOptions::default(), 0);
        let rep = Arc::new(rep);
        for number in 0..entries {
            append(
                &rep,
                &number.wrapping_mul(0x9E37_79B9).to_be_bytes(),
                1,
                b"",
            );
        }
        let weak: Weak<VectorRep<Told>> = Arc::downgrade(&rep);
        let asked = Arc::new(Count::new(0));
        let count = Arc::clone(&asked);
        comparator.tell(move |a, b| {
            if count.fetch_add(1, Ordering::SeqCst) % 997 == 0 {
                let rep = weak.upgrade().unwrap();
                assert!(!rep.is_empty());
                let mut cursor = Cursor::new(&*rep);
                cursor.seek_to_first();
                cursor.next();
                rep.drain_dropped(&mut |_| panic!("nobody has settled"));
                rep.seal();
                // Adds are welcome as well.
                if count.load(Ordering::SeqCst) < 2 {
                    append(&rep, b"added", 1, b"");
                }
            }
            a.cmp(b)
        });
        assert_eq!(scan(&rep).len(), entries as usize + 1, "V6");
        assert!(asked.load(Ordering::SeqCst) > entries as usize);
    }
}

#[test]
fn r4_a_reader_does_not_wait_for_writers_that_never_pause() {
    let comparator = Told::honest();
    let rep = vector(comparator.clone(), SkipListOptions::default(), 0);
    let rep = Arc::new(rep);
    let weak = Arc::downgrade(&rep);
    let number = Count::new(0);
    comparator.tell(move |a, b| {
        // For each that is linked there is another one.
        let number = number.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        append(&*weak.upgrade().unwrap(), &number, 1, b"");
        a.cmp(b)
    });
    (0..50u8).for_each(|key| append(&rep, &[b'a' + key], 1, b""));
    assert!(rep.last().is_some());
    assert_ne!(rep.word(), SETTLED);
}

#[test]
fn x1_a_comparator_that_contradicts_itself_loses_no_entry() {
    let answers: [Fixed; 5] = [
        |_, _| Order::Less,
        |_, _| Order::Greater,
        |_, _| Order::Equal,
        |a, b| b.cmp(a),
        |_, _| {
            let answers = [Order::Less, Order::Equal, Order::Greater];
            answers[(crate::sync::random_u64() % 3) as usize]
        },
    ];
    for answer in answers {
        let (comparator, rep) = told();
        for round in 0..3u8 {
            (0..100u8).for_each(|key| append(&rep, &[key, round], 1, b""));
            assert!(rep.first(&mut Default::default()).is_some());
            comparator.tell(answer);
        }
        let mut entries = 0;
        let mut cursor = Cursor::new(&rep);
        cursor.seek_to_first();
        while cursor.valid() {
            entries += 1;
            cursor.next();
        }
        assert_eq!(entries + dropped(&rep), 300, "V4");
    }
}

/// A prefix that is no promise kept.
struct Liar;

impl Comparator for Liar {
    const BYTE_PREFIX: bool = true;

    fn compare(&self, a: &[u8], b: &[u8]) -> Order {
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "liar"
    }

    fn prefix(&self, _user_key: &[u8]) -> u32 {
        crate::sync::random_u64() as u32 % 3
    }
}

#[test]
fn x1_prefixes_that_follow_no_order_lose_no_entry() {
    let rep = vector(Liar, SkipListOptions::default(), 0);
    for number in 0..1_000u32 {
        append(&rep, &(number * 7_919 % 1_000).to_be_bytes(), 1, b"");
        if number % 100 == 0 {
            let _ = rep.last();
        }
    }
    assert_eq!(scan(&rep).len() + dropped(&rep), 1_000, "V4");
}

/// Each byte of a pending entry is damaged: what is read is right, or an error.
#[test]
fn e10_damage_of_a_pending_entry_is_noticed() {
    let options = SkipListOptions {
        protection: Protection::Eight,
        max_height: 3,
        heights: HeightSource::Scripted(|entry| 1 + entry.value.len() % 3),
        ..SkipListOptions::default()
    };
    for lies in [1, 0x80, 0xFF] {
        for at in 0.. {
            let rep = vector(BytewiseComparator, options, 0);
            append(&rep, b"c", 1, b"3");
            assert_eq!(scan(&rep).len(), 1);
            append(&rep, b"b", 1, b"two");
            let pending = Position::new(node_of(rep.word())).unwrap();
            let (start, len) = rep.list.stored(pending);
            append(&rep, b"a", 1, b"1");
            // Of the same prefix as what cannot be read.
            append(&rep, b"", 1, b"");
            if at == len {
                break;
            }
            // SAFETY: a byte of the entry, which nobody reads now.
            let byte = unsafe { start.add(at) };
            // SAFETY: as above.
            let was = unsafe { byte.read() };
            // SAFETY: as above.
            unsafe { byte.write(was ^ lies) };
            assert!(rep.is_checked());
            for key in [b"a", b"b", b"c"] {
                let found = rep.find(key, MAX_SEQUENCE_NUMBER);
                assert!(rep.verify_path(key, MAX_SEQUENCE_NUMBER).is_err());
                // SAFETY: it came from this representation.
                let entry = found.map(|found| unsafe { rep.entry(found) });
                assert_eq!(entry.is_some_and(|entry| entry.is_ok()), key != b"b");
            }
            let mut cursor = Cursor::new(&rep);
            cursor.seek_to_first();
            assert!(cursor.entry().is_err());
        }
    }
}

#[test]
fn r4_threads_append_and_read() {
    let rep = vector(BytewiseComparator, SkipListOptions::default(), 0);
    let (writers, rounds) = (2, 3_000u32);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let rep = &rep;
            scope.spawn(move || {
                for round in 0..rounds {
                    let key = [round.wrapping_mul(0x9E37_79B9), writer].map(u32::to_be_bytes);
                    append(rep, key.as_flattened(), 1, b"");
                    if round % 64 == 0 {
                        assert!(rep.find(key.as_flattened(), 1).is_some(), "V1");
                    }
                }
            });
        }
        let rep = &rep;
        scope.spawn(move || {
            let mut seen = 0;
            for _ in 0..100 {
                let found = scan(rep);
                assert!(found.is_sorted() && found.len() >= seen);
                seen = found.len();
            }
        });
    });
    assert_eq!(scan(&rep).len(), (writers * rounds) as usize, "V4");
    assert_eq!(dropped(&rep), 0);
}
