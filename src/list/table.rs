//! Tables that are only read: sealed memtables, and an engine's own (SPEC L0).

use core::fmt;

use crate::arena::ArenaUsage;
use crate::error::Result;
use crate::key::{BytewiseComparator, Comparator, SequenceNumber, Timestamp};
use crate::lookup::Lookup;
use crate::memtable::{MemTable, Stats};
use crate::rep::{MemTableRep, SkipListRep};
use crate::sync::Arc;
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

    /// What was written to it.
    fn stats(&self) -> Stats;

    /// What it takes.
    fn memory_usage(&self) -> ArenaUsage;
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
