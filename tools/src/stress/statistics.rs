//! Operations that ask about a part of a table: samples and estimates.

use super::fault::Fault;
use super::features::Feature;
use super::oracle::{Check, Oracle};
use super::plan::{KEYS, Rank};
use super::tally::Op;
use super::worker::Worker;
use super::world::Generation;

/// The most keys in a range.
const RANGE: u64 = 24;
/// Ranges of up to so many entries are counted.
const COUNTED: u64 = 64;

/// One question, chosen at random.
pub fn step<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    if !worker.world.scope.has(Feature::Statistics) {
        return Ok(());
    }
    if worker.rng.one_in(2) {
        sample(worker, generation)
    } else {
        estimate(worker, generation)
    }
}

/// Entries of the table, all different, in their order.
fn sample<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let oracle = world.oracle(&generation.ledger);
    // Sampling much of a table is a pass over it.
    let count = if worker.rng.one_in(64) {
        100_000
    } else {
        worker.rng.below(16)
    };
    let settled = world.clock().settled();
    let table = generation.subject.table();
    let complete = complete(&oracle);
    let sample = generation
        .subject
        .sample(count as usize)
        .map_err(|error| format!("a sample of {count} fails: {error}"))?;
    let mut last = None;
    for entry in &sample {
        let found = oracle.certify(entry, settled)?;
        if last.is_some_and(|last| last >= found) {
            return Err(format!("sample of {count}: {found:?} after {last:?}"));
        }
        last = Some(found);
    }
    let stats = table.stats();
    let all = stats.entries - stats.range_deletions;
    let wanted = count.min(all);
    if sample.len() as u64 > count || complete && sample.len() as u64 != wanted {
        return Err(format!(
            "a sample of {count} from {all} entries has {}",
            sample.len()
        ));
    }
    worker.tally.add(generation.ledger.rep, Op::Sample, 1);
    Ok(())
}

/// How many entries a range has: exactly if they are few and all there.
fn estimate<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let oracle = world.oracle(&generation.ledger);
    let begin = worker.rng.below(KEYS) as Rank;
    let end = (begin + worker.rng.below(RANGE) as Rank).min(KEYS as Rank - 1);
    let table = generation.subject.table();
    let complete = complete(&oracle);
    let least = entries(&oracle, begin..end, false);
    let (low, high) = (world.plan.key(begin), world.plan.key(end));
    let answer = generation.subject.approximate_range(low, high);
    let backward = generation.subject.approximate_range(high, low);
    let most = entries(&oracle, begin..end, !complete);
    let counted = most <= COUNTED;
    let right = answer.entries >= least.min(COUNTED)
        && (!counted || answer.entries <= most)
        && (begin == end || backward.entries == 0);
    let stats = table.stats();
    let all = u128::from((stats.entries - stats.range_deletions).max(1));
    let bytes = u128::from(stats.data_size) * u128::from(answer.entries) / all;
    if !right || complete && u128::from(answer.bytes) != bytes {
        return Err(format!(
            "keys {begin}..{end} have {least} to {most} entries: {answer:?}, the other way {backward:?}"
        ));
    }
    worker
        .tally
        .add(generation.ledger.rep, Op::ApproximateRange, 1);
    Ok(())
}

/// Whether the table is sealed and the ledger knows all of it.
fn complete(oracle: &Oracle<'_>) -> bool {
    let end = oracle.ledger.end.get();
    end.is_some_and(|end| *end <= oracle.clock.settled())
}

/// Entries of the keys that are acknowledged, or that could be in the table.
fn entries(oracle: &Oracle<'_>, ranks: std::ops::Range<Rank>, possible: bool) -> u64 {
    let (ledger, reserved) = (oracle.ledger, oracle.clock.reserved());
    let mut count = 0;
    for rank in ranks {
        oracle
            .plan
            .newest_first(rank, ledger.first, reserved, |sequence| {
                count += u64::from(possible || ledger.contains(sequence));
                true
            });
    }
    count
}
