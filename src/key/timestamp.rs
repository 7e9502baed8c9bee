//! Keys that end in a timestamp (SPEC E9).

use core::cmp::Ordering;

use smallvec::SmallVec;

use super::{BytewiseComparator, Comparator, SequenceNumber};
use crate::error::{Error, Result};

/// When an entry holds from, in whatever unit the user counts; a larger number is newer.
pub type Timestamp = u64;

/// The order of `C` for keys that end in a timestamp of `N` bytes, 1 to 8: a
/// little-endian number. Of one key, the newest timestamp comes first.
///
/// Eight bytes, the default, are those of RocksDB's `BytewiseComparatorWithU64Ts`.
///
/// ```
/// use verimem::{Kind, Lookup, MemTable, TimestampedComparator};
///
/// let keys = TimestampedComparator::bytewise()?;
/// let table = MemTable::with_comparator(keys).build()?;
/// let at = |timestamp: u64| [&b"key"[..], &timestamp.to_le_bytes()].concat();
/// table.add(1, Kind::VALUE, &at(10), b"ten")?;
/// table.add(2, Kind::DELETION_WITH_TIMESTAMP, &at(20), b"")?;
///
/// let reader = table.reader(2)?.at_timestamp(19);
/// assert!(matches!(reader.get(b"key")?, Lookup::Found { value: b"ten", .. }));
/// assert_eq!(reader.get_with_timestamp(b"key")?.1, Some(10));
/// let reader = table.reader(2)?.at_timestamp(20);
/// assert!(matches!(reader.get(b"key")?, Lookup::Deleted { .. }));
/// assert_eq!(table.stats().newest_timestamp, Some(20));
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TimestampedComparator<C = BytewiseComparator, const N: usize = 8> {
    keys: C,
    name: Box<str>,
}

impl TimestampedComparator {
    /// Byte order, and timestamps of eight bytes.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn bytewise() -> Result<Self> {
        Self::new(BytewiseComparator)
    }
}

impl<C: Comparator, const N: usize> TimestampedComparator<C, N> {
    /// Keys in the order of `keys`, and behind each a timestamp.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn new(keys: C) -> Result<Self> {
        const {
            assert!(1 <= N && N <= 8, "a timestamp has 1 to 8 bytes");
            assert!(C::TIMESTAMP_LEN == 0, "the keys have timestamps already");
        }
        const ENDS: [&str; 8] = [
            ".u8ts", ".u16ts", ".u24ts", ".u32ts", ".u40ts", ".u48ts", ".u56ts", ".u64ts",
        ];
        let parts = [keys.name(), ENDS[N - 1]];
        let requested = parts[0].len() + parts[1].len();
        let mut name = String::new();
        name.try_reserve_exact(requested)
            .map_err(|_| Error::OutOfMemory { requested })?;
        name.extend(parts);
        Ok(Self {
            keys,
            name: name.into_boxed_str(),
        })
    }

    /// The order of keys without timestamps.
    #[must_use]
    pub fn keys(&self) -> &C {
        &self.keys
    }
}

impl<C: Comparator, const N: usize> Comparator for TimestampedComparator<C, N> {
    const BYTE_PREFIX: bool = C::BYTE_PREFIX;
    const EQUAL_BYTES: bool = C::EQUAL_BYTES;
    const TIMESTAMP_LEN: usize = N;

    #[inline]
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        let ((a, a_time), (b, b_time)) = (split::<Self>(a), split::<Self>(b));
        self.keys
            .compare(a, b)
            .then_with(|| self.timestamp(b_time).cmp(&self.timestamp(a_time)))
    }

    #[inline]
    fn compare_without_timestamp(&self, a: &[u8], b: &[u8]) -> Ordering {
        self.keys.compare(a, b)
    }

    #[inline]
    fn timestamp(&self, bytes: &[u8]) -> Timestamp {
        let mut number = [0; 8];
        let count = bytes.len().min(N);
        number[..count].copy_from_slice(&bytes[..count]);
        u64::from_le_bytes(number)
    }

    #[inline]
    fn write_timestamp(&self, timestamp: Timestamp, bytes: &mut [u8]) {
        let largest = Timestamp::MAX >> (64 - 8 * N);
        let number = timestamp.min(largest).to_le_bytes();
        let count = bytes.len().min(N);
        bytes[..count].copy_from_slice(&number[..count]);
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_prefix_successor(&self, prefix: &[u8], next: &[u8]) -> bool {
        self.keys.is_prefix_successor(prefix, next)
    }

    #[inline]
    fn prefix(&self, user_key: &[u8]) -> u32 {
        self.keys.prefix(without_timestamp::<Self>(user_key))
    }
}

/// A key and the bytes of its timestamp. Of a key that is too short for one, all is taken
/// for the timestamp: tables refuse it, and any other place has to take something.
#[inline(always)]
fn split<C: Comparator>(user_key: &[u8]) -> (&[u8], &[u8]) {
    user_key.split_at(user_key.len().saturating_sub(C::TIMESTAMP_LEN))
}

/// A key without its timestamp, if keys have one.
#[inline(always)]
pub(crate) fn without_timestamp<C: Comparator>(user_key: &[u8]) -> &[u8] {
    if C::TIMESTAMP_LEN == 0 {
        return user_key;
    }
    split::<C>(user_key).0
}

/// A key without its timestamp, and the timestamp; `None` if keys have none in this order.
///
/// ```
/// use verimem::{BytewiseComparator, TimestampedComparator, split_timestamp};
///
/// let keys = TimestampedComparator::bytewise()?;
/// assert_eq!(split_timestamp(&keys, b"key\x07\0\0\0\0\0\0\0"), (&b"key"[..], Some(7)));
/// assert_eq!(split_timestamp(&BytewiseComparator, b"key"), (&b"key"[..], None));
/// # Ok::<(), verimem::Error>(())
/// ```
#[inline(always)]
pub fn split_timestamp<'k, C: Comparator>(
    comparator: &C,
    user_key: &'k [u8],
) -> (&'k [u8], Option<Timestamp>) {
    if C::TIMESTAMP_LEN == 0 {
        return (user_key, None);
    }
    let (user_key, bytes) = split::<C>(user_key);
    (user_key, Some(comparator.timestamp(bytes)))
}

/// Hands a key to `then` with a timestamp behind it, if keys have one.
///
/// # Errors
///
/// [`Error::OutOfMemory`], and those of `then`.
#[inline(always)]
pub(crate) fn with_timestamp<C: Comparator, T>(
    comparator: &C,
    user_key: &[u8],
    timestamp: Timestamp,
    then: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    if C::TIMESTAMP_LEN == 0 {
        return then(user_key);
    }
    let requested = user_key.len().saturating_add(C::TIMESTAMP_LEN);
    let mut stamped = SmallVec::<[u8; 128]>::new();
    stamped
        .try_reserve(requested)
        .map_err(|_| Error::OutOfMemory { requested })?;
    stamped.extend_from_slice(user_key);
    stamped.resize(requested, 0);
    comparator.write_timestamp(timestamp, &mut stamped[user_key.len()..]);
    then(&stamped)
}

/// What orders the entries of one key; the larger one is newer. The timestamp is 0 where
/// keys have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) timestamp: Timestamp,
    pub(crate) sequence: SequenceNumber,
}

impl Version {
    /// That of an entry.
    #[inline(always)]
    pub(crate) fn of<C: Comparator>(
        comparator: &C,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Self {
        let (_, timestamp) = split_timestamp(comparator, user_key);
        Self {
            timestamp: timestamp.unwrap_or(0),
            sequence,
        }
    }

    /// Whether it hides another one of the same key.
    #[inline(always)]
    pub(crate) fn is_newer<C: Comparator>(self, other: Self) -> bool {
        if C::TIMESTAMP_LEN == 0 {
            return self.sequence > other.sequence;
        }
        self > other
    }

    /// The newer one of two.
    #[inline(always)]
    pub(crate) fn newest<C: Comparator>(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.is_newer::<C>(a) { b } else { a }),
            (one, None) | (None, one) => one,
        }
    }
}

/// Without a timestamp.
impl From<SequenceNumber> for Version {
    #[inline(always)]
    fn from(sequence: SequenceNumber) -> Self {
        Self {
            timestamp: 0,
            sequence,
        }
    }
}
