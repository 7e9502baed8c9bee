//! Counters (SPEC I1, W2).

use crossbeam_utils::CachePadded;

use crate::arena::boxed_slice;
use crate::entry::EntryRef;
use crate::error::Result;
use crate::key::{Comparator, Kind, SequenceNumber, Timestamp, split_timestamp};
use crate::rep::{ReadObserver, Sealed};
use crate::sync::ledger::{FAULT_MEMTABLE_LOST_COUNTERS, FAULT_MEMTABLE_LOST_MAXIMUM};
use crate::sync::{AtomicU64, available_parallelism, fault, ord, shard_index};

/// What was written to a table; exact when no writer is inside, but for the duplicates that a
/// [vector](crate::rep::VectorRep) has until the table is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Entries of all kinds, range deletions included.
    pub entries: u64,
    /// Entries that delete a key: deletions, single deletions, deletions with a timestamp.
    pub deletions: u64,
    /// Merge operands.
    pub merges: u64,
    /// Range deletions.
    pub range_deletions: u64,
    /// Bytes of user keys and values, and eight for each entry's tag; a range deletion
    /// has its begin for a key, and its end for a value.
    pub data_size: u64,
    /// The smallest sequence number of an entry.
    pub first_sequence: Option<SequenceNumber>,
    /// The largest sequence number of an entry.
    pub largest_sequence: Option<SequenceNumber>,
    /// The sequence number from which on the table may have entries, as the
    /// builder was told.
    pub earliest_sequence: SequenceNumber,
    /// The newest timestamp of an entry or range deletion, where keys have timestamps.
    pub newest_timestamp: Option<Timestamp>,
}

/// What one writer wrote; plain numbers, folded into [`Counters`] once. What was overwritten
/// is taken off: the numbers of kinds and bytes are differences, and wrap below 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchCounts {
    pub(super) entries: u64,
    deletions: u64,
    merges: u64,
    range_deletions: u64,
    data_size: u64,
    first: SequenceNumber,
    largest: SequenceNumber,
    newest_timestamp: Timestamp,
}

impl BatchCounts {
    pub(super) const fn new() -> Self {
        Self {
            entries: 0,
            deletions: 0,
            merges: 0,
            range_deletions: 0,
            data_size: 0,
            first: SequenceNumber::MAX,
            largest: 0,
            newest_timestamp: 0,
        }
    }

    #[inline]
    pub(super) fn count<C: Comparator>(&mut self, comparator: &C, entry: &EntryRef<'_>) {
        self.entries += 1;
        let data_size = (entry.user_key.len() + entry.value.len()) as u64 + 8;
        add_to(&mut self.deletions, entry.kind.is_tombstone());
        add_to(&mut self.merges, entry.kind == Kind::MERGE);
        self.range_deletions += u64::from(entry.kind == Kind::RANGE_DELETION);
        self.data_size = self.data_size.wrapping_add(data_size);
        self.first = self.first.min(entry.sequence);
        self.largest = self.largest.max(entry.sequence);
        if let (_, Some(timestamp)) = split_timestamp(comparator, entry.user_key) {
            self.newest_timestamp = self.newest_timestamp.max(timestamp);
        }
    }

    /// Counts that the second entry took the place of the first, with the same key and
    /// sequence number.
    pub(super) fn count_overwrite(&mut self, was: &EntryRef<'_>, is: &EntryRef<'_>) {
        for (entry, sign) in [(is, 1), (was, u64::MAX)] {
            let times = |count: u64| count.wrapping_mul(sign);
            let deletion = times(entry.kind.is_tombstone().into());
            let merge = times((entry.kind == Kind::MERGE).into());
            let bytes = times(entry.value.len() as u64);
            self.deletions = self.deletions.wrapping_add(deletion);
            self.merges = self.merges.wrapping_add(merge);
            self.data_size = self.data_size.wrapping_add(bytes);
        }
        self.first = self.first.min(is.sequence);
        self.largest = self.largest.max(is.sequence);
    }
}

#[inline(always)]
fn add_to(count: &mut u64, one: bool) {
    *count = count.wrapping_add(one.into());
}

/// The counters of one table.
#[derive(Debug)]
pub(super) struct Counters(CachePadded<Shared>);

#[derive(Debug)]
struct Shared {
    entries: AtomicU64,
    deletions: AtomicU64,
    merges: AtomicU64,
    range_deletions: AtomicU64,
    data_size: AtomicU64,
    /// `u64::MAX` while there is no entry.
    first: AtomicU64,
    /// One more than the largest sequence number; 0 while there is no entry.
    after_largest: AtomicU64,
    /// 0 while there is no entry, or keys have no timestamps.
    newest_timestamp: AtomicU64,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self(CachePadded::new(Shared {
            entries: AtomicU64::new(0),
            deletions: AtomicU64::new(0),
            merges: AtomicU64::new(0),
            range_deletions: AtomicU64::new(0),
            data_size: AtomicU64::new(0),
            first: AtomicU64::new(u64::MAX),
            after_largest: AtomicU64::new(0),
            newest_timestamp: AtomicU64::new(0),
        }))
    }

    /// Adds what a writer wrote; the door's release comes after.
    pub(super) fn fold(&self, batch: &BatchCounts) {
        if batch.first > batch.largest {
            // Nothing was added or overwritten.
            return;
        }
        add(&self.0.entries, batch.entries);
        add(&self.0.deletions, batch.deletions);
        add(&self.0.merges, batch.merges);
        add(&self.0.range_deletions, batch.range_deletions);
        add(&self.0.data_size, batch.data_size);
        if read(&self.0.first) > batch.first {
            self.0
                .first
                .fetch_min(batch.first, ord!(COUNTER_MIN, Relaxed));
        }
        raise(&self.0.after_largest, batch.largest + 1);
        if batch.newest_timestamp != 0 {
            raise(&self.0.newest_timestamp, batch.newest_timestamp);
        }
    }

    /// Takes off an entry that was counted and dropped later: the one that stayed has its
    /// sequence number, and its timestamp.
    pub(super) fn discount(&self, entry: &EntryRef<'_>) {
        let data_size = (entry.user_key.len() + entry.value.len()) as u64 + 8;
        let less = |counter, amount: u64| add(counter, amount.wrapping_neg());
        less(&self.0.entries, 1);
        less(&self.0.deletions, entry.kind.is_tombstone().into());
        less(&self.0.merges, (entry.kind == Kind::MERGE).into());
        less(&self.0.data_size, data_size);
    }

    pub(super) fn read<C: Comparator>(&self, earliest_sequence: SequenceNumber) -> Stats {
        let first = read(&self.0.first);
        // A writer that is still inside may have added what another one overwrote already.
        let present = |counter| match read(counter) {
            below_zero if below_zero > u64::MAX / 2 => 0,
            count => count,
        };
        let entries = read(&self.0.entries);
        let stamped = C::TIMESTAMP_LEN != 0 && entries != 0;
        Stats {
            entries,
            deletions: present(&self.0.deletions),
            merges: present(&self.0.merges),
            range_deletions: read(&self.0.range_deletions),
            data_size: present(&self.0.data_size),
            first_sequence: (first != u64::MAX).then_some(first),
            largest_sequence: read(&self.0.after_largest).checked_sub(1),
            earliest_sequence,
            newest_timestamp: stamped.then(|| read(&self.0.newest_timestamp)),
        }
    }
}

fn raise(counter: &AtomicU64, to: u64) {
    if read(counter) < to {
        if fault(&FAULT_MEMTABLE_LOST_MAXIMUM) {
            counter.store(to, ord!(COUNTER_MAX_FAULT_STORE, Relaxed));
            return;
        }
        counter.fetch_max(to, ord!(COUNTER_MAX, Relaxed));
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    if amount == 0 {
        return;
    }
    if fault(&FAULT_MEMTABLE_LOST_COUNTERS) {
        let sum = read(counter).wrapping_add(amount);
        counter.store(sum, ord!(COUNTER_FAULT_STORE, Relaxed));
        return;
    }
    counter.fetch_add(amount, ord!(COUNTER_ADD, Relaxed));
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(ord!(COUNTER_LOAD, Relaxed))
}

/// How a table was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReadStats {
    /// Calls of `get` and `get_entry`.
    pub gets: u64,
    /// Those that found something, be it a tombstone.
    pub get_hits: u64,
    /// Seeks of cursors and iterators, to whatever place.
    pub seeks: u64,
    /// Steps of cursors and iterators, in either direction.
    pub steps: u64,
}

/// One row of counters per core, so that readers do not meet.
#[derive(Debug)]
pub(super) struct ReadCounters(Box<[CachePadded<ReadRow>]>);

#[derive(Debug)]
struct ReadRow {
    gets: AtomicU64,
    get_hits: AtomicU64,
    seeks: AtomicU64,
    steps: AtomicU64,
}

impl ReadCounters {
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(super) fn new() -> Result<Self> {
        let rows = available_parallelism().next_power_of_two();
        let row = || {
            CachePadded::new(ReadRow {
                gets: AtomicU64::new(0),
                get_hits: AtomicU64::new(0),
                seeks: AtomicU64::new(0),
                steps: AtomicU64::new(0),
            })
        };
        Ok(Self(boxed_slice(rows, row)?))
    }

    fn row(&self) -> &ReadRow {
        &self.0[shard_index() & (self.0.len() - 1)]
    }

    pub(super) fn observe_get(&self, hit: bool) {
        let row = self.row();
        bump(&row.gets);
        if hit {
            bump(&row.get_hits);
        }
    }

    pub(super) fn read(&self) -> ReadStats {
        let sum = |column: fn(&ReadRow) -> &AtomicU64| {
            let load = |row| column(row).load(ord!(READ_COUNTER_LOAD, Relaxed));
            self.0.iter().map(|row| load(row)).sum()
        };
        ReadStats {
            gets: sum(|row| &row.gets),
            get_hits: sum(|row| &row.get_hits),
            seeks: sum(|row| &row.seeks),
            steps: sum(|row| &row.steps),
        }
    }
}

impl Sealed for ReadCounters {}

impl ReadObserver for ReadCounters {
    fn seek(&self) {
        bump(&self.row().seeks);
    }

    fn step(&self) {
        bump(&self.row().steps);
    }
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, ord!(READ_COUNTER_ADD, Relaxed));
}
