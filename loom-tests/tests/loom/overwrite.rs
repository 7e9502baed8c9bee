//! Models of entries that are overwritten (SPEC W6). Invariants are those of
//! `src/skiplist/cell.rs` (C) and `src/memtable/mod.rs` (M).

use std::sync::Arc;

use verimem::checker::set_shard_index;
use verimem::memtable::DuplicatePolicy;
use verimem::{Kind, MemTable};
use verimem_loom_tests::loom_model::{Model, check};

use crate::support::{builder, spawn};

const KEY: &[u8] = b"k1";
const SEQUENCE: u64 = 1;

/// The kinds and values that models write: no two have either in common, and no two are
/// counted alike.
const VERSIONS: [(Kind, &[u8]); 3] = [
    (Kind::VALUE, b"value"),
    (Kind::DELETION, b"deleted"),
    (Kind::MERGE, b"m"),
];

/// A table that overwrites, with one entry. Both shards have a chunk, so that models are
/// about something else.
fn table() -> Arc<MemTable> {
    let overwriting = builder().duplicates(DuplicatePolicy::Overwrite);
    let table = Arc::new(overwriting.build().expect("a table"));
    for shard in [1, 0] {
        set_shard_index(shard);
        table
            .add(1, Kind::VALUE, b"a1", b"")
            .expect("there is room");
    }
    table
}

fn write(table: &MemTable, version: usize) {
    let (kind, value) = VERSIONS[version];
    table
        .add(SEQUENCE, kind, KEY, value)
        .expect("there is room");
}

/// Which of the versions the table has, and nothing of another.
fn read(table: &MemTable) -> Option<usize> {
    let entry = table.get_entry(KEY, SEQUENCE).expect("no corruption")?;
    let found = VERSIONS
        .iter()
        .position(|&version| version == (entry.kind, entry.value));
    let found = found.unwrap_or_else(|| panic!("C1: of one version each: {entry:?}"));
    assert_eq!((entry.user_key, entry.sequence), (KEY, SEQUENCE), "C4");
    Some(found)
}

/// The counters are those of a table with one version of the entry only.
fn assert_counted(table: &MemTable, version: usize) {
    let (kind, value) = VERSIONS[version];
    let stats = table.stats();
    let size = (2 * (KEY.len() + 8) + value.len()) as u64;
    let counted = (
        stats.entries,
        stats.deletions,
        stats.merges,
        stats.data_size,
    );
    let deletion = u64::from(kind == Kind::DELETION);
    let merge = u64::from(kind == Kind::MERGE);
    assert_eq!(counted, (2, deletion, merge, size), "C2, M3");
}

/// C1, M5: a reader finds kind and value of one version, written before it is seen, and
/// no older one after a newer.
#[test]
fn reader_sees_whole_versions() {
    let model = Model::unbounded(
        "overwrite::reader_sees_whole_versions",
        10,
        &["00", "01", "02", "11", "12", "22"],
    );
    check(model, |outcomes| {
        let table = table();
        write(&table, 0);
        let reader = spawn(&table, |table| {
            let seen = [(); 2].map(|()| read(table).expect("it was there before"));
            assert!(seen[0] <= seen[1], "M5: {seen:?}");
            format!("{}{}", seen[0], seen[1])
        });
        write(&table, 1);
        write(&table, 2);
        outcomes.note(reader.join().expect("no panic"));
        assert_counted(&table, 2);
    });
}

/// C2, M3: of two overwrites one comes last; each takes off what it replaced.
#[test]
fn two_overwriters() {
    let model = Model::unbounded("overwrite::two_overwriters", 10, &["1", "2"]);
    check(model, |outcomes| {
        let table = table();
        write(&table, 0);
        let other = spawn(&table, |table| write(table, 2));
        write(&table, 1);
        other.join().expect("no panic");
        let last = read(&table).expect("it was there before");
        assert_counted(&table, last);
        outcomes.note(last.to_string());
    });
}

/// C2, M3, S7: two threads add the entry; who comes second, to the place or to the race
/// for it, overwrites what the other one added.
#[test]
fn overwrite_against_the_insert() {
    let model = Model::unbounded("overwrite::overwrite_against_the_insert", 10, &["1", "2"]);
    check(model, |outcomes| {
        let table = table();
        let other = spawn(&table, |table| write(table, 2));
        write(&table, 1);
        other.join().expect("no panic");
        let last = read(&table).expect("two were added");
        assert_counted(&table, last);
        let mut cursor = table.iter();
        cursor.seek(KEY, SEQUENCE);
        cursor.next();
        assert!(!cursor.valid(), "S7: one node");
        outcomes.note(last.to_string());
    });
}

/// C1, C2: a value that was borrowed stays what it was, and whoever sees the second of two
/// batches sees what the first one overwrote.
#[test]
fn borrowed_values_beside_an_overwrite() {
    let model = Model::unbounded(
        "overwrite::borrowed_values_beside_an_overwrite",
        4,
        &["old", "new", "new and next"],
    );
    check(model, |outcomes| {
        let table = table();
        write(&table, 0);
        let reader = spawn(&table, |table| {
            let next = table.contains(b"n1", 2);
            let first = table.get_entry(KEY, SEQUENCE).expect("no corruption");
            let first = first.expect("it was there before");
            let (kind, value) = (first.kind, first.value.to_vec());
            let second = read(table).expect("it was there before");
            assert_eq!((first.kind, first.value), (kind, &value[..]), "C3");
            if next {
                assert_eq!((first.value, second), (VERSIONS[1].1, 1), "M5: {second}");
            }
            match (second, next) {
                (_, true) => "new and next",
                (0, _) => "old",
                _ => "new",
            }
        });
        let mut writer = table.writer().expect("an open table");
        let (kind, value) = VERSIONS[1];
        writer.add(SEQUENCE, kind, KEY, value).expect("room");
        writer.add(2, Kind::VALUE, b"n1", b"next").expect("room");
        drop(writer);
        outcomes.note(reader.join().expect("no panic"));
    });
}
