//! The driver finds planted bugs, and proptest shrinks them to little.

use proptest::test_runner::{TestCaseError, TestError};
use verimem_driver::{Config, Fault, reduce, run, run_with_fault};
use verimem_model::Op;

use crate::sequences::{config, ops, runner};

/// The smallest failing case that proptest finds, and what it says.
fn hunt(fault: Fault) -> (Config, Vec<Op>, String) {
    let outcome =
        runner(fault as u8, 5_000, SHRINKS).run(&(config(), ops(120)), |(config, ops)| {
            run_with_fault(&config, &ops, fault)
                .map(drop)
                .map_err(|divergence| TestCaseError::fail(divergence.to_string()))
        });
    match outcome {
        Err(TestError::Fail(reason, (config, ops))) => (config, ops, reason.message().to_owned()),
        other => panic!("{fault:?} was not found: {other:?}"),
    }
}

/// So many smaller cases are tried; [`reduce`] does the rest.
const SHRINKS: u32 = 10_000;

/// A case of up to 120 operations should come down to this many. The dropped
/// entry is the eighth; keys of operands, those that are looked up together, and those that a
/// range lies between, are chosen by their places among all entries, so that few can be taken
/// away.
fn few(fault: Fault) -> usize {
    match fault {
        Fault::DroppedEntry
        | Fault::ReversedOperands
        | Fault::AnswersMixedUp
        | Fault::AnswersMoveUp
        | Fault::FilterHidesTombstone
        | Fault::RangeTimesIgnored => 8,
        Fault::AskedTooLate | Fault::VisibilityIgnored | Fault::WrongStretch => 20,
        Fault::RangeCountsEnd => 30,
        _ => 3,
    }
}

#[test]
fn every_planted_bug_is_found_and_shrunk() {
    let (some, others) = Fault::ALL.split_at(Fault::ALL.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| found_and_shrunk(some));
        scope.spawn(|| found_and_shrunk(others));
    });
}

fn found_and_shrunk(faults: &[Fault]) {
    for &fault in faults {
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
