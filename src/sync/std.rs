//! The production backend: the standard library's types, and nothing in between.

use core::cell::{Cell, RefCell};
use std::sync::{LockResult, OnceLock, PoisonError};
use std::time::Duration;
pub use std::time::Instant;

use smallvec::SmallVec;

pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
pub(crate) use std::sync::{
    Arc, Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawMutexGuard,
    RwLock as RawRwLock, RwLockReadGuard as RawReadGuard, RwLockWriteGuard as RawWriteGuard,
};

#[allow(unused_imports, reason = "the reserved space allocates no blocks")]
pub(crate) use super::plain::{Shadow, UnsafeCell, alloc_block, dealloc_block};
use super::random::Xorshift;

/// Waits a little longer each time: spins, yields, and in the end sleeps, since
/// whoever is waited for may be blocked, or have a lower priority.
#[derive(Debug)]
pub(crate) struct Backoff(crossbeam_utils::Backoff);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(crossbeam_utils::Backoff::new())
    }

    pub(crate) fn snooze(&self) {
        if self.0.is_completed() {
            std::thread::sleep(Duration::from_micros(100));
        } else {
            self.0.snooze();
        }
    }
}

/// Waits for a notification, or until `deadline`. May return for no reason.
pub(super) fn wait_until<'a, T>(
    condvar: &RawCondvar,
    guard: RawMutexGuard<'a, T>,
    deadline: Option<Instant>,
) -> LockResult<RawMutexGuard<'a, T>> {
    let Some(deadline) = deadline else {
        return condvar.wait(guard);
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let waited = condvar.wait_timeout(guard, left);
    let (guard, _) = waited.unwrap_or_else(PoisonError::into_inner);
    Ok(guard)
}

/// How many threads the machine runs at a time; 1 when it does not say. Asked
/// once: on Linux the answer comes out of several files.
pub(crate) fn available_parallelism() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| std::thread::available_parallelism().map_or(1, core::num::NonZero::get))
}

/// The most threads that are started for one piece of work.
const MOST_HELPERS: usize = 7;

/// Runs `work` on this thread, and on up to `helpers` others at the same time, as far as the
/// system has any; returns when all are done. A panic of one of them goes on here.
///
/// The standard library aborts if it has no memory for a thread that the system has.
pub(crate) fn run_together(helpers: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        let mut handles: SmallVec<[_; MOST_HELPERS]> = SmallVec::new();
        for _ in 0..helpers.min(MOST_HELPERS) {
            match std::thread::Builder::new().spawn_scoped(scope, &work) {
                Ok(handle) => handles.push(handle),
                Err(_) => break,
            }
        }
        work();
        for handle in handles {
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
    static RANDOM: Cell<Xorshift> = Cell::new(Xorshift::from_entropy());
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The index that tells this thread which shard of a sharded structure is its own.
#[inline]
pub(crate) fn shard_index() -> usize {
    let index = SHARD.get();
    if index == usize::MAX {
        switch_shard()
    } else {
        index
    }
}

/// Gives this thread another index, after it met contention on its own.
#[cold]
pub(crate) fn switch_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let index = NEXT.fetch_add(1, super::ord!(SHARD_INDEX_NEXT, Relaxed)) & (usize::MAX >> 1);
    SHARD.set(index);
    index
}

/// The next number of this thread's random source.
#[inline]
pub(crate) fn random_u64() -> u64 {
    let mut source = RANDOM.get();
    let value = source.next_u64();
    RANDOM.set(source);
    value
}

/// Replaces this thread's random source.
pub(super) fn seed_random(seed: u64) {
    RANDOM.set(Xorshift::new(seed));
}

/// Runs `f` on the list of tables whose door this thread is inside of. A thread
/// that is ending, and has destroyed the list already, has an empty one each time.
pub(crate) fn with_entered<R>(f: impl Fn(&mut Vec<u64>) -> R) -> R {
    ENTERED
        .try_with(|entered| f(&mut entered.borrow_mut()))
        .unwrap_or_else(|_| f(&mut Vec::new()))
}

/// Runs `f` when this thread ends, after the thread-locals that it uses for the
/// first time later than now were destroyed.
#[cfg(test)]
pub(crate) fn at_thread_end(f: impl FnOnce() + 'static) {
    struct Last(Option<Box<dyn FnOnce()>>);
    impl Drop for Last {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }
    thread_local! {
        static LAST: RefCell<Last> = const { RefCell::new(Last(None)) };
    }
    LAST.with_borrow_mut(|last| last.0 = Some(Box::new(f)));
}
