//! Per-entry checksums.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::EntryRef;

/// How many bytes of checksum each entry carries (SPEC E10).
///
/// The checksum covers key, value, kind, sequence number and both lengths. It
/// is the low bytes of XXH3 hashes, one per part, each with its own seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protection {
    /// No checksum.
    #[default]
    None,
    /// One byte: an error slips through once in 2^8.
    One,
    /// Two bytes.
    Two,
    /// Four bytes.
    Four,
    /// Eight bytes.
    Eight,
}

impl Protection {
    /// Bytes per entry.
    #[must_use]
    #[inline]
    pub const fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// True when entries carry no checksum.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None)
    }

    /// The protection of `bytes` per entry: 0, 1, 2, 4 or 8.
    #[must_use]
    pub const fn from_len(bytes: usize) -> Option<Self> {
        Some(match bytes {
            0 => Self::None,
            1 => Self::One,
            2 => Self::Two,
            4 => Self::Four,
            8 => Self::Eight,
            _ => return None,
        })
    }

    /// The checksum of an entry: [`len`](Self::len) bytes at the front.
    pub(crate) fn checksum(self, entry: &EntryRef<'_>) -> [u8; 8] {
        if self.is_empty() {
            return [0; 8];
        }
        entry.checksum().to_le_bytes()
    }
}

impl EntryRef<'_> {
    /// The checksum of the entry in full, whatever of it a table stores: it covers key,
    /// value, kind, sequence number and both lengths (SPEC E10).
    ///
    /// A batch may compute it as early as it has the entry, and hand it on with it:
    /// [`Writer::add_protected`](crate::Writer::add_protected) verifies it.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        let mut fixed = [0; 24];
        fixed[..8].copy_from_slice(&(self.user_key.len() as u64).to_le_bytes());
        fixed[8..16].copy_from_slice(&(self.value.len() as u64).to_le_bytes());
        fixed[16..].copy_from_slice(&self.tag().to_le_bytes());
        xxh3_64_with_seed(self.user_key, 1)
            ^ xxh3_64_with_seed(self.value, 2)
            ^ xxh3_64_with_seed(&fixed, 3)
    }
}
