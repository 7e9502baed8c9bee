//! A space that is a table of separately allocated blocks.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::{Block, Frontier};
use crate::arena::options::{BLOCK_QUANTUM, Geometry};
use crate::arena::{MAX_UNITS, Offset, UNIT, bytes_of, units_of};
use crate::error::{Error, Result};
use crate::sync::{UnsafeCell, alloc_block, dealloc_block};

/// The most slots that a table may have: so many blocks are the limit of an
/// arena here, whatever its capacity.
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

/// Makes a table of empty slots.
#[cfg(not(loom))]
fn empty_slots(slots: usize) -> Result<Box<[UnsafeCell<Slot>]>> {
    let layout = Layout::array::<UnsafeCell<Slot>>(slots)
        .ok()
        .filter(|layout| layout.size() > 0)
        .ok_or(Error::OutOfMemory { requested: slots })?;
    // Zeroed by the system where the table is large: pages that are never used
    // then cost nothing.
    // SAFETY: the size is above zero.
    let Some(table) = (unsafe { alloc_block(layout) }) else {
        return Err(Error::OutOfMemory {
            requested: layout.size(),
        });
    };
    let table = core::ptr::slice_from_raw_parts_mut(table.as_ptr().cast(), slots);
    // SAFETY: the global allocator just returned this memory for this layout; a
    // cell is laid out as what is in it, and zeroes are a null address and the
    // length 0, an empty slot.
    Ok(unsafe { Box::from_raw(table) })
}

/// Makes a table of empty slots, which loom has to know one by one.
#[cfg(loom)]
fn empty_slots(slots: usize) -> Result<Box<[UnsafeCell<Slot>]>> {
    Ok((0..slots).map(|_| UnsafeCell::new(EMPTY)).collect())
}

/// A table of blocks; each slot covers `1 << shift` units of offsets.
pub(crate) struct Space {
    slots: Box<[UnsafeCell<Slot>]>,
    shift: u32,
    /// Block size and capacity that it was made for.
    made_for: (usize, usize),
}

/// Blocks of the arena before; a block is used again for one of the same size.
#[derive(Debug, Default)]
pub(super) struct Spare(Vec<SpareBlock>);

/// A block that no slot has.
#[derive(Debug)]
struct SpareBlock {
    address: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a `SpareBlock` owns its block, and nobody else knows its address.
unsafe impl Send for SpareBlock {}
// SAFETY: as above; a shared reference gives no access to the block.
unsafe impl Sync for SpareBlock {}

impl SpareBlock {
    /// The block of a slot; none if it is empty, or a later part of a block.
    fn of(slot: Slot) -> Option<Self> {
        let (Some(address), 1..) = (NonNull::new(slot.address), slot.owned) else {
            return None;
        };
        let layout = Layout::from_size_align(slot.owned, UNIT).ok()?;
        Some(Self { address, layout })
    }

    /// The block, whose owner is then the caller.
    fn into_raw(self) -> NonNull<u8> {
        core::mem::ManuallyDrop::new(self).address
    }
}

impl Drop for SpareBlock {
    fn drop(&mut self) {
        // SAFETY: `commit` allocated the block with this layout, and its owner is
        // being dropped, so nobody uses it any more.
        unsafe { dealloc_block(self.address, self.layout) };
    }
}

impl Spare {
    fn bytes(&self) -> usize {
        self.0.iter().map(|block| block.layout.size()).sum()
    }

    /// Takes a block of exactly that layout. Most blocks of an arena have one
    /// size, so the last one usually does.
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let found = self.0.iter().rposition(|block| block.layout == layout)?;
        Some(self.0.swap_remove(found).into_raw())
    }
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
        // Every block starts at a slot. All but the first and the last have over
        // a quarter of an ordinary one.
        let smallest = (geometry.block_size / 4).max(BLOCK_QUANTUM);
        let slots = geometry.capacity.div_ceil(smallest).saturating_add(2);
        Ok(Self {
            slots: empty_slots(slots.min(MAX_SLOTS))?,
            shift: (slot_bytes / UNIT).trailing_zeros(),
            made_for: (geometry.block_size, geometry.capacity),
        })
    }

    /// A table without slots: what a space is replaced by when it is moved out of
    /// an arena that is being dropped.
    pub(crate) fn nowhere() -> Self {
        Self {
            slots: Box::default(),
            shift: 0,
            made_for: (0, 0),
        }
    }

    /// True when an arena of that geometry can use this space as if it were its own.
    pub(crate) fn suits(&self, geometry: &Geometry) -> bool {
        self.made_for == (geometry.block_size, geometry.capacity)
    }

    /// Starts anew: the slots are empty again, and their blocks are to be used
    /// first, with the bytes that they hold. Returns how many bytes that are.
    pub(crate) fn rewind(&mut self, frontier: &mut Frontier) -> usize {
        let used = (frontier.next as usize) >> self.shift;
        for slot in &self.slots[..used] {
            let value = slot.with_mut(|place| {
                // SAFETY: `&mut self`: nobody else reads or writes the slot.
                unsafe { place.replace(EMPTY) }
            });
            let spare = &mut frontier.spare.0;
            // Where the list cannot grow, the block is freed.
            if let (Some(block), Ok(())) = (SpareBlock::of(value), spare.try_reserve(1)) {
                spare.push(block);
            }
        }
        frontier.next = 0;
        frontier.spare.bytes()
    }

    /// Frees blocks of a rewound space until at most `keep` bytes are left, and
    /// returns what is left.
    pub(crate) fn trim(&mut self, frontier: &mut Frontier, keep: usize) -> usize {
        let mut left = frontier.spare.bytes();
        while left > keep {
            left -= frontier
                .spare
                .0
                .pop()
                .map_or(left, |block| block.layout.size());
        }
        left
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
        // In units: their number of bytes may be beyond a 32-bit machine.
        let slot_units = 1u64 << self.shift;
        let Some(next) = u32::try_from((first + count) as u64 * slot_units)
            .ok()
            .filter(|&next| next < MAX_UNITS)
        else {
            return Err(full);
        };
        let Ok(layout) = Layout::from_size_align(length, UNIT) else {
            return Err(full);
        };
        let block = match frontier.spare.take(layout) {
            Some(block) => block,
            None => {
                // SAFETY: `length` is a positive multiple of the quantum.
                let block = unsafe { alloc_block(layout) };
                block.ok_or(Error::OutOfMemory { requested: length })?
            }
        };
        for (part, slot) in self.slots[first..first + count].iter().enumerate() {
            let value = Slot {
                // SAFETY: `part < count`, so the sum is inside of the block.
                address: unsafe { block.as_ptr().add(part * slot_bytes) },
                owned: if part == 0 { length } else { 0 },
            };
            slot.with_mut(|place| {
                // SAFETY: the owner of the frontier is the only one to write
                // slots, and no offset in this one was handed out yet.
                unsafe { place.write(value) };
            });
        }
        let block = Block {
            start: frontier.next,
            units: units_of(length)?,
        };
        frontier.next = next;
        Ok(block)
    }

    /// The allocator's pages come when they are touched.
    pub(crate) fn prepare(&self, _start: Offset, _units: u32) {}

    /// How many bytes a block of `bytes` would really take.
    pub(crate) fn block_bytes(&self, bytes: usize) -> Option<usize> {
        bytes.max(1).checked_next_multiple_of(BLOCK_QUANTUM)
    }

    /// What resolves offsets.
    #[inline(always)]
    pub(crate) fn view(&self) -> SpaceView<'_> {
        SpaceView {
            space: NonNull::from(self),
            borrow: PhantomData,
        }
    }
}

/// A borrowed space, ready to resolve offsets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpaceView<'a> {
    space: NonNull<Space>,
    borrow: PhantomData<&'a Space>,
}

// SAFETY: a view stands for a reference to its space, which is `Sync`.
unsafe impl Send for SpaceView<'_> {}
// SAFETY: as above.
unsafe impl Sync for SpaceView<'_> {}

impl SpaceView<'_> {
    /// The same without the borrow.
    ///
    /// # Safety
    ///
    /// The space stays alive, and in its place, for as long as the result is used.
    pub(crate) unsafe fn detach(self) -> SpaceView<'static> {
        SpaceView {
            space: self.space,
            borrow: PhantomData,
        }
    }

    /// The address of an offset.
    ///
    /// # Safety
    ///
    /// The caller got `offset` from this space's arena (so it lies in a
    /// committed block), or derives it from such an offset within its allocation, or
    /// it is 0 once the space has a block: that unit is nobody's, and only its address
    /// may be used.
    #[inline(always)]
    pub(crate) unsafe fn resolve(self, offset: Offset) -> NonNull<u8> {
        // SAFETY: borrowed for the view's lifetime, or kept alive by who detached it.
        let Space { slots, shift, .. } = unsafe { self.space.as_ref() };
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

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space")
            .field("slots", &self.slots.len())
            .field("slot_units", &(1u64 << self.shift))
            .finish_non_exhaustive()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        for slot in &self.slots {
            // SAFETY: `&mut self`: nobody else reads or writes the slot.
            let value = slot.with(|place| unsafe { *place });
            drop(SpareBlock::of(value));
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::arena::ArenaOptions;

    #[test]
    fn a6_offsets_count_units_beyond_what_a_machine_has_bytes() {
        let options = ArenaOptions {
            block_size: 68 << 10,                  // half of a slot is never used
            capacity: Some((1 << 30) - (4 << 10)), // the most that 32 bits allow
            ..ArenaOptions::default()
        };
        let space = Space::new(&options.geometry().unwrap()).unwrap();
        // 32,768 slots of 128 KiB are 4 GiB.
        let mut frontier = Frontier {
            next: 32_767 << space.shift,
            ..Frontier::default()
        };
        let starts = [(); 3].map(|()| space.commit(&mut frontier, 4_096).unwrap().start);
        let slot = 1 << space.shift;
        assert_eq!(starts[1] - starts[0], slot);
        assert_eq!(starts[2] - starts[1], slot);
    }

    #[test]
    fn a6_a_table_without_slots_left_is_full() {
        let options = ArenaOptions {
            capacity: Some(1 << 20),
            ..ArenaOptions::default()
        };
        let space = Space::new(&options.geometry().unwrap()).unwrap();
        let mut frontier = Frontier::default();
        let refusal = loop {
            if let Err(refusal) = space.commit(&mut frontier, 4_096) {
                break refusal;
            }
        };
        assert!(matches!(refusal, Error::Full { available: 0, .. }));
    }
}
