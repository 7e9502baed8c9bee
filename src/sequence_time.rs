//! When sequence numbers were current (SPEC C3).

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::key::{MAX_SEQUENCE_NUMBER, SequenceNumber};

/// One sample: at that time, in whatever unit the engine counts, usually seconds, the
/// number was the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceTime {
    /// The newest sequence number.
    pub sequence: SequenceNumber,
    /// The time.
    pub time: u64,
}

/// A ring of samples, from which the age of an entry is told by its sequence number.
///
/// Timed puts use it to choose the number that an entry would have had at an earlier
/// time, and a flush keeps the part that its entries need. The rules are those of
/// RocksDB's `SeqnoToTimeMapping`.
///
/// ```
/// use verimem::SequenceTimes;
///
/// let mut times = SequenceTimes::new(100)?;
/// times.append(10, 1_000)?;
/// times.append(20, 2_000)?;
/// // Number 15 was written after number 10 was the newest, so not before 1000.
/// assert_eq!(times.time_before(15), Some(1_000));
/// // At 1999, number 10 was written for certain.
/// assert_eq!(times.sequence_before(1_999), Some(10));
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SequenceTimes {
    samples: VecDeque<SequenceTime>,
    most: usize,
}

impl SequenceTimes {
    /// An empty ring of at most so many samples: further ones replace the oldest.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for none; [`Error::OutOfMemory`].
    pub fn new(most: usize) -> Result<Self> {
        if most == 0 {
            return Err(Error::InvalidOption {
                option: "most",
                reason: "no samples",
            });
        }
        let mut samples = VecDeque::new();
        samples
            .try_reserve_exact(most)
            .map_err(|_| Error::OutOfMemory {
                requested: most.saturating_mul(size_of::<SequenceTime>()),
            })?;
        Ok(Self { samples, most })
    }

    /// Adds a sample; both numbers must not go back. Of several samples with one time the
    /// largest number stays, of several with one number the first time. Returns whether it
    /// says anything new. O(1).
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`]; [`Error::InvalidOption`] when a number goes back. Nothing
    /// is changed then.
    pub fn append(&mut self, sequence: SequenceNumber, time: u64) -> Result<bool> {
        if sequence > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge { sequence });
        }
        if let Some(last) = self.samples.back_mut() {
            if sequence < last.sequence || time < last.time {
                return Err(Error::InvalidOption {
                    option: "sample",
                    reason: "goes back",
                });
            }
            if sequence == last.sequence {
                return Ok(false);
            }
            if time == last.time {
                last.sequence = sequence;
                return Ok(true);
            }
        }
        if self.samples.len() == self.most {
            self.samples.pop_front();
        }
        self.samples.push_back(SequenceTime { sequence, time });
        Ok(true)
    }

    /// The latest time known to be before `sequence` was written: `None` if it may be as
    /// old as anything. O(log n).
    #[must_use]
    pub fn time_before(&self, sequence: SequenceNumber) -> Option<u64> {
        let after = self
            .samples
            .partition_point(|sample| sample.sequence < sequence);
        Some(self.samples.get(after.checked_sub(1)?)?.time)
    }

    /// The largest number known to be written at `time` or before; `None` if there is none.
    /// O(log n).
    #[must_use]
    pub fn sequence_before(&self, time: u64) -> Option<SequenceNumber> {
        let after = self.samples.partition_point(|sample| sample.time <= time);
        Some(self.samples.get(after.checked_sub(1)?)?.sequence)
    }

    /// Forgets what is older than `time`, but for the newest of those: it still says
    /// something about what came after. O(n).
    pub fn forget_before(&mut self, time: u64) {
        let after = self.samples.partition_point(|sample| sample.time < time);
        self.samples.drain(..after.saturating_sub(1));
    }

    /// The samples that say something about numbers from `first` to `last`, ascending: what
    /// a flush keeps beside its entries.
    pub fn between(
        &self,
        first: SequenceNumber,
        last: SequenceNumber,
    ) -> impl Iterator<Item = SequenceTime> {
        let from = self
            .samples
            .partition_point(|sample| sample.sequence < first)
            .saturating_sub(1);
        let samples = self.samples.iter().skip(from).copied();
        samples.take_while(move |sample| sample.sequence <= last)
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn times(samples: &[(u64, u64)]) -> SequenceTimes {
        let mut times = SequenceTimes::new(4).unwrap();
        for &(sequence, time) in samples {
            times.append(sequence, time).unwrap();
        }
        times
    }

    #[test]
    fn c3_both_directions_are_on_the_safe_side() {
        let times = times(&[(10, 100), (20, 200), (30, 300)]);
        let before: Vec<_> = [0, 10, 11, 20, 21, 31, MAX_SEQUENCE_NUMBER]
            .map(|sequence| times.time_before(sequence))
            .into();
        let (a, b, c) = (Some(100), Some(200), Some(300));
        assert_eq!(before, [None, None, a, a, b, c, c]);
        let written: Vec<_> = [0, 99, 100, 199, 300, u64::MAX]
            .map(|time| times.sequence_before(time))
            .into();
        assert_eq!(
            written,
            [None, None, Some(10), Some(10), Some(30), Some(30)]
        );
        assert_eq!(SequenceTimes::new(1).unwrap().time_before(1), None);
    }

    #[test]
    fn c3_samples_must_not_go_back() {
        let mut times = times(&[(10, 100)]);
        for (sequence, time) in [(9, 100), (10, 99), (11, 99), (9, 101)] {
            assert!(times.append(sequence, time).is_err(), "{sequence} {time}");
        }
        let over = MAX_SEQUENCE_NUMBER + 1;
        assert_eq!(
            times.append(over, 200),
            Err(Error::SequenceTooLarge { sequence: over })
        );
        // The same number later says nothing new, a larger one at the same time does.
        assert_eq!(times.append(10, 150), Ok(false));
        assert_eq!(times.append(15, 100), Ok(true));
        assert_eq!(times.len(), 1);
        assert_eq!(times.sequence_before(100), Some(15));
        assert!(SequenceTimes::new(0).is_err());
        assert!(SequenceTimes::new(usize::MAX).is_err());
    }

    #[test]
    fn c3_the_oldest_samples_go() {
        let mut times = times(&[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
        assert_eq!((times.len(), times.time_before(2)), (4, None));
        times.forget_before(4);
        assert_eq!((times.len(), times.time_before(4)), (3, Some(3)));
        times.forget_before(u64::MAX);
        assert_eq!((times.len(), times.time_before(9)), (1, Some(5)));
        assert!(!times.is_empty());
    }

    #[test]
    fn c3_a_flush_keeps_what_its_entries_need() {
        let times = times(&[(10, 100), (20, 200), (30, 300), (40, 400)]);
        let kept = |first, last| -> Vec<u64> {
            times.between(first, last).map(|one| one.sequence).collect()
        };
        assert_eq!(kept(15, 35), [10, 20, 30]);
        assert_eq!(kept(20, 30), [10, 20, 30]);
        assert_eq!(kept(0, 9), []);
        assert_eq!(kept(50, 60), [40]);
    }
}
