//! Which sequence numbers a table has acknowledged, and what became of them.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::deletions::Deletions;
use super::plan::Rank;
use crate::rep::Rep;

/// Sequence numbers that one table can record; must be well above the clock's
/// window, so that a fresh table has room for every number under way.
pub const SPAN: u64 = 1 << 18;

/// A set of sequence numbers, from the table's first on.
struct Bits(Box<[AtomicU64]>);

impl Bits {
    fn new() -> Self {
        Self((0..SPAN / 64).map(|_| AtomicU64::new(0)).collect())
    }

    fn set(&self, offset: u64) {
        // Release: whoever sees the mark has to see what it stands for.
        self.0[(offset / 64) as usize].fetch_or(1 << (offset % 64), Ordering::Release);
    }

    fn get(&self, offset: u64) -> bool {
        offset < SPAN
            && self.0[(offset / 64) as usize].load(Ordering::Acquire) >> (offset % 64) & 1 == 1
    }
}

/// The record of one table, kept apart from it so that the table can be
/// dropped while the record is still in use.
pub struct Ledger {
    /// The how-manieth table of the run.
    pub number: u64,
    /// What the table stands on.
    pub rep: Rep,
    /// No smaller sequence number can be in the table.
    pub first: u64,
    /// Entries after which the table is rotated out.
    pub limit: u64,
    /// Operands that may lie upon each other before they are folded on writing;
    /// 0 for a table that never does that.
    pub folds: usize,
    /// Set when the run gave the table up; owned iterators may still read it.
    pub dropped: AtomicBool,
    /// Set before the table is sealed: from here on it may refuse writes.
    pub sealing: AtomicBool,
    /// No sequence number from this one on can be in the table; set at seal.
    pub end: OnceLock<u64>,
    members: Bits,
    deletions: Deletions,
    aborted: Bits,
    folded: Bits,
    /// First numbers of the batches that folded something.
    starts: Bits,
    count: AtomicU64,
}

/// The table's number, and what it stands on.
impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.rep.name())
    }
}

impl Ledger {
    /// An empty record.
    pub fn new(number: u64, rep: Rep, first: u64, limit: u64, folds: usize) -> Self {
        Self {
            number,
            rep,
            first,
            limit,
            folds,
            dropped: AtomicBool::new(false),
            sealing: AtomicBool::new(false),
            end: OnceLock::new(),
            members: Bits::new(),
            deletions: Deletions::new(),
            aborted: Bits::new(),
            folded: Bits::new(),
            starts: Bits::new(),
            count: AtomicU64::new(0),
        }
    }

    /// Whether the record has room for the sequence number.
    pub fn fits(&self, sequence: u64) -> bool {
        sequence >= self.first && sequence - self.first < SPAN && self.deletions.fits()
    }

    /// Records that the table acknowledged the entry with this number.
    pub fn acknowledge(&self, sequence: u64) {
        self.members.set(sequence - self.first);
        // Relaxed: only decides when to rotate.
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the table acknowledged a range deletion. An empty one leaves
    /// nothing behind.
    pub fn acknowledge_range(&self, sequence: u64, range: &Range<Rank>) {
        if !range.is_empty() {
            self.deletions.push(sequence - self.first, range);
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records that the entry, an operand, is in the table as a value, folded by a
    /// batch that begins with `batch`.
    pub fn fold(&self, sequence: u64, batch: u64) {
        self.starts.set(batch - self.first);
        self.folded.set(sequence - self.first);
    }

    /// Records that the batch of this number was aborted.
    pub fn abort(&self, sequence: u64) {
        self.aborted.set(sequence - self.first);
    }

    /// Whether the table has acknowledged an entry with this number.
    pub fn contains(&self, sequence: u64) -> bool {
        self.members.get(sequence.wrapping_sub(self.first))
    }

    /// Whether the batch of this number was aborted.
    pub fn aborted(&self, sequence: u64) -> bool {
        self.aborted.get(sequence.wrapping_sub(self.first))
    }

    /// The first number of the batch that folded this operand, if one did.
    pub fn folded(&self, sequence: u64) -> Option<u64> {
        if !self.folded.get(sequence.wrapping_sub(self.first)) {
            return None;
        }
        (self.first..=sequence)
            .rev()
            .find(|start| self.starts.get(start - self.first))
    }

    /// Acknowledged range deletions that cover a key, in no order.
    pub fn covering(&self, rank: Rank) -> impl Iterator<Item = u64> + '_ {
        self.deletions
            .covering(rank)
            .map(|offset| self.first + offset)
    }

    /// Acknowledged range deletions, in no order.
    pub fn deletions(&self) -> impl Iterator<Item = (u64, Range<Rank>)> + '_ {
        self.deletions
            .all()
            .map(|(offset, range)| (self.first + offset, range))
    }

    /// Entries and range deletions acknowledged so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Every entry's sequence number, ascending.
    pub fn members(&self) -> impl Iterator<Item = u64> + '_ {
        (self.first..self.first + SPAN).filter(|sequence| self.contains(*sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_exactly_what_was_acknowledged() {
        let ledger = Ledger::new(0, Rep::Skiplist, 1000, 10, 0);
        for sequence in [1000, 1063, 1064, 1000 + SPAN - 1] {
            assert!(ledger.fits(sequence) && !ledger.contains(sequence));
            ledger.acknowledge(sequence);
        }
        ledger.acknowledge_range(1001, &(2..4));
        ledger.acknowledge_range(1002, &(4..4));
        assert_eq!(
            ledger.members().collect::<Vec<_>>(),
            [1000, 1063, 1064, 1000 + SPAN - 1]
        );
        assert!(ledger.deletions().eq([(1001, 2..4)]));
        assert!(ledger.covering(3).eq([1001]) && ledger.covering(4).next().is_none());
        assert_eq!(ledger.count(), 5);
        assert!(!ledger.fits(999) && !ledger.fits(1000 + SPAN) && !ledger.contains(5));
    }

    #[test]
    fn remembers_what_became_of_it() {
        let ledger = Ledger::new(0, Rep::Skiplist, 1000, 10, 2);
        ledger.fold(1005, 1003);
        ledger.fold(1011, 1010);
        ledger.abort(1011);
        let folded = [1003, 1005, 1010, 1011].map(|one| ledger.folded(one));
        assert_eq!(folded, [None, Some(1003), None, Some(1010)]);
        assert!(ledger.aborted(1011) && !ledger.aborted(1010) && !ledger.aborted(7));
    }
}
