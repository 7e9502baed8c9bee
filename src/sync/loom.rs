//! The loom backend: weak memory, exhausted.

use core::cell::RefCell;
use core::ptr::NonNull;
use std::alloc::Layout;
use std::sync::LockResult;

pub(crate) use loom::cell::UnsafeCell;
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};
pub(crate) use loom::sync::{
    Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawMutexGuard, RwLock as RawRwLock,
    RwLockReadGuard as RawReadGuard, RwLockWriteGuard as RawWriteGuard,
};
/// Containers are shared by the standard `Arc`: its counters are not under test
/// and would only multiply the executions.
pub(crate) use std::sync::Arc;

/// A cell that loom tracks in place of plain memory: a read that is not ordered
/// after the write is reported as a race.
#[derive(Debug)]
pub(crate) struct Shadow(UnsafeCell<()>);

impl Shadow {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(()))
    }
    #[track_caller]
    pub(crate) fn write(&self) {
        self.0.with_mut(|_| ());
    }
    #[track_caller]
    pub(crate) fn read(&self) {
        self.0.with(|_| ());
    }
}

/// Spinning is a schedule point that lets the others go first.
#[derive(Debug)]
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) fn new() -> Self {
        Self
    }
    pub(crate) fn snooze(&self) {
        loom::thread::yield_now();
    }
}

/// Allocates a block that loom's leak detection watches.
///
/// # Safety
///
/// `layout` has a size above zero.
pub(crate) unsafe fn alloc_block(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: the caller guarantees a size above zero, the only requirement.
    NonNull::new(unsafe { loom::alloc::alloc_zeroed(layout) })
}

/// Gives a block back.
///
/// # Safety
///
/// `block` came from [`alloc_block`] with this `layout` and nobody uses it any more.
pub(crate) unsafe fn dealloc_block(block: NonNull<u8>, layout: Layout) {
    // SAFETY: passed on from the caller, word for word.
    unsafe { loom::alloc::dealloc(block.as_ptr(), layout) }
}

/// Two shards, so that models can choose between sharing one and having two.
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

loom::thread_local! {
    static SHARD: core::cell::Cell<usize> = core::cell::Cell::new(0);
    static ENTERED: RefCell<Vec<u64>> = RefCell::new(Vec::new());
}

pub(crate) fn shard_index() -> usize {
    SHARD.with(core::cell::Cell::get)
}

/// Contention moves no thread here: a model says which shard is whose.
pub(crate) fn switch_shard() -> usize {
    shard_index()
}

/// Says which shard the current thread of a model uses.
pub fn set_shard_index(index: usize) {
    SHARD.with(|shard| shard.set(index));
}

/// Always the same number: models script what production draws.
pub(crate) fn random_u64() -> u64 {
    u64::MAX
}

pub(super) fn seed_random(_seed: u64) {}

pub(crate) fn with_entered<R>(f: impl Fn(&mut Vec<u64>) -> R) -> R {
    ENTERED.with(|entered| f(&mut entered.borrow_mut()))
}
