//! Orders of user keys.

use core::cmp::Ordering;

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
pub trait Comparator: Send + Sync + 'static {
    /// True when [`prefix`](Self::prefix) follows the order.
    const BYTE_PREFIX: bool = false;

    /// True when keys that compare equal have the same bytes. Only then can a table
    /// have a Bloom filter, which hashes bytes.
    const EQUAL_BYTES: bool = false;

    /// Compares two user keys.
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering;

    /// The name under which an engine remembers the order.
    fn name(&self) -> &str;

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
