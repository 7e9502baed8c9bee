//! Models of keys with timestamps (SPEC E9), and of readers that verify what they come by
//! (SPEC E10). Invariants are those of `src/memtable/mod.rs`.

use std::sync::Arc;

use verimem::{
    BytewiseComparator, Comparator, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, MemTableBuilder,
    Protection, TimestampedComparator,
};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{small, spawn};

type Stamps = TimestampedComparator<BytewiseComparator, 1>;
type Table = MemTable<Stamps>;

fn stamped() -> MemTableBuilder<Stamps> {
    let keys = Stamps::new(BytewiseComparator).expect("a name");
    small(MemTable::with_comparator(keys))
}

/// Adds a version whose value is its timestamp.
fn put(table: &Table, sequence: u64, key: u8, timestamp: u8) {
    table
        .add(sequence, Kind::VALUE, &[key, timestamp], &[timestamp])
        .expect("a new version");
}

/// The timestamp that a reader at one finds.
fn seen(table: &Table, key: u8, timestamp: u64) -> Option<u64> {
    let reader = table.reader(MAX_SEQUENCE_NUMBER).expect("a snapshot");
    let reader = reader.at_timestamp(timestamp);
    let (answer, found) = reader
        .get_with_timestamp(&[key])
        .expect("E10: nothing is damaged");
    if let Lookup::Found { value, .. } = answer {
        assert_eq!(Some(u64::from(value[0])), found, "the entry is whole");
    }
    found
}

/// M3, M5, E9: three writers add versions in no order of time, and count the newest; readers
/// at a timestamp see what is not newer, and never an older one than before.
fn versions_in_no_order(table: Arc<Table>) {
    let writers: Vec<_> = (0..3u8)
        .map(|writer| {
            spawn(&table, usize::from(writer), move |table| {
                for (step, timestamp) in [30, 10, 50].into_iter().enumerate() {
                    let sequence = 10 * step as u64 + u64::from(writer);
                    put(table, sequence, b'k', timestamp + writer);
                    let newest = table.stats().newest_timestamp;
                    assert!(newest >= Some(u64::from(timestamp + writer)), "M3");
                }
            })
        })
        .collect();
    let readers: Vec<_> = (0..2usize)
        .map(|reader| {
            spawn(&table, reader, |table| {
                let mut before = [None; 3];
                for _ in 0..3 {
                    for (before, at) in before.iter_mut().zip([20, 40, 255]) {
                        let found = seen(table, b'k', at);
                        assert!(found <= Some(at), "E9: not newer");
                        assert!(found >= *before, "M5: never an older one");
                        *before = found;
                    }
                    let mut keys = table.visible(MAX_SEQUENCE_NUMBER).at_timestamp(40);
                    keys.seek_to_last().expect("E10: nothing is damaged");
                    assert!(keys.timestamp() >= before[1] && keys.timestamp() <= Some(40));
                }
            })
        })
        .collect();
    for thread in writers.into_iter().chain(readers) {
        thread.join().expect("no panic");
    }
    let last = [20, 40, 255].map(|at| seen(&table, b'k', at));
    assert_eq!(last, [Some(12), Some(32), Some(52)]);
    assert_eq!(table.stats().newest_timestamp, Some(52), "M3");
}

#[test]
fn versions_beside_readers_at_timestamps() {
    let model = Model {
        name: "timestamps::versions_beside_readers_at_timestamps",
        iterations: 2_000,
        exhaust: false,
    };
    check(model, || {
        versions_in_no_order(Arc::new(stamped().build().expect("a table")));
    });
}

/// The same with readers that verify all that they come by.
#[test]
fn verified_beside_readers_at_timestamps() {
    let model = Model {
        name: "timestamps::verified_beside_readers_at_timestamps",
        iterations: 1_000,
        exhaust: false,
    };
    check(model, || {
        let builder = stamped()
            .protection(Protection::Two)
            .paranoid_checks(true)
            .verify_checksums_on_seek(true);
        versions_in_no_order(Arc::new(builder.build().expect("a table")));
    });
}

/// S4, E10: verified walks in both directions beside three writers find no damage, and all
/// that was there before.
#[test]
fn verified_walks_beside_writers() {
    let model = Model {
        name: "timestamps::verified_walks_beside_writers",
        iterations: 2_000,
        exhaust: false,
    };
    check(model, || {
        let builder = small(MemTable::builder())
            .protection(Protection::Four)
            .paranoid_checks(true)
            .verify_checksums_on_seek(true);
        let table = Arc::new(builder.build().expect("a table"));
        for key in [10u8, 20, 30] {
            table.add(1, Kind::VALUE, &[key], &[key]).expect("new");
        }
        let writers: Vec<_> = (0..3u8)
            .map(|writer| {
                spawn(&table, usize::from(writer), move |table| {
                    for key in [12, 24, 8, 31] {
                        let key = [key + writer];
                        table.add(2, Kind::VALUE, &key, &key).expect("new");
                    }
                })
            })
            .collect();
        let walkers = [true, false].map(|forward| {
            spawn(&table, usize::from(forward), move |table| {
                let before = walked(table, forward);
                assert!([10, 20, 30].iter().all(|key| before.contains(key)), "S4");
                let after = walked(table, forward);
                assert!(before.iter().all(|key| after.contains(key)), "S4");
            })
        });
        for thread in writers.into_iter().chain(walkers) {
            thread.join().expect("no panic");
        }
        assert_eq!(walked(&table, true).len(), 15);
    });
}

/// The keys in the order of a walk.
fn walked<C: Comparator>(table: &MemTable<C>, forward: bool) -> Vec<u8> {
    let (mut cursor, mut keys) = (table.iter(), Vec::new());
    if forward {
        cursor.seek_to_first();
    } else {
        cursor.seek_to_last();
    }
    while let Some(entry) = cursor.entry().expect("E10: nothing is damaged") {
        assert_eq!(entry.value, entry.user_key, "S1: the entry is whole");
        keys.push(entry.user_key[0]);
        if forward {
            cursor.next();
        } else {
            cursor.prev();
        }
    }
    cursor.status().expect("E10: nothing is damaged");
    keys
}
