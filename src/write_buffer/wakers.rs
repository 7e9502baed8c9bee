//! The wakers of tasks that wait.

use core::task::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Wakers by slot; a slot that is given back is used again.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    slots: Vec<Slot>,
    /// The first free slot.
    free: Option<usize>,
}

#[derive(Debug)]
enum Slot {
    Taken(Waker),
    /// The next free slot.
    Free(Option<usize>),
}

impl Wakers {
    /// Puts a waker into a slot of its own. O(1), amortised; gives the waker back when
    /// there is no memory.
    pub(super) fn insert(&mut self, waker: Waker) -> Result<usize, Waker> {
        if let Some(at) = self.free {
            if let Slot::Free(next) = self.slots[at] {
                self.free = next;
            }
            self.slots[at] = Slot::Taken(waker);
            return Ok(at);
        }
        if is_memory_refused() || self.slots.try_reserve(1).is_err() {
            return Err(waker);
        }
        self.slots.push(Slot::Taken(waker));
        Ok(self.slots.len() - 1)
    }

    /// Puts another waker into a taken slot; returns the one that was there.
    pub(super) fn replace(&mut self, at: usize, waker: Waker) -> Option<Waker> {
        match self.slots.get_mut(at)? {
            Slot::Taken(old) => Some(core::mem::replace(old, waker)),
            Slot::Free(_) => Some(waker),
        }
    }

    /// Frees a taken slot; returns its waker.
    pub(super) fn remove(&mut self, at: usize) -> Option<Waker> {
        let slot = self.slots.get_mut(at)?;
        match core::mem::replace(slot, Slot::Free(self.free)) {
            Slot::Taken(waker) => {
                self.free = Some(at);
                Some(waker)
            }
            free @ Slot::Free(_) => {
                *slot = free;
                None
            }
        }
    }

    /// Takes all of them, for a caller to wake without a lock.
    pub(super) fn take(&mut self) -> Woken {
        self.free = None;
        Woken(core::mem::take(&mut self.slots).into_iter())
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
pub(super) struct Woken(std::vec::IntoIter<Slot>);

impl Woken {
    /// Wakes them. The first panic goes on here.
    pub(super) fn wake(mut self) {
        while let Some(waker) = self.next() {
            waker.wake();
        }
    }

    fn next(&mut self) -> Option<Waker> {
        loop {
            if let Slot::Taken(waker) = self.0.next()? {
                return Some(waker);
            }
        }
    }
}

impl Drop for Woken {
    /// After a panic, which goes on: those that follow are lost.
    fn drop(&mut self) {
        while let Some(waker) = self.next() {
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}
