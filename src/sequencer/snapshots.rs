//! Snapshots that are in use, and what a flush may drop because of them (SPEC C2).

use core::fmt;
use std::collections::BTreeMap;

use super::{ReadView, Sequencer};
use crate::error::{Error, Result};
use crate::key::SequenceNumber;
use crate::sync::ledger::FAULT_SNAPSHOTS_PUBLISHED_FIRST;
use crate::sync::{Arc, Mutex, fault};

/// The snapshots that readers hold.
///
/// Who takes one, and who asks what may be dropped, reads the published number with the list
/// locked. So a snapshot that is not on the list that a flush saw is not older than what was
/// published then, and [`Boundaries`] keeps everything that it may need.
///
/// RocksDB's `SnapshotList` is the same, as a linked list under its mutex.
///
/// ```
/// use std::sync::Arc;
/// use verimem::sequencer::{Sequencer, Snapshots};
///
/// let sequencer = Sequencer::new(5)?;
/// let snapshots = Arc::new(Snapshots::new());
/// let snapshot = snapshots.take(&sequencer);
/// assert_eq!((snapshot.sequence(), snapshots.oldest()), (5, Some(5)));
///
/// sequencer.reserve(4)?.publish();
/// let boundaries = snapshots.boundaries(&sequencer)?;
/// assert!(boundaries.may_see_apart(5, 6)); // by the snapshot
/// assert!(!boundaries.may_see_apart(6, 8)); // by nobody
/// drop(snapshot);
/// assert_eq!(snapshots.oldest(), None);
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Snapshots {
    /// How many there are of each number.
    live: Mutex<BTreeMap<SequenceNumber, usize>>,
}

impl Snapshots {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self {
            live: Mutex::new(BTreeMap::new()),
        }
    }

    /// What is published, to be read until the snapshot is dropped. O(log n).
    #[must_use]
    pub fn take(self: &Arc<Self>, sequencer: &Sequencer) -> Snapshot {
        let early = fault(&FAULT_SNAPSHOTS_PUBLISHED_FIRST).then(|| sequencer.view());
        let mut live = self.live.lock();
        let view = early.unwrap_or_else(|| sequencer.view());
        *live.entry(view.sequence()).or_insert(0) += 1;
        Snapshot {
            list: Arc::clone(self),
            view,
        }
    }

    /// The oldest number that a snapshot has.
    #[must_use]
    pub fn oldest(&self) -> Option<SequenceNumber> {
        self.live.lock().keys().next().copied()
    }

    /// The newest number that a snapshot has.
    #[must_use]
    pub fn newest(&self) -> Option<SequenceNumber> {
        self.live.lock().keys().next_back().copied()
    }

    /// How many snapshots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.lock().values().sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.lock().is_empty()
    }

    /// Which versions of a key have to be kept apart from now on. O(n).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn boundaries(&self, sequencer: &Sequencer) -> Result<Boundaries> {
        let live = self.live.lock();
        let mut snapshots = Vec::new();
        let requested = live.len() * size_of::<SequenceNumber>();
        let reserved = snapshots.try_reserve_exact(live.len());
        reserved.map_err(|_| Error::OutOfMemory { requested })?;
        snapshots.extend(live.keys().copied());
        Ok(Boundaries {
            snapshots,
            published: sequencer.published(),
        })
    }
}

/// A published number that is kept in use until this is dropped: nothing that it sees is lost to a
/// flush.
pub struct Snapshot {
    list: Arc<Snapshots>,
    view: ReadView,
}

impl Snapshot {
    /// The number to read at.
    #[must_use]
    pub fn sequence(&self) -> SequenceNumber {
        self.view.sequence()
    }

    /// What it sees.
    #[must_use]
    pub fn view(&self) -> &ReadView {
        &self.view
    }
}

impl Clone for Snapshot {
    fn clone(&self) -> Self {
        *self.list.live.lock().entry(self.sequence()).or_insert(0) += 1;
        Self {
            list: Arc::clone(&self.list),
            view: self.view.clone(),
        }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut live = self.list.live.lock();
        if let Some(count) = live.get_mut(&self.sequence()) {
            *count -= 1;
            if *count == 0 {
                live.remove(&self.sequence());
            }
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.sequence()).finish()
    }
}

/// The snapshots at one moment, and the number that was published then: no snapshot that is taken
/// later is older than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundaries {
    /// Ascending.
    snapshots: Vec<SequenceNumber>,
    published: SequenceNumber,
}

impl Boundaries {
    /// Whether somebody may see a version with the number `older`, and not the one with the number
    /// `newer`. If not, `older` can be dropped where `newer` hides it. O(log n).
    #[must_use]
    pub fn may_see_apart(&self, older: SequenceNumber, newer: SequenceNumber) -> bool {
        if older >= newer {
            return false;
        }
        let first = self.snapshots.partition_point(|one| *one < older);
        newer > self.published || self.snapshots.get(first).is_some_and(|one| *one < newer)
    }

    /// The snapshots, ascending.
    #[must_use]
    pub fn snapshots(&self) -> &[SequenceNumber] {
        &self.snapshots
    }

    /// What was published.
    #[must_use]
    pub fn published(&self) -> SequenceNumber {
        self.published
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn published(last: SequenceNumber) -> Sequencer {
        Sequencer::new(last).expect("a sequencer")
    }

    #[test]
    fn c2_snapshots_are_counted_one_by_one() {
        let list = Arc::new(Snapshots::new());
        assert!(list.is_empty());
        let first = list.take(&published(7));
        let twin = first.clone();
        let other = list.take(&published(9));
        assert_eq!(
            (list.len(), list.oldest(), list.newest()),
            (3, Some(7), Some(9))
        );
        drop(first);
        assert_eq!((list.len(), list.oldest()), (2, Some(7)));
        assert_eq!(twin.view().sequence(), 7);
        assert_eq!(format!("{twin:?}"), "Snapshot(7)");
        drop(twin);
        assert_eq!((list.oldest(), list.newest()), (Some(9), Some(9)));
        drop(other);
        assert!(list.is_empty() && list.newest().is_none());
    }

    proptest! {
        /// By the definition: a snapshot now, or one that may be taken later.
        #[test]
        fn c2_boundaries_are_those_of_all_snapshots(
            numbers in prop::collection::vec(0..20u64, 0..6),
            last in 0..20u64,
            older in 0..22u64,
            newer in 0..22u64,
        ) {
            let list = Arc::new(Snapshots::new());
            let held: Vec<_> = numbers
                .iter()
                .filter(|number| **number <= last)
                .map(|number| list.take(&published(*number)))
                .collect();
            let boundaries = list.boundaries(&published(last)).expect("memory");
            prop_assert_eq!(boundaries.published(), last);
            prop_assert!(boundaries.snapshots().is_sorted_by(|a, b| a < b));
            let now = held.iter().map(Snapshot::sequence);
            let apart = now.chain(last..25).any(|at| older <= at && at < newer);
            prop_assert_eq!(boundaries.may_see_apart(older, newer), apart);
        }
    }
}
