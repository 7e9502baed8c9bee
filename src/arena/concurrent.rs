//! The arena for many threads: shards per core over shared blocks.

use core::fmt;

use crossbeam_utils::CachePadded;

use super::block::{Blocks, Charge, Range};
use super::options::ArenaOptions;
use super::pool::Home;
use super::{
    Allocate, Allocation, ArenaUsage, Budget, Space, SpaceView, Ticket, UNIT, boxed_slice,
    bytes_of, units_of,
};
use crate::error::{Error, Result};
use crate::sync::ledger::FAULT_ARENA_LOAD_STORE_BUMP;
use crate::sync::{
    Arc, AtomicU32, AtomicU64, AtomicUsize, Mutex, fault, ord, shard_index, switch_shard,
};

/// A run of units just taken, and the end of the chunk or block it came from.
///
/// Two runs with the same `chunk_end` lie in one block: ends are never reused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) range: Range,
    pub(super) chunk_end: u32,
}

impl Piece {
    /// `chunk` with this piece put back in front of it, if that is where it was.
    fn before(self, chunk: Range) -> Option<Range> {
        let adjacent = chunk.start == self.range.end && chunk.end == self.chunk_end;
        adjacent.then_some(Range {
            start: self.range.start,
            end: chunk.end,
        })
    }
}

/// The chunk that one shard allocates from: `end << 32 | next`, in units.
///
/// `next` moves by compare-exchange, whoever wins owns the units it passed over.
/// The whole word is replaced by the holder of the block lock only. A value
/// never comes back, since offsets are handed out once (except that a ticket
/// undoes its own allocation), so a compare-exchange cannot be fooled.
#[derive(Debug)]
struct Shard(AtomicU64);

fn pack(range: Range) -> u64 {
    u64::from(range.end) << 32 | u64::from(range.start)
}

fn unpack(word: u64) -> Range {
    Range {
        start: (word & u64::from(u32::MAX)) as u32,
        end: (word >> 32) as u32,
    }
}

impl Shard {
    /// Takes `units` from the chunk if they are there. Lock-free.
    #[inline]
    fn take(&self, units: u32) -> Option<Piece> {
        let mut word = self.0.load(ord!(ARENA_SHARD_LOAD, Relaxed));
        loop {
            let mut chunk = unpack(word);
            let range = chunk.take(units)?;
            let piece = Piece {
                range,
                chunk_end: chunk.end,
            };
            if fault(&FAULT_ARENA_LOAD_STORE_BUMP) {
                self.0
                    .store(pack(chunk), ord!(ARENA_SHARD_FAULT_STORE, Relaxed));
                return Some(piece);
            }
            match self.0.compare_exchange_weak(
                word,
                pack(chunk),
                ord!(ARENA_SHARD_TAKE, Acquire),
                ord!(ARENA_SHARD_TAKE_FAILED, Relaxed),
            ) {
                Ok(_) => return Some(piece),
                Err(actual) => {
                    // A spurious failure leaves the word as it was, and is no
                    // reason to spread over more shards.
                    if actual != word {
                        switch_shard();
                    }
                    word = actual;
                }
            }
        }
    }

    /// Gives back the end of the last allocation, if it still is the last.
    fn untake(&self, unused: Piece) -> bool {
        let mut word = self.0.load(ord!(ARENA_SHARD_LOAD_UNTAKE, Relaxed));
        loop {
            let Some(longer) = unused.before(unpack(word)) else {
                return false;
            };
            match self.0.compare_exchange_weak(
                word,
                pack(longer),
                ord!(ARENA_SHARD_UNTAKE, Relaxed),
                ord!(ARENA_SHARD_UNTAKE_FAILED, Relaxed),
            ) {
                Ok(_) => return true,
                Err(actual) => word = actual,
            }
        }
    }

    /// Puts a new chunk in place and returns what was left of the old one.
    fn replace(&self, chunk: Range) -> Range {
        unpack(self.0.swap(pack(chunk), ord!(ARENA_SHARD_REPLACE, Release)))
    }

    fn left(&self) -> usize {
        unpack(self.0.load(ord!(ARENA_SHARD_LOAD_USAGE, Relaxed))).bytes()
    }
}

/// An arena for any number of threads: RocksDB's `ConcurrentArena` (SPEC A2, A6).
///
/// Each thread allocates from the shard of its core by one compare-exchange; a
/// shard takes a chunk (an eighth of a block, at most 128 KiB) from the current
/// block under a lock, when it is used for the first time or runs out.
///
/// Allocation is O(1) and lock-free except when a chunk or block is needed.
///
/// ```
/// use verimem::arena::{ArenaOptions, ConcurrentArena};
///
/// let arena = ConcurrentArena::new(ArenaOptions::default())?;
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| arena.allocate(100).map(|piece| piece.ptr.as_ptr().addr()));
///     }
/// });
/// assert_eq!(arena.usage().used, 208); // rounded up to units of 8 bytes
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct ConcurrentArena {
    space: Space,
    /// Power-of-two many.
    shards: Box<[CachePadded<Shard>]>,
    /// Units per chunk.
    chunk: u32,
    blocks: CachePadded<Mutex<Blocks>>,
    /// Apart from `space` and `shards`, which every reader and writer reads.
    counters: CachePadded<Counters>,
    budget: Option<Arc<dyn Budget>>,
    home: Home,
}

/// The accounting, in bytes.
#[derive(Debug)]
struct Counters {
    allocated: AtomicUsize,
    /// What is left of the current block.
    current: AtomicUsize,
    wasted: AtomicUsize,
    /// 1 once the budget was told that no more will come.
    releasing: AtomicU32,
}

impl ConcurrentArena {
    /// Makes an empty arena; no block is reserved yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`], or [`Error::OutOfMemory`] when not even
    /// addresses can be had.
    pub fn new(options: ArenaOptions) -> Result<Self> {
        let geometry = options.geometry()?;
        let shard = || CachePadded::new(Shard(AtomicU64::new(0)));
        let shards = boxed_slice(geometry.shards, shard)?;
        let chunk = units_of(geometry.chunk_size)?;
        let (space, frontier, home) = Home::settle(options.pool, &geometry)?;
        Ok(Self {
            space,
            shards,
            chunk,
            blocks: CachePadded::new(Mutex::new(Blocks::new(geometry, frontier))),
            counters: CachePadded::new(Counters {
                allocated: AtomicUsize::new(0),
                current: AtomicUsize::new(0),
                wasted: AtomicUsize::new(0),
                releasing: AtomicU32::new(0),
            }),
            budget: options.budget,
            home,
        })
    }

    /// Allocates `bytes` at a multiple of [`UNIT`]. Zero bytes are allocated as one.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::OutOfMemory`]; nothing is taken then.
    #[inline]
    pub fn allocate(&self, bytes: usize) -> Result<Allocation> {
        let units = units_of(bytes)?;
        let Range { start, .. } = self.take(units)?.range;
        Ok(Allocation {
            // SAFETY: the range was just handed out by this arena.
            ptr: unsafe { self.space.view().resolve(start) },
            offset: start,
        })
    }

    /// Sets `bytes` aside, so that allocations from the ticket cannot fail (SPEC A6).
    ///
    /// What the ticket does not use goes back when it is dropped, if nobody
    /// allocated behind it in between; otherwise it counts as wasted, unless more
    /// is left of it than of the current block, whose place it then takes.
    ///
    /// ```
    /// # use verimem::arena::{ArenaOptions, ConcurrentArena};
    /// let options = ArenaOptions { capacity: Some(64 << 10), ..ArenaOptions::default() };
    /// let arena = ConcurrentArena::new(options)?;
    /// let mut ticket = arena.reserve(4_000)?;
    /// ticket.allocate(1_000)?;
    /// assert!(matches!(arena.reserve(1 << 20), Err(verimem::Error::Full { .. })));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::OutOfMemory`]; nothing is taken then.
    pub fn reserve(&self, bytes: usize) -> Result<Ticket<'_>> {
        let units = units_of(bytes)?;
        Ok(Ticket::new(self, self.take(units)?))
    }

    #[inline]
    fn take(&self, units: u32) -> Result<Piece> {
        match self.shard().take(units) {
            Some(piece) => Ok(piece),
            None => self.allocate_slow(units),
        }
    }

    /// Reads the accounting. Exact when no allocation is in flight; otherwise
    /// `used` may be off by what is, but the sum never falls short.
    #[must_use]
    pub fn usage(&self) -> ArenaUsage {
        let allocated = self
            .counters
            .allocated
            .load(ord!(ARENA_COUNTER_LOAD, Relaxed));
        let mut unused = self
            .counters
            .current
            .load(ord!(ARENA_CURRENT_LOAD, Relaxed));
        for shard in &self.shards {
            unused += shard.left();
        }
        let wasted = self.counters.wasted.load(ord!(ARENA_WASTED_LOAD, Relaxed));
        ArenaUsage {
            allocated,
            used: allocated.saturating_sub(unused).saturating_sub(wasted),
            unused,
            wasted,
        }
    }

    /// Tells the budget, once, that this arena's memory will be released when
    /// its last user is gone.
    pub fn begin_release(&self) {
        let Some(budget) = &self.budget else { return };
        if self
            .counters
            .releasing
            .swap(1, ord!(ARENA_RELEASING, Relaxed))
            == 0
        {
            budget.begin_release(
                self.counters
                    .allocated
                    .load(ord!(ARENA_RELEASING_LOAD, Relaxed)),
            );
        }
    }

    /// What resolves the offsets that this arena hands out.
    #[inline(always)]
    pub(crate) fn view(&self) -> SpaceView<'_> {
        self.space.view()
    }

    #[inline]
    fn shard(&self) -> &Shard {
        &self.shards[shard_index() & (self.shards.len() - 1)]
    }

    /// Gives back the unused end of a ticket.
    pub(super) fn give_back(&self, unused: Piece) {
        if self.shards.iter().any(|shard| shard.untake(unused)) {
            return;
        }
        let mut blocks = self.blocks.lock();
        if let Some(longer) = unused.before(blocks.current) {
            self.set_current(&mut blocks, longer);
        } else if unused.range.units() > blocks.current.units() {
            // A block of its own, say: better a current block than a waste.
            let smaller = blocks.current;
            self.set_current(&mut blocks, unused.range);
            self.waste(smaller.bytes());
        } else {
            self.waste(unused.range.bytes());
        }
    }

    fn set_current(&self, blocks: &mut Blocks, current: Range) {
        blocks.current = current;
        self.counters
            .current
            .store(current.bytes(), ord!(ARENA_CURRENT_GROW, Relaxed));
    }

    pub(super) fn waste(&self, bytes: usize) {
        if bytes > 0 {
            self.counters
                .wasted
                .fetch_add(bytes, ord!(ARENA_WASTED_ADD, Relaxed));
        }
    }

    /// Takes `units` when the shard has too few: from its next chunk, directly
    /// from a block, or from another shard before giving up.
    #[cold]
    fn allocate_slow(&self, units: u32) -> Result<Piece> {
        let mut charge = Charge::new(self.budget.as_ref());
        loop {
            let needed = match self.take_locked(units, &mut charge) {
                Ok(Step::Found(piece)) => return Ok(piece),
                Ok(Step::Cut(piece)) => {
                    if self.is_chunked(units) {
                        let Piece { range, chunk_end } = piece;
                        self.space.prepare(range.start, chunk_end - range.start);
                    }
                    return Ok(piece);
                }
                Ok(Step::Charge(bytes)) => bytes,
                Err(refusal) => {
                    return self
                        .shards
                        .iter()
                        .find_map(|shard| shard.take(units))
                        .ok_or(refusal);
                }
            };
            charge.raise_to(needed);
        }
    }

    /// Whether an allocation comes out of a shard's chunk.
    fn is_chunked(&self, units: u32) -> bool {
        units <= self.chunk / 4
    }

    /// One attempt under the block lock; asks to come back with a larger charge
    /// rather than calling the budget with the lock held.
    fn take_locked(&self, units: u32, charge: &mut Charge<'_>) -> Result<Step> {
        let shard = self.shard();
        let chunked = self.is_chunked(units);
        let want = if chunked { self.chunk } else { units };
        let mut blocks = self.blocks.lock();
        if chunked {
            // Somebody may have brought a chunk while this thread waited.
            if let Some(piece) = shard.take(units) {
                return Ok(Step::Found(piece));
            }
        }
        let mut range = match blocks.take(units, want) {
            Some(range) => range,
            None => {
                let bytes = blocks.next_block_bytes(&self.space, units)?;
                if !charge.covers(bytes) {
                    return Ok(Step::Charge(bytes));
                }
                let (wasted, allocated) = (blocks.wasted, blocks.allocated);
                let range = blocks.grow(&self.space, bytes, units, want)?;
                let grown = blocks.allocated - allocated;
                charge.spend(grown);
                self.counters
                    .allocated
                    .fetch_add(grown, ord!(ARENA_COUNTER_ADD, Relaxed));
                self.waste(blocks.wasted - wasted);
                range
            }
        };
        self.counters
            .current
            .store(blocks.current.bytes(), ord!(ARENA_CURRENT_STORE, Relaxed));
        let chunk_end = if chunked {
            range.end
        } else {
            blocks.current.end
        };
        let Some(taken) = range.take(units) else {
            return Err(Error::Full {
                requested: bytes_of(units),
                available: 0,
            });
        };
        if range.units() > 0 {
            self.waste(shard.replace(range).bytes());
        }
        Ok(Step::Cut(Piece {
            range: taken,
            chunk_end,
        }))
    }
}

/// What one attempt under the lock came to.
enum Step {
    /// Somebody else had brought a chunk, and prepared it or is about to.
    Found(Piece),
    /// Cut from a block: the front of a new chunk, or a piece of its own.
    Cut(Piece),
    Charge(usize),
}

impl Allocate for &ConcurrentArena {
    #[inline]
    fn allocate(&mut self, bytes: usize) -> Result<Allocation> {
        ConcurrentArena::allocate(self, bytes)
    }

    fn abandon(&mut self, bytes: usize) {
        self.waste(bytes.next_multiple_of(UNIT));
    }
}

impl fmt::Debug for ConcurrentArena {
    /// Not the budget: it may well hold the arena.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrentArena")
            .field("space", &self.space)
            .field("shards", &self.shards.len())
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

impl Drop for ConcurrentArena {
    fn drop(&mut self) {
        let (allocated, frontier) = {
            let mut blocks = self.blocks.lock();
            (blocks.allocated, core::mem::take(&mut blocks.frontier))
        };
        self.home.retire(&mut self.space, frontier);
        if let (Some(budget), 1..) = (&self.budget, allocated) {
            budget.release(allocated);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a2_only_who_brought_a_chunk_prepares_it() {
        let options = ArenaOptions {
            block_size: 64 << 10,
            shards: 1,
            ..ArenaOptions::default()
        };
        let arena = ConcurrentArena::new(options).unwrap();
        // The first blocks are small ones.
        for _ in 0..2 {
            arena.reserve(32 << 10).unwrap().allocate(1).unwrap();
        }
        while arena.shard().left() > 0 {
            arena.allocate(1).unwrap();
        }
        // Two threads that both found the shard empty, one after the other.
        let mut charge = Charge::new(None);
        let mut attempt = || arena.take_locked(1, &mut charge);
        assert!(matches!(attempt(), Ok(Step::Cut(_))));
        assert!(matches!(attempt(), Ok(Step::Found(_))));
    }
}
