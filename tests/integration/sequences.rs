//! Operation sequences against the reference model (proptest).
//!
//! Each operation is decoded by `arbitrary` from a byte string of its own, and a
//! case is a vector of them: proptest removes operations, then makes the bytes of
//! those left smaller. No state machine is needed, because choices are resolved
//! during the run and every sequence is valid.

use std::cell::RefCell;
use std::io::Write;
use std::time::{Duration, Instant};
use std::{env, fs};

use arbitrary::{Arbitrary, Unstructured};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{
    Config as ProptestConfig, RngAlgorithm, TestError, TestRng, TestRunner,
};
use verimem_driver::seeds::Random;
use verimem_driver::{Compare, Config, Divergence, decode, reduce, run};
use verimem_model::{Histogram, Op};

/// Operations that shrink, first in number, then in size.
pub fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    let op = vec(any::<u8>(), 48).prop_filter_map("bytes that are no operation", |bytes| {
        Op::arbitrary(&mut Unstructured::new(&bytes)).ok()
    });
    vec(op, 0..most)
}

/// A configuration that shrinks towards the simplest.
pub fn config() -> impl Strategy<Value = Config> {
    vec(any::<u8>(), 32).prop_filter_map("bytes that are no configuration", |bytes| {
        Config::arbitrary(&mut Unstructured::new(&bytes)).ok()
    })
}

fn number(name: &str, default: u32) -> u32 {
    env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// A runner of so many cases with a seed of its own, so that runs repeat. It tries so many
/// smaller ones of a case that fails.
pub fn runner(seed: u8, cases: u32, shrinks: u32) -> TestRunner {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: shrinks,
        ..ProptestConfig::default()
    };
    TestRunner::new_with_rng(
        config,
        TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
    )
}

/// How many sequences a test runs.
pub fn cases() -> u32 {
    number("VERIMEM_CASES", 256)
}

/// Prints what was done, and appends it to the file that `VERIMEM_HISTOGRAM` names.
fn record(what: &str, sequences: u64, histogram: &Histogram) -> std::io::Result<()> {
    let operations = histogram.total();
    println!("{what} sequences={sequences} operations={operations}");
    println!("HISTOGRAM {histogram}");
    if let Some(path) = env::var_os("VERIMEM_HISTOGRAM") {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        writeln!(
            file,
            "{what} sequences={sequences} operations={operations} {histogram}"
        )?;
    }
    Ok(())
}

fn agree(seed: u8, fixed: impl Fn(&mut Config)) {
    let length = number("VERIMEM_OPERATIONS", 120) as usize;
    let done = RefCell::new((0u64, Histogram::default()));
    let outcome =
        runner(seed, cases(), 20_000).run(&(config(), ops(length)), |(mut config, ops)| {
            fixed(&mut config);
            let failed = |divergence: Divergence| TestCaseError::fail(divergence.to_string());
            let histogram = run(&config, &ops).map_err(failed)?;
            let mut done = done.borrow_mut();
            done.0 += 1;
            done.1.merge(&histogram);
            Ok(())
        });
    let (sequences, histogram) = done.into_inner();
    record("PROPTEST", sequences, &histogram).expect("VERIMEM_HISTOGRAM can be written");
    if let Err(TestError::Fail(_, (config, ops))) = &outcome {
        let mut config = config.clone();
        fixed(&mut config);
        let ops = reduce(ops, |ops| run(&config, ops).is_err());
        panic!("{ops:#?}\non {config:?}\n{:?}", run(&config, &ops).err());
    }
    assert_eq!(outcome, Ok(()));
}

#[test]
fn s1_s5_any_configuration_agrees_with_the_model() {
    agree(1, |_| ());
}

#[test]
fn e7_each_comparator_agrees_with_the_model() {
    let all = [
        Compare::Bytewise,
        Compare::ReverseBytewise,
        Compare::Plain,
        Compare::Coarse,
        Compare::SharedPrefix,
    ];
    for (seed, compare) in (10..).zip(all) {
        agree(seed, |config| config.compare = compare);
    }
}

#[test]
fn e10_each_protection_agrees_with_the_model() {
    for (seed, bytes) in (20..).zip([0, 1, 2, 4, 8]) {
        agree(seed, |config| config.protection_bytes = bytes);
    }
}

#[test]
fn s4_each_height_agrees_with_the_model() {
    for (seed, height) in (30..).zip([1, 2, 32]) {
        agree(seed, |config| {
            (config.max_height, config.branching) = (height, 2);
        });
    }
}

#[test]
fn a6_a_full_table_is_unchanged_by_what_it_refused() {
    for (seed, capacity) in (40..).zip([4 << 10, 8 << 10, 64 << 10]) {
        agree(seed, |config| config.capacity = Some(capacity));
    }
}

#[test]
fn w2_concurrent_and_exclusive_writers_agree_with_the_model() {
    for (seed, exclusive) in (50..).zip([false, true]) {
        agree(seed, |config| config.exclusive = exclusive);
    }
}

/// The volume test: as many long sequences as the time allows, and what was done.
#[test]
fn volume_of_operation_sequences() -> std::io::Result<()> {
    let seconds = number("VERIMEM_SECONDS", 1);
    let end = Instant::now() + Duration::from_secs(u64::from(seconds));
    let (mut random, mut bytes) = (Random(2024), Vec::new());
    let (mut histogram, mut sequences) = (Histogram::default(), 0u64);
    while Instant::now() < end || sequences < 48 {
        let length = 64 + random.below(4000);
        random.fill(length, &mut bytes);
        let (config, ops) = decode(&bytes);
        match run(&config, &ops) {
            Ok(done) => histogram.merge(&done),
            Err(divergence) => panic!("sequence {sequences} on {config:?}: {divergence}"),
        }
        sequences += 1;
    }
    record("VOLUME", sequences, &histogram)?;
    for operation in [
        "add",
        "batch.add",
        "batch.add_batch",
        "exclusive_batch.add_batch",
        "bulk.add_batch",
        "exclusive_bulk.add_batch",
        "add_with_hint",
        "add_with_prefix_hints",
        "batch.add_with_prefix_hints",
        "add_beside",
        "delete_range",
        "fold",
        "get",
        "get.at",
        "get.hiding",
        "get_merged",
        "get_merged.hiding",
        "multi_get",
        "multi_get.hiding",
        "visible.at",
        "visible.hiding",
        "batch.add_protected",
        "batch.add_batch_protected",
        "exclusive_batch.add_batch_protected",
        "range_deletions",
        "approximate_range",
        "sample",
        "iter.next",
        "visible.prev",
        "stats",
    ] {
        assert!(histogram.of(operation) > 0, "no {operation} in {histogram}");
    }
    Ok(())
}
