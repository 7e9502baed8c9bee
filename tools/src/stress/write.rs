//! Operations that write.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use verimem::EntryRef;
use verimem::Error;
use verimem::{Kind, MAX_SEQUENCE_NUMBER};

use super::oracle::Check;
use super::plan::{Rank, is_tombstone};
use super::subject::{Fault, Way};
use super::tally::Op;
use super::worker::Worker;

/// One write, chosen at random.
pub fn step<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    match worker.rng.below(32) {
        0..20 => group(worker, Way::Add, 1),
        20..22 => {
            let count = 2 + worker.rng.below(31);
            group(worker, Way::Batch, count)
        }
        22..25 => {
            let count = 1 + worker.rng.below(40);
            group(worker, Way::AtOnce, count)
        }
        25..27 => {
            let count = 1 + worker.rng.below(32);
            let way = *worker.rng.choose(&[Way::Exclusive, Way::ExclusiveAtOnce]);
            group(worker, way, count)
        }
        27..29 => {
            let count = 2 + worker.rng.below(31);
            group(worker, Way::Hinted, count)
        }
        29..31 => duplicate(worker),
        _ => knock(worker),
    }
}

/// Attempts at an exclusive writer before the group goes in as a batch.
const PATIENCE: u32 = 32;

/// Writes `count` entries that have sequence numbers in a row. Whatever table
/// refuses them, they end up in one, each once.
fn group<F: Fault>(worker: &mut Worker<'_, F>, way: Way, count: u64) -> Check {
    let world = worker.world;
    let Some(first) = world.clock.reserve(count) else {
        // Some writer lags behind; it needs the processor more than this one.
        std::thread::yield_now();
        return Ok(());
    };
    let result = insert(worker, way, first, count);
    // Also after a failure: the others must not wait for these numbers.
    world.clock.finish(first, count);
    result?;
    worker.world.refresh(&mut worker.current);
    if worker.current.ledger.count() >= worker.current.ledger.limit {
        rotate(worker)?;
    }
    Ok(())
}

fn insert<F: Fault>(worker: &mut Worker<'_, F>, mut way: Way, first: u64, count: u64) -> Check {
    let world = worker.world;
    let mut values = std::mem::take(&mut worker.values);
    let plans = prepare(worker, first, count, &mut values);
    let entries: Vec<_> = plans
        .iter()
        .map(|(sequence, rank, kind, range)| EntryRef {
            user_key: world.plan.key(*rank),
            sequence: *sequence,
            kind: *kind,
            value: &values[range.clone()],
        })
        .collect();
    let mut left = &entries[..];
    let mut refused = 0;
    let mut outcome = Ok(());
    while !left.is_empty() && outcome.is_ok() {
        world.refresh(&mut worker.current);
        let generation = Arc::clone(&worker.current);
        if !generation.ledger.fits(first + count - 1) {
            outcome = rotate(worker);
            continue;
        }
        let (done, result) = generation.subject.write(way, left);
        acknowledge(worker, way, &left[..done]);
        left = &left[done..];
        outcome = match result {
            Ok(()) => Ok(()),
            Err(Error::Full { .. } | Error::OutOfMemory { .. }) => rotate(worker),
            Err(Error::Sealed | Error::Busy)
                if world.stopping() && !world.violations().is_empty() =>
            {
                break;
            }
            Err(Error::Sealed) => {
                std::thread::yield_now();
                Ok(())
            }
            Err(Error::Busy) => {
                refused += 1;
                if refused > PATIENCE {
                    way = match way {
                        Way::Exclusive => Way::Batch,
                        Way::ExclusiveAtOnce => Way::AtOnce,
                        way => way,
                    };
                }
                std::thread::yield_now();
                Ok(())
            }
            Err(error) => Err(format!(
                "{way:?} of sequence {} fails: {error}",
                first + count - left.len() as u64
            )),
        };
    }
    worker.values = values;
    outcome
}

type Prepared = (u64, Rank, Kind, Range<usize>);

fn prepare<F>(
    worker: &Worker<'_, F>,
    first: u64,
    count: u64,
    values: &mut Vec<u8>,
) -> Vec<Prepared> {
    let plan = &worker.world.plan;
    values.clear();
    (first..first + count)
        .map(|sequence| {
            let start = values.len();
            plan.value(sequence, values);
            (
                sequence,
                plan.rank(sequence),
                plan.kind(sequence),
                start..values.len(),
            )
        })
        .collect()
}

fn acknowledge<F: Fault>(worker: &mut Worker<'_, F>, way: Way, entries: &[EntryRef<'_>]) {
    let generation = &worker.current;
    for entry in entries {
        generation.ledger.acknowledge(entry.sequence);
        worker.tally.add(op_of(entry.kind), 1);
    }
    if let Some(last) = entries.last() {
        worker.last = Some((Arc::clone(generation), last.sequence));
    }
    let op = match way {
        Way::Add => Op::Add,
        Way::Batch => Op::Batch,
        Way::Exclusive => Op::ExclusiveBatch,
        Way::Hinted => Op::AddWithHint,
        Way::AtOnce => Op::AddBatch,
        Way::ExclusiveAtOnce => Op::ExclusiveAddBatch,
    };
    worker.tally.add(op, entries.len() as u64);
}

fn op_of(kind: Kind) -> Op {
    match kind {
        Kind::SINGLE_DELETION => Op::SingleDelete,
        Kind::MERGE => Op::Merge,
        kind if is_tombstone(kind) => Op::Delete,
        _ => Op::Put,
    }
}

fn rotate<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    if worker.world.rotate(&worker.current)? {
        worker.tally.add(Op::Rotate, 1);
    }
    Ok(())
}

/// Writes an entry a second time, with the same or another kind.
fn duplicate<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let Some((generation, sequence)) = worker.last.clone() else {
        return Ok(());
    };
    let plan = &worker.world.plan;
    let kind = *worker
        .rng
        .choose(&[plan.kind(sequence), Kind::VALUE, Kind::DELETION]);
    let user_key = plan.key(plan.rank(sequence));
    let entry = EntryRef {
        user_key,
        sequence,
        kind,
        value: b"never to be read",
    };
    let way = *worker
        .rng
        .choose(&[Way::Add, Way::Batch, Way::Hinted, Way::AtOnce]);
    match generation.subject.write(way, &[entry]).1 {
        Err(Error::Duplicate) => worker.tally.add(Op::DuplicateRejected, 1),
        Err(Error::Sealed) if generation.ledger.sealing.load(Ordering::Acquire) => {
            worker.tally.add(Op::SealedRejected, 1);
            // The table is not needed for more of this.
            worker.last = None;
        }
        Err(Error::Busy) => {}
        other => {
            return Err(format!(
                "a duplicate of sequence {sequence} is answered {other:?}"
            ));
        }
    }
    Ok(())
}

/// Tries to write to a table that was sealed long ago.
fn knock<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let Some(generation) = worker.world.some_retired(worker.rng.next()) else {
        return Ok(());
    };
    let entry = EntryRef {
        user_key: b"late",
        sequence: MAX_SEQUENCE_NUMBER,
        kind: Kind::VALUE,
        value: b"",
    };
    let way = *worker.rng.choose(&[Way::Add, Way::Batch, Way::Exclusive]);
    match generation.subject.write(way, &[entry]).1 {
        Err(Error::Sealed) => worker.tally.add(Op::SealedRejected, 1),
        other => {
            return Err(format!(
                "sealed table {} answers a write with {other:?}",
                generation.ledger.number
            ));
        }
    }
    Ok(())
}
