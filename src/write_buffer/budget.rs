//! The budget of one table.

use core::fmt;

use super::WriteBufferManager;
use crate::arena::Budget;
use crate::sync::ledger::FAULT_WRITE_BUFFER_SEAL_UNLOCKED;
use crate::sync::{Arc, Mutex, fault};

/// What a manager gives to each table: knows what the table holds, and whether it is sealed.
pub(super) struct TableBudget {
    manager: Arc<WriteBufferManager>,
    account: Mutex<Account>,
}

#[derive(Debug, Default)]
struct Account {
    /// Bytes charged and not released.
    held: usize,
    /// What is held, and charged from now on, is not mutable.
    sealed: bool,
}

impl TableBudget {
    pub(super) fn new(manager: Arc<WriteBufferManager>) -> Self {
        Self {
            manager,
            account: Mutex::new(Account::default()),
        }
    }

    /// Takes off up to `bytes`: never more than is held.
    fn take_off(&self, bytes: usize) {
        let mut account = self.account.lock();
        let bytes = bytes.min(account.held);
        account.held -= bytes;
        self.manager.sub(bytes, !account.sealed);
    }
}

/// A charge that is taken back unless the cache was told of it.
struct Undo<'a>(&'a TableBudget, usize);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.0.take_off(self.1);
        // The cache has just panicked: it hears of this with the next change.
        drop(self.0.manager.end_stall());
    }
}

impl Budget for TableBudget {
    fn charge(&self, bytes: usize) {
        let mut account = self.account.lock();
        let bytes = bytes.min(usize::MAX - account.held);
        account.held += bytes;
        self.manager.add(bytes, !account.sealed);
        drop(account);
        let undo = Undo(self, bytes);
        self.manager.tell_cache();
        core::mem::forget(undo);
    }

    /// What counts is what was charged in all, not only by the arena.
    fn begin_release(&self, _bytes: usize) {
        let mut account = self.account.lock();
        let held = account.held;
        if fault(&FAULT_WRITE_BUFFER_SEAL_UNLOCKED) {
            drop(account);
            account = self.account.lock();
        }
        if !core::mem::replace(&mut account.sealed, true) {
            self.manager.sub_mutable(held);
        }
    }

    fn release(&self, bytes: usize) {
        self.take_off(bytes);
        self.manager.after_release();
    }
}

impl fmt::Debug for TableBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableBudget")
            .field("account", &*self.account.lock())
            .finish_non_exhaustive()
    }
}

impl Drop for TableBudget {
    /// What was never released goes with the table.
    fn drop(&mut self) {
        let held = self.account.lock().held;
        if held > 0 {
            self.release(held);
        }
    }
}
