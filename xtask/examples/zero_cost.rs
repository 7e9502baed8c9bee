//! What `cargo xtask zero-cost` compiles twice: atomic accesses as the library
//! makes them, through its `sync` module, and with `--cfg zero_cost_plain` the
//! same accesses by `core` alone. Both must come to the same instructions.

#![allow(
    unexpected_cfgs,
    reason = "`zero_cost_plain` is set by one task, for one file"
)]

#[cfg(not(zero_cost_plain))]
#[allow(dead_code, unused_imports, reason = "the probes use a part of it")]
#[path = "../../src/sync/mod.rs"]
mod sync;

#[cfg(not(zero_cost_plain))]
mod backend {
    pub(crate) use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Mutex, Shadow, UnsafeCell};

    /// The shim's name for an ordering.
    macro_rules! ordering {
        ($site:ident, $ordering:ident) => {
            crate::sync::ord!($site, $ordering)
        };
    }

    /// True when a fault is switched on.
    macro_rules! faulty {
        ($fault:ident) => {
            crate::sync::fault(&crate::sync::ledger::$fault)
        };
    }

    pub(crate) use {faulty, ordering};
}

#[cfg(zero_cost_plain)]
mod backend {
    pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};

    macro_rules! ordering {
        ($site:ident, $ordering:ident) => {
            core::sync::atomic::Ordering::$ordering
        };
    }

    macro_rules! faulty {
        ($fault:ident) => {
            false
        };
    }

    pub(crate) use {faulty, ordering};

    /// Nothing at all.
    pub(crate) struct Shadow;

    impl Shadow {
        pub(crate) fn read(&self) {}
        pub(crate) fn write(&self) {}
    }

    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

use backend::{AtomicU32, AtomicU64, AtomicUsize, Mutex, Shadow, UnsafeCell, faulty, ordering};

/// A node's first fields.
#[repr(C)]
struct Node {
    link: AtomicU32,
    shadow: Shadow,
}

#[unsafe(no_mangle)]
fn probe_load(link: &AtomicU32) -> u32 {
    link.load(ordering!(SKIPLIST_LINK0_LOAD, Acquire))
}

#[unsafe(no_mangle)]
fn probe_walk(link: &AtomicU64, other: &AtomicU64) -> u64 {
    let word = link.load(ordering!(SKIPLIST_UPPER_LOAD, Acquire));
    word ^ other.load(ordering!(SKIPLIST_UPPER_LOAD, Acquire))
}

#[unsafe(no_mangle)]
fn probe_store(link: &AtomicU32, offset: u32) {
    link.store(offset, ordering!(SKIPLIST_LINK0_INIT, Relaxed));
    link.store(offset, ordering!(SKIPLIST_LINK0_STORE, Release));
}

#[unsafe(no_mangle)]
fn probe_exchange(link: &AtomicU64, expected: u64, new: u64) -> bool {
    link.compare_exchange(
        expected,
        new,
        ordering!(SKIPLIST_UPPER_CAS, Release),
        ordering!(SKIPLIST_UPPER_CAS_FAILED, Relaxed),
    )
    .is_ok()
}

#[unsafe(no_mangle)]
fn probe_bump(word: &AtomicU64, by: u64) -> u64 {
    let mut seen = word.load(ordering!(ARENA_SHARD_LOAD, Relaxed));
    loop {
        if faulty!(FAULT_ARENA_LOAD_STORE_BUMP) {
            word.store(seen + by, ordering!(ARENA_SHARD_FAULT_STORE, Relaxed));
            return seen;
        }
        match word.compare_exchange_weak(
            seen,
            seen.wrapping_add(by),
            ordering!(ARENA_SHARD_TAKE, Acquire),
            ordering!(ARENA_SHARD_TAKE_FAILED, Relaxed),
        ) {
            Ok(_) => return seen,
            Err(actual) => seen = actual,
        }
    }
}

#[unsafe(no_mangle)]
fn probe_raise(height: &AtomicUsize, to: usize) -> usize {
    height.fetch_max(to, ordering!(SKIPLIST_HEIGHT_RAISE, Relaxed))
}

#[unsafe(no_mangle)]
fn probe_leave(door: &AtomicU64, weight: u64) {
    door.fetch_sub(weight, ordering!(DOOR_LEAVE, Release));
}

#[unsafe(no_mangle)]
fn probe_swap(chunk: &AtomicU64, new: u64) -> u64 {
    chunk.swap(new, ordering!(ARENA_SHARD_REPLACE, Release))
}

#[unsafe(no_mangle)]
fn probe_shadow(node: &Node) -> u32 {
    node.shadow.write();
    node.shadow.read();
    // Not the same as another probe: the two would become one function.
    node.link.load(ordering!(SKIPLIST_LINK0_LOAD, Acquire)) ^ 1
}

#[unsafe(no_mangle)]
fn probe_cell(cell: &UnsafeCell<u64>, to: u64) -> u64 {
    // SAFETY: never run; whoever ran it would have to be alone.
    let before = cell.with(|place| unsafe { place.read() });
    // SAFETY: as above.
    cell.with_mut(|place| unsafe { place.write(to) });
    before
}

#[unsafe(no_mangle)]
fn probe_lock(counter: &Mutex<u64>) -> u64 {
    let mut counter = counter.lock();
    *counter = counter.wrapping_add(1);
    *counter
}

fn main() {
    println!("compiled to be read: cargo xtask zero-cost");
}
