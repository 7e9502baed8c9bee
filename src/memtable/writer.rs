//! Writing a batch.

use core::fmt;
use core::marker::PhantomData;

use smallvec::SmallVec;

use super::MemTable;
use super::checked::{checked, checked_range};
use super::counters::BatchCounts;
use super::door::Side;
use super::duplicates::DuplicatePolicy;
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{
    BytewiseComparator, Comparator, Kind, MAX_SEQUENCE_NUMBER, SequenceNumber, Version,
};
use crate::rep::{MemTableRep, Memory, SkipListRep};
use crate::skiplist::{BatchError, Hint};
use crate::sync::fault;
use crate::sync::ledger::FAULT_MEMTABLE_FILTER_AFTER_LINK;
use crate::visibility::{Everything, Visibility};

/// Entries of a batch that need no memory to be verified.
const BATCH: usize = 16;

/// A writer inside of a table: the right to add entries until it is dropped.
///
/// Made by [`MemTable::writer`] or [`MemTable::exclusive_writer`]. Entries are
/// in the table as soon as they are added; the table's counters change when the
/// writer is dropped. A writer stays on its thread:
///
/// ```compile_fail,E0277
/// let table = verimem::MemTable::builder().build()?;
/// let writer = table.writer()?;
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(writer));
/// });
/// # Ok::<(), verimem::Error>(())
/// ```
///
/// while its table goes anywhere:
///
/// ```
/// let table = verimem::MemTable::builder().build()?;
/// let writer = &table;
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(writer.writer()));
/// });
/// # Ok::<(), verimem::Error>(())
/// ```
///
/// ```
/// use verimem::{Kind, MemTable};
///
/// let table = MemTable::builder().build()?;
/// let mut writer = table.writer()?;
/// writer.reserve(2 * table.max_entry_size(1, 1)?)?; // all or nothing from here on
/// writer.add(1, Kind::VALUE, b"a", b"1")?;
/// writer.add(2, Kind::VALUE, b"b", b"2")?;
/// drop(writer);
/// assert_eq!(table.stats().entries, 2);
/// # Ok::<(), verimem::Error>(())
/// ```
#[must_use = "a writer is inside of the table until it is dropped"]
pub struct Writer<
    't,
    C: Comparator = BytewiseComparator,
    R: MemTableRep<Comparator = C> = SkipListRep<C>,
> {
    table: &'t MemTable<C, R>,
    side: Side,
    context: R::Context,
    memory: Memory<'t>,
    counts: BatchCounts,
    /// What operands are folded with.
    folds_with: &'t dyn Visibility,
    /// The door remembers which threads are inside.
    stays_on_its_thread: PhantomData<*const ()>,
}

impl<'t, C: Comparator, R: MemTableRep<Comparator = C>> Writer<'t, C, R> {
    #[inline(always)]
    pub(super) fn concurrent(table: &'t MemTable<C, R>) -> Result<Self> {
        Self::enter(table, Side::Shared)
    }

    #[inline(always)]
    pub(super) fn exclusive(table: &'t MemTable<C, R>) -> Result<Self> {
        Self::enter(table, Side::Exclusive)
    }

    // A writer is large: it is to be made where it stays.
    #[inline(always)]
    fn enter(table: &'t MemTable<C, R>, side: Side) -> Result<Self> {
        table.door.enter(side, table.id)?;
        Ok(Self {
            table,
            side,
            context: R::Context::default(),
            memory: Memory {
                arena: table.arena(),
                ticket: None,
            },
            counts: BatchCounts::new(),
            folds_with: &Everything,
            stays_on_its_thread: PhantomData,
        })
    }

    /// Sets memory aside for the entries to come, so that adding them cannot
    /// fail half-way for want of it (SPEC A6). Sum up
    /// [`MemTable::max_entry_size`]. Replaces an earlier reservation; what exceeds
    /// it is allocated as if nothing had been reserved.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::OutOfMemory`]; nothing is set aside then.
    pub fn reserve(&mut self, bytes: usize) -> Result<()> {
        self.memory.ticket = None;
        self.memory.ticket = Some(self.table.arena().reserve(bytes)?);
        Ok(())
    }

    /// Operands are folded (SPEC W5) only with what `visibility` lets see, by default with
    /// everything below them. Where batches are aborted, their entries stay in the table,
    /// and would become part of a value that all readers see: fold with the
    /// [view of the batch](crate::sequencer::Reservation::view) then.
    pub fn fold_with(&mut self, visibility: &'t dyn Visibility) {
        self.folds_with = visibility;
    }

    /// Adds an entry. O(log n), less where keys follow upon one another.
    ///
    /// Where keys have timestamps, `user_key` ends in one.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`], [`Error::InvalidTimestamp`],
    /// [`Error::KeyTooLarge`], [`Error::ValueTooLarge`], [`Error::EntryTooLarge`];
    /// [`Error::Duplicate`] for a key and sequence number that the table has, unless its
    /// [policy](DuplicatePolicy) is another;
    /// [`Error::Full`], [`Error::OutOfMemory`]. Nothing is stored or counted then.
    #[inline]
    pub fn add(
        &mut self,
        sequence: SequenceNumber,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        if kind == Kind::RANGE_DELETION {
            return self.delete_range(sequence, user_key, value);
        }
        let entry = checked::<C>(sequence, kind, user_key, value)?;
        if self.folds(kind) {
            let mut folded = Vec::new();
            let entry = self.fold(entry, &mut folded)?;
            return self.insert(&entry);
        }
        self.insert(&entry)
    }

    /// As [`add`](Self::add), with the [checksum](EntryRef::checksum) that the caller computed
    /// when it made the entry: what was damaged since is refused (SPEC E10). A table that
    /// stores no checksums verifies it all the same.
    ///
    /// ```
    /// use verimem::{EntryRef, Error, Kind, MemTable, Protection};
    ///
    /// let table = MemTable::builder().protection(Protection::Four).build()?;
    /// let entry = EntryRef { user_key: b"k", sequence: 1, kind: Kind::VALUE, value: b"v" };
    /// let checksum = entry.checksum();
    /// let damaged = EntryRef { value: b"w", ..entry };
    /// let mut writer = table.writer()?;
    /// assert!(matches!(writer.add_protected(&damaged, checksum), Err(Error::Corruption(_))));
    /// writer.add_protected(&entry, checksum)?;
    /// drop(writer);
    /// assert_eq!(table.stats().entries, 1);
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when the checksum is not that of the entry; as for
    /// [`add`](Self::add). Nothing is stored or counted then.
    pub fn add_protected(&mut self, entry: &EntryRef<'_>, checksum: u64) -> Result<()> {
        checked::<C>(entry.sequence, entry.kind, entry.user_key, entry.value)?;
        self.verify_handed(entry, checksum)?;
        self.add(entry.sequence, entry.kind, entry.user_key, entry.value)
    }

    /// As [`add_batch`](Self::add_batch), with a checksum for each entry, as for
    /// [`add_protected`](Self::add_protected). All are verified before any entry is added.
    ///
    /// # Errors
    ///
    /// As for [`add_batch`](Self::add_batch). Nothing is added when a checksum is not that
    /// of its entry; `added` is 0 then.
    pub fn add_batch_protected(
        &mut self,
        entries: &[(EntryRef<'_>, u64)],
    ) -> core::result::Result<(), BatchError> {
        let mut right: SmallVec<[EntryRef<'_>; BATCH]> = SmallVec::new();
        let refused = |error| BatchError { added: 0, error };
        right
            .try_reserve(entries.len())
            .map_err(|_| Error::OutOfMemory {
                requested: entries.len().saturating_mul(size_of::<EntryRef<'_>>()),
            })
            .map_err(refused)?;
        for (entry, checksum) in entries {
            if entry.sequence <= MAX_SEQUENCE_NUMBER {
                self.verify_handed(entry, *checksum).map_err(refused)?;
            }
            right.push(*entry);
        }
        self.add_batch(&right)
    }

    fn verify_handed(&self, entry: &EntryRef<'_>, checksum: u64) -> Result<()> {
        if entry.checksum() == checksum {
            return Ok(());
        }
        Err(self.table.rep.checksum_mismatch(entry).into())
    }

    /// Deletes all keys from `begin` on and before `end`, as of `sequence`. Nothing
    /// happens, and nothing is counted, if the two are equal. Writers take turns for the
    /// short while that it takes: O(log n) on average, and linear in the number of range
    /// deletions at times.
    ///
    /// Where keys have timestamps, `begin` and `end` both end in that of the deletion: it
    /// hides entries that are older, by their timestamps first, and is read at its own.
    ///
    /// The comparator is called with a lock held: it must not delete ranges itself.
    ///
    /// # Errors
    ///
    /// [`Error::InvertedRange`]; [`Error::InvalidTimestamp`] for two that differ;
    /// [`Error::SequenceTooLarge`], [`Error::KeyTooLarge`],
    /// [`Error::ValueTooLarge`], [`Error::EntryTooLarge`] for an `end` that is too long to
    /// be stored as a value; [`Error::OutOfMemory`]. Nothing is stored or counted then.
    pub fn delete_range(
        &mut self,
        sequence: SequenceNumber,
        begin: &[u8],
        end: &[u8],
    ) -> Result<()> {
        let comparator = self.table.comparator();
        let entry = checked::<C>(sequence, Kind::RANGE_DELETION, begin, end)?;
        let Some((first, after)) = checked_range(comparator, begin, end)? else {
            return Ok(());
        };
        let counts = &mut self.counts;
        let added = || counts.count(comparator, &entry);
        let tombstones = &self.table.tombstones;
        let version = Version::of(comparator, begin, sequence);
        tombstones.add(comparator, first, after, version, added)
    }

    /// Inserts an entry near the last one.
    #[inline]
    fn insert(&mut self, entry: &EntryRef<'_>) -> Result<()> {
        self.table.announce(entry);
        let (rep, memory, counts) = (&self.table.rep, &mut self.memory, &mut self.counts);
        let comparator = rep.comparator();
        let linked = || counts.count(comparator, entry);
        let (sharing, context) = (self.side.sharing(), &mut self.context);
        // SAFETY: any number of writers may insert concurrently. The door lets one exclusive
        // writer in at a time, and whoever is let in sees what the one before did (M1).
        // Memory and context are the representation's own.
        let inserted = unsafe { rep.insert(sharing, memory, context, entry, linked) };
        if fault(&FAULT_MEMTABLE_FILTER_AFTER_LINK) {
            self.table.announce_late(entry);
        }
        self.settle(inserted, entry)
    }

    /// Does with a duplicate what the table's policy says.
    #[inline]
    fn settle(&mut self, inserted: Result<()>, entry: &EntryRef<'_>) -> Result<()> {
        match inserted {
            Err(Error::Duplicate) => self.settle_duplicate(entry),
            other => other,
        }
    }

    #[cold]
    fn settle_duplicate(&mut self, entry: &EntryRef<'_>) -> Result<()> {
        match self.table.duplicates {
            DuplicatePolicy::Reject => Err(Error::Duplicate),
            DuplicatePolicy::KeepFirst => Ok(()),
            DuplicatePolicy::Overwrite => {
                // SAFETY: the memory is the list's own.
                let was = unsafe { self.table.rep.overwrite(&mut self.memory, entry) }?;
                // Of what is damaged, nobody knows what it was counted as.
                if let Ok(was) = was {
                    self.counts.count_overwrite(&was, entry);
                }
                Ok(())
            }
        }
    }

    /// Whether this writer folds entries of this kind.
    #[inline]
    fn folds(&self, kind: Kind) -> bool {
        self.side == Side::Exclusive && self.table.folds(kind)
    }

    /// What is stored in place of an operand: a value, if it is time to fold.
    fn fold<'e>(&self, operand: EntryRef<'e>, value: &'e mut Vec<u8>) -> Result<EntryRef<'e>> {
        let Some(folded) = self.table.fold(&operand, self.folds_with)? else {
            return Ok(operand);
        };
        *value = folded;
        Ok(EntryRef {
            kind: Kind::VALUE,
            value,
            ..operand
        })
    }

    /// As [`add`](Self::add) for each of the entries, in their order, with
    /// several searches on their way at a time: more than three times as fast as
    /// adding them one by one, where they lie apart in a table larger than the
    /// caches. Best for sorted entries, not required.
    ///
    /// ```
    /// use verimem::{EntryRef, Kind, MemTable};
    ///
    /// let table = MemTable::builder().build()?;
    /// let entry = |sequence, user_key| EntryRef { user_key, sequence, kind: Kind::VALUE, value: b"" };
    /// let entries = [entry(1, &b"a"[..]), entry(2, b"b"), entry(1, b"a")];
    /// let refused = table.writer()?.add_batch(&entries).unwrap_err();
    /// assert_eq!((refused.added, refused.error), (2, verimem::Error::Duplicate));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add), with the number of entries before the one that
    /// was refused: they are in the table, those after it are not.
    pub fn add_batch(&mut self, entries: &[EntryRef<'_>]) -> core::result::Result<(), BatchError> {
        let special = |entry: &EntryRef<'_>| {
            entry.kind == Kind::RANGE_DELETION
                || self.folds(entry.kind)
                || entry.user_key.len() < C::TIMESTAMP_LEN
                || entry.sequence > MAX_SEQUENCE_NUMBER
        };
        if entries.iter().any(special) {
            return self.add_each(entries);
        }
        entries.iter().for_each(|entry| self.table.announce(entry));
        let mut done = 0;
        loop {
            let Err(refused) = self.insert_batch(&entries[done..]) else {
                return Ok(());
            };
            done += refused.added;
            let error = refused.error;
            self.settle(Err(error), &entries[done])
                .map_err(|error| BatchError { added: done, error })?;
            done += 1;
        }
    }

    /// Inserts entries that the filter knows of, up to the first that is refused.
    #[inline]
    fn insert_batch(&mut self, entries: &[EntryRef<'_>]) -> core::result::Result<(), BatchError> {
        let (rep, memory, counts) = (&self.table.rep, &mut self.memory, &mut self.counts);
        let comparator = rep.comparator();
        let linked = |entry: &EntryRef<'_>| counts.count(comparator, entry);
        let (sharing, context) = (self.side.sharing(), &mut self.context);
        // SAFETY: as for `insert`.
        unsafe { rep.insert_all(sharing, memory, context, entries, linked) }
    }

    /// Adds entries one by one: there are range deletions among them, operands to be
    /// folded with others of this batch, or such as are to be refused.
    fn add_each(&mut self, entries: &[EntryRef<'_>]) -> core::result::Result<(), BatchError> {
        for (added, entry) in entries.iter().enumerate() {
            self.add(entry.sequence, entry.kind, entry.user_key, entry.value)
                .map_err(|error| BatchError { added, error })?;
        }
        Ok(())
    }

    /// As [`add`](Self::add), near where the hint was last used. O(log d) when
    /// that is `d` entries away.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add), and [`Error::ForeignHint`].
    pub fn add_with_hint(
        &mut self,
        hint: &mut Hint,
        sequence: SequenceNumber,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        if kind == Kind::RANGE_DELETION {
            return self.delete_range(sequence, user_key, value);
        }
        let mut entry = checked::<C>(sequence, kind, user_key, value)?;
        let mut folded = Vec::new();
        if self.folds(kind) {
            entry = self.fold(entry, &mut folded)?;
        }
        self.table.announce(&entry);
        let (rep, memory, counts) = (&self.table.rep, &mut self.memory, &mut self.counts);
        let comparator = rep.comparator();
        let linked = || counts.count(comparator, &entry);
        let sharing = self.side.sharing();
        // SAFETY: as for `insert`.
        let inserted = unsafe { rep.insert_with_hint(sharing, memory, hint, &entry, linked) };
        self.settle(inserted, &entry)
    }

    /// Where the writer allocates.
    pub(super) fn memory(&mut self) -> &mut Memory<'t> {
        &mut self.memory
    }

    /// How many entries were linked so far.
    pub(super) fn linked(&self) -> u64 {
        self.counts.entries
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Drop for Writer<'_, C, R> {
    fn drop(&mut self) {
        self.memory.ticket = None;
        self.table.counters.fold(&self.counts);
        self.table.door.leave(self.side, self.table.id);
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> fmt::Debug for Writer<'_, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("table", &self.table.id)
            .field("side", &self.side)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
