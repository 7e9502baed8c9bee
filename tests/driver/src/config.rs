//! What table a run is on.

use std::cmp::Ordering;

use arbitrary::{Arbitrary, Result, Unstructured};
use verimem::skiplist::HeightSource;
use verimem::{Comparator, Protection};
use verimem_model::Order;

/// Which comparator a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Arbitrary)]
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

/// The bytewise order of an engine that promises nothing about prefixes.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Arbitrary)]
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

/// What table a run is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
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
        }
    }
}

impl Config {
    /// The protection of the entries.
    #[must_use]
    pub fn protection(&self) -> Protection {
        Protection::from_len(self.protection_bytes).unwrap_or(Protection::None)
    }
}

impl<'a> Arbitrary<'a> for Config {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            compare: u.arbitrary()?,
            max_height: *u.choose(&[12, 1, 2, 3, 5, 20, 32])?,
            branching: *u.choose(&[4, 2, 3, 16, 64, 1024])?,
            towers: if u.ratio(1, 2)? {
                Towers::Random
            } else {
                u.arbitrary()?
            },
            protection_bytes: *u.choose(&[0, 1, 2, 4, 8])?,
            write_buffer_size: *u.choose(&[64 << 10, 4 << 10, 1, 1 << 20])?,
            arena_block_size: *u.choose(&[0, 1, 4 << 10, 8 << 10])?,
            capacity: *u.choose(&[
                None,
                None,
                None,
                Some(4 << 10),
                Some(16 << 10),
                Some(64 << 10),
            ])?,
            exclusive: u.arbitrary()?,
            track_reads: u.arbitrary()?,
            arena_shards: *u.choose(&[1, 0, 4])?,
            seed: u64::from(u.arbitrary::<u16>()?),
            earliest_sequence: *u.choose(&[0, 1, 99])?,
        })
    }
}
