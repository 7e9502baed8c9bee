//! What the threads of a run share: the current table and those before it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use verimem::Error;
use verimem::sequencer::ReadView;

use super::beside::Beside;
use super::clock::Clock;
use super::fault::Fault;
use super::features::Feature;
use super::ledger::Ledger;
use super::oracle::{Check, Oracle};
use super::order::{Batch, Order};
use super::plan::Plan;
use super::rng::hash;
use super::scope::Scope;
use super::shape::generation;
use super::subject::Subject;
use super::walk::OwnedWalk;

/// A table and its record.
pub struct Generation<F> {
    /// The table.
    pub subject: Subject<F>,
    /// What it acknowledged.
    pub ledger: Arc<Ledger>,
}

/// Violations after which a run stops: the first ones tell the story.
const ENOUGH: usize = 16;

/// Shared by all threads of a run.
///
/// A table is in one of four places: current, sealed (waiting for its full
/// check), retired (checked, still read), or in the hands of owned cursors.
pub struct World<F> {
    /// Seed of everything.
    pub seed: u64,
    /// What the run drives.
    pub scope: Scope,
    /// What sequence numbers write.
    pub plan: Plan,
    /// Tables of other kinds.
    pub beside: Beside<F>,
    order: Order,
    fault: F,
    /// Set when the threads should end.
    pub stop: AtomicBool,
    current: Mutex<Arc<Generation<F>>>,
    /// The current table's number, for looking without the lock.
    number: AtomicU64,
    rotation: Mutex<()>,
    sealed: Mutex<VecDeque<Arc<Generation<F>>>>,
    waiting: AtomicU64,
    retired: Mutex<VecDeque<Arc<Generation<F>>>>,
    /// First sequence numbers of the tables that are not given up.
    living: Mutex<Vec<u64>>,
    owned: Mutex<Vec<OwnedWalk<F>>>,
    violations: Mutex<Vec<String>>,
    /// A violation that says one of these is enough by itself.
    pub decisive: Vec<String>,
}

/// A lock is only poisoned by a panic, which the run reports by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<F: Fault> World<F> {
    /// A world with one empty table.
    pub fn new(seed: u64, scope: Scope) -> Result<Self, Error> {
        let fault = F::default();
        let order = Order::new(seed, scope.has(Feature::Sequencer))?;
        let settled = order.clock.settled();
        let first = Arc::new(generation(seed, &scope, 0, settled)?);
        Ok(Self {
            seed,
            plan: Plan::new(seed, scope.features()),
            beside: Beside::new(seed, &scope)?,
            scope,
            order,
            fault,
            stop: AtomicBool::new(false),
            current: Mutex::new(first),
            number: AtomicU64::new(0),
            rotation: Mutex::new(()),
            sealed: Mutex::default(),
            waiting: AtomicU64::new(0),
            retired: Mutex::default(),
            living: Mutex::new(vec![settled]),
            owned: Mutex::default(),
            violations: Mutex::default(),
            decisive: Vec::new(),
        })
    }

    /// The rules for one table, for readers that see everything.
    pub fn oracle<'w>(&'w self, ledger: &'w Ledger) -> Oracle<'w> {
        Oracle {
            plan: &self.plan,
            clock: self.clock(),
            ledger,
            hides_below: 0,
        }
    }

    /// Which sequence numbers are finished.
    pub fn clock(&self) -> &Clock {
        &self.order.clock
    }

    /// A batch of `count` numbers in a row, or `None` if too many are under way.
    pub fn begin(&self, count: u64) -> Check<Option<Batch<'_, F>>> {
        self.order.begin(&self.fault, count)
    }

    /// What a reader of this table sees from now on, if the run drives the sequencer
    /// and has not given the table up. `last` is what the same reader saw before.
    pub fn view(&self, generation: &Generation<F>, last: &mut u64) -> Check<Option<ReadView>> {
        let view = self.order.view(last)?;
        // Pairs with the fence in `give_up`: a view that lacks what was forgotten comes
        // with a table that is known to be given up.
        fence(Ordering::Acquire);
        let dropped = generation.ledger.dropped.load(Ordering::Relaxed);
        Ok(view.filter(|_| !dropped))
    }

    /// Whether all is finished and published, after the run.
    pub fn check_end(&self) -> Check {
        self.order.check_end()
    }

    /// Whether the threads should end.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Records what is wrong.
    pub fn violate(&self, what: String) {
        let mut violations = lock(&self.violations);
        let is_decisive = self.decisive.iter().any(|sign| what.contains(sign));
        if violations.len() < ENOUGH || is_decisive {
            violations.push(what);
        }
        if violations.len() >= ENOUGH || is_decisive {
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
        let seal_first = hash(&[self.seed, number, 3]).is_multiple_of(2);
        if seal_first {
            self.seal(old)?;
        }
        let first = self.clock().settled();
        let fresh = generation(self.seed, &self.scope, number, first)
            .map_err(|error| format!("cannot make table {number}: {error}"))?;
        lock(&self.living).push(first);
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
                        generation.ledger
                    ));
                }
            }
        }
        if !generation.subject.table().is_sealed() {
            return Err(format!(
                "table {} is not sealed after seal",
                generation.ledger
            ));
        }
        // Whatever is reserved later will meet the sealed table.
        let _ = generation.ledger.end.set(self.clock().reserved());
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
        if end > self.clock().settled() {
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

    /// Declares a table given up; answers whether the sequencer was told which aborted
    /// batches no table has any more.
    pub fn give_up(&self, ledger: &Ledger) -> bool {
        ledger.dropped.store(true, Ordering::Relaxed);
        fence(Ordering::Release);
        let mut living = lock(&self.living);
        if let Some(place) = living.iter().position(|first| *first == ledger.first) {
            living.swap_remove(place);
        }
        let oldest = living.iter().min().copied();
        drop(living);
        match (self.order.sequencer(), oldest) {
            (Some(sequencer), Some(oldest)) => {
                sequencer.forget_aborted(oldest);
                true
            }
            _ => false,
        }
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
