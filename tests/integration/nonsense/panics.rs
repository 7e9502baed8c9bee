//! Comparators, operators and extractors that panic or contradict themselves.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use verimem::{Comparator, EntryRef, Error, Hint, Kind, MemTable, PrefixExtractor};

use super::{Panicking, contents, documented, filled, works};

/// How a comparator behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Honest,
    /// Panics at the call after so many.
    Panics(u64),
    /// The same answer always.
    Says(Ordering),
    /// Any answer.
    Throws,
}

/// Bytewise, as long as its mood is good.
#[derive(Clone)]
struct Moody(Arc<Mutex<Mood>>, Arc<AtomicU64>);

impl Moody {
    fn honest() -> Self {
        Self(Arc::new(Mutex::new(Mood::Honest)), Arc::default())
    }

    fn be(&self, mood: Mood) {
        *self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = mood;
        self.1.store(0, SeqCst);
    }
}

impl Comparator for Moody {
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        let mood = *self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let calls = self.1.fetch_add(1, SeqCst);
        match mood {
            Mood::Honest => a.cmp(b),
            Mood::Panics(after) if calls == after => panic!("planted"),
            Mood::Panics(_) => a.cmp(b),
            Mood::Says(answer) => answer,
            Mood::Throws => {
                let thrown = calls.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62;
                [
                    Ordering::Less,
                    Ordering::Equal,
                    Ordering::Greater,
                    Ordering::Less,
                ][thrown as usize]
            }
        }
    }

    fn name(&self) -> &str {
        "test.Moody"
    }
}

type Table = MemTable<Moody>;

/// An operation, which may do anything but harm.
type Operation = (&'static str, fn(&Table) -> Result<(), Error>);

const WRITES: [Operation; 5] = [
    ("add", |table| table.add(50, Kind::VALUE, b"h", b"")),
    ("delete_range", |table| table.delete_range(51, b"c", b"n")),
    ("add_batch", |table| {
        let entry = |user_key, kind| EntryRef {
            user_key,
            sequence: 52,
            kind,
            value: b"z",
        };
        let batch = [
            entry(&b"d"[..], Kind::VALUE),
            entry(b"o", Kind::RANGE_DELETION),
            entry(b"c", Kind::MERGE),
        ];
        table
            .writer()?
            .add_batch(&batch)
            .map_err(|refused| refused.error)
    }),
    ("exclusive add_with_hint", |table| {
        let mut writer = table.exclusive_writer()?;
        let mut hint = Hint::new();
        writer.add_with_hint(&mut hint, 53, Kind::MERGE, b"e", b"")?;
        writer.add_with_hint(&mut hint, 53, Kind::VALUE, b"f", b"")
    }),
    ("seal", |table| table.seal()),
];

const READS: [Operation; 7] = [
    ("get", |table| table.get(b"g", 9).map(drop)),
    ("get_merged", |table| {
        table.reader(9)?.get_merged(b"b").map(drop)
    }),
    ("multi_get", |table| {
        table.multi_get(&[b"g", b"b", b"zz", b"f"], 9).map(drop)
    }),
    ("range_deletions", |table| {
        let all = table.range_deletions(0..=9)?;
        let _ = (
            all.covering(b"g"),
            all.truncated(Some(b"f"), Some(b"h")).count(),
        );
        Ok(())
    }),
    ("visible iterator", |table| {
        let mut keys = table.visible(9);
        keys.seek_to_first()?;
        for forward in [true, true, false, true, false, false] {
            if forward {
                keys.next()?;
            } else {
                keys.prev()?;
            }
            let _ = keys.lookup()?;
        }
        keys.seek_for_prev(b"h")
    }),
    ("cursor", |table| {
        let mut cursor = table.iter();
        cursor.seek(b"g", 9);
        cursor.prev();
        cursor.seek_for_prev(b"k", 3);
        cursor.next();
        Ok(())
    }),
    ("approximate_range", |table| {
        let _ = table.approximate_range(b"b", b"n");
        Ok(())
    }),
];

/// Entries and range deletions by walking; no comparator can break that.
fn counts_are_right(table: &Table) {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut entries = 0;
    while cursor.valid() {
        entries += 1;
        cursor.next();
    }
    let stats = table.stats();
    assert_eq!(stats.entries, entries + stats.range_deletions);
}

/// X1: a panic at each call of the comparator in turn, in each operation.
#[test]
fn x1_a_comparator_that_panics_anywhere_does_no_harm() {
    for (name, operation) in WRITES.into_iter().chain(READS) {
        let mut panics = 0;
        for after in 0.. {
            let comparator = Moody::honest();
            let table = filled(comparator.clone());
            let before = contents(&table);
            comparator.be(Mood::Panics(after));
            let outcome = catch_unwind(AssertUnwindSafe(|| operation(&table)));
            comparator.be(Mood::Honest);
            counts_are_right(&table);
            if let Ok(done) = outcome {
                assert_eq!(done, Ok(()), "{name}");
                break;
            }
            panics += 1;
            let sealed = table.is_sealed();
            if READS.iter().any(|read| read.0 == name) || sealed {
                assert_eq!(contents(&table), before, "{name}, call {after}");
            }
            if sealed {
                assert_eq!(table.seal(), Ok(()), "{name}, call {after}");
            } else {
                works(&table);
            }
        }
        assert!(panics > 0, "{name} compares nothing");
    }
    let gets = "the panic, and no harm: what was linked before is counted";
    documented([("a comparator that panics", gets.to_owned())]);
}

/// A range deletion is there with its count, or not at all.
#[test]
fn x1_a_panic_leaves_no_half_of_a_range_deletion() {
    for after in 0..200 {
        let comparator = Moody::honest();
        let table = filled(comparator.clone());
        let (stats, deletions) = (table.stats(), contents(&table));
        comparator.be(Mood::Panics(after));
        let outcome = catch_unwind(AssertUnwindSafe(|| table.delete_range(60, b"a", b"zz")));
        comparator.be(Mood::Honest);
        if outcome.is_ok() {
            assert_eq!(table.stats().range_deletions, stats.range_deletions + 1);
            assert!(after > 0);
            return;
        }
        assert_eq!(
            (table.stats(), contents(&table)),
            (stats, deletions),
            "call {after}"
        );
    }
    panic!("a range deletion makes 200 comparisons");
}

/// X1: wrong answers, and nothing worse.
#[test]
fn x1_a_comparator_that_contradicts_itself_does_no_harm() {
    let moods = [
        Mood::Says(Ordering::Less),
        Mood::Says(Ordering::Equal),
        Mood::Says(Ordering::Greater),
        Mood::Throws,
    ];
    for mood in moods {
        for (_, operation) in READS.into_iter().chain(WRITES) {
            let comparator = Moody::honest();
            let table = filled(comparator.clone());
            comparator.be(mood);
            for _ in 0..3 {
                let _ = operation(&table);
            }
            comparator.be(Mood::Honest);
            counts_are_right(&table);
            assert_eq!(table.seal(), Ok(()));
        }
    }
    let gets = "wrong answers; counts stay right";
    documented([("a comparator that contradicts itself", gets.to_owned())]);
}

/// G2, W5: an operator that panics, at a read and as an operand is written.
#[test]
fn g2_a_merge_operator_that_panics_does_no_harm() -> Result<(), Error> {
    let builder = MemTable::builder().merge_operator(Arc::new(Panicking));
    let table = builder.max_successive_merges(1).build()?;
    table.add(1, Kind::VALUE, b"b", b"base")?;
    table.add(2, Kind::MERGE, b"b", b"one")?;
    let before = contents(&table);
    let reader = table.reader(9)?;
    assert!(catch_unwind(AssertUnwindSafe(|| reader.get_merged(b"b"))).is_err());
    let mut writer = table.exclusive_writer()?;
    for hinted in [false, true] {
        let folds = catch_unwind(AssertUnwindSafe(|| {
            if hinted {
                writer.add_with_hint(&mut Hint::new(), 3, Kind::MERGE, b"b", b"two")
            } else {
                writer.add(3, Kind::MERGE, b"b", b"two")
            }
        }));
        assert!(folds.is_err(), "it was not folded");
    }
    drop(writer);
    assert_eq!(contents(&table), before);
    works(&table);
    let gets = "the panic; nothing is stored, and the writer goes on";
    documented([("a merge operator that panics", gets.to_owned())]);
    Ok(())
}

/// Panics over one key, and has another prefix for a key each time.
#[derive(Debug, Default)]
struct Odd(AtomicU64);

impl PrefixExtractor for Odd {
    fn name(&self) -> String {
        "test.Odd".to_owned()
    }

    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        assert!(user_key != b"panic", "planted");
        let length = self.0.fetch_add(1, SeqCst) as usize % 3;
        user_key.get(..length)
    }
}

/// B1: an extractor that panics, or that contradicts itself.
#[test]
fn b1_a_prefix_extractor_that_misbehaves_does_no_harm() -> Result<(), Error> {
    let builder = MemTable::builder()
        .bloom_size_ratio(0.1)
        .prefix_extractor(Arc::new(Odd::default()));
    let table = builder.whole_key_filtering(false).build()?;
    for byte in b'a'..=b'z' {
        table.add(1, Kind::VALUE, &[byte, byte], b"")?;
    }
    let before = table.stats();
    let add = || table.add(2, Kind::VALUE, b"panic", b"");
    assert!(catch_unwind(AssertUnwindSafe(add)).is_err());
    assert_eq!(table.stats(), before);
    for byte in b'a'..=b'z' {
        assert!(table.get(&[byte, byte], 9).is_ok());
    }
    let mut cursor = table.iter();
    cursor.seek_to_first();
    assert!(cursor.valid());
    drop(cursor);
    works(&table);
    let gets = "the panic, or keys that are not found; nothing else";
    documented([(
        "a prefix extractor that panics, or contradicts itself",
        gets.to_owned(),
    )]);
    Ok(())
}
