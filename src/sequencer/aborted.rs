//! Ranges of sequence numbers that were reserved and never committed.

use core::ops::RangeInclusive;

use crate::key::SequenceNumber;
use crate::sync::{Arc, AtomicUsize, Mutex, ord};

/// Ascending, disjoint.
pub(super) type Ranges = Arc<Vec<RangeInclusive<SequenceNumber>>>;

/// The ranges that were aborted, and are not forgotten.
#[derive(Debug)]
pub(super) struct Aborted {
    /// How many there are: in all but broken engines, none.
    count: AtomicUsize,
    ranges: Mutex<Option<Ranges>>,
}

impl Aborted {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicUsize::new(0),
            ranges: Mutex::new(None),
        }
    }

    /// Adds a range, before it is published.
    pub(super) fn add(&self, first: SequenceNumber, last: SequenceNumber) {
        self.change(|ranges| {
            let at = ranges.partition_point(|range| range.end() < &first);
            ranges.insert(at, first..=last);
        });
    }

    /// Forgets ranges that end before `oldest`.
    pub(super) fn forget(&self, oldest: SequenceNumber) {
        self.change(|ranges| ranges.retain(|range| range.end() >= &oldest));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<RangeInclusive<SequenceNumber>>)) {
        let mut guard = self.ranges.lock();
        let mut ranges = guard.as_deref().cloned().unwrap_or_default();
        change(&mut ranges);
        self.count
            .store(ranges.len(), ord!(SEQUENCER_ABORTED_STORE, Relaxed));
        *guard = Some(Arc::new(ranges));
    }

    /// All ranges that were aborted before what the caller has acquired was
    /// published; `None` if there are none.
    pub(super) fn ranges(&self) -> Option<Ranges> {
        match self.count.load(ord!(SEQUENCER_ABORTED_LOAD, Relaxed)) {
            0 => None,
            _ => self.ranges.lock().clone(),
        }
    }
}
