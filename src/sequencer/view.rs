//! What a reader sees.

use super::aborted::Ranges;
use crate::key::SequenceNumber;
use crate::visibility::Visibility;

/// A published sequence number, and which ranges below it were aborted.
///
/// A view is a plain value: it holds nothing in place, and what it sees stays the
/// same for as long as the tables exist.
#[derive(Debug, Clone)]
pub struct ReadView {
    sequence: SequenceNumber,
    aborted: Option<Ranges>,
}

impl ReadView {
    pub(super) fn new(sequence: SequenceNumber, aborted: Option<Ranges>) -> Self {
        Self { sequence, aborted }
    }

    /// The snapshot to read at.
    #[must_use]
    pub fn sequence(&self) -> SequenceNumber {
        self.sequence
    }

    /// True when the snapshot alone says what is visible, which is the case unless a
    /// writer has failed.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.min_uncommitted() > self.sequence
    }
}

impl Visibility for ReadView {
    fn is_visible(&self, sequence: SequenceNumber) -> bool {
        let aborted = || {
            let ranges = self.aborted.as_deref()?;
            let at = ranges.partition_point(|range| range.end() < &sequence);
            ranges.get(at).map(|range| range.contains(&sequence))
        };
        sequence <= self.sequence && !aborted().unwrap_or(false)
    }

    fn min_uncommitted(&self) -> SequenceNumber {
        let first = self.aborted.as_deref().and_then(|ranges| ranges.first());
        let after = self.sequence + 1;
        first.map_or(after, |range| after.min(*range.start()))
    }
}
