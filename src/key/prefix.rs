//! Prefixes of user keys.

use core::fmt::Debug;

/// Takes a prefix from user keys, for those that have one (SPEC E8).
pub trait PrefixExtractor: Debug + Send + Sync + 'static {
    /// The name under which an engine remembers the extractor.
    fn name(&self) -> String;

    /// The prefix of `user_key`, or `None` when the key is out of the domain.
    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]>;

    /// True when `user_key` has a prefix.
    fn in_domain(&self, user_key: &[u8]) -> bool {
        self.transform(user_key).is_some()
    }
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
}
