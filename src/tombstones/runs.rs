//! Long runs of deleted keys (SPEC D5).

use crate::error::{Error, Result};

/// Notices long runs of deleted keys in a scan, so that one range deletion can take their
/// place for the scans to come.
///
/// The engine scans its tables and files as one, at a snapshot, and tells of each key
/// whether it is deleted. A run that is long enough may be written as a range deletion
/// with the snapshot's sequence number, if
///
/// - the scan saw every key between the first and the last, in all tables and files, and
/// - what the snapshot does not see will never be seen by anybody: no entry with a number
///   up to the snapshot's is still to be committed.
///
/// Such a range deletion changes no answer, at any snapshot. If the table is sealed by
/// then, nothing is lost. RocksDB calls this `min_tombstones_for_range_conversion`.
///
/// ```
/// use verimem::{DeletionRuns, Kind, Lookup, MemTable};
///
/// let table = MemTable::builder().build()?;
/// for key in 0..100u8 {
///     table.add(1, Kind::VALUE, &[key], b"value")?;
/// }
/// for key in 10..90u8 {
///     table.add(2, Kind::DELETION, &[key], b"")?;
/// }
///
/// let snapshot = 2;
/// let mut runs = DeletionRuns::new(50)?;
/// for key in 0..100u8 {
///     let run = match table.get(&[key], snapshot)? {
///         Lookup::Deleted { .. } => {
///             runs.deleted(&[key])?;
///             None
///         }
///         _ => runs.end(),
///     };
///     if let Some(run) = run {
///         table.delete_range(snapshot, run.begin, run.end)?;
///     }
/// }
/// let fragments = table.range_deletions(0..=snapshot)?;
/// assert_eq!((fragments[0].begin, fragments[0].end), (&[10][..], &[89][..]));
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeletionRuns {
    least: usize,
    count: usize,
    first: Vec<u8>,
    last: Vec<u8>,
}

/// A run of deleted keys, as the range from the first one to the last, which is not in it:
/// its own deletion stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletionRun<'r> {
    /// The first key.
    pub begin: &'r [u8],
    /// The last key: the first one that is not in the range.
    pub end: &'r [u8],
    /// How many keys the run has, the last one included.
    pub keys: usize,
}

impl DeletionRuns {
    /// For runs of at least so many keys.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for less than 2: a range has a first key and an end.
    pub fn new(least: usize) -> Result<Self> {
        if least < 2 {
            return Err(Error::InvalidOption {
                option: "least",
                reason: "not 2 or more",
            });
        }
        Ok(Self {
            least,
            count: 0,
            first: Vec::new(),
            last: Vec::new(),
        })
    }

    /// The scan came by a key that is deleted.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] when there is none to keep the key; the run begins anew with
    /// the next one.
    pub fn deleted(&mut self, user_key: &[u8]) -> Result<()> {
        let kept = if self.count == 0 {
            &mut self.first
        } else {
            &mut self.last
        };
        kept.clear();
        if kept.try_reserve(user_key.len()).is_err() {
            self.count = 0;
            return Err(Error::OutOfMemory {
                requested: user_key.len(),
            });
        }
        kept.extend_from_slice(user_key);
        self.count += 1;
        Ok(())
    }

    /// The scan came by a key that is not deleted, or to its end, or it turned or jumped.
    /// Returns the run before, if it is long enough.
    pub fn end(&mut self) -> Option<DeletionRun<'_>> {
        let keys = core::mem::take(&mut self.count);
        (keys >= self.least).then_some(DeletionRun {
            begin: &self.first,
            end: &self.last,
            keys,
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn run(runs: &mut DeletionRuns, keys: &[&[u8]]) -> Option<(Vec<u8>, Vec<u8>, usize)> {
        for key in keys {
            runs.deleted(key).unwrap();
        }
        let run = runs.end()?;
        Some((run.begin.to_vec(), run.end.to_vec(), run.keys))
    }

    #[test]
    fn d5_runs_begin_anew_and_short_ones_are_nothing() {
        let mut runs = DeletionRuns::new(3).unwrap();
        assert_eq!(runs.end(), None);
        assert_eq!(run(&mut runs, &[b"a", b"b"]), None);
        let found = run(&mut runs, &[b"c", b"dd", b"eee"]);
        assert_eq!(found, Some((b"c".to_vec(), b"eee".to_vec(), 3)));
        assert_eq!(run(&mut runs, &[b"f", b"g"]), None);
        let found = run(&mut runs, &[b"", b"h", b"i", b"j"]);
        assert_eq!(found, Some((b"".to_vec(), b"j".to_vec(), 4)));
    }

    #[test]
    fn d5_a_range_needs_two_keys() {
        for least in [0, 1] {
            assert!(matches!(
                DeletionRuns::new(least),
                Err(Error::InvalidOption { .. })
            ));
        }
        let mut runs = DeletionRuns::new(2).unwrap();
        assert_eq!(run(&mut runs, &[b"a"]), None);
        assert!(run(&mut runs, &[b"a", b"b"]).is_some());
    }
}
