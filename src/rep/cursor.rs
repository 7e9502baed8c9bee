//! Cursors over internal entries.

use core::fmt;

use super::{ReadRep, Sealed};
use crate::entry::EntryRef;
use crate::error::{Corruption, Result};
use crate::key::{PrefixExtractor, PrefixMode, SequenceNumber};
use crate::sync::Arc;
use crate::tombstones::Tombstones;

/// Something that keeps a representation alive: `&R`, `Arc<R>`, or the same of
/// a memtable. Always the same representation, at the same address.
pub trait Handle: Sealed {
    /// What it keeps alive.
    type Rep: ReadRep;

    /// The representation.
    fn rep(&self) -> &Self::Rep;

    /// Who is told of every seek and step.
    #[inline(always)]
    fn observer(&self) -> Option<&dyn ReadObserver> {
        None
    }

    /// What takes the prefixes of keys, if anything does.
    #[inline(always)]
    fn prefix_extractor(&self) -> Option<&dyn PrefixExtractor> {
        None
    }

    /// False if it is known that no entry has this prefix.
    #[inline(always)]
    fn may_have_prefix(&self, prefix: &[u8]) -> bool {
        let _ = prefix;
        true
    }

    /// The range deletions beside the representation, if there are any.
    #[doc(hidden)]
    #[inline(always)]
    fn tombstones(&self) -> Option<&Tombstones> {
        None
    }
}

/// Somebody who counts what cursors do.
pub trait ReadObserver: Sealed {
    /// A cursor goes somewhere by a search.
    fn seek(&self);
    /// A cursor goes to a neighbour.
    fn step(&self);
}

impl<R: ReadRep> Sealed for &R {}

impl<R: ReadRep> Handle for &R {
    type Rep = R;

    #[inline(always)]
    fn rep(&self) -> &R {
        self
    }
}

impl<R: ReadRep> Sealed for Arc<R> {}

impl<R: ReadRep> Handle for Arc<R> {
    type Rep = R;

    #[inline(always)]
    fn rep(&self) -> &R {
        self
    }
}

/// A place among the internal entries: every version of every key, in order.
///
/// A cursor begins at no entry, and is at none again once it moved past either
/// end; `next` and `prev` do nothing there. Entries that are added while a
/// cursor stands somewhere are met if they lie ahead of it.
///
/// With an `Arc` for a handle the cursor is `'static` and `Send` (SPEC S7).
///
/// ```
/// use verimem::{Kind, MemTable};
///
/// let table = MemTable::builder().build()?;
/// table.add(1, Kind::VALUE, b"k", b"old")?;
/// table.add(2, Kind::VALUE, b"k", b"new")?;
/// let mut cursor = table.iter();
/// cursor.seek_to_first();
/// assert_eq!(cursor.entry()?.map(|entry| entry.value), Some(&b"new"[..]));
/// cursor.next();
/// assert_eq!(cursor.entry()?.map(|entry| entry.sequence), Some(1));
/// cursor.next();
/// assert!(!cursor.valid());
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct Cursor<H: Handle> {
    pub(super) handle: H,
    pub(super) position: Option<<H::Rep as ReadRep>::Position>,
    pub(super) trail: <H::Rep as ReadRep>::Trail,
    pub(super) mode: PrefixMode,
    /// Steps do not leave the prefix of the entry that the cursor is at, which has one.
    pub(super) confined: bool,
    /// Why the cursor is at no entry, if that is not the end; only in a representation
    /// that is checked.
    damage: Option<Corruption>,
}

impl<H: Handle> Cursor<H> {
    /// A cursor at no entry.
    pub fn new(handle: H) -> Self {
        Self {
            handle,
            position: None,
            trail: Default::default(),
            mode: PrefixMode::TotalOrder,
            confined: false,
            damage: None,
        }
    }

    /// Goes to no entry.
    pub fn clear(&mut self) {
        self.position = None;
        self.damage = None;
    }

    /// Whether the cursor is at no entry because it came by a damaged one (SPEC E10).
    /// [`entry`](Self::entry) says the same, so that a loop over entries need not ask.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`](crate::Error::Corruption): lengths that are not those that were
    /// written; if the table is told to look, entries out of order, and checksums that differ.
    #[inline]
    pub fn status(&self) -> Result<()> {
        self.damage.map_or(Ok(()), |damage| Err(damage.into()))
    }

    /// Verifies a search, and where it led.
    #[inline(always)]
    pub(super) fn verify_search(&mut self, sought: Option<(&[u8], SequenceNumber)>) {
        if self.handle.rep().is_checked() {
            self.verify(sought, None, self.position);
        }
    }

    /// Verifies what the cursor came by, and goes to no entry if that is damaged.
    #[cold]
    #[inline(never)]
    fn verify(
        &mut self,
        sought: Option<(&[u8], SequenceNumber)>,
        before: Option<<H::Rep as ReadRep>::Position>,
        after: Option<<H::Rep as ReadRep>::Position>,
    ) {
        let rep = self.handle.rep();
        let way = sought.map_or(Ok(()), |(user_key, sequence)| {
            rep.verify_path(user_key, sequence)
        });
        // SAFETY: the positions came from this handle's representation.
        let verdict = way.and_then(|()| unsafe { rep.verify_step(before, after) });
        self.damage = verdict.err();
        if self.damage.is_some() {
            self.position = None;
        }
    }

    #[inline(always)]
    fn observe_seek(&self) {
        if let Some(observer) = self.handle.observer() {
            observer.seek();
        }
    }

    #[inline(always)]
    fn observe_step(&self) {
        if let Some(observer) = self.handle.observer() {
            observer.step();
        }
    }

    /// True when the cursor is at an entry.
    #[must_use]
    #[inline]
    pub fn valid(&self) -> bool {
        self.position.is_some()
    }

    /// Goes to the first entry at or after `(user_key, sequence)`: the newest
    /// version of `user_key` that the snapshot `sequence` sees, if there is one.
    /// O(log n).
    #[inline]
    pub fn seek(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.observe_seek();
        if self.mode == PrefixMode::SameAsStart {
            return self.seek_in_prefix(user_key, sequence);
        }
        let rep = self.handle.rep();
        self.position = rep.seek(&mut self.trail, user_key, sequence);
        self.verify_search(Some((user_key, sequence)));
    }

    /// Goes to the last entry at or before `(user_key, sequence)`. O(log n).
    pub fn seek_for_prev(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.observe_seek();
        H::Rep::forget(&mut self.trail);
        if self.mode == PrefixMode::SameAsStart {
            return self.seek_for_prev_in_prefix(user_key, sequence);
        }
        self.position = self.handle.rep().seek_for_prev(user_key, sequence);
        self.verify_search(Some((user_key, sequence)));
    }

    /// Goes to the last entry before `(user_key, sequence)`. O(log n).
    pub fn seek_before(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.observe_seek();
        H::Rep::forget(&mut self.trail);
        if self.mode == PrefixMode::SameAsStart {
            return self.seek_before_in_prefix(user_key, sequence);
        }
        self.position = self.handle.rep().seek_before(user_key, sequence);
        self.verify_search(Some((user_key, sequence)));
    }

    /// Goes to the first entry. O(1).
    pub fn seek_to_first(&mut self) {
        self.observe_seek();
        self.position = self.handle.rep().first(&mut self.trail);
        self.verify_search(None);
        if self.mode == PrefixMode::SameAsStart {
            self.confine();
        }
    }

    /// Goes to the last entry. O(log n).
    pub fn seek_to_last(&mut self) {
        self.observe_seek();
        H::Rep::forget(&mut self.trail);
        self.position = self.handle.rep().last();
        self.verify_search(None);
        if self.mode == PrefixMode::SameAsStart {
            self.confine();
        }
    }

    /// Goes to an entry at random. O(log n).
    pub fn seek_random(&mut self) {
        self.observe_seek();
        H::Rep::forget(&mut self.trail);
        self.position = self.handle.rep().random();
        self.verify_search(None);
        if self.mode == PrefixMode::SameAsStart {
            self.confine();
        }
    }

    /// Goes to the next entry, or past the end. O(1).
    #[inline]
    pub fn next(&mut self) {
        if let Some(position) = self.position {
            self.observe_step();
            // SAFETY: the position came from this handle's representation.
            self.position = unsafe { self.handle.rep().next(&mut self.trail, position) };
            if self.handle.rep().is_checked() {
                self.verify(None, Some(position), self.position);
            }
            if self.confined {
                self.stay_in_prefix(position);
            }
        }
    }

    /// Goes to the previous entry, or past the beginning. O(log n).
    #[inline]
    pub fn prev(&mut self) {
        if let Some(position) = self.position {
            self.observe_step();
            // SAFETY: the position came from this handle's representation.
            self.position = unsafe { self.handle.rep().prev(&mut self.trail, position) };
            if self.handle.rep().is_checked() {
                self.verify_prev(position);
            }
            if self.confined {
                self.stay_in_prefix(position);
            }
        }
    }

    /// Verifies a step back: it may have been a search for the place it began at.
    #[cold]
    #[inline(never)]
    fn verify_prev(&mut self, from: <H::Rep as ReadRep>::Position) {
        let rep = self.handle.rep();
        // SAFETY: the position came from this handle's representation.
        let sought = unsafe { rep.key(from) };
        let way = sought.map_or(Err(Corruption::Lengths), |(user_key, sequence)| {
            rep.verify_path(user_key, sequence)
        });
        self.verify(None, self.position, Some(from));
        if let Err(damage) = way {
            self.damage = Some(damage);
            self.position = None;
        }
    }

    /// The user key and sequence number at the cursor.
    #[must_use]
    #[inline]
    pub fn key(&self) -> Option<(&[u8], SequenceNumber)> {
        // SAFETY: the position came from this handle's representation.
        unsafe { self.handle.rep().key(self.position?) }
    }

    /// The entry at the cursor, or `None` at no entry. O(1), and O(length) with
    /// a checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`](crate::Error::Corruption) when the checksum differs, and as for
    /// [`status`](Self::status).
    // As a call, it makes a step of a scan a quarter dearer.
    #[inline(always)]
    pub fn entry(&self) -> Result<Option<EntryRef<'_>>> {
        let Some(position) = self.position else {
            return self.status().map(|()| None);
        };
        // SAFETY: the position came from this handle's representation.
        unsafe { self.handle.rep().entry(position) }.map(Some)
    }

    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn trail(&self) -> &<H::Rep as ReadRep>::Trail {
        &self.trail
    }

    /// Where the cursor is.
    #[inline(always)]
    pub(crate) fn position(&self) -> Option<<H::Rep as ReadRep>::Position> {
        self.position
    }

    /// The handle.
    pub fn handle(&self) -> &H {
        &self.handle
    }
}

impl<'a, R: ReadRep> Cursor<&'a R> {
    /// As [`entry`](Self::entry), borrowed for as long as the representation is.
    ///
    /// # Errors
    ///
    /// As for [`entry`](Self::entry).
    pub fn entry_ref(&self) -> Result<Option<EntryRef<'a>>> {
        let rep: &'a R = self.handle;
        let Some(position) = self.position else {
            return self.status().map(|()| None);
        };
        // SAFETY: the position came from this handle's representation.
        unsafe { rep.entry(position) }.map(Some)
    }
}

impl<H: Handle + Clone> Clone for Cursor<H> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            position: self.position,
            trail: self.trail.clone(),
            mode: self.mode,
            confined: self.confined,
            damage: self.damage,
        }
    }
}

impl<H: Handle> fmt::Debug for Cursor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor")
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}
