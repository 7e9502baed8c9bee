//! The driver finds planted bugs, and proptest shrinks them to little.

use proptest::test_runner::{TestCaseError, TestError};
use verimem_driver::{Config, Fault, reduce, run, run_with_fault};
use verimem_model::Op;

use crate::sequences::{config, ops, runner};

/// The smallest failing case that proptest finds, and what it says.
fn hunt(fault: Fault) -> (Config, Vec<Op>, String) {
    let outcome = runner(fault as u8, 5_000).run(&(config(), ops(120)), |(config, ops)| {
        run_with_fault(&config, &ops, fault)
            .map(drop)
            .map_err(|divergence| TestCaseError::fail(divergence.to_string()))
    });
    match outcome {
        Err(TestError::Fail(reason, (config, ops))) => (config, ops, reason.message().to_owned()),
        other => panic!("{fault:?} was not found: {other:?}"),
    }
}

/// A case of up to 120 operations should come down to this many. The dropped
/// entry is the eighth; and keys that are looked up together are chosen by their
/// places among all entries, so that few can be taken away.
fn few(fault: Fault) -> usize {
    match fault {
        Fault::DroppedEntry | Fault::AnswersMixedUp => 8,
        _ => 3,
    }
}

#[test]
fn every_planted_bug_is_found_and_shrunk() {
    for fault in Fault::ALL {
        let (config, ops, message) = hunt(fault);
        let ops = reduce(&ops, |ops| run_with_fault(&config, ops, fault).is_err());
        assert!(
            ops.len() <= few(fault),
            "{fault:?} shrunk to {} operations: {ops:?}\n{message}",
            ops.len()
        );
        assert!(
            message.contains("expected") && message.contains("actual"),
            "{message}"
        );
        assert!(
            run_with_fault(&config, &ops, fault).is_err(),
            "{fault:?} does not repeat"
        );
        assert!(run(&config, &ops).is_ok(), "{fault:?}: not the planted bug");
        println!("{fault:?}: {} operations; {message}", ops.len());
    }
}
