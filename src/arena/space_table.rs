//! A space that is a table of separately allocated blocks.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{Block, Frontier};
use crate::arena::options::{BLOCK_QUANTUM, Geometry};
use crate::arena::{Offset, UNIT, bytes_of, units_of};
use crate::error::{Error, Result};
use crate::sync::{UnsafeCell, alloc_block, dealloc_block};

/// The most slots that a table may have.
const MAX_SLOTS: usize = if cfg!(any(loom, shuttle)) {
    64
} else {
    1 << 16
};

/// One slot: the part of a block that it covers, and how many bytes to free with it.
#[derive(Debug, Clone, Copy)]
struct Slot {
    address: *mut u8,
    /// Bytes of the block that starts here; 0 in the later slots of a large block.
    owned: usize,
}

const EMPTY: Slot = Slot {
    address: core::ptr::null_mut(),
    owned: 0,
};

/// A table of blocks; each slot covers `1 << shift` units of offsets.
#[derive(Debug)]
pub(crate) struct Space {
    slots: Box<[UnsafeCell<Slot>]>,
    shift: u32,
}

// SAFETY: a `Space` owns its blocks and hands out raw pointers only; a slot is
// written once, by the one thread that owns the `Frontier`, before any offset
// inside of it is handed out (arena invariant 4).
unsafe impl Send for Space {}
// SAFETY: as above.
unsafe impl Sync for Space {}

impl Space {
    /// Makes an empty table large enough for the capacity.
    pub(crate) fn new(geometry: &Geometry) -> Result<Self> {
        let slot_bytes = geometry.block_size.next_power_of_two();
        let full_slots = geometry.capacity.div_ceil(slot_bytes);
        // The first block is small and large requests have blocks of their own,
        // each over a quarter of a block: all of them start at a slot.
        let slots = if geometry.fixed {
            full_slots.saturating_mul(4).saturating_add(4)
        } else {
            full_slots.saturating_add(2)
        }
        .min(MAX_SLOTS);
        let mut table = Vec::new();
        table
            .try_reserve_exact(slots)
            .map_err(|_| Error::OutOfMemory { requested: slots })?;
        table.resize_with(slots, || UnsafeCell::new(EMPTY));
        Ok(Self {
            slots: table.into_boxed_slice(),
            shift: (slot_bytes / UNIT).trailing_zeros(),
        })
    }

    /// Allocates a block of `bytes` (rounded up to [`BLOCK_QUANTUM`]).
    pub(crate) fn commit(&self, frontier: &mut Frontier, bytes: usize) -> Result<Block> {
        let first = (frontier.next as usize) >> self.shift;
        let slot_bytes = UNIT << self.shift;
        let full = Error::Full {
            requested: bytes,
            available: (self.slots.len() - first).saturating_mul(slot_bytes),
        };
        let Some(length) = self.block_bytes(bytes) else {
            return Err(full);
        };
        let count = length.div_ceil(slot_bytes);
        if count > self.slots.len() - first {
            return Err(full);
        }
        let next = units_of((first + count).saturating_mul(slot_bytes))?;
        let Ok(layout) = Layout::from_size_align(length, UNIT) else {
            return Err(full);
        };
        // SAFETY: `length` is a positive multiple of the quantum.
        let Some(block) = (unsafe { alloc_block(layout) }) else {
            return Err(Error::OutOfMemory { requested: length });
        };
        for part in 0..count {
            let slot = Slot {
                // SAFETY: `part < count`, so the sum is inside of the block.
                address: unsafe { block.as_ptr().add(part * slot_bytes) },
                owned: if part == 0 { length } else { 0 },
            };
            self.slots[first + part].with_mut(|place| {
                // SAFETY: the owner of the frontier is the only one to write
                // slots, and no offset in this one was handed out yet.
                unsafe { place.write(slot) };
            });
        }
        let block = Block {
            start: frontier.next,
            units: units_of(length)?,
        };
        frontier.next = next;
        Ok(block)
    }

    /// How many bytes a block of `bytes` would really take.
    pub(crate) fn block_bytes(&self, bytes: usize) -> Option<usize> {
        bytes.max(1).checked_next_multiple_of(BLOCK_QUANTUM)
    }

    /// What resolves offsets.
    #[inline(always)]
    pub(crate) fn view(&self) -> SpaceView<'_> {
        SpaceView(self)
    }
}

/// A borrowed space, ready to resolve offsets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpaceView<'a>(&'a Space);

impl SpaceView<'_> {
    /// The address of an offset.
    ///
    /// # Safety
    ///
    /// The caller got `offset` from this space's arena (so it lies in a
    /// committed block), or derives it from such an offset within its allocation.
    #[inline(always)]
    pub(crate) unsafe fn resolve(self, offset: Offset) -> NonNull<u8> {
        let Space { slots, shift } = self.0;
        let slot = (offset as usize) >> shift;
        let inside = bytes_of(offset & ((1 << shift) - 1));
        let address = slots[slot].with(|place| {
            // SAFETY: the slot was written before the offset was handed out, and
            // is never written again (arena invariant 4).
            unsafe { (*place).address }
        });
        // SAFETY: the offset lies inside of the block whose part this is.
        let address = unsafe { address.add(inside) };
        // SAFETY: inside of a block, so not null.
        unsafe { NonNull::new_unchecked(address) }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        for slot in &self.slots {
            // SAFETY: `&mut self`: nobody else reads or writes the slot.
            let Slot { address, owned } = slot.with(|place| unsafe { *place });
            let (Some(block), 1..) = (NonNull::new(address), owned) else {
                continue;
            };
            let Ok(layout) = Layout::from_size_align(owned, UNIT) else {
                continue;
            };
            // SAFETY: `commit` allocated the block with this size and alignment,
            // and `&mut self` says that nobody uses it any more.
            unsafe { dealloc_block(block, layout) };
        }
    }
}
