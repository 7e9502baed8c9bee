//! Models of the vector. Invariants are those of `src/rep/vector/mod.rs`.

use std::sync::Arc;

use verimem::memtable::DuplicatePolicy;
use verimem::rep::{VectorFactory, VectorRep};
use verimem::{BytewiseComparator, EntryRef, Error, Kind, MAX_SEQUENCE_NUMBER, MemTable, checker};
use verimem_loom_tests::loom_model::{Model, check};

use crate::support::{ENTRY_BYTES, builder, entry, note_whole, spawn};

type Table = MemTable<BytewiseComparator, VectorRep>;

/// An empty table on a vector.
fn table() -> Arc<Table> {
    let builder = builder().duplicates(DuplicatePolicy::KeepFirst);
    let table = builder.representation(VectorFactory::default()).build();
    Arc::new(table.expect("a table"))
}

/// The same with an entry that is pending.
fn table_with(key: &'static [u8]) -> Arc<Table> {
    let table = table();
    append(&table, key);
    table
}

/// Appends a key whose value is the key, past the table's door and counters.
fn append(table: &Table, key: &'static [u8]) {
    let rep = table.representation();
    let mut ticket = checker::reserve(rep, ENTRY_BYTES).expect("there is room");
    checker::append(rep, &mut ticket, &entry(key, 1, key)).expect("there is room");
}

/// The first letters of all keys, in order.
fn scan(table: &Table) -> String {
    let mut cursor = table.iter();
    let mut seen = String::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("no checksum, no corruption") {
        note_whole(&entry, &mut seen);
        cursor.next();
    }
    let sorted = seen.as_bytes().is_sorted_by(|a, b| a < b);
    assert!(sorted, "{seen}: out of order");
    seen
}

/// The first letter at the first entry from `key` on, or `-`.
fn seek(table: &Table, key: &[u8]) -> String {
    let mut cursor = table.iter();
    let mut seen = String::new();
    cursor.seek(key, MAX_SEQUENCE_NUMBER);
    match cursor.entry().expect("no checksum, no corruption") {
        Some(entry) => note_whole(&entry, &mut seen),
        None => seen.push('-'),
    }
    seen
}

/// V1, V2: a reader settles while somebody appends. It finds what was there before, and what
/// it sees of the rest is whole; nothing is lost.
#[test]
fn append_against_read() {
    let outcomes = &["ac", "c"];
    let model = Model::unbounded("vector::append_against_read", 10, outcomes);
    check(model, |outcomes| {
        let table = table_with(b"c1");
        let reader = spawn(&table, scan);
        append(&table, b"a1");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&table), "ac", "V1");
    });
}

/// V1: two readers of one pending entry. One links it, and the other one waits, or finds it.
#[test]
fn two_settlers() {
    let model = Model::unbounded("vector::two_settlers", 10, &["b"]);
    check(model, |outcomes| {
        let table = table_with(b"b2");
        let other = spawn(&table, |table| seek(table, b"a"));
        assert_eq!(seek(&table, b"a"), "b", "V1");
        outcomes.note(other.join().expect("no panic"));
    });
}

/// V1: the same while a third thread appends.
#[test]
fn two_settlers_and_an_appender() {
    let outcomes = &["b b", "b bc", "bc b", "bc bc"];
    let model = Model::unbounded("vector::two_settlers_and_an_appender", 100, outcomes);
    check(model, |outcomes| {
        let table = table_with(b"b1");
        let first = spawn(&table, scan);
        let second = spawn(&table, scan);
        append(&table, b"c1");
        let first = first.join().expect("no panic");
        let second = second.join().expect("no panic");
        outcomes.note(first + " " + &second);
        assert_eq!(scan(&table), "bc", "V4");
    });
}

/// V1, V4: two threads append while a third one reads.
#[test]
fn two_appenders() {
    let outcomes = &["", "a", "ac", "c"];
    let model = Model::unbounded("vector::two_appenders", 100, outcomes);
    check(model, |outcomes| {
        let table = table();
        let other = spawn(&table, |table| append(table, b"c1"));
        let reader = spawn(&table, scan);
        append(&table, b"a1");
        other.join().expect("no panic");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&table), "ac", "V4");
    });
}

/// V2, V3: a tall node is linked while a reader is in the list.
#[test]
fn settler_beside_a_reader() {
    let model = Model::unbounded("vector::settler_beside_a_reader", 10, &["b", "c"]);
    check(model, |outcomes| {
        let table = table_with(b"c1");
        assert_eq!(scan(&table), "c");
        let reader = spawn(&table, |table| seek(table, b"b"));
        append(&table, b"b2");
        assert_eq!(seek(&table, b"a"), "b", "V1");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// V1: a batch is pushed at once.
#[test]
fn batch_against_read() {
    let model = Model::unbounded("vector::batch_against_read", 10, &["abc", "c"]);
    check(model, |outcomes| {
        let table = table_with(b"c1");
        let reader = spawn(&table, scan);
        let entries: [EntryRef<'_>; 2] = [entry(b"b1", 1, b"b1"), entry(b"a1", 2, b"a1")];
        let mut writer = table.writer().expect("the table is open");
        writer.add_batch(&entries).expect("there is room");
        drop(writer);
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&table), "abc");
    });
}

/// M2: an entry is in the sealed table, or was refused; a reader beside finds it whole.
#[test]
fn append_against_seal() {
    let outcomes = &["added", "sealed"];
    let model = Model::unbounded("vector::append_against_seal", 10, outcomes);
    check(model, |outcomes| {
        let table = table();
        let adder = spawn(&table, |table| table.add(1, Kind::VALUE, b"a1", b"a1"));
        table.seal().expect("not from inside");
        let (entries, seen) = (table.stats().entries, scan(&table));
        match adder.join().expect("no panic") {
            Ok(()) => {
                assert_eq!((entries, &seen[..]), (1, "a"), "M2");
                outcomes.note("added");
            }
            Err(Error::Sealed) => {
                assert_eq!((entries, &seen[..]), (0, ""), "M2");
                outcomes.note("sealed");
            }
            other => panic!("{other:?}"),
        }
    });
}

/// M2, V5: who sees the table sealed finds duplicates counted no longer.
#[test]
fn sealed_counts_are_exact() {
    let outcomes = &["open", "sealed"];
    let model = Model::unbounded("vector::sealed_counts_are_exact", 4, outcomes);
    check(model, |outcomes| {
        let table = table();
        for value in [b"a1", b"xx"] {
            table
                .add(1, Kind::VALUE, b"a1", value)
                .expect("kept or not");
        }
        let reader = spawn(&table, |table| {
            if !table.is_sealed() {
                return "open";
            }
            assert_eq!(table.stats().entries, 1, "M2");
            assert_eq!(scan(table), "a", "V5");
            "sealed"
        });
        table.seal().expect("not from inside");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(table.stats().data_size, 12, "V5");
    });
}
