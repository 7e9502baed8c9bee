//! Orders of user keys.

use core::cmp::Ordering;

use super::Timestamp;

/// A total order over user keys (SPEC E7).
///
/// An inconsistent or panicking comparator makes answers wrong, never unsafe:
/// the table stays a well-formed list, and counts stay right.
///
/// # Byte prefixes
///
/// A search can skip most keys by comparing four bytes that are kept beside the
/// links. That is right only for an order in which the prefix of a key tells
/// something, so it is off unless the type says otherwise: set
/// [`BYTE_PREFIX`](Self::BYTE_PREFIX) and implement [`prefix`](Self::prefix)
/// such that `a < b` implies `prefix(a) <= prefix(b)`, and that equal keys have
/// equal prefixes.
///
/// # Timestamps
///
/// Keys may end in a timestamp of a fixed size (SPEC E9): set
/// [`TIMESTAMP_LEN`](Self::TIMESTAMP_LEN) and implement the three methods that speak of
/// it, such that keys that are the same but for their timestamps compare the newer one
/// first, or use [`TimestampedComparator`](super::TimestampedComparator).
pub trait Comparator: Send + Sync + 'static {
    /// True when [`prefix`](Self::prefix) follows the order.
    const BYTE_PREFIX: bool = false;

    /// True when keys that compare equal have the same bytes. Only then can a table
    /// have a Bloom filter, which hashes bytes.
    const EQUAL_BYTES: bool = false;

    /// Bytes of timestamp at the end of every user key; 0 for none.
    const TIMESTAMP_LEN: usize = 0;

    /// Compares two user keys, with their timestamps if they have any.
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering;

    /// Compares two user keys whose timestamps were taken off.
    #[inline(always)]
    fn compare_without_timestamp(&self, a: &[u8], b: &[u8]) -> Ordering {
        self.compare(a, b)
    }

    /// What the bytes of a timestamp say; a larger number is newer. Only asked if
    /// [`TIMESTAMP_LEN`](Self::TIMESTAMP_LEN) is not 0.
    fn timestamp(&self, bytes: &[u8]) -> Timestamp {
        let _ = bytes;
        0
    }

    /// Writes the bytes of a timestamp; of the largest there is, if they cannot say this
    /// one. Only asked if [`TIMESTAMP_LEN`](Self::TIMESTAMP_LEN) is not 0.
    fn write_timestamp(&self, timestamp: Timestamp, bytes: &mut [u8]) {
        let _ = (timestamp, bytes);
    }

    /// The name under which an engine remembers the order.
    fn name(&self) -> &str;

    /// True only if the keys from `prefix` on and before `next`, all without timestamps, are
    /// those that begin with `prefix`. Default: false, which is always right.
    ///
    /// RocksDB's `IsSameLengthImmediateSuccessor` also says so of `a\xFF` and `b\0`,
    /// where the shorter key `b` lies between.
    ///
    /// ```
    /// use verimem::{BytewiseComparator, Comparator};
    /// assert!(BytewiseComparator.is_prefix_successor(b"user1", b"user2"));
    /// assert!(!BytewiseComparator.is_prefix_successor(b"user1", b"user3"));
    /// ```
    fn is_prefix_successor(&self, prefix: &[u8], next: &[u8]) -> bool {
        let _ = (prefix, next);
        false
    }

    /// A number that orders keys coarsely; only asked if [`BYTE_PREFIX`](Self::BYTE_PREFIX).
    fn prefix(&self, user_key: &[u8]) -> u32 {
        let _ = user_key;
        0
    }
}

/// Keys in the order of their bytes, a shorter key before its extensions.
///
/// ```
/// use verimem::{BytewiseComparator, Comparator};
/// assert!(BytewiseComparator.compare(b"a", b"ab").is_lt());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct BytewiseComparator;

/// The first four bytes as a big-endian number, zeroes where the key is shorter.
#[inline]
pub(super) fn first_four(user_key: &[u8]) -> u32 {
    if let Some(bytes) = user_key.first_chunk::<4>() {
        return u32::from_be_bytes(*bytes);
    }
    user_key
        .iter()
        .enumerate()
        .fold(0, |prefix, (index, &byte)| {
            prefix | u32::from(byte) << (24 - 8 * index)
        })
}

impl Comparator for BytewiseComparator {
    const BYTE_PREFIX: bool = true;
    const EQUAL_BYTES: bool = true;

    #[inline]
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "leveldb.BytewiseComparator"
    }

    /// When they differ in the last byte only, by one. What lies between is not shorter than
    /// `prefix`, since it would differ from both before that byte.
    fn is_prefix_successor(&self, prefix: &[u8], next: &[u8]) -> bool {
        match (prefix.split_last(), next.split_last()) {
            (Some((last, rest)), Some((after, same))) => {
                rest == same && last.checked_add(1) == Some(*after)
            }
            _ => false,
        }
    }

    #[inline]
    fn prefix(&self, user_key: &[u8]) -> u32 {
        first_four(user_key)
    }
}

/// The reverse of [`BytewiseComparator`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ReverseBytewiseComparator;

impl Comparator for ReverseBytewiseComparator {
    const BYTE_PREFIX: bool = true;
    const EQUAL_BYTES: bool = true;

    #[inline]
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }

    fn name(&self) -> &str {
        "rocksdb.ReverseBytewiseComparator"
    }

    #[inline]
    fn prefix(&self, user_key: &[u8]) -> u32 {
        !first_four(user_key)
    }
}
