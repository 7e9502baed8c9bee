//! What a table can be told.

use super::duplicates::DuplicatePolicy;
use core::marker::PhantomData;

use super::filter::{Filter, FilterOptions};
use super::{Counters, Door, MemTable, ReadCounters};
use crate::arena::{ArenaOptions, ArenaPool, Budget, ConcurrentArena};
use crate::entry::Protection;
use crate::error::{Error, Result};
use crate::key::{
    BytewiseComparator, Comparator, MAX_SEQUENCE_NUMBER, PrefixExtractor, SequenceNumber,
};
use crate::merge::MergeOperator;
use crate::rep::{MemTableRepFactory, RepContext, SkipListFactory};
use crate::skiplist::{HeightSource, SkipListOptions};
use crate::sync::{Arc, unique_id};
use crate::tombstones::Tombstones;

/// Builds a [`MemTable`].
///
/// ```
/// use verimem::{MemTable, Protection};
///
/// let table = MemTable::builder()
///     .write_buffer_size(16 << 20)
///     .protection(Protection::Four)
///     .build()?;
/// assert!(table.is_empty());
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct MemTableBuilder<C = BytewiseComparator, F = SkipListFactory> {
    comparator: C,
    factory: F,
    arena: ArenaOptions,
    list: SkipListOptions,
    earliest_sequence: SequenceNumber,
    track_reads: bool,
    merge_operator: Option<Arc<dyn MergeOperator>>,
    pub(super) max_successive_merges: usize,
    pub(super) duplicates: DuplicatePolicy,
    filter: FilterOptions,
}

impl<C: Comparator> MemTableBuilder<C> {
    pub(super) fn new(comparator: C) -> Self {
        Self {
            comparator,
            factory: SkipListFactory,
            arena: ArenaOptions::default(),
            list: SkipListOptions::default(),
            earliest_sequence: 0,
            track_reads: false,
            merge_operator: None,
            max_successive_merges: 0,
            duplicates: DuplicatePolicy::Reject,
            filter: FilterOptions::default(),
        }
    }
}

impl<C: Comparator, F: MemTableRepFactory<C>> MemTableBuilder<C, F> {
    /// What the table stands on, [`SkipListFactory`] by default: the representation that
    /// `factory` makes, which becomes part of the table's type.
    pub fn representation<G: MemTableRepFactory<C>>(self, factory: G) -> MemTableBuilder<C, G> {
        MemTableBuilder {
            comparator: self.comparator,
            factory,
            arena: self.arena,
            list: self.list,
            earliest_sequence: self.earliest_sequence,
            track_reads: self.track_reads,
            merge_operator: self.merge_operator,
            max_successive_merges: self.max_successive_merges,
            duplicates: self.duplicates,
            filter: self.filter,
        }
    }

    /// The size in bytes that the table is expected to grow to; block sizes
    /// follow it. Default 64 MiB.
    pub fn write_buffer_size(mut self, bytes: usize) -> Self {
        self.arena.write_buffer_size = bytes;
        self
    }

    /// Bytes per arena block; 0, the default, picks by the write buffer's size.
    pub fn arena_block_size(mut self, bytes: usize) -> Self {
        self.arena.block_size = bytes;
        self
    }

    /// Asks for transparent huge pages. Default off.
    pub fn huge_pages(mut self, on: bool) -> Self {
        self.arena.huge_pages = on;
        self
    }

    /// Fixed-capacity mode: the arena never takes more than this many bytes, and
    /// what does not fit is refused with [`Error::Full`]. Default: no limit but
    /// the 32 GiB that offsets address.
    pub fn capacity(mut self, bytes: Option<usize>) -> Self {
        self.arena.capacity = bytes;
        self
    }

    /// Shards of the arena; 0, the default, is one per core.
    pub fn arena_shards(mut self, shards: usize) -> Self {
        self.arena.shards = shards;
        self
    }

    /// Who is told of every block that the table reserves.
    pub fn budget(mut self, budget: Arc<dyn Budget>) -> Self {
        self.arena.budget = Some(budget);
        self
    }

    /// Where the table's memory comes from if the pool has some, and where it goes
    /// when the last user of the table is gone: a table made of used memory
    /// waits for no fresh pages. Default: none.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use verimem::arena::ArenaPool;
    /// use verimem::{Kind, MemTable};
    ///
    /// let pool = Arc::new(ArenaPool::new(128 << 20));
    /// for sequence in 0..3 {
    ///     let table = MemTable::builder().arena_pool(Arc::clone(&pool)).build()?;
    ///     table.add(sequence, Kind::VALUE, b"key", b"value")?;
    /// }
    /// assert!(pool.retained() > 0);
    /// # Ok::<(), verimem::Error>(())
    /// ```
    pub fn arena_pool(mut self, pool: Arc<ArenaPool>) -> Self {
        self.arena.pool = Some(pool);
        self
    }

    /// The tallest tower of the skiplist, 1 to 32. Default 20.
    pub fn max_height(mut self, levels: usize) -> Self {
        self.list.max_height = levels;
        self
    }

    /// One in this many nodes reaches the next level, 2 to 1024. Default 2.
    pub fn branching(mut self, branching: u32) -> Self {
        self.list.branching = branching;
        self
    }

    /// A seek of a cursor that goes at most about so many entries ahead, up to some 64, begins where
    /// the cursor's last seek ended instead of at the head: RocksDB's `lookahead` of its
    /// `SkipListFactory`, but that it takes O(log d) steps for d entries. It
    /// decides how long a seek takes, never where it leads; seeks to anywhere take a little longer.
    /// Hashed representations begin at a bucket instead. 0, the default, is off.
    ///
    /// ```
    /// use verimem::{Kind, MemTable};
    ///
    /// let table = MemTable::builder().lookahead(16).build()?;
    /// for number in 0..100_u8 {
    ///     table.add(1, Kind::VALUE, &[number], b"")?;
    /// }
    /// let mut cursor = table.iter();
    /// for number in (0..100_u8).step_by(3) {
    ///     cursor.seek(&[number], 1);
    ///     assert_eq!(cursor.key(), Some((&[number][..], 1)));
    /// }
    /// # Ok::<(), verimem::Error>(())
    /// ```
    pub fn lookahead(mut self, entries: usize) -> Self {
        self.list.lookahead = entries;
        self
    }

    /// Where the heights of nodes come from. Default: random.
    pub fn heights(mut self, heights: HeightSource) -> Self {
        self.list.heights = heights;
        self
    }

    /// Bytes of checksum per entry. Default none. With a checksum an entry takes eight
    /// more bytes, from which it is known where it ends whatever its lengths say: no damage
    /// to an entry makes a reader leave it.
    pub fn protection(mut self, protection: Protection) -> Self {
        self.list.protection = protection;
        self
    }

    /// Verifies the order of the entries that a reader comes by, while it seeks as well as
    /// while it steps. Default off. Searches are then made twice, the second time without the
    /// help of prefixes.
    ///
    /// ```
    /// use verimem::{Kind, Lookup, MemTable, Protection};
    ///
    /// let table = MemTable::builder()
    ///     .protection(Protection::Eight)
    ///     .paranoid_checks(true)
    ///     .verify_checksums_on_seek(true)
    ///     .build()?;
    /// table.add(1, Kind::VALUE, b"k", b"v")?;
    /// assert!(matches!(table.get(b"k", 1)?, Lookup::Found { .. }));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    pub fn paranoid_checks(mut self, on: bool) -> Self {
        self.list.paranoid_checks = on;
        self
    }

    /// Verifies the checksums of the entries that a reader comes by, not only of those that
    /// it returns. Needs a [`protection`](Self::protection). Default off.
    pub fn verify_checksums_on_seek(mut self, on: bool) -> Self {
        self.list.verify_checksums_on_seek = on;
        self
    }

    /// Lets [`Error::Corruption`] show the first bytes of the key of a damaged entry; keys
    /// may be secrets, and errors end in logs. Default off.
    pub fn show_corrupt_keys(mut self, on: bool) -> Self {
        self.list.show_corrupt_keys = on;
        self
    }

    /// No entry will have a smaller sequence number; reported by
    /// [`MemTable::stats`], not enforced. Default 0.
    pub fn earliest_sequence(mut self, sequence: SequenceNumber) -> Self {
        self.earliest_sequence = sequence;
        self
    }

    /// What becomes of an entry whose key and sequence number the table has. Default:
    /// it is refused.
    ///
    /// ```
    /// use verimem::memtable::DuplicatePolicy;
    /// use verimem::{Kind, Lookup, MemTable};
    ///
    /// let table = MemTable::builder().duplicates(DuplicatePolicy::KeepFirst).build()?;
    /// table.add(1, Kind::VALUE, b"k", b"first")?;
    /// table.add(1, Kind::VALUE, b"k", b"second")?;
    /// assert!(matches!(table.get(b"k", 1)?, Lookup::Found { value: b"first", .. }));
    ///
    /// let table = MemTable::builder().duplicates(DuplicatePolicy::Overwrite).build()?;
    /// table.add(1, Kind::VALUE, b"k", b"first")?;
    /// let first = table.get(b"k", 1)?;
    /// table.add(1, Kind::VALUE, b"k", b"second")?;
    /// assert!(matches!(first, Lookup::Found { value: b"first", .. })); // still borrowed
    /// assert!(matches!(table.get(b"k", 1)?, Lookup::Found { value: b"second", .. }));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    pub fn duplicates(mut self, policy: DuplicatePolicy) -> Self {
        self.duplicates = policy;
        self
    }

    /// Counts reads, see [`MemTable::read_stats`]. Default off.
    pub fn track_reads(mut self, on: bool) -> Self {
        self.track_reads = on;
        self
    }

    /// What folds merge operands, see [`Reader::get_merged`](super::Reader::get_merged).
    /// Default: none; operands are stored and returned all the same.
    pub fn merge_operator(mut self, operator: Arc<dyn MergeOperator>) -> Self {
        self.merge_operator = Some(operator);
        self
    }

    /// How many operands of a key may lie upon each other in this table before the next
    /// one is folded with them and the entry below into a value, as it is written
    /// (SPEC W5). 0, the default, never folds.
    ///
    /// Only exclusive writers fold, since a concurrent one may still be adding an entry
    /// that belongs below; and only operands whose base is in this table, a value or a
    /// tombstone, below at most four times as many operands. The entries of such a key
    /// must be added in the order of their sequence numbers, and timestamps; where batches may be aborted,
    /// see [`Writer::fold_with`](super::Writer::fold_with). An operand whose merge fails
    /// is stored as it is: reading the key reports the failure.
    ///
    /// What is folded may be larger than the operand: it is not what
    /// [`reserve`](super::Writer::reserve) was asked for.
    pub fn max_successive_merges(mut self, operands: usize) -> Self {
        self.max_successive_merges = operands;
        self
    }

    /// Gives the table a Bloom filter of so much of the write buffer's size, at most a
    /// quarter of it, so that most lookups of keys that it does not have end at once.
    /// 0, the default, gives it none. At 10 bits per key, which is a ratio of 0.01 for
    /// keys and values of 116 bytes together, about 1 in 100 such keys is searched for.
    ///
    /// The comparator has to say that [equal keys are equal
    /// bytes](Comparator::EQUAL_BYTES).
    ///
    /// ```
    /// use verimem::{Kind, Lookup, MemTable};
    ///
    /// let table = MemTable::builder().write_buffer_size(1 << 20).bloom_size_ratio(0.02).build()?;
    /// table.add(1, Kind::VALUE, b"k", b"v")?;
    /// assert_eq!(table.get(b"absent", 1)?, Lookup::NotFound);
    /// # Ok::<(), verimem::Error>(())
    /// ```
    pub fn bloom_size_ratio(mut self, ratio: f64) -> Self {
        self.filter.ratio = ratio;
        self
    }

    /// Whether whole keys are put into the Bloom filter. Default true.
    pub fn whole_key_filtering(mut self, on: bool) -> Self {
        self.filter.whole_keys = on;
        self
    }

    /// What keys begin with: prefixes are put into the Bloom filter as well, and share
    /// its size with whole keys. Lookups ask for the whole key, or for the prefix where
    /// whole keys are not filtered; iterators ask for the prefix, as their
    /// [`PrefixMode`](crate::PrefixMode) says. Default: none.
    pub fn prefix_extractor(mut self, extractor: Arc<dyn PrefixExtractor>) -> Self {
        self.filter.prefixes = Some(extractor);
        self
    }

    /// Bytes of checksum per entry.
    pub(super) fn checksums(&self) -> Protection {
        self.list.protection
    }

    /// Whether there is a merge operator.
    pub(super) fn merges(&self) -> bool {
        self.merge_operator.is_some()
    }

    /// Makes the table.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] or [`Error::SequenceTooLarge`] for an option out
    /// of range; [`Error::OutOfMemory`].
    pub fn build(self) -> Result<MemTable<C, F::Rep>> {
        if self.earliest_sequence > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge {
                sequence: self.earliest_sequence,
            });
        }
        if self.max_successive_merges > 0 && self.merge_operator.is_none() {
            return Err(Error::InvalidOption {
                option: "max_successive_merges",
                reason: "needs a merge operator",
            });
        }
        let (size, budget) = (self.arena.write_buffer_size, self.arena.budget.clone());
        let prefix_extractor = self.filter.prefixes.clone();
        let filter = Filter::new(self.filter, size, budget.as_ref())?;
        if filter.is_some() && !C::EQUAL_BYTES {
            return Err(Error::InvalidOption {
                option: "bloom_size_ratio",
                reason: "the comparator may take different bytes for equal keys",
            });
        }
        let arena = Arc::new(ConcurrentArena::new(self.arena)?);
        let rep = self.factory.create(RepContext {
            arena: Arc::clone(&arena),
            comparator: self.comparator,
            list: self.list,
            overwrites: self.duplicates == DuplicatePolicy::Overwrite,
            keeps_first: self.duplicates == DuplicatePolicy::KeepFirst,
            prefix_extractor: prefix_extractor.clone(),
        })?;
        Ok(MemTable {
            rep,
            arena,
            order: PhantomData,
            reads: self.track_reads.then(ReadCounters::new).transpose()?,
            id: unique_id(),
            earliest_sequence: self.earliest_sequence,
            merge_operator: self.merge_operator,
            max_successive_merges: self.max_successive_merges,
            duplicates: self.duplicates,
            filter,
            prefix_extractor,
            tombstones: Tombstones::new(budget),
            door: Door::new(),
            counters: Counters::new(),
        })
    }
}
