//! Prefixes of user keys.

use core::fmt::Debug;

/// Takes a prefix from user keys, for those that have one (SPEC E8).
///
/// Iterators with a [`PrefixMode`] rely on two things, as RocksDB's `SliceTransform` does: it
/// takes the same prefix from a key each time, and keys with the same prefix lie together in
/// the order of the table. Where they do not, such iterators miss entries; nothing else does.
pub trait PrefixExtractor: Debug + Send + Sync + 'static {
    /// The name under which an engine remembers the extractor.
    fn name(&self) -> String;

    /// The prefix of `user_key`, or `None` when the key is out of the domain.
    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]>;

    /// True when `user_key` has a prefix.
    fn in_domain(&self, user_key: &[u8]) -> bool {
        self.transform(user_key).is_some()
    }

    /// `Some(n)` if the prefix of each key of `n` bytes or more is its first `n` bytes, as
    /// RocksDB's `FullLengthEnabled` says. With it [`PrefixMode::Auto`] knows where the keys
    /// with a prefix end. Default: `None`, which is always right.
    fn full_length(&self) -> Option<usize> {
        None
    }
}

/// Which entries an iterator goes through after it was sent to a key, in a table that has a
/// [prefix extractor](crate::MemTableBuilder::prefix_extractor) (SPEC G5).
///
/// In a table without an extractor no key has a prefix, and all modes are one. Prefixes are
/// compared byte by byte.
///
/// ```
/// use std::sync::Arc;
/// use verimem::{FixedPrefix, Kind, MemTable, PrefixMode};
///
/// let table = MemTable::builder().prefix_extractor(Arc::new(FixedPrefix(2))).build()?;
/// for key in [b"aa1", b"aa2", b"bb1"] {
///     table.add(1, Kind::VALUE, key, b"")?;
/// }
/// let mut keys = table.visible(1).with_prefix_mode(PrefixMode::SameAsStart);
/// keys.seek(b"aa2")?;
/// assert_eq!(keys.key(), Some(&b"aa2"[..]));
/// keys.next()?;
/// assert!(!keys.valid());
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PrefixMode {
    /// All of them: RocksDB's `total_order_seek`. The default.
    #[default]
    TotalOrder,
    /// Those with the prefix of that key: RocksDB's `prefix_same_as_start`. Where a step in
    /// either direction would leave the prefix, and where a seek finds nothing with it, the
    /// iterator is at no entry. A move that is given no key, as to the first entry, takes the
    /// prefix of the entry that it goes to. A key that has no prefix makes the iterator go
    /// through all entries, until it is sent elsewhere.
    ///
    /// A search is left out where the table's Bloom filter, or a hashed representation, knows
    /// of no entry with the prefix.
    SameAsStart,
    /// All of them, as [`TotalOrder`](Self::TotalOrder), but that a search uses the key's
    /// prefix as [`SameAsStart`](Self::SameAsStart) does whenever the bounds of the iterator say that all it
    /// may find has that prefix: RocksDB's `auto_prefix_mode`. That is so for a seek if the key and the upper bound
    /// have the same prefix, or if the upper bound is excluded and comes [right
    /// after](crate::Comparator::is_prefix_successor) all keys with the prefix; and for
    /// a seek from the other side if the key and the lower bound have the same prefix.
    /// Cursors over all entries have no bounds, so that theirs is always total order.
    Auto,
}

/// The first `n` bytes; shorter keys are out of the domain.
///
/// ```
/// use verimem::{FixedPrefix, PrefixExtractor};
/// assert_eq!(FixedPrefix(2).transform(b"abc"), Some(&b"ab"[..]));
/// assert!(!FixedPrefix(2).in_domain(b"a"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FixedPrefix(pub usize);

impl PrefixExtractor for FixedPrefix {
    fn name(&self) -> String {
        format!("rocksdb.FixedPrefix.{}", self.0)
    }

    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        user_key.get(..self.0)
    }

    fn full_length(&self) -> Option<usize> {
        Some(self.0)
    }
}

/// The first `n` bytes, or all of a shorter key.
///
/// ```
/// use verimem::{CappedPrefix, PrefixExtractor};
/// assert_eq!(CappedPrefix(2).transform(b"a"), Some(&b"a"[..]));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CappedPrefix(pub usize);

impl PrefixExtractor for CappedPrefix {
    fn name(&self) -> String {
        format!("rocksdb.CappedPrefix.{}", self.0)
    }

    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        Some(&user_key[..user_key.len().min(self.0)])
    }

    fn full_length(&self) -> Option<usize> {
        Some(self.0)
    }
}
