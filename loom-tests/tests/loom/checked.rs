//! Models of readers that verify what they come by (SPEC E10). Nothing is damaged, so that
//! no reader may say so, whatever is inserted beside it. Invariants are those of
//! `src/skiplist/mod.rs`; the last byte of a key is its height.

use std::sync::Arc;

use verimem::checker::set_shard_index;
use verimem::{Kind, Lookup, MemTable, Protection};
use verimem_loom_tests::loom_model::{Model, check};

use crate::support::{builder, spawn};

fn put(table: &MemTable, sequence: u64, key: &[u8]) {
    table
        .add(sequence, Kind::VALUE, key, key)
        .expect("a new entry");
}

/// A table with `b` and `d`, and chunks for two shards, that looks at all that readers come
/// by, or only at what they return.
fn table(closely: bool) -> Arc<MemTable> {
    let builder = builder()
        .protection(Protection::Four)
        .paranoid_checks(closely)
        .verify_checksums_on_seek(closely);
    let table = Arc::new(builder.build().expect("a table"));
    put(&table, 1, b"b1");
    set_shard_index(1);
    put(&table, 1, b"d2");
    set_shard_index(0);
    table
}

/// The first letters of the keys from `key` on, or backward from the last one.
fn walk(table: &MemTable, forward: bool) -> String {
    let (mut cursor, mut seen) = (table.iter(), String::new());
    if forward {
        cursor.seek(b"a", 9);
    } else {
        cursor.seek_for_prev(b"e", 0);
    }
    while let Some(entry) = cursor.entry().expect("E10: nothing is damaged") {
        assert_eq!(entry.value, entry.user_key, "S1: the entry is whole");
        seen.push(char::from(entry.user_key[0]));
        if forward {
            cursor.next();
        } else {
            cursor.prev();
        }
    }
    cursor.status().expect("E10: nothing is damaged");
    seen
}

/// S4, E10: verified lookups and steps beside an insert that is two levels tall.
#[test]
fn walk_beside_a_tall_insert() {
    let model = Model::unbounded("checked::walk_beside_a_tall_insert", 10, &["bcd", "bd"]);
    check(model, |outcomes| {
        let table = table(true);
        let reader = spawn(&table, |table| walk(table, true));
        put(&table, 1, b"c2");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// The same, going backward: each step is a search.
#[test]
fn walk_back_beside_a_tall_insert() {
    let model = Model::unbounded(
        "checked::walk_back_beside_a_tall_insert",
        10,
        &["db", "dcb"],
    );
    check(model, |outcomes| {
        let table = table(true);
        let reader = spawn(&table, |table| walk(table, false));
        put(&table, 1, b"c2");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// M5, E10: a lookup searches twice where the table looks closely; an entry that comes between
/// the two is no damage, nor is it missed by those that came before.
#[test]
fn lookup_beside_inserts() {
    let model = Model::unbounded("checked::lookup_beside_inserts", 10, &["1", "2", "3"]);
    check(model, |outcomes| {
        let table = table(true);
        let reader = spawn(&table, |table| {
            let answer = table.get(b"d2", 9).expect("E10: nothing is damaged");
            let Lookup::Found { sequence, .. } = answer else {
                panic!("version 1 was there before: {answer:?}");
            };
            sequence.to_string()
        });
        put(&table, 2, b"d2");
        put(&table, 3, b"d2");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// E10: wrong lengths are noted for other searches; none are noted of a node that is just
/// being written.
#[test]
fn guards_beside_an_insert() {
    let model = Model::unbounded("checked::guards_beside_an_insert", 10, &["bcd", "bd"]);
    check(model, |outcomes| {
        let table = table(false);
        let reader = spawn(&table, |table| walk(table, true));
        put(&table, 1, b"c2");
        outcomes.note(reader.join().expect("no panic"));
        let answer = table.get(b"d2", 9).expect("E10: no damage was noted");
        assert!(matches!(answer, Lookup::Found { value: b"d2", .. }));
    });
}
