//! Cutting blocks into pieces, and the arena for one thread.

use core::fmt;
use core::ptr::NonNull;

use super::budget::Budget;
use super::options::{ArenaOptions, BLOCK_QUANTUM, Geometry};
use super::pool::Home;
use super::space::Frontier;
use super::{Allocation, ArenaUsage, Space, UNIT, bytes_of, units_of};
use crate::error::{Error, Result};
use crate::sync::Arc;

/// A run of units: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Range {
    pub(super) fn units(self) -> u32 {
        self.end - self.start
    }

    pub(super) fn bytes(self) -> usize {
        bytes_of(self.units())
    }

    /// Cuts `units` off the front, if they are there.
    pub(super) fn take(&mut self, units: u32) -> Option<Range> {
        if self.units() < units {
            return None;
        }
        let piece = Range {
            start: self.start,
            end: self.start + units,
        };
        self.start = piece.end;
        Some(piece)
    }
}

/// The blocks of one arena: the current one and where the next one goes.
///
/// Accounting is in bytes and plain here: whoever owns the `Blocks` owns it.
#[derive(Debug)]
pub(super) struct Blocks {
    geometry: Geometry,
    pub(super) frontier: Frontier,
    /// What is left of the current block.
    pub(super) current: Range,
    /// Sum of all blocks.
    pub(super) allocated: usize,
    /// Tails of earlier blocks.
    pub(super) wasted: usize,
}

impl Blocks {
    pub(super) fn new(geometry: Geometry, frontier: Frontier) -> Self {
        Self {
            geometry,
            frontier,
            current: Range::default(),
            allocated: 0,
            wasted: 0,
        }
    }

    /// Cuts at least `min` and at most `want` units out of the current block.
    pub(super) fn take(&mut self, min: u32, want: u32) -> Option<Range> {
        let units = self.current.units().min(want).max(min);
        self.current.take(units)
    }

    /// How many bytes the block must have that a request for `units` units needs,
    /// or why there can be none.
    pub(super) fn next_block_bytes(&self, space: &Space, units: u32) -> Result<usize> {
        let requested = bytes_of(units);
        let available = self.geometry.capacity - self.allocated;
        let full = Error::Full {
            requested,
            available,
        };
        // The very first unit of a space is never handed out.
        let needed = if self.allocated == 0 {
            requested.saturating_add(UNIT)
        } else {
            requested
        };
        let wanted = if requested > self.geometry.block_size / 4 {
            needed
        } else if self.allocated == 0 {
            // An empty table should cost little: the first block is a small one.
            needed.max(BLOCK_QUANTUM)
        } else {
            self.geometry.block_size
        };
        let Some(bytes) = space.block_bytes(wanted) else {
            return Err(full);
        };
        if bytes <= available {
            return Ok(bytes);
        }
        // The last block of a fixed capacity takes what there is.
        match space.block_bytes(needed) {
            Some(least) if least <= available => {
                let rest = available - available % space.block_bytes(1).unwrap_or(1);
                Ok(rest.max(least))
            }
            _ => Err(full),
        }
    }

    /// Commits a block of `bytes` and cuts between `min` and `want` units from it.
    ///
    /// A request of more than a quarter of an ordinary block leaves the current
    /// block as it is; otherwise the new block becomes the current one.
    pub(super) fn grow(
        &mut self,
        space: &Space,
        bytes: usize,
        min: u32,
        want: u32,
    ) -> Result<Range> {
        let first = self.frontier.next == 0;
        let block = space.commit(&mut self.frontier, bytes)?;
        self.allocated += bytes_of(block.units);
        let mut fresh = Range {
            start: block.start,
            end: block.start + block.units,
        };
        if first {
            fresh.start += 1;
            self.wasted += UNIT;
        }
        let units = fresh.units().min(want).max(min);
        let piece = fresh.take(units).ok_or(Error::Full {
            requested: bytes_of(min),
            available: fresh.bytes(),
        })?;
        let dedicated = bytes_of(min) > self.geometry.block_size / 4;
        let left = if dedicated && self.current.units() >= fresh.units() {
            fresh
        } else {
            core::mem::replace(&mut self.current, fresh)
        };
        self.wasted += left.bytes();
        Ok(piece)
    }
}

/// A charge that is given back unless a block was made of it.
#[derive(Debug)]
pub(super) struct Charge<'a> {
    budget: Option<&'a Arc<dyn Budget>>,
    bytes: usize,
}

impl<'a> Charge<'a> {
    pub(super) fn new(budget: Option<&'a Arc<dyn Budget>>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// True when at least `bytes` are charged.
    pub(super) fn covers(&self, bytes: usize) -> bool {
        self.budget.is_none() || self.bytes >= bytes
    }

    /// Charges up to `bytes` in all. Never called with a lock held.
    pub(super) fn raise_to(&mut self, bytes: usize) {
        if let Some(budget) = self.budget {
            let more = bytes.saturating_sub(self.bytes);
            if more > 0 {
                budget.charge(more);
                self.bytes += more;
            }
        }
    }

    /// A block of `bytes` was made: that part of the charge stays.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let (Some(budget), 1..) = (self.budget, self.bytes) {
            budget.release(self.bytes);
        }
    }
}

/// An arena for one thread: LevelDB's `Arena` (SPEC A1).
///
/// Requests over a quarter of a block get a block of their own. Unaligned
/// allocations are packed together in runs of their own, so that they and the
/// aligned ones do not pad each other.
///
/// ```
/// use verimem::arena::{ArenaOptions, BlockArena};
///
/// let mut arena = BlockArena::new(ArenaOptions::default())?;
/// let word = arena.allocate_aligned(12)?;
/// assert_eq!(word.ptr.as_ptr().addr() % verimem::arena::UNIT, 0);
/// let bytes = arena.allocate(3)?;
/// assert_ne!(word.ptr, bytes);
/// assert!(arena.usage().used >= 15);
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct BlockArena {
    space: Space,
    blocks: Blocks,
    /// Where the next unaligned allocation goes, and how many bytes are left there.
    packed: Option<NonNull<u8>>,
    packed_left: usize,
    budget: Option<Arc<dyn Budget>>,
    home: Home,
}

/// Units that unaligned allocations take from a block at a time.
const PACKED_UNITS: u32 = 64;

// SAFETY: the arena owns the memory that `packed` points into, and uses the
// pointer through `&mut self` only.
unsafe impl Send for BlockArena {}
// SAFETY: `&BlockArena` gives access to plain counters only.
unsafe impl Sync for BlockArena {}

impl BlockArena {
    /// Makes an empty arena; no block is reserved yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`], or [`Error::OutOfMemory`] when not even
    /// addresses can be had.
    pub fn new(options: ArenaOptions) -> Result<Self> {
        let geometry = options.geometry()?;
        let (space, frontier, home) = Home::settle(options.pool, &geometry)?;
        Ok(Self {
            space,
            blocks: Blocks::new(geometry, frontier),
            packed: None,
            packed_left: 0,
            budget: options.budget,
            home,
        })
    }

    /// Allocates `bytes` without any alignment, in O(1). Zero bytes are allocated as one.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::OutOfMemory`]; nothing is taken then.
    pub fn allocate(&mut self, bytes: usize) -> Result<NonNull<u8>> {
        let bytes = bytes.max(1);
        let place = match self.packed {
            Some(place) if self.packed_left >= bytes => place,
            _ => {
                let units = units_of(bytes)?;
                let range = self.allocate_units(units, PACKED_UNITS.max(units))?;
                self.blocks.wasted += self.packed_left;
                self.packed_left = range.bytes();
                // SAFETY: the range was just cut from a committed block.
                unsafe { self.space.view().resolve(range.start) }
            }
        };
        self.packed_left -= bytes;
        // SAFETY: `packed_left` bytes were left at `place`, at least `bytes`.
        self.packed = Some(unsafe { place.add(bytes) });
        Ok(place)
    }

    /// Allocates `bytes` at a multiple of [`UNIT`], in O(1). Zero bytes are allocated as one.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] and [`Error::OutOfMemory`]; nothing is taken then.
    pub fn allocate_aligned(&mut self, bytes: usize) -> Result<Allocation> {
        let units = units_of(bytes)?;
        let range = self.allocate_units(units, units)?;
        Ok(Allocation {
            // SAFETY: the range was just cut from a committed block.
            ptr: unsafe { self.space.view().resolve(range.start) },
            offset: range.start,
        })
    }

    /// Takes between `min` and `want` units.
    fn allocate_units(&mut self, min: u32, want: u32) -> Result<Range> {
        if let Some(range) = self.blocks.take(min, want) {
            return Ok(range);
        }
        let block = self.blocks.next_block_bytes(&self.space, min)?;
        let mut charge = Charge::new(self.budget.as_ref());
        charge.raise_to(block);
        let range = self.blocks.grow(&self.space, block, min, want)?;
        charge.spend(block);
        Ok(range)
    }

    /// Reads the accounting; exact.
    #[must_use]
    pub fn usage(&self) -> ArenaUsage {
        let unused = self.blocks.current.bytes() + self.packed_left;
        ArenaUsage {
            allocated: self.blocks.allocated,
            used: self.blocks.allocated - unused - self.blocks.wasted,
            unused,
            wasted: self.blocks.wasted,
        }
    }
}

impl fmt::Debug for BlockArena {
    /// Not the budget: it may well hold the arena.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockArena")
            .field("space", &self.space)
            .field("usage", &self.usage())
            .finish_non_exhaustive()
    }
}

impl Drop for BlockArena {
    fn drop(&mut self) {
        let frontier = core::mem::take(&mut self.blocks.frontier);
        self.home.retire(&mut self.space, frontier);
        if let (Some(budget), 1..) = (&self.budget, self.blocks.allocated) {
            budget.release(self.blocks.allocated);
        }
    }
}
