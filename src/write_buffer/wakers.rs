//! The wakers of tasks that wait.

use core::iter::Flatten;
use core::task::Waker;
use std::collections::TryReserveError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::IntoIter;

/// Wakers by slot; a slot that is given back is used again.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    slots: Vec<Option<Waker>>,
    /// The slots without a waker. Has room for all of them.
    free: Vec<usize>,
}

impl Wakers {
    /// Puts a waker into a slot of its own. O(1), amortised; gives the waker back when
    /// there is no memory.
    pub(super) fn insert(&mut self, waker: Waker) -> Result<usize, Waker> {
        if let Some(at) = self.free.pop() {
            self.slots[at] = Some(waker);
            return Ok(at);
        }
        if is_memory_refused() || self.reserve().is_err() {
            return Err(waker);
        }
        self.slots.push(Some(waker));
        Ok(self.slots.len() - 1)
    }

    /// Makes room for one more; called when no slot is free.
    fn reserve(&mut self) -> Result<(), TryReserveError> {
        self.slots.try_reserve(1)?;
        self.free.try_reserve(self.slots.len() + 1)
    }

    /// Puts another waker into a taken slot; returns the one that was there.
    pub(super) fn replace(&mut self, at: usize, waker: Waker) -> Option<Waker> {
        self.slots.get_mut(at)?.replace(waker)
    }

    /// Frees a taken slot; returns its waker.
    pub(super) fn remove(&mut self, at: usize) -> Option<Waker> {
        let waker = self.slots.get_mut(at)?.take()?;
        self.free.push(at);
        Some(waker)
    }

    /// Takes all of them, for a caller to wake without a lock.
    pub(super) fn take(&mut self) -> Woken {
        self.free.clear();
        Woken(core::mem::take(&mut self.slots).into_iter().flatten())
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
use crate::sync::is_memory_refused;

#[cfg(not(all(test, not(any(loom, shuttle)))))]
const fn is_memory_refused() -> bool {
    false
}

/// Wakers of tasks that were released, and are to be woken: when this is dropped if not
/// before. No task is left out because the waker of another one panics.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Woken(Flatten<IntoIter<Option<Waker>>>);

impl Woken {
    /// Wakes them. The first panic goes on here.
    pub(super) fn wake(mut self) {
        for waker in self.0.by_ref() {
            waker.wake();
        }
    }
}

impl Drop for Woken {
    /// After a panic, which goes on: those that follow are lost.
    fn drop(&mut self) {
        for waker in self.0.by_ref() {
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}
