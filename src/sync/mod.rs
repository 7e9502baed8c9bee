//! The one door to everything a checker must control.
//!
//! No other file of this crate names `std::sync`, `core::sync::atomic`,
//! `std::thread`, a clock, a random source, `loom` or `shuttle`
//! (`cargo xtask tidy` enforces it). Three backends stand behind the door:
//!
//! | backend | chosen by | atomics | what it is for |
//! |---|---|---|---|
//! | std | default | `core::sync::atomic` | production: the shim compiles to nothing |
//! | loom | `--cfg loom` | `loom::sync::atomic` | weak memory, exhausted small models |
//! | shuttle | `--cfg shuttle` | `shuttle::sync::atomic` | sequential consistency, larger schedules |
//!
//! Besides the types, the shim owns:
//!
//! - **ordering names**: every atomic access says `ord!(SITE, Acquire)`;
//!   [`crate::ledger`] has the row of each site, and a checker build can weaken
//!   one site through the environment, so that one binary covers every mutant;
//! - **faults**: named logic errors that a checker build can switch on, to show
//!   that the suites notice them;
//! - the random source, the thread's index, back-off, block allocation, work on
//!   several threads, and prefetching.

pub mod ledger;

#[cfg(not(any(loom, shuttle)))]
#[path = "std.rs"]
mod backend;

#[cfg(loom)]
#[path = "loom.rs"]
mod backend;

#[cfg(shuttle)]
#[path = "shuttle.rs"]
mod backend;

#[cfg(any(loom, shuttle))]
mod mutation;

#[cfg(any(test, loom, shuttle))]
mod witness;

#[cfg(shuttle)]
pub(crate) use backend::Towers;

#[cfg(not(loom))]
mod plain;
mod prefetch;
mod random;

#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) use backend::at_thread_end;
pub(crate) use backend::{
    Arc, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Backoff, Shadow, UnsafeCell,
    available_parallelism, random_u64, run_together, shard_index, switch_shard, with_entered,
};
#[allow(unused_imports, reason = "the reserved space allocates no blocks")]
pub(crate) use backend::{alloc_block, dealloc_block};
pub(crate) use prefetch::{LINE, prefetch};
pub use random::seed_thread_rng;

#[cfg(any(loom, shuttle))]
pub use backend::set_shard_index;
#[cfg(any(loom, shuttle))]
pub use witness::Visits;
#[cfg(any(test, loom, shuttle))]
pub(crate) use witness::note_visits;
#[cfg(any(test, loom, shuttle))]
pub use witness::visits_of;
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) use witness::{is_memory_refused, without_memory};

/// The direction of a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Ahead,
    Behind,
}

/// Counts nodes visited ahead of time: never, outside of tests and checkers.
#[cfg(not(any(test, loom, shuttle)))]
#[inline(always)]
pub(crate) const fn note_visits(_way: Way, _nodes: usize) {}

/// Resolves the ordering of a named site.
///
/// `ord!(SITE, Acquire)` does not compile unless [`ledger`] has a row `SITE`
/// whose ordering is `Acquire`. With the std backend it is that constant; under
/// a checker it is what the environment variable `VERIMEM_WEAKEN` makes of it.
macro_rules! ord {
    ($site:ident, $ordering:ident) => {{
        const ORDERING: core::sync::atomic::Ordering = {
            assert!(
                matches!(
                    $crate::sync::ledger::$site.ordering,
                    core::sync::atomic::Ordering::$ordering
                ),
                "the ledger row of this site has another ordering"
            );
            core::sync::atomic::Ordering::$ordering
        };
        #[cfg(not(any(loom, shuttle)))]
        {
            ORDERING
        }
        #[cfg(any(loom, shuttle))]
        {
            $crate::sync::weakened(&$crate::sync::ledger::$site, ORDERING)
        }
    }};
}
pub(crate) use ord;

#[cfg(any(loom, shuttle))]
pub(crate) use mutation::weakened;

/// True when the named fault is switched on (only ever in a checker build).
///
/// The name must be a row of [`ledger::FAULTS`].
#[cfg(any(loom, shuttle))]
pub(crate) use mutation::fault;

/// True when the named fault is switched on: never, outside a checker build.
#[cfg(not(any(loom, shuttle)))]
#[inline(always)]
pub(crate) const fn fault(_fault: &ledger::Fault) -> bool {
    false
}

/// A mutual exclusion lock that does not know poisoning.
///
/// The data behind each lock of this crate is consistent whenever user code can
/// run, so a panic of that code leaves nothing to be afraid of.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(backend::RawMutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(backend::RawMutex::new(value))
    }

    /// Waits for the lock.
    pub(crate) fn lock(&self) -> backend::RawMutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// A lock for one writer or any number of readers, which does not know poisoning.
///
/// As for [`Mutex`]; no user code runs with it held.
#[derive(Debug)]
pub(crate) struct RwLock<T>(backend::RawRwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(backend::RawRwLock::new(value))
    }

    /// Waits until nobody writes.
    #[inline]
    pub(crate) fn read(&self) -> backend::RawReadGuard<'_, T> {
        match self.0.read() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// Waits until nobody else reads or writes.
    #[inline]
    pub(crate) fn write(&self) -> backend::RawWriteGuard<'_, T> {
        match self.0.write() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

/// Whether this thread is inside of the door of any table.
pub(crate) fn is_entered() -> bool {
    with_entered(|tables| !tables.is_empty())
}

/// A number that no other call in this process returns; starts at 1.
///
/// Never a schedule point under a checker: identity is not part of any protocol.
pub(crate) fn unique_id() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, ord!(UNIQUE_ID, Relaxed))
}
