//! The range deletions that a table has acknowledged.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::plan::Rank;

/// Range deletions that one table can record, far above [`ENOUGH`]: writers that
/// are under way do not look again.
const ROOM: usize = 1 << 13;
/// Range deletions after which a table takes no more writes.
const ENOUGH: usize = ROOM / 2;

const RANK_BITS: u32 = 16;
const RANK_MASK: u64 = (1 << RANK_BITS) - 1;

/// A list that only grows, read without a lock: a lock would order the threads.
///
/// Each range deletion is one word: its number from the table's first on, one more
/// than which is never 0, and the ranks where it begins and ends.
pub struct Deletions {
    words: Box<[AtomicU64]>,
    taken: AtomicUsize,
}

impl Deletions {
    /// An empty list.
    pub fn new() -> Self {
        Self {
            words: (0..ROOM).map(|_| AtomicU64::new(0)).collect(),
            taken: AtomicUsize::new(0),
        }
    }

    /// Whether there is room for those of another batch.
    pub fn fits(&self) -> bool {
        self.len() < ENOUGH
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Records one; `offset` is its number from the table's first on.
    pub fn push(&self, offset: u64, range: &Range<Rank>) {
        let word = (offset + 1) << (2 * RANK_BITS)
            | u64::from(range.start) << RANK_BITS
            | u64::from(range.end);
        let place = self.taken.fetch_add(1, Ordering::Relaxed);
        // Release: whoever sees the record has to see the range deletion.
        self.words[place].store(word, Ordering::Release);
    }

    /// Those that cover a key, in no order.
    pub fn covering(&self, rank: Rank) -> impl Iterator<Item = u64> + '_ {
        self.all()
            .filter(move |(_, range)| range.contains(&rank))
            .map(|(offset, _)| offset)
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = (u64, Range<Rank>)> + '_ {
        let words = self.words[..self.len().min(ROOM)].iter();
        words
            .map(|word| word.load(Ordering::Acquire))
            .filter(|word| *word != 0)
            .map(|word| {
                let rank = |shift| (word >> shift & RANK_MASK) as Rank;
                ((word >> (2 * RANK_BITS)) - 1, rank(RANK_BITS)..rank(0))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::KEYS;
    use super::*;

    #[test]
    fn d1_ranges_are_remembered() {
        let deletions = Deletions::new();
        let last = KEYS as Rank;
        for (offset, range) in [(0, 3..5), (u64::from(u16::MAX) * 4, 0..last), (7, 4..4)] {
            deletions.push(offset, &range);
        }
        assert!(deletions.covering(3).eq([0, 262_140]));
        assert!(deletions.covering(5).eq([262_140]));
        assert_eq!((deletions.len(), deletions.all().count()), (3, 3));
    }

    #[test]
    fn d1_a_full_list_says_so_in_time() {
        let deletions = Deletions::new();
        for offset in 0..ENOUGH as u64 {
            assert!(deletions.fits());
            deletions.push(offset, &(0..1));
        }
        assert!(!deletions.fits());
    }
}
