//! What table a run is on.

use std::cmp::Ordering;
use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use verimem::rep::{
    AnyFactory, HashLinkListFactory, HashSkipListFactory, SkipListFactory, VectorFactory,
};
use verimem::skiplist::HeightSource;
use verimem::{CappedPrefix, Comparator, FixedPrefix, PrefixExtractor, Protection};
use verimem_model::{Duplicates, Merging, Order, Prefixes};

use crate::candidate::Abilities;
use crate::knobs::KNOBS;

/// Which comparator a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// The built-in bytewise order.
    Bytewise,
    /// The built-in reverse order.
    ReverseBytewise,
    /// Bytewise without byte prefixes: [`Plain`].
    Plain,
    /// Bytewise with byte prefixes that tell little: [`Coarse`].
    Coarse,
    /// Bytewise, for keys that share a prefix, as some of the model's do.
    SharedPrefix,
}

impl Compare {
    /// The order it gives.
    #[must_use]
    pub fn order(self) -> Order {
        match self {
            Self::ReverseBytewise => Order::ReverseBytewise,
            _ => Order::Bytewise,
        }
    }
}

/// The bytewise order of an engine that promises nothing, neither about prefixes nor about
/// equal keys: its tables have no filter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Comparator for Plain {
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "test.Plain"
    }
}

/// The bytewise order with prefixes that mostly tie: half of the first byte.
#[derive(Debug, Clone, Copy, Default)]
pub struct Coarse;

impl Comparator for Coarse {
    const BYTE_PREFIX: bool = true;
    const EQUAL_BYTES: bool = true;

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "test.Coarse"
    }

    fn prefix(&self, user_key: &[u8]) -> u32 {
        user_key.first().map_or(0, |&byte| u32::from(byte / 2))
    }
}

/// How tall nodes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Towers {
    /// As chance has it.
    Random,
    /// One level, all of them.
    Low,
    /// As tall as can be, all of them.
    Tall,
    /// By the last byte of the key: often one level, now and then many.
    ByKey,
}

impl Towers {
    pub(crate) fn source(self) -> HeightSource {
        match self {
            Self::Random => HeightSource::Random,
            Self::Low => HeightSource::Scripted(|_| 1),
            Self::Tall => HeightSource::Scripted(|_| usize::MAX),
            Self::ByKey => HeightSource::Scripted(|entry| {
                let last = entry.user_key.last().copied().unwrap_or_default();
                1 + last.trailing_zeros() as usize
            }),
        }
    }
}

/// What a table stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rep {
    /// The default.
    SkipList,
    /// Buckets that are skiplists, so many slots for them, of so many levels.
    HashSkipList(usize, usize),
    /// Buckets that are lists up to so many entries, and so many slots for them.
    HashLinkList(usize, u32),
    /// Entries that are sorted when somebody reads.
    Vector,
}

impl Rep {
    /// What makes it.
    #[must_use]
    pub fn factory(self) -> AnyFactory {
        match self {
            Self::SkipList => AnyFactory::SkipList(SkipListFactory),
            Self::HashSkipList(bucket_count, height) => {
                AnyFactory::HashSkipList(HashSkipListFactory {
                    bucket_count,
                    height,
                    ..Default::default()
                })
            }
            Self::HashLinkList(bucket_count, threshold_use_skiplist) => {
                AnyFactory::HashLinkList(HashLinkListFactory {
                    bucket_count,
                    threshold_use_skiplist,
                    ..Default::default()
                })
            }
            Self::Vector => AnyFactory::Vector(VectorFactory::default()),
        }
    }

    /// What it can do.
    #[must_use]
    pub fn abilities(self) -> Abilities {
        match self {
            Self::Vector => Abilities {
                refuses_duplicates: false,
                overwrites: false,
                knows_hints: false,
                ..Abilities::ALL
            },
            _ => Abilities::ALL,
        }
    }
}

/// How large the Bloom filter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filtering {
    /// There is none.
    Nothing,
    /// As small as can be: most answers are wrong.
    Tiny,
    /// Large enough for few wrong answers.
    Ample,
}

impl Filtering {
    /// Its part of the write buffer's size.
    #[must_use]
    pub fn ratio(self) -> f64 {
        match self {
            Self::Nothing => 0.0,
            Self::Tiny => 1e-9,
            Self::Ample => 0.1,
        }
    }
}

/// What takes such prefixes.
#[must_use]
pub fn extractor(prefixes: Prefixes) -> Option<Arc<dyn PrefixExtractor>> {
    match prefixes {
        Prefixes::Nothing => None,
        Prefixes::Fixed(bytes) => Some(Arc::new(FixedPrefix(bytes))),
        Prefixes::Capped(bytes) => Some(Arc::new(CappedPrefix(bytes))),
    }
}

/// What table a run is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// The representation.
    pub rep: Rep,
    /// The comparator.
    pub compare: Compare,
    /// Height of the tallest tower.
    pub max_height: usize,
    /// One in so many nodes of a level reaches the next.
    pub branching: u32,
    /// How tall nodes are.
    pub towers: Towers,
    /// Checksum bytes per entry.
    pub protection_bytes: usize,
    /// Size that the table is expected to grow to, in bytes.
    pub write_buffer_size: usize,
    /// Block size, in bytes; 0 lets the table choose.
    pub arena_block_size: usize,
    /// Fixed capacity, in bytes.
    pub capacity: Option<usize>,
    /// Single adds go through the exclusive writer.
    pub exclusive: bool,
    /// Counts reads.
    pub track_reads: bool,
    /// Shards of the arena; 0 is one per core.
    pub arena_shards: usize,
    /// Seeds the heights of nodes.
    pub seed: u64,
    /// The sequence number that all entries are promised to be above.
    pub earliest_sequence: u64,
    /// The Bloom filter.
    pub filtering: Filtering,
    /// Whole keys are put into the filter.
    pub whole_keys: bool,
    /// Prefixes are put into the filter.
    pub prefixes: Prefixes,
    /// What folds merge operands.
    pub merging: Merging,
    /// So many operands of a key may lie upon each other.
    pub max_successive_merges: usize,
    /// Bytes of timestamp at the end of keys.
    pub timestamp_len: usize,
    /// What becomes of duplicates.
    pub duplicates: Duplicates,
    /// Verifies the order of what readers come by.
    pub paranoid_checks: bool,
    /// Verifies the checksums of what readers come by.
    pub verify_checksums_on_seek: bool,
    /// Errors show keys.
    pub show_corrupt_keys: bool,
    /// Seeks go so far ahead from where the cursor is.
    pub lookahead: usize,
    /// What the table's representation can do; less than [`Rep::abilities`] only if it is
    /// another one.
    pub abilities: Abilities,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rep: Rep::SkipList,
            compare: Compare::Bytewise,
            max_height: 12,
            branching: 4,
            towers: Towers::Random,
            protection_bytes: 0,
            write_buffer_size: 64 << 10,
            arena_block_size: 0,
            capacity: None,
            exclusive: false,
            track_reads: false,
            arena_shards: 1,
            seed: 0,
            earliest_sequence: 0,
            filtering: Filtering::Nothing,
            whole_keys: true,
            prefixes: Prefixes::Nothing,
            merging: Merging::Nothing,
            max_successive_merges: 0,
            timestamp_len: 0,
            duplicates: Duplicates::Reject,
            paranoid_checks: false,
            verify_checksums_on_seek: false,
            show_corrupt_keys: false,
            lookahead: 0,
            abilities: Abilities::ALL,
        }
    }
}

impl Config {
    /// The protection of the entries.
    #[must_use]
    pub fn protection(&self) -> Protection {
        Protection::from_len(self.protection_bytes).unwrap_or(Protection::None)
    }

    /// The option for which no table can be made, if there is one.
    #[must_use]
    pub fn refused(&self) -> Option<&'static str> {
        let filters_nothing = !self.whole_keys && self.prefixes == Prefixes::Nothing;
        let filter = filters_nothing || self.compare == Compare::Plain;
        if self.max_successive_merges > 0 && self.merging == Merging::Nothing {
            Some("max_successive_merges")
        } else if self.filtering != Filtering::Nothing && filter {
            Some("bloom_size_ratio")
        } else if self.rep == Rep::Vector && self.duplicates != Duplicates::KeepFirst {
            Some("duplicates")
        } else if self.verify_checksums_on_seek && self.protection_bytes == 0 {
            Some("verify_checksums_on_seek")
        } else {
            None
        }
    }

    /// The same without options for which no table can be made.
    #[must_use]
    pub fn allowed(&self) -> Self {
        let mut config = self.clone();
        if self.rep != Rep::SkipList {
            config.abilities = self.rep.abilities();
        }
        while let Some(option) = config.refused() {
            match option {
                "max_successive_merges" => config.max_successive_merges = 0,
                "verify_checksums_on_seek" => config.verify_checksums_on_seek = false,
                "duplicates" => config.duplicates = Duplicates::KeepFirst,
                _ => config.filtering = Filtering::Nothing,
            }
        }
        config
    }
}

impl<'a> Arbitrary<'a> for Config {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut config = Self::default();
        for knob in &KNOBS {
            let turned = u.int_in_range(0..=knob.values + knob.stay - 1)?;
            knob.turn(&mut config, if turned < knob.values { turned } else { 0 });
        }
        config.seed = u64::from(u.arbitrary::<u16>()?);
        Ok(config)
    }
}
