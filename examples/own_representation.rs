//! A representation of one's own, in safe code: a sorted index over records that never move.
//!
//! ```sh
//! cargo run --example own_representation
//! ```
//!
//! It inserts in O(n), so it is for small tables only. What it shows is all that a memtable
//! asks of what it stands on; snapshots, merges, range deletions, filters, counters and iterators
//! are the table's.

use std::cmp::Ordering;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

use verimem::rep::{MemTableRep, MemTableRepFactory, Memory, ReadRep, RepContext, Sharing};
use verimem::{
    BytewiseComparator, Comparator, EntryRef, Error, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable,
    Result, SequenceNumber,
};

struct Record {
    user_key: Box<[u8]>,
    sequence: SequenceNumber,
    kind: Kind,
    value: Box<[u8]>,
}

/// Records in the order of their arrival, and their places in the order of their keys.
struct SortedIndex<C> {
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

/// Makes one for so many entries.
#[derive(Debug, Clone)]
struct SortedIndexFactory {
    entries: u16,
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

fn main() -> Result<()> {
    let factory = SortedIndexFactory { entries: 1000 };
    let table: MemTable<BytewiseComparator, SortedIndex<_>> =
        MemTable::builder().representation(factory).build()?;
    let reference = MemTable::builder().build()?;
    println!("a table on {}: {table:?}", table.representation().name());

    let mut sequence = 0;
    for round in 0..3u8 {
        for key in (0..100u8).rev() {
            sequence += 1;
            let kind = if key % 7 == round {
                Kind::DELETION
            } else {
                Kind::VALUE
            };
            let value = [key, round];
            table.add(sequence, kind, &[key], &value)?;
            reference.add(sequence, kind, &[key], &value)?;
        }
    }
    table.delete_range(sequence + 1, &[20], &[30])?;
    reference.delete_range(sequence + 1, &[20], &[30])?;
    let again = table.add(1, Kind::VALUE, &[99], b"");
    assert_eq!(again, Err(Error::Duplicate));

    for snapshot in [0, 50, 150, 250, MAX_SEQUENCE_NUMBER] {
        for key in 0..=100u8 {
            assert_eq!(
                table.get(&[key], snapshot)?,
                reference.get(&[key], snapshot)?
            );
        }
        let (mut ours, mut theirs) = (table.visible(snapshot), reference.visible(snapshot));
        ours.seek_to_last()?;
        theirs.seek_to_last()?;
        while theirs.valid() {
            assert_eq!(ours.entry()?, theirs.entry()?);
            ours.prev()?;
            theirs.prev()?;
        }
        assert!(!ours.valid());
    }
    table.seal()?;
    let found = table.get(&[42], MAX_SEQUENCE_NUMBER)?;
    assert!(matches!(found, Lookup::Found { value: [42, 2], .. }));
    println!("{} entries, equal to the skiplist's", table.stats().entries);
    Ok(())
}
