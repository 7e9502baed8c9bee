//! Keys that end in a timestamp (SPEC E9).

use std::cmp::Ordering;

use crate::order::Order;

/// How old an entry is; the larger version is newer. The timestamp is 0 where keys have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The timestamp.
    pub timestamp: u64,
    /// The sequence number.
    pub sequence: u64,
}

/// The order of user keys, and how many bytes at their end are a timestamp: a
/// little-endian number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// The order of keys without timestamps.
    pub order: Order,
    /// Bytes of timestamp, 0 to 8.
    pub timestamp_len: usize,
}

impl Layout {
    /// A key without its timestamp, and the timestamp. A key that is too short for one is all
    /// timestamp.
    #[must_use]
    pub fn split(self, user_key: &[u8]) -> (&[u8], u64) {
        let bare = user_key.len().saturating_sub(self.timestamp_len);
        let (bare, bytes) = user_key.split_at(bare);
        let number = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        (bare, bytes.iter().rev().fold(0, number))
    }

    /// A key without its timestamp.
    #[must_use]
    pub fn bare(self, user_key: &[u8]) -> &[u8] {
        self.split(user_key).0
    }

    /// A key with a timestamp behind it: the largest that there is, for one that is larger.
    #[must_use]
    pub fn stamped(self, bare: &[u8], timestamp: u64) -> Vec<u8> {
        let mut user_key = bare.to_vec();
        let bits = 8 * self.timestamp_len as u32;
        let largest = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        let number = timestamp.min(largest).to_le_bytes();
        user_key.extend_from_slice(&number[..self.timestamp_len]);
        user_key
    }

    /// How old an entry with this key is.
    #[must_use]
    pub fn version(self, user_key: &[u8], sequence: u64) -> Version {
        let (_, timestamp) = self.split(user_key);
        Version {
            timestamp,
            sequence,
        }
    }

    /// Compares keys without timestamps.
    #[must_use]
    pub fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        self.order.compare(a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_by_hand() {
        let layout = |timestamp_len| Layout {
            order: Order::Bytewise,
            timestamp_len,
        };
        assert_eq!(layout(0).split(b"key"), (&b"key"[..], 0));
        assert_eq!(layout(0).stamped(b"key", 7), b"key");
        assert_eq!(layout(2).stamped(b"key", 0x0102), b"key\x02\x01");
        assert_eq!(layout(2).stamped(b"key", u64::MAX), b"key\xFF\xFF");
        assert_eq!(layout(8).stamped(b"", u64::MAX), [0xFF; 8]);
        assert_eq!(layout(2).split(b"key\x02\x01"), (&b"key"[..], 0x0102));
        assert_eq!(layout(2).split(b"\x05"), (&b""[..], 5));
    }
}
