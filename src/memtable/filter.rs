//! The Bloom filter of a table (SPEC B1).

use smallvec::SmallVec;

use super::MemTable;
use super::reader::GROUP;
use crate::arena::Budget;
use crate::bloom::Bloom;
use crate::error::{Error, Result};
use crate::key::{Comparator, PrefixExtractor};
use crate::rep::MemTableRep;
use crate::sync::{Arc, random_u64};

/// Probes per key: about the best for 10 bits per key.
const PROBES: u32 = 6;
/// Most of the write buffer's size that a filter takes.
const MAX_RATIO: f64 = 0.25;

/// What a table is told about its filter.
#[derive(Debug, Clone)]
pub(super) struct FilterOptions {
    pub(super) ratio: f64,
    pub(super) whole_keys: bool,
    pub(super) prefixes: Option<Arc<dyn PrefixExtractor>>,
}

impl Default for FilterOptions {
    fn default() -> Self {
        Self {
            ratio: 0.0,
            whole_keys: true,
            prefixes: None,
        }
    }
}

/// Which keys and prefixes a table may have.
#[derive(Debug)]
pub(super) struct Filter {
    keys: Option<Bloom>,
    prefixes: Option<(Bloom, Arc<dyn PrefixExtractor>)>,
    charged: Option<(Arc<dyn Budget>, usize)>,
}

impl Filter {
    /// The filter of a table, if it is to have one.
    pub(super) fn new(
        options: FilterOptions,
        write_buffer_size: usize,
        budget: Option<&Arc<dyn Budget>>,
    ) -> Result<Option<Self>> {
        let FilterOptions {
            ratio,
            whole_keys,
            prefixes,
        } = options;
        let refuse = |reason| {
            Err(Error::InvalidOption {
                option: "bloom_size_ratio",
                reason,
            })
        };
        if ratio.is_nan() || ratio < 0.0 {
            return refuse("not a number from 0 on");
        }
        if ratio == 0.0 {
            return Ok(None);
        }
        let kinds = usize::from(whole_keys) + usize::from(prefixes.is_some());
        if kinds == 0 {
            return refuse("neither whole keys nor prefixes are filtered");
        }
        let bytes = (write_buffer_size as f64 * ratio.min(MAX_RATIO)) as usize;
        let bloom = || Bloom::new(bytes.saturating_mul(8) / kinds, PROBES, random_u64());
        let keys = whole_keys.then(bloom).transpose()?;
        let prefixes = match prefixes {
            Some(extractor) => Some((bloom()?, extractor)),
            None => None,
        };
        let mut filter = Self {
            keys,
            prefixes,
            charged: None,
        };
        if let Some(budget) = budget {
            let bytes = filter.bytes();
            budget.charge(bytes);
            filter.charged = Some((Arc::clone(budget), bytes));
        }
        Ok(Some(filter))
    }

    /// Bytes that the filter takes.
    pub(super) fn bytes(&self) -> usize {
        let prefixes = self.prefixes.as_ref().map(|(bloom, _)| bloom);
        let blooms = self.keys.iter().chain(prefixes);
        blooms.map(Bloom::bytes).sum()
    }

    /// Adds a key, and its prefix if it has one. Before the entry is linked, so that
    /// who has seen the entry sees its bits.
    #[inline]
    pub(super) fn add(&self, user_key: &[u8]) {
        if let Some(keys) = &self.keys {
            keys.add(user_key);
        }
        if let Some((bloom, extractor)) = &self.prefixes {
            if let Some(prefix) = extractor.transform(user_key) {
                bloom.add(prefix);
            }
        }
    }

    /// True when the table has no entry of the key that happened before.
    #[inline]
    pub(super) fn rules_out(&self, user_key: &[u8]) -> bool {
        self.asked(user_key)
            .is_some_and(|(bloom, part)| !bloom.may_contain(part))
    }

    /// False when the table has no entry with the prefix that happened before.
    pub(super) fn may_have_prefix(&self, prefix: &[u8]) -> bool {
        let prefixes = self.prefixes.as_ref();
        prefixes.is_none_or(|(bloom, _)| bloom.may_contain(prefix))
    }

    /// For each of the keys, whether the table may have it: all lines are asked for before
    /// the first is looked at.
    pub(super) fn admit<'k>(
        &self,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> SmallVec<[bool; GROUP]> {
        let asked: SmallVec<[_; GROUP]> = keys
            .map(|key| {
                self.asked(key)
                    .map(|(bloom, part)| (bloom, bloom.ask(part)))
            })
            .collect();
        asked
            .into_iter()
            .map(|asked| asked.is_none_or(|(bloom, hash)| bloom.may_contain_hash(hash)))
            .collect()
    }

    /// What is asked of a key, and of which filter; `None` for a key of which the filter
    /// knows nothing.
    #[inline]
    fn asked<'k>(&self, user_key: &'k [u8]) -> Option<(&Bloom, &'k [u8])> {
        if let Some(keys) = &self.keys {
            return Some((keys, user_key));
        }
        let (bloom, extractor) = self.prefixes.as_ref()?;
        Some((bloom, extractor.transform(user_key)?))
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// What takes the prefixes of keys, if the table was told.
    #[must_use]
    pub fn prefix_extractor(&self) -> Option<&dyn PrefixExtractor> {
        self.prefix_extractor.as_deref()
    }

    /// False when it is known that no entry has the prefix.
    pub(super) fn may_have_prefix(&self, prefix: &[u8]) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.may_have_prefix(prefix))
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        if let Some((budget, bytes)) = &self.charged {
            budget.release(*bytes);
        }
    }
}
