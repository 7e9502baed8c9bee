//! Operations that write.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use verimem::EntryRef;
use verimem::Error;
use verimem::{Kind, MAX_SEQUENCE_NUMBER};

use super::fault::Fault;
use super::features::Feature;
use super::oracle::Check;
use super::order::Batch;
use super::plan::{Rank, is_tombstone};
use super::read;
use super::subject::{At, Way};
use super::tally::Op;
use super::worker::Worker;
use super::world::Generation;

/// One write, chosen at random.
pub fn step<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    match worker.rng.below(32) {
        0..20 => group(worker, Way::Add, 1),
        20..22 => {
            let count = 2 + worker.rng.below(31);
            group(worker, Way::Batch, count)
        }
        22..24 => {
            let count = 1 + worker.rng.below(40);
            group(worker, Way::AtOnce, count)
        }
        24..27 => {
            let count = 1 + worker.rng.below(32);
            let way = *worker.rng.choose(&[Way::Exclusive, Way::ExclusiveAtOnce]);
            group(worker, way, count)
        }
        27 => {
            let count = 2 + worker.rng.below(31);
            group(worker, Way::Hinted, count)
        }
        28 | 29 => duplicate(worker),
        30 if worker.world.scope.has(Feature::Checks) && worker.rng.one_in(2) => damaged(worker),
        30 => duplicate(worker),
        _ => knock(worker),
    }
}

/// Attempts at an exclusive writer before the group goes in as a batch.
const PATIENCE: u32 = 32;

/// How a batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// All of it is written and published.
    Commit,
    /// The table refuses what comes after so many entries.
    Fail(usize),
    /// The thread panics after so many entries.
    Panic(usize),
}

/// The payload of a panic on purpose.
struct OnPurpose;

fn fate<F: Fault>(worker: &mut Worker<'_, F>, count: u64) -> Fate {
    // Single adds are many.
    let often = if count == 1 { 128 } else { 16 };
    if !worker.world.scope.has(Feature::Sequencer) || !worker.rng.one_in(often) {
        return Fate::Commit;
    }
    let before = worker.rng.below(count) as usize;
    match worker.rng.below(2) {
        0 => Fate::Fail(before),
        _ => Fate::Panic(before + 1),
    }
}

/// Writes `count` entries that have sequence numbers in a row. Whatever table
/// refuses them, they end up in one, each once; unless they are aborted on purpose.
fn group<F: Fault>(worker: &mut Worker<'_, F>, way: Way, count: u64) -> Check {
    let world = worker.world;
    let Some(batch) = world.begin(count)? else {
        // Some writer lags behind; it needs the processor more than this one.
        std::thread::yield_now();
        return Ok(());
    };
    let last = batch.first + count - 1;
    match fate(worker, count) {
        Fate::Commit => commit(worker, way, batch)?,
        fate => abort(worker, way, batch, fate)?,
    }
    if worker.rng.one_in(16) {
        look_back(worker, last)?;
    }
    worker.world.refresh(&mut worker.current);
    if worker.current.ledger.count() >= worker.current.ledger.limit {
        rotate(worker)?;
    }
    Ok(())
}

fn commit<F: Fault>(worker: &mut Worker<'_, F>, way: Way, mut batch: Batch<'_, F>) -> Check {
    if worker.world.scope.has(Feature::Sequencer) && worker.rng.one_in(128) {
        batch.cancel();
        worker
            .tally
            .add(worker.current.ledger.rep, Op::BatchCancelled, 1);
        return Ok(());
    }
    insert(worker, way, &mut batch, Fate::Commit)?;
    let wait = worker.rng.one_in(32);
    let last = batch.first + batch.count - 1;
    batch.commit(wait);
    worker
        .tally
        .add(worker.current.ledger.rep, Op::BatchCommitted, 1);
    let current = Arc::clone(&worker.current);
    if wait
        && let Some(view) = worker.look(&current)?
        && view.sequence() < last
    {
        return Err(format!("{last} was published, {} is", view.sequence()));
    }
    Ok(())
}

/// Writes a part of a batch, and lets go of it by an error or a panic.
fn abort<F: Fault>(
    worker: &mut Worker<'_, F>,
    way: Way,
    mut batch: Batch<'_, F>,
    fate: Fate,
) -> Check {
    let attempt = AssertUnwindSafe(|| {
        let result = insert(worker, way, &mut batch, fate);
        drop(batch);
        result
    });
    match catch_unwind(attempt) {
        Ok(result) => result?,
        Err(payload) if payload.is::<OnPurpose>() => {}
        Err(payload) => resume_unwind(payload),
    }
    worker
        .tally
        .add(worker.current.ledger.rep, Op::BatchAborted, 1);
    let how = match fate {
        Fate::Panic(_) => Op::AbortByPanic,
        _ => Op::AbortByError,
    };
    worker.tally.add(worker.current.ledger.rep, how, 1);
    Ok(())
}

/// Reads a key that this thread has just written, be it in a batch that was aborted.
fn look_back<F: Fault>(worker: &mut Worker<'_, F>, sequence: u64) -> Check {
    let generation = Arc::clone(&worker.current);
    let Some(view) = worker.look(&generation)? else {
        return Ok(());
    };
    let at = At {
        snapshot: view.sequence(),
        view: Some(view),
    };
    let rank = worker.world.plan.rank(sequence);
    let answer = read::exact(worker, &generation, rank, &at)?;
    drop(answer);
    worker.tally.add(generation.ledger.rep, Op::LookBack, 1);
    Ok(())
}

/// Writes a batch, or as much of it as its fate lets.
fn insert<F: Fault>(
    worker: &mut Worker<'_, F>,
    way: Way,
    batch: &mut Batch<'_, F>,
    fate: Fate,
) -> Check {
    let world = worker.world;
    let mut values = std::mem::take(&mut worker.values);
    let plans = prepare(worker, batch.first, batch.count, &mut values);
    let mut entries: Vec<_> = plans
        .iter()
        .map(|(sequence, rank, kind, range)| EntryRef {
            user_key: world.plan.key(*rank),
            sequence: *sequence,
            kind: *kind,
            value: &values[range.clone()],
        })
        .collect();
    match fate {
        Fate::Commit => {}
        Fate::Fail(before) => entries[before] = refused(worker, entries[before]),
        Fate::Panic(after) => entries.truncate(after),
    }
    let outcome = put(worker, way, batch, fate, &entries);
    worker.values = values;
    outcome
}

/// Writes entries to whatever table takes them.
fn put<F: Fault>(
    worker: &mut Worker<'_, F>,
    mut way: Way,
    batch: &mut Batch<'_, F>,
    fate: Fate,
    entries: &[EntryRef<'_>],
) -> Check {
    let world = worker.world;
    let mut left = entries;
    let mut turned_away = 0;
    let mut base = None;
    let mut in_turn = false;
    let mut outcome = Ok(());
    while !left.is_empty() && outcome.is_ok() {
        world.refresh(&mut worker.current);
        let generation = Arc::clone(&worker.current);
        if !generation.ledger.fits(batch.first + batch.count - 1) {
            outcome = rotate(worker);
            continue;
        }
        if way.is_exclusive() && generation.ledger.folds > 0 && !in_turn {
            // What is folded must be all there is below, or it is none of the oracle's.
            base = batch.in_turn(|| world.stopping());
            in_turn = true;
            continue;
        }
        let mut acknowledged = 0;
        let (done, result) = generation.subject.write(way, left, base.as_ref(), |entry| {
            acknowledged += 1;
            if let Err(what) = acknowledge(worker, way, batch, &generation, entry) {
                outcome = Err(what);
            }
            if matches!(fate, Fate::Panic(_)) && acknowledged == left.len() {
                // With the writer still inside of the table, and no word to anybody.
                resume_unwind(Box::new(OnPurpose));
            }
        });
        left = &left[done..];
        outcome = match result {
            _ if outcome.is_err() => break,
            Ok(()) => Ok(()),
            Err(Error::Full { .. } | Error::OutOfMemory { .. }) => rotate(worker),
            Err(Error::SequenceTooLarge { .. } | Error::InvertedRange)
                if fate == Fate::Fail(entries.len() - left.len()) =>
            {
                break;
            }
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
                turned_away += 1;
                if turned_away > PATIENCE {
                    way = way.shared();
                }
                std::thread::yield_now();
                Ok(())
            }
            Err(error) => Err(format!(
                "{way:?} of sequence {} fails: {error}",
                batch.first + batch.count - left.len() as u64
            )),
        };
    }
    if left.is_empty() && outcome.is_ok() && fate != Fate::Commit {
        outcome = Err(format!("{way:?} with {fate:?} is all written"));
    }
    outcome
}

/// An entry that no table takes, in place of another.
fn refused<'e, F: Fault>(worker: &mut Worker<'_, F>, entry: EntryRef<'e>) -> EntryRef<'e> {
    if worker.rng.one_in(2) {
        return EntryRef {
            sequence: MAX_SEQUENCE_NUMBER + 1,
            ..entry
        };
    }
    EntryRef {
        kind: Kind::RANGE_DELETION,
        user_key: b"pq",
        value: b"pp",
        ..entry
    }
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

/// Records what the table has acknowledged.
fn acknowledge<F: Fault>(
    worker: &mut Worker<'_, F>,
    way: Way,
    batch: &mut Batch<'_, F>,
    generation: &Arc<Generation<F>>,
    entry: &EntryRef<'_>,
) -> Check {
    let EntryRef { sequence, kind, .. } = *entry;
    let (ledger, plan) = (&generation.ledger, &worker.world.plan);
    batch.wrote(ledger, sequence);
    let mut checked = Ok(());
    if kind == Kind::RANGE_DELETION {
        ledger.acknowledge_range(sequence, &plan.range(sequence));
    } else {
        // First: who sees on record that it was folded computes with what is there.
        ledger.acknowledge(sequence);
        if kind == Kind::MERGE && way.is_exclusive() && ledger.folds > 0 {
            checked = folding(worker, batch.first, generation, entry);
        }
        worker.last = Some((Arc::clone(generation), sequence));
    }
    worker.tally.add(generation.ledger.rep, op_of(kind), 1);
    let op = match way {
        Way::Add => Op::Add,
        Way::Batch => Op::Batch,
        Way::Exclusive => Op::ExclusiveBatch,
        Way::Hinted => Op::AddWithHint,
        Way::AtOnce => Op::AddBatch,
        Way::ExclusiveAtOnce => Op::ExclusiveAddBatch,
    };
    worker.tally.add(generation.ledger.rep, op, 1);
    checked
}

/// Looks whether an operand was folded, and whether that was right.
fn folding<F: Fault>(
    worker: &mut Worker<'_, F>,
    batch: u64,
    generation: &Generation<F>,
    entry: &EntryRef<'_>,
) -> Check {
    let world = worker.world;
    let stored = generation
        .subject
        .get_entry(entry.user_key, entry.sequence)
        .map_err(|error| format!("get_entry of {} fails: {error}", entry.sequence))?;
    let folded =
        stored.is_some_and(|stored| stored.sequence == entry.sequence && stored.kind != entry.kind);
    if folded {
        generation.ledger.fold(entry.sequence, batch);
        worker.tally.add(generation.ledger.rep, Op::Fold, 1);
    }
    let rank = world.plan.rank(entry.sequence);
    world
        .oracle(&generation.ledger)
        .check_folding(rank, entry.sequence, batch, folded)
}

fn op_of(kind: Kind) -> Op {
    match kind {
        Kind::SINGLE_DELETION => Op::SingleDelete,
        Kind::MERGE => Op::Merge,
        Kind::RANGE_DELETION => Op::RangeDelete,
        kind if is_tombstone(kind) => Op::Delete,
        _ => Op::Put,
    }
}

fn rotate<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    if worker.world.rotate(&worker.current)? {
        worker.tally.add(worker.current.ledger.rep, Op::Rotate, 1);
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
    match generation.subject.write(way, &[entry], None, |_| ()).1 {
        Ok(()) if generation.subject.keeps_first() => {
            worker
                .tally
                .add(generation.ledger.rep, Op::DuplicateKept, 1);
        }
        Err(Error::Duplicate) if !generation.subject.keeps_first() => {
            worker
                .tally
                .add(generation.ledger.rep, Op::DuplicateRejected, 1);
        }
        Err(Error::Sealed) if generation.ledger.sealing.load(Ordering::Acquire) => {
            worker
                .tally
                .add(generation.ledger.rep, Op::SealedRejected, 1);
            // The table is not needed for more of this.
            worker.last = None;
        }
        Err(Error::Busy) => {}
        // It needs room for what it drops later.
        Err(Error::Full { .. }) if generation.ledger.rep.only_keeps_first() => {}
        other => {
            return Err(format!(
                "a duplicate of sequence {sequence} is answered {other:?}"
            ));
        }
    }
    Ok(())
}

/// Hands in an entry with a checksum that is not its own.
fn damaged<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let bits = 1 << worker.rng.below(64);
    let entry = EntryRef {
        user_key: b"damaged",
        sequence: MAX_SEQUENCE_NUMBER,
        kind: Kind::VALUE,
        value: b"never to be read",
    };
    match worker.current.subject.add_damaged(&entry, bits) {
        Err(Error::Corruption(_)) => {
            worker
                .tally
                .add(worker.current.ledger.rep, Op::DamageRejected, 1);
        }
        // The door is asked first.
        Err(Error::Sealed | Error::Busy) => {}
        other => return Err(format!("a damaged entry is answered {other:?}")),
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
    match generation.subject.write(way, &[entry], None, |_| ()).1 {
        Err(Error::Sealed) => worker
            .tally
            .add(generation.ledger.rep, Op::SealedRejected, 1),
        other => {
            return Err(format!(
                "sealed table {} answers a write with {other:?}",
                generation.ledger
            ));
        }
    }
    Ok(())
}
