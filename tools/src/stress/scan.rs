//! Operations that move cursors.

use std::sync::Arc;

use super::audit;
use super::fault::Fault;
use super::oracle::{Check, Oracle, Position};
use super::plan::{KEYS, Rank};
use super::tally::Op;
use super::visible::visible;
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
    result.map_err(|what| format!("table {}: {what}", generation.ledger))
}

/// A place to seek: any key, at a sequence number of the table's life.
fn target<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Position {
    let rank = worker.rng.below(KEYS) as Rank;
    let first = generation.ledger.first;
    let life = worker.world.clock().reserved().saturating_sub(first) + 2;
    Position::new(rank, first.saturating_sub(1) + worker.rng.below(life))
}

fn seek<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let to = target(worker, generation);
    let settled = world.clock().settled();
    let mut cursor = generation.subject.cursor();
    cursor.seek(world.plan.key(to.rank), to.sequence.0);
    check_forward(
        &world.oracle(&generation.ledger),
        cursor.entry(),
        to.before(),
        settled,
    )
    .map_err(|what| format!("seek to {to:?}: {what}"))?;
    worker.tally.add(generation.ledger.rep, Op::Seek, 1);
    Ok(())
}

fn seek_for_prev<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let to = target(worker, generation);
    let settled = world.clock().settled();
    let mut cursor = generation.subject.cursor();
    cursor.seek_for_prev(world.plan.key(to.rank), to.sequence.0);
    check_backward(
        &world.oracle(&generation.ledger),
        cursor.entry(),
        to.after(),
        settled,
    )
    .map_err(|what| format!("seek_for_prev to {to:?}: {what}"))?;
    worker.tally.add(generation.ledger.rep, Op::SeekForPrev, 1);
    Ok(())
}

/// Scans a stretch, then turns round and scans back.
fn scan<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, forward: bool) -> Check {
    let world = worker.world;
    let oracle = world.oracle(&generation.ledger);
    let steps = 1 + worker.rng.below(STEPS);
    let from_end = worker.rng.one_in(8);
    let to = target(worker, generation);
    let settled = world.clock().settled();
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
        generation.ledger.rep,
        if forward {
            Op::ScanForward
        } else {
            Op::ScanBackward
        },
        1 + seen + back,
    );
    Ok(())
}

/// Scans against the former direction, from the entry under the cursor.
fn turn_round<F: Fault>(
    oracle: &Oracle<'_>,
    cursor: &mut super::subject::Cursor<'_, F>,
    was_forward: bool,
    steps: u64,
) -> Check<u64> {
    let entry = cursor
        .entry()
        .map_err(|error| format!("the cursor's entry is broken: {error}"))?;
    let Some(entry) = entry else {
        return Ok(0);
    };
    let from = oracle.certify(&entry, 0)?;
    let settled = oracle.clock.settled();
    if was_forward {
        cursor.prev();
    } else {
        cursor.next();
    }
    walk::scan(oracle, cursor, from, !was_forward, settled, steps.min(8))
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
    let (rep, outlives, before) = (walk.rep(), walk.outlives_table(), walk.seen());
    let more = walk.go_on(world, steps)?;
    worker
        .tally
        .add(rep, Op::OwnedIterator, 1 + walk.seen() - before);
    if outlives {
        worker.tally.add(rep, Op::DropWhileReading, 1);
    }
    if more && world.walks() < 2 * WALKS {
        world.leave_walk(walk);
    }
    Ok(())
}
