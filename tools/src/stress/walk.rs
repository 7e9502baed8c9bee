//! Steps of cursors, each checked against the oracle.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use verimem::EntryRef;
use verimem::Result;

use super::fault::Fault;
use super::ledger::Ledger;
use super::oracle::{Check, Oracle, Position};
use super::subject::{Cursor, OwnedCursor};
use super::world::{Generation, World};
use crate::rep::Rep;

/// Checks what a step of any cursor yields. `settled` has to be an edge that
/// was read before the step: what was finished by then must not be missed.
pub fn check_step(
    oracle: &Oracle<'_>,
    entry: Result<Option<EntryRef<'_>>>,
    low: Position,
    high: Position,
    settled: u64,
) -> Check<Option<Position>> {
    let entry = entry.map_err(|error| format!("the cursor's entry is broken: {error}"))?;
    let Some(entry) = entry else {
        oracle.nothing_between(low, high, settled)?;
        return Ok(None);
    };
    let found = oracle.certify(&entry, settled)?;
    if found <= low || found >= high {
        return Err(format!(
            "the cursor yields {found:?}, not between {low:?} and {high:?}"
        ));
    }
    Ok(Some(found))
}

/// A forward step from `from` (exclusive).
pub fn check_forward(
    oracle: &Oracle<'_>,
    entry: Result<Option<EntryRef<'_>>>,
    from: Position,
    settled: u64,
) -> Check<Option<Position>> {
    let found = check_step(oracle, entry, from, Position::LAST, settled)?;
    if let Some(found) = found {
        oracle.nothing_between(from, found, settled)?;
    }
    Ok(found)
}

/// A backward step from `from` (exclusive).
pub fn check_backward(
    oracle: &Oracle<'_>,
    entry: Result<Option<EntryRef<'_>>>,
    from: Position,
    settled: u64,
) -> Check<Option<Position>> {
    let found = check_step(oracle, entry, Position::FIRST, from, settled)?;
    if let Some(found) = found {
        oracle.nothing_between(found, from, settled)?;
    }
    Ok(found)
}

/// Scans from where the cursor was last put, `from` (exclusive) being just
/// before that place in the direction of the scan. Answers with the number of
/// entries seen.
pub fn scan<F: Fault>(
    oracle: &Oracle<'_>,
    cursor: &mut Cursor<'_, F>,
    mut from: Position,
    forward: bool,
    // The edge that was read before the cursor was put there.
    mut settled: u64,
    steps: u64,
) -> Check<u64> {
    for step in 0..steps {
        let entry = cursor.entry();
        let found = if forward {
            check_forward(oracle, entry, from, settled)?
        } else {
            check_backward(oracle, entry, from, settled)?
        };
        let Some(found) = found else { return Ok(step) };
        from = found;
        settled = oracle.clock.settled();
        if forward {
            cursor.next();
        } else {
            cursor.prev();
        }
    }
    Ok(steps)
}

/// A cursor that owns its table, passed from thread to thread.
pub struct OwnedWalk<F> {
    cursor: OwnedCursor<F>,
    ledger: Arc<Ledger>,
    from: Position,
    seen: u64,
}

impl<F: Fault> OwnedWalk<F> {
    /// A walk from the table's first entry on. It holds on to the table and
    /// to the record, but not to the generation.
    pub fn new(generation: &Generation<F>) -> Self {
        let ledger = Arc::clone(&generation.ledger);
        Self {
            cursor: generation.subject.owned_cursor(),
            ledger,
            from: Position::FIRST,
            seen: 0,
        }
    }

    /// Takes up to `steps` steps; answers whether there is more to come.
    pub fn go_on(&mut self, world: &World<F>, steps: u64) -> Check<bool> {
        let oracle = world.oracle(&self.ledger);
        for _ in 0..steps {
            let settled = world.clock().settled();
            if self.seen == 0 {
                self.cursor.seek_to_first();
            } else {
                self.cursor.next();
            }
            let found = check_forward(&oracle, self.cursor.entry(), self.from, settled)
                .map_err(|what| format!("owned cursor of table {}: {what}", self.ledger))?;
            let Some(found) = found else { return Ok(false) };
            self.from = found;
            self.seen += 1;
        }
        Ok(true)
    }

    /// What its table stands on.
    pub fn rep(&self) -> Rep {
        self.ledger.rep
    }

    /// Entries read so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether the run has given the table up.
    pub fn outlives_table(&self) -> bool {
        self.ledger.dropped.load(Ordering::Relaxed)
    }
}
