//! The full check of a sealed table, and its way out.

use std::sync::Arc;

use verimem::rep::MemTableRep;
use verimem::{Kind, MAX_SEQUENCE_NUMBER, Stats};

use super::fault::Fault;
use super::oracle::{Check, Oracle, Position};
use super::plan::{KEYS, Rank, is_tombstone};
use super::rng::Rng;
use super::scan;
use super::subject::At;
use super::tally::Op;
use super::walk::OwnedWalk;
use super::worker::Worker;
use super::world::Generation;

/// Checked tables that stay readable.
const KEEP: usize = 3;

/// Checks the oldest sealed table, if its writers have all finished, and gives
/// up the oldest of the checked ones.
pub fn check_one<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let world = worker.world;
    let Some(generation) = world.take_sealed() else {
        // A writer that has not finished needs the processor more than this one.
        std::thread::yield_now();
        return Ok(());
    };
    let mut rng = Rng::new(worker.rng.next());
    full_check(&world.oracle(&generation.ledger), &generation, &mut rng)
        .map_err(|what| format!("full check of table {}: {what}", generation.ledger))?;
    worker.tally.add(generation.ledger.rep, Op::FullCheck, 1);
    match world.retire(generation, KEEP) {
        Some(oldest) => give_up(worker, oldest),
        None => Ok(()),
    }
}

/// Drops the run's hold on a table while an owned cursor is reading it.
pub fn give_up<F: Fault>(worker: &mut Worker<'_, F>, generation: Arc<Generation<F>>) -> Check {
    let mut walk = OwnedWalk::new(&generation);
    walk.go_on(worker.world, 1)?;
    if worker.world.give_up(&generation.ledger) {
        worker
            .tally
            .add(generation.ledger.rep, Op::ForgetAborted, 1);
    }
    drop(generation);
    scan::go_on(worker, walk, 64)
}

/// Every acknowledged entry is there once, with the right bytes, in order, and
/// nothing else is; all writers have finished.
pub fn full_check<F: Fault>(
    oracle: &Oracle<'_>,
    generation: &Generation<F>,
    rng: &mut Rng,
) -> Check {
    let representation = generation.subject.table().representation();
    generation.ledger.rep.check(representation.name())?;
    let settled = oracle.clock.settled();
    let forward = scan_all(oracle, generation, true, settled)?;
    let backward = scan_all(oracle, generation, false, settled)?;
    let members = oracle.ledger.members().count() as u64;
    // Entries are distinct (the order is strict) and acknowledged (each was
    // certified below the edge): equal numbers make the sets equal.
    if forward.entries != members || backward.entries != members {
        return Err(describe_missing(
            oracle, generation, &forward, &backward, members,
        ));
    }
    let mut seen = forward;
    let mut entry = Vec::new();
    for (sequence, range) in oracle.ledger.deletions() {
        entry.clear();
        entry.extend_from_slice(oracle.plan.key(range.start));
        oracle.plan.value(sequence, &mut entry);
        seen.count(sequence, Kind::RANGE_DELETION, entry.len());
    }
    let stats = generation.subject.table().stats();
    seen.agrees(&stats)?;
    if stats.earliest_sequence != oracle.ledger.first {
        return Err(format!("the table is said to begin elsewhere: {stats:?}"));
    }
    fragments(oracle, generation, rng)?;
    for _ in 0..64 {
        let rank = rng.below(KEYS) as Rank;
        let life = settled.saturating_sub(oracle.ledger.first).max(1);
        let snapshot = oracle.ledger.first + rng.below(life);
        if snapshot >= settled {
            continue;
        }
        let at = At::all(snapshot);
        let answer = generation
            .subject
            .get(oracle.plan.key(rank), &at)
            .map_err(|error| error.to_string())?;
        oracle.lookup_exact(rank, &at, &answer)?;
    }
    Ok(())
}

/// The fragments of the range deletions in some stripe: of each key, the newest that
/// covers it.
fn fragments<F: Fault>(oracle: &Oracle<'_>, generation: &Generation<F>, rng: &mut Rng) -> Check {
    let first = oracle.ledger.first;
    let life = oracle.clock.settled() - first + 1;
    let (one, other) = (first + rng.below(life), first + rng.below(life));
    let stripe = match rng.below(4) {
        0 => 0..=MAX_SEQUENCE_NUMBER,
        _ => one.min(other)..=one.max(other),
    };
    let table = generation.subject.table();
    let mut fragments = table
        .range_deletions(stripe.clone())
        .map_err(|error| error.to_string())?
        .into_iter()
        .peekable();
    for rank in 0..KEYS as Rank {
        let key = oracle.plan.key(rank);
        while fragments.next_if(|fragment| fragment.end <= key).is_some() {}
        let covering = fragments.peek().filter(|fragment| fragment.begin <= key);
        let found = covering.map(|fragment| fragment.sequence);
        let deletions = oracle.ledger.covering(rank);
        let expected = deletions.filter(|one| stripe.contains(one)).max();
        if found != expected {
            return Err(format!(
                "fragments of {stripe:?}: key {rank} covered by {found:?}, expected {expected:?}"
            ));
        }
    }
    Ok(())
}

/// What counters count, of what was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Entries of all kinds.
    pub entries: u64,
    deletions: u64,
    merges: u64,
    range_deletions: u64,
    data_size: u64,
    smallest: Option<u64>,
    largest: Option<u64>,
}

impl Seen {
    /// Counts an entry whose key and value have so many bytes.
    pub fn count(&mut self, sequence: u64, kind: Kind, bytes: usize) {
        let ranges = u64::from(kind == Kind::RANGE_DELETION);
        self.entries += 1;
        self.range_deletions += ranges;
        self.deletions += u64::from(is_tombstone(kind)) - ranges;
        self.merges += u64::from(kind == Kind::MERGE);
        self.data_size += bytes as u64 + 8;
        self.smallest = Some(self.smallest.map_or(sequence, |one| one.min(sequence)));
        self.largest = self.largest.max(Some(sequence));
    }

    /// That the counters of a sealed table say the same.
    pub fn agrees(&self, stats: &Stats) -> Check {
        let counted = Self {
            entries: stats.entries,
            deletions: stats.deletions,
            merges: stats.merges,
            range_deletions: stats.range_deletions,
            data_size: stats.data_size,
            smallest: stats.first_sequence,
            largest: stats.largest_sequence,
        };
        if counted != *self {
            return Err(format!("the table holds {self:?}, and counts {stats:?}"));
        }
        Ok(())
    }
}

fn scan_all<F: Fault>(
    oracle: &Oracle<'_>,
    generation: &Generation<F>,
    forward: bool,
    settled: u64,
) -> Check<Seen> {
    let mut seen = Seen::default();
    let mut cursor = generation.subject.cursor();
    if forward {
        cursor.seek_to_first();
    } else {
        cursor.seek_to_last();
    }
    let mut last: Option<Position> = None;
    while let Some(entry) = cursor
        .entry()
        .map_err(|error| format!("a broken entry after {last:?}: {error}"))?
    {
        let found = oracle.certify(&entry, settled)?;
        let in_order = last.is_none_or(|last| if forward { last < found } else { last > found });
        if !in_order {
            return Err(format!("{found:?} follows {last:?}, forward: {forward}"));
        }
        last = Some(found);
        let bytes = entry.user_key.len() + entry.value.len();
        seen.count(entry.sequence, entry.kind, bytes);
        if forward {
            cursor.next();
        } else {
            cursor.prev();
        }
    }
    Ok(seen)
}

fn describe_missing<F: Fault>(
    oracle: &Oracle<'_>,
    generation: &Generation<F>,
    forward: &Seen,
    backward: &Seen,
    members: u64,
) -> String {
    let missing: Vec<u64> = oracle
        .ledger
        .members()
        .filter(|sequence| {
            !generation
                .subject
                .contains(oracle.plan.key(oracle.plan.rank(*sequence)), *sequence)
        })
        .take(8)
        .collect();
    format!(
        "{members} entries were acknowledged, a forward scan finds {}, a backward scan {}; \
         the first sequence numbers that contains() denies: {missing:?}",
        forward.entries, backward.entries,
    )
}
