//! The order of entries.

use std::cmp::Ordering;
use std::fmt;

use crate::answer::Escaped;
use crate::stamp::{Layout, Version};

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

/// Where an entry is: user key by the order, then the newest first (SPEC E2, E9).
/// Kind takes no part.
#[derive(Clone)]
pub struct Place {
    /// The order; the same for all places of one table.
    pub layout: Layout,
    /// The user key, with its timestamp.
    pub user_key: Vec<u8>,
    /// The sequence number.
    pub sequence: u64,
}

impl Place {
    /// The user key without its timestamp.
    #[must_use]
    pub fn bare(&self) -> &[u8] {
        self.layout.bare(&self.user_key)
    }

    /// How old the entry is.
    #[must_use]
    pub fn version(&self) -> Version {
        self.layout.version(&self.user_key, self.sequence)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.layout
            .compare(self.bare(), other.bare())
            .then(other.version().cmp(&self.version()))
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
