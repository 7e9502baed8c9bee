//! Iterators that keep to the prefix of where they began, or search by it.
//!
//! The cursor inside keeps to a prefix by itself. What is decided here is when it does: after a
//! search whose key has a prefix, or, with [`PrefixMode::Auto`], for that search alone.

use core::ops::Bound;

use super::VisibleIter;
use crate::key::{Comparator, PrefixMode};
use crate::memtable::steer::KeyBuffer;
use crate::rep::Handle;
use crate::visibility::Visibility;

/// The bound that a search goes towards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Towards {
    Lower,
    Upper,
}

fn key_of(bound: &Bound<KeyBuffer>) -> Option<&[u8]> {
    match bound {
        Bound::Unbounded => None,
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
    }
}

impl<H: Handle, V: Visibility> VisibleIter<H, V> {
    /// The same iterator at no entry, which goes through those keys that the mode says, of
    /// those that it would go through otherwise. A seek that is brought inside of the bounds
    /// still asks for the prefix of its own key.
    ///
    /// ```
    /// use std::ops::Bound;
    /// use std::sync::Arc;
    /// use verimem::{FixedPrefix, Kind, MemTable, PrefixMode};
    ///
    /// let table = MemTable::builder().prefix_extractor(Arc::new(FixedPrefix(2))).build()?;
    /// table.add(1, Kind::VALUE, b"aa1", b"")?;
    /// table.add(2, Kind::VALUE, b"bb1", b"")?;
    /// // All that lies before "ab" begins with "aa": such a seek may ask for the prefix.
    /// let mut keys = table
    ///     .visible_range(2, Bound::Unbounded, Bound::Excluded(b"ab"))
    ///     .with_prefix_mode(PrefixMode::Auto);
    /// keys.seek(b"aa")?;
    /// assert_eq!(keys.key(), Some(&b"aa1"[..]));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    #[must_use]
    pub fn with_prefix_mode(mut self, mode: PrefixMode) -> Self {
        self.cursor.clear();
        self.prefix_mode = mode;
        self
    }

    fn prefix_of<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        self.handle().prefix_extractor()?.transform(user_key)
    }

    /// Tells the cursor how to search for a key.
    pub(super) fn begin(&mut self, user_key: &[u8], towards: Towards) {
        let in_prefix = match self.prefix_mode {
            PrefixMode::TotalOrder => false,
            PrefixMode::SameAsStart => true,
            PrefixMode::Auto => self.stays_in_prefix(user_key, towards),
        };
        self.cursor.search_in_prefix(in_prefix);
    }

    /// Tells the cursor how to search for a bound: that behind which `sought` lies, if any key
    /// is. False if nothing can be found, and the iterator is at no entry.
    pub(super) fn begin_at_bound(&mut self, sought: Option<&[u8]>, towards: Towards) -> bool {
        let bound = match towards {
            Towards::Lower => key_of(&self.upper),
            Towards::Upper => key_of(&self.lower),
        };
        let in_prefix = match self.prefix_mode {
            PrefixMode::TotalOrder => false,
            PrefixMode::SameAsStart => {
                let prefix = sought.and_then(|user_key| self.prefix_of(user_key));
                // The keys of a prefix lie together: those behind the bound share its prefix.
                if prefix.is_some() && bound.and_then(|key| self.prefix_of(key)) != prefix {
                    self.cursor.clear();
                    return false;
                }
                prefix.is_some()
            }
            PrefixMode::Auto => bound.is_some_and(|key| self.stays_in_prefix(key, towards)),
        };
        self.cursor.search_in_prefix(in_prefix);
        true
    }

    /// Whether all keys from this one to the bound have its prefix.
    fn stays_in_prefix(&self, user_key: &[u8], towards: Towards) -> bool {
        let Some(prefix) = self.prefix_of(user_key) else {
            return false;
        };
        let bound = match towards {
            Towards::Lower => &self.lower,
            Towards::Upper => &self.upper,
        };
        let shares = |key| self.prefix_of(key) == Some(prefix);
        match bound {
            _ if key_of(bound).is_some_and(shares) => true,
            Bound::Excluded(next) if towards == Towards::Upper => {
                let extractor = self.handle().prefix_extractor();
                let full_length = extractor.and_then(|extractor| extractor.full_length());
                full_length == Some(prefix.len())
                    && self.comparator().is_prefix_successor(prefix, next)
            }
            _ => false,
        }
    }

    /// After a search: has the cursor go on in the prefix of its key, or anywhere.
    pub(super) fn go_on(&mut self) {
        let confined = self.prefix_mode == PrefixMode::SameAsStart && self.cursor.is_confined();
        self.cursor.search_in_prefix(confined);
    }

    /// Keeps to the prefix of where a move without a key led.
    pub(super) fn keep_to_prefix(&mut self) {
        if self.prefix_mode == PrefixMode::SameAsStart {
            self.cursor.confine();
            self.go_on();
        }
    }
}
