//! Operations that move cursors.

use std::ops::Bound;
use std::sync::Arc;

use verimem::{MemTable, VisibleIter};

use super::audit;
use super::oracle::{Check, Oracle, Position};
use super::plan::{KEYS, Rank, is_tombstone};
use super::read::old_snapshot;
use super::subject::Fault;
use super::tally::Op;
use super::walk::{self, OwnedWalk, check_backward, check_forward};
use super::worker::Worker;
use super::world::Generation;

/// Longest scan, in entries.
const STEPS: u64 = 64;
/// Owned cursors that may wait for a thread; each may keep a table alive.
const WALKS: usize = 8;

/// One movement, chosen at random.
pub fn step<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let generation = Arc::clone(&worker.view);
    let result = match worker.rng.below(128) {
        0..32 => seek(worker, &generation),
        32..64 => seek_for_prev(worker, &generation),
        64..80 => scan(worker, &generation, true),
        80..96 => scan(worker, &generation, false),
        96..112 => visible(worker, &generation),
        112..127 => return owned(worker, &generation),
        _ => return audit::check_one(worker),
    };
    result.map_err(|what| format!("table {}: {what}", generation.ledger.number))
}

/// A place to seek: any key, at a sequence number of the table's life.
fn target<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Position {
    let rank = worker.rng.below(KEYS) as Rank;
    let first = generation.ledger.first;
    let life = worker.world.clock.reserved().saturating_sub(first) + 2;
    Position::new(rank, first.saturating_sub(1) + worker.rng.below(life))
}

fn seek<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let to = target(worker, generation);
    let settled = world.clock.settled();
    let mut cursor = generation.subject.cursor();
    cursor.seek(world.plan.key(to.rank), to.sequence.0);
    check_forward(
        &world.oracle(&generation.ledger),
        cursor.entry(),
        to.before(),
        settled,
    )
    .map_err(|what| format!("seek to {to:?}: {what}"))?;
    worker.tally.add(Op::Seek, 1);
    Ok(())
}

fn seek_for_prev<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let to = target(worker, generation);
    let settled = world.clock.settled();
    let mut cursor = generation.subject.cursor();
    cursor.seek_for_prev(world.plan.key(to.rank), to.sequence.0);
    check_backward(
        &world.oracle(&generation.ledger),
        cursor.entry(),
        to.after(),
        settled,
    )
    .map_err(|what| format!("seek_for_prev to {to:?}: {what}"))?;
    worker.tally.add(Op::SeekForPrev, 1);
    Ok(())
}

/// Scans a stretch, then turns round and scans back.
fn scan<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, forward: bool) -> Check {
    let world = worker.world;
    let oracle = world.oracle(&generation.ledger);
    let steps = 1 + worker.rng.below(STEPS);
    let from_end = worker.rng.one_in(8);
    let to = target(worker, generation);
    let settled = world.clock.settled();
    let mut cursor = generation.subject.cursor();
    let from = match (forward, from_end) {
        (true, true) => {
            cursor.seek_to_first();
            Position::FIRST
        }
        (false, true) => {
            cursor.seek_to_last();
            Position::LAST
        }
        (true, false) => {
            cursor.seek(world.plan.key(to.rank), to.sequence.0);
            to.before()
        }
        (false, false) => {
            cursor.seek_for_prev(world.plan.key(to.rank), to.sequence.0);
            to.after()
        }
    };
    let context = |what: String| {
        format!(
            "scan {} from {from:?}: {what}",
            if forward { "forward" } else { "backward" }
        )
    };
    let seen = walk::scan(&oracle, &mut cursor, from, forward, settled, steps).map_err(context)?;
    let back = turn_round(&oracle, &mut cursor, forward, steps).map_err(context)?;
    worker.tally.add(
        if forward {
            Op::ScanForward
        } else {
            Op::ScanBackward
        },
        1,
    );
    Ok(())
}

/// Scans against the former direction, from the entry under the cursor.
fn turn_round<F: Fault>(
    oracle: &Oracle<'_>,
    cursor: &mut super::subject::Cursor<'_, F>,
    was_forward: bool,
    steps: u64,
) -> Check {
    let Some(entry) = cursor.entry() else {
        return Ok(());
    };
    let entry = entry.map_err(|error| format!("the cursor's entry is broken: {error}"))?;
    let from = oracle.certify(&entry, 0)?;
    let settled = oracle.clock.settled();
    if was_forward {
        cursor.prev();
    } else {
        cursor.next();
    }
    walk::scan(oracle, cursor, from, !was_forward, settled, steps.min(8))?;
    Ok(())
}

/// Keys in the range of a walk over visible keys.
const RANGE: u64 = 96;

/// Walks to and fro over the visible keys of a range at a settled snapshot:
/// every move has one right outcome.
fn visible<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let Some(snapshot) = old_snapshot(worker, generation) else {
        return Ok(());
    };
    let oracle = world.oracle(&generation.ledger);
    let start = worker.rng.below(KEYS) as Rank;
    let end = (start + worker.rng.below(RANGE) as Rank).min(KEYS as Rank - 1);
    let (with_start, with_end) = (worker.rng.one_in(2), worker.rng.one_in(2));
    let bound = |rank, with| {
        let key = world.plan.key(rank);
        if with {
            Bound::Included(key)
        } else {
            Bound::Excluded(key)
        }
    };
    let shown: Vec<Rank> = (start..=end)
        .filter(|rank| (with_start || *rank != start) && (with_end || *rank != end))
        .filter(|rank| {
            let newest = oracle.expected(*rank, snapshot).newest();
            newest.is_some_and(|newest| !is_tombstone(world.plan.kind(newest)))
        })
        .collect();
    let mut cursor =
        generation
            .subject
            .visible(snapshot, bound(start, with_start), bound(end, with_end));
    stroll(worker, &oracle, &mut cursor, snapshot, &shown)
        .map_err(|what| format!("visible keys {start}..{end} at {snapshot}: {what}"))?;
    worker.tally.add(Op::VisibleScan, 1);
    Ok(())
}

fn stroll<F: Fault>(
    worker: &mut Worker<'_, F>,
    oracle: &Oracle<'_>,
    cursor: &mut VisibleIter<&MemTable>,
    snapshot: u64,
    shown: &[Rank],
) -> Check {
    let mut at: Option<usize> = None;
    for _ in 0..shown.len() + 8 {
        let rank = worker.rng.below(KEYS) as Rank;
        let key = oracle.plan.key(rank);
        match worker.rng.below(16) {
            0 => {
                cursor.seek_to_first();
                at = (!shown.is_empty()).then_some(0);
            }
            1 => {
                cursor.seek_to_last();
                at = shown.len().checked_sub(1);
            }
            2 => {
                cursor.seek(key);
                at = Some(shown.partition_point(|shown| *shown < rank))
                    .filter(|at| *at < shown.len());
            }
            3 => {
                cursor.seek_for_prev(key);
                at = shown.partition_point(|shown| *shown <= rank).checked_sub(1);
            }
            4..7 => {
                cursor.prev();
                at = at.and_then(|at| at.checked_sub(1));
            }
            _ => {
                cursor.next();
                at = at.map(|at| at + 1).filter(|at| *at < shown.len());
            }
        }
        check_place(oracle, cursor, snapshot, at.map(|at| shown[at]))?;
    }
    Ok(())
}

fn check_place(
    oracle: &Oracle<'_>,
    cursor: &VisibleIter<&MemTable>,
    snapshot: u64,
    expected: Option<Rank>,
) -> Check {
    let Some(rank) = expected else {
        return if cursor.valid() {
            Err(format!("key {:02x?} where nothing is", cursor.key()))
        } else {
            Ok(())
        };
    };
    if !cursor.valid() {
        return Err(format!("nothing where key {rank} is"));
    }
    if cursor.key() != oracle.plan.key(rank) {
        return Err(format!(
            "key {:?} where key {rank} is",
            oracle.plan.rank_of(cursor.key())
        ));
    }
    let entry = cursor
        .entry()
        .map_err(|error| format!("entry of key {rank} fails: {error}"))?;
    let found = oracle.certify(&entry, snapshot)?;
    let newest = oracle.expected(rank, snapshot).newest();
    if newest != Some(found.sequence.0) {
        return Err(format!(
            "key {rank} with {found:?} where {newest:?} is newest"
        ));
    }
    let lookup = cursor
        .lookup()
        .map_err(|error| format!("lookup of key {rank} fails: {error}"))?;
    oracle.lookup_exact(rank, snapshot, &lookup)
}

/// Takes up an owned cursor, mostly one that another thread left.
fn owned<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let left = if world.walks() < WALKS && worker.rng.one_in(4) {
        None
    } else {
        world.take_walk(worker.rng.next())
    };
    let walk = left.unwrap_or_else(|| OwnedWalk::new(generation));
    go_on(worker, walk, STEPS)
}

/// Reads on with an owned cursor and leaves it to the next thread.
pub fn go_on<F: Fault>(worker: &mut Worker<'_, F>, mut walk: OwnedWalk<F>, steps: u64) -> Check {
    let world = worker.world;
    let outlives = walk.outlives_table();
    let more = walk.go_on(world, steps)?;
    worker.tally.add(Op::OwnedIterator, 1);
    if outlives {
        worker.tally.add(Op::DropWhileReading, 1);
    }
    if more && world.walks() < 2 * WALKS {
        world.leave_walk(walk);
    }
    Ok(())
}
