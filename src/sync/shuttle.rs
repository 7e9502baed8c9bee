//! The shuttle backend: randomised schedules under sequential consistency.

use core::cell::RefCell;
use std::sync::LockResult;

pub(crate) use shuttle::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
pub(crate) use shuttle::sync::{
    Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawMutexGuard, RwLock as RawRwLock,
    RwLockReadGuard as RawReadGuard, RwLockWriteGuard as RawWriteGuard,
};
pub(crate) use std::sync::Arc;

pub(crate) use super::plain::{Shadow, UnsafeCell, alloc_block, dealloc_block};

#[derive(Debug)]
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) fn new() -> Self {
        Self
    }
    pub(crate) fn snooze(&self) {
        shuttle::thread::yield_now();
    }
}

pub(crate) fn available_parallelism() -> usize {
    2
}

/// Waits for a notification; a model moves the clock and notifies, see
/// [`clock`](super::clock).
pub(super) fn wait_until<'a, T>(
    condvar: &RawCondvar,
    guard: RawMutexGuard<'a, T>,
    _deadline: Option<super::Instant>,
) -> LockResult<RawMutexGuard<'a, T>> {
    condvar.wait(guard)
}

/// Work that is shared out is no part of any protocol: a model does it alone.
pub(crate) fn run_together(_helpers: usize, work: impl Fn() + Sync) {
    work();
}

shuttle::thread_local! {
    static SHARD: core::cell::Cell<usize> = core::cell::Cell::new(0);
    static ENTERED: RefCell<Vec<u64>> = RefCell::new(Vec::new());
}

pub(crate) fn shard_index() -> usize {
    SHARD.with(core::cell::Cell::get)
}

pub(crate) fn switch_shard() -> usize {
    SHARD.with(|shard| {
        shard.set(shard.get() + 1);
        shard.get()
    })
}

/// Says which shard the current thread of a model uses.
pub fn set_shard_index(index: usize) {
    SHARD.with(|shard| shard.set(index));
}

/// Drawn from shuttle's source, so that a seed replays it.
pub(crate) fn random_u64() -> u64 {
    use shuttle::rand::RngCore;
    shuttle::rand::thread_rng().next_u64()
}

pub(super) fn seed_random(_seed: u64) {}

pub(crate) fn with_entered<R>(f: impl Fn(&mut Vec<u64>) -> R) -> R {
    ENTERED.with(|entered| f(&mut entered.borrow_mut()))
}

/// What is to be done when a list is dropped: shuttle's atomics own heap memory,
/// and live in an arena that drops nothing.
#[derive(Default)]
pub(crate) struct Towers(std::sync::Mutex<Vec<Box<dyn FnOnce()>>>);

// SAFETY: the closures only drop atomics of a list that nobody uses any more,
// and run on the one system thread that shuttle has.
unsafe impl Send for Towers {}
// SAFETY: as above; the list of closures is behind a lock.
unsafe impl Sync for Towers {}

impl Towers {
    pub(crate) fn remember(&self, drop_links: impl FnOnce() + 'static) {
        let mut towers = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        towers.push(Box::new(drop_links));
    }
}

impl Drop for Towers {
    fn drop(&mut self) {
        let towers = self
            .0
            .get_mut()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        for drop_links in towers.drain(..) {
            drop_links();
        }
    }
}
