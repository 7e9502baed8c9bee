//! Operations that look one key up.

use std::sync::Arc;

use verimem::Lookup;
use verimem::MAX_SEQUENCE_NUMBER;

use super::oracle::{Check, Expected};
use super::plan::{KEYS, Rank};
use super::subject::Fault;
use super::tally::Op;
use super::worker::Worker;
use super::world::Generation;

/// One lookup, chosen at random.
pub fn step<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let generation = Arc::clone(&worker.view);
    let rank = key(worker, &generation);
    let result = match worker.rng.below(18) {
        0..4 => racing(worker, &generation, rank),
        4..8 => newest(worker, &generation, rank),
        8..11 => old(worker, &generation, rank),
        11..14 => entry(worker, &generation, rank),
        14..16 => several(worker, &generation),
        _ => contains(worker, &generation, rank),
    };
    result.map_err(|what| format!("table {}: {what}", generation.ledger.number))
}

/// Any key, or one of those that were written lately.
fn key<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>) -> Rank {
    let reserved = worker.world.clock.reserved();
    if reserved > generation.ledger.first && worker.rng.one_in(2) {
        let recent = (reserved - generation.ledger.first).min(256);
        return worker
            .world
            .plan
            .rank(reserved - 1 - worker.rng.below(recent));
    }
    worker.rng.below(KEYS) as Rank
}

fn count<F: Fault>(worker: &mut Worker<'_, F>, answer: &Lookup<'_>) {
    let op = if matches!(answer, Lookup::NotFound) {
        Op::GetMiss
    } else {
        Op::GetHit
    };
    worker.tally.add(op, 1);
}

/// Reads the newest entry while it may just be written.
fn racing<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let world = worker.world;
    let oracle = world.oracle(&generation.ledger);
    // Without a floor the reader has no order with the writer but the table's.
    let floor = if worker.rng.one_in(2) {
        oracle.floor(rank)
    } else {
        None
    };
    let answer = get(generation, world.plan.key(rank), MAX_SEQUENCE_NUMBER)?;
    oracle.lookup_racing(rank, MAX_SEQUENCE_NUMBER, floor, &answer)?;
    count(worker, &answer);
    Ok(())
}

/// Reads at the newest snapshot that has one right answer.
fn newest<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let world = worker.world;
    let Some(snapshot) = world.clock.settled().checked_sub(1) else {
        return Ok(());
    };
    let answer = get(generation, world.plan.key(rank), snapshot)?;
    world
        .oracle(&generation.ledger)
        .lookup_exact(rank, snapshot, &answer)?;
    count(worker, &answer);
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
    let snapshot = if worker.rng.one_in(2) {
        None
    } else {
        old_snapshot(worker, generation)
    };
    let floors: Vec<_> = match snapshot {
        None => ranks.iter().map(|rank| oracle.floor(*rank)).collect(),
        Some(_) => Vec::new(),
    };
    let answers = generation
        .subject
        .multi_get(&keys, snapshot.unwrap_or(MAX_SEQUENCE_NUMBER))
        .map_err(|error| format!("multi_get of {count} keys at {snapshot:?} fails: {error}"))?;
    if answers.len() != ranks.len() {
        return Err(format!(
            "multi_get of {count} keys: {} answers",
            answers.len()
        ));
    }
    for (index, (rank, answer)) in ranks.iter().zip(&answers).enumerate() {
        match snapshot {
            Some(snapshot) => oracle.lookup_exact(*rank, snapshot, answer),
            None => oracle.lookup_racing(*rank, MAX_SEQUENCE_NUMBER, floors[index], answer),
        }
        .map_err(|what| format!("multi_get, answer {index} of {count}: {what}"))?;
    }
    worker.tally.add(Op::MultiGet, count);
    Ok(())
}

/// Reads twice at an old snapshot.
fn old<F: Fault>(worker: &mut Worker<'_, F>, generation: &Generation<F>, rank: Rank) -> Check {
    let world = worker.world;
    let Some(snapshot) = old_snapshot(worker, generation) else {
        return Ok(());
    };
    let key = world.plan.key(rank);
    let answer = get(generation, key, snapshot)?;
    world
        .oracle(&generation.ledger)
        .lookup_exact(rank, snapshot, &answer)?;
    let again = get(generation, key, snapshot)?;
    // By their text: everything in an answer is part of it.
    if format!("{answer:?}") != format!("{again:?}") {
        return Err(format!(
            "get of key {rank} at {snapshot} first {answer:?}, then {again:?}"
        ));
    }
    worker.tally.add(Op::GetOldSnapshot, 1);
    Ok(())
}

/// A snapshot below the settled edge, preferably within the table's life.
pub fn old_snapshot<F: Fault>(
    worker: &mut Worker<'_, F>,
    generation: &Generation<F>,
) -> Option<u64> {
    let settled = worker.world.clock.settled();
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
    let expected: Expected = oracle.expected(rank, snapshot);
    if let Some(found) = found {
        oracle.certify(&found, world.clock.settled())?;
    }
    let sequence = found.map(|found| found.sequence);
    if sequence != expected.newest() {
        return Err(format!(
            "get_entry of key {rank} at {snapshot} finds {sequence:?}, expected {expected:?}"
        ));
    }
    worker.tally.add(Op::GetEntry, 1);
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
    worker.tally.add(Op::Contains, 1);
    Ok(())
}

fn get<'t, F: Fault>(
    generation: &'t Generation<F>,
    key: &[u8],
    snapshot: u64,
) -> Check<Lookup<'t>> {
    generation
        .subject
        .get(key, snapshot)
        .map_err(|error| format!("get of {key:02x?} at {snapshot} fails: {error}"))
}
