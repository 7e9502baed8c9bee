//! Cursors and iterators that copy values out.

use core::fmt;
use core::ops::Bound;

use super::{InPlaceTable, OwnedLookup};
use crate::entry::EntryRef;
use crate::error::Result;
use crate::key::{Comparator, PrefixExtractor, PrefixMode, SequenceNumber, Timestamp};
use crate::lookup::Lookup;
use crate::memtable::VisibleIter;
use crate::rep::{Cursor, Handle, ReadObserver, Sealed, SkipListRep};
use crate::sync::Arc;
use crate::tombstones::Tombstones;
use crate::visibility::{Everything, Visibility};

/// Something that keeps an [`InPlaceTable`] alive: a reference or an `Arc`.
pub trait InPlaceHandle: Sealed {
    /// The order of user keys.
    type Order: Comparator;

    /// The table.
    fn in_place(&self) -> &InPlaceTable<Self::Order>;
}

impl<C> Sealed for &InPlaceTable<C> {}

impl<C: Comparator> InPlaceHandle for &InPlaceTable<C> {
    type Order = C;

    fn in_place(&self) -> &InPlaceTable<C> {
        self
    }
}

impl<C> Sealed for Arc<InPlaceTable<C>> {}

impl<C: Comparator> InPlaceHandle for Arc<InPlaceTable<C>> {
    type Order = C;

    fn in_place(&self) -> &InPlaceTable<C> {
        self
    }
}

/// What the cursors inside hold: nobody else has such a handle, and gets at references.
#[derive(Clone)]
struct Inside<H>(H);

impl<H> Sealed for Inside<H> {}

impl<H: InPlaceHandle> Handle for Inside<H> {
    type Rep = SkipListRep<H::Order>;

    #[inline(always)]
    fn rep(&self) -> &Self::Rep {
        &self.0.in_place().table.rep
    }

    #[inline(always)]
    fn observer(&self) -> Option<&dyn ReadObserver> {
        self.0.in_place().table.observer()
    }

    #[inline(always)]
    fn prefix_extractor(&self) -> Option<&dyn PrefixExtractor> {
        self.0.in_place().table.prefix_extractor()
    }

    #[inline(always)]
    fn may_have_prefix(&self, prefix: &[u8]) -> bool {
        self.0.in_place().table.may_have_prefix(prefix)
    }

    #[inline(always)]
    fn tombstones(&self) -> Option<&Tombstones> {
        Some(&self.0.in_place().table.tombstones)
    }
}

impl<H: InPlaceHandle> Inside<H> {
    /// The entry with its value, in `buffer`, in place of the reference.
    ///
    /// # Safety
    ///
    /// The entry is one of the table's.
    unsafe fn copy_entry<'a>(
        &self,
        stored: Option<EntryRef<'a>>,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<EntryRef<'a>>> {
        buffer.clear();
        let Some(stored) = stored else {
            return Ok(None);
        };
        let EntryRef {
            user_key,
            sequence,
            kind,
            value,
        } = stored;
        let table = self.0.in_place();
        // SAFETY: passed on from the caller.
        unsafe { table.copy_value(user_key, sequence, kind, value, buffer) }?;
        Ok(Some(EntryRef {
            value: buffer,
            ..stored
        }))
    }
}

/// A place among the internal entries: a [`Cursor`] that copies values out.
///
/// ```
/// use verimem::{Kind, MemTable};
///
/// let table = MemTable::builder().in_place().build()?;
/// table.add(1, Kind::VALUE, b"k", b"old")?;
/// let mut cursor = table.iter();
/// cursor.seek_to_first();
/// table.update(2, b"k", b"new")?;
/// let mut buffer = Vec::new();
/// assert_eq!(cursor.entry(&mut buffer)?.map(|entry| entry.value), Some(&b"new"[..]));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct InPlaceCursor<H: InPlaceHandle>(Cursor<Inside<H>>);

impl<H: InPlaceHandle> InPlaceCursor<H> {
    /// A cursor at no entry.
    pub fn new(handle: H) -> Self {
        Self(Cursor::new(Inside(handle)))
    }

    /// As [`Cursor::with_prefix_mode`].
    #[must_use]
    pub fn with_prefix_mode(self, mode: PrefixMode) -> Self {
        Self(self.0.with_prefix_mode(mode))
    }

    /// Goes to no entry.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// As [`Cursor::status`].
    ///
    /// # Errors
    ///
    /// As for [`Cursor::status`].
    pub fn status(&self) -> Result<()> {
        self.0.status()
    }

    /// True when the cursor is at an entry.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.0.valid()
    }

    /// As [`Cursor::seek`].
    pub fn seek(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.0.seek(user_key, sequence);
    }

    /// As [`Cursor::seek_for_prev`].
    pub fn seek_for_prev(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.0.seek_for_prev(user_key, sequence);
    }

    /// Goes to the first entry.
    pub fn seek_to_first(&mut self) {
        self.0.seek_to_first();
    }

    /// Goes to the last entry.
    pub fn seek_to_last(&mut self) {
        self.0.seek_to_last();
    }

    /// Goes to the next entry, or past the end.
    pub fn next(&mut self) {
        self.0.next();
    }

    /// Goes to the previous entry, or past the beginning.
    pub fn prev(&mut self) {
        self.0.prev();
    }

    /// The user key and sequence number at the cursor.
    #[must_use]
    pub fn key(&self) -> Option<(&[u8], SequenceNumber)> {
        self.0.key()
    }

    /// The entry at the cursor: its key, and what its value is now, copied into `buffer`.
    ///
    /// # Errors
    ///
    /// As for [`Cursor::entry`]; also when the checksum of the value differs, and
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn entry<'a>(&'a self, buffer: &'a mut Vec<u8>) -> Result<Option<EntryRef<'a>>> {
        let stored = self.0.entry()?;
        // SAFETY: the cursor is in this table.
        unsafe { self.0.handle().copy_entry(stored, buffer) }
    }
}

impl<H: InPlaceHandle + Clone> Clone for InPlaceCursor<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: InPlaceHandle> fmt::Debug for InPlaceCursor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InPlaceCursor").field(&self.0).finish()
    }
}

/// An iterator over the user keys that a snapshot sees: a [`VisibleIter`] that copies
/// values out.
///
/// ```
/// use verimem::{Kind, MemTable};
///
/// let table = MemTable::builder().in_place().build()?;
/// table.add(1, Kind::VALUE, b"a", b"1")?;
/// table.add(2, Kind::VALUE, b"b", b"2")?;
/// let mut keys = table.visible(2);
/// let (mut buffer, mut seen) = (Vec::new(), Vec::new());
/// keys.seek_to_first()?;
/// while let Some(entry) = keys.entry(&mut buffer)? {
///     seen.extend_from_slice(entry.value);
///     keys.next()?;
/// }
/// assert_eq!(seen, b"12");
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct InPlaceIter<H: InPlaceHandle, V = Everything>(VisibleIter<Inside<H>, V>);

impl<H: InPlaceHandle> InPlaceIter<H> {
    pub(super) fn new(
        handle: H,
        snapshot: SequenceNumber,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> Self {
        Self(VisibleIter::new(Inside(handle), snapshot, lower, upper))
    }

    /// As [`VisibleIter::with_visibility`].
    pub fn with_visibility<V: Visibility>(self, visibility: V) -> InPlaceIter<H, V> {
        InPlaceIter(self.0.with_visibility(visibility))
    }
}

impl<H: InPlaceHandle, V: Visibility> InPlaceIter<H, V> {
    /// As [`VisibleIter::at_timestamp`].
    #[must_use]
    pub fn at_timestamp(self, timestamp: Timestamp) -> Self {
        Self(self.0.at_timestamp(timestamp))
    }

    /// As [`VisibleIter::with_prefix_mode`].
    #[must_use]
    pub fn with_prefix_mode(self, mode: PrefixMode) -> Self {
        Self(self.0.with_prefix_mode(mode))
    }

    /// The timestamp of the entry at the iterator, if keys have any.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.0.timestamp()
    }

    /// True when the iterator is at a key.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.0.valid()
    }

    /// The user key at the iterator.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// The newest visible entry of the key, as [`VisibleIter::entry`], with what its value
    /// is now, copied into `buffer`.
    ///
    /// # Errors
    ///
    /// As for [`InPlaceCursor::entry`].
    pub fn entry<'a>(&'a self, buffer: &'a mut Vec<u8>) -> Result<Option<EntryRef<'a>>> {
        let stored = self.0.entry()?;
        // SAFETY: the iterator is in this table.
        unsafe { self.0.handle().copy_entry(stored, buffer) }
    }

    /// The same answer that a get of this key would have, as [`VisibleIter::lookup`].
    ///
    /// # Errors
    ///
    /// As for [`VisibleIter::lookup`] and [`InPlaceCursor::entry`].
    pub fn lookup(&self) -> Result<OwnedLookup> {
        let mut buffer = Vec::new();
        OwnedLookup::copy(self.lookup_into(&mut buffer)?)
    }

    /// As [`lookup`](Self::lookup), into a buffer of the caller's.
    ///
    /// # Errors
    ///
    /// As for [`lookup`](Self::lookup).
    pub fn lookup_into<'b>(&self, buffer: &'b mut Vec<u8>) -> Result<Lookup<'b>> {
        let user_key = self.0.key().unwrap_or_default();
        let stored = self.0.lookup()?;
        let table = self.0.handle().0.in_place();
        // SAFETY: the iterator is in this table.
        unsafe { table.copy_lookup(user_key, stored, buffer) }
    }

    /// Goes to the first visible key.
    ///
    /// # Errors
    ///
    /// As for [`VisibleIter::seek_to_first`].
    pub fn seek_to_first(&mut self) -> Result<()> {
        self.0.seek_to_first()
    }

    /// Goes to the last visible key.
    ///
    /// # Errors
    ///
    /// As for [`VisibleIter::seek_to_first`].
    pub fn seek_to_last(&mut self) -> Result<()> {
        self.0.seek_to_last()
    }

    /// Goes to the first visible key at or after `user_key`.
    ///
    /// # Errors
    ///
    /// As for [`VisibleIter::seek_to_first`].
    pub fn seek(&mut self, user_key: &[u8]) -> Result<()> {
        self.0.seek(user_key)
    }

    /// Goes to the last visible key at or before `user_key`.
    ///
    /// # Errors
    ///
    /// As for [`VisibleIter::seek_to_first`].
    pub fn seek_for_prev(&mut self, user_key: &[u8]) -> Result<()> {
        self.0.seek_for_prev(user_key)
    }

    /// Goes to the next visible key.
    ///
    /// # Errors
    ///
    /// As for [`VisibleIter::seek_to_first`].
    #[expect(clippy::should_implement_trait, reason = "a cursor, not an Iterator")]
    pub fn next(&mut self) -> Result<()> {
        self.0.next()
    }

    /// Goes to the previous visible key.
    ///
    /// # Errors
    ///
    /// As for [`VisibleIter::seek_to_first`].
    pub fn prev(&mut self) -> Result<()> {
        self.0.prev()
    }
}

impl<H: InPlaceHandle, V: Visibility> fmt::Debug for InPlaceIter<H, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InPlaceIter").field(&self.0).finish()
    }
}
