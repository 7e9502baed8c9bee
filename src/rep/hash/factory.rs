//! Options of hashed representations, and when there is nothing to hash.

use core::fmt;

use super::{HashLinkListRep, HashRep, HashSkipListRep, Hashed, Index, Towers};
use crate::error::{Error, Result};
use crate::key::Comparator;
use crate::rep::{MemTableRepFactory, RepContext};
use crate::skiplist::SkipList;

/// Most slots: 2 GiB of them.
const MAX_BUCKET_COUNT: usize = 1 << 28;
/// The tallest towers of buckets.
const MAX_HEIGHT: usize = 16;

/// Makes a table whose buckets, one for each prefix, are skiplists (SPEC R2): best for tables
/// with very many prefixes and lookups that know the whole key. The table has to be told a
/// [prefix extractor](crate::MemTableBuilder::prefix_extractor).
///
/// ```
/// use std::sync::Arc;
/// use verimem::rep::HashSkipListFactory;
/// use verimem::{FixedPrefix, Kind, Lookup, MemTable};
///
/// let table = MemTable::builder()
///     .prefix_extractor(Arc::new(FixedPrefix(4)))
///     .representation(HashSkipListFactory { bucket_count: 1_000, ..Default::default() })
///     .build()?;
/// table.add(1, Kind::VALUE, b"user:1", b"Ada")?;
/// assert!(matches!(table.get(b"user:1", 1)?, Lookup::Found { value: b"Ada", .. }));
/// assert_eq!(table.representation().fell_back(), None);
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct HashSkipListFactory {
    /// Slots of the index, 8 bytes each: about as many as there will be prefixes. 1 to 2^28.
    pub bucket_count: usize,
    /// Levels of a bucket, 1 to 16, and no more than the table's `max_height`.
    pub height: usize,
    /// One in this many nodes of a bucket reaches the next level, 2 to 1024.
    pub branching: u32,
}

impl Default for HashSkipListFactory {
    fn default() -> Self {
        Self {
            bucket_count: 1_000_000,
            height: 4,
            branching: 4,
        }
    }
}

/// Makes a table whose buckets, one for each prefix, are lists while they are short, and
/// skiplists when they are long (SPEC R3): best for very many prefixes with very few entries
/// each. The table has to be told a
/// [prefix extractor](crate::MemTableBuilder::prefix_extractor).
#[derive(Debug, Clone, Copy)]
pub struct HashLinkListFactory {
    /// Slots of the index, 8 bytes each: about as many as there will be prefixes. 1 to 2^28.
    pub bucket_count: usize,
    /// Entries of a bucket after which more get towers.
    pub threshold_use_skiplist: u32,
    /// Levels of a bucket that is a skiplist, and of the first entry of each bucket; 1 to 16, and
    /// no more than the table's `max_height`.
    pub height: usize,
    /// One in this many nodes of a skiplist reaches the next level, 2 to 1024.
    pub branching: u32,
}

impl Default for HashLinkListFactory {
    fn default() -> Self {
        Self {
            bucket_count: 50_000,
            threshold_use_skiplist: 256,
            height: 4,
            branching: 4,
        }
    }
}

/// Why a table stands on a plain skiplist though hashing was asked for (SPEC R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallback {
    /// The table was told no prefix extractor.
    NoPrefixExtractor,
    /// The comparator may take different bytes for equal keys, which may have different prefixes.
    EqualKeysDiffer,
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPrefixExtractor => "there is no prefix extractor",
            Self::EqualKeysDiffer => {
                "the comparator may take different bytes for equal keys (EQUAL_BYTES)"
            }
        })
    }
}

/// The options of either factory.
struct Options {
    name: &'static str,
    bucket_count: usize,
    threshold: u32,
    height: usize,
    branching: u32,
}

impl<C: Comparator> MemTableRepFactory<C> for HashSkipListFactory {
    type Rep = HashSkipListRep<C>;

    fn create(self, context: RepContext<C>) -> Result<Self::Rep> {
        let options = Options {
            name: "hash_skiplist",
            bucket_count: self.bucket_count,
            threshold: 0,
            height: self.height,
            branching: self.branching,
        };
        options.create(context)
    }
}

impl<C: Comparator> MemTableRepFactory<C> for HashLinkListFactory {
    type Rep = HashLinkListRep<C>;

    fn create(self, context: RepContext<C>) -> Result<Self::Rep> {
        let options = Options {
            name: "hash_linklist",
            bucket_count: self.bucket_count,
            threshold: self.threshold_use_skiplist,
            height: self.height,
            branching: self.branching,
        };
        options.create(context)
    }
}

impl Options {
    fn create<C: Comparator>(self, context: RepContext<C>) -> Result<HashRep<C>> {
        let invalid = |option, reason| Err(Error::InvalidOption { option, reason });
        if !(1..=MAX_BUCKET_COUNT).contains(&self.bucket_count) {
            return invalid("bucket_count", "not in 1..=2^28");
        }
        if !(1..=MAX_HEIGHT).contains(&self.height) {
            return invalid("height", "not in 1..=16");
        }
        if !(2..=1024).contains(&self.branching) {
            return invalid("branching", "not in 2..=1024");
        }
        let RepContext {
            arena,
            comparator,
            list: options,
            overwrites,
            prefix_extractor,
            ..
        } = context;
        let extractor = match prefix_extractor {
            None => Err(Fallback::NoPrefixExtractor),
            Some(_) if !C::EQUAL_BYTES => Err(Fallback::EqualKeysDiffer),
            Some(extractor) => Ok(extractor),
        };
        let mut list = SkipList::with_cells(arena, comparator, options, overwrites)?;
        let hashed = match extractor {
            Err(fallback) => Err(fallback),
            Ok(extractor) => {
                let height = self.height.min(options.max_height);
                list.look_ahead_by(self.branching, height);
                Ok(Hashed {
                    index: Index::new(list.arena(), self.bucket_count, extractor)?,
                    towers: Towers::new(options.heights, height, self.branching, self.threshold),
                })
            }
        };
        Ok(HashRep {
            name: if hashed.is_ok() {
                self.name
            } else {
                "skiplist"
            },
            hashed,
            list,
        })
    }
}
