//! What a flush writes: the entries of several tables in one order, less what nobody can see.

use core::cmp::Ordering;
use core::fmt;

use super::table::{Immutable, Sight, Source};
use super::{Files, FlushJob, Installed};
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{Comparator, Kind, SequenceNumber};
use crate::rep::MemTableRep;
use crate::sequencer::{Boundaries, ReadView, Sequencer, Snapshots};
use crate::sync::Arc;
use crate::tombstones::Fragment;
use crate::visibility::Visibility;

/// Where a flush goes: what an engine makes files of.
///
/// Entries come first, in the order of internal keys: user keys ascending, of one key the newest
/// first. Range deletions come after them, by where they begin; they may overlap.
pub trait FlushSink {
    /// What the files are told of: [`Files::Output`] of the list.
    type Output;
    /// Why something could not be written.
    type Error;

    /// Writes an entry.
    ///
    /// # Errors
    ///
    /// What the engine says: the flush ends, and the tables wait again.
    fn add(&mut self, entry: &EntryRef<'_>) -> Result<(), Self::Error>;

    /// Writes a range deletion.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    fn delete_range(&mut self, deletion: &Fragment<'_>) -> Result<(), Self::Error>;

    /// Ends the file, durable if it is to be.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    fn finish(self, stats: &FlushStats) -> Result<Self::Output, Self::Error>;
}

/// What a flush has read and written (SPEC I1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FlushStats {
    /// Tables.
    pub tables: u64,
    /// Entries that were written.
    pub entries: u64,
    /// Range deletions that were written.
    pub range_deletions: u64,
    /// Bytes of keys and values that were written, those of range deletions included.
    pub bytes: u64,
    /// Entries that a newer version of their key hides from every reader.
    pub hidden: u64,
    /// Entries that a range deletion hides from every reader.
    pub covered: u64,
    /// Entries and range deletions whose writer gave up.
    pub aborted: u64,
    /// Bytes of keys and values that were not written, for any of these reasons.
    pub garbage_bytes: u64,
}

/// Why a flush was not installed. The tables wait again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlushError<S, F> {
    /// A table could not be read.
    Table(Error),
    /// The sink refused something.
    Sink(S),
    /// The files refused what came out.
    Files(F),
}

impl<S: fmt::Display, F: fmt::Display> fmt::Display for FlushError<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(error) => write!(f, "a table cannot be flushed: {error}"),
            Self::Sink(error) => write!(f, "a flush cannot be written: {error}"),
            Self::Files(error) => write!(f, "a flush cannot be installed: {error}"),
        }
    }
}

impl<S, F> core::error::Error for FlushError<S, F>
where
    S: fmt::Debug + fmt::Display,
    F: fmt::Debug + fmt::Display,
{
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> FlushJob<F, C, R> {
    /// Writes the tables to `sink`, less what no snapshot can see, and installs what that makes of
    /// them (SPEC L5). Waits until all that is in the tables is published or aborted.
    ///
    /// Left out is an entry whose writer gave up; one that a newer entry of its key hides from all
    /// snapshots, be it a value or a deletion; and one that a range deletion hides so, if
    /// keys have no timestamps. Single deletions and merge operands hide nothing, and a single
    /// deletion is never left out because of a newer entry: what it was meant for may lie in a file.
    /// RocksDB's `CompactionIterator` has more rules; these are those that need no look at files.
    ///
    /// # Errors
    ///
    /// What could not be read, written or installed; the tables wait again.
    pub fn run<S: FlushSink<Output = F::Output>>(
        self,
        sequencer: &Sequencer,
        snapshots: &Snapshots,
        mut sink: S,
    ) -> Result<(Installed, FlushStats), FlushError<S::Error, F::Error>> {
        let tables = self.tables();
        let largest = tables
            .iter()
            .filter_map(|table| table.stats().largest_sequence);
        sequencer.wait_for(largest.max().unwrap_or(0));
        let boundaries = snapshots.boundaries(sequencer).map_err(FlushError::Table)?;
        let garbage = Garbage {
            boundaries,
            view: sequencer.view(),
        };
        let mut stats = FlushStats {
            tables: tables.len() as u64,
            ..FlushStats::default()
        };
        let active = Arc::clone(self.list.version().active());
        let tables = (tables, active.comparator());
        write_entries(tables, &garbage, &mut sink, &mut stats)?;
        write_range_deletions(tables, &garbage, &mut sink, &mut stats)?;
        let output = sink.finish(&stats).map_err(FlushError::Sink)?;
        let installed = self.install(output).map_err(FlushError::Files)?;
        Ok((installed, stats))
    }
}

/// Says what nobody can see.
struct Garbage {
    boundaries: Boundaries,
    view: ReadView,
}

impl Garbage {
    /// Why an entry need not be written; `settled` is the number of the next newer entry of its key
    /// that says all.
    fn reason<C: Comparator, R: MemTableRep<Comparator = C>>(
        &self,
        tables: &[Immutable<C, R>],
        entry: &EntryRef<'_>,
        settled: Option<SequenceNumber>,
    ) -> Option<Reason> {
        let is_hidden_by = |newer| !self.boundaries.may_see_apart(entry.sequence, newer);
        if self.is_aborted(entry.sequence) {
            Some(Reason::Aborted)
        } else if entry.kind != Kind::SINGLE_DELETION && settled.is_some_and(is_hidden_by) {
            Some(Reason::Hidden)
        } else if self.is_covered(tables, entry) {
            Some(Reason::Covered)
        } else {
            None
        }
    }

    fn is_aborted(&self, sequence: SequenceNumber) -> bool {
        !self.view.is_visible(sequence)
    }

    /// Whether a range deletion hides an entry from every snapshot that would see it.
    fn is_covered<C: Comparator, R: MemTableRep<Comparator = C>>(
        &self,
        tables: &[Immutable<C, R>],
        entry: &EntryRef<'_>,
    ) -> bool {
        if C::TIMESTAMP_LEN != 0 {
            return false;
        }
        let snapshots = self.boundaries.snapshots();
        let next = snapshots.partition_point(|one| *one < entry.sequence);
        // The oldest reader that sees the entry: whoever hides it from that one hides it from all.
        let oldest = snapshots.get(next).copied();
        let sight = Sight {
            visibility: &self.view,
            ..Sight::at(oldest.unwrap_or(self.boundaries.published()))
        };
        let hides = |table: &Immutable<C, R>| {
            let newest = table.covering(entry.user_key, &sight);
            newest.is_some_and(|newest| newest > entry.sequence)
        };
        tables.iter().any(hides)
    }
}

/// Why something is not written.
#[derive(Debug, Clone, Copy)]
enum Reason {
    Aborted,
    Hidden,
    Covered,
}

impl FlushStats {
    fn count(&mut self, reason: Reason) -> &mut u64 {
        match reason {
            Reason::Aborted => &mut self.aborted,
            Reason::Hidden => &mut self.hidden,
            Reason::Covered => &mut self.covered,
        }
    }
}

/// Whether an entry says all that there is to say of its key, at its number.
fn settles(kind: Kind) -> bool {
    !matches!(kind, Kind::MERGE | Kind::SINGLE_DELETION)
}

/// The entries of tables, in one order.
struct Merging<'t, C: Comparator, R: MemTableRep<Comparator = C>> {
    sources: Vec<Source<'t, C, R>>,
    comparator: &'t C,
    /// Whose entry comes first; `None` at the end.
    first: Option<usize>,
}

impl<'t, C: Comparator, R: MemTableRep<Comparator = C>> Merging<'t, C, R> {
    /// At the first entry.
    fn new(tables: &'t [Immutable<C, R>], comparator: &'t C) -> Result<Self> {
        let mut sources = Vec::new();
        let requested = size_of::<Source<'t, C, R>>().saturating_mul(tables.len());
        let reserved = sources.try_reserve_exact(tables.len());
        reserved.map_err(|_| Error::OutOfMemory { requested })?;
        for table in tables {
            let mut source = table.entries();
            source.seek_to_first();
            sources.push(source);
        }
        let mut merging = Self {
            sources,
            comparator,
            first: None,
        };
        merging.find()?;
        Ok(merging)
    }

    /// Finds whose entry comes first. There are few tables, so each is looked at.
    fn find(&mut self) -> Result<()> {
        self.first = None;
        let mut least: Option<EntryRef<'_>> = None;
        for (place, source) in self.sources.iter().enumerate() {
            let Some(entry) = source.entry()? else {
                continue;
            };
            let order = least.map(|least| {
                let keys = self.comparator.compare(entry.user_key, least.user_key);
                keys.then(least.sequence.cmp(&entry.sequence))
            });
            if order.is_none_or(Ordering::is_lt) {
                (self.first, least) = (Some(place), Some(entry));
            }
        }
        Ok(())
    }

    fn entry(&self) -> Result<Option<EntryRef<'_>>> {
        self.first
            .map_or(Ok(None), |first| self.sources[first].entry())
    }

    fn next(&mut self) -> Result<()> {
        if let Some(first) = self.first {
            self.sources[first].next();
        }
        self.find()
    }
}

fn write_entries<C: Comparator, R: MemTableRep<Comparator = C>, S: FlushSink, E>(
    (tables, comparator): (&[Immutable<C, R>], &C),
    garbage: &Garbage,
    sink: &mut S,
    stats: &mut FlushStats,
) -> Result<(), FlushError<S::Error, E>> {
    let mut merging = Merging::new(tables, comparator).map_err(FlushError::Table)?;
    let mut key: Option<Vec<u8>> = None;
    // The number of the last entry of the key that settled it.
    let mut settled = None;
    while let Some(entry) = merging.entry().map_err(FlushError::Table)? {
        let is_same = |key: &[u8]| comparator.compare(key, entry.user_key).is_eq();
        if !key.as_deref().is_some_and(is_same) {
            let key = key.get_or_insert_default();
            key.clear();
            let requested = entry.user_key.len();
            let reserved = key.try_reserve(requested);
            reserved.map_err(|_| FlushError::Table(Error::OutOfMemory { requested }))?;
            key.extend_from_slice(entry.user_key);
            settled = None;
        }
        let bytes = (entry.user_key.len() + entry.value.len()) as u64;
        match garbage.reason(tables, &entry, settled) {
            None => {
                sink.add(&entry).map_err(FlushError::Sink)?;
                stats.entries += 1;
                stats.bytes += bytes;
            }
            Some(reason) => {
                *stats.count(reason) += 1;
                stats.garbage_bytes += bytes;
            }
        }
        if settles(entry.kind) && !garbage.is_aborted(entry.sequence) {
            settled = Some(entry.sequence);
        }
        merging.next().map_err(FlushError::Table)?;
    }
    Ok(())
}

fn write_range_deletions<C: Comparator, R: MemTableRep<Comparator = C>, S: FlushSink, E>(
    (tables, comparator): (&[Immutable<C, R>], &C),
    garbage: &Garbage,
    sink: &mut S,
    stats: &mut FlushStats,
) -> Result<(), FlushError<S::Error, E>> {
    let mut all = Vec::new();
    for table in tables {
        let some = table.all_range_deletions().map_err(FlushError::Table)?;
        let requested = some.len().saturating_mul(size_of::<Fragment<'_>>());
        let reserved = all.try_reserve(some.len());
        reserved.map_err(|_| FlushError::Table(Error::OutOfMemory { requested }))?;
        all.extend(some);
    }
    all.sort_by(|a, b| {
        let begins = comparator.compare_without_timestamp(a.begin, b.begin);
        begins.then(b.sequence.cmp(&a.sequence))
    });
    for deletion in all {
        let bytes = (deletion.begin.len() + deletion.end.len()) as u64;
        if garbage.is_aborted(deletion.sequence) {
            stats.aborted += 1;
            stats.garbage_bytes += bytes;
            continue;
        }
        sink.delete_range(&deletion).map_err(FlushError::Sink)?;
        stats.range_deletions += 1;
        stats.bytes += bytes;
    }
    Ok(())
}
