//! The oracle notices: what it says is the same is compared, and what differs is said.
#![cfg(target_os = "linux")]

use verimem_driver::Config;
use verimem_model::{Add, Key, KeyChoice, Op, SequenceChoice, SightChoice, SnapshotChoice, Value};
use verimem_oracle::{Extras, one, run};

fn add(key: &[u8], kind: u8) -> Op {
    Op::Add(Add {
        key: Key(key.to_vec()),
        sequence: SequenceChoice::Next(0),
        kind,
        value: Value {
            length: 3,
            start: b'x',
        },
    })
}

/// Random runs agree (G1, G2, G3, S5, D1), with all sorts of operations among them.
#[test]
fn g1_random_runs_agree() {
    let mut totals = verimem_oracle::Totals::default();
    for seed in 0..200 {
        match one(seed, 2048) {
            Ok(found) => totals.merge(&found),
            Err(difference) => panic!("{difference}"),
        }
    }
    for name in [
        "add",
        "add_again",
        "add_with_hint",
        "batch.add",
        "bulk.add",
        "delete_range",
        "get",
        "get_merged",
        "get_entry",
        "multi_get",
        "cursor.move",
        "cursor.walk",
        "cursor.scan",
        "range_deletions",
        "counters",
        "seal",
    ] {
        let count = totals.operations.get(name).copied().unwrap_or(0);
        assert!(count > 20, "{name}: {count}");
    }
}

/// A table of another order is not the same (E2): told to RocksDB's table by an extra that it
/// does not have.
#[test]
fn g1_an_answer_is_counted_once() {
    let sight = SightChoice {
        snapshot: SnapshotChoice::Back(0),
        hidden: verimem_model::HiddenChoice::Nothing,
        min_uncommitted: None,
    };
    let ops = [
        add(b"a", 1),
        add(b"b", 2),
        Op::Get(KeyChoice::Added(0), sight),
        Op::Get(KeyChoice::Added(1), sight),
    ];
    let totals = run(&Config::default(), Extras::default(), &ops).expect("the same");
    assert_eq!(totals.operations["add"], 2);
    // One for the operand without an operator, and three more when all keys are read at the end.
    assert!(totals.explained() >= 1, "{totals:?}");
    assert_eq!(
        totals.explained[&verimem_oracle::Why::NoOperator],
        totals.explained()
    );
}
