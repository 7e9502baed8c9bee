//! Byte order for keys that begin alike.

use core::cmp::Ordering;

use super::Comparator;
use super::comparator::{BytewiseComparator, first_four};
use crate::error::{Error, Result};

/// The order of [`BytewiseComparator`], for tables whose keys mostly share a prefix.
///
/// The four bytes that are kept beside the links are those *behind* the shared
/// prefix, so that a search passes such keys without reading them. Keys without
/// the prefix may come as well: they are ordered rightly, at the cost of reading
/// them. The longest prefix that the keys of a table share is that of its first
/// and its last key, so a table tells what to build the next one with:
///
/// ```
/// use verimem::{Kind, MemTable, SharedPrefixComparator};
///
/// let keys = SharedPrefixComparator::new(b"tenant/0042/")?;
/// let table = MemTable::with_comparator(keys).build()?;
/// table.add(1, Kind::VALUE, b"tenant/0042/apple", b"")?;
/// table.add(2, Kind::VALUE, b"tenant/0042/apricot", b"")?;
/// table.add(3, Kind::VALUE, b"other", b"")?;
///
/// let mut cursor = table.iter();
/// cursor.seek(b"tenant/", 3);
/// assert_eq!(cursor.key().map(|(key, _)| key), Some(&b"tenant/0042/apple"[..]));
/// assert_eq!(SharedPrefixComparator::between(b"tenant/0042/apple", b"tenant/0042/apricot")?
///     .shared_prefix(), b"tenant/0042/ap");
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SharedPrefixComparator {
    shared: Box<[u8]>,
}

impl SharedPrefixComparator {
    /// For keys that mostly begin with `shared`, which may be empty. O(its length).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn new(shared: &[u8]) -> Result<Self> {
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(shared.len())
            .map_err(|_| Error::OutOfMemory {
                requested: shared.len(),
            })?;
        bytes.extend_from_slice(shared);
        Ok(Self {
            shared: bytes.into_boxed_slice(),
        })
    }

    /// For keys from `first` to `last`: what these two share, all between them
    /// share. O(its length).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn between(first: &[u8], last: &[u8]) -> Result<Self> {
        let same = first.iter().zip(last).take_while(|(a, b)| a == b).count();
        Self::new(&first[..same])
    }

    /// The prefix that keys are expected to share.
    #[must_use]
    pub fn shared_prefix(&self) -> &[u8] {
        &self.shared
    }
}

impl Comparator for SharedPrefixComparator {
    const BYTE_PREFIX: bool = true;
    const EQUAL_BYTES: bool = true;

    #[inline]
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        BytewiseComparator.compare(a, b)
    }

    fn name(&self) -> &str {
        BytewiseComparator.name()
    }

    fn is_prefix_successor(&self, prefix: &[u8], next: &[u8]) -> bool {
        BytewiseComparator.is_prefix_successor(prefix, next)
    }

    /// Keys before all that share the prefix have the least prefix, keys after
    /// them the greatest.
    #[inline]
    fn prefix(&self, user_key: &[u8]) -> u32 {
        // Comparing nothing can cost more than all the rest: processors fault, and
        // take it back, when a masked load begins at the address of an empty box.
        if self.shared.is_empty() {
            return first_four(user_key);
        }
        match user_key.strip_prefix(&*self.shared) {
            Some(rest) => first_four(rest),
            None if *user_key < *self.shared => 0,
            None => u32::MAX,
        }
    }
}
