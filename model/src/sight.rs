//! What a reader sees of a table.

use crate::stamp::Version;

/// The largest sequence number (SPEC E3).
pub const MAX_SEQUENCE: u64 = (1 << 56) - 1;

/// Which sequence numbers are hidden from a reader (SPEC G4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pattern {
    /// None.
    #[default]
    Nothing,
    /// Those that leave this rest.
    Every {
        /// Divided by this, which is not 0.
        of: u64,
        /// The rest.
        rest: u64,
    },
    /// Those from one to another.
    Between(u64, u64),
}

/// What is hidden, and from where on that has to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hidden {
    /// Which numbers.
    pub pattern: Pattern,
    /// All smaller numbers are seen, whatever the pattern says.
    pub min_uncommitted: u64,
}

impl Hidden {
    /// True when the pattern lets a number be seen.
    #[must_use]
    pub fn shows(&self, sequence: u64) -> bool {
        match self.pattern {
            Pattern::Nothing => true,
            Pattern::Every { of, rest } => sequence % of != rest,
            Pattern::Between(first, last) => !(first..=last).contains(&sequence),
        }
    }
}

/// A snapshot, less what is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// The largest sequence number seen.
    pub snapshot: u64,
    /// The newest timestamp seen.
    pub timestamp: u64,
    /// What is not seen of that.
    pub hidden: Hidden,
}

impl Sight {
    /// All of a snapshot.
    #[must_use]
    pub fn at(snapshot: u64) -> Self {
        Self {
            snapshot,
            timestamp: u64::MAX,
            hidden: Hidden::default(),
        }
    }

    /// True when entries of this age are seen.
    #[must_use]
    pub fn sees(&self, version: Version) -> bool {
        let Version {
            timestamp,
            sequence,
        } = version;
        let Hidden {
            min_uncommitted, ..
        } = self.hidden;
        timestamp <= self.timestamp
            && sequence <= self.snapshot
            && (sequence < min_uncommitted || self.hidden.shows(sequence))
    }

    /// True when nothing of the snapshot is hidden.
    #[must_use]
    pub fn hides_nothing(&self) -> bool {
        self.hidden.pattern == Pattern::Nothing
    }

    /// True when the snapshot says it all.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.hides_nothing() && self.timestamp == u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sights_by_hand() {
        let at = |sequence| Version {
            timestamp: 7,
            sequence,
        };
        let mut sight = Sight::at(20);
        assert!(sight.is_plain() && sight.sees(at(20)) && !sight.sees(at(21)));
        sight.timestamp = 7;
        assert!(!sight.is_plain() && sight.sees(at(20)));
        sight.timestamp = 6;
        assert!(!sight.sees(at(20)));
        sight.timestamp = u64::MAX;
        sight.hidden.pattern = Pattern::Every { of: 3, rest: 1 };
        let seen = |sight: &Sight| {
            (8..14)
                .filter(|&one| sight.sees(at(one)))
                .collect::<Vec<_>>()
        };
        assert_eq!(seen(&sight), [8, 9, 11, 12]);
        sight.hidden.min_uncommitted = 11;
        assert_eq!(seen(&sight), [8, 9, 10, 11, 12]);
        sight.hidden.pattern = Pattern::Between(9, 12);
        assert_eq!(seen(&sight), [8, 9, 10, 13]);
    }
}
