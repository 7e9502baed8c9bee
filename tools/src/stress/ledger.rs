//! Which sequence numbers a table has acknowledged.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Sequence numbers that one table can record; must be well above the clock's
/// window, so that a fresh table has room for every number under way.
pub const SPAN: u64 = 1 << 18;

/// The record of one table, kept apart from it so that the table can be
/// dropped while the record is still in use.
pub struct Ledger {
    /// The how-manieth table of the run.
    pub number: u64,
    /// No smaller sequence number can be in the table.
    pub first: u64,
    /// Entries after which the table is rotated out.
    pub limit: u64,
    /// Set when the run gave the table up; owned iterators may still read it.
    pub dropped: AtomicBool,
    /// Set before the table is sealed: from here on it may refuse writes.
    pub sealing: AtomicBool,
    /// No sequence number from this one on can be in the table; set at seal.
    pub end: OnceLock<u64>,
    members: Box<[AtomicU64]>,
    count: AtomicU64,
}

impl Ledger {
    /// An empty record.
    pub fn new(number: u64, first: u64, limit: u64) -> Self {
        Self {
            number,
            first,
            limit,
            dropped: AtomicBool::new(false),
            sealing: AtomicBool::new(false),
            end: OnceLock::new(),
            members: (0..SPAN / 64).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicU64::new(0),
        }
    }

    /// Whether the record has room for the sequence number.
    pub fn fits(&self, sequence: u64) -> bool {
        sequence >= self.first && sequence - self.first < SPAN
    }

    /// Records that the table acknowledged `sequence`.
    pub fn acknowledge(&self, sequence: u64) {
        let offset = sequence - self.first;
        // Release: whoever sees the mark has to see the entry.
        self.members[(offset / 64) as usize].fetch_or(1 << (offset % 64), Ordering::Release);
        // Relaxed: only decides when to rotate.
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the table has acknowledged `sequence`.
    pub fn contains(&self, sequence: u64) -> bool {
        let offset = sequence.wrapping_sub(self.first);
        offset < SPAN
            && self.members[(offset / 64) as usize].load(Ordering::Acquire) >> (offset % 64) & 1
                == 1
    }

    /// Entries acknowledged so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Every acknowledged sequence number, ascending.
    pub fn members(&self) -> impl Iterator<Item = u64> + '_ {
        (self.first..self.first + SPAN).filter(|sequence| self.contains(*sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_exactly_what_was_acknowledged() {
        let ledger = Ledger::new(0, 1000, 10);
        for sequence in [1000, 1063, 1064, 1000 + SPAN - 1] {
            assert!(ledger.fits(sequence) && !ledger.contains(sequence));
            ledger.acknowledge(sequence);
        }
        assert_eq!(
            ledger.members().collect::<Vec<_>>(),
            [1000, 1063, 1064, 1000 + SPAN - 1]
        );
        assert_eq!(ledger.count(), 4);
        assert!(!ledger.fits(999) && !ledger.fits(1000 + SPAN) && !ledger.contains(5));
    }
}
