//! A space that is one reserved address range.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::{Block, Frontier};
use crate::arena::options::{BLOCK_QUANTUM, Geometry};
use crate::arena::{Offset, UNIT, bytes_of, units_of};
use crate::error::{Error, Result};

/// Alignment of the range when huge pages are asked for, in bytes.
const HUGE_PAGE: usize = 2 << 20;

/// The least address range worth having when the system grants no more.
const MIN_RESERVATION: usize = 64 << 20;

/// One reserved address range, committed block by block.
#[derive(Debug)]
pub(crate) struct Space {
    /// First byte of the usable range; aligned to a page.
    base: NonNull<u8>,
    /// Bytes in the usable range.
    reserved: usize,
    /// What `mmap` returned, and its length, for `munmap`.
    mapping: (NonNull<u8>, usize),
    page: usize,
    huge_pages: bool,
    /// Bytes that were to be reserved; `reserved` is less where the system refused.
    wanted: usize,
    /// Bytes from the start of the range that an earlier arena had.
    recycled: usize,
}

/// Bytes from the start of the range that are usable already; never less than
/// the blocks of the present arena.
#[derive(Debug, Default)]
pub(super) struct Spare(usize);

// SAFETY: a `Space` owns its mapping and hands out raw pointers only; what is
// read and written through them is the arena's protocol.
unsafe impl Send for Space {}
// SAFETY: as above; all fields are constant after `new`.
unsafe impl Sync for Space {}

impl Space {
    /// Reserves addresses for the capacity, or for as much of it as the system grants.
    pub(crate) fn new(geometry: &Geometry) -> Result<Self> {
        let page = page_size();
        let slack = if geometry.huge_pages { HUGE_PAGE } else { 0 };
        let wanted = wanted_bytes(geometry, page);
        let mut reserved = wanted;
        loop {
            let length = reserved.saturating_add(slack);
            if let Some(start) = reserve(length) {
                let skip = if geometry.huge_pages {
                    start.as_ptr().align_offset(HUGE_PAGE)
                } else {
                    0
                };
                // SAFETY: `skip < HUGE_PAGE <= slack` (or 0), so the sum stays
                // inside of the mapping of `reserved + slack` bytes.
                let base = unsafe { start.add(skip) };
                return Ok(Self {
                    base,
                    reserved,
                    mapping: (start, length),
                    page,
                    huge_pages: geometry.huge_pages,
                    wanted,
                    recycled: 0,
                });
            }
            if geometry.fixed || reserved / 2 < MIN_RESERVATION {
                return Err(Error::OutOfMemory { requested: length });
            }
            reserved = (reserved / 2).next_multiple_of(page);
        }
    }

    /// No addresses at all: what a space is replaced by when it is moved out of
    /// an arena that is being dropped.
    pub(crate) fn nowhere() -> Self {
        Self {
            base: NonNull::dangling(),
            reserved: 0,
            mapping: (NonNull::dangling(), 0),
            page: BLOCK_QUANTUM,
            huge_pages: false,
            wanted: 0,
            recycled: 0,
        }
    }

    /// True when an arena of that geometry can use this space as if it were its own.
    pub(crate) fn suits(&self, geometry: &Geometry) -> bool {
        self.wanted == wanted_bytes(geometry, self.page)
            && self.huge_pages == geometry.huge_pages
            && (self.reserved == self.wanted || !geometry.fixed)
    }

    /// Starts anew: everything that was committed can be handed out again, with
    /// the bytes that it holds. Returns how many bytes that are.
    pub(crate) fn rewind(&mut self, frontier: &mut Frontier) -> usize {
        frontier.next = 0;
        self.recycled = frontier.spare.0;
        frontier.spare.0
    }

    /// Gives what a rewound space has beyond `keep` bytes back to the system, if
    /// that can be done; returns what is left.
    pub(crate) fn trim(&mut self, frontier: &mut Frontier, keep: usize) -> usize {
        let usable = &mut frontier.spare.0;
        let keep = keep - keep % self.page;
        if keep < *usable {
            // SAFETY: `keep` is inside of the mapping.
            let tail = unsafe { self.base.add(keep) };
            if make_unusable(tail, *usable - keep) {
                *usable = keep;
            }
        }
        // What was given back comes fresh from the system.
        self.recycled = self.recycled.min(*usable);
        *usable
    }

    /// Makes the next `bytes` (rounded up to pages) usable.
    pub(crate) fn commit(&self, frontier: &mut Frontier, bytes: usize) -> Result<Block> {
        let start = bytes_of(frontier.next);
        let full = Error::Full {
            requested: bytes,
            available: self.reserved - start,
        };
        let Some(length) = bytes.checked_next_multiple_of(self.page) else {
            return Err(full);
        };
        let Some(end) = start
            .checked_add(length)
            .filter(|&end| end <= self.reserved)
        else {
            return Err(full);
        };
        let next = units_of(end)?;
        let usable = &mut frontier.spare.0;
        if end > *usable {
            // SAFETY: `usable < end <= reserved`, so the sum is inside of the mapping.
            let first = unsafe { self.base.add(*usable) };
            if !make_usable(first, end - *usable, self.huge_pages) {
                return Err(Error::OutOfMemory { requested: length });
            }
            *usable = end;
        }
        let block = Block {
            start: frontier.next,
            units: next - frontier.next,
        };
        frontier.next = next;
        Ok(block)
    }

    /// Has the system provide the pages of a few units about to be written, all at
    /// once: one call instead of a fault for each page. Those of an earlier arena
    /// are there already.
    pub(crate) fn prepare(&self, start: Offset, units: u32) {
        #[cfg(target_os = "linux")]
        {
            let from = bytes_of(start).next_multiple_of(self.page);
            let until = (bytes_of(start) + bytes_of(units)).next_multiple_of(self.page);
            if from < until && from >= self.recycled {
                // SAFETY: the units lie in a committed block, which ends with a page.
                let first = unsafe { self.base.add(from) };
                // Advice only: where it is refused, pages come when they are touched.
                // SAFETY: the range is part of this space's own mapping.
                let _ = unsafe {
                    libc::madvise(
                        first.as_ptr().cast(),
                        until - from,
                        libc::MADV_POPULATE_WRITE,
                    )
                };
            }
        }
        let _ = (start, units);
    }

    /// How many bytes a block of `bytes` would really take.
    pub(crate) fn block_bytes(&self, bytes: usize) -> Option<usize> {
        bytes.checked_next_multiple_of(self.page)
    }

    /// What resolves offsets, in a register.
    #[inline(always)]
    pub(crate) fn view(&self) -> SpaceView<'_> {
        SpaceView {
            base: self.base,
            space: PhantomData,
        }
    }
}

/// A borrowed space, ready to resolve offsets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpaceView<'a> {
    base: NonNull<u8>,
    space: PhantomData<&'a Space>,
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
    /// The space stays alive for as long as the result is used.
    pub(crate) unsafe fn detach(self) -> SpaceView<'static> {
        SpaceView {
            base: self.base,
            space: PhantomData,
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
        // SAFETY: the offset lies in a committed block, hence inside of the
        // mapping, so the product does not overflow and the sum stays inside.
        unsafe { self.base.add(offset as usize * UNIT) }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let (start, length) = self.mapping;
        if length == 0 {
            return;
        }
        // SAFETY: `new` mapped exactly this range, and `&mut self` says that
        // nobody uses an address inside of it any more.
        let status = unsafe { libc::munmap(start.as_ptr().cast(), length) };
        debug_assert_eq!(status, 0, "munmap of a whole mapping does not fail");
    }
}

fn page_size() -> usize {
    // SAFETY: `sysconf` has no requirements.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size)
        .unwrap_or(BLOCK_QUANTUM)
        .max(BLOCK_QUANTUM)
}

/// Reserves `length` bytes of addresses that nothing may touch yet.
fn reserve(length: usize) -> Option<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: an anonymous private mapping at an address of the system's choice
    // touches no existing memory.
    let start = unsafe { libc::mmap(core::ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return None;
    }
    NonNull::new(start.cast())
}

/// Bytes to reserve for the capacity.
fn wanted_bytes(geometry: &Geometry, page: usize) -> usize {
    geometry.capacity.next_multiple_of(page.max(BLOCK_QUANTUM))
}

/// Makes `length` bytes from `start` readable and writable; they read as zero.
fn make_usable(start: NonNull<u8>, length: usize, huge_pages: bool) -> bool {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the range is part of this space's own mapping and not in use yet.
    let status = unsafe { libc::mprotect(start.as_ptr().cast(), length, protection) };
    #[cfg(target_os = "linux")]
    if status == 0 && huge_pages {
        // Advice only: where it is refused the pages are ordinary ones.
        // SAFETY: as for `mprotect` above.
        let _ = unsafe { libc::madvise(start.as_ptr().cast(), length, libc::MADV_HUGEPAGE) };
    }
    let _ = huge_pages;
    status == 0
}

/// Gives `length` bytes from `start` back to the system: they take no memory, and
/// nothing may touch them until they are made usable again. False when that
/// cannot be said for certain.
fn make_unusable(start: NonNull<u8>, length: usize) -> bool {
    // Elsewhere the advice need not free anything.
    if !cfg!(target_os = "linux") {
        return false;
    }
    // SAFETY: the range is part of this space's own mapping, and no arena uses it.
    let status = unsafe { libc::mprotect(start.as_ptr().cast(), length, libc::PROT_NONE) };
    if status != 0 {
        return false;
    }
    // SAFETY: as above.
    let status = unsafe { libc::madvise(start.as_ptr().cast(), length, libc::MADV_DONTNEED) };
    status == 0
}
