//! The layout of a node, and access to its links.
//!
//! A node of height `h` lies in the arena like this, addresses ascending:
//!
//! ```text
//! [level h-1] ... [level 1] [level 0] [shadow] [record ...]
//!                           ^ the node's offset; a multiple of 8 bytes
//! ```
//!
//! - `level i` is a 64-bit word, the successor's key prefix above its 32-bit
//!   offset, so that a search passes most nodes, and knows most missing keys,
//!   without touching them. The pair is one atomic word: the prefix is exactly
//!   that of the node it stands beside.
//! - `shadow` has no size in production. Under loom it stands for the record's
//!   plain bytes, so that a read which is not ordered after the write is seen.
//! - the record is [`crate::entry`]'s, behind its guard if it has a checksum, and behind a
//!   [cell](super::cell) if the list's entries can be overwritten.
//!
//! The height is not stored: nobody reads a level of a node except by a link
//! that was found on that level, or on one above it (invariant S3).
//!
//! Sizes come from `size_of`, because a checker's atomics are larger.

use core::num::NonZero;
use core::ptr::NonNull;

use crate::arena::{Offset, UNIT};
use crate::sync::{AtomicU64, Shadow};

/// Bytes of one link.
pub(super) const LINK_SIZE: usize = size_of::<AtomicU64>();
/// Where the shadow is, counted from the level-0 link.
const SHADOW_AT: usize = LINK_SIZE.next_multiple_of(align_of::<Shadow>());
/// Where the record is, counted from the level-0 link.
pub(super) const RECORD_AT: usize = SHADOW_AT + size_of::<Shadow>();
/// Where the cell is, in lists that have any, counted from the level-0 link.
const CELL_AT: usize = RECORD_AT.next_multiple_of(align_of::<AtomicU64>());
/// Bytes that a cell takes in front of a record and its guard.
pub(super) const CELL_LEN: usize = CELL_AT + size_of::<AtomicU64>() - RECORD_AT;

const _: () = assert!(
    LINK_SIZE % UNIT == 0 && align_of::<AtomicU64>() <= UNIT && align_of::<Shadow>() <= UNIT,
    "links keep the alignment of the node"
);
#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(
    RECORD_AT == 8 && CELL_LEN == 8,
    "a production node has eight bytes before its record, and eight more for a cell"
);

/// The offset of a node with an entry: never 0, so that a place in the list, or none,
/// is one word.
pub(crate) type Position = NonZero<Offset>;

/// What a link holds: the successor's prefix and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    /// No successor. Its prefix is plus infinity.
    pub(crate) const NIL: Self = Self((u32::MAX as u64) << 32);

    #[inline(always)]
    pub(crate) const fn new(prefix: u32, offset: Offset) -> Self {
        Self((prefix as u64) << 32 | offset as u64)
    }

    /// The successor; 0 is none.
    #[inline(always)]
    pub(crate) const fn offset(self) -> Offset {
        self.0 as u32
    }

    /// The successor, if there is one.
    #[inline(always)]
    pub(super) const fn position(self) -> Option<Position> {
        NonZero::new(self.offset())
    }

    #[inline(always)]
    pub(crate) const fn prefix(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The address of a node's level-0 link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodePtr(NonNull<u8>);

impl NodePtr {
    /// # Safety
    ///
    /// `link0` is the address of the level-0 link of a node that [`construct`]
    /// made, in an arena that outlives every use of the result.
    ///
    /// [`construct`]: Self::construct
    #[inline(always)]
    pub(super) unsafe fn new(link0: NonNull<u8>) -> Self {
        Self(link0)
    }

    /// Bytes to allocate for a node of `height` with a record of `record_len`.
    #[inline]
    pub(super) fn size(height: usize, record_len: usize) -> usize {
        let links = (height - 1) * LINK_SIZE + RECORD_AT;
        debug_assert!(
            record_len <= usize::MAX - links,
            "a record's limit leaves room for its links"
        );
        links + record_len
    }

    /// How far a node's offset is from the start of its allocation, in units.
    #[inline]
    pub(super) fn offset_in_allocation(height: usize) -> u32 {
        ((height - 1) * (LINK_SIZE / UNIT)) as u32
    }

    /// Makes the shadow of a node in fresh memory; its links are still to be made.
    ///
    /// # Safety
    ///
    /// `memory` is aligned to [`UNIT`], has [`size`](Self::size)`(height, ..)`
    /// bytes and is used by nobody else; `height` is at least 1.
    #[inline]
    pub(super) unsafe fn construct(memory: NonNull<u8>, height: usize) -> Self {
        // SAFETY: the level-0 link follows the `height - 1` above, inside of the allocation.
        let link0 = unsafe { memory.add((height - 1) * LINK_SIZE) };
        // SAFETY: the shadow follows the level-0 link, inside of the allocation.
        let shadow = unsafe { link0.add(SHADOW_AT) };
        // SAFETY: aligned, in bounds, and nobody else's.
        unsafe { shadow.cast().write(Shadow::new()) };
        Self(link0)
    }

    /// Makes the link of `level`.
    ///
    /// # Safety
    ///
    /// The node was made by [`construct`](Self::construct), `level` is below its
    /// height, and nobody else uses the link yet.
    #[inline(always)]
    pub(super) unsafe fn construct_link(self, level: usize, next: Word) {
        // SAFETY: the link of `level < height` is inside of the allocation.
        let link = unsafe { self.0.sub(level * LINK_SIZE) };
        // SAFETY: aligned, in bounds, and nobody else's.
        unsafe { link.cast().write(AtomicU64::new(next.0)) };
    }

    /// The link to the next node on `level`.
    ///
    /// # Safety
    ///
    /// The node was made by [`construct`](Self::construct) and this link by
    /// [`construct_link`](Self::construct_link), whose writes happen before this
    /// call, its arena outlives `'a`, and `level` is below its height.
    #[inline(always)]
    pub(super) unsafe fn link<'a>(self, level: usize) -> &'a AtomicU64 {
        // SAFETY: `level` is below the height, so the link is inside of the allocation.
        let link = unsafe { self.0.sub(level * LINK_SIZE) };
        // SAFETY: `construct_link` made an atomic here; only shared references to it exist.
        unsafe { link.cast().as_ref() }
    }

    /// What stands for the record's bytes under a checker.
    ///
    /// # Safety
    ///
    /// The node was made by [`construct`](Self::construct), whose writes happen before
    /// this call, and its arena outlives `'a`.
    #[inline(always)]
    pub(super) unsafe fn shadow<'a>(self) -> &'a Shadow {
        // SAFETY: inside of the allocation.
        let shadow = unsafe { self.0.add(SHADOW_AT) };
        // SAFETY: `construct` made a shadow here; only shared references to it exist.
        unsafe { shadow.cast().as_ref() }
    }

    /// Makes the cell, in fresh memory of a list that has cells.
    ///
    /// # Safety
    ///
    /// The node was made by [`construct`](Self::construct) in an allocation with
    /// [`CELL_LEN`] more bytes, and nobody else uses it yet.
    pub(super) unsafe fn construct_cell(self, word: u64) {
        // SAFETY: passed on from the caller.
        let cell = unsafe { self.cell_place() };
        // SAFETY: aligned, in bounds, and nobody else's.
        unsafe { cell.cast().write(AtomicU64::new(word)) };
    }

    /// The address of the cell.
    ///
    /// # Safety
    ///
    /// As for [`construct_cell`](Self::construct_cell).
    pub(super) unsafe fn cell_place(self) -> NonNull<u8> {
        // SAFETY: the cell lies in front of the record, inside of the allocation.
        unsafe { self.0.add(CELL_AT) }
    }

    /// The cell, in a list that has cells.
    ///
    /// # Safety
    ///
    /// [`construct_cell`](Self::construct_cell) made it, whose write happens before this
    /// call, and the node's arena outlives `'a`.
    pub(super) unsafe fn cell<'a>(self) -> &'a AtomicU64 {
        // SAFETY: inside of the allocation.
        let cell = unsafe { self.0.add(CELL_AT) };
        // SAFETY: `construct_cell` made an atomic here; only shared references to it exist.
        unsafe { cell.cast().as_ref() }
    }

    /// The first byte of the record, or of what lies in front of it.
    ///
    /// # Safety
    ///
    /// The node's allocation has a record, possibly still to be written.
    #[inline(always)]
    pub(super) unsafe fn record(self) -> NonNull<u8> {
        // SAFETY: the record follows the shadow, inside of the allocation.
        unsafe { self.0.add(RECORD_AT) }
    }
}

/// Drops a link of a node where a checker's atomics own something.
///
/// # Safety
///
/// The link was made by [`NodePtr::construct_link`], and nobody uses it any more.
#[cfg(shuttle)]
pub(super) unsafe fn drop_link(link0: NonNull<u8>, level: usize) {
    // SAFETY: `level` is below the node's height, so the link is inside of the allocation.
    let link = unsafe { link0.sub(level * LINK_SIZE) };
    // SAFETY: `construct_link` made an atomic here, and nobody uses it any more.
    unsafe { link.cast::<AtomicU64>().drop_in_place() };
}

/// Drops a node's cell where a checker's atomics own something.
///
/// # Safety
///
/// The cell was made by [`NodePtr::construct_cell`], and nobody uses it any more.
#[cfg(shuttle)]
pub(super) unsafe fn drop_cell(link0: NonNull<u8>) {
    // SAFETY: the cell lies inside of the allocation.
    let cell = unsafe { link0.add(CELL_AT) };
    // SAFETY: `construct_cell` made an atomic here, and nobody uses it any more.
    unsafe { cell.cast::<AtomicU64>().drop_in_place() };
}
