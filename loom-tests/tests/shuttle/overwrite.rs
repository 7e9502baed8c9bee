//! Models of entries that are overwritten (SPEC W6), with several writers and readers.
//! Invariants are those of `src/skiplist/cell.rs` (C) and `src/memtable/mod.rs` (M).

use std::sync::Arc;

use verimem::checker::{self, set_shard_index};
use verimem::memtable::{DuplicatePolicy, Stats};
use verimem::rep::Handle;
use verimem::{EntryRef, Hint, Kind, MAX_SEQUENCE_NUMBER, MemTable};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{builder, spawn};
use crate::skiplist::join;

const KEYS: [&[u8]; 3] = [b"a", b"b", b"c"];
const WRITERS: u8 = 3;

fn table() -> Arc<MemTable> {
    let overwriting = builder().duplicates(DuplicatePolicy::Overwrite);
    Arc::new(overwriting.build().expect("a table"))
}

/// The value of the version that a writer writes of an entry in some round; its length is
/// one that no other version has.
fn value(writer: u8, round: u8) -> Vec<u8> {
    vec![round; usize::from(1 + 2 * writer + round)]
}

fn kind(value: &[u8]) -> Kind {
    [Kind::VALUE, Kind::DELETION, Kind::MERGE][value.len() % 3]
}

/// What the table says of an entry: kind and value are of one version, which is whole.
fn assert_whole(entry: &EntryRef<'_>) {
    assert_eq!(entry.kind, kind(entry.value), "C1: {entry:?}");
    let round = entry.value[0];
    assert!(
        entry.value.iter().all(|&byte| byte == round),
        "C1: {entry:?}"
    );
}

/// The counters of a table with the same entries, each added once.
fn recounted(table: &MemTable) -> Stats {
    let copy = builder().build().expect("a table");
    let mut cursor = table.iter();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("no corruption") {
        assert_whole(&entry);
        copy.add(entry.sequence, entry.kind, entry.user_key, entry.value)
            .expect("S7: no node twice");
        cursor.next();
    }
    copy.stats()
}

/// C1, C2, M3: writers add the same entries twice each, one by one, with hints and in
/// batches, beside readers; in the end there is one of each, counted exactly.
#[test]
fn writers_of_the_same_entries() {
    let model = Model {
        name: "overwrite::writers_of_the_same_entries",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table();
        let writers = (0..WRITERS)
            .map(|writer| {
                spawn(&table, writer.into(), move |table| {
                    for round in 0..2 {
                        write_all(table, writer, round);
                    }
                })
            })
            .collect();
        let readers = (0..2).map(|reader| spawn(&table, reader, look)).collect();
        join(writers);
        join(readers);
        look(&table);
        let stats = recounted(&table);
        assert_eq!(table.stats(), stats, "C2, M3");
        assert_eq!(stats.entries, KEYS.len() as u64, "S7");
        let last = table.get_entry(KEYS[0], 1).expect("no corruption");
        let last = last.expect("it was added");
        assert_eq!(last.value[0], 1, "C2: not of a first round");
    });
}

fn write_all(table: &MemTable, writer: u8, round: u8) {
    let value = value(writer, round);
    let mut inside = table.writer().expect("an open table");
    let mut hint = Hint::new();
    if writer == 0 {
        let entries = KEYS.map(|key| EntryRef {
            user_key: key,
            sequence: 1,
            kind: kind(&value),
            value: &value,
        });
        inside.add_batch(&entries).expect("there is room");
        return;
    }
    for key in KEYS {
        if writer == 1 {
            inside
                .add(1, kind(&value), key, &value)
                .expect("there is room");
        } else {
            inside
                .add_with_hint(&mut hint, 1, kind(&value), key, &value)
                .expect("there is room");
        }
    }
}

/// Reads each key twice: what a thread has seen of a writer does not go back.
fn look(table: &MemTable) {
    for key in KEYS {
        let read = || {
            table
                .get_entry(key, MAX_SEQUENCE_NUMBER)
                .expect("no corruption")
        };
        let (first, second) = (read(), read());
        for entry in [first, second].iter().flatten() {
            assert_whole(entry);
        }
        assert!(first.is_none() || second.is_some(), "M5: it was there");
    }
}

/// C1, C2, small enough to be exhausted: of two overwrites at a time, each is told of one
/// version that it replaced, and none is told of the last.
#[test]
fn two_overwriters_exhausted() {
    let model = Model {
        name: "overwrite::two_overwriters_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let table = table();
        for (shard, key) in [(1, KEYS[1]), (0, KEYS[0])] {
            // Both shards have a chunk, so that allocation adds little.
            set_shard_index(shard);
            table.add(1, kind(b"1"), key, b"1").expect("there is room");
        }
        let overwrite = |table: &MemTable, value: &[u8]| {
            let entry = EntryRef {
                user_key: KEYS[0],
                sequence: 1,
                kind: kind(value),
                value,
            };
            let replaced = checker::overwrite(Handle::rep(&table), &entry);
            let replaced = replaced.expect("there is room");
            assert_whole(&replaced);
            replaced.value.to_vec()
        };
        let other = spawn(&table, 1, move |table| overwrite(table, b"22"));
        let mine = overwrite(&table, b"333");
        let theirs = other.join().expect("no panic");
        let last = table.get_entry(KEYS[0], 1).expect("no corruption");
        let last = last.expect("it was added");
        assert_whole(&last);
        let mut all = [mine, theirs, last.value.to_vec()];
        all.sort_by_key(Vec::len);
        assert_eq!(all, [&b"1"[..], b"22", b"333"], "C2");
    });
}
