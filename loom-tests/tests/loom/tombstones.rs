//! Models of range deletions. Invariants are those of `src/tombstones/mod.rs`.

use std::sync::Arc;

use verimem::{Lookup, MemTable};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{spawn, table};

/// The number of the range deletion that hides a key, or `-`.
fn hidden_by(table: &MemTable, key: &[u8], snapshot: u64) -> String {
    match table.get(key, snapshot).expect("no corruption") {
        Lookup::Deleted { sequence, .. } => sequence.to_string(),
        Lookup::NotFound => "-".to_owned(),
        other => panic!("nothing was added: {other:?}"),
    }
}

fn delete(table: &MemTable, sequence: u64, begin: &[u8], end: &[u8]) {
    table.delete_range(sequence, begin, end).expect("memory");
}

/// T1, T2: a reader that sees a range deletion sees all of it, and the ones before.
#[test]
fn seen_deletion_is_whole() {
    let model = Model::new(
        "tombstones::seen_deletion_is_whole",
        Bound::Unbounded,
        4,
        &["1 -", "1 2", "1 3"],
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
        assert_eq!(hidden_by(&table, b"n", 2), "2");
    });
}

/// T3: two adders; nothing is lost, whoever merges.
#[test]
fn two_adders() {
    let model = Model::new("tombstones::two_adders", Bound::Unbounded, 2, &["done"]);
    check(model, |outcomes| {
        let table = table();
        delete(&table, 1, b"a", b"c");
        let other = spawn(&table, |table| delete(table, 3, b"d", b"f"));
        delete(&table, 2, b"b", b"e");
        other.join().expect("no panic");
        let table = Arc::clone(&table);
        for (key, number) in [(b"a", "1"), (b"b", "2"), (b"d", "3"), (b"e", "3")] {
            assert_eq!(hidden_by(&table, key, 9), number);
        }
        assert_eq!(hidden_by(&table, b"b", 1), "1");
        outcomes.note("done");
    });
}
