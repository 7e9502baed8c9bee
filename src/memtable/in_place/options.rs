//! What a table with updates in place can be told.

use crossbeam_utils::CachePadded;

use super::InPlaceTable;
use super::slot::Slots;
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator};
use crate::memtable::{DuplicatePolicy, MemTableBuilder};
use crate::sync::AtomicU64;

/// Two cores want the same of so many locks rarely.
const LOCKS: usize = 1024;

/// Builds an [`InPlaceTable`]; made by [`MemTableBuilder::in_place`].
///
/// ```
/// use verimem::MemTable;
///
/// let table = MemTable::builder().in_place().locks(64).build()?;
/// assert!(table.is_empty());
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct InPlaceBuilder<C = BytewiseComparator> {
    table: MemTableBuilder<C>,
    locks: usize,
}

impl<C: Comparator> MemTableBuilder<C> {
    /// The same options for a table whose values can be updated where they are
    /// (SPEC W4).
    pub fn in_place(self) -> InPlaceBuilder<C> {
        InPlaceBuilder {
            table: self,
            locks: LOCKS,
        }
    }
}

impl<C: Comparator> InPlaceBuilder<C> {
    /// How many locks values share, 1 to 2^20, rounded up to a power of two. Default 1024:
    /// each has a cache line of its own, or two, which is what threads meet on. RocksDB has
    /// 10,000 (`inplace_update_num_locks`) of 56 bytes, next to one another.
    pub fn locks(mut self, locks: usize) -> Self {
        self.locks = locks;
        self
    }

    /// Makes the table.
    ///
    /// # Errors
    ///
    /// As for [`MemTableBuilder::build`], and [`Error::InvalidOption`] for a number of
    /// locks out of range, and for a duplicate policy other than to refuse or to keep the
    /// first: what is to be overwritten here is updated.
    pub fn build(self) -> Result<InPlaceTable<C>> {
        let Self { mut table, locks } = self;
        let max_successive_merges = table.max_successive_merges;
        if max_successive_merges > 0 && table.merges() {
            // This table's business, since it knows what values are; so are duplicates.
            table.max_successive_merges = 0;
        }
        let duplicates = core::mem::take(&mut table.duplicates);
        let keeps_first = match duplicates {
            DuplicatePolicy::Reject => false,
            DuplicatePolicy::KeepFirst => true,
            DuplicatePolicy::Overwrite => {
                return Err(Error::InvalidOption {
                    option: "duplicates",
                    reason: "a table with updates in place refuses, or keeps the first",
                });
            }
        };
        let slots = Slots::new(locks, table.checksums())?;
        Ok(InPlaceTable {
            table: table.build()?,
            slots,
            max_successive_merges,
            keeps_first,
            resized: CachePadded::new(AtomicU64::new(0)),
        })
    }
}
