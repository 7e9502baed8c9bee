//! The memtable: entries of an LSM tree before they are flushed.
//!
//! # Thread safety
//!
//! Everything but writing works from any number of threads and never waits.
//! Writers enter through a door, once per batch: any number of concurrent
//! writers, or one exclusive writer. [`MemTable::seal`] closes the door, waits
//! for those inside, and leaves an immutable table.
//!
//! # Invariants
//!
//! 1. **M1, the door.** At most one exclusive writer is inside, and then nobody
//!    else. Whoever enters as exclusive sees all that earlier writers did.
//! 2. **M2, seal.** An entry is in the sealed table, or its writer got
//!    [`Error::Sealed`]; never both, never neither. Who sees
//!    the table sealed sees all of its entries and exact counters.
//! 3. **M3, counters.** A writer's counts reach the table's when the writer is
//!    dropped, also by a panic: they are exact when no writer is inside.
//! 4. **M4, refusal.** An add that returns an error stored nothing and counted
//!    nothing.
//! 5. **M5, snapshots.** A read at a snapshot sees, of each key, the version with
//!    the largest sequence number not above it, among the entries whose adding
//!    happened before the read. That an entry is visible *at once* to a reader
//!    on another thread is only promised if that thread learnt of it: publish
//!    sequence numbers with a release store, and take snapshots with an acquire
//!    load.
//!
//! The design is that of LevelDB's `MemTable` and RocksDB's `db/memtable.h`.

mod checked;
mod counters;
mod door;
mod duplicates;
mod filter;
mod fold;
mod handle;
pub mod in_place;
mod lookup;
mod options;
#[cfg(feature = "bytes")]
mod pinned;
mod prefix_hints;
mod range_deletions;
mod reader;
mod sample;
mod steer;
mod stripped;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod visible;
mod writer;

pub use counters::{ReadStats, Stats};
pub use duplicates::DuplicatePolicy;
pub use in_place::InPlaceTable;
pub use options::MemTableBuilder;
pub use prefix_hints::PrefixHints;
pub use reader::Reader;
pub use sample::RangeStats;
pub use stripped::Stripped;
pub use visible::VisibleIter;
pub use writer::Writer;

use core::fmt;
use core::marker::PhantomData;
use core::ops::Bound;

use crate::arena::{ArenaUsage, ConcurrentArena};
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{
    BytewiseComparator, Comparator, Kind, MAX_SEQUENCE_NUMBER, PrefixExtractor, SequenceNumber,
    Timestamp, without_timestamp,
};
use crate::lookup::Lookup;
use crate::merge::MergeOperator;
use crate::rep::{Cursor, MemTableRep, ReadObserver, ReadRep, SkipListRep};
use crate::sync::ledger::{FAULT_MEMTABLE_FILTER_AFTER_LINK, FAULT_VECTOR_COUNT_AFTER_SEAL};
use crate::sync::{Arc, fault};
use crate::tombstones::{Sight, Tombstones};
use crate::visibility::Everything;
use counters::{Counters, ReadCounters};
use door::Door;
use filter::Filter;

/// Entries in memory, ordered by user key and descending sequence number.
///
/// ```
/// use verimem::{Kind, Lookup, MemTable};
///
/// let table = MemTable::builder().build()?;
/// table.add(1, Kind::VALUE, b"apple", b"red")?;
/// table.add(2, Kind::DELETION, b"apple", b"")?;
///
/// assert!(matches!(table.get(b"apple", 1)?, Lookup::Found { value: b"red", .. }));
/// assert!(matches!(table.get(b"apple", 2)?, Lookup::Deleted { sequence: 2, .. }));
/// assert!(matches!(table.get(b"pear", 2)?, Lookup::NotFound));
///
/// table.seal()?;
/// assert_eq!(table.add(3, Kind::VALUE, b"fig", b""), Err(verimem::Error::Sealed));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct MemTable<C = BytewiseComparator, R = SkipListRep<C>> {
    rep: R,
    arena: Arc<ConcurrentArena>,
    order: PhantomData<C>,
    reads: Option<ReadCounters>,
    id: u64,
    earliest_sequence: SequenceNumber,
    merge_operator: Option<Arc<dyn MergeOperator>>,
    max_successive_merges: usize,
    duplicates: DuplicatePolicy,
    filter: Option<Filter>,
    prefix_extractor: Option<Arc<dyn PrefixExtractor>>,
    tombstones: Tombstones,
    door: Door,
    counters: Counters,
}

impl MemTable {
    /// Options of a table in bytewise order.
    pub fn builder() -> MemTableBuilder {
        MemTableBuilder::new(BytewiseComparator)
    }
}

impl<C: Comparator> MemTable<C> {
    /// Options of a table in the order of `comparator`.
    ///
    /// ```
    /// use verimem::{Kind, MemTable, ReverseBytewiseComparator};
    /// let table = MemTable::with_comparator(ReverseBytewiseComparator).build()?;
    /// table.add(1, Kind::VALUE, b"a", b"")?;
    /// # Ok::<(), verimem::Error>(())
    /// ```
    pub fn with_comparator(comparator: C) -> MemTableBuilder<C> {
        MemTableBuilder::new(comparator)
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// Adds one entry: a concurrent batch of one. O(log n).
    ///
    /// # Errors
    ///
    /// As for [`Writer::add`] and [`writer`](Self::writer).
    pub fn add(
        &self,
        sequence: SequenceNumber,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        self.writer()?.add(sequence, kind, user_key, value)
    }

    /// Enters the table to write a batch, beside any number of others. Never waits.
    ///
    /// # Errors
    ///
    /// [`Error::Sealed`]; [`Error::Busy`] while an exclusive writer is inside;
    /// [`Error::OutOfMemory`].
    #[inline]
    pub fn writer(&self) -> Result<Writer<'_, C, R>> {
        Writer::concurrent(self)
    }

    /// Enters the table to write a batch, alone: without compare-exchange, and
    /// cheaply where keys follow upon one another. Never waits.
    ///
    /// # Errors
    ///
    /// [`Error::Sealed`]; [`Error::Busy`] while any writer is inside;
    /// [`Error::OutOfMemory`].
    pub fn exclusive_writer(&self) -> Result<Writer<'_, C, R>> {
        Writer::exclusive(self)
    }

    /// What the table says of `user_key` at `snapshot`, and at any timestamp where keys
    /// have timestamps. O(log n), and the number of operands for a merge.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`]; [`Error::Corruption`] when a checksum differs;
    /// [`Error::OutOfMemory`] when there is none for the list of operands.
    #[inline]
    pub fn get(&self, user_key: &[u8], snapshot: SequenceNumber) -> Result<Lookup<'_>> {
        self.reader(snapshot)?.get(user_key)
    }

    /// Point reads at `snapshot`, with more to choose than [`get`](Self::get) has.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`].
    #[inline]
    pub fn reader(&self, snapshot: SequenceNumber) -> Result<Reader<'_, C, Everything, R>> {
        Reader::new(self, snapshot)
    }

    /// Tells the filter of an entry that is about to be linked.
    #[inline]
    fn announce(&self, entry: &EntryRef<'_>) {
        if !fault(&FAULT_MEMTABLE_FILTER_AFTER_LINK) {
            self.announce_late(entry);
        }
    }

    #[inline]
    fn announce_late(&self, entry: &EntryRef<'_>) {
        if let Some(filter) = &self.filter {
            filter.add(without_timestamp::<C>(entry.user_key));
        }
    }

    /// Counts an answer, if the table keeps such counters.
    #[inline]
    fn observe(&self, answer: &Lookup<'_>) {
        if let Some(reads) = &self.reads {
            reads.observe_get(!matches!(answer, Lookup::NotFound));
        }
    }

    /// What the table says of each key at `snapshot`, in the order of `keys`,
    /// which may be any. Several searches are on their way at a time, so that
    /// they wait for memory together: some four times as fast as as many gets, in a
    /// table larger than the caches.
    ///
    /// ```
    /// use verimem::{Kind, Lookup, MemTable};
    ///
    /// let table = MemTable::builder().build()?;
    /// table.add(1, Kind::VALUE, b"a", b"1")?;
    /// let answers = table.multi_get(&[b"b", b"a"], 1)?;
    /// assert_eq!(answers[0], Ok(Lookup::NotFound));
    /// assert!(matches!(answers[1], Ok(Lookup::Found { value: b"1", .. })));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`], and [`Error::OutOfMemory`] when there is none
    /// for the list of answers; for a single key as for [`get`](Self::get).
    pub fn multi_get(
        &self,
        keys: &[&[u8]],
        snapshot: SequenceNumber,
    ) -> Result<Vec<Result<Lookup<'_>>>> {
        self.reader(snapshot)?.multi_get(keys)
    }

    /// The newest entry of `user_key`, a key without a timestamp, at `snapshot`, of
    /// whatever kind. O(log n).
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_entry(
        &self,
        user_key: &[u8],
        snapshot: SequenceNumber,
    ) -> Result<Option<EntryRef<'_>>> {
        check_snapshot(snapshot)?;
        let sight = Sight {
            snapshot,
            timestamp: Timestamp::MAX,
            visibility: &Everything,
        };
        let newest = lookup::newest(&self.rep, user_key, &sight)?;
        // SAFETY: the position came from this list.
        let entry = newest.map(|newest| unsafe { self.rep.entry(newest) });
        let entry = entry.transpose()?;
        if let Some(reads) = &self.reads {
            reads.observe_get(entry.is_some());
        }
        Ok(entry)
    }

    /// True when the table has an entry with exactly this key, timestamp included where
    /// keys have any, and sequence number, of whatever kind. O(log n). It says nothing of
    /// damage: where that matters, [`get_entry`](Self::get_entry) does.
    #[must_use]
    pub fn contains(&self, user_key: &[u8], sequence: SequenceNumber) -> bool {
        let newest = ReadRep::find(&self.rep, user_key, sequence);
        // SAFETY: the position came from this list.
        let newest = newest.and_then(|newest| unsafe { self.rep.key(newest) });
        newest.is_some_and(|(found, newest)| {
            let other = || self.comparator().compare(found, user_key).is_ne();
            newest == sequence && !(C::TIMESTAMP_LEN != 0 && other())
        })
    }

    /// A cursor over the internal entries: every version of every key.
    #[must_use]
    pub fn iter(&self) -> Cursor<&Self> {
        Cursor::new(self)
    }

    /// As [`iter`](Self::iter), keeping the table alive: `'static` and `Send`.
    #[must_use]
    pub fn owned_iter(self: &Arc<Self>) -> Cursor<Arc<Self>> {
        Cursor::new(Arc::clone(self))
    }

    /// An iterator over the user keys that are visible at `snapshot`.
    #[must_use]
    pub fn visible(&self, snapshot: SequenceNumber) -> VisibleIter<&Self> {
        VisibleIter::new(self, snapshot, Bound::Unbounded, Bound::Unbounded)
    }

    /// As [`visible`](Self::visible), between two bounds.
    #[must_use]
    pub fn visible_range(
        &self,
        snapshot: SequenceNumber,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> VisibleIter<&Self> {
        VisibleIter::new(self, snapshot, lower, upper)
    }

    /// As [`visible_range`](Self::visible_range), keeping the table alive.
    #[must_use]
    pub fn owned_visible(
        self: &Arc<Self>,
        snapshot: SequenceNumber,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> VisibleIter<Arc<Self>> {
        VisibleIter::new(Arc::clone(self), snapshot, lower, upper)
    }

    /// Makes the table immutable (SPEC W7): closes the door, waits for the
    /// writers inside, and tells the budget that the memory will be released.
    /// Sealing a sealed table does nothing. A writer that is never dropped, as by
    /// [`core::mem::forget`], is waited for without end.
    ///
    /// # Errors
    ///
    /// [`Error::Reentrant`] when the calling thread is itself inside: it would
    /// wait for itself.
    pub fn seal(&self) -> Result<()> {
        self.door.seal(self.id, || self.finish())?;
        if fault(&FAULT_VECTOR_COUNT_AFTER_SEAL) {
            self.discount_dropped();
        }
        // What remains as it is for want of memory is read all the same.
        let _ = self.tombstones.join_all(self.comparator());
        self.arena().begin_release();
        Ok(())
    }

    /// What comes between the last writer and a sealed table.
    fn finish(&self) {
        self.rep.seal();
        if !fault(&FAULT_VECTOR_COUNT_AFTER_SEAL) {
            self.discount_dropped();
        }
    }

    /// Takes off the counters what the representation found to be there already.
    fn discount_dropped(&self) {
        let discount = &mut |entry: &EntryRef<'_>| self.counters.discount(entry);
        self.rep.drain_dropped(discount);
    }

    /// True once [`seal`](Self::seal) is done: all entries are visible to the
    /// caller and all counters exact.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.door.is_sealed()
    }

    /// A number that no other table of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// True when no entry, and no range deletion, is visible to the caller.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rep.is_empty() && self.tombstones.is_empty()
    }

    /// Reads the counters; exact when no writer is inside (M3).
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.counters.read::<C>(self.earliest_sequence)
    }

    /// Reads the counters of reads, if the table keeps any.
    #[must_use]
    pub fn read_stats(&self) -> Option<ReadStats> {
        self.reads.as_ref().map(ReadCounters::read)
    }

    /// Reads the accounting: the arena, the filter, and the range deletions.
    #[must_use]
    pub fn memory_usage(&self) -> ArenaUsage {
        let filter = self.filter.as_ref().map_or(0, Filter::bytes);
        let mut usage = self.arena().usage();
        let beside = filter + self.tombstones.bytes();
        usage.allocated += beside;
        usage.used += beside;
        usage
    }

    /// The representation that the table stands on.
    #[must_use]
    pub fn representation(&self) -> &R {
        &self.rep
    }

    /// The order of user keys.
    #[must_use]
    pub fn comparator(&self) -> &C {
        self.rep.comparator()
    }

    /// The most bytes that an entry can take, for [`Writer::reserve`].
    ///
    /// # Errors
    ///
    /// The limit that the lengths exceed.
    pub fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        self.rep.max_entry_size(key_len, value_len)
    }

    fn arena(&self) -> &ConcurrentArena {
        &self.arena
    }

    fn observer(&self) -> Option<&dyn ReadObserver> {
        self.reads.as_ref().map(|reads| reads as &dyn ReadObserver)
    }
}

/// Checks that a snapshot is one.
fn check_snapshot(snapshot: SequenceNumber) -> Result<()> {
    if snapshot > MAX_SEQUENCE_NUMBER {
        return Err(Error::SequenceTooLarge { sequence: snapshot });
    }
    Ok(())
}

// Shared between threads, kept by owned cursors and sent to flush jobs.
const _: fn() = || {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>() {}
    shared::<MemTable>();
    shared::<Arc<MemTable<crate::key::ReverseBytewiseComparator>>>();
    shared::<MemTableBuilder>();
    shared::<Stats>();
    shared::<Lookup<'static>>();
    sent::<Cursor<Arc<MemTable>>>();
    sent::<VisibleIter<Arc<MemTable>>>();
    shared::<ConcurrentArena>();
    shared::<crate::arena::BlockArena>();
    shared::<crate::skiplist::Hint>();
};

// What every batch writes shares no cache line with what every search reads.
#[cfg(not(any(loom, shuttle)))]
const _: () = {
    use crate::sync::LINE;
    assert!(align_of::<Door>() >= LINE && size_of::<Door>() >= LINE);
    assert!(align_of::<Counters>() >= LINE && size_of::<Counters>() >= LINE);
    let rep = core::mem::offset_of!(MemTable, rep);
    let rep_end = rep + size_of::<SkipListRep<BytewiseComparator>>();
    let door = core::mem::offset_of!(MemTable, door);
    assert!(rep_end <= door || door + size_of::<Door>() <= rep);
    // Cursors are copied about, and live on stacks.
    assert!(size_of::<Cursor<&MemTable>>() <= 128);
};

impl<C: Comparator, R: MemTableRep<Comparator = C>> fmt::Debug for MemTable<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemTable")
            .field("id", &self.id)
            .field("comparator", &self.comparator().name())
            .field("representation", &self.rep.name())
            .field("sealed", &self.is_sealed())
            .field("stats", &self.stats())
            .field("memory", &self.memory_usage())
            .finish()
    }
}
