//! Tables that are only read: sealed memtables, and an engine's own (SPEC L0).

use core::fmt;

use crate::arena::ArenaUsage;
use crate::entry::EntryRef;
use crate::error::Result;
use crate::key::{BytewiseComparator, Comparator, SequenceNumber, Timestamp};
use crate::lookup::Lookup;
use crate::memtable::{MemTable, Stats};
use crate::rep::{Cursor, Handle, MemTableRep, SkipListRep};
use crate::sync::Arc;
use crate::tombstones::{self, Fragment};
use crate::visibility::{Everything, Visibility};

/// What a read of a table may see.
#[derive(Clone, Copy)]
pub struct Sight<'v> {
    /// The snapshot.
    pub snapshot: SequenceNumber,
    /// The newest timestamp, where keys have timestamps.
    pub timestamp: Timestamp,
    /// What the snapshot includes and is to be hidden all the same.
    pub visibility: &'v dyn Visibility,
}

impl fmt::Debug for Sight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sight")
            .field("snapshot", &self.snapshot)
            .field("timestamp", &self.timestamp)
            .finish_non_exhaustive()
    }
}

/// A table that nothing is added to any more, which an engine puts beside the sealed ones: a
/// large batch that has an index, for example, which RocksDB takes in without copying it.
///
/// All of its sequence numbers are larger than those of the tables that were sealed before it is
/// put in, and smaller than those of later entries.
pub trait ReadOnlyTable: Send + Sync {
    /// A number that no other table of the process has, as from
    /// [`MemTable::id`](crate::MemTable::id) of a table that stays empty.
    fn id(&self) -> u64;

    /// What the table says of a user key, as [`MemTable::get`](crate::MemTable::get) does.
    ///
    /// # Errors
    ///
    /// As for [`MemTable::get`](crate::MemTable::get).
    fn get(&self, user_key: &[u8], sight: &Sight<'_>) -> Result<Lookup<'_>>;

    /// Its entries, at none at first.
    fn entries(&self) -> Box<dyn Entries + '_>;

    /// The newest visible range deletion that covers a user key: 0 or `None` if there is none.
    /// Only asked where keys have no timestamps.
    fn covering(&self, _user_key: &[u8], _sight: &Sight<'_>) -> Option<SequenceNumber> {
        None
    }

    /// All range deletions, as [`MemTable::all_range_deletions`](crate::MemTable::all_range_deletions) has them.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn all_range_deletions(&self) -> Result<Vec<Fragment<'_>>> {
        Ok(Vec::new())
    }

    /// What was written to it.
    fn stats(&self) -> Stats;

    /// What it takes.
    fn memory_usage(&self) -> ArenaUsage;
}

/// Entries of a table in the order of internal keys, one after the other.
pub trait Entries {
    /// Goes to the first entry.
    fn seek_to_first(&mut self);

    /// Goes to the next entry, or past the end.
    fn next(&mut self);

    /// The entry, or `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`](crate::Error::Corruption).
    fn entry(&self) -> Result<Option<EntryRef<'_>>>;
}

impl<H: Handle> Entries for Cursor<H> {
    fn seek_to_first(&mut self) {
        Self::seek_to_first(self);
    }

    fn next(&mut self) {
        Self::next(self);
    }

    fn entry(&self) -> Result<Option<EntryRef<'_>>> {
        Self::entry(self)
    }
}

/// The entries of one table. Those of memtables are read without a call through a pointer.
pub(super) enum Source<'t, C: Comparator, R: MemTableRep<Comparator = C>> {
    MemTable(Cursor<&'t MemTable<C, R>>),
    Other(Box<dyn Entries + 't>),
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Source<'_, C, R> {
    pub(super) fn seek_to_first(&mut self) {
        match self {
            Self::MemTable(cursor) => cursor.seek_to_first(),
            Self::Other(entries) => entries.seek_to_first(),
        }
    }

    pub(super) fn next(&mut self) {
        match self {
            Self::MemTable(cursor) => cursor.next(),
            Self::Other(entries) => entries.next(),
        }
    }

    pub(super) fn entry(&self) -> Result<Option<EntryRef<'_>>> {
        match self {
            Self::MemTable(cursor) => cursor.entry(),
            Self::Other(entries) => entries.entry(),
        }
    }
}

/// A table that nothing is added to any more.
pub enum Immutable<C: Comparator = BytewiseComparator, R = SkipListRep<C>> {
    /// A sealed memtable.
    MemTable(Arc<MemTable<C, R>>),
    /// One of the engine's own.
    Other(Arc<dyn ReadOnlyTable>),
}

impl<C: Comparator, R> Clone for Immutable<C, R> {
    fn clone(&self) -> Self {
        match self {
            Self::MemTable(table) => Self::MemTable(Arc::clone(table)),
            Self::Other(table) => Self::Other(Arc::clone(table)),
        }
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Immutable<C, R> {
    /// The table's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        match self {
            Self::MemTable(table) => table.id(),
            Self::Other(table) => table.id(),
        }
    }

    /// What was written to it; exact.
    #[must_use]
    pub fn stats(&self) -> Stats {
        match self {
            Self::MemTable(table) => table.stats(),
            Self::Other(table) => table.stats(),
        }
    }

    /// What it takes.
    #[must_use]
    pub fn memory_usage(&self) -> ArenaUsage {
        match self {
            Self::MemTable(table) => table.memory_usage(),
            Self::Other(table) => table.memory_usage(),
        }
    }

    /// Its entries, at none at first.
    pub(super) fn entries(&self) -> Source<'_, C, R> {
        match self {
            Self::MemTable(table) => Source::MemTable(table.iter()),
            Self::Other(table) => Source::Other(table.entries()),
        }
    }

    /// The number of the newest visible range deletion that covers a user key, which has no
    /// timestamp.
    pub(super) fn covering(&self, user_key: &[u8], sight: &Sight<'_>) -> Option<SequenceNumber> {
        let table = match self {
            Self::MemTable(table) => table,
            Self::Other(table) => return table.covering(user_key, sight),
        };
        let tombstones = Handle::tombstones(table)?;
        if tombstones.is_empty() {
            return None;
        }
        let sight = tombstones::Sight {
            snapshot: sight.snapshot,
            timestamp: sight.timestamp,
            visibility: &sight.visibility,
        };
        let newest = tombstones.covering(table.comparator(), user_key, &sight);
        newest.map(|version| version.sequence)
    }

    /// All range deletions, by where they begin.
    pub(super) fn all_range_deletions(&self) -> Result<Vec<Fragment<'_>>> {
        match self {
            Self::MemTable(table) => table.all_range_deletions(),
            Self::Other(table) => table.all_range_deletions(),
        }
    }

    /// What it says of a user key.
    ///
    /// # Errors
    ///
    /// As for [`MemTable::get`].
    pub fn get(&self, user_key: &[u8], sight: &Sight<'_>) -> Result<Lookup<'_>> {
        match self {
            Self::MemTable(table) => super::version::read(table, user_key, sight),
            Self::Other(table) => table.get(user_key, sight),
        }
    }
}

impl<'v> Sight<'v> {
    /// All that a snapshot includes.
    #[must_use]
    pub fn at(snapshot: SequenceNumber) -> Self {
        Self {
            snapshot,
            timestamp: Timestamp::MAX,
            visibility: &Everything,
        }
    }
}
