//! Adding a batch to tables.

use core::fmt;
use core::result::Result;

use smallvec::SmallVec;

use super::families::ColumnFamilyMemTables;
use super::record::{BatchEntry, Record};
use super::view::WriteBatchRef;
use crate::entry::EntryRef;
use crate::error::Error;
use crate::key::{Comparator, Kind, MAX_SEQUENCE_NUMBER, SequenceNumber};
use crate::memtable::{MemTable, Writer};
use crate::rep::MemTableRep;
use crate::skiplist::{BatchError, Hint};
use crate::visibility::Visibility;

/// So many entries are handed to a table at a time: a few rounds of the searches that it makes
/// together.
const GROUP: usize = 48;

/// How far an insertion came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Inserted {
    /// Entries that are in a table. Range deletions of no keys count, too.
    pub added: u32,
    /// Entries passed over, since their column family has no table.
    pub ignored: u32,
    /// The sequence number behind the last entry; on an error, that of the entry which was
    /// refused. Above 56 bits, behind the last number that there is.
    pub next_sequence: SequenceNumber,
}

/// Why a batch was not inserted, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a write batch was refused, after {} of its entries were added", done.added)]
#[non_exhaustive]
pub struct InsertError {
    /// What was done before: the entries up to the one that was refused, and none behind it.
    pub done: Inserted,
    /// Why: the source of this error, which its own text leaves out.
    #[source]
    pub error: Error,
}

/// Adds the entries of write batches to tables.
///
/// What can be known before is checked before anything is added: column families, sequence
/// numbers, keys, lengths, ranges, and that each table lets a writer in. What is left is
/// refused memory, which [`reserve`](Self::reserve) settles before, too; a
/// [`Duplicate`](Error::Duplicate), which no batch has that takes its numbers from a
/// [`Sequencer`](crate::sequencer::Sequencer); and user code that fails or panics.
///
/// ```
/// use verimem::batch::BatchInserter;
/// use verimem::{Error, MemTable, WriteBatch};
///
/// let table = MemTable::builder().build()?;
/// let mut batch = WriteBatch::new();
/// batch.put(b"a", b"1")?;
/// batch.put_cf(5, b"a", b"2")?;
/// let refused = BatchInserter::new().insert(&batch, &table).unwrap_err();
/// assert_eq!(refused.error, Error::UnknownColumnFamily { id: 5 });
/// assert!(table.is_empty());
///
/// let inserter = BatchInserter::new().ignore_missing_column_families(true);
/// let inserted = inserter.insert(&batch, &table)?;
/// assert_eq!((inserted.added, inserted.ignored), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct BatchInserter<'v> {
    exclusive: bool,
    ignore_missing_column_families: bool,
    hint_per_batch: bool,
    reserve: bool,
    fold_with: Option<&'v dyn Visibility>,
}

impl<'v> BatchInserter<'v> {
    /// Beside other writers, without hints and reservations; a column family without a table
    /// is an error.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters tables by [`exclusive_writer`](MemTable::exclusive_writer): cheaper, and the only
    /// one who folds operands, but refused with [`Error::Busy`] while anybody is inside. RocksDB's
    /// writes without `allow_concurrent_memtable_write`.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Passes over entries whose column family has no table; each takes a sequence number all
    /// the same.
    pub fn ignore_missing_column_families(mut self, ignore: bool) -> Self {
        self.ignore_missing_column_families = ignore;
        self
    }

    /// Adds entries one by one, with one [`Hint`] per table (RocksDB's
    /// `memtable_insert_hint_per_batch`): for batches whose keys are near one another, but not
    /// next to each other. Without it, several searches are made at a time, or none while
    /// entries land next to each other; for batches of ten or more random keys, sorted or not,
    /// that was faster.
    pub fn hint_per_batch(mut self, hint: bool) -> Self {
        self.hint_per_batch = hint;
        self
    }

    /// Sets memory for all entries aside first, so that a batch is not added in part because
    /// there is none. Range deletions and folded operands take theirs elsewhere.
    pub fn reserve(mut self, reserve: bool) -> Self {
        self.reserve = reserve;
        self
    }

    /// As [`Writer::fold_with`].
    pub fn fold_with(mut self, visibility: &'v dyn Visibility) -> Self {
        self.fold_with = Some(visibility);
        self
    }

    /// Adds the entries of `batch`, in their order, each with the next sequence number. In a
    /// table whose keys have timestamps a deletion becomes a
    /// [`DELETION_WITH_TIMESTAMP`](Kind::DELETION_WITH_TIMESTAMP).
    ///
    /// Each table is entered once, and its counters change at the end. O(n log m) for `n`
    /// entries in tables of `m`.
    ///
    /// # Errors
    ///
    /// An [`InsertError`], before anything is added:
    /// [`Error::UnknownColumnFamily`]; [`Error::SequenceTooLarge`] where the last entry's number
    /// would be; [`Error::Sealed`], [`Error::Busy`], [`Error::OutOfMemory`] as for
    /// [`MemTable::writer`]; [`Error::InvalidTimestamp`], [`Error::InvertedRange`],
    /// [`Error::EntryTooLarge`] as for [`Writer::add`]; with [`reserve`](Self::reserve) also
    /// [`Error::Full`]. After some entries were added: [`Error::Duplicate`], [`Error::Full`],
    /// [`Error::OutOfMemory`]. What was added stays.
    pub fn insert<'t, 'b, T>(
        &self,
        batch: impl Into<WriteBatchRef<'b>>,
        tables: &'t T,
    ) -> Result<Inserted, InsertError>
    where
        T: ColumnFamilyMemTables + ?Sized,
        'v: 't,
    {
        let batch = batch.into();
        let mut done = Inserted {
            next_sequence: batch.sequence(),
            ..Inserted::default()
        };
        match self.enter(batch, tables) {
            Ok(mut targets) => targets.insert(batch, &mut done),
            Err(error) => Err(error),
        }
        .map_err(|error| InsertError { done, error })?;
        Ok(done)
    }

    /// Checks all entries, and enters all tables.
    fn enter<'t, T>(
        &self,
        batch: WriteBatchRef<'_>,
        tables: &'t T,
    ) -> Result<Targets<'t, T::Comparator, T::Rep>, Error>
    where
        T: ColumnFamilyMemTables + ?Sized,
        'v: 't,
    {
        let last = batch.sequence() + u64::from(batch.count().max(1) - 1);
        if last > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge { sequence: last });
        }
        let mut targets = Targets {
            families: SmallVec::new(),
            targets: SmallVec::new(),
            hints: Vec::new(),
        };
        let mut near = 0;
        for (entry, sequence) in entries(batch) {
            let family = match targets.family(&mut near, entry.column_family) {
                Some(family) => family,
                None => self.meet(&mut targets, tables, entry.column_family)?,
            };
            let Some(index) = family.target else { continue };
            let target = &mut targets.targets[index];
            let bytes = target
                .table
                .check(&versioned::<T::Comparator>(&entry, sequence))?;
            target.bytes = target.bytes.saturating_add(bytes);
        }
        if self.reserve {
            for target in &mut targets.targets {
                target.writer.reserve(target.bytes)?;
            }
        }
        if self.hint_per_batch {
            let count = targets.targets.len();
            make_room(&mut targets.hints, count)?;
            targets.hints.resize(count, Hint::new());
        }
        Ok(targets)
    }

    /// Looks up a column family that the batch did not name before, and enters its table if
    /// that is new, too.
    fn meet<'t, T>(
        &self,
        targets: &mut Targets<'t, T::Comparator, T::Rep>,
        tables: &'t T,
        id: u32,
    ) -> Result<Family, Error>
    where
        T: ColumnFamilyMemTables + ?Sized,
        'v: 't,
    {
        let target = match tables.table(id) {
            Some(table) => Some(self.target(targets, table)?),
            None if self.ignore_missing_column_families => None,
            None => return Err(Error::UnknownColumnFamily { id }),
        };
        let family = Family { id, target };
        let at = targets.families.partition_point(|family| family.id < id);
        reserve_one(&mut targets.families)?;
        targets.families.insert(at, family);
        Ok(family)
    }

    /// Enters a table, unless it was entered as that of another column family.
    fn target<'t, C: Comparator, R: MemTableRep<Comparator = C>>(
        &self,
        targets: &mut Targets<'t, C, R>,
        table: &'t MemTable<C, R>,
    ) -> Result<usize, Error>
    where
        'v: 't,
    {
        let same = |target: &Target<'_, C, R>| target.table.id() == table.id();
        if let Some(index) = targets.targets.iter().position(same) {
            return Ok(index);
        }
        reserve_one(&mut targets.targets)?;
        let mut writer = match self.exclusive {
            true => table.exclusive_writer()?,
            false => table.writer()?,
        };
        if let Some(visibility) = self.fold_with {
            writer.fold_with(visibility);
        }
        targets.targets.push(Target {
            table,
            writer,
            bytes: 0,
        });
        Ok(targets.targets.len() - 1)
    }
}

impl fmt::Debug for BatchInserter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchInserter")
            .field("exclusive", &self.exclusive)
            .field(
                "ignore_missing_column_families",
                &self.ignore_missing_column_families,
            )
            .field("hint_per_batch", &self.hint_per_batch)
            .field("reserve", &self.reserve)
            .finish_non_exhaustive()
    }
}

/// A column family that the batch names.
#[derive(Debug, Clone, Copy)]
struct Family {
    id: u32,
    /// Which of the tables is its own; `None` for one that is ignored.
    target: Option<usize>,
}

/// A table that was entered.
struct Target<'t, C: Comparator, R: MemTableRep<Comparator = C>> {
    table: &'t MemTable<C, R>,
    writer: Writer<'t, C, R>,
    /// The most that the batch's entries can take.
    bytes: usize,
}

/// The tables of a batch.
struct Targets<'t, C: Comparator, R: MemTableRep<Comparator = C>> {
    /// In ascending order.
    families: SmallVec<[Family; 4]>,
    targets: SmallVec<[Target<'t, C, R>; 1]>,
    /// One for each table, or none at all.
    hints: Vec<Hint>,
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Targets<'_, C, R> {
    /// A column family that was met before; `near` is where the last one was.
    #[inline]
    fn family(&self, near: &mut usize, id: u32) -> Option<Family> {
        if self
            .families
            .get(*near)
            .is_some_and(|family| family.id == id)
        {
            return Some(self.families[*near]);
        }
        let found = self.families.binary_search_by_key(&id, |family| family.id);
        *near = found.ok()?;
        Some(self.families[*near])
    }

    /// Adds the entries, each to its table, in their order.
    fn insert(&mut self, batch: WriteBatchRef<'_>, done: &mut Inserted) -> Result<(), Error> {
        let mut group: SmallVec<[EntryRef<'_>; GROUP]> = SmallVec::new();
        let (mut near, mut current) = (0, 0);
        for (entry, sequence) in entries(batch) {
            let target = self
                .family(&mut near, entry.column_family)
                .and_then(|family| family.target);
            let full = group.len() == GROUP;
            // A range deletion goes by itself, since a group with one is added entry by entry.
            if full || target != Some(current) || entry.kind == Kind::RANGE_DELETION {
                self.add(current, &group, done)?;
                group.clear();
            }
            let Some(target) = target else {
                done.ignored += 1;
                done.next_sequence += 1;
                continue;
            };
            current = target;
            let entry = versioned::<C>(&entry, sequence);
            group.push(entry);
            if entry.kind == Kind::RANGE_DELETION {
                self.add(current, &group, done)?;
                group.clear();
            }
        }
        self.add(current, &group, done)
    }

    /// Adds entries of one table.
    fn add(
        &mut self,
        target: usize,
        entries: &[EntryRef<'_>],
        done: &mut Inserted,
    ) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(()); // perhaps there is no table at all
        }
        let writer = &mut self.targets[target].writer;
        let added = match (self.hints.get_mut(target), entries) {
            (Some(hint), _) => add_near(writer, hint, entries),
            (None, [only]) => writer
                .add(only.sequence, only.kind, only.user_key, only.value)
                .map_err(|error| BatchError { added: 0, error }),
            (None, _) => writer.add_batch(entries),
        };
        let (added, result) = match added {
            Ok(()) => (entries.len(), Ok(())),
            Err(BatchError { added, error }) => (added, Err(error)),
        };
        done.added += added as u32;
        done.next_sequence += added as u64;
        result
    }
}

fn add_near<C: Comparator, R: MemTableRep<Comparator = C>>(
    writer: &mut Writer<'_, C, R>,
    hint: &mut Hint,
    entries: &[EntryRef<'_>],
) -> Result<(), BatchError> {
    for (added, entry) in entries.iter().enumerate() {
        writer
            .add_with_hint(
                hint,
                entry.sequence,
                entry.kind,
                entry.user_key,
                entry.value,
            )
            .map_err(|error| BatchError { added, error })?;
    }
    Ok(())
}

/// The entries of a batch with their sequence numbers. The caller has made sure that the
/// numbers fit.
fn entries(batch: WriteBatchRef<'_>) -> impl Iterator<Item = (BatchEntry<'_>, SequenceNumber)> {
    let entries = batch.records().filter_map(|record| match record {
        Record::Entry(entry) => Some(entry),
        _ => None,
    });
    entries.zip(batch.sequence()..)
}

/// An entry as a table has it.
#[inline]
fn versioned<'b, C: Comparator>(entry: &BatchEntry<'b>, sequence: SequenceNumber) -> EntryRef<'b> {
    let kind = match entry.kind {
        Kind::DELETION if C::TIMESTAMP_LEN > 0 => Kind::DELETION_WITH_TIMESTAMP,
        kind => kind,
    };
    EntryRef {
        user_key: entry.user_key,
        sequence,
        kind,
        value: entry.value,
    }
}

fn reserve_one<T, const N: usize>(list: &mut SmallVec<[T; N]>) -> Result<(), Error> {
    list.try_reserve(1).map_err(|_| Error::OutOfMemory {
        requested: size_of::<T>(),
    })
}

fn make_room<T>(list: &mut Vec<T>, more: usize) -> Result<(), Error> {
    list.try_reserve(more).map_err(|_| Error::OutOfMemory {
        requested: more.saturating_mul(size_of::<T>()),
    })
}
