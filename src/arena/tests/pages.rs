//! Pages that come with a chunk, before anything is written to them.

use super::*;
use crate::arena::space::Frontier;
use crate::arena::{Offset, Space};

/// Whether all pages of a few units are in memory.
fn are_resident(space: &Space, start: Offset, units: u32) -> bool {
    // SAFETY: `sysconf` has no requirements.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap();
    // SAFETY: the units lie in a committed block.
    let first = unsafe { space.view().resolve(start) };
    let bytes = units as usize * UNIT;
    let mut pages = std::vec![0; bytes.div_ceil(page)];
    // SAFETY: a mapped range that begins with a page, and a byte for each of its pages.
    let status = unsafe { libc::mincore(first.as_ptr().cast(), bytes, pages.as_mut_ptr()) };
    assert_eq!(status, 0);
    pages.iter().all(|page| page & 1 == 1)
}

#[test]
fn a2_what_was_trimmed_is_prepared_again() {
    const BYTES: usize = 8 * MIB;
    let options = ArenaOptions::default();
    let mut space = Space::new(&options.geometry().unwrap()).unwrap();
    let mut frontier = Frontier::default();
    let units = (BYTES / UNIT) as u32;
    let block = space.commit(&mut frontier, BYTES).unwrap();
    space.prepare(block.start, units);
    if !are_resident(&space, block.start, units) {
        return; // A system that takes no such advice.
    }
    assert_eq!(space.rewind(&mut frontier), BYTES);
    assert_eq!(space.trim(&mut frontier, BYTES / 2), BYTES / 2);
    let block = space.commit(&mut frontier, BYTES).unwrap();
    let half = units / 2;
    assert!(are_resident(&space, block.start, half));
    assert!(!are_resident(&space, block.start + half, half));
    space.prepare(block.start + half, half);
    assert!(are_resident(&space, block.start + half, half));
}
