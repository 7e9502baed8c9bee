//! Models of merge operands (SPEC G2, W5) against reads.

use std::sync::Arc;

use verimem::merge::{Merged, StringAppend};
use verimem::{Kind, Lookup, MemTable, MergeBase};
use verimem_loom_tests::loom_model::{Model, check};

use crate::support::{add, builder, spawn};

/// A table whose operands are letters.
fn letters(successive: usize) -> Arc<MemTable> {
    let operator = Arc::new(StringAppend { delimiter: b'.' });
    let options = builder()
        .merge_operator(operator)
        .max_successive_merges(successive);
    Arc::new(options.build().expect("a table"))
}

const KEY: &[u8] = b"k1";

/// G2: operands arrive while a reader collects them. It collects the newest that it
/// sees and all below it, down to the base.
#[test]
fn operands_against_get() {
    let model = Model::unbounded("merges::operands_against_get", 4, &["b", "cb", "dcb"]);
    check(model, |outcomes| {
        let table = letters(0);
        add(&table, 1, Kind::VALUE, KEY, b"a");
        add(&table, 2, Kind::MERGE, KEY, b"b");
        let reader = spawn(&table, |table| {
            let answer = table.get(KEY, 4).expect("no corruption");
            let Lookup::Merge {
                operands,
                sequence,
                base: MergeBase::Value { value: b"a", .. },
            } = answer
            else {
                panic!("G2: the base is there: {answer:?}");
            };
            assert_eq!(sequence, operands.len() as u64 + 1, "G2: none is missing");
            operands.concat()
        });
        add(&table, 3, Kind::MERGE, KEY, b"c");
        add(&table, 4, Kind::MERGE, KEY, b"d");
        // Above the snapshot: nobody collects it.
        add(&table, 5, Kind::MERGE, KEY, b"e");
        let seen = reader.join().expect("no panic");
        outcomes.note(String::from_utf8(seen).expect("letters"));
    });
}

/// G2: a base arrives beneath operands. Who does not see it says that it is missing, and
/// who sees it has all operands above it.
#[test]
fn base_against_get() {
    let model = Model::unbounded(
        "merges::base_against_get",
        3,
        &["c missing", "c deleted", "dc deleted"],
    );
    check(model, |outcomes| {
        let table = letters(0);
        add(&table, 3, Kind::MERGE, KEY, b"c");
        let reader = spawn(&table, |table| {
            let answer = table.get(KEY, 4).expect("no corruption");
            let Lookup::Merge { operands, base, .. } = answer else {
                panic!("G2: an operand is there: {answer:?}");
            };
            let operands = String::from_utf8(operands.concat()).expect("letters");
            match base {
                MergeBase::Missing => operands + " missing",
                MergeBase::Deleted { sequence: 1 } => operands + " deleted",
                other => panic!("G2: {other:?}"),
            }
        });
        add(&table, 1, Kind::DELETION, KEY, b"");
        add(&table, 4, Kind::MERGE, KEY, b"d");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// W5: an exclusive writer folds its second operand; a reader never finds an operand
/// twice, nor one too few.
#[test]
fn fold_against_get() {
    let model = Model::unbounded("merges::fold_against_get", 4, &["a", "a.b", "a.b.c"]);
    check(model, |outcomes| {
        let table = letters(1);
        add(&table, 1, Kind::VALUE, KEY, b"a");
        let reader = spawn(&table, |table| {
            let reader = table.reader(3).expect("a snapshot");
            let merged = reader.get_merged(KEY).expect("letters can be merged");
            let Merged::Found {
                value, sequence, ..
            } = merged
            else {
                panic!("W5: the base is there: {merged:?}");
            };
            assert_eq!(value.len() as u64, 2 * sequence - 1, "W5: {value:?}");
            String::from_utf8(value.into_owned()).expect("letters")
        });
        let mut writer = table.exclusive_writer().expect("nobody else writes");
        for (sequence, letter) in [(2, b"b"), (3, b"c")] {
            writer
                .add(sequence, Kind::MERGE, KEY, letter)
                .expect("a new version");
        }
        drop(writer);
        outcomes.note(reader.join().expect("no panic"));
        let newest = table.get(KEY, 3).expect("no corruption");
        assert!(
            matches!(
                newest,
                Lookup::Found {
                    value: b"a.b.c",
                    ..
                }
            ),
            "W5: {newest:?}"
        );
    });
}
