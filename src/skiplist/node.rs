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
//! - the record is [`crate::entry`]'s, behind its guard if it has a checksum.
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

const _: () = assert!(
    LINK_SIZE % UNIT == 0 && align_of::<AtomicU64>() <= UNIT && align_of::<Shadow>() <= UNIT,
    "links keep the alignment of the node"
);
#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(
    RECORD_AT == 8,
    "a production node has eight bytes before its record"
);

/// The offset of a node with an entry: never 0, so that a place in the list, or none,
/// is one word.
pub(crate) type Position = NonZero<Offset>;

/// What a link holds: the successor's prefix and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// No successor. Its prefix is plus infinity.
    pub(super) const NIL: Self = Self((u32::MAX as u64) << 32);

    #[inline(always)]
    pub(super) const fn new(prefix: u32, offset: Offset) -> Self {
        Self((prefix as u64) << 32 | offset as u64)
    }

    /// The successor; 0 is none.
    #[inline(always)]
    pub(super) const fn offset(self) -> Offset {
        self.0 as u32
    }

    /// The successor, if there is one.
    #[inline(always)]
    pub(super) const fn position(self) -> Option<Position> {
        NonZero::new(self.offset())
    }

    #[inline(always)]
    pub(super) const fn prefix(self) -> u32 {
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

    /// The first byte of the record.
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
