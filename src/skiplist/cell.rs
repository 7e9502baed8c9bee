//! Cells: how an entry is overwritten beside readers that take no lock (SPEC W6).
//!
//! In a list whose entries can be overwritten, each node has one atomic word in front of
//! its record and guard, the *cell*:
//!
//! ```text
//! fixed32(offset of the newest version; 0 is the node's own record) · fixed32(check)
//! ```
//!
//! A *version* is a record as the node's own is, behind a guard and with a checksum where
//! entries have checksums, but without links:
//!
//! ```text
//! [shadow] [guard] [record ...]
//! ```
//!
//! # Invariants
//!
//! 1. **C1, whole versions.** A version is written before a swap with release puts its
//!    offset into the cell, and never changes after. Readers load the cell with acquire,
//!    once for each answer: kind and value belong together.
//! 2. **C2, one after another.** The swaps of a cell are in one order, and each is told
//!    of the version that it replaced, which it acquires: every version but the newest
//!    was replaced by exactly one writer, who can say what it was.
//! 3. **C3, kept.** A version stays where it is until the list is dropped.
//! 4. **C4, keys stay.** The order of nodes is that of their own records, and the key and
//!    sequence number of an entry are those. A version has a key that compares equal.
//!
//! In a list without checksums the check is 0. With checksums it mixes the offset with the
//! address of the cell, one-to-one in the offset: a cell that is wrong in one half only is
//! noticed for certain, before it is followed, and anything else but once in 2^32. What
//! it leads to is verified as any record is, and has to have the key of its node.

use super::node::NodePtr;
use super::search::{Pass, Target};
use super::verify::Checks;
use super::{SkipList, SpaceView};
use crate::arena::{Allocate, Offset};
use crate::entry::{EntryRef, reference_check};
use crate::error::{Corruption, Error, Result};
use crate::key::{Comparator, tag_sequence};
use crate::sync::ledger::{FAULT_SKIPLIST_CELL_READ_FIRST, FAULT_SKIPLIST_CELL_READ_TWICE};
use crate::sync::{AtomicU64, Shadow, fault, ord};

use core::ptr::NonNull;

/// Where the record of a version is, or its guard.
const VERSION_RECORD_AT: usize = size_of::<Shadow>();

impl Checks {
    /// What a cell holds that leads to a version, or to none where that is 0.
    fn cell_word(&self, cell: NonNull<u8>, version: Offset) -> u64 {
        let check = if self.guarded() {
            reference_check(version, cell.addr().get())
        } else {
            0
        };
        u64::from(check) << 32 | u64::from(version)
    }

    /// The version that a cell leads to; `None` is the node's own record.
    ///
    /// # Errors
    ///
    /// [`Corruption::Version`].
    fn version_of(&self, cell: &AtomicU64, word: u64) -> Result<Option<Offset>, Corruption> {
        let version = word as u32;
        if self.cell_word(NonNull::from(cell).cast(), version) != word {
            return Err(Corruption::Version);
        }
        Ok(Some(version).filter(|&version| version != 0))
    }
}

impl<C: Comparator> SkipList<C> {
    /// Makes the cell of a fresh node, whose own record is current.
    ///
    /// # Safety
    ///
    /// As for [`NodePtr::construct_cell`]; `_offset` is the node's.
    pub(super) unsafe fn construct_cell(&self, node: NodePtr, _offset: Offset) {
        // SAFETY: passed on from the caller.
        let place = unsafe { node.cell_place() };
        let word = self.checks.cell_word(place, 0);
        // SAFETY: passed on from the caller.
        unsafe { node.construct_cell(word) };
        #[cfg(shuttle)]
        self.remember_cell(_offset);
    }

    /// Bytes to allocate for a version with a record of `record_len`.
    pub(super) fn version_size(&self, record_len: usize) -> usize {
        VERSION_RECORD_AT + self.checks.guard_len() + record_len
    }

    /// The cell of a node.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links, and the list has cells.
    unsafe fn cell<'l>(view: SpaceView<'l>, node: Offset) -> &'l AtomicU64 {
        // SAFETY: passed on from the caller.
        let node = unsafe { Self::node(view, node) };
        // SAFETY: made before the node was linked.
        unsafe { node.cell() }
    }

    /// Reads a node's cell: which version of its entry is the newest.
    ///
    /// # Errors
    ///
    /// [`Corruption::Version`].
    fn read_cell(&self, cell: &AtomicU64) -> Result<Option<Offset>, Corruption> {
        let word = cell.load(ord!(SKIPLIST_CELL_LOAD, Acquire));
        self.checks.version_of(cell, word)
    }

    /// The entry of a node, in a list with cells.
    ///
    /// # Errors
    ///
    /// [`Corruption`]: of the cell, the version, or the node's key.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links, and the list has cells.
    pub(super) unsafe fn newest_version(
        &self,
        view: SpaceView<'_>,
        node: Offset,
    ) -> Result<EntryRef<'_>, Corruption> {
        // SAFETY: passed on from the caller.
        let cell = unsafe { Self::cell(view, node) };
        let version = self.read_cell(cell)?;
        // SAFETY: passed on from the caller; the cell of the node led there.
        let (key, entry) = unsafe { self.version(view, node, version) }?;
        if self.checks.guarded()
            && version.is_some()
            && self.comparator.compare(key, entry.user_key).is_ne()
        {
            return Err(Corruption::Version);
        }
        let entry = EntryRef {
            user_key: key,
            ..entry
        };
        if fault(&FAULT_SKIPLIST_CELL_READ_TWICE) {
            let again = self.read_cell(cell)?;
            // SAFETY: as above.
            let (_, EntryRef { kind, .. }) = unsafe { self.version(view, node, again) }?;
            return Ok(EntryRef { kind, ..entry });
        }
        Ok(entry)
    }

    /// The user key of a node, and its entry as some version has it, with the key as it is
    /// spelled there. That the two compare equal is not looked at.
    ///
    /// # Errors
    ///
    /// As for [`newest_version`](Self::newest_version).
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links, and `version` was read from its
    /// cell by acquiring it.
    unsafe fn version(
        &self,
        view: SpaceView<'_>,
        node: Offset,
        version: Option<Offset>,
    ) -> Result<(&[u8], EntryRef<'_>), Corruption> {
        let Some(version) = version else {
            // SAFETY: passed on from the caller.
            let entry = unsafe { self.own_entry(view, node) }?;
            return Ok((entry.user_key, entry));
        };
        // SAFETY: passed on from the caller.
        let key = unsafe { self.special_key(view, node) };
        let (user_key, tag) = key.ok_or(Corruption::Lengths)?;
        // SAFETY: the cell led to it, and would not agree with it if it were none.
        let start = unsafe { view.resolve(version) };
        // SAFETY: a version begins with its shadow, made before the swap (C1).
        unsafe { start.cast::<Shadow>().as_ref() }.read();
        // SAFETY: the record follows, or its guard, inside of the allocation.
        let start = unsafe { start.add(VERSION_RECORD_AT) };
        // SAFETY: written there before the swap, and never changed (C1).
        let entry = unsafe { self.stored_entry(start) }?;
        if self.checks.guarded() && entry.sequence != tag_sequence(tag) {
            return Err(Corruption::Version);
        }
        Ok((user_key, entry))
    }

    /// Makes `entry` the newest version of the entry with its key and sequence number;
    /// returns what it replaced, or how that is damaged. O(log n).
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`] if the list has no cells, or no such entry that can be found; a
    /// limit that the entry exceeds, [`Error::Full`], [`Error::OutOfMemory`]. Nothing
    /// changes then.
    ///
    /// # Safety
    ///
    /// `memory` allocates from this list's arena.
    #[cold]
    pub(crate) unsafe fn overwrite(
        &self,
        memory: &mut impl Allocate,
        entry: &EntryRef<'_>,
    ) -> Result<Result<EntryRef<'_>, Corruption>> {
        let target = Target::new(&self.comparator, entry.user_key, entry.sequence);
        let view = self.view();
        let node = self.exactly(view, &target).ok_or(Error::Duplicate)?;
        let version = self.write_version(memory, entry)?;
        // SAFETY: the list has cells, or `exactly` had found nothing.
        let cell = unsafe { Self::cell(view, node) };
        let word = self.checks.cell_word(NonNull::from(cell).cast(), version);
        let read = fault(&FAULT_SKIPLIST_CELL_READ_FIRST).then(|| self.read_cell(cell));
        let replaced = cell.swap(word, ord!(SKIPLIST_CELL_SWAP, AcqRel));
        let replaced = read.unwrap_or_else(|| self.checks.version_of(cell, replaced));
        // No user code from here on: what was replaced is counted.
        // SAFETY: a search found the node, and the swap acquired what it replaced.
        let replaced = replaced.and_then(|replaced| unsafe { self.version(view, node, replaced) });
        Ok(replaced.map(|(_, entry)| entry))
    }

    /// The node of exactly this key and sequence number, in a list with cells.
    fn exactly(&self, view: SpaceView<'_>, target: &Target<'_>) -> Option<Offset> {
        let next = self.descend(target, Pass::Less, |_, _| ()).word.offset();
        if next == 0 || !self.checks.cells() {
            return None;
        }
        // SAFETY: a link led to `next`.
        let order = unsafe { self.compare(view, next, target) };
        Some(next).filter(|_| order.is_eq())
    }

    /// Allocates a version and writes it.
    fn write_version(&self, memory: &mut impl Allocate, entry: &EntryRef<'_>) -> Result<Offset> {
        let layout = self.check(entry)?;
        let place = memory.allocate(self.version_size(layout.len))?;
        let shadow = place.ptr.cast::<Shadow>();
        // SAFETY: fresh memory, aligned to `UNIT`, in front of the record.
        unsafe { shadow.write(Shadow::new()) };
        // SAFETY: made just now, and not shared yet.
        unsafe { shadow.as_ref() }.write();
        // SAFETY: the record and its guard follow, inside of the allocation.
        let record = unsafe { place.ptr.add(VERSION_RECORD_AT) };
        // SAFETY: as above.
        unsafe { self.write_stored(record, entry, &layout) };
        Ok(place.offset)
    }

    /// Where a node's record is stored, what lies in front of it included, and how many
    /// bytes it has: for tests that damage it.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn stored(&self, at: super::Position) -> (*mut u8, usize) {
        let view = self.view();
        // SAFETY: positions are nodes found by following links.
        let start = unsafe { Self::record_start(view, at.get()) };
        // SAFETY: as above; nothing is damaged yet.
        let len = unsafe { self.special_len(view, at.get()) };
        (start.as_ptr(), len)
    }

    /// Points the cell of one node at the newest version of another: for tests.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn lead_astray(&self, at: super::Position, other: super::Position) {
        let view = self.view();
        // SAFETY: positions are nodes found by following links.
        let [cell, other] = [at, other].map(|at| unsafe { Self::cell(view, at.get()) });
        let version = self.read_cell(other).expect("not damaged yet");
        let place = NonNull::from(cell).cast();
        let word = self.checks.cell_word(place, version.unwrap_or(0));
        cell.swap(word, core::sync::atomic::Ordering::Relaxed);
    }

    /// Where the newest version is stored, its guard included, and how many bytes it has,
    /// if there is one: for tests that damage it.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn stored_version(&self, at: super::Position) -> Option<(*mut u8, usize)> {
        let view = self.view();
        // SAFETY: positions are nodes found by following links.
        let cell = unsafe { Self::cell(view, at.get()) };
        let version = self.read_cell(cell).expect("not damaged yet")?;
        // SAFETY: the cell led to it.
        let start = unsafe { view.resolve(version) };
        // SAFETY: the record follows, inside of the allocation.
        let start = unsafe { start.add(VERSION_RECORD_AT) };
        // SAFETY: as above; nothing is damaged yet.
        let entry = unsafe { self.stored_entry(start) }.expect("not damaged yet");
        let layout = self.check(&entry).expect("it was stored");
        Some((start.as_ptr(), self.checks.guard_len() + layout.len))
    }
}
