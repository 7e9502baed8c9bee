//! What can be seen of a workload at a table that had it.

use super::Workload;
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{Comparator, PrefixExtractor, without_timestamp};
use crate::memtable::MemTable;
use crate::rep::{Cursor, MemTableRep};

/// Entries that are looked at.
const SAMPLE: usize = 256;
/// Entries from which on something can be said of their order.
const ENOUGH: usize = 32;
/// Entries of one prefix that are counted, for each entry of a part of the sample.
const COUNTED: usize = 64;
/// Entries whose prefixes are counted.
const PREFIXES: usize = 32;

impl Workload {
    /// What a table has seen until now: from its counters, which must have been
    /// [kept for reads](crate::MemTableBuilder::track_reads), and a sample of its entries. With an
    /// `extractor`, also how many entries share a prefix; its prefixes should have one length.
    ///
    /// Nobody can see how many threads wrote, whether reads came before the seal (if there are any, it is
    /// assumed), and what the engine needs: `writers`, `needs_duplicates` and `memory` are those of the
    /// default.
    ///
    /// ```
    /// use verimem::advisor::Workload;
    /// use verimem::{Kind, MemTable};
    ///
    /// let table = MemTable::builder().track_reads(true).build()?;
    /// for number in 0..100u64 {
    ///     table.add(number, Kind::VALUE, &number.to_be_bytes(), b"value")?;
    ///     let _ = table.get(&number.to_be_bytes(), number)?;
    /// }
    /// let seen = Workload::observed(&table, None)?;
    /// assert_eq!((seen.writes, seen.gets, seen.sequential), (100.0, 100.0, 1.0));
    /// assert_eq!(seen.shared_prefix, 7);
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if reads were not counted; those of
    /// [`MemTable::sample`](crate::MemTable::sample).
    pub fn observed<C: Comparator, R: MemTableRep<Comparator = C>>(
        table: &MemTable<C, R>,
        extractor: Option<&dyn PrefixExtractor>,
    ) -> Result<Self> {
        let stats = table.stats();
        let Some(reads) = table.read_stats() else {
            return Err(Error::Unsupported("the table does not count reads"));
        };
        let mut sample = table.sample(SAMPLE)?;
        let count = sample.len().max(1) as f64;
        let mean = |length: fn(&EntryRef<'_>) -> usize| {
            sample.iter().map(length).sum::<usize>() as f64 / count
        };
        let key_size = mean(|entry| entry.user_key.len());
        let value_size = mean(|entry| entry.value.len());
        let shared_prefix = shared_prefix(table, &sample)?;
        let per_prefix = match extractor {
            Some(extractor) => entries_per_prefix(table, extractor, &sample)?,
            None => None,
        };
        sample.sort_unstable_by_key(|entry| entry.sequence);
        let gets = reads.gets as f64;
        Ok(Self {
            entries: stats.entries.max(1),
            key_size,
            value_size,
            writes: stats.entries as f64,
            gets,
            get_hits: if gets > 0.0 {
                reads.get_hits as f64 / gets
            } else {
                1.0
            },
            seeks: reads.seeks as f64,
            steps: reads.steps as f64,
            sequential: sequential(table.comparator(), &sample),
            reads_beside_writes: reads.gets + reads.seeks > 0,
            shared_prefix,
            prefix_length: per_prefix.map(|(length, _)| length),
            entries_per_prefix: per_prefix.map_or(1.0, |(_, entries)| entries),
            ..Self::default()
        })
    }

    /// This workload and another one on a further table, as one: amounts are added, sizes are averages
    /// by the number of entries, and what one of them needs is needed.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let weighted = |a: f64, b: f64, of_a: f64, of_b: f64| match of_a + of_b {
            0.0 => a,
            both => (a * of_a + b * of_b) / both,
        };
        let (mine, theirs) = (self.entries as f64, other.entries as f64);
        let by_entries = |a, b| weighted(a, b, mine, theirs);
        let is_same = self.prefix_length == other.prefix_length;
        Self {
            // A table is as large as either, not as both.
            entries: by_entries(mine, theirs) as u64,
            key_size: by_entries(self.key_size, other.key_size),
            value_size: by_entries(self.value_size, other.value_size),
            writes: self.writes + other.writes,
            gets: self.gets + other.gets,
            get_hits: weighted(self.get_hits, other.get_hits, self.gets, other.gets),
            seeks: self.seeks + other.seeks,
            steps: self.steps + other.steps,
            sequential: weighted(self.sequential, other.sequential, self.writes, other.writes),
            reads_beside_writes: self.reads_beside_writes || other.reads_beside_writes,
            needs_duplicates: self.needs_duplicates || other.needs_duplicates,
            writers: self.writers.max(other.writers),
            shared_prefix: self.shared_prefix.min(other.shared_prefix),
            prefix_length: self.prefix_length.filter(|_| is_same),
            entries_per_prefix: by_entries(self.entries_per_prefix, other.entries_per_prefix),
            memory: self.memory.max(other.memory),
        }
    }
}

/// How far keys came in order: 1 if all of them did, 0 if the order is that of chance. The sample is in
/// the order of sequence numbers.
fn sequential<C: Comparator>(comparator: &C, sample: &[EntryRef<'_>]) -> f64 {
    if sample.len() < ENOUGH {
        return 0.0;
    }
    let ascends = |pair: &&[EntryRef<'_>]| {
        let (a, b) = (pair[0].user_key, pair[1].user_key);
        comparator.compare_without_timestamp(a, b).is_lt()
    };
    let ascending = sample.windows(2).filter(ascends).count();
    // Chance makes half of the pairs ascend.
    let share = ascending as f64 / (sample.len() - 1) as f64;
    (2.0 * share - 1.0).max(0.0)
}

/// Bytes that all keys begin with, as far as the sample and both ends of the table show.
fn shared_prefix<C: Comparator, R: MemTableRep<Comparator = C>>(
    table: &MemTable<C, R>,
    sample: &[EntryRef<'_>],
) -> Result<usize> {
    // Past the counters of reads, as all that is looked at here.
    let rep = table.representation();
    let (mut first, mut last) = (Cursor::new(rep), Cursor::new(rep));
    first.seek_to_first();
    last.seek_to_last();
    let ends = [first.entry()?, last.entry()?];
    let mut keys = sample.iter().chain(ends.iter().flatten());
    let keys = keys
        .by_ref()
        .map(|entry| without_timestamp::<C>(entry.user_key));
    let mut shared: Option<&[u8]> = None;
    for key in keys {
        let known = shared.unwrap_or(key);
        let equal = known.iter().zip(key).take_while(|(a, b)| a == b).count();
        shared = Some(&known[..equal]);
    }
    // A single key shares nothing with others.
    Ok(shared.filter(|_| sample.len() > 1).map_or(0, <[u8]>::len))
}

/// The length of prefixes, and how many entries share that of an entry, on average.
fn entries_per_prefix<C: Comparator, R: MemTableRep<Comparator = C>>(
    table: &MemTable<C, R>,
    extractor: &dyn PrefixExtractor,
    sample: &[EntryRef<'_>],
) -> Result<Option<(usize, f64)>> {
    let step = sample.len().div_ceil(PREFIXES).max(1);
    let (mut asked, mut lengths, mut entries) = (0, 0, 0);
    for entry in sample.iter().step_by(step) {
        let Some(prefix) = extractor.transform(without_timestamp::<C>(entry.user_key)) else {
            continue;
        };
        asked += 1;
        lengths += prefix.len();
        entries += 1;
        for forward in [true, false] {
            let mut cursor = Cursor::new(table.representation());
            cursor.seek(entry.user_key, entry.sequence);
            entries += neighbours(&mut cursor, extractor, prefix, forward)?;
        }
    }
    let average = |sum: usize| sum as f64 / asked as f64;
    Ok((asked > 0).then(|| (lengths / asked, average(entries))))
}

/// How many entries with a prefix come in a row, up to a limit.
fn neighbours<C: Comparator, R: MemTableRep<Comparator = C>>(
    cursor: &mut Cursor<&R>,
    extractor: &dyn PrefixExtractor,
    prefix: &[u8],
    forward: bool,
) -> Result<usize> {
    for count in 0..COUNTED {
        if forward {
            cursor.next();
        } else {
            cursor.prev();
        }
        let entry = cursor.entry()?;
        let same =
            entry.and_then(|entry| extractor.transform(without_timestamp::<C>(entry.user_key)));
        if same != Some(prefix) {
            return Ok(count);
        }
    }
    Ok(COUNTED)
}
