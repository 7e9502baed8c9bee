//! What an arena can be told.

use super::{ArenaPool, Budget, MAX_UNITS, bytes_of};
use crate::error::{Error, Result};
use crate::sync::{Arc, available_parallelism};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Blocks are multiples of this, in bytes.
pub(crate) const BLOCK_QUANTUM: usize = if cfg!(any(loom, shuttle)) {
    64
} else {
    4 * KIB
};

/// Largest block size that can be asked for, in bytes.
const MAX_BLOCK_SIZE: usize = 256 * MIB;

/// Options of an arena. The defaults suit a table of 64 MiB.
///
/// ```
/// use verimem::arena::{ArenaOptions, ConcurrentArena};
///
/// let options = ArenaOptions { capacity: Some(1 << 20), ..ArenaOptions::default() };
/// let arena = ConcurrentArena::new(options)?;
/// assert!(arena.allocate(2 << 20).is_err()); // does not fit: `Full`
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ArenaOptions {
    /// Size of a block in bytes; rounded up to 4 KiB; 0 picks
    /// `min(1 MiB, write_buffer_size / 8)` (SPEC A4). At most 256 MiB.
    pub block_size: usize,
    /// The size that a table is expected to grow to, in bytes; only block and
    /// chunk sizes depend on it.
    pub write_buffer_size: usize,
    /// Fixed-capacity mode: the blocks never sum to more than this many bytes,
    /// and what does not fit is refused with [`Error::Full`].
    pub capacity: Option<usize>,
    /// Ask for transparent huge pages; where there are none, nothing changes.
    pub huge_pages: bool,
    /// Shards of the concurrent arena; 0 is one per core. Rounded up to a power
    /// of two, at most 64.
    pub shards: usize,
    /// Who is told of every block.
    pub budget: Option<Arc<dyn Budget>>,
    /// Where the memory comes from if there is some, and where it goes in the end.
    pub pool: Option<Arc<ArenaPool>>,
}

impl Default for ArenaOptions {
    fn default() -> Self {
        Self {
            block_size: 0,
            write_buffer_size: 64 * MIB,
            capacity: None,
            huge_pages: false,
            shards: 0,
            budget: None,
            pool: None,
        }
    }
}

/// Options with every default resolved and every value checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    /// Bytes per ordinary block.
    pub(crate) block_size: usize,
    /// Bytes that a shard takes at a time.
    pub(crate) chunk_size: usize,
    /// The most bytes that all blocks may sum to.
    pub(crate) capacity: usize,
    /// True when `capacity` was asked for.
    #[allow(dead_code, reason = "a table of blocks reserves nothing")]
    pub(crate) fixed: bool,
    /// A power of two.
    pub(crate) shards: usize,
    #[allow(dead_code, reason = "a table of blocks leaves pages to the allocator")]
    pub(crate) huge_pages: bool,
}

impl ArenaOptions {
    /// Checks the options and fills in what they leave open.
    pub(crate) fn geometry(&self) -> Result<Geometry> {
        let invalid = |option, reason| Error::InvalidOption { option, reason };
        if self.block_size > MAX_BLOCK_SIZE {
            return Err(invalid("arena_block_size", "over 256 MiB"));
        }
        let wanted = match self.block_size {
            0 => (self.write_buffer_size / 8).min(MIB),
            size => size,
        };
        let block_size = wanted
            .max(1)
            .next_multiple_of(BLOCK_QUANTUM)
            .max(BLOCK_QUANTUM);
        let addressable = bytes_of(MAX_UNITS).min(isize::MAX.unsigned_abs() / 2);
        let capacity = match self.capacity {
            None => addressable,
            Some(capacity) if capacity < BLOCK_QUANTUM => {
                return Err(invalid("capacity", "under one page of 4 KiB"));
            }
            Some(capacity) if capacity > addressable => {
                return Err(invalid("capacity", "over what 32-bit offsets address"));
            }
            Some(capacity) => capacity,
        };
        if self.shards > 64 {
            return Err(invalid("shards", "over 64"));
        }
        let shards = match self.shards {
            0 => available_parallelism().min(64),
            shards => shards,
        }
        .next_power_of_two();
        // A small capacity is one block, and still to be shared between shards.
        let block_size = block_size.min(capacity);
        let chunk_size = (block_size / 8).clamp(BLOCK_QUANTUM / 4, 128 * KIB);
        Ok(Geometry {
            block_size,
            chunk_size,
            capacity,
            fixed: self.capacity.is_some(),
            shards,
            huge_pages: self.huge_pages,
        })
    }
}
