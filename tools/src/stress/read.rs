//! Operations that look one key up.

use std::sync::Arc;

use verimem::Lookup;

use super::fault::Fault;
use super::features::Feature;
use super::merged::is_refusal;
use super::oracle::{Check, Floor, Oracle};
use super::plan::{KEYS, Rank};
use super::statistics;
use super::subject::At;
use super::tally::Op;
use super::worker::Worker;
use super::world::Generation;

/// One lookup, chosen at random.
pub fn step<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let generation = Arc::clone(&worker.view);
    let rank = key(worker, &generation);
    let result = match worker.rng.below(24) {
        0..4 => racing(worker, &generation, rank),
        4..8 => newest(worker, &generation, rank),
        8..11 => old(worker, &generation, rank),
        11..14 => entry(worker, &generation, rank),
        14..16 => several(worker, &generation),
        16..20 => merged(worker, &generation, rank),
        20 | 21 => statistics::step(worker, &generation),
        _ => contains(worker, &generation, rank),
    };
    result.map_err(|what| format!("table {}: {what}", generation.ledger))
}

/// Any key, or one of those that were written lately.
fn key<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Rank {
    let reserved = worker.world.clock().reserved();
    if reserved > generation.ledger.first && worker.rng.one_in(2) {
        let recent = (reserved - generation.ledger.first).min(256);
        return worker
            .world
            .plan
            .rank(reserved - 1 - worker.rng.below(recent));
    }
    worker.rng.below(KEYS) as Rank
}

fn count<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, answer: &Lookup<'_>) {
    let op = if matches!(answer, Lookup::NotFound) {
        Op::GetMiss
    } else {
        Op::GetHit
    };
    worker.tally.add(generation.ledger.rep, op, 1);
}

/// Reads the newest entry while it may just be written.
fn racing<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let world = worker.world;
    let oracle = world.oracle(&generation.ledger);
    let floor = floor(worker, &oracle, rank);
    let answer = get(generation, world.plan.key(rank), &At::now())?;
    oracle.lookup_racing(rank, floor, &answer)?;
    count(worker, generation, &answer);
    Ok(())
}

/// Without a floor the reader has no order with the writer but the table's.
fn floor<F: Fault>(worker: &mut Worker<'_, F>, oracle: &Oracle<'_>, rank: Rank) -> Floor {
    if worker.rng.one_in(2) {
        oracle.floor(rank)
    } else {
        Floor::default()
    }
}

/// Reads at the newest snapshot that has one right answer.
fn newest<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let Some(at) = newest_time(worker, generation)? else {
        return Ok(());
    };
    let answer = exact(worker, generation, rank, &at)?;
    count(worker, generation, &answer);
    Ok(())
}

/// Reads a key once when there is one right answer.
pub fn exact<'t, F: Fault>(
    worker: &Worker<'_, F>,
    generation: &'t Generation<F>,
    rank: Rank,
    at: &At,
) -> Check<Lookup<'t>> {
    let world = worker.world;
    let answer = get(generation, world.plan.key(rank), at)?;
    world
        .oracle(&generation.ledger)
        .lookup_exact(rank, at, &answer)?;
    Ok(answer)
}

/// Reads a key with its operands merged, maybe while it is written.
fn merged<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let world = worker.world;
    if !world.scope.has(Feature::Merges) {
        return Ok(());
    }
    let oracle = world.oracle(&generation.ledger);
    let (at, floor) = match worker.rng.below(4) {
        0 => (Some(At::now()), Some(floor(worker, &oracle, rank))),
        1 => (newest_time(worker, generation)?, None),
        _ => (old_time(worker, generation)?, None),
    };
    let Some(at) = at else { return Ok(()) };
    let answer = generation.subject.get_merged(world.plan.key(rank), &at);
    match (floor, answer) {
        (None, answer) => oracle.merged_exact(rank, &at, &answer)?,
        (Some(floor), Ok(answer)) => oracle.merged_racing(rank, floor, &answer)?,
        // Whether there is something below that cannot be merged into is for the others.
        (Some(_), Err(error)) if is_refusal(&error) => {}
        (Some(_), Err(error)) => return Err(format!("get_merged of key {rank} fails: {error}")),
    }
    worker.tally.add(generation.ledger.rep, Op::GetMerged, 1);
    Ok(())
}

/// The most keys of one `multi_get`: more than are looked up together.
const MOST_KEYS: u64 = 70;

/// Reads several keys at once, while they may just be written or at a snapshot
/// that has one right answer for each.
fn several<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Check {
    let world = worker.world;
    let oracle = world.oracle(&generation.ledger);
    let count = worker.rng.below(MOST_KEYS);
    let ranks: Vec<_> = (0..count).map(|_| key(worker, generation)).collect();
    let keys: Vec<_> = ranks.iter().map(|rank| world.plan.key(*rank)).collect();
    let at = if worker.rng.one_in(2) {
        None
    } else {
        old_time(worker, generation)?
    };
    let floors: Vec<_> = match at {
        None => ranks.iter().map(|rank| oracle.floor(*rank)).collect(),
        Some(_) => Vec::new(),
    };
    let answers = generation
        .subject
        .multi_get(&keys, &at.clone().unwrap_or_else(At::now))
        .map_err(|error| format!("multi_get of {count} keys at {at:?} fails: {error}"))?;
    if answers.len() != ranks.len() {
        return Err(format!(
            "multi_get of {count} keys: {} answers",
            answers.len()
        ));
    }
    for (index, (rank, answer)) in ranks.iter().zip(&answers).enumerate() {
        match &at {
            Some(at) => oracle.lookup_exact(*rank, at, answer),
            None => oracle.lookup_racing(*rank, floors[index], answer),
        }
        .map_err(|what| format!("multi_get, answer {index} of {count}: {what}"))?;
    }
    worker.tally.add(generation.ledger.rep, Op::MultiGet, count);
    Ok(())
}

/// Reads twice at an old snapshot.
fn old<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let Some(at) = old_time(worker, generation)? else {
        return Ok(());
    };
    let answer = exact(worker, generation, rank, &at)?;
    let again = get(generation, worker.world.plan.key(rank), &at)?;
    // By their text: everything in an answer is part of it.
    if format!("{answer:?}") != format!("{again:?}") {
        return Err(format!(
            "get of key {rank} at {at:?} first {answer:?}, then {again:?}"
        ));
    }
    worker
        .tally
        .add(generation.ledger.rep, Op::GetOldSnapshot, 1);
    Ok(())
}

/// Now, if there is one right answer now: through a view, or all below the settled edge.
fn newest_time<F: Fault>(
    worker: &mut Worker<'_, F>,
    generation: &Generation<F>,
) -> Check<Option<At>> {
    if worker.rng.one_in(2)
        && let Some(view) = worker.look(generation)?
    {
        worker.tally.add(generation.ledger.rep, Op::ReadView, 1);
        return Ok(Some(At {
            snapshot: view.sequence(),
            view: Some(view),
        }));
    }
    let settled = worker.world.clock().settled();
    Ok(settled.checked_sub(1).map(At::all))
}

/// An old snapshot, of everything or seen through a view.
pub fn old_time<F: Fault>(
    worker: &mut Worker<'_, F>,
    generation: &Generation<F>,
) -> Check<Option<At>> {
    let Some(snapshot) = old_snapshot(worker, generation) else {
        return Ok(None);
    };
    if worker.rng.one_in(2)
        && let Some(view) = worker.look(generation)?
    {
        worker.tally.add(generation.ledger.rep, Op::ReadView, 1);
        return Ok(Some(At {
            snapshot: snapshot.min(view.sequence()),
            view: Some(view),
        }));
    }
    Ok(Some(At::all(snapshot)))
}

/// A snapshot below the settled edge, preferably within the table's life.
pub fn old_snapshot<F: Fault>(
    worker: &mut Worker<'_, F>,
    generation: &Generation<F>,
) -> Option<u64> {
    let settled = worker.world.clock().settled();
    let end = generation
        .ledger
        .end
        .get()
        .map_or(settled, |end| settled.min(*end));
    let life = end
        .checked_sub(generation.ledger.first)
        .filter(|life| *life > 0);
    match life {
        Some(life) => Some(generation.ledger.first + worker.rng.below(life)),
        None => settled.checked_sub(1),
    }
}

/// Reads the newest visible entry of a key, whatever its kind.
fn entry<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let world = worker.world;
    let Some(snapshot) = old_snapshot(worker, generation) else {
        return Ok(());
    };
    let found = generation
        .subject
        .get_entry(world.plan.key(rank), snapshot)
        .map_err(|error| format!("get_entry of key {rank} at {snapshot} fails: {error}"))?;
    let oracle = world.oracle(&generation.ledger);
    let expected = oracle.newest_entry(rank, snapshot);
    if let Some(found) = found {
        oracle.certify(&found, world.clock().settled())?;
    }
    let sequence = found.map(|found| found.sequence);
    if sequence != expected {
        return Err(format!(
            "get_entry of key {rank} at {snapshot} finds {sequence:?}, expected {expected:?}"
        ));
    }
    worker.tally.add(generation.ledger.rep, Op::GetEntry, 1);
    Ok(())
}

/// Asks for one version that is there, and for one that is not.
fn contains<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let world = worker.world;
    let Some(sequence) = old_snapshot(worker, generation) else {
        return Ok(());
    };
    let owner = world.plan.rank(sequence);
    let expected = generation.ledger.contains(sequence);
    if generation.subject.contains(world.plan.key(owner), sequence) != expected {
        return Err(format!(
            "contains(key {owner}, {sequence}) is not {expected}"
        ));
    }
    if rank != owner && generation.subject.contains(world.plan.key(rank), sequence) {
        return Err(format!(
            "contains(key {rank}, {sequence}), but that is key {owner}"
        ));
    }
    worker.tally.add(generation.ledger.rep, Op::Contains, 1);
    Ok(())
}

fn get<'t, F: Fault>(generation: &'t Generation<F>, key: &[u8], at: &At) -> Check<Lookup<'t>> {
    generation
        .subject
        .get(key, at)
        .map_err(|error| format!("get of {key:02x?} at {at:?} fails: {error}"))
}
