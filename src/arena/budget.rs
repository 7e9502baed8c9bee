//! The trait through which an arena tells somebody how much memory it holds.

use core::fmt::Debug;

use crate::sync::Arc;

/// Somebody who is told of every block that an arena reserves (SPEC A5).
///
/// A write-buffer manager implements it; the arena does not know the manager.
/// The arena calls without holding any lock, so an implementation may block,
/// panic or call back into the table: a panic in [`charge`](Self::charge)
/// leaves arena and table as they were. But whoever is charged is a writer
/// inside of the table: a seal waits for it. An implementation that blocks until
/// memory is freed must not depend on that very table being sealed; stall
/// writers before they enter instead.
///
/// For each arena, the bytes given to [`release`](Self::release) sum to those
/// given to [`charge`](Self::charge) once the arena is gone.
pub trait Budget: Debug + Send + Sync + 'static {
    /// `bytes` are about to be reserved.
    fn charge(&self, bytes: usize);

    /// The arena stops growing, and its `bytes` will be released as soon as the
    /// last user is gone. Called at most once per arena, at seal.
    fn begin_release(&self, bytes: usize) {
        let _ = bytes;
    }

    /// `bytes` were freed, or were never reserved after all.
    fn release(&self, bytes: usize);
}

/// Somebody who gives each table a budget of its own, as a write-buffer manager does
/// (SPEC Q1): it can tell which memory belongs to tables that are sealed.
pub trait BudgetFactory: Debug + Send + Sync + 'static {
    /// The budget of one new table, or arena. Called once for each.
    fn open(self: Arc<Self>) -> Arc<dyn Budget>;
}
