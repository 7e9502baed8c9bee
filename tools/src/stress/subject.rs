//! The table under test, with its fault.
//!
//! Everything the stress run does to a table goes through [`Subject`].

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use verimem::EntryRef;
use verimem::Hint;
use verimem::merge::Merged;
use verimem::rep::{self, AnyRep};
use verimem::sequencer::ReadView;
use verimem::{
    BytewiseComparator, Error, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, RangeStats, Result,
    Visibility, VisibleIter, Writer,
};

use super::fault::Fault;

/// A table of the row: it stands on whatever its number says.
pub type Table = MemTable<BytewiseComparator, AnyRep>;

/// A writer of such a table.
type TableWriter<'t> = Writer<'t, BytewiseComparator, AnyRep>;

/// When a read takes place.
#[derive(Clone)]
pub struct At {
    /// The snapshot.
    pub snapshot: u64,
    /// What is seen of the snapshot, if not all of it.
    pub view: Option<ReadView>,
}

impl At {
    /// All that is in the table at a snapshot.
    pub fn all(snapshot: u64) -> Self {
        Self {
            snapshot,
            view: None,
        }
    }

    /// All that is in the table right now.
    pub fn now() -> Self {
        Self::all(MAX_SEQUENCE_NUMBER)
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.snapshot)?;
        match &self.view {
            Some(view) => write!(f, " through the view of {}", view.sequence()),
            None => Ok(()),
        }
    }
}

/// How a group of entries is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `MemTable::add`, one by one.
    Add,
    /// Through one concurrent writer.
    Batch,
    /// Through an exclusive writer.
    Exclusive,
    /// Through one concurrent writer, with a hint.
    Hinted,
    /// By `Writer::add_batch` of a concurrent writer.
    AtOnce,
    /// By `Writer::add_batch` of an exclusive writer.
    ExclusiveAtOnce,
}

impl Way {
    /// Whether nobody else may be inside of the table.
    pub fn is_exclusive(self) -> bool {
        matches!(self, Self::Exclusive | Self::ExclusiveAtOnce)
    }

    /// The same beside others.
    pub fn shared(self) -> Self {
        match self {
            Self::Exclusive => Self::Batch,
            Self::ExclusiveAtOnce => Self::AtOnce,
            way => way,
        }
    }
}

/// How far a single add came.
fn one(result: Result<()>) -> (usize, Result<()>) {
    (usize::from(result.is_ok()), result)
}

/// How far a batch came.
fn at_once(writer: &mut TableWriter<'_>, entries: &[EntryRef<'_>]) -> (usize, Result<()>) {
    match writer.add_batch(entries) {
        Ok(()) => (entries.len(), Ok(())),
        Err(refused) => (refused.added, Err(refused.error)),
    }
}

/// A table with its fault.
pub struct Subject<F> {
    table: Arc<Table>,
    fault: Arc<F>,
    /// Batches come with checksums.
    protected: bool,
    /// The first of two duplicates stays, and the second is no error.
    keeps_first: bool,
}

impl<F: Fault> Subject<F> {
    /// Wraps a table.
    pub fn new(table: Table, fault: F, protected: bool, keeps_first: bool) -> Self {
        Self {
            table: Arc::new(table),
            fault: Arc::new(fault),
            protected,
            keeps_first,
        }
    }

    /// Whether the first of two duplicates stays, and the second is no error.
    pub fn keeps_first(&self) -> bool {
        self.keeps_first
    }

    /// `Writer::add_protected` with a checksum that differs in some bits.
    pub fn add_damaged(&self, entry: &EntryRef<'_>, bits: u64) -> Result<()> {
        let checksum = entry.checksum() ^ self.fault.damage(bits);
        self.table.writer()?.add_protected(entry, checksum)
    }

    /// Writes entries in order, and calls `acknowledged` with each; answers with how
    /// many were acknowledged, and with the error that ended the writing, if any.
    /// Operands are folded with what `base` lets see.
    pub fn write<'e>(
        &self,
        way: Way,
        entries: &[EntryRef<'e>],
        base: Option<&ReadView>,
        mut acknowledged: impl FnMut(&EntryRef<'e>),
    ) -> (usize, Result<()>) {
        let mut hint = Hint::new();
        let mut writer = match way {
            Way::Add => None,
            Way::Batch | Way::Hinted | Way::AtOnce => match self.table.writer() {
                Ok(writer) => Some(writer),
                Err(error) => return (0, Err(error)),
            },
            Way::Exclusive | Way::ExclusiveAtOnce => match self.table.exclusive_writer() {
                Ok(writer) => Some(writer),
                Err(error) => return (0, Err(error)),
            },
        };
        if let (Some(writer), Some(base)) = (&mut writer, base)
            && !self.fault.folds_aborted()
        {
            writer.fold_with(base);
        }
        let mut done = 0;
        while let Some(entry) = entries.get(done) {
            let (mut added, result) = match (&mut writer, way) {
                (_, _) if self.fault.loses(entry) => (1, Ok(())),
                (None, _) => one(self.add(entry)),
                (Some(writer), Way::AtOnce | Way::ExclusiveAtOnce) => {
                    at_once(writer, self.untouched(&entries[done..]))
                }
                (Some(writer), Way::Hinted) => one(writer.add_with_hint(
                    &mut hint,
                    entry.sequence,
                    entry.kind,
                    entry.user_key,
                    entry.value,
                )),
                (Some(writer), Way::Batch) if self.protected => {
                    one(writer.add_protected(entry, entry.checksum()))
                }
                (Some(writer), _) => {
                    one(writer.add(entry.sequence, entry.kind, entry.user_key, entry.value))
                }
            };
            let mut result = match result {
                Err(Error::Duplicate) if self.fault.accepts_duplicates() => {
                    added += 1;
                    Ok(())
                }
                Err(Error::Sealed) if self.fault.accepts_when_sealed() => {
                    added += 1;
                    Ok(())
                }
                result => result,
            };
            if result.is_ok() && self.fault.denies(entries[done + added - 1].sequence) {
                added -= 1;
                result = Err(Error::Sealed);
            }
            entries[done..done + added]
                .iter()
                .for_each(&mut acknowledged);
            done += added;
            if result.is_err() {
                return (done, result);
            }
        }
        (done, Ok(()))
    }

    /// `MemTable::add`, or `MemTable::delete_range`.
    fn add(&self, entry: &EntryRef<'_>) -> Result<()> {
        if entry.kind == Kind::RANGE_DELETION {
            return self
                .table
                .delete_range(entry.sequence, entry.user_key, entry.value);
        }
        self.table
            .add(entry.sequence, entry.kind, entry.user_key, entry.value)
    }

    /// The entries up to one that is denied, or before one that is lost; at
    /// least one.
    fn untouched<'e, 'b>(&self, entries: &'b [EntryRef<'e>]) -> &'b [EntryRef<'e>] {
        let denied = entries
            .iter()
            .position(|entry| self.fault.denies(entry.sequence));
        let lost = entries.iter().position(|entry| self.fault.loses(entry));
        let end = denied.map_or(entries.len(), |denied| denied + 1);
        &entries[..end.min(lost.unwrap_or(entries.len()))]
    }

    /// A snapshot as reads really use it.
    fn snapshot(&self, at: &At) -> u64 {
        self.fault.snapshot(at.snapshot)
    }

    /// A view as reads really use it.
    fn view<'v>(&self, at: &'v At) -> Option<&'v ReadView> {
        at.view.as_ref().filter(|_| !self.fault.sees_all())
    }

    /// `MemTable::get`, or `Reader::get` through a view.
    pub fn get(&self, key: &[u8], at: &At) -> Result<Lookup<'_>> {
        let snapshot = self.snapshot(at);
        let answer = match self.view(at) {
            None => self.table.get(key, snapshot)?,
            Some(view) => self
                .table
                .reader(snapshot)?
                .with_visibility(view)
                .get(key)?,
        };
        Ok(self.fault.lookup(&self.table, key, answer))
    }

    /// `Reader::get_merged`.
    pub fn get_merged(&self, key: &[u8], at: &At) -> Result<Merged<'_>> {
        let reader = self.table.reader(self.snapshot(at))?;
        match self.view(at) {
            None => reader.get_merged(key),
            Some(view) => reader.with_visibility(view).get_merged(key),
        }
    }

    /// `MemTable::multi_get`, or `Reader::multi_get` through a view.
    pub fn multi_get(&self, keys: &[&[u8]], at: &At) -> Result<Vec<Lookup<'_>>> {
        let snapshot = self.snapshot(at);
        let answers = match self.view(at) {
            None => self.table.multi_get(keys, snapshot)?,
            Some(view) => {
                let reader = self.table.reader(snapshot)?.with_visibility(view);
                reader.multi_get(keys)?
            }
        };
        let mut answers: Vec<_> = keys
            .iter()
            .zip(answers)
            .map(|(key, answer)| Ok(self.fault.lookup(&self.table, key, answer?)))
            .collect::<Result<_>>()?;
        self.fault.answers(&mut answers);
        Ok(answers)
    }

    /// `MemTable::sample`.
    pub fn sample(&self, count: usize) -> Result<Vec<EntryRef<'_>>> {
        let mut sample = self.table.sample(count)?;
        self.fault.sample(&mut sample);
        Ok(sample)
    }

    /// `MemTable::approximate_range`.
    pub fn approximate_range(&self, begin: &[u8], end: &[u8]) -> RangeStats {
        let mut stats = self.table.approximate_range(begin, end);
        stats.entries = self.fault.estimate(stats.entries);
        stats
    }

    /// `MemTable::get_entry`.
    pub fn get_entry(&self, key: &[u8], snapshot: u64) -> Result<Option<EntryRef<'_>>> {
        let entry = self.table.get_entry(key, self.fault.snapshot(snapshot))?;
        Ok(entry.map(|entry| self.fault.entry(entry)))
    }

    /// `MemTable::contains`.
    pub fn contains(&self, key: &[u8], sequence: u64) -> bool {
        self.table.contains(key, sequence)
    }

    /// `MemTable::seal`.
    pub fn seal(&self) -> Result<()> {
        self.table.seal()
    }

    /// The table itself, for what no fault touches.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// `MemTable::iter`.
    pub fn cursor(&self) -> Cursor<'_, F> {
        Cursor {
            inner: self.table.iter(),
            fault: &self.fault,
        }
    }

    /// `MemTable::visible_range`.
    pub fn visible(
        &self,
        snapshot: u64,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> VisibleIter<&Table> {
        self.table
            .visible_range(self.fault.snapshot(snapshot), lower, upper)
    }

    /// As [`visible`](Self::visible), seen through a view.
    pub fn visible_through<'v>(
        &self,
        snapshot: u64,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        view: &'v ReadView,
    ) -> VisibleIter<&Table, Through<'v>> {
        let visibility = if self.fault.sees_all() {
            Through(None)
        } else {
            Through(Some(view))
        };
        self.visible(snapshot, lower, upper)
            .with_visibility(visibility)
    }

    /// `MemTable::owned_iter`: the cursor keeps the table alive.
    pub fn owned_cursor(&self) -> OwnedCursor<F> {
        OwnedCursor {
            inner: self.table.owned_iter(),
            fault: Arc::clone(&self.fault),
        }
    }
}

/// A view, or none.
pub struct Through<'v>(Option<&'v ReadView>);

impl Visibility for Through<'_> {
    fn is_visible(&self, sequence: u64) -> bool {
        self.0.is_none_or(|view| view.is_visible(sequence))
    }

    fn min_uncommitted(&self) -> u64 {
        self.0.map_or(u64::MAX, Visibility::min_uncommitted)
    }
}

/// A borrowed cursor over all entries.
pub struct Cursor<'t, F> {
    inner: rep::Cursor<&'t Table>,
    fault: &'t F,
}

impl<'t, F: Fault> Cursor<'t, F> {
    /// To the first entry at or behind the position.
    pub fn seek(&mut self, key: &[u8], sequence: u64) {
        self.inner.seek(key, sequence);
        self.pass_hidden(true);
    }
    /// To the last entry at or before the position.
    pub fn seek_for_prev(&mut self, key: &[u8], sequence: u64) {
        self.inner.seek_for_prev(key, sequence);
        self.pass_hidden(false);
    }
    /// To the first entry.
    pub fn seek_to_first(&mut self) {
        self.inner.seek_to_first();
        self.pass_hidden(true);
    }
    /// To the last entry.
    pub fn seek_to_last(&mut self) {
        self.inner.seek_to_last();
        self.pass_hidden(false);
    }
    /// One entry on.
    pub fn next(&mut self) {
        self.inner.next();
        self.pass_hidden(true);
    }
    /// One entry back.
    pub fn prev(&mut self) {
        self.inner.prev();
        self.pass_hidden(false);
    }
    /// The entry under the cursor, if there is one.
    pub fn entry(&self) -> Result<Option<EntryRef<'_>>> {
        Ok(self.inner.entry()?.map(|entry| self.fault.entry(entry)))
    }

    fn at_hidden(&self) -> bool {
        matches!(self.inner.entry(), Ok(Some(entry)) if self.fault.hides(&entry))
    }

    fn pass_hidden(&mut self, forward: bool) {
        while self.at_hidden() {
            if forward {
                self.inner.next();
            } else {
                self.inner.prev();
            }
        }
    }
}

/// A forward cursor that owns its table together with others.
pub struct OwnedCursor<F> {
    inner: rep::Cursor<Arc<Table>>,
    fault: Arc<F>,
}

impl<F: Fault> OwnedCursor<F> {
    /// To the first entry.
    pub fn seek_to_first(&mut self) {
        self.inner.seek_to_first();
        self.pass_hidden();
    }
    /// One entry on.
    pub fn next(&mut self) {
        self.inner.next();
        self.pass_hidden();
    }
    /// The entry under the cursor, if there is one.
    pub fn entry(&self) -> Result<Option<EntryRef<'_>>> {
        Ok(self.inner.entry()?.map(|entry| self.fault.entry(entry)))
    }

    fn at_hidden(&self) -> bool {
        matches!(self.inner.entry(), Ok(Some(entry)) if self.fault.hides(&entry))
    }

    fn pass_hidden(&mut self) {
        while self.at_hidden() {
            self.inner.next();
        }
    }
}
