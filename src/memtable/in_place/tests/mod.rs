//! What a table with updates in place promises beside its values: options, accounting,
//! timestamps, visibility. Sequences against a model, and threads, are integration tests.

mod damage;
mod hostile;
mod walks;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::key::TimestampedComparator;
use crate::memtable::{DuplicatePolicy, MemTableBuilder};
use crate::visibility::Visibility;

fn small() -> MemTableBuilder {
    MemTable::builder().write_buffer_size(64 << 10)
}

fn value<C: Comparator>(table: &InPlaceTable<C>, key: &[u8], snapshot: u64) -> Option<Vec<u8>> {
    table.get(key, snapshot).unwrap().into_value()
}

#[test]
fn w4_options_out_of_range_are_refused() {
    let refused = |result: Result<InPlaceTable>| match result {
        Err(Error::InvalidOption { option, .. }) => option,
        other => panic!("{other:?}"),
    };
    for locks in [0, (1 << 20) + 1, usize::MAX] {
        assert_eq!(refused(small().in_place().locks(locks).build()), "locks");
    }
    let folding = small().max_successive_merges(1).in_place();
    assert_eq!(refused(folding.build()), "max_successive_merges");
    let table = small().duplicates(DuplicatePolicy::KeepFirst).in_place();
    let table = table.locks(3).build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"first").unwrap();
    table.add(1, Kind::VALUE, b"k", b"second").unwrap();
    assert_eq!(value(&table, b"k", 1).as_deref(), Some(&b"first"[..]));
    assert_eq!(table.stats().data_size, 14);
}

#[test]
fn a6_what_is_reserved_is_enough() {
    for protection in [Protection::None, Protection::Eight] {
        // Towers of one level: none takes less than the most that one can.
        let table = small().protection(protection).max_height(1).in_place();
        let table = table.build().unwrap();
        for length in [0, 1, 7, 8, 9, 100, 5_000] {
            let mut writer = table.writer().unwrap();
            let most = table.max_entry_size(3, length).unwrap();
            writer.reserve(most).unwrap();
            let before = table.memory_usage();
            let bytes = vec![b'v'; length];
            writer
                .add(length as u64, Kind::VALUE, b"key", &bytes)
                .unwrap();
            assert_eq!(table.memory_usage(), before, "A6: all of it was set aside");
        }
    }
}

#[test]
fn m4_refused_writes_leave_nothing_behind() {
    let table = small().capacity(Some(16 << 10)).in_place().build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"v").unwrap();
    let (before, used) = (table.stats(), table.memory_usage().used);
    let large = vec![0; 20 << 10];
    assert!(matches!(
        table.update(2, b"k", &large),
        Err(Error::Full { .. })
    ));
    assert_eq!(table.add(1, Kind::MERGE, b"k", b""), Err(Error::Duplicate));
    assert_eq!(table.add(1, Kind::VALUE, b"k", b"w"), Err(Error::Duplicate));
    let over = 1 << 56;
    let too_large = Error::SequenceTooLarge { sequence: over };
    assert_eq!(table.update(over, b"k", b""), Err(too_large.clone()));
    assert_eq!(table.add(over, Kind::VALUE, b"k", b""), Err(too_large));
    assert_eq!(table.stats(), before);
    assert_eq!(value(&table, b"k", 9).as_deref(), Some(&b"v"[..]));
    let usage = table.memory_usage();
    assert_eq!(usage.used, used, "M4: what was made for them is given up");
    let sum = usage.used + usage.unused + usage.wasted;
    assert_eq!(
        sum, usage.allocated,
        "arena 5: what was given up counts as wasted"
    );
}

#[test]
fn e9_an_update_is_of_one_timestamp() {
    let order = TimestampedComparator::bytewise().unwrap();
    let table = MemTable::with_comparator(order).in_place().build().unwrap();
    let at = |timestamp: u64| [&b"k"[..], &timestamp.to_le_bytes()].concat();
    table.add(1, Kind::VALUE, &at(10), b"ten").unwrap();
    assert_eq!(table.update(2, &at(20), b"two"), Ok(Updated::Added));
    assert_eq!(table.update(3, &at(10), b"TEN"), Ok(Updated::InPlace));
    assert_eq!(table.update(4, &at(15), b"mid"), Ok(Updated::Added));
    for (timestamp, expected) in [
        (9, None),
        (10, Some("TEN")),
        (15, Some("mid")),
        (20, Some("two")),
    ] {
        let reader = table.reader(9).unwrap().at_timestamp(timestamp);
        let (answer, found) = reader.get_with_timestamp(b"k").unwrap();
        let found = found.filter(|_| expected.is_some());
        assert_eq!(found, expected.map(|_| timestamp));
        assert_eq!(answer.into_value().as_deref(), expected.map(str::as_bytes));
    }
    let short = Error::InvalidTimestamp { length: 1 };
    assert_eq!(table.update(5, b"k", b""), Err(short));
}

/// Hides one number.
struct Without(SequenceNumber);

impl Visibility for Without {
    fn is_visible(&self, sequence: SequenceNumber) -> bool {
        sequence != self.0
    }

    fn min_uncommitted(&self) -> SequenceNumber {
        self.0
    }
}

#[test]
fn w4_what_nobody_sees_is_not_updated() {
    let table = small().in_place().build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"old").unwrap();
    table.add(2, Kind::VALUE, b"k", b"aborted").unwrap();
    let view = Without(2);
    let mut writer = table.writer().unwrap();
    writer.see_with(&view);
    assert_eq!(writer.update(3, b"k", b"new"), Ok(Updated::InPlace));
    drop(writer);
    assert_eq!(value(&table, b"k", 1).as_deref(), Some(&b"new"[..]));
    assert_eq!(value(&table, b"k", 2).as_deref(), Some(&b"aborted"[..]));
    let reader = table.reader(3).unwrap().with_visibility(Without(2));
    assert_eq!(
        reader.get(b"k").unwrap().into_value(),
        Some(b"new".to_vec())
    );
}

#[test]
fn s7_owned_iterators_outlive_the_handle_and_see_updates() {
    let table = Arc::new(small().in_place().build().unwrap());
    table.add(1, Kind::VALUE, b"k", b"old").unwrap();
    let mut keys = table.owned_visible(9, Bound::Unbounded, Bound::Unbounded);
    let mut cursor = table.owned_iter();
    keys.seek(b"k").unwrap();
    cursor.seek(b"k", 9);
    table.update(2, b"k", b"new").unwrap();
    table.seal().unwrap();
    drop(table);
    let seen = std::thread::spawn(move || {
        let mut buffer = Vec::new();
        let seen = keys.entry(&mut buffer).unwrap().unwrap().value.to_vec();
        assert_eq!(cursor.entry(&mut buffer).unwrap().unwrap().value, seen);
        seen
    });
    assert_eq!(seen.join().unwrap(), b"new");
}

#[test]
fn i1_an_update_is_no_read() {
    let table = small().track_reads(true).in_place().build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"v").unwrap();
    table.update(2, b"k", b"w").unwrap();
    assert_eq!(table.read_stats().unwrap().gets, 0);
    let _ = table.get(b"k", 2).unwrap();
    assert_eq!(table.read_stats().unwrap().gets, 1);
}
