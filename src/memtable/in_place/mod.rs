//! Values that are updated where they are (SPEC W4).
//!
//! An [`InPlaceTable`] is a [`MemTable`] whose values can change. Its entries never do: an
//! entry of kind [`Kind::VALUE`] holds the place of a *slot* in the table's arena, with so
//! much room, and the slot holds the value. Everything that a table does with entries stays
//! as it is; what is lent there as `&[u8]` is copied out here, under a lock.
//!
//! [`update`](InPlaceWriter::update) is RocksDB's `MemTable::Update`, and
//! [`update_with`](InPlaceWriter::update_with) its `MemTable::UpdateCallback`
//! (`inplace_update_support`, `inplace_callback`). There, one thread writes at a time, and
//! iterators read values without a lock.
//!
//! # What a snapshot sees
//!
//! An updated entry keeps its sequence number, as in RocksDB. **A snapshot that sees the
//! entry sees each update of it, also a later one**: such a table is for engines that read the
//! newest values only. An update cannot be taken back when its batch is aborted.
//!
//! # Thread safety
//!
//! As for [`MemTable`], but readers wait while the value that they want is being copied,
//! and updates of one key take turns.
//!
//! # Invariants
//!
//! 1. **U1, whole values.** Once a slot is published, its bytes are read and written with
//!    the lock of its stripe held only: what a reader copies is one value, as somebody wrote
//!    it. Which lock it is depends on the place of the slot alone.
//! 2. **U2, turns.** Updates of a key run one after the other, from the search for its
//!    newest entry to the value's being written or linked: the callback of each sees what the
//!    one before made.
//! 3. **U3, no wait without end.** A slot's lock is the innermost, and nothing of a
//!    user's, nor the allocator, runs while it is held. A thread inside of an update that
//!    begins another one, in whatever table, gets [`Error::Reentrant`].
//! 4. **U4, order.** An update does not take the place of a value that an update with a
//!    larger sequence number left there.
//! 5. **U5, references.** An entry of kind `VALUE` holds a reference that this table
//!    made; the slot was filled before the entry was linked.
//!
//! | field | written by | read by |
//! |---|---|---|
//! | bytes of a slot | its maker, before the entry is linked; later who holds the slot's lock for writing | who holds the slot's lock |
//! | `resized` | writers that are dropped, relaxed | anyone, relaxed |

mod answer;
mod options;
mod read;
mod slot;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod walk;
mod writer;

pub use answer::{OwnedBase, OwnedLookup};
pub use options::InPlaceBuilder;
pub use read::InPlaceReader;
pub use walk::{InPlaceCursor, InPlaceHandle, InPlaceIter};
pub use writer::{Decision, InPlaceWriter, Updated};

use core::fmt;
use core::ops::{Bound, RangeInclusive};

use crossbeam_utils::CachePadded;

use super::{MemTable, RangeStats, ReadStats, Stats};
use crate::arena::{ArenaUsage, UNIT};
use crate::entry::{EntryRef, Protection, encoded_len};
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator, Kind, SequenceNumber};
use crate::sync::{Arc, AtomicU64, ord};
use crate::tombstones::RangeDeletions;
use slot::{Slots, reserve};

/// A table whose values can be updated where they are.
///
/// Nothing that it holds as a value is ever lent:
///
/// ```
/// use verimem::in_place::{OwnedLookup, Updated};
/// use verimem::{Kind, MemTable};
///
/// let table = MemTable::builder().in_place().build()?;
/// table.add(1, Kind::VALUE, b"k", b"first")?;
/// assert_eq!(table.update(2, b"k", b"again")?, Updated::InPlace);
/// assert_eq!(table.update(3, b"k", b"too long to fit")?, Updated::Added);
///
/// let value = |snapshot| table.get(b"k", snapshot).map(|answer| answer.into_value());
/// assert_eq!(value(3)?.as_deref(), Some(&b"too long to fit"[..]));
/// // The first entry keeps its number.
/// assert_eq!(value(1)?.as_deref(), Some(&b"again"[..]));
/// assert_eq!(table.stats().entries, 2);
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct InPlaceTable<C = BytewiseComparator> {
    /// Its entries of kind `VALUE` hold references (U5): it is lent to nobody.
    table: MemTable<C>,
    slots: Slots,
    max_successive_merges: usize,
    keeps_first: bool,
    /// By how much values are longer than the references to them, all together; wraps.
    resized: CachePadded<AtomicU64>,
}

impl<C: Comparator> InPlaceTable<C> {
    /// Adds one entry: a concurrent batch of one. As [`MemTable::add`].
    ///
    /// # Errors
    ///
    /// As for [`InPlaceWriter::add`] and [`writer`](Self::writer).
    pub fn add(
        &self,
        sequence: SequenceNumber,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        self.writer()?.add(sequence, kind, user_key, value)
    }

    /// Gives a key a value, where its value is if there is room. As
    /// [`InPlaceWriter::update`].
    ///
    /// # Errors
    ///
    /// As for [`InPlaceWriter::update`] and [`writer`](Self::writer).
    pub fn update(
        &self,
        sequence: SequenceNumber,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<Updated> {
        self.writer()?.update(sequence, user_key, value)
    }

    /// Enters the table to write a batch, beside any number of others. Never waits.
    ///
    /// # Errors
    ///
    /// As for [`MemTable::writer`].
    pub fn writer(&self) -> Result<InPlaceWriter<'_, C>> {
        Ok(InPlaceWriter::new(self, self.table.writer()?, false))
    }

    /// Enters the table to write a batch, alone. Never waits.
    ///
    /// # Errors
    ///
    /// As for [`MemTable::exclusive_writer`].
    pub fn exclusive_writer(&self) -> Result<InPlaceWriter<'_, C>> {
        Ok(InPlaceWriter::new(
            self,
            self.table.exclusive_writer()?,
            true,
        ))
    }

    /// Deletes all keys from `begin` on and before `end`. As [`MemTable::delete_range`].
    ///
    /// # Errors
    ///
    /// As for [`MemTable::delete_range`].
    pub fn delete_range(&self, sequence: SequenceNumber, begin: &[u8], end: &[u8]) -> Result<()> {
        self.writer()?.delete_range(sequence, begin, end)
    }

    /// What the table says of `user_key` at `snapshot`: a copy. O(log n), and the length
    /// of the values.
    ///
    /// # Errors
    ///
    /// As for [`InPlaceReader::get`] and [`reader`](Self::reader).
    pub fn get(&self, user_key: &[u8], snapshot: SequenceNumber) -> Result<OwnedLookup> {
        self.reader(snapshot)?.get(user_key)
    }

    /// What the table says of each key at `snapshot`, in the order of `keys`. As
    /// [`MemTable::multi_get`].
    ///
    /// # Errors
    ///
    /// As for [`InPlaceReader::multi_get`] and [`reader`](Self::reader).
    pub fn multi_get(
        &self,
        keys: &[&[u8]],
        snapshot: SequenceNumber,
    ) -> Result<Vec<Result<OwnedLookup>>> {
        self.reader(snapshot)?.multi_get(keys)
    }

    /// Point reads at `snapshot`, with more to choose than [`get`](Self::get) has.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`].
    pub fn reader(&self, snapshot: SequenceNumber) -> Result<InPlaceReader<'_, C>> {
        InPlaceReader::new(self, snapshot)
    }

    /// A cursor over the internal entries: every version of every key.
    #[must_use]
    pub fn iter(&self) -> InPlaceCursor<&Self> {
        InPlaceCursor::new(self)
    }

    /// As [`iter`](Self::iter), keeping the table alive: `'static` and `Send`.
    #[must_use]
    pub fn owned_iter(self: &Arc<Self>) -> InPlaceCursor<Arc<Self>> {
        InPlaceCursor::new(Arc::clone(self))
    }

    /// An iterator over the user keys that are visible at `snapshot`.
    #[must_use]
    pub fn visible(&self, snapshot: SequenceNumber) -> InPlaceIter<&Self> {
        self.visible_range(snapshot, Bound::Unbounded, Bound::Unbounded)
    }

    /// As [`visible`](Self::visible), between two bounds.
    #[must_use]
    pub fn visible_range(
        &self,
        snapshot: SequenceNumber,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> InPlaceIter<&Self> {
        InPlaceIter::new(self, snapshot, lower, upper)
    }

    /// As [`visible_range`](Self::visible_range), keeping the table alive.
    #[must_use]
    pub fn owned_visible(
        self: &Arc<Self>,
        snapshot: SequenceNumber,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> InPlaceIter<Arc<Self>> {
        InPlaceIter::new(Arc::clone(self), snapshot, lower, upper)
    }

    /// As [`MemTable::contains`].
    #[must_use]
    pub fn contains(&self, user_key: &[u8], sequence: SequenceNumber) -> bool {
        self.table.contains(user_key, sequence)
    }

    /// As [`MemTable::range_deletions`].
    ///
    /// # Errors
    ///
    /// As for [`MemTable::range_deletions`].
    pub fn range_deletions(
        &self,
        sequences: RangeInclusive<SequenceNumber>,
    ) -> Result<RangeDeletions<'_, C>> {
        self.table.range_deletions(sequences)
    }

    /// As [`MemTable::approximate_range`], with the average of the lengths that values
    /// have now.
    #[must_use]
    pub fn approximate_range(&self, begin: &[u8], end: &[u8]) -> RangeStats {
        let stats = self.stats();
        let entries = self.table.approximate_range(begin, end).entries;
        let all = stats.entries.saturating_sub(stats.range_deletions).max(1);
        let bytes = u128::from(stats.data_size) * u128::from(entries) / u128::from(all);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        RangeStats { entries, bytes }
    }

    /// Makes the table immutable, as [`MemTable::seal`]. Values are copied out all the same.
    ///
    /// # Errors
    ///
    /// As for [`MemTable::seal`].
    pub fn seal(&self) -> Result<()> {
        self.table.seal()
    }

    /// As [`MemTable::is_sealed`].
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.table.is_sealed()
    }

    /// As [`MemTable::id`].
    #[must_use]
    pub fn id(&self) -> u64 {
        self.table.id()
    }

    /// As [`MemTable::is_empty`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Reads the counters, as [`MemTable::stats`]: `data_size` counts values with the
    /// lengths that they have now. While a writer is inside, it may lag behind either way.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let resized = self.resized.load(ord!(IN_PLACE_RESIZED_LOAD, Relaxed));
        let mut stats = self.table.stats();
        let data_size = stats.data_size.wrapping_add(resized);
        // What was taken away from a value whose writer is still inside.
        let is_negative = data_size > u64::MAX / 2;
        stats.data_size = if is_negative { 0 } else { data_size };
        stats
    }

    /// Reads the counters of reads, as [`MemTable::read_stats`]. An update's own search is
    /// not counted.
    #[must_use]
    pub fn read_stats(&self) -> Option<ReadStats> {
        self.table.read_stats()
    }

    /// Reads the accounting, as [`MemTable::memory_usage`], with the locks. A slot counts
    /// with all its room.
    #[must_use]
    pub fn memory_usage(&self) -> ArenaUsage {
        let mut usage = self.table.memory_usage();
        usage.allocated += self.slots.bytes();
        usage.used += self.slots.bytes();
        usage
    }

    /// The order of user keys.
    #[must_use]
    pub fn comparator(&self) -> &C {
        self.table.comparator()
    }

    /// The most bytes that an entry can take, for [`InPlaceWriter::reserve`].
    ///
    /// # Errors
    ///
    /// The limit that the lengths exceed.
    pub fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        encoded_len(key_len, value_len, Protection::None)?;
        let reference = self.slots.reference_len();
        let entry = self.table.max_entry_size(key_len, reference)?;
        Ok(entry.next_multiple_of(UNIT) + self.slots.allocated(value_len))
    }

    /// How long a value can become where one of `value_len` bytes was added: at least that,
    /// and up to seven bytes more. RocksDB has no such room, and forgets what room a
    /// shorter value leaves.
    #[must_use]
    pub fn capacity_for(&self, value_len: usize) -> usize {
        self.slots.capacity_for(value_len)
    }

    /// Appends to `out` the value that an entry has.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`], [`Error::OutOfMemory`].
    ///
    /// # Safety
    ///
    /// `stored` is what an entry of kind `kind` of `self.table` holds.
    unsafe fn copy_value(
        &self,
        user_key: &[u8],
        sequence: SequenceNumber,
        kind: Kind,
        stored: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if kind != Kind::VALUE {
            reserve(out, stored.len())?;
            out.extend_from_slice(stored);
            return Ok(());
        }
        let place = self.slots.place(stored)?;
        // SAFETY: this table's entries hold references to slots of its arena, filled
        // before the entry was linked (U5).
        let intact = unsafe { self.slots.read(self.table.arena(), place, out) }?;
        intact.ok_or_else(|| {
            let entry = EntryRef {
                user_key,
                sequence,
                kind,
                value: &[],
            };
            Error::from(self.table.rep.checksum_mismatch(&entry))
        })
    }
}

impl<C: Comparator> fmt::Debug for InPlaceTable<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InPlaceTable")
            .field("id", &self.id())
            .field("comparator", &self.comparator().name())
            .field("sealed", &self.is_sealed())
            .field("stats", &self.stats())
            .field("memory", &self.memory_usage())
            .finish()
    }
}

// As a memtable.
const _: fn() = || {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    shared::<InPlaceTable>();
    shared::<InPlaceBuilder>();
    sent::<InPlaceCursor<Arc<InPlaceTable>>>();
    sent::<InPlaceIter<Arc<InPlaceTable>>>();
};
