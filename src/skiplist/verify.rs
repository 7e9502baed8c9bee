//! Reading nodes with more than a record, which may be damaged (SPEC E10).
//!
//! A list whose entries have checksums never believes their lengths; a search passes over
//! a node whose lengths are wrong, and says so. As soon as one did, and always if the
//! options ask for more, the way of each search is walked again, and everything on it is
//! looked at: what a reader is told of damage is an error, not a wrong answer.

use core::cmp::Ordering;
use core::ptr::NonNull;

use super::node::{CELL_LEN, NodePtr, Position, Word};
use super::search::Target;
use super::start::Start;
use super::{SkipList, SkipListOptions, SpaceView};
use crate::arena::Offset;
use crate::entry::{
    EntryRef, GUARD_LEN, GuardedRecord, Layout, Protection, RawRecord, write_guarded, write_record,
};
use crate::error::{CorruptKey, Corruption, Error, Result};
use crate::key::{Comparator, SequenceNumber, tag_sequence};
use crate::sync::ledger::FAULT_SKIPLIST_VERIFY_RELOADS;
use crate::sync::{AtomicUsize, fault, ord};

/// What nodes have besides links and a record, what is looked at, and what was seen.
#[derive(Debug)]
pub(super) struct Checks {
    /// Neither guards nor cells: the rest is not asked for.
    plain: bool,
    /// True when a reader has anything to verify.
    checked: bool,
    cells: bool,
    /// Bytes in front of the record of each node.
    front: usize,
    protection: Protection,
    order: bool,
    checksums: bool,
    show_keys: bool,
    /// Not 0 once a search came by wrong lengths.
    damaged: AtomicUsize,
}

/// A user key and the tag behind it.
pub(super) type Key<'l> = (&'l [u8], u64);

impl Checks {
    /// # Errors
    ///
    /// [`Error::InvalidOption`].
    pub(super) fn new(options: &SkipListOptions, cells: bool) -> Result<Self> {
        if options.verify_checksums_on_seek && options.protection.is_empty() {
            return Err(Error::InvalidOption {
                option: "verify_checksums_on_seek",
                reason: "needs entries with checksums",
            });
        }
        Ok(Self {
            plain: options.protection.is_empty() && !cells,
            checked: !options.protection.is_empty() || options.paranoid_checks,
            cells,
            front: if cells { CELL_LEN } else { 0 } + guard_len(options.protection),
            protection: options.protection,
            order: options.paranoid_checks,
            checksums: options.verify_checksums_on_seek,
            show_keys: options.show_corrupt_keys,
            damaged: AtomicUsize::new(0),
        })
    }

    /// True when nodes have links and a record only.
    #[inline(always)]
    pub(super) fn plain(&self) -> bool {
        self.plain
    }

    /// True when nodes have cells, since their entries can be overwritten.
    #[inline(always)]
    pub(super) fn cells(&self) -> bool {
        self.cells
    }

    /// True when entries have checksums, and guards in front of their records.
    #[inline(always)]
    pub(super) fn guarded(&self) -> bool {
        !self.protection.is_empty()
    }

    /// Bytes of each guard.
    pub(super) fn guard_len(&self) -> usize {
        guard_len(self.protection)
    }

    /// Bytes in front of the record of each node: cell and guard, if it has them.
    #[inline(always)]
    pub(super) fn front_len(&self) -> usize {
        self.front
    }

    #[inline(always)]
    pub(super) fn protection(&self) -> Protection {
        self.protection
    }

    /// A key for an error message, if it may be there.
    fn key(&self, user_key: &[u8]) -> CorruptKey {
        if self.show_keys {
            CorruptKey::shown(user_key)
        } else {
            CorruptKey::HIDDEN
        }
    }
}

/// Bytes of a guard, where entries are protected so.
fn guard_len(protection: Protection) -> usize {
    if protection.is_empty() { 0 } else { GUARD_LEN }
}

impl<C: Comparator> SkipList<C> {
    /// Writes what a fresh node has besides its links, in a list that is not plain.
    ///
    /// # Safety
    ///
    /// `node` was made by [`NodePtr::construct`] at that offset, nobody else uses it, and
    /// its allocation has room for the record and what lies in front of it.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn write_special(
        &self,
        node: NodePtr,
        offset: Offset,
        entry: &EntryRef<'_>,
        layout: &Layout,
    ) {
        if self.checks.cells() {
            // SAFETY: passed on from the caller; room for a cell is in front of the record.
            unsafe { self.construct_cell(node, offset) };
        }
        // SAFETY: passed on from the caller.
        let start = unsafe { node.record() };
        // SAFETY: a cell, where nodes have any, lies inside of the allocation.
        let start = unsafe { start.add(self.checks.front_len() - self.checks.guard_len()) };
        // SAFETY: the rest of the allocation is for the record and its guard.
        unsafe { self.write_stored(start, entry, layout) };
    }

    /// Writes a record, and its guard if it has one, for
    /// [`stored_entry`](Self::stored_entry) to read.
    ///
    /// # Safety
    ///
    /// As many bytes as that takes lie there in fresh memory, and nobody else uses them.
    pub(super) unsafe fn write_stored(
        &self,
        start: NonNull<u8>,
        entry: &EntryRef<'_>,
        layout: &Layout,
    ) {
        let length = self.checks.guard_len() + layout.len;
        // SAFETY: passed on from the caller; blocks hold zeroes or what an earlier table
        // wrote, so the bytes are initialised.
        let out = unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) };
        if self.checks.guarded() {
            write_guarded(out, entry, layout, self.checks.protection);
        } else {
            write_record(out, entry, layout, Protection::None);
        }
    }

    /// True when a reader has anything to verify. The rest of this module is not called
    /// otherwise.
    #[inline(always)]
    pub(crate) fn is_checked(&self) -> bool {
        self.checks.checked
    }

    /// Where a node's own record begins, or its guard, in any list.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[inline]
    unsafe fn own_start(&self, view: SpaceView<'_>, node: Offset) -> NonNull<u8> {
        // SAFETY: passed on from the caller.
        let start = unsafe { Self::record_start(view, node) };
        // SAFETY: a cell, where nodes have any, lies inside of the allocation.
        unsafe { start.add(self.checks.front_len() - self.checks.guard_len()) }
    }

    /// The user key and tag of a node's own record, in any list; `None` when its lengths
    /// are wrong, which is remembered.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn special_key<'l>(
        &'l self,
        view: SpaceView<'_>,
        node: Offset,
    ) -> Option<Key<'l>> {
        // SAFETY: passed on from the caller.
        let start = unsafe { self.own_start(view, node) };
        if !self.checks.guarded() {
            // SAFETY: a record was written there before linking, and never changes (S1).
            let record = unsafe { RawRecord::new(start.as_ptr()) };
            // SAFETY: records stay as they are while the list is borrowed.
            return Some(unsafe { record.key() });
        }
        // SAFETY: a guard and its record were written there before linking, and never
        // change (S1), unless by what is looked for here.
        let record = unsafe { GuardedRecord::new(start.as_ptr()) };
        // SAFETY: records stay as they are while the list is borrowed.
        let key = unsafe { record.key() };
        if key.is_err() {
            let seen = ord!(SKIPLIST_DAMAGE_STORE, Relaxed);
            self.checks.damaged.store(1, seen);
        }
        key.ok()
    }

    /// Bytes of a node's record and what lies in front of it, in any list; 0 when its
    /// lengths are wrong.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn special_len(&self, view: SpaceView<'_>, node: Offset) -> usize {
        // SAFETY: passed on from the caller.
        let start = unsafe { self.own_start(view, node) };
        let len = if self.checks.guarded() {
            // SAFETY: as for `special_key`.
            let record = unsafe { GuardedRecord::new(start.as_ptr()) };
            // SAFETY: records stay as they are while the list is borrowed.
            unsafe { record.len() }.ok()
        } else {
            // SAFETY: as for `special_key`.
            let record = unsafe { RawRecord::new(start.as_ptr()) };
            // SAFETY: as above.
            Some(unsafe { record.len() })
        };
        len.map_or(0, |len| self.checks.front_len() + len)
    }

    /// The entry of a node, in any list: that of its newest version.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`], [`Corruption::Checksum`]; [`Corruption::Version`].
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn special_entry(
        &self,
        view: SpaceView<'_>,
        node: Offset,
    ) -> Result<EntryRef<'_>, Corruption> {
        if self.checks.cells() {
            // SAFETY: passed on from the caller, and asked above.
            return unsafe { self.newest_version(view, node) };
        }
        // SAFETY: passed on from the caller.
        unsafe { self.own_entry(view, node) }
    }

    /// The entry of a node's own record.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`], [`Corruption::Checksum`].
    ///
    /// # Safety
    ///
    /// As for [`special_entry`](Self::special_entry).
    pub(super) unsafe fn own_entry(
        &self,
        view: SpaceView<'_>,
        node: Offset,
    ) -> Result<EntryRef<'_>, Corruption> {
        // SAFETY: passed on from the caller.
        let start = unsafe { self.own_start(view, node) };
        // SAFETY: written there before linking (S1).
        unsafe { self.stored_entry(start) }
    }

    /// The entry of a record, with its guard if it has one.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`], [`Corruption::Checksum`].
    ///
    /// # Safety
    ///
    /// [`write_stored`](Self::write_stored) of this list wrote it there, inside of the arena, and it never
    /// changed since, unless by what is looked for here.
    pub(super) unsafe fn stored_entry(
        &self,
        start: NonNull<u8>,
    ) -> Result<EntryRef<'_>, Corruption> {
        if !self.checks.guarded() {
            // SAFETY: passed on from the caller.
            let record = unsafe { RawRecord::new(start.as_ptr()) };
            // SAFETY: records stay as they are while the list is borrowed.
            return Ok(unsafe { record.entry() });
        }
        // SAFETY: passed on from the caller.
        let record = unsafe { GuardedRecord::new(start.as_ptr()) };
        // SAFETY: records stay as they are while the list is borrowed, and have a checksum
        // of that protection.
        let entry = unsafe { record.entry(self.checks.protection) };
        entry.map_err(|corruption| match corruption {
            Corruption::Checksum { sequence, .. } => {
                // SAFETY: as above.
                let key = unsafe { record.key() };
                let key = key.map_or(CorruptKey::HIDDEN, |(user_key, _)| {
                    self.checks.key(user_key)
                });
                Corruption::Checksum { sequence, key }
            }
            other => other,
        })
    }

    /// What is said of an entry whose checksum differs.
    pub(crate) fn checksum_mismatch(&self, entry: &EntryRef<'_>) -> Corruption {
        Corruption::Checksum {
            sequence: entry.sequence,
            key: self.checks.key(entry.user_key),
        }
    }

    /// Looks at a node that a reader comes by, as closely as the options ask for; returns
    /// its key.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`]; [`Corruption::Checksum`], if checksums are verified while
    /// seeking.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    pub(super) unsafe fn inspect(
        &self,
        view: SpaceView<'_>,
        node: Offset,
    ) -> Result<Key<'_>, Corruption> {
        if self.checks.checksums {
            // SAFETY: passed on from the caller; only entries with checksums are verified.
            let entry = unsafe { self.special_entry(view, node) }?;
            return Ok((entry.user_key, entry.tag()));
        }
        if !self.checks.plain() {
            // SAFETY: passed on from the caller.
            return unsafe { self.special_key(view, node) }.ok_or(Corruption::Lengths);
        }
        // SAFETY: passed on from the caller.
        let record = unsafe { Self::record(view, node) };
        // SAFETY: records stay as they are while the list is borrowed.
        Ok(unsafe { record.key() })
    }

    fn order(&self, (a, a_tag): Key<'_>, b: &[u8], b_sequence: SequenceNumber) -> Ordering {
        let newest_first = || b_sequence.cmp(&tag_sequence(a_tag));
        self.comparator.compare(a, b).then_with(newest_first)
    }

    /// Verifies that a key comes after the one before it, if that is asked for.
    ///
    /// # Errors
    ///
    /// [`Corruption::Order`].
    fn verify_order(&self, before: Option<Key<'_>>, after: Key<'_>) -> Result<(), Corruption> {
        let sequence = tag_sequence(after.1);
        match before {
            Some(before) if self.checks.order && self.order(before, after.0, sequence).is_ge() => {
                Err(Corruption::Order {
                    sequence,
                    key: self.checks.key(after.0),
                })
            }
            _ => Ok(()),
        }
    }

    /// Walks the way of a search for the target from the head down to level 0, and looks
    /// at every node on it. The nodes that it comes by are those of a search that believes
    /// no prefix, so that their records are read.
    ///
    /// # Errors
    ///
    /// [`Corruption`]: wrong lengths; if asked for, a wrong order or a checksum that differs.
    #[cold]
    #[inline(never)]
    pub(crate) fn verify_path(&self, target: &Target<'_>) -> Result<(), Corruption> {
        if !self.is_suspicious() {
            return Ok(());
        }
        self.verify_way(self.top(), None, target)
    }

    /// True when the ways of searches are to be walked again.
    pub(crate) fn is_suspicious(&self) -> bool {
        let seen = ord!(SKIPLIST_DAMAGE_LOAD, Relaxed);
        self.checks.damaged.load(seen) != 0 || self.checks.order || self.checks.checksums
    }

    /// Walks the way of a search from its start on, whose key is `before` unless it is the head.
    pub(super) fn verify_way<'l>(
        &'l self,
        start: Start,
        mut before: Option<Key<'l>>,
        target: &Target<'_>,
    ) -> Result<(), Corruption> {
        let view = self.view();
        let mut prev = start.node;
        let mut bound = Word::NIL.offset();
        for level in (0..start.levels).rev() {
            loop {
                // SAFETY: `prev` is the start or was found on this level or above.
                let node: NodePtr = unsafe { Self::node(view, prev) };
                // SAFETY: as above.
                let word = unsafe { Self::link(node, level) };
                let next = word.offset();
                if next == 0 || next == bound {
                    break;
                }
                // SAFETY: a link led to `next`.
                let key = unsafe { self.inspect(view, next) }?;
                self.verify_order(before, key)?;
                let word = if fault(&FAULT_SKIPLIST_VERIFY_RELOADS) {
                    // SAFETY: as above.
                    unsafe { Self::link(node, level) }
                } else {
                    word
                };
                self.verify_prefix(word, key)?;
                if self.order(key, target.user_key, target.sequence).is_ge() {
                    bound = next;
                    break;
                }
                (prev, before) = (next, Some(key));
            }
        }
        Ok(())
    }

    /// Verifies that a word says where its own target belongs (S6), if that is asked for.
    ///
    /// # Errors
    ///
    /// [`Corruption::Order`].
    pub(super) fn verify_prefix(&self, word: Word, key: Key<'_>) -> Result<(), Corruption> {
        let asked = self.checks.order && C::BYTE_PREFIX;
        if asked && word.prefix() != self.comparator.prefix(key.0) {
            return Err(Corruption::Order {
                sequence: tag_sequence(key.1),
                key: self.checks.key(key.0),
            });
        }
        Ok(())
    }

    /// Looks at the place to which a reader goes, and whether it lies behind the other.
    ///
    /// # Errors
    ///
    /// As for [`verify_path`](Self::verify_path).
    ///
    /// # Safety
    ///
    /// The positions are ones that this list returned.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn verify_step(
        &self,
        before: Option<Position>,
        after: Option<Position>,
    ) -> Result<(), Corruption> {
        let view = self.view();
        let inspect = |at: Option<Position>| {
            // SAFETY: positions are nodes found by following links.
            at.map(|at| unsafe { self.inspect(view, at.get()) })
                .transpose()
        };
        let before = inspect(before)?;
        match inspect(after)? {
            Some(after) => self.verify_order(before, after),
            None => Ok(()),
        }
    }
}
