//! Hints, one for each prefix (SPEC S3).

use core::fmt;
use std::collections::HashMap;

use super::Writer;
use crate::error::{Error, Result};
use crate::key::{Comparator, Kind, PrefixExtractor, SequenceNumber, without_timestamp};
use crate::rep::MemTableRep;
use crate::skiplist::Hint;
use crate::sync::Arc;

/// A [`Hint`] for each prefix that was written lately, for keys that follow upon one
/// another within their prefixes while the prefixes alternate.
///
/// Each thread keeps its own, for as long as it likes: over many batches, or one. They
/// belong to one table, like the hints that they are. RocksDB keeps such a map inside of
/// the table (`memtable_insert_with_hint_prefix_extractor`), where one writer at a time
/// can use it.
///
/// ```
/// use std::sync::Arc;
/// use verimem::{FixedPrefix, Kind, MemTable, PrefixHints};
///
/// let table = MemTable::builder().build()?;
/// let mut hints = PrefixHints::new(Arc::new(FixedPrefix(2)), 100)?;
/// let mut writer = table.writer()?;
/// for (sequence, key) in [b"aa1", b"zz1", b"aa2", b"zz2"].into_iter().enumerate() {
///     writer.add_with_prefix_hints(&mut hints, sequence as u64, Kind::VALUE, key, b"")?;
/// }
/// assert_eq!(hints.len(), 2);
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Clone)]
pub struct PrefixHints {
    extractor: Arc<dyn PrefixExtractor>,
    hints: HashMap<Box<[u8]>, Hint>,
    most: usize,
}

impl PrefixHints {
    /// Hints for up to `most` prefixes, some 400 bytes each and the prefix. When there
    /// would be more, all are forgotten first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for none.
    pub fn new(extractor: Arc<dyn PrefixExtractor>, most: usize) -> Result<Self> {
        if most == 0 {
            return Err(Error::InvalidOption {
                option: "most",
                reason: "no prefixes",
            });
        }
        Ok(Self {
            extractor,
            hints: HashMap::new(),
            most,
        })
    }

    /// How many prefixes are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hints.len()
    }

    /// True when none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hints.is_empty()
    }

    /// Forgets all, as before writing to another table.
    pub fn clear(&mut self) {
        self.hints.clear();
    }

    /// The hint of a key's prefix; `None` when the key has none, or there is no memory
    /// to remember it.
    fn hint(&mut self, user_key: &[u8]) -> Option<&mut Hint> {
        let prefix = self.extractor.transform(user_key)?;
        if !self.hints.contains_key(prefix) {
            if self.hints.len() == self.most {
                self.hints.clear();
            }
            self.hints.try_reserve(1).ok()?;
            let mut key = Vec::new();
            key.try_reserve_exact(prefix.len()).ok()?;
            key.extend_from_slice(prefix);
            self.hints.insert(key.into_boxed_slice(), Hint::new());
        }
        self.hints.get_mut(prefix)
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Writer<'_, C, R> {
    /// As [`add`](Self::add), near where the last entry with the same prefix was added.
    /// A key without a prefix is added as by [`add`](Self::add).
    ///
    /// # Errors
    ///
    /// As for [`add_with_hint`](Self::add_with_hint).
    pub fn add_with_prefix_hints(
        &mut self,
        hints: &mut PrefixHints,
        sequence: SequenceNumber,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        match hints.hint(without_timestamp::<C>(user_key)) {
            Some(hint) => self.add_with_hint(hint, sequence, kind, user_key, value),
            None => self.add(sequence, kind, user_key, value),
        }
    }
}

impl fmt::Debug for PrefixHints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrefixHints")
            .field("extractor", &self.extractor)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
