//! Models of range deletions. Invariants are those of `src/tombstones/mod.rs`.
//!
//! Two nodes of one level get a parent here.

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};
use verimem::{Lookup, MemTable, checker};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{spawn, table};

/// The number of the range deletion that hides a key, or 0.
fn hidden_by(table: &MemTable, key: &[u8], snapshot: u64) -> u64 {
    match table.get(key, snapshot).expect("no corruption") {
        Lookup::Deleted { sequence, .. } => sequence,
        Lookup::NotFound => 0,
        other => panic!("nothing was added: {other:?}"),
    }
}

fn delete(table: &MemTable, sequence: u64, begin: &[u8], end: &[u8]) {
    checker::delete_range(table, sequence, begin, end).expect("memory");
}

/// The numbers of all range deletions that are seen, by fragments that do not touch.
fn all(table: &MemTable) -> String {
    let fragments = table.range_deletions(0..=9).expect("memory");
    fragments
        .iter()
        .map(|one| one.sequence.to_string())
        .collect()
}

/// T1, T2: a reader that sees a range deletion sees all of it, and the ones before.
#[test]
fn seen_deletion_is_whole() {
    let model = Model::unbounded(
        "tombstones::seen_deletion_is_whole",
        4,
        &["1 0", "1 2", "1 3"],
    );
    check(model, |outcomes| {
        let table = table();
        delete(&table, 1, b"a", b"m");
        let reader = spawn(&table, |table| {
            let later = hidden_by(table, b"n", 9);
            format!("{} {later}", hidden_by(table, b"b", 1))
        });
        // The second makes a parent with the first, the third does not.
        delete(&table, 2, b"n", b"p");
        delete(&table, 3, b"n", b"q");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(hidden_by(&table, b"n", 2), 2);
    });
}

/// T3: two adders; nothing is lost, whoever merges.
#[test]
fn two_adders() {
    let model = Model::unbounded("tombstones::two_adders", 2, &["done"]);
    check(model, |outcomes| {
        let table = table();
        delete(&table, 1, b"a", b"c");
        let other = spawn(&table, |table| delete(table, 3, b"d", b"f"));
        delete(&table, 2, b"b", b"e");
        other.join().expect("no panic");
        for (key, number) in [(b"a", 1), (b"b", 2), (b"d", 3), (b"e", 3)] {
            assert_eq!(hidden_by(&table, key, 9), number);
        }
        assert_eq!(hidden_by(&table, b"b", 1), 1);
        outcomes.note("done");
    });
}

/// T1, T3: a range deletion arrives while another adder makes a parent, and a reader
/// collects fragments. Each that is seen is seen once, and seen again: no parent that
/// was slow to make replaces what came meanwhile.
#[test]
fn deletion_beside_a_merge() {
    let model = Model::unbounded(
        "tombstones::deletion_beside_a_merge",
        4,
        &["1", "12", "13", "123"],
    );
    check(model, |outcomes| {
        let table = table();
        delete(&table, 1, b"a", b"b");
        let other = spawn(&table, |table| delete(table, 3, b"e", b"f"));
        let reader = spawn(&table, |table| {
            let (first, second) = (all(table), all(table));
            let again = first.chars().all(|number| second.contains(number));
            assert!(again, "T3: {first}, then {second}");
            second
        });
        delete(&table, 2, b"c", b"d");
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        assert_eq!(all(&table), "123");
    });
}

/// A table, and the newest range deletion that a reader told of.
struct Told {
    table: Arc<MemTable>,
    newest: AtomicU64,
}

/// Reads twice, and tells what it saw in between.
fn look_twice(told: &Told) -> u64 {
    let learnt = told.newest.load(Ordering::Acquire);
    let first = hidden_by(&told.table, b"e", 9);
    assert!(first >= learnt, "T3: {learnt} was seen before {first}");
    told.newest.fetch_max(first, Ordering::Release);
    let second = hidden_by(&told.table, b"e", 9);
    assert!(second >= first, "T3: {first} was seen before {second}");
    assert_eq!(hidden_by(&told.table, b"e", 1), 1, "T1: an old snapshot");
    second
}

/// T1 to T3: two readers while an adder merges twice. Who has seen a newer state, or
/// was told of one by the other reader, sees no older one.
#[test]
fn never_older() {
    let model = Model::new(
        "tombstones::never_older",
        Bound::Preemptions(2),
        100,
        &["22", "23", "24", "32", "33", "34", "42", "43", "44"],
    );
    check(model, |outcomes| {
        let told = Arc::new(Told {
            table: table(),
            newest: AtomicU64::new(0),
        });
        delete(&told.table, 1, b"a", b"m");
        delete(&told.table, 2, b"b", b"n");
        let readers = [spawn(&told, look_twice), spawn(&told, look_twice)];
        delete(&told.table, 3, b"c", b"o");
        // With the third makes a parent, and that one with the parent of the others.
        delete(&told.table, 4, b"d", b"p");
        let seen = readers.map(|reader| reader.join().expect("no panic").to_string());
        outcomes.note(seen.concat());
        assert_eq!(hidden_by(&told.table, b"e", 3), 3);
    });
}
