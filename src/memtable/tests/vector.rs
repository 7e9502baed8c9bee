//! Tables on a vector (SPEC R4).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

use super::*;
use crate::entry::Protection;
use crate::rep::{VectorFactory, VectorRep};
use crate::skiplist::Hint;
use crate::sync::random_u64;

type Table = MemTable<BytewiseComparator, VectorRep>;

fn builder() -> MemTableBuilder<BytewiseComparator, VectorFactory> {
    small()
        .duplicates(DuplicatePolicy::KeepFirst)
        .representation(VectorFactory::default())
}

/// What the table has, and what it is to have: the first value of each entry.
type Expected = BTreeMap<(Vec<u8>, core::cmp::Reverse<u64>), Vec<u8>>;

fn expected_at(expected: &Expected, key: &[u8], snapshot: u64) -> Option<Vec<u8>> {
    let from = (key.to_vec(), core::cmp::Reverse(snapshot));
    let (found, value) = expected.range(from..).next()?;
    (found.0 == key).then(|| value.clone())
}

fn check_all(table: &Table, expected: &Expected) {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    for ((key, sequence), value) in expected {
        let entry = cursor.entry().unwrap().unwrap();
        assert_eq!((entry.user_key, entry.value), (&key[..], &value[..]));
        assert_eq!(entry.sequence, sequence.0);
        cursor.next();
    }
    assert!(!cursor.valid());
    cursor.seek_to_last();
    for (key, sequence) in expected.keys().rev() {
        assert_eq!(cursor.key(), Some((&key[..], sequence.0)));
        cursor.prev();
    }
    assert!(!cursor.valid());
}

#[test]
fn r4_random_adds_with_reads_in_between() {
    for round in 0..40u64 {
        let mut table = builder().track_reads(true);
        if round % 2 == 0 {
            table = table.protection(Protection::Four).paranoid_checks(true);
        }
        let table: Table = table.build().unwrap();
        let (mut expected, mut added) = (Expected::new(), 0u64);
        let draw = |below| random_u64() % below;
        for _ in 0..300 {
            let key = || Vec::from(&b"keykeykey"[..1 + draw(8) as usize]);
            match draw(12) {
                0..6 => {
                    let (key, sequence) = (key(), draw(30));
                    let value = added.to_le_bytes();
                    let mut writer = if draw(2) == 0 {
                        table.writer().unwrap()
                    } else {
                        table.exclusive_writer().unwrap()
                    };
                    let kind = Kind::VALUE;
                    if draw(3) == 0 {
                        let hint = &mut Hint::new();
                        writer.add_with_hint(hint, sequence, kind, &key, &value)
                    } else {
                        writer.add(sequence, kind, &key, &value)
                    }
                    .unwrap();
                    let entry = (key, core::cmp::Reverse(sequence));
                    expected.entry(entry).or_insert(value.to_vec());
                    added += 1;
                }
                6 => {
                    let batch: Vec<_> = (0..draw(20)).map(|_| (key(), draw(30))).collect();
                    let entries: Vec<_> = batch
                        .iter()
                        .map(|(user_key, sequence)| EntryRef {
                            user_key,
                            sequence: *sequence,
                            kind: Kind::VALUE,
                            value: b"batch",
                        })
                        .collect();
                    table.writer().unwrap().add_batch(&entries).unwrap();
                    added += batch.len() as u64;
                    for (key, sequence) in batch {
                        let entry = (key, core::cmp::Reverse(sequence));
                        expected.entry(entry).or_insert(b"batch".to_vec());
                    }
                }
                7..10 => {
                    let (key, snapshot) = (key(), draw(32));
                    let found = match table.get(&key, snapshot).unwrap() {
                        Lookup::Found { value, .. } => Some(value.to_vec()),
                        _ => None,
                    };
                    assert_eq!(found, expected_at(&expected, &key, snapshot));
                }
                10 => {
                    let keys: Vec<_> = (0..9).map(|_| key()).collect();
                    let keys: Vec<_> = keys.iter().map(|key| &key[..]).collect();
                    let answers = table.multi_get(&keys, 15).unwrap();
                    for (key, answer) in keys.iter().zip(answers) {
                        let there = expected_at(&expected, key, 15).is_some();
                        assert_eq!(!matches!(answer, Ok(Lookup::NotFound)), there);
                    }
                }
                _ => check_all(&table, &expected),
            }
            assert_eq!(table.is_empty(), expected.is_empty());
            assert_eq!(table.stats().entries, added, "all count until the seal");
        }
        table.seal().unwrap();
        check_all(&table, &expected);
        assert_eq!(table.stats().entries, expected.len() as u64);
        assert!(table.read_stats().is_some_and(|reads| reads.seeks > 0));
    }
}

#[test]
fn r4_all_that_reads_finds_what_is_pending() {
    let all: [fn(&Table); 10] = [
        |table| assert!(table.get(b"m", 9).unwrap() != Lookup::NotFound),
        |table| assert!(table.contains(b"m", 2)),
        |table| assert!(table.get_entry(b"m", 9).unwrap().is_some()),
        |table| assert!(table.multi_get(&[b"m"], 9).unwrap()[0] != Ok(Lookup::NotFound)),
        |table| assert_eq!(moved(table, |cursor| cursor.seek(b"m", 9)), Some(2)),
        |table| assert_eq!(moved(table, |to| to.seek_for_prev(b"m", 2)), Some(2)),
        |table| assert_eq!(moved(table, |cursor| cursor.seek_before(b"z", 9)), Some(2)),
        |table| assert_eq!(moved(table, Cursor::seek_to_first), Some(2)),
        |table| assert_eq!(moved(table, Cursor::seek_to_last), Some(2)),
        |table| assert_eq!(moved(table, Cursor::seek_random), Some(2)),
    ];
    for read in all {
        let table = builder().build().unwrap();
        table.add(2, Kind::VALUE, b"m", b"").unwrap();
        assert!(!table.is_empty());
        read(&table);
    }
    let table = builder().build().unwrap();
    table.add(1, Kind::VALUE, b"m", b"").unwrap();
    let range = table.approximate_range(b"a", b"z");
    assert_eq!(range.entries, 1);
    table.add(1, Kind::VALUE, b"k", b"").unwrap();
    assert_eq!(table.sample(5).unwrap().len(), 2);
    let mut cursor = table.iter();
    cursor.seek(b"m", 9);
    table.add(1, Kind::VALUE, b"l", b"").unwrap();
    table.add(1, Kind::VALUE, b"n", b"").unwrap();
    cursor.prev();
    assert_eq!(cursor.key(), Some((&b"l"[..], 1)));
    cursor.next();
    cursor.next();
    assert_eq!(cursor.key(), Some((&b"n"[..], 1)));
    assert_eq!(table.representation().name(), "vector");
    let entry = EntryRef {
        user_key: b"p",
        sequence: 1,
        kind: Kind::VALUE,
        value: b"",
    };
    let mut writer = table.writer().unwrap();
    let damaged = writer.add_protected(&entry, !entry.checksum());
    assert!(matches!(damaged, Err(Error::Corruption(_))));
    writer.add_protected(&entry, entry.checksum()).unwrap();
    drop(writer);
    assert_eq!(table.representation().sample(9).unwrap().len(), 5);
}

/// The sequence number where a cursor is led to.
fn moved<'t>(table: &'t Table, to: impl FnOnce(&mut Cursor<&'t Table>)) -> Option<u64> {
    let mut cursor = table.iter();
    to(&mut cursor);
    cursor.key().map(|(_, sequence)| sequence)
}

#[test]
fn w6_r4_dropped_duplicates_are_taken_off_the_counters() {
    for read_before in [false, true] {
        let table = builder().build().unwrap();
        table.add(1, Kind::VALUE, b"a", b"one").unwrap();
        table.add(1, Kind::DELETION, b"a", b"").unwrap();
        table.add(2, Kind::MERGE, b"a", b"+").unwrap();
        table.add(2, Kind::MERGE, b"a", b"longer").unwrap();
        table.add(3, Kind::DELETION, b"b", b"").unwrap();
        table.add(3, Kind::VALUE, b"b", b"x").unwrap();
        if read_before {
            assert!(table.contains(b"a", 1));
        }
        let before = table.stats();
        assert_eq!((before.entries, before.merges), (6, 2));
        table.seal().unwrap();
        table.seal().unwrap();
        let stats = table.stats();
        assert_eq!((stats.entries, stats.deletions, stats.merges), (3, 1, 1));
        assert_eq!(stats.data_size, 3 * 9 + 4);
        assert_eq!(stats.first_sequence, Some(1));
        assert_eq!(stats.largest_sequence, Some(3));
        let value = table.get(b"a", 1).unwrap();
        assert!(matches!(value, Lookup::Found { value: b"one", .. }));
    }
}

#[test]
fn w6_r4_other_policies_are_refused() {
    for policy in [DuplicatePolicy::Reject, DuplicatePolicy::Overwrite] {
        let table = builder().duplicates(policy).build();
        let refused = table.err().unwrap();
        assert!(matches!(
            refused,
            Error::InvalidOption {
                option: "duplicates",
                ..
            }
        ));
    }
    let table = builder().max_height(0).build();
    assert!(matches!(table, Err(Error::InvalidOption { .. })));
}

#[test]
fn a6_r4_what_does_not_fit_is_refused_and_the_rest_is_there() {
    let table = builder().capacity(Some(16 << 10)).build().unwrap();
    let entries: Vec<_> = (0..1_000u32).map(u32::to_be_bytes).collect();
    let entries: Vec<_> = entries
        .iter()
        .map(|user_key| EntryRef {
            user_key,
            sequence: 1,
            kind: Kind::VALUE,
            value: &[7; 60],
        })
        .collect();
    let refused = table.writer().unwrap().add_batch(&entries).unwrap_err();
    assert!(matches!(refused.error, Error::Full { .. }));
    assert!((50..1_000).contains(&refused.added));
    let again = table.add(1, Kind::VALUE, b"more", &[0; 100]);
    assert!(matches!(again, Err(Error::Full { .. })));
    let over = MAX_SEQUENCE_NUMBER + 1;
    assert!(table.add(over, Kind::VALUE, b"", b"").is_err());
    assert_eq!(table.stats().entries, refused.added as u64);
    table.seal().unwrap();
    let mut cursor = table.iter();
    cursor.seek_to_first();
    for entry in &entries[..refused.added] {
        assert_eq!(cursor.entry().unwrap(), Some(*entry));
        cursor.next();
    }
    assert!(!cursor.valid());
    assert_eq!(table.stats().entries, refused.added as u64);
}

#[test]
fn a6_r4_reserved_memory_is_enough() {
    let table = builder().capacity(Some(16 << 10)).build().unwrap();
    let mut writer = table.writer().unwrap();
    let size = table.max_entry_size(4, 10).unwrap();
    writer.reserve(10 * size).unwrap();
    for key in 0..10u32 {
        let key = key.to_be_bytes();
        writer.add(1, Kind::VALUE, &key, &[0; 10]).unwrap();
    }
    drop(writer);
    assert_eq!(table.iter().handle().stats().entries, 10);
}

/// Panics when it is asked to compare something with `bad`, if it is told to.
struct Touchy(Arc<AtomicBool>);

impl Comparator for Touchy {
    fn compare(&self, a: &[u8], b: &[u8]) -> core::cmp::Ordering {
        let good = [a, b].iter().all(|key| *key != b"bad");
        assert!(good || !self.0.load(Ordering::SeqCst), "planted");
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "touchy"
    }
}

#[test]
fn x1_r4_a_seal_that_a_comparator_interrupts_is_repeated() {
    let panics = Arc::new(AtomicBool::new(true));
    let table = MemTable::with_comparator(Touchy(Arc::clone(&panics)))
        .duplicates(DuplicatePolicy::KeepFirst)
        .write_buffer_size(64 << 10)
        .representation(VectorFactory::default())
        .build()
        .unwrap();
    for key in [&b"z"[..], b"bad", b"a", b"bad"] {
        table.add(1, Kind::VALUE, key, b"").unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| table.seal())).is_err());
    assert!(!table.is_sealed());
    assert_eq!(table.add(2, Kind::VALUE, b"a", b""), Err(Error::Sealed));
    panics.store(false, Ordering::SeqCst);
    table.seal().unwrap();
    assert!(table.is_sealed());
    assert_eq!(table.stats().entries, 3);
    assert!(table.contains(b"bad", 1) && table.contains(b"z", 1));
}
