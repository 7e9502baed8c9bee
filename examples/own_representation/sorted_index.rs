//! A sorted index over records that never move. It inserts in O(n), so it is for small tables only.

use std::cmp::Ordering;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

use verimem::rep::{MemTableRep, MemTableRepFactory, Memory, ReadRep, RepContext, Sharing};
use verimem::{Comparator, EntryRef, Error, Kind, Result, SequenceNumber};

struct Record {
    user_key: Box<[u8]>,
    sequence: SequenceNumber,
    kind: Kind,
    value: Box<[u8]>,
}

/// Records in the order of their arrival, and their places in the order of their keys.
pub struct SortedIndex<C> {
    order: C,
    records: Box<[OnceLock<Record>]>,
    sorted: RwLock<Vec<u32>>,
}

impl<C: Comparator> SortedIndex<C> {
    fn sorted(&self) -> RwLockReadGuard<'_, Vec<u32>> {
        // A comparator that panicked has left the index as it was.
        self.sorted.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, at: u32) -> Option<&Record> {
        self.records.get(at as usize)?.get()
    }

    /// By key ascending, and by sequence number descending within a key.
    fn compare(&self, at: u32, user_key: &[u8], sequence: SequenceNumber) -> Ordering {
        self.record(at).map_or(Ordering::Less, |record| {
            let keys = self.order.compare(&record.user_key, user_key);
            keys.then_with(|| sequence.cmp(&record.sequence))
        })
    }

    /// How many entries come before a place.
    fn rank(&self, sorted: &[u32], user_key: &[u8], sequence: SequenceNumber) -> usize {
        sorted.partition_point(|&at| self.compare(at, user_key, sequence).is_lt())
    }

    /// The entry so many places behind the first at or after a place.
    fn at(&self, user_key: &[u8], sequence: SequenceNumber, behind: isize) -> Option<u32> {
        let sorted = self.sorted();
        let rank = self.rank(&sorted, user_key, sequence);
        sorted.get(rank.checked_add_signed(behind)?).copied()
    }
}

impl<C: Comparator> ReadRep for SortedIndex<C> {
    type Comparator = C;
    type Position = u32;
    type Trail = ();

    fn comparator(&self) -> &C {
        &self.order
    }

    fn seek(&self, (): &mut (), user_key: &[u8], sequence: SequenceNumber) -> Option<u32> {
        self.at(user_key, sequence, 0)
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<u32> {
        let here = self.at(user_key, sequence, 0);
        let exact = here.filter(|&at| self.compare(at, user_key, sequence).is_eq());
        exact.or_else(|| self.at(user_key, sequence, -1))
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<u32> {
        self.at(user_key, sequence, -1)
    }

    fn first(&self, (): &mut ()) -> Option<u32> {
        self.sorted().first().copied()
    }

    fn last(&self) -> Option<u32> {
        self.sorted().last().copied()
    }

    unsafe fn next(&self, (): &mut (), position: u32) -> Option<u32> {
        let record = self.record(position)?;
        self.at(&record.user_key, record.sequence, 1)
    }

    unsafe fn prev(&self, (): &mut (), position: u32) -> Option<u32> {
        let record = self.record(position)?;
        self.at(&record.user_key, record.sequence, -1)
    }

    unsafe fn key(&self, position: u32) -> Option<(&[u8], SequenceNumber)> {
        let record = self.record(position)?;
        Some((&record.user_key, record.sequence))
    }

    unsafe fn entry(&self, position: u32) -> Result<EntryRef<'_>> {
        let stray = Error::Unsupported("a position of another table");
        let record = self.record(position).ok_or(stray)?;
        Ok(EntryRef {
            user_key: &record.user_key,
            sequence: record.sequence,
            kind: record.kind,
            value: &record.value,
        })
    }

    fn is_empty(&self) -> bool {
        self.sorted().is_empty()
    }
}

impl<C: Comparator> MemTableRep for SortedIndex<C> {
    type Context = ();

    fn name(&self) -> &'static str {
        "sorted_index"
    }

    unsafe fn insert(
        &self,
        _sharing: Sharing,
        _memory: &mut Memory<'_>,
        (): &mut (),
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let mut sorted = self.sorted.write().unwrap_or_else(PoisonError::into_inner);
        let rank = self.rank(&sorted, entry.user_key, entry.sequence);
        let there = sorted.get(rank).copied();
        if there.is_some_and(|at| self.compare(at, entry.user_key, entry.sequence).is_eq()) {
            return Err(Error::Duplicate);
        }
        let place = sorted.len();
        let full = Error::Full {
            requested: 1,
            available: 0,
        };
        let record = Record {
            user_key: entry.user_key.into(),
            sequence: entry.sequence,
            kind: entry.kind,
            value: entry.value.into(),
        };
        let slot = self.records.get(place).ok_or_else(|| full.clone())?;
        slot.set(record).map_err(|_| full)?;
        sorted.insert(rank, place as u32);
        linked();
        Ok(())
    }

    fn max_entry_size(&self, _key_len: usize, _value_len: usize) -> Result<usize> {
        Ok(0) // nothing comes from the arena
    }
}

/// Makes one.
#[derive(Debug, Clone)]
pub struct SortedIndexFactory {
    /// The most that a table can have; beyond, it is full.
    pub entries: u16,
}

impl<C: Comparator> MemTableRepFactory<C> for SortedIndexFactory {
    type Rep = SortedIndex<C>;

    fn create(self, context: RepContext<C>) -> Result<SortedIndex<C>> {
        Ok(SortedIndex {
            order: context.comparator,
            records: (0..self.entries).map(|_| OnceLock::new()).collect(),
            sorted: RwLock::default(),
        })
    }
}
