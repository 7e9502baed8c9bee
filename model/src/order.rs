//! The order of entries.

use std::cmp::Ordering;
use std::fmt;

use crate::answer::Escaped;

/// The order of user keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By their bytes, a shorter key before its extensions.
    #[default]
    Bytewise,
    /// The other way round.
    ReverseBytewise,
}

impl Order {
    /// Compares two user keys.
    #[must_use]
    pub fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Bytewise => a.cmp(b),
            Self::ReverseBytewise => b.cmp(a),
        }
    }
}

/// Where an entry is: user key by the order, then the newest first (SPEC E2).
/// Kind takes no part.
#[derive(Clone)]
pub struct Place {
    /// The order; the same for all places of one table.
    pub order: Order,
    /// The user key.
    pub user_key: Vec<u8>,
    /// The sequence number.
    pub sequence: u64,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order
            .compare(&self.user_key, &other.user_key)
            .then(other.sequence.cmp(&self.sequence))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}", Escaped(&self.user_key), self.sequence)
    }
}
