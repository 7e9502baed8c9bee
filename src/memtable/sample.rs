//! What a table tells of a part of it (SPEC G7, S6).

use super::MemTable;
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{Comparator, Timestamp, with_timestamp};
use crate::rep::{Cursor, MemTableRep, ReadRep};
use crate::skiplist::Reservoir;

/// About how much lies in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RangeStats {
    /// Entries, all versions.
    pub entries: u64,
    /// Bytes of their keys and values, and eight for each entry's tag.
    pub bytes: u64,
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// About how many entries, and bytes, lie from `begin` on and before `end`. The count is
    /// exact if there are at most 64; beyond, it is an estimate from the towers, mostly within
    /// a factor of 1.5, at least 64 and at most what the table has. Bytes are the table's average
    /// for so many. O(log n). `begin` and `end` have no timestamps. When there is no memory to
    /// give long ones some, all entries are counted.
    ///
    /// ```
    /// use verimem::{Kind, MemTable};
    ///
    /// let table = MemTable::builder().build()?;
    /// for sequence in 1..=20u8 {
    ///     table.add(sequence.into(), Kind::VALUE, &[sequence], b"value")?;
    /// }
    /// let stats = table.approximate_range(&[5], &[15]);
    /// assert_eq!((stats.entries, stats.bytes), (10, 10 * 14));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    #[must_use]
    pub fn approximate_range(&self, begin: &[u8], end: &[u8]) -> RangeStats {
        let comparator = self.comparator();
        if comparator.compare_without_timestamp(begin, end).is_ge() {
            return RangeStats::default();
        }
        let stats = self.stats();
        let present = stats.entries.saturating_sub(stats.range_deletions);
        let all = present.max(1);
        // Counters lag behind while a writer is inside; what was counted stays.
        let newest = Timestamp::MAX;
        let count = with_timestamp(comparator, begin, newest, |begin| {
            with_timestamp(comparator, end, newest, |end| {
                Ok(ReadRep::count_between(&self.rep, begin, end))
            })
        });
        let entries = count.unwrap_or(present).min(all.max(COUNTED));
        let bytes = u128::from(stats.data_size) * u128::from(entries) / u128::from(all);
        RangeStats {
            entries,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    }

    /// So many different entries at random, or all if there are no more, in their order;
    /// every entry about as likely as any other. O(n) if a good part of the table is asked
    /// for, otherwise O(log n) for each.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`]; [`Error::Corruption`] when a checksum differs.
    pub fn sample(&self, count: usize) -> Result<Vec<EntryRef<'_>>> {
        let stats = self.stats();
        let all = stats.entries.saturating_sub(stats.range_deletions);
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        let count = count.min(all);
        let mut sample = Vec::new();
        sample
            .try_reserve_exact(count)
            .map_err(|_| Error::OutOfMemory {
                requested: count.saturating_mul(size_of::<EntryRef<'_>>()),
            })?;
        if count.saturating_mul(FEW) < all {
            for position in ReadRep::sample(&self.rep, count)? {
                // SAFETY: the position came from this list.
                sample.push(unsafe { self.rep.entry(position) }?);
            }
        }
        // Fewer can be found where heights are no chance.
        if sample.len() < count {
            sample.clear();
            sample.extend(self.pick(count)?.chosen());
        }
        Ok(sample)
    }

    /// Picks entries in one pass.
    fn pick(&self, count: usize) -> Result<Reservoir<EntryRef<'_>>> {
        let mut reservoir = Reservoir::new(count)?;
        let mut cursor = Cursor::new(&self.rep);
        cursor.seek_to_first();
        while let Some(entry) = cursor.entry_ref()? {
            reservoir.offer(entry);
            cursor.next();
        }
        Ok(reservoir)
    }
}

/// Ranges of up to so many entries are counted, not estimated.
const COUNTED: u64 = 64;
/// Sampling pays where less than one in so many entries is asked for.
const FEW: usize = 32;
