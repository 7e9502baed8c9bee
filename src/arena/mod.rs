//! Bump arenas: memory that is handed out once and freed all together.
//!
//! # Thread safety
//!
//! [`BlockArena`] is for one thread (`&mut self`). [`ConcurrentArena`] is for
//! any number of threads; allocation from a shard is lock-free, growing by a
//! block takes one lock.
//!
//! # Invariants
//!
//! 1. **No overlap.** A range of offsets is handed out once and never again, so
//!    the memory behind it has one owner.
//! 2. **Stability.** The address behind an offset never moves and stays valid
//!    until the arena is dropped (SPEC A3).
//! 3. **Alignment.** Aligned allocations start at a multiple of [`UNIT`] bytes,
//!    which offsets count in. Offset 0 is never handed out: it can mean "none".
//! 4. **Visibility.** Whoever gets an offset from the arena may use the block
//!    behind it: committing a block happens before any allocation from it.
//! 5. **Accounting.** `allocated` rises before memory is handed out and only
//!    ever rises. When no allocation is in flight, `used` is exactly the sum of
//!    the allocations, each rounded up to [`UNIT`], and
//!    `allocated == used + unused + wasted`. At any time the three sum to at
//!    least the bytes handed out.
//! 6. **Refusal.** An allocation that returns an error has taken nothing.
//! 7. **Recycling.** A space is in one place: with one arena, or in one
//!    [`ArenaPool`], which gets it from an arena that is being dropped. Giving and
//!    taking lock the same lock, so all uses by the arena before happen before all
//!    uses by the next one.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `Space` slots | the holder of the block lock, once each | owners of an offset inside, ordered by invariant 4 |
//! | `Blocks` | the holder of the block lock | the same |
//! | shard word (`next`, `end`) | anyone: compare-exchange that moves `next`; the lock's holder also by swap | anyone |
//! | counters | anyone, relaxed | anyone, relaxed |
//! | idle spaces of a pool | the holder of the pool's lock | the same |
//!
//! The design (blocks, quarter rule, per-core shards) is LevelDB's `Arena` and
//! RocksDB's `ConcurrentArena`; offsets in one reserved range follow Pebble's
//! `arenaskl`.

mod block;
mod budget;
mod concurrent;
mod options;
mod pool;
mod space;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod ticket;

pub use block::BlockArena;
pub use budget::{Budget, BudgetFactory};
pub use concurrent::ConcurrentArena;
pub use options::ArenaOptions;
pub use pool::ArenaPool;
pub(crate) use space::{Space, SpaceView};

pub use ticket::{Memory, Ticket};

use core::ptr::NonNull;

use crate::error::{Error, Result};

/// Bytes per unit of an offset, and the alignment of every aligned allocation.
pub const UNIT: usize = 8;

/// The most units that one arena can address.
pub(crate) const MAX_UNITS: u32 = u32::MAX;

/// A position inside an arena, in units of [`UNIT`] bytes; 0 is no position.
pub(crate) type Offset = u32;

/// Memory just handed out: where it is, and how the arena names the place.
#[derive(Debug, Clone, Copy)]
pub struct Allocation {
    /// First byte; valid for reads and writes of the length asked for until the
    /// arena is dropped, and owned by the caller alone. The bytes are zero, or,
    /// with a pool, what an arena of before left there.
    pub ptr: NonNull<u8>,
    /// The same place in units of [`UNIT`] bytes from the arena's start.
    pub offset: u32,
}

/// A reading of an arena's accounting, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArenaUsage {
    /// Sum of the blocks.
    pub allocated: usize,
    /// Handed out.
    pub used: usize,
    /// Not handed out yet and still usable.
    pub unused: usize,
    /// Never to be used: tails of blocks and chunks that were left behind.
    pub wasted: usize,
}

/// Whatever nodes can be allocated from.
pub(crate) trait Allocate {
    /// Allocates `bytes`, aligned to [`UNIT`].
    fn allocate(&mut self, bytes: usize) -> Result<Allocation>;
    /// Says that an allocation of `bytes` will never be used after all.
    fn abandon(&mut self, bytes: usize);
}

/// Makes a slice of `length` elements, or says that there is no memory for it.
pub(crate) fn boxed_slice<T>(length: usize, element: impl FnMut() -> T) -> Result<Box<[T]>> {
    let mut elements = Vec::new();
    elements
        .try_reserve_exact(length)
        .map_err(|_| Error::OutOfMemory {
            requested: length.saturating_mul(size_of::<T>()),
        })?;
    elements.resize_with(length, element);
    Ok(elements.into_boxed_slice())
}

/// Bytes rounded up to units.
#[inline]
pub(crate) fn units_of(bytes: usize) -> Result<u32> {
    u32::try_from(bytes.max(1).div_ceil(UNIT))
        .ok()
        .filter(|&units| units < MAX_UNITS)
        .ok_or(Error::Full {
            requested: bytes,
            available: 0,
        })
}

/// Units as bytes; saturates where a machine's address space is smaller.
#[inline]
pub(crate) fn bytes_of(units: u32) -> usize {
    usize::try_from(units)
        .unwrap_or(usize::MAX)
        .saturating_mul(UNIT)
}
