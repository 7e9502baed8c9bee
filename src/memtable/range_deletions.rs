//! Deleting ranges of keys.

use core::ops::RangeInclusive;

use super::MemTable;
use crate::error::Result;
use crate::key::{Comparator, SequenceNumber, Timestamp};
use crate::rep::MemTableRep;
use crate::tombstones::{Fragment, Part, RangeDeletions};

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// Deletes all keys from `begin` on and before `end`, as of `sequence` (SPEC D1): a
    /// concurrent batch of one. Nothing happens if the two are equal. O(log n) on average,
    /// and linear in the number of range deletions at times.
    ///
    /// ```
    /// use verimem::{Kind, Lookup, MemTable};
    ///
    /// let table = MemTable::builder().build()?;
    /// table.add(1, Kind::VALUE, b"b", b"old")?;
    /// table.delete_range(2, b"a", b"c")?;
    /// table.add(3, Kind::VALUE, b"b", b"new")?;
    /// assert!(matches!(table.get(b"b", 1)?, Lookup::Found { value: b"old", .. }));
    /// assert!(matches!(table.get(b"b", 2)?, Lookup::Deleted { sequence: 2, .. }));
    /// assert!(matches!(table.get(b"b", 3)?, Lookup::Found { value: b"new", .. }));
    /// assert!(matches!(table.get(b"a", 3)?, Lookup::Deleted { sequence: 2, .. }));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Writer::delete_range`](super::Writer::delete_range) and [`writer`](Self::writer).
    pub fn delete_range(&self, sequence: SequenceNumber, begin: &[u8], end: &[u8]) -> Result<()> {
        self.writer()?.delete_range(sequence, begin, end)
    }

    /// All range deletions as they were added, by where they begin, of one place the newest first:
    /// they may overlap. O(n log n).
    ///
    /// ```
    /// use verimem::MemTable;
    ///
    /// let table = MemTable::builder().build()?;
    /// table.delete_range(1, b"a", b"m")?;
    /// table.delete_range(2, b"a", b"e")?;
    /// let all = table.all_range_deletions()?;
    /// let found: Vec<_> = all.iter().map(|one| (one.begin, one.end, one.sequence)).collect();
    /// assert_eq!(found, [(&b"a"[..], &b"e"[..], 2), (b"a", b"m", 1)]);
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn all_range_deletions(&self) -> Result<Vec<Fragment<'_>>> {
        self.tombstones.singles(self.comparator())
    }

    /// What is deleted by the range deletions with such sequence numbers, as ascending
    /// fragments that do not overlap, each with the newest of them that covers it
    /// (SPEC D2). A flush asks once for each stripe between two snapshots. O(n).
    ///
    /// ```
    /// use verimem::MemTable;
    ///
    /// let table = MemTable::builder().build()?;
    /// table.delete_range(1, b"a", b"m")?;
    /// table.delete_range(2, b"c", b"e")?;
    /// let fragments = table.range_deletions(0..=9)?;
    /// let found: Vec<_> = fragments.iter().map(|one| (one.begin, one.end, one.sequence)).collect();
    /// assert_eq!(found, [(&b"a"[..], &b"c"[..], 1), (b"c", b"e", 2), (b"e", b"m", 1)]);
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn range_deletions(
        &self,
        sequences: RangeInclusive<SequenceNumber>,
    ) -> Result<RangeDeletions<'_, C>> {
        self.range_deletions_at(sequences, 0..=Timestamp::MAX)
    }

    /// As [`range_deletions`](Self::range_deletions), only by those with such timestamps
    /// (SPEC E9): a flush asks once for each stretch of time within which no reader will
    /// tell them apart. The keys of the fragments have no timestamps.
    ///
    /// ```
    /// use verimem::{MemTable, TimestampedComparator};
    ///
    /// let table = MemTable::with_comparator(TimestampedComparator::bytewise()?).build()?;
    /// let at = |key: u8, timestamp: u64| [&[key][..], &timestamp.to_le_bytes()].concat();
    /// table.delete_range(1, &at(b'a', 10), &at(b'm', 10))?;
    /// table.delete_range(2, &at(b'c', 20), &at(b'e', 20))?;
    /// let newer = table.range_deletions_at(0..=9, 11..=20)?;
    /// assert_eq!((newer[0].begin, newer[0].end, newer[0].timestamp), (&b"c"[..], &b"e"[..], 20));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`range_deletions`](Self::range_deletions).
    pub fn range_deletions_at(
        &self,
        sequences: RangeInclusive<SequenceNumber>,
        timestamps: RangeInclusive<Timestamp>,
    ) -> Result<RangeDeletions<'_, C>> {
        let comparator = self.comparator();
        let part = Part {
            sequences,
            timestamps,
        };
        let fragments = self.tombstones.fragments(comparator, &part)?;
        Ok(RangeDeletions::new(fragments, comparator))
    }
}
