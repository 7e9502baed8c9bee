//! Deleting ranges of keys.

use core::ops::RangeInclusive;

use super::MemTable;
use crate::error::Result;
use crate::key::{Comparator, SequenceNumber};
use crate::tombstones::RangeDeletions;

impl<C: Comparator> MemTable<C> {
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

    /// What is deleted by the range deletions with such sequence numbers, as ascending
    /// fragments that do not overlap, each with the newest of the numbers that covers it
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
        let (first, last) = sequences.into_inner();
        let comparator = self.comparator();
        let fragments = self.tombstones.fragments(comparator, first, last)?;
        Ok(RangeDeletions::new(fragments, comparator))
    }
}
