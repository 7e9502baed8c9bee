//! What the threads of a run share: the current table and those before it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use verimem::Protection;
use verimem::{Error, MemTable};

use super::clock::Clock;
use super::ledger::Ledger;
use super::oracle::{Check, Oracle};
use super::plan::Plan;
use super::rng::hash;
use super::subject::{Fault, Subject};
use super::walk::OwnedWalk;

/// A table and its record.
pub struct Generation<F> {
    /// The table.
    pub subject: Subject<F>,
    /// What it acknowledged.
    pub ledger: Arc<Ledger>,
}

/// Violations after which the run stops: the first ones tell the story.
const ENOUGH: usize = 16;

/// Shared by all threads of a run.
///
/// A table is in one of four places: current, sealed (waiting for its full
/// check), retired (checked, still read), or in the hands of owned cursors.
pub struct World<F> {
    /// Seed of everything.
    pub seed: u64,
    /// What sequence numbers write.
    pub plan: Plan,
    /// Which are finished.
    pub clock: Clock,
    /// Set when the threads should end.
    pub stop: AtomicBool,
    current: Mutex<Arc<Generation<F>>>,
    /// The current table's number, for looking without the lock.
    number: AtomicU64,
    rotation: Mutex<()>,
    sealed: Mutex<VecDeque<Arc<Generation<F>>>>,
    waiting: AtomicU64,
    retired: Mutex<VecDeque<Arc<Generation<F>>>>,
    owned: Mutex<Vec<OwnedWalk<F>>>,
    violations: Mutex<Vec<String>>,
}

/// A lock is only poisoned by a panic, which the run reports by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F: Fault> World<F> {
    /// A world with one empty table.
    pub fn new(seed: u64) -> Result<Self, Error> {
        let clock = Clock::new();
        let first = Arc::new(generation(seed, 0, clock.settled())?);
        Ok(Self {
            seed,
            plan: Plan::new(seed),
            clock,
            stop: AtomicBool::new(false),
            current: Mutex::new(first),
            number: AtomicU64::new(0),
            rotation: Mutex::new(()),
            sealed: Mutex::default(),
            waiting: AtomicU64::new(0),
            retired: Mutex::default(),
            owned: Mutex::default(),
            violations: Mutex::default(),
        })
    }

    /// The rules for one table.
    pub fn oracle<'w>(&'w self, ledger: &'w Ledger) -> Oracle<'w> {
        Oracle {
            plan: &self.plan,
            clock: &self.clock,
            ledger,
        }
    }

    /// Whether the threads should end.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Records what is wrong.
    pub fn violate(&self, what: String) {
        let mut violations = lock(&self.violations);
        if violations.len() < ENOUGH {
            violations.push(what);
        } else {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    /// What went wrong so far.
    pub fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    /// The current table.
    pub fn current(&self) -> Arc<Generation<F>> {
        Arc::clone(&lock(&self.current))
    }

    /// Replaces `held` if it is no longer current. Looks without the lock
    /// first: the lock would order the threads more than a user's threads are.
    pub fn refresh(&self, held: &mut Arc<Generation<F>>) {
        if self.number.load(Ordering::Relaxed) != held.ledger.number {
            *held = self.current();
        }
    }

    /// Seals `old` and puts a new table in its place, unless that was done.
    /// Answers whether this call did it.
    pub fn rotate(&self, old: &Arc<Generation<F>>) -> Check<bool> {
        let _rotating = lock(&self.rotation);
        if self.number.load(Ordering::Relaxed) != old.ledger.number {
            return Ok(false);
        }
        let number = old.ledger.number + 1;
        // Both orders are legal, and writers race with each in another way:
        // they meet a sealed table without successor, or straggle into an old
        // table that is being sealed.
        let seal_first = hash(&[self.seed, number, 3]) % 2 == 0;
        if seal_first {
            self.seal(old)?;
        }
        let fresh = generation(self.seed, number, self.clock.settled())
            .map_err(|error| format!("cannot make table {number}: {error}"))?;
        *lock(&self.current) = Arc::new(fresh);
        self.number.store(number, Ordering::Release);
        if !seal_first {
            self.seal(old)?;
        }
        lock(&self.sealed).push_back(Arc::clone(old));
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    fn seal(&self, generation: &Generation<F>) -> Check {
        generation.ledger.sealing.store(true, Ordering::Release);
        loop {
            match generation.subject.seal() {
                Ok(()) => break,
                Err(Error::Busy) if !self.stopping() => std::thread::yield_now(),
                Err(error) => {
                    return Err(format!(
                        "seal of table {} fails: {error}",
                        generation.ledger.number
                    ));
                }
            }
        }
        if !generation.subject.table().is_sealed() {
            return Err(format!(
                "table {} is not sealed after seal",
                generation.ledger.number
            ));
        }
        // Whatever is reserved later will meet the sealed table.
        let _ = generation.ledger.end.set(self.clock.reserved());
        Ok(())
    }

    /// Sealed tables that wait for their check.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The oldest sealed table, once all its writers have finished.
    pub fn take_sealed(&self) -> Option<Arc<Generation<F>>> {
        let mut sealed = lock(&self.sealed);
        let end = *sealed.front()?.ledger.end.get()?;
        if end > self.clock.settled() {
            return None;
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        sealed.pop_front()
    }

    /// Keeps a checked table readable for a while; answers with the one whose
    /// time is up.
    pub fn retire(
        &self,
        generation: Arc<Generation<F>>,
        keep: usize,
    ) -> Option<Arc<Generation<F>>> {
        let mut retired = lock(&self.retired);
        retired.push_back(generation);
        if retired.len() > keep {
            retired.pop_front()
        } else {
            None
        }
    }

    /// Takes the oldest retired table, whose time is up because the run is over.
    pub fn take_retired(&self) -> Option<Arc<Generation<F>>> {
        lock(&self.retired).pop_front()
    }

    /// One of the retired tables.
    pub fn some_retired(&self, choice: u64) -> Option<Arc<Generation<F>>> {
        let retired = lock(&self.retired);
        let index = choice.checked_rem(retired.len() as u64)?;
        retired.get(index as usize).map(Arc::clone)
    }

    /// Takes an owned cursor that some thread has left.
    pub fn take_walk(&self, choice: u64) -> Option<OwnedWalk<F>> {
        let mut owned = lock(&self.owned);
        let index = choice.checked_rem(owned.len() as u64)?;
        Some(owned.swap_remove(index as usize))
    }

    /// Leaves an owned cursor to whichever thread comes next.
    pub fn leave_walk(&self, walk: OwnedWalk<F>) {
        lock(&self.owned).push(walk);
    }

    /// Owned cursors that are waiting.
    pub fn walks(&self) -> usize {
        lock(&self.owned).len()
    }
}

/// Entries after which a table is rotated out.
fn limit(seed: u64, number: u64) -> u64 {
    let h = hash(&[seed, number, 4]);
    // The first ones are small, so that short runs rotate too.
    match number {
        0..4 => 1_000,
        _ if h % 8 == 0 => 60_000,
        _ => 2_000 + h % 20_000,
    }
}

/// Tables come in many shapes: each number has its own.
fn generation<F: Fault>(seed: u64, number: u64, first: u64) -> Result<Generation<F>, Error> {
    let h = hash(&[seed, number, 5]);
    let pick = |shift: u32, count: u64| ((h >> shift) % count) as usize;
    let protections = [
        Protection::None,
        Protection::One,
        Protection::Two,
        Protection::Four,
        Protection::Eight,
    ];
    let (height, branching) = [(12, 4), (20, 2), (4, 4), (1, 4)][pick(8, 4)];
    // A list without upper levels is searched from end to end: keep it short.
    let limit = if height == 1 {
        400
    } else {
        limit(seed, number)
    };
    let mut builder = MemTable::builder()
        .protection(protections[pick(0, 5)])
        .arena_block_size([4096, 16_384, 65_536, 1 << 20][pick(16, 4)])
        .max_height(height)
        .branching(branching)
        .earliest_sequence(first)
        .track_reads(pick(24, 2) == 0);
    if pick(32, 4) == 0 {
        builder = builder.capacity(Some(1 << 20));
    }
    Ok(Generation {
        subject: Subject::new(builder.build()?),
        ledger: Arc::new(Ledger::new(number, first, limit)),
    })
}
