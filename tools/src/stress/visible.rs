//! Walks over the keys that a snapshot sees.

use std::ops::Bound;

use verimem::{Visibility, VisibleIter};

use super::fault::Fault;
use super::oracle::{Check, Oracle};
use super::plan::{KEYS, Rank, is_tombstone};
use super::read::old_time;
use super::subject::{At, Table};
use super::tally::Op;
use super::worker::Worker;
use super::world::Generation;

/// Keys in the range of a walk over visible keys.
const RANGE: u64 = 96;

/// Walks to and fro over the visible keys of a range at a settled snapshot:
/// every move has one right outcome.
pub fn visible<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let Some(at) = old_time(worker, generation)? else {
        return Ok(());
    };
    let oracle = world.oracle(&generation.ledger).at(&at);
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
            let newest = oracle.expected(*rank, at.snapshot).newest();
            newest.is_some_and(|newest| !is_tombstone(world.plan.kind(newest)))
        })
        .collect();
    let (lower, upper) = (bound(start, with_start), bound(end, with_end));
    let subject = &generation.subject;
    let moves = match &at.view {
        None => {
            let mut cursor = subject.visible(at.snapshot, lower, upper);
            stroll(worker, &oracle, &mut cursor, &at, &shown)
        }
        Some(view) => {
            let mut cursor = subject.visible_through(at.snapshot, lower, upper, view);
            stroll(worker, &oracle, &mut cursor, &at, &shown)
        }
    }
    .map_err(|what| format!("visible keys {start}..{end} at {at:?}: {what}"))?;
    worker
        .tally
        .add(generation.ledger.rep, Op::VisibleScan, moves);
    Ok(())
}

fn stroll<F: Fault, V: Visibility>(
    worker: &mut Worker<'_, F>,
    oracle: &Oracle<'_>,
    cursor: &mut VisibleIter<&Table, V>,
    at_time: &At,
    shown: &[Rank],
) -> Check<u64> {
    let mut at: Option<usize> = None;
    let moves = shown.len() + 8;
    for _ in 0..moves {
        let rank = worker.rng.below(KEYS) as Rank;
        let key = oracle.plan.key(rank);
        let moved;
        match worker.rng.below(16) {
            0 => {
                moved = cursor.seek_to_first();
                at = (!shown.is_empty()).then_some(0);
            }
            1 => {
                moved = cursor.seek_to_last();
                at = shown.len().checked_sub(1);
            }
            2 => {
                moved = cursor.seek(key);
                at = Some(shown.partition_point(|shown| *shown < rank))
                    .filter(|at| *at < shown.len());
            }
            3 => {
                moved = cursor.seek_for_prev(key);
                at = shown.partition_point(|shown| *shown <= rank).checked_sub(1);
            }
            4..7 => {
                moved = cursor.prev();
                at = at.and_then(|at| at.checked_sub(1));
            }
            _ => {
                moved = cursor.next();
                at = at.map(|at| at + 1).filter(|at| *at < shown.len());
            }
        }
        moved.map_err(|error| format!("a move fails: {error}"))?;
        check_place(oracle, cursor, at_time, at.map(|at| shown[at]))?;
    }
    Ok(moves as u64)
}

fn check_place(
    oracle: &Oracle<'_>,
    cursor: &VisibleIter<&Table, impl Visibility>,
    at: &At,
    expected: Option<Rank>,
) -> Check {
    let entry = cursor
        .entry()
        .map_err(|error| format!("the entry fails: {error}"))?;
    let found = cursor.key().map(|key| oracle.plan.rank_of(key));
    if found != expected.map(Some) || entry.is_some() != cursor.valid() {
        return Err(format!("key {found:?} where {expected:?} is visible"));
    }
    let (Some(rank), Some(entry)) = (expected, entry) else {
        return Ok(());
    };
    let found = oracle.certify(&entry, at.snapshot + 1)?;
    let newest = oracle.expected(rank, at.snapshot).newest();
    if newest != Some(found.sequence.0) {
        return Err(format!(
            "key {rank} with {found:?} where {newest:?} is newest"
        ));
    }
    let lookup = cursor
        .lookup()
        .map_err(|error| format!("lookup of key {rank} fails: {error}"))?;
    oracle.lookup_exact(rank, at, &lookup)
}
