//! The door that writers pass, once per batch.
//!
//! One word: two flags for the seal, one for an exclusive writer, and a count of
//! the writers inside. All changes are read-modify-writes of that word, so a
//! writer is either counted before the seal, and waited for, or refused after.

use crossbeam_utils::CachePadded;

use crate::error::{Error, Result};
use crate::rep::Sharing;
use crate::sync::ledger::{FAULT_MEMTABLE_IGNORE_SEAL, FAULT_MEMTABLE_NO_DRAIN};
use crate::sync::{AtomicU64, Backoff, fault, ord, with_entered};

/// No writer may enter.
const CLOSED: u64 = 1;
/// And none is inside any more.
const SEALED: u64 = 2;
/// The one writer inside is alone.
const EXCLUSIVE: u64 = 4;
/// One writer.
const ONE: u64 = 8;

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Beside others.
    Shared,
    /// Alone.
    Exclusive,
}

impl Side {
    /// Who else may be inserting.
    #[inline(always)]
    pub(super) fn sharing(self) -> Sharing {
        match self {
            Self::Shared => Sharing::Concurrent,
            Self::Exclusive => Sharing::Exclusive,
        }
    }

    const fn weight(self) -> u64 {
        match self {
            Self::Shared => ONE,
            Self::Exclusive => ONE | EXCLUSIVE,
        }
    }
}

/// On a cache line of its own: every batch writes it twice, and around it is what
/// every search reads.
#[derive(Debug)]
pub(super) struct Door(CachePadded<AtomicU64>);

impl Door {
    pub(super) fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    /// Lets the calling thread in, or says why not. Lock-free.
    #[inline]
    pub(super) fn enter(&self, side: Side, table: u64) -> Result<()> {
        with_entered(|tables| {
            // What can fail comes first: once counted in, a writer must get out again.
            tables
                .try_reserve(1)
                .map_err(|_| Error::OutOfMemory { requested: 8 })?;
            self.count_in(side)?;
            tables.push(table);
            Ok(())
        })
    }

    /// Counts a writer in, or says why not.
    #[inline]
    fn count_in(&self, side: Side) -> Result<()> {
        let mut word = self.0.load(ord!(DOOR_LOAD, Relaxed));
        loop {
            if word & CLOSED != 0 && !fault(&FAULT_MEMTABLE_IGNORE_SEAL) {
                return Err(Error::Sealed);
            }
            if word & EXCLUSIVE != 0 || (side == Side::Exclusive && word >= ONE) {
                return Err(Error::Busy);
            }
            match self.0.compare_exchange_weak(
                word,
                word + side.weight(),
                ord!(DOOR_ENTER, Acquire),
                ord!(DOOR_ENTER_FAILED, Relaxed),
            ) {
                Ok(_) => return Ok(()),
                Err(actual) => word = actual,
            }
        }
    }

    /// Lets the calling thread out.
    #[inline]
    pub(super) fn leave(&self, side: Side, table: u64) {
        with_entered(|tables| {
            if let Some(index) = tables.iter().rposition(|&entered| entered == table) {
                tables.swap_remove(index);
            }
        });
        self.0.fetch_sub(side.weight(), ord!(DOOR_LEAVE, Release));
    }

    /// Closes the door, waits until nobody is inside, and calls `finish` before it says that the
    /// table is sealed: two sealers both do.
    pub(super) fn seal(&self, table: u64, finish: impl FnOnce()) -> Result<()> {
        if with_entered(|tables| tables.contains(&table)) {
            return Err(Error::Reentrant);
        }
        self.0.fetch_or(CLOSED, ord!(DOOR_SEAL, Relaxed));
        let backoff = Backoff::new();
        while self.0.load(ord!(DOOR_DRAIN, Acquire)) >= ONE {
            if fault(&FAULT_MEMTABLE_NO_DRAIN) {
                break;
            }
            backoff.snooze();
        }
        finish();
        self.0.fetch_or(SEALED, ord!(DOOR_SEALED_STORE, Release));
        Ok(())
    }

    #[inline]
    pub(super) fn is_sealed(&self) -> bool {
        self.0.load(ord!(DOOR_SEALED_LOAD, Acquire)) & SEALED != 0
    }
}
