//! A memtable for LSM storage engines whose concurrency is model-checked.
//!
//! A [`MemTable`] holds the newest entries of an LSM tree in memory, ordered,
//! until they are flushed. Readers are lock-free and never wait; any number of
//! writers insert at the same time.
//!
//! ```
//! use verimem::{Kind, Lookup, MemTable};
//!
//! let table = MemTable::builder().build()?;
//! table.add(1, Kind::VALUE, b"key", b"value")?;
//! assert!(matches!(table.get(b"key", 1)?, Lookup::Found { value: b"value", .. }));
//! # Ok::<(), verimem::Error>(())
//! ```
//!
//! # How it is checked
//!
//! Every atomic access goes through one module that also runs on loom and on
//! shuttle, and has a row in the [`ledger`]: its ordering, its partner, the
//! reason, and the model that fails when it is weakened. This is bounded model
//! checking at stated bounds, not a proof; the repository's `docs/checking.md` lists
//! the models, their bounds, and what the checkers cannot see.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod advisor;
pub mod arena;
pub mod batch;
pub mod bloom;
pub mod codec;
mod entry;
mod error;
mod key;
pub mod list;
mod lookup;
pub mod memtable;
pub mod merge;
pub mod rep;
mod sequence_time;
pub mod sequencer;
pub mod skiplist;
mod sync;
mod timed_value;
mod tombstones;
mod visibility;
pub mod write_buffer;

pub use batch::{WriteBatch, WriteBatchRef};
pub use entry::{EntryRef, LookupKey, Protection, decode, encode, encoded_len};
pub use error::{CorruptKey, Corruption, Damage, Error, RecordField, Result};
pub use key::{
    BytewiseComparator, CappedPrefix, Comparator, FixedPrefix, Kind, MAX_SEQUENCE_NUMBER,
    PrefixExtractor, PrefixMode, ReverseBytewiseComparator, SequenceNumber, SharedPrefixComparator,
    Timestamp, TimestampedComparator, split_timestamp,
};
pub use lookup::{Lookup, MergeBase};
pub use memtable::in_place;
pub use memtable::{
    InPlaceTable, MemTable, MemTableBuilder, PrefixHints, RangeStats, Reader, Stats, Stripped,
    VisibleIter, Writer,
};
pub use sequence_time::{SequenceTime, SequenceTimes};
pub use skiplist::{BatchError, Hint};
pub use sync::{ledger, seed_thread_rng};
pub use timed_value::TimedValue;
pub use tombstones::{DeletionRun, DeletionRuns, Fragment, RangeDeletions};
pub use visibility::{Everything, Visibility};

/// What models of the concurrent parts need and users do not.
#[cfg(any(loom, shuttle))]
#[doc(hidden)]
pub mod checker {
    use crate::arena::{ConcurrentArena, Memory, Ticket};
    use crate::rep::{Handle, HashRep, MemTableRep, VectorRep};
    use crate::skiplist::{InsertContext, Sharing, SkipList};
    use crate::write_buffer::WriteBufferManager;
    use crate::{BatchError, Comparator, EntryRef, Hint, MemTable, Result, SequenceNumber};

    pub use crate::skiplist::FAR_BYTES;
    pub use crate::sync::{Instant, Visits, reset_clock, set_shard_index, visits_of};

    /// Lets a second pass on the model's clock, which ends waits with a deadline.
    pub fn tick(manager: &WriteBufferManager) {
        crate::sync::advance_clock(1);
        manager.tick();
    }

    /// Inserts from memory set aside before, so that allocation adds no schedule points.
    pub fn insert<C: Comparator>(
        list: &SkipList<C>,
        ticket: &mut Ticket<'_>,
        entry: &EntryRef<'_>,
    ) -> Result<()> {
        let mut context = InsertContext::new();
        // SAFETY: concurrent inserts need no exclusivity; the models take their
        // tickets from the list's own arena.
        unsafe { list.insert_near(Sharing::Concurrent, ticket, &mut context, entry, || ()) }
    }

    /// As [`insert`], into a hashed representation, with so many bytes set aside.
    pub fn insert_hashed<C: Comparator>(
        rep: &HashRep<C>,
        bytes: usize,
        entry: &EntryRef<'_>,
    ) -> Result<()> {
        let arena: &ConcurrentArena = rep.list().arena();
        let ticket = Some(arena.reserve(bytes)?);
        let mut memory = Memory { arena, ticket };
        let mut context = InsertContext::new();
        // SAFETY: concurrent inserts need no exclusivity; memory and context are its own.
        unsafe { rep.insert(Sharing::Concurrent, &mut memory, &mut context, entry, || ()) }
    }

    /// Appends to a vector from memory set aside before.
    pub fn append<C: Comparator>(
        rep: &VectorRep<C>,
        ticket: &mut Ticket<'_>,
        entry: &EntryRef<'_>,
    ) -> Result<()> {
        rep.append(ticket, entry)
    }

    /// Sets memory aside for a vector.
    pub fn reserve<C: Comparator>(rep: &VectorRep<C>, bytes: usize) -> Result<Ticket<'_>> {
        rep.arena().reserve(bytes)
    }

    /// What a writer keeps from one insert to the next.
    pub struct Context(InsertContext);

    impl Context {
        /// That of a writer that has inserted nothing yet.
        pub fn empty() -> Self {
            Self(InsertContext::new())
        }
    }

    /// As [`insert`], near the context's last insert.
    pub fn insert_near<C: Comparator>(
        list: &SkipList<C>,
        ticket: &mut Ticket<'_>,
        context: &mut Context,
        entry: &EntryRef<'_>,
    ) -> Result<()> {
        // SAFETY: as for `insert`; the models use a context with one list only.
        unsafe { list.insert_near(Sharing::Concurrent, ticket, &mut context.0, entry, || ()) }
    }

    /// As [`insert_near`] for each of the entries.
    pub fn insert_batch<C: Comparator>(
        list: &SkipList<C>,
        ticket: &mut Ticket<'_>,
        context: &mut Context,
        entries: &[EntryRef<'_>],
    ) -> core::result::Result<(), BatchError> {
        // SAFETY: as for `insert_near`.
        unsafe { list.insert_all(Sharing::Concurrent, ticket, &mut context.0, entries, |_| ()) }
    }

    /// As [`insert`], near a hint.
    pub fn insert_with_hint<C: Comparator>(
        list: &SkipList<C>,
        ticket: &mut Ticket<'_>,
        hint: &mut Hint,
        entry: &EntryRef<'_>,
    ) -> Result<()> {
        // SAFETY: as for `insert`.
        unsafe { list.insert_hinted(Sharing::Concurrent, ticket, hint, entry, || ()) }
    }

    /// Overwrites an entry past its table's door and counters; returns what it replaced.
    pub fn overwrite<'l, C: Comparator>(
        list: &'l SkipList<C>,
        entry: &EntryRef<'_>,
    ) -> Result<EntryRef<'l>> {
        // SAFETY: the memory is from the list's own arena.
        let replaced = unsafe { list.overwrite(&mut &**list.arena(), entry) }?;
        replaced.map_err(Into::into)
    }

    /// Deletes a range past the table's door and counters, which have models of their own.
    pub fn delete_range<C: Comparator>(
        table: &MemTable<C>,
        sequence: SequenceNumber,
        begin: &[u8],
        end: &[u8],
    ) -> Result<()> {
        let tombstones = Handle::tombstones(&table).expect("a table has them");
        tombstones.add(table.comparator(), begin, end, sequence, || ())
    }

    /// As [`insert`], with plain stores.
    ///
    /// # Safety
    ///
    /// No other thread inserts at the same time, and all earlier inserts happen
    /// before this one.
    pub unsafe fn insert_exclusive<C: Comparator>(
        list: &SkipList<C>,
        ticket: &mut Ticket<'_>,
        entry: &EntryRef<'_>,
    ) -> Result<()> {
        // SAFETY: exclusivity is passed on from the caller; the ticket as for `insert`.
        unsafe { list.insert_alone(ticket, entry, || ()) }
    }

    /// As [`insert_exclusive`] for each of the entries.
    ///
    /// # Safety
    ///
    /// As for [`insert_exclusive`].
    pub unsafe fn insert_batch_exclusive<C: Comparator>(
        list: &SkipList<C>,
        ticket: &mut Ticket<'_>,
        entries: &[EntryRef<'_>],
    ) -> core::result::Result<(), BatchError> {
        // SAFETY: as for `insert_exclusive`.
        unsafe { list.insert_all_alone(ticket, entries, |_| ()) }
    }
}
