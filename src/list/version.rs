//! What a reader sees of a list: one active table, immutable ones, and the engine's files.

use core::fmt;

use super::table::{Immutable, Sight};
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator};
use crate::lookup::{Lookup, MergeBase};
use crate::memtable::MemTable;
use crate::merge::{MergeOperator, Merged, Merger};
use crate::rep::{MemTableRep, SkipListRep};
use crate::sync::Arc;

/// The tables of a list at one time, which never changes: who holds it reads on, whatever is
/// switched, flushed and dropped meanwhile.
///
/// Each entry that was written by then is in exactly one place: the active table, one of the
/// immutable ones, or the files (SPEC L7).
pub struct Version<F, C: Comparator = BytewiseComparator, R = SkipListRep<C>> {
    pub(super) generation: u64,
    pub(super) active: Arc<MemTable<C, R>>,
    /// The newest first.
    pub(super) immutables: Vec<Immutable<C, R>>,
    /// What was flushed and is kept for a while, the newest first.
    pub(super) history: Vec<Immutable<C, R>>,
    pub(super) files: Arc<F>,
}

impl<F, C: Comparator, R: MemTableRep<Comparator = C>> Version<F, C, R> {
    /// Counts up with each change of the list; 0 is that of a new one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The table that writers add to, unless it was switched since.
    #[must_use]
    pub fn active(&self) -> &Arc<MemTable<C, R>> {
        &self.active
    }

    /// The tables that wait to be flushed, or are being flushed, the newest first.
    #[must_use]
    pub fn immutables(&self) -> &[Immutable<C, R>] {
        &self.immutables
    }

    /// Tables whose entries are in the files as well, the newest first.
    #[must_use]
    pub fn history(&self) -> &[Immutable<C, R>] {
        &self.history
    }

    /// What the engine knows of its files.
    #[must_use]
    pub fn files(&self) -> &Arc<F> {
        &self.files
    }

    /// What the tables say of `user_key`: as [`MemTable::get`] of one that had all of their
    /// entries. The files may know more if the answer is [`Lookup::NotFound`], or a merge whose
    /// base is [`MergeBase::Missing`]. O(tables · log n).
    ///
    /// # Errors
    ///
    /// As for [`MemTable::get`].
    pub fn get<'v>(&'v self, user_key: &[u8], sight: &Sight<'_>) -> Result<Lookup<'v>> {
        let mut answer = read(&self.active, user_key, sight)?;
        for table in &self.immutables {
            if is_settled(&answer) {
                break;
            }
            answer = below(answer, table.get(user_key, sight)?)?;
        }
        Ok(answer)
    }

    /// As [`get`](Self::get), with the operands folded as far as they go.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), and those of [`Merger::add`].
    pub fn get_merged<'v>(
        &'v self,
        user_key: &[u8],
        sight: &Sight<'_>,
        operator: &(impl MergeOperator + ?Sized),
    ) -> Result<Merged<'v>> {
        let mut merger = Merger::new(user_key, operator);
        merger.add(read(&self.active, user_key, sight)?)?;
        for table in &self.immutables {
            if !merger.needs_older() {
                break;
            }
            merger.add(table.get(user_key, sight)?)?;
        }
        merger.so_far()
    }

    /// What the tables in the history say of `user_key` (SPEC L3): with the others, enough to see
    /// that a key was not written since some sequence number, without reading a file.
    ///
    /// # Errors
    ///
    /// As for [`MemTable::get`].
    pub fn get_from_history<'v>(
        &'v self,
        user_key: &[u8],
        sight: &Sight<'_>,
    ) -> Result<Lookup<'v>> {
        let mut answer = Lookup::NotFound;
        for table in &self.history {
            if is_settled(&answer) {
                break;
            }
            answer = below(answer, table.get(user_key, sight)?)?;
        }
        Ok(answer)
    }
}

impl<F, C: Comparator, R: MemTableRep<Comparator = C>> Version<F, C, R> {
    /// Drops the oldest tables of the history that the bytes to keep do not reach back to. Says
    /// whether there were any.
    pub(super) fn trim(&mut self, most: u64) -> bool {
        let bytes = |table: &Immutable<C, R>| table.memory_usage().allocated as u64;
        let waiting: u64 = self.immutables.iter().map(bytes).sum();
        let mut all = self.active.memory_usage().allocated as u64 + waiting;
        let mut keep = |table: &Immutable<C, R>| {
            let is_reached = all < most;
            all += bytes(table);
            is_reached
        };
        let kept = self.history.iter().take_while(|table| keep(table)).count();
        let before = self.history.len();
        self.history.truncate(kept);
        kept < before
    }
}

/// What one memtable says.
pub(super) fn read<'t, C: Comparator, R: MemTableRep<Comparator = C>>(
    table: &'t MemTable<C, R>,
    user_key: &[u8],
    sight: &Sight<'_>,
) -> Result<Lookup<'t>> {
    table
        .reader(sight.snapshot)?
        .with_visibility(sight.visibility)
        .at_timestamp(sight.timestamp)
        .get(user_key)
}

/// Whether an older table makes no difference.
fn is_settled(answer: &Lookup<'_>) -> bool {
    match answer {
        Lookup::NotFound => false,
        Lookup::Found { .. } | Lookup::Deleted { .. } => true,
        Lookup::Merge { base, .. } => *base != MergeBase::Missing,
    }
}

/// An answer that is not settled, upon that of the next older table.
fn below<'t>(newer: Lookup<'t>, older: Lookup<'t>) -> Result<Lookup<'t>> {
    let Lookup::Merge {
        mut operands,
        sequence,
        base,
    } = newer
    else {
        return Ok(older);
    };
    let base = match older {
        Lookup::NotFound => base,
        Lookup::Found {
            value,
            sequence,
            kind,
        } => MergeBase::Value {
            value,
            sequence,
            kind,
        },
        Lookup::Deleted { sequence, .. } => MergeBase::Deleted { sequence },
        Lookup::Merge {
            operands: older,
            base,
            ..
        } => {
            let requested = older.len() * size_of::<&[u8]>();
            operands
                .try_reserve(older.len())
                .map_err(|_| Error::OutOfMemory { requested })?;
            operands.extend(older);
            base
        }
    };
    Ok(Lookup::Merge {
        operands,
        sequence,
        base,
    })
}

impl<F, C: Comparator, R: MemTableRep<Comparator = C>> fmt::Debug for Version<F, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |tables: &[Immutable<C, R>]| tables.iter().map(Immutable::id).collect::<Vec<_>>();
        f.debug_struct("Version")
            .field("generation", &self.generation)
            .field("active", &self.active.id())
            .field("immutables", &ids(&self.immutables))
            .field("history", &ids(&self.history))
            .finish_non_exhaustive()
    }
}
