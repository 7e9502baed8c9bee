//! One memory budget over many tables (SPEC Q1 to Q3): RocksDB's `WriteBufferManager`.
//!
//! A [`WriteBufferManager`] counts the memory of all tables that were built with it, in any
//! number of databases of one process. It says when the largest of them should be sealed and
//! flushed, makes a cache give up as much as the tables take, and holds writers up while
//! there is no room.
//!
//! ```
//! use verimem::write_buffer::WriteBufferManager;
//! use verimem::{Kind, MemTable};
//!
//! let manager = WriteBufferManager::new(1 << 20);
//! let table = MemTable::builder()
//!     .write_buffer_size(1 << 20)
//!     .write_buffer_manager(manager.clone())
//!     .build()?;
//! let mut sequence = 0;
//! while !manager.should_flush() {
//!     sequence += 1;
//!     table.add(sequence, Kind::VALUE, &sequence.to_be_bytes(), &[0; 1000])?;
//! }
//! assert_eq!(manager.mutable_memory_usage(), table.memory_usage().allocated);
//! table.seal()?; // being freed, and still there
//! assert_eq!(manager.mutable_memory_usage(), 0);
//! assert_eq!(manager.memory_usage(), table.memory_usage().allocated);
//! drop(table);
//! assert_eq!(manager.memory_usage(), 0);
//! # Ok::<(), verimem::Error>(())
//! ```
//!
//! # Stalls
//!
//! With `allow_stall`, a stall begins when the memory in use reaches the size, and ends when
//! it falls below, by tables that are dropped or by a larger size, or when the size is set to
//! 0 or stalls are forbidden. An engine asks before it lets a writer in: a thread by
//! [`stall`](WriteBufferManager::stall), a task by
//! [`stall_async`](WriteBufferManager::stall_async). Whoever waits when a stall ends is
//! released, all at once, and is not asked again, so that nobody starves. Adding to a table
//! never waits by itself.
//!
//! Do not wait with a [`Writer`](crate::Writer) at hand: the seal that would free memory
//! waits for that writer. And memory is free when the last handle, reader or cursor of a
//! table is dropped: who waits and may hold that one, gives a deadline.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use verimem::write_buffer::{StallOutcome, WriteBufferManager, WriteBufferOptions};
//! use verimem::{Kind, MemTable};
//!
//! let manager = WriteBufferManager::with_options(WriteBufferOptions {
//!     buffer_size: 1 << 16,
//!     allow_stall: true,
//!     ..WriteBufferOptions::default()
//! });
//! let table = MemTable::builder().write_buffer_manager(manager.clone()).build()?;
//! assert_eq!(manager.stall(None), StallOutcome::Clear);
//! table.add(1, Kind::VALUE, b"key", &[0; 1 << 16])?; // is all that there may be
//! let soon = Instant::now() + Duration::from_millis(1);
//! assert_eq!(manager.stall(Some(soon)), StallOutcome::TimedOut);
//!
//! let waiting = std::thread::spawn({
//!     let manager = manager.clone();
//!     move || manager.stall(None)
//! });
//! while manager.stats().waiting == 0 {
//!     std::thread::yield_now();
//! }
//! drop(table);
//! assert_eq!(waiting.join().unwrap(), StallOutcome::Released);
//! # Ok::<(), verimem::Error>(())
//! ```
//!
//! # Thread safety
//!
//! Everything works from any number of threads. Counting a block takes the lock of its
//! table's budget for a few instructions; freeing also takes the lock of stalls. Asking
//! whether to flush or to stall takes none. No user code, which is wakers and the cache, runs
//! with a lock held: it may call back.
//!
//! # Invariants
//!
//! 1. **W1, balance.** The memory in use is what budgets hold, the mutable memory what budgets
//!    hold that no seal was announced to; but for charges in progress, which come in early,
//!    and releases in progress, which go out late. Neither is ever below zero, at any size,
//!    since both are counted at every size.
//! 2. **W2, nobody is stranded.** When no release and no change of an option is in progress,
//!    and there is no stall, nobody waits.
//! 3. **W3, once.** Each wait ends once: released, timed out, or given up. A future that was
//!    dropped is woken by no stall that ends later.
//! 4. **W4, all.** A stall that ends releases all who wait.
//! 5. **W5, the cache follows.** When no charge and no release is in progress, the cache was
//!    last told of at least the memory in use, in whole steps, and of at most a third more, or
//!    of what makes it a whole step. It is told by one thread at a time.
//!
//! Why W2 holds: what can end a stall is a smaller memory in use, and another option. Each of
//! these is made before the lock of stalls is taken to see whether somebody is to be
//! released. A wait begins under that lock, after a look at whether there is a stall. Whoever
//! of all these holds the lock last comes after every change that can end a stall, and sees
//! them all; charges, which take no lock, only make the memory in use larger, and larger still
//! is what is there in the end. So if there is no stall in the end, the last one sees none:
//! it begins no wait, or releases those who wait. That is what locks order, so no access to
//! the counters needs to be stronger than Relaxed.
//!
//! Why W1 holds: a budget's charges and releases are ordered by its lock, and it releases no
//! more than it holds. So in each counter's own order, every prefix has at least as much
//! charged as released, for each budget and for all of them.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `used`, `mutable` | budgets, each under its own lock | anyone |
//! | `size`, `allow_stall` | who sets them | anyone |
//! | a budget's account | who charges, seals and releases, under its lock | the same |
//! | waits, wakers, their counts | who waits, who ends a stall, under the lock of stalls | the same, and who asks for figures |
//! | what the cache was told | the one thread that tells it, under the cache's lock | the same |
//!
//! No lock is taken with another one held.

mod budget;
mod cache;
mod stall;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod wakers;

pub use cache::{CACHE_STEP, CacheReservation};
pub use stall::{StallFuture, StallOutcome};

use core::fmt;
use core::time::Duration;

use crossbeam_utils::CachePadded;

use crate::arena::{Budget, BudgetFactory};
use crate::sync::ledger::{
    FAULT_WRITE_BUFFER_COUNT_ENABLED, FAULT_WRITE_BUFFER_SILENT_RESIZE,
    FAULT_WRITE_BUFFER_WAKE_FIRST,
};
use crate::sync::{Arc, AtomicUsize, Instant, fault, ord};
use budget::TableBudget;
use cache::Cache;
use stall::Stalls;
use wakers::Woken;

/// What a [`WriteBufferManager`] can be told.
#[derive(Debug, Clone, Default)]
pub struct WriteBufferOptions {
    /// The memory in bytes that all tables together are to stay below; 0, the default, sets
    /// no limit: memory is counted, nothing is to be flushed, nobody stalls.
    pub buffer_size: usize,
    /// Whether writers are to wait while the memory in use is at or above the size. Default
    /// false.
    pub allow_stall: bool,
    /// Who makes room for the tables. Default: nobody.
    pub cache: Option<Arc<dyn CacheReservation>>,
}

/// Figures of a [`WriteBufferManager`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteBufferStats {
    /// The limit in bytes; 0 is none.
    pub buffer_size: usize,
    /// Bytes in use.
    pub memory_usage: usize,
    /// Bytes in use by tables that are not sealed.
    pub mutable_memory_usage: usize,
    /// Threads and futures that wait.
    pub waiting: usize,
    /// Waits that began.
    pub waits: u64,
    /// Waits that ended by their deadline, or with a future that was dropped.
    pub given_up: u64,
    /// Stalls that ended while somebody waited.
    pub stalls: u64,
    /// The time spent in all waits, those still going on up to now: a second of two threads is
    /// two seconds. A wait counts until its stall ends, not until its thread runs again.
    pub wait_time: Duration,
}

/// Counts the memory of many tables, and says when there is too much; see the
/// [module](self).
///
/// Every table that is built with
/// [`write_buffer_manager`](crate::MemTableBuilder::write_buffer_manager) keeps it alive.
pub struct WriteBufferManager {
    used: CachePadded<AtomicUsize>,
    mutable: CachePadded<AtomicUsize>,
    size: AtomicUsize,
    /// 0 or 1.
    allow_stall: AtomicUsize,
    stalls: Stalls,
    cache: Option<Cache>,
}

impl WriteBufferManager {
    /// A manager of so many bytes that nobody waits for; 0 sets no limit.
    #[must_use]
    pub fn new(buffer_size: usize) -> Arc<Self> {
        Self::with_options(WriteBufferOptions {
            buffer_size,
            ..WriteBufferOptions::default()
        })
    }

    /// A manager with these options.
    #[must_use]
    pub fn with_options(options: WriteBufferOptions) -> Arc<Self> {
        Arc::new(Self {
            used: CachePadded::new(AtomicUsize::new(0)),
            mutable: CachePadded::new(AtomicUsize::new(0)),
            size: AtomicUsize::new(options.buffer_size),
            allow_stall: AtomicUsize::new(usize::from(options.allow_stall)),
            stalls: Stalls::new(),
            cache: options.cache.map(Cache::new),
        })
    }

    /// The limit in bytes; 0 is none. O(1), lock-free, as all readings but
    /// [`stats`](Self::stats).
    #[must_use]
    pub fn buffer_size(&self) -> usize {
        self.size.load(ord!(WRITE_BUFFER_SIZE_LOAD, Relaxed))
    }

    /// True when there is a limit.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.buffer_size() > 0
    }

    /// Sets the limit, from now on; 0 sets none. Releases those who wait if that ends the
    /// stall.
    pub fn set_buffer_size(&self, bytes: usize) {
        self.size
            .store(bytes, ord!(WRITE_BUFFER_SIZE_STORE, Relaxed));
        if !fault(&FAULT_WRITE_BUFFER_SILENT_RESIZE) {
            self.end_stall().wake();
        }
    }

    /// Whether writers may be held up.
    #[must_use]
    pub fn allows_stall(&self) -> bool {
        self.allow_stall
            .load(ord!(WRITE_BUFFER_ALLOW_STALL_LOAD, Relaxed))
            != 0
    }

    /// Says whether writers may be held up. Releases those who wait if not.
    pub fn set_allow_stall(&self, allow: bool) {
        self.allow_stall.store(
            usize::from(allow),
            ord!(WRITE_BUFFER_ALLOW_STALL_STORE, Relaxed),
        );
        self.end_stall().wake();
    }

    /// Bytes in use by all tables, sealed or not, until they are dropped.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        self.used.load(ord!(WRITE_BUFFER_USED_LOAD, Relaxed))
    }

    /// Bytes in use by tables that are not sealed. The others' will be free when they are
    /// flushed: to seal more helps nobody.
    #[must_use]
    pub fn mutable_memory_usage(&self) -> usize {
        self.mutable.load(ord!(WRITE_BUFFER_MUTABLE_LOAD, Relaxed))
    }

    /// The bytes that the cache was last told of, if there is one.
    #[must_use]
    pub fn cache_reservation(&self) -> Option<usize> {
        self.cache.as_ref().map(Cache::reserved)
    }

    /// Whether a table should be sealed and flushed: there is a limit, and either mutable
    /// memory is above 7/8 of it, or all memory has reached it and at least half of it is
    /// mutable, so that sealing would do something about it. RocksDB's rule.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        let (size, mutable) = (self.buffer_size(), self.mutable_memory_usage());
        if size == 0 {
            return false;
        }
        mutable as u128 * 8 > size as u128 * 7
            || (self.memory_usage() >= size && mutable >= size / 2)
    }

    /// Whether a writer should wait: stalls are allowed, there is a limit, and the memory in
    /// use has reached it.
    #[must_use]
    pub fn should_stall(&self) -> bool {
        let size = self.buffer_size();
        size > 0 && self.allows_stall() && self.memory_usage() >= size
    }

    /// Waits while there is a stall, or until `deadline` if there is one; returns at once when
    /// there is none, without a lock. O(1) but for the wait. Returns the first time that a
    /// stall ends, even if there is no room again by then.
    ///
    /// Not with a [`Writer`](crate::Writer) at hand, and not without a deadline by who holds
    /// what memory is waited for: see [stalls](self#stalls).
    pub fn stall(&self, deadline: Option<Instant>) -> StallOutcome {
        if !self.should_stall() {
            return StallOutcome::Clear;
        }
        self.stalls.wait(deadline, || self.should_stall())
    }

    /// As [`stall`](Self::stall), for a task: a future that is ready when there is no stall, or
    /// when the stall has ended in which it was first polled. Who has a deadline drops it.
    #[must_use = "a future waits when it is polled"]
    pub fn stall_async(self: &Arc<Self>) -> StallFuture {
        StallFuture::new(Arc::clone(self))
    }

    /// Reads all figures. Each is exact, but not all of them are of one moment. O(1), takes
    /// the lock of stalls.
    #[must_use]
    pub fn stats(&self) -> WriteBufferStats {
        WriteBufferStats {
            buffer_size: self.buffer_size(),
            memory_usage: self.memory_usage(),
            mutable_memory_usage: self.mutable_memory_usage(),
            ..self.stalls.figures()
        }
    }

    /// Wakes threads that wait, for no reason but that a model has moved its clock.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn tick(&self) {
        self.stalls.tick();
    }

    /// Counts bytes; called with the budget's lock held.
    fn add(&self, bytes: usize, mutable: bool) {
        if fault(&FAULT_WRITE_BUFFER_COUNT_ENABLED) && !self.is_enabled() {
            return;
        }
        self.used
            .fetch_add(bytes, ord!(WRITE_BUFFER_USED_ADD, Relaxed));
        if mutable {
            self.mutable
                .fetch_add(bytes, ord!(WRITE_BUFFER_MUTABLE_ADD, Relaxed));
        }
    }

    /// Takes bytes off the mutable ones; called with the budget's lock held.
    fn sub_mutable(&self, bytes: usize) {
        self.mutable
            .fetch_sub(bytes, ord!(WRITE_BUFFER_MUTABLE_SUB, Relaxed));
    }

    /// Takes bytes off; called with the budget's lock held, and followed by
    /// [`after_release`](Self::after_release) without it.
    fn sub(&self, bytes: usize, mutable: bool) {
        if fault(&FAULT_WRITE_BUFFER_WAKE_FIRST) {
            self.end_stall().wake();
        }
        if mutable {
            self.sub_mutable(bytes);
        }
        self.used
            .fetch_sub(bytes, ord!(WRITE_BUFFER_USED_SUB, Relaxed));
    }

    /// Releases those who wait if the stall has ended. Threads are released at once, tasks
    /// with what is returned.
    fn end_stall(&self) -> Woken {
        self.stalls.end_unless(|| self.should_stall())
    }

    /// Releases those who wait if the stall has ended, and tells the cache.
    fn after_release(&self) {
        if fault(&FAULT_WRITE_BUFFER_WAKE_FIRST) {
            return;
        }
        // Tasks are woken whatever the cache does.
        let woken = self.end_stall();
        self.tell_cache();
        woken.wake();
    }

    /// Tells the cache of the memory in use, if there is one.
    fn tell_cache(&self) {
        if let Some(cache) = &self.cache {
            cache.follow(|| self.memory_usage());
        }
    }
}

impl BudgetFactory for WriteBufferManager {
    fn open(self: Arc<Self>) -> Arc<dyn Budget> {
        Arc::new(TableBudget::new(self))
    }
}

impl fmt::Debug for WriteBufferManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBufferManager")
            .field("allow_stall", &self.allows_stall())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
