//! Charging a cache for what tables take (SPEC Q2).

use core::fmt::Debug;

use crate::sync::ledger::FAULT_WRITE_BUFFER_CACHE_TOGETHER;
use crate::sync::{Arc, Mutex, fault};

/// Reservations of a cache come in multiples of this many bytes, as in RocksDB.
pub const CACHE_STEP: usize = 256 << 10;

/// A cache that gives up as much of its own memory as tables take, so that both together
/// stay within one limit. RocksDB does so by dummy entries in its block cache.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use verimem::write_buffer::{
///     CACHE_STEP, CacheReservation, WriteBufferManager, WriteBufferOptions,
/// };
/// use verimem::{Kind, MemTable};
///
/// #[derive(Debug, Default)]
/// struct BlockCache {
///     given_up: AtomicUsize,
/// }
///
/// impl CacheReservation for BlockCache {
///     fn update(&self, bytes: usize) {
///         self.given_up.store(bytes, Ordering::Relaxed);
///     }
/// }
///
/// let cache = Arc::new(BlockCache::default());
/// let manager = WriteBufferManager::with_options(WriteBufferOptions {
///     cache: Some(cache.clone()),
///     ..WriteBufferOptions::default()
/// });
/// let table = MemTable::builder().write_buffer_manager(manager).build()?;
/// table.add(1, Kind::VALUE, b"key", b"value")?;
/// let given_up = cache.given_up.load(Ordering::Relaxed);
/// assert!(given_up >= table.memory_usage().allocated && given_up % CACHE_STEP == 0);
/// drop(table);
/// assert_eq!(cache.given_up.load(Ordering::Relaxed), 0);
/// # Ok::<(), verimem::Error>(())
/// ```
pub trait CacheReservation: Debug + Send + Sync + 'static {
    /// From now on `bytes` are taken: all of them, not what came to them. A multiple of
    /// [`CACHE_STEP`], and another one than before, unless the call before panicked.
    ///
    /// Called with no lock held, by one thread at a time, in the middle of an add or a drop:
    /// it should not wait. Where it calls back by what frees or takes memory, it is called
    /// again after it returned. A cache that cannot give up so much keeps what it can, and
    /// is told of the next change. A panic goes on in whoever charged or freed memory; a
    /// charge is then taken back.
    fn update(&self, bytes: usize);
}

/// A cache, and what it was told.
#[derive(Debug)]
pub(super) struct Cache {
    cache: Arc<dyn CacheReservation>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    reserved: usize,
    /// The call that told it panicked: perhaps it was not heard.
    uncertain: bool,
    /// Somebody is telling it, and will look again afterwards.
    busy: bool,
}

impl Told {
    /// What the cache is to be told of when so much is in use. It follows up at once, and
    /// down when less than three quarters of what is reserved are in use (RocksDB's
    /// `delayed_decrease`), since memory that was freed is often taken again.
    fn wanted(&self, used: usize) -> usize {
        if used <= self.reserved && used >= self.reserved - self.reserved / 4 {
            self.reserved
        } else {
            used.div_ceil(CACHE_STEP).saturating_mul(CACHE_STEP)
        }
    }
}

/// Somebody else may tell the cache, after a panic.
struct NotBusy<'a>(&'a Cache);

impl Drop for NotBusy<'_> {
    fn drop(&mut self) {
        let mut told = self.0.told.lock();
        told.busy = false;
        told.uncertain = true;
    }
}

impl Cache {
    pub(super) fn new(cache: Arc<dyn CacheReservation>) -> Self {
        Self {
            cache,
            told: Mutex::new(Told::default()),
        }
    }

    pub(super) fn reserved(&self) -> usize {
        self.told.lock().reserved
    }

    /// Tells the cache until it was told of what is in use, unless somebody else is at it:
    /// who looks at `used` after this thread has changed it.
    pub(super) fn follow(&self, used: impl Fn() -> usize) {
        let mut told = self.told.lock();
        if told.busy && !fault(&FAULT_WRITE_BUFFER_CACHE_TOGETHER) {
            return;
        }
        loop {
            let wanted = told.wanted(used());
            if wanted == told.reserved && !told.uncertain {
                told.busy = false;
                return;
            }
            told.busy = true;
            drop(told);
            let panicked = NotBusy(self);
            self.cache.update(wanted);
            core::mem::forget(panicked);
            told = self.told.lock();
            told.reserved = wanted;
            told.uncertain = false;
        }
    }
}
