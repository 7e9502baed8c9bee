//! Where the blocks of an arena live, and what turns an offset into an address.
//!
//! On 64-bit Unix a space is one reserved address range, committed block by
//! block: an offset resolves with one addition. Reserved is not allocated: pages
//! that were never committed cost nothing. Elsewhere, under the checkers, and
//! with `--cfg verimem_block_table`, it is a table of separately allocated
//! blocks: an offset resolves with one more load.
//!
//! When its arena is dropped, a space with its frontier can be rewound and given
//! to another arena, which then takes what was committed before anything else
//! (see [`ArenaPool`](super::ArenaPool)). Such blocks hold old bytes, not zeroes.

#[cfg(all(
    unix,
    target_pointer_width = "64",
    not(any(loom, shuttle, verimem_block_table))
))]
#[path = "space_reserved.rs"]
mod imp;

#[cfg(not(all(
    unix,
    target_pointer_width = "64",
    not(any(loom, shuttle, verimem_block_table))
)))]
#[path = "space_table.rs"]
mod imp;

use imp::Spare;
pub(crate) use imp::{Space, SpaceView};

/// Where the next block goes; owned by whoever may commit blocks.
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    /// First unit that no block covers.
    pub(super) next: u32,
    /// Memory of an arena of before, to be used first.
    spare: Spare,
}

/// A block that was just committed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    /// First unit.
    pub(crate) start: u32,
    /// Number of units.
    pub(crate) units: u32,
}
