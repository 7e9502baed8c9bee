//! Tables beside the row, of kinds that the row does not have, each with an oracle of its own.
//!
//! * [`in_place`] updates values where they are, [`overwrite`] adds the same entry again,
//!   [`stamped`] has timestamps in its keys.
//! * A [`Row`] has one table at a time. When it is full it is sealed, beside writers
//!   and readers, and compared with its own counters; the last thread that lets go of it
//!   compares it with the oracle.

mod in_place;
mod overwrite;
mod stamped;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use verimem::Error;

use super::fault::Fault;
use super::features::Feature;
use super::oracle::Check;
use super::rng::Rng;
use super::scope::{Scope, in_turn};
use super::tally::{Op, Tally};
use super::worker::Worker;
use crate::rep::Rep;
use in_place::InPlace;
use overwrite::Overwritten;
use stamped::Stamped;

/// Steps on one table before the thread goes back to the row.
const STEPS: u32 = 4;

/// A table with an oracle of its own.
trait Side: Sized {
    /// What counts tables of this kind that were compared with their oracle.
    const TABLES: Op;

    /// An empty table, the `number`th of its row.
    fn new(seed: u64, number: u64, rep: Rep) -> Result<Self, Error>;

    /// What the table says that it stands on.
    fn representation(&self) -> &'static str;

    /// Writes; false when the table is sealed.
    fn write(&self, turn: &mut Turn<'_>) -> Check<bool>;

    /// Reads, maybe while others write.
    fn read(&self, turn: &mut Turn<'_>) -> Check;

    /// Whether there was enough of it.
    fn is_full(&self) -> bool;

    /// Seals the table.
    fn seal(&self) -> Result<(), Error>;

    /// That the counters of the sealed table are right. Others may still be reading, and
    /// have the answers to their writes to come.
    fn counts(&self) -> Check;

    /// That all is there, and nothing else: nobody is inside any more.
    fn finish(&self) -> Check;
}

/// What one step may use of its thread.
struct Turn<'t> {
    rng: &'t mut Rng,
    tally: &'t mut Tally,
    thread: u64,
    /// What the table stands on.
    rep: Rep,
}

/// A table of a row, and its number.
struct Numbered<T> {
    table: T,
    number: u64,
    rep: Rep,
    /// Set before the table is sealed.
    sealing: AtomicBool,
}

/// One kind of tables.
struct Row<T> {
    seed: u64,
    /// What its tables stand on, in turn.
    reps: Vec<Rep>,
    current: Mutex<Arc<Numbered<T>>>,
    /// The current table's number, for looking without the lock.
    number: AtomicU64,
}

/// What a thread holds of a row.
type Held<T> = Option<Arc<Numbered<T>>>;

impl<T: Side> Numbered<T> {
    fn new(seed: u64, number: u64, reps: &[Rep]) -> Result<Arc<Self>, Error> {
        let rep = in_turn(reps, number);
        Ok(Arc::new(Self {
            table: T::new(seed, number, rep)?,
            number,
            rep,
            sealing: AtomicBool::new(false),
        }))
    }
}

/// The table's number, and what it stands on.
impl<T> fmt::Display for Numbered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.rep.name())
    }
}

impl<T: Side> Row<T> {
    fn new(seed: u64, reps: Vec<Rep>) -> Result<Self, Error> {
        Ok(Self {
            seed,
            current: Mutex::new(Numbered::new(seed, 0, &reps)?),
            reps,
            number: AtomicU64::new(0),
        })
    }

    fn current(&self) -> Arc<Numbered<T>> {
        let current = self.current.lock();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    fn step(&self, held: &mut Held<T>, writes: bool, turn: &mut Turn<'_>) -> Check {
        let number = self.number.load(Ordering::Relaxed);
        if held.as_ref().is_none_or(|held| held.number != number) {
            let old = held.replace(self.current());
            let_go(old, turn.tally)?;
        }
        let Some(held) = held else { return Ok(()) };
        turn.rep = held.rep;
        let told = |what| format!("table {held}: {what}");
        if !writes {
            return held.table.read(turn).map_err(told);
        }
        let open = held.table.write(turn).map_err(told)?;
        if !open && !held.sealing.load(Ordering::Acquire) {
            return Err(told("it refuses writes before it is sealed".to_owned()));
        }
        if held.table.is_full() {
            self.rotate(held).map_err(told)?;
        }
        Ok(())
    }

    /// Seals a table and puts a new one in its place, unless that was done.
    fn rotate(&self, old: &Numbered<T>) -> Check {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number != old.number {
            return Ok(());
        }
        old.sealing.store(true, Ordering::Release);
        // Writers here never hold an exclusive writer, nor stop inside.
        while let Err(error) = old.table.seal() {
            if !matches!(error, Error::Busy) {
                return Err(format!("seal fails: {error}"));
            }
            std::thread::yield_now();
        }
        *current = Numbered::new(self.seed, old.number + 1, &self.reps)
            .map_err(|error| format!("cannot make the next: {error}"))?;
        self.number.store(current.number, Ordering::Release);
        drop(current);
        old.rep.check(old.table.representation())?;
        old.table.counts()
    }

    /// Seals the last table and compares it: nobody holds one any more.
    fn close(&self, tally: &mut Tally) -> Check {
        let last = self.current();
        self.rotate(&last)
            .map_err(|what| format!("table {last}: {what}"))?;
        if Arc::strong_count(&last) != 1 {
            return Err(format!("table {last} is still in use"));
        }
        let_go(Some(last), tally)
    }
}

/// The last one that lets go of a table compares it.
fn let_go<T: Side>(held: Held<T>, tally: &mut Tally) -> Check {
    let Some(last) = held.and_then(Arc::into_inner) else {
        return Ok(());
    };
    tally.add(last.rep, T::TABLES, 1);
    last.table
        .finish()
        .map_err(|what| format!("full check of table {last}: {what}"))
}

/// The rows that a run drives.
pub struct Beside<F> {
    in_place: Option<Row<InPlace<F>>>,
    overwrite: Option<Row<Overwritten<F>>>,
    stamped: Option<Row<Stamped<F>>>,
}

/// What a thread holds of them.
pub struct Hands<F> {
    in_place: Held<InPlace<F>>,
    overwrite: Held<Overwritten<F>>,
    stamped: Held<Stamped<F>>,
}

impl<F> Default for Hands<F> {
    fn default() -> Self {
        Self {
            in_place: None,
            overwrite: None,
            stamped: None,
        }
    }
}

/// A row, if the run drives its kind.
fn row<T: Side>(seed: u64, scope: &Scope, feature: Feature) -> Result<Option<Row<T>>, Error> {
    let reps = scope.reps_for(feature);
    (!reps.is_empty()).then(|| Row::new(seed, reps)).transpose()
}

impl<F: Fault> Beside<F> {
    /// One empty table of each kind.
    pub fn new(seed: u64, scope: &Scope) -> Result<Self, Error> {
        Ok(Self {
            in_place: row(seed, scope, Feature::InPlace)?,
            overwrite: row(seed, scope, Feature::Overwrite)?,
            stamped: row(seed, scope, Feature::Timestamps)?,
        })
    }

    /// Seals and compares what is left after the run.
    pub fn close(&self, tally: &mut Tally) -> Check {
        close(self.in_place.as_ref(), "in place", tally)?;
        close(self.overwrite.as_ref(), "overwrite", tally)?;
        close(self.stamped.as_ref(), "timestamps", tally)
    }
}

fn close<T: Side>(row: Option<&Row<T>>, name: &str, tally: &mut Tally) -> Check {
    let closed = row.map_or(Ok(()), |row| row.close(tally));
    closed.map_err(|what| format!("{name}: {what}"))
}

/// One step on one of the rows, chosen at random.
pub fn step<F: Fault>(worker: &mut Worker<'_, F>, writes: bool) -> Check {
    let choice = worker.rng.below(3);
    let Beside {
        in_place,
        overwrite,
        stamped,
    } = &worker.world.beside;
    let turn = &mut Turn {
        rng: &mut worker.rng,
        tally: &mut worker.tally,
        thread: worker.index as u64,
        rep: worker.current.ledger.rep,
    };
    let hands = &mut worker.hands;
    match choice {
        0 => drive(
            in_place.as_ref(),
            &mut hands.in_place,
            writes,
            turn,
            "in place",
        ),
        1 => drive(
            overwrite.as_ref(),
            &mut hands.overwrite,
            writes,
            turn,
            "overwrite",
        ),
        _ => drive(
            stamped.as_ref(),
            &mut hands.stamped,
            writes,
            turn,
            "timestamps",
        ),
    }
}

fn drive<T: Side>(
    row: Option<&Row<T>>,
    held: &mut Held<T>,
    writes: bool,
    turn: &mut Turn<'_>,
    name: &str,
) -> Check {
    let Some(row) = row else { return Ok(()) };
    (0..STEPS)
        .try_for_each(|_| row.step(held, writes, turn))
        .map_err(|what| format!("{name}: {what}"))
}

/// Lets go of all tables.
pub fn leave<F: Fault>(worker: &mut Worker<'_, F>) -> Check {
    let Hands {
        in_place,
        overwrite,
        stamped,
    } = std::mem::take(&mut worker.hands);
    let_go(in_place, &mut worker.tally)
        .and(let_go(overwrite, &mut worker.tally))
        .and(let_go(stamped, &mut worker.tally))
}

/// Whether a write was refused because the table is sealed, or is being sealed.
fn accepted<T>(result: Result<T, Error>, what: &str) -> Check<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(Error::Sealed | Error::Busy) => Ok(None),
        Err(error) => Err(format!("{what} fails: {error}")),
    }
}
