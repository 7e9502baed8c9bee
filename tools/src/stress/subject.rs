//! The table under test, and the one place where a fault can be planted.
//!
//! Everything the stress run does to a table goes through [`Subject`]. Its
//! [`Fault`] does nothing in the command; tests plant faults there to see that
//! the oracle catches them.

use std::sync::Arc;

use verimem::EntryRef;
use verimem::Hint;
use verimem::rep;
use verimem::{Error, Lookup, MemTable, Result, VisibleIter, Writer};

use std::ops::Bound;

/// A way for a table to be wrong. Each method's default is to be right.
pub trait Fault: Default + Send + Sync + 'static {
    /// The entry is acknowledged, but not stored.
    fn loses(&self, _sequence: u64) -> bool {
        false
    }
    /// The entry is stored, but its writer is told that the table is sealed.
    fn denies(&self, _sequence: u64) -> bool {
        false
    }
    /// The snapshot that reads really use.
    fn snapshot(&self, snapshot: u64) -> u64 {
        snapshot
    }
    /// What becomes of a lookup's answer.
    fn lookup<'t>(&self, _table: &'t MemTable, _key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        answer
    }
    /// What becomes of an entry that a cursor yields.
    fn entry<'t>(&self, entry: EntryRef<'t>) -> EntryRef<'t> {
        entry
    }
    /// Cursors pass over the entry.
    fn hides(&self, _entry: &EntryRef<'_>) -> bool {
        false
    }
    /// A second write of the same entry is accepted.
    fn accepts_duplicates(&self) -> bool {
        false
    }
    /// A sealed table acknowledges writes.
    fn accepts_when_sealed(&self) -> bool {
        false
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

/// How far a single add came.
fn one(result: Result<()>) -> (usize, Result<()>) {
    (usize::from(result.is_ok()), result)
}

/// How far a batch came.
fn at_once(writer: &mut Writer<'_>, entries: &[EntryRef<'_>]) -> (usize, Result<()>) {
    match writer.add_batch(entries) {
        Ok(()) => (entries.len(), Ok(())),
        Err(refused) => (refused.added, Err(refused.error)),
    }
}

/// A table with its fault.
pub struct Subject<F> {
    table: Arc<MemTable>,
    fault: Arc<F>,
}

impl<F: Fault> Subject<F> {
    /// Wraps a table.
    pub fn new(table: MemTable) -> Self {
        Self {
            table: Arc::new(table),
            fault: Arc::default(),
        }
    }

    /// Writes entries in order; answers with how many were acknowledged, and
    /// with the error that ended the writing, if any.
    pub fn write(&self, way: Way, entries: &[EntryRef<'_>]) -> (usize, Result<()>) {
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
        let mut done = 0;
        while let Some(entry) = entries.get(done) {
            let (added, result) = match (&mut writer, way) {
                (_, _) if self.fault.loses(entry.sequence) => (1, Ok(())),
                (None, _) => {
                    one(self
                        .table
                        .add(entry.sequence, entry.kind, entry.user_key, entry.value))
                }
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
                (Some(writer), _) => {
                    one(writer.add(entry.sequence, entry.kind, entry.user_key, entry.value))
                }
            };
            done += added;
            match result {
                Ok(()) if self.fault.denies(entries[done - 1].sequence) => {
                    return (done - 1, Err(Error::Sealed));
                }
                Ok(()) => {}
                Err(Error::Duplicate) if self.fault.accepts_duplicates() => done += 1,
                Err(Error::Sealed) if self.fault.accepts_when_sealed() => done += 1,
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    /// The entries up to one that is denied, or before one that is lost; at
    /// least one.
    fn untouched<'e, 'b>(&self, entries: &'b [EntryRef<'e>]) -> &'b [EntryRef<'e>] {
        let denied = entries
            .iter()
            .position(|entry| self.fault.denies(entry.sequence));
        let lost = entries
            .iter()
            .position(|entry| self.fault.loses(entry.sequence));
        let end = denied.map_or(entries.len(), |denied| denied + 1);
        &entries[..end.min(lost.unwrap_or(entries.len()))]
    }

    /// `MemTable::get`.
    pub fn get(&self, key: &[u8], snapshot: u64) -> Result<Lookup<'_>> {
        let answer = self.table.get(key, self.fault.snapshot(snapshot))?;
        Ok(self.fault.lookup(&self.table, key, answer))
    }

    /// `MemTable::multi_get`.
    pub fn multi_get(&self, keys: &[&[u8]], snapshot: u64) -> Result<Vec<Lookup<'_>>> {
        let answers = self.table.multi_get(keys, self.fault.snapshot(snapshot))?;
        keys.iter()
            .zip(answers)
            .map(|(key, answer)| Ok(self.fault.lookup(&self.table, key, answer?)))
            .collect()
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
    pub fn table(&self) -> &MemTable {
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
    ) -> VisibleIter<&MemTable> {
        self.table
            .visible_range(self.fault.snapshot(snapshot), lower, upper)
    }

    /// `MemTable::owned_iter`: the cursor keeps the table alive.
    pub fn owned_cursor(&self) -> OwnedCursor<F> {
        OwnedCursor {
            inner: self.table.owned_iter(),
            fault: Arc::clone(&self.fault),
        }
    }
}

/// A borrowed cursor over all entries.
pub struct Cursor<'t, F> {
    inner: rep::Cursor<&'t MemTable>,
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
    inner: rep::Cursor<Arc<MemTable>>,
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

/// The table as it is.
#[derive(Debug, Default)]
pub struct NoFault;

impl Fault for NoFault {}
