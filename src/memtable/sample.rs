//! What a table tells of a part of it (SPEC G7, S6).

use core::cmp::Ordering;

use super::MemTable;
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::Comparator;
use crate::rep::{Cursor, Representation};
use crate::sync::random_u64;

/// About how much lies in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RangeStats {
    /// Entries, all versions.
    pub entries: u64,
    /// Bytes of their keys and values, and eight for each entry's tag.
    pub bytes: u64,
}

impl<C: Comparator> MemTable<C> {
    /// About how many entries, and bytes, lie from `begin` on and before `end`. The count is
    /// exact if there are at most 64; beyond, it is an estimate from the towers, mostly within
    /// a factor of 2, at least 64 and at most what the table has. Bytes are the table's average
    /// for so many. O(log n).
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
        if self.comparator().compare(begin, end).is_ge() {
            return RangeStats::default();
        }
        let stats = self.stats();
        let all = stats.entries.saturating_sub(stats.range_deletions).max(1);
        // Counters lag behind while a writer is inside; what was counted stays.
        let entries = Representation::count_between(&self.rep, begin, end).min(all.max(COUNTED));
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
        let mut sample = Vec::new();
        let room = count.min(all);
        sample
            .try_reserve_exact(room)
            .map_err(|_| Error::OutOfMemory {
                requested: room.saturating_mul(size_of::<EntryRef<'_>>()),
            })?;
        if count.saturating_mul(FEW) < all {
            self.draw(count, &mut sample)?;
        }
        // Few towers lead to the same entries again and again.
        if sample.len() < room {
            sample.clear();
            self.pick(count, &mut sample)?;
        }
        let comparator = self.comparator();
        heap_sort(&mut sample, |a, b| {
            comparator
                .compare(a.user_key, b.user_key)
                .then_with(|| b.sequence.cmp(&a.sequence))
        });
        Ok(sample)
    }

    /// Draws entries until there are enough different ones, or it took too long.
    fn draw<'t>(&'t self, count: usize, sample: &mut Vec<EntryRef<'t>>) -> Result<()> {
        let place = |entry: &EntryRef<'_>| entry.user_key.as_ptr();
        let mut left = count.saturating_mul(FEW);
        while left > 0 && sample.len() < count {
            while left > 0 && sample.len() < count {
                left -= 1;
                let mut cursor = Cursor::new(&self.rep);
                cursor.seek_random();
                sample.extend(cursor.entry_ref()?);
            }
            // In place: nothing that could fail for want of memory.
            sample.sort_unstable_by_key(place);
            sample.dedup_by_key(|entry| place(entry));
        }
        Ok(())
    }

    /// Picks entries in one pass: Vitter's reservoir (1985).
    fn pick<'t>(&'t self, count: usize, sample: &mut Vec<EntryRef<'t>>) -> Result<()> {
        let mut cursor = Cursor::new(&self.rep);
        cursor.seek_to_first();
        let mut seen = 0u64;
        while let Some(entry) = cursor.entry_ref()? {
            seen += 1;
            if sample.len() < count.min(sample.capacity()) {
                sample.push(entry);
            } else if let Ok(place) = usize::try_from(random_u64() % seen)
                && let Some(place) = sample.get_mut(place)
            {
                *place = entry;
            }
            cursor.next();
        }
        Ok(())
    }
}

/// Ranges of up to so many entries are counted, not estimated.
const COUNTED: u64 = 64;

/// Drawing pays where less than one in so many entries is asked for.
const FEW: usize = 8;

/// Sorts in place, and whatever the order is told to be: the sorts of the standard library
/// may panic over one that contradicts itself.
fn heap_sort<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    for root in (0..items.len() / 2).rev() {
        sift_down(items, root, &compare);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sift_down(&mut items[..end], 0, &compare);
    }
}

/// Brings an item of a heap below all larger ones.
fn sift_down<T>(heap: &mut [T], mut root: usize, compare: &impl Fn(&T, &T) -> Ordering) {
    loop {
        let left = 2 * root + 1;
        let Some(child) = heap.get(left) else { return };
        let right = heap.get(left + 1);
        let larger = left + usize::from(right.is_some_and(|right| compare(child, right).is_lt()));
        if compare(&heap[root], &heap[larger]).is_ge() {
            return;
        }
        heap.swap(root, larger);
        root = larger;
    }
}
