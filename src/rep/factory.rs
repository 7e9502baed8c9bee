//! How a table gets its representation.

use core::fmt::Debug;

use super::MemTableRep;
use crate::arena::ConcurrentArena;
use crate::error::Result;
use crate::key::{Comparator, PrefixExtractor};
use crate::skiplist::SkipListOptions;
use crate::sync::Arc;

/// Makes the representation of a table (SPEC R1 to R5), as RocksDB's
/// `MemTableRepFactory` does. One factory makes one table; clone it for more.
///
/// The example `own_representation` has a factory of its own.
pub trait MemTableRepFactory<C: Comparator>: Debug {
    /// What it makes.
    type Rep: MemTableRep<Comparator = C>;

    /// Makes an empty representation.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) for options that it has no use for;
    /// [`Error::Full`](crate::Error::Full), [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn create(self, context: RepContext<C>) -> Result<Self::Rep>;
}

/// What a representation is made of: the options of its table that concern it.
#[derive(Debug)]
#[non_exhaustive]
pub struct RepContext<C> {
    /// Where entries are to be kept: what the table accounts for and reserves.
    pub arena: Arc<ConcurrentArena>,
    /// The order of user keys.
    pub comparator: C,
    /// Towers, checksums, and what is verified.
    pub list: SkipListOptions,
    /// True when entries can be [overwritten](crate::memtable::DuplicatePolicy::Overwrite).
    pub overwrites: bool,
    /// True when the first of two entries with the same key and sequence number is
    /// [kept](crate::memtable::DuplicatePolicy::KeepFirst), and the second is no error.
    pub keeps_first: bool,
    /// What keys begin with, where the table was told.
    pub prefix_extractor: Option<Arc<dyn PrefixExtractor>>,
}
