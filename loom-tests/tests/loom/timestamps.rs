//! Models of keys with timestamps (SPEC E9). Invariants are those of `src/memtable/mod.rs`.
//!
//! Timestamps have one byte, which is the last of a key and so says how tall its node is:
//! two levels from 50 on.

use std::sync::Arc;

use verimem::checker::set_shard_index;
use verimem::{BytewiseComparator, Error, Kind, Lookup, MemTable, TimestampedComparator};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{small, spawn};

type Stamps = TimestampedComparator<BytewiseComparator, 1>;
type Table = MemTable<Stamps>;

fn put(table: &Table, sequence: u64, key: u8, timestamp: u8) -> Result<(), Error> {
    table.add(sequence, Kind::VALUE, &[key, timestamp], &[timestamp])
}

/// A table with one version of `a`, at timestamp 20, and chunks for two shards.
fn table() -> Arc<Table> {
    let keys = Stamps::new(BytewiseComparator).expect("a name");
    let builder = small(MemTable::with_comparator(keys));
    let table = Arc::new(builder.build().expect("a table"));
    put(&table, 5, b'a', 20).expect("a new key");
    set_shard_index(1);
    put(&table, 4, b'b', 20).expect("a new key");
    set_shard_index(0);
    table
}

/// The timestamp of what a reader at one finds of `a`.
fn seen(table: &Table, timestamp: u64) -> Option<u64> {
    let reader = table.reader(9).expect("a snapshot").at_timestamp(timestamp);
    let (answer, found) = reader.get_with_timestamp(b"a").expect("no corruption");
    match answer {
        Lookup::Found { value, .. } => {
            assert_eq!(Some(u64::from(value[0])), found, "the entry is whole");
        }
        Lookup::NotFound => assert_eq!(found, None),
        other => panic!("only values were added: {other:?}"),
    }
    found
}

fn name(timestamp: Option<u64>) -> String {
    timestamp.map_or("-".to_owned(), |timestamp| timestamp.to_string())
}

/// M5, E9: a reader at a timestamp sees nothing newer, and the newest of the rest, while a
/// newer version with a smaller number and an older one with a larger number are added.
#[test]
fn reader_beside_newer_and_older() {
    let model = Model::unbounded(
        "timestamps::reader_beside_newer_and_older",
        10,
        &["20 -", "20 10", "50 -", "50 10"],
    );
    check(model, |outcomes| {
        let table = table();
        let reader = spawn(&table, |table| {
            assert_eq!(seen(table, 49), Some(20), "E9: between the two");
            let newest = seen(table, 50);
            if newest == Some(50) {
                assert_eq!(seen(table, 255), Some(50), "M5: what was seen stays");
            }
            format!("{} {}", name(newest), name(seen(table, 19)))
        });
        put(&table, 3, b'a', 50).expect("a new version");
        put(&table, 6, b'a', 10).expect("a new version");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(
            [255, 49, 19, 9].map(|at| seen(&table, at)),
            [Some(50), Some(20), Some(10), None]
        );
    });
}

/// G5, E9: an iterator at a timestamp stands at the version that a get finds.
#[test]
fn iterator_beside_a_newer_version() {
    let model = Model::unbounded(
        "timestamps::iterator_beside_a_newer_version",
        4,
        &["a20 b20", "a50 b20"],
    );
    check(model, |outcomes| {
        let table = table();
        let reader = spawn(&table, |table| {
            let mut keys = table.visible(9).at_timestamp(50);
            let mut found = Vec::new();
            keys.seek_to_first().expect("no corruption");
            while let (Some(&[key]), Some(timestamp)) = (keys.key(), keys.timestamp()) {
                found.push(format!("{}{timestamp}", char::from(key)));
                keys.next().expect("no corruption");
            }
            found.join(" ")
        });
        put(&table, 3, b'a', 50).expect("a new version");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// M3, E9: the newest timestamp of two writers is the newer one's, and never falls.
#[test]
fn newest_of_two_writers() {
    let model = Model::new(
        "timestamps::newest_of_two_writers",
        Bound::Preemptions(3),
        100,
        &["30", "40"],
    );
    check(model, |outcomes| {
        let table = table();
        let other = spawn(&table, |table| put(table, 6, b'c', 40));
        put(&table, 7, b'd', 30).expect("a new key");
        let newest = table.stats().newest_timestamp;
        outcomes.note(name(newest));
        assert!(newest >= Some(30), "M3: its own is counted");
        other.join().expect("no panic").expect("a new key");
        assert_eq!(table.stats().newest_timestamp, Some(40), "M3: no loss");
    });
}
