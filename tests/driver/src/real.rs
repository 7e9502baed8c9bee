//! The table itself as a subject.

use std::cell::RefCell;
use std::sync::Arc;

use verimem::rep::{Cursor, Handle};
use verimem::{
    BatchError, Comparator, EntryRef, Error, Hint, Kind, Lookup, MemTable, MergeBase, VisibleIter,
    Writer,
};
use verimem_model::{Answer, Base, Counters, Entry, View};

use crate::Config;
use crate::subject::{Answers, BatchWriter, Subject, TableCursor, borrowed};

/// A [`MemTable`], a few hints, and one hint that belongs to another table.
pub struct Real<C: Comparator> {
    table: Arc<MemTable<C>>,
    hints: RefCell<[Hint; 4]>,
    foreign: RefCell<Option<Hint>>,
}

impl<C: Comparator> Real<C> {
    /// An empty table.
    ///
    /// # Errors
    ///
    /// Whatever the builder says.
    pub fn new(config: &Config, comparator: C) -> Result<Self, Error> {
        verimem::seed_thread_rng(config.seed);
        let table = MemTable::with_comparator(comparator)
            .write_buffer_size(config.write_buffer_size)
            .arena_block_size(config.arena_block_size)
            .capacity(config.capacity)
            .max_height(config.max_height)
            .branching(config.branching)
            .heights(config.towers.source())
            .protection(config.protection())
            .earliest_sequence(config.earliest_sequence)
            .track_reads(config.track_reads)
            .arena_shards(config.arena_shards)
            .build()?;
        Ok(Self {
            table: Arc::new(table),
            hints: RefCell::new([Hint::new(), Hint::new(), Hint::new(), Hint::new()]),
            foreign: RefCell::new(None),
        })
    }
}

impl<C: Comparator> Subject for Real<C> {
    fn add(&self, entry: &Entry<'_>) -> Result<(), Error> {
        self.table.add(
            entry.sequence,
            Kind(entry.kind),
            entry.user_key,
            entry.value,
        )
    }

    fn writer(&self, exclusive: bool) -> Result<Box<dyn BatchWriter + '_>, Error> {
        let writer = if exclusive {
            self.table.exclusive_writer()?
        } else {
            self.table.writer()?
        };
        Ok(Box::new(RealWriter {
            writer,
            hints: &self.hints,
            foreign: &self.foreign,
        }))
    }

    fn get(&self, user_key: &[u8], snapshot: u64) -> Result<Answer<'_>, Error> {
        self.table.get(user_key, snapshot).map(answer)
    }

    fn multi_get(&self, keys: &[&[u8]], snapshot: u64) -> Result<Answers<'_>, Error> {
        let answers = self.table.multi_get(keys, snapshot)?;
        Ok(answers.into_iter().map(|found| found.map(answer)).collect())
    }

    fn get_entry(&self, user_key: &[u8], snapshot: u64) -> Result<Option<Entry<'_>>, Error> {
        Ok(self.table.get_entry(user_key, snapshot)?.map(entry))
    }

    fn contains(&self, user_key: &[u8], sequence: u64) -> bool {
        self.table.contains(user_key, sequence)
    }

    fn internal(&self, owned: bool) -> Box<dyn TableCursor + '_> {
        if owned {
            Box::new(Internal(self.table.owned_iter()))
        } else {
            Box::new(Internal(self.table.iter()))
        }
    }

    fn visible(&self, owned: bool, view: &View) -> Box<dyn TableCursor + '_> {
        let (lower, upper) = (borrowed(&view.lower), borrowed(&view.upper));
        if owned {
            Box::new(Visible(self.table.owned_visible(
                view.snapshot,
                lower,
                upper,
            )))
        } else {
            Box::new(Visible(self.table.visible_range(
                view.snapshot,
                lower,
                upper,
            )))
        }
    }

    fn seal(&self) -> Result<(), Error> {
        self.table.seal()
    }

    fn is_sealed(&self) -> bool {
        self.table.is_sealed()
    }

    fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn stats(&self) -> (Counters, u64) {
        let stats = self.table.stats();
        let counters = Counters {
            entries: stats.entries,
            deletions: stats.deletions,
            merges: stats.merges,
            range_deletions: stats.range_deletions,
            data_size: stats.data_size,
            first_sequence: stats.first_sequence,
            largest_sequence: stats.largest_sequence,
        };
        (counters, stats.earliest_sequence)
    }

    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize, Error> {
        self.table.max_entry_size(key_len, value_len)
    }

    fn memory_fault(&self) -> Option<String> {
        let usage = self.table.memory_usage();
        let sum = usage.used + usage.unused + usage.wasted;
        (usage.allocated != sum).then(|| format!("{usage:?}"))
    }
}

/// A hint that was used with a table that is gone.
fn hint_of_another_table() -> Result<Hint, Error> {
    let other = MemTable::builder().write_buffer_size(1).build()?;
    let mut hint = Hint::new();
    other
        .writer()?
        .add_with_hint(&mut hint, 1, Kind::VALUE, b"key", b"")?;
    Ok(hint)
}

struct RealWriter<'t, C: Comparator> {
    writer: Writer<'t, C>,
    hints: &'t RefCell<[Hint; 4]>,
    foreign: &'t RefCell<Option<Hint>>,
}

impl<C: Comparator> RealWriter<'_, C> {
    fn hinted(&mut self, hint: &mut Hint, entry: &Entry<'_>) -> Result<(), Error> {
        let kind = Kind(entry.kind);
        self.writer
            .add_with_hint(hint, entry.sequence, kind, entry.user_key, entry.value)
    }
}

impl<C: Comparator> BatchWriter for RealWriter<'_, C> {
    fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        self.writer.add(
            entry.sequence,
            Kind(entry.kind),
            entry.user_key,
            entry.value,
        )
    }

    fn add_batch(&mut self, entries: &[Entry<'_>]) -> Result<(), BatchError> {
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| EntryRef {
                user_key: entry.user_key,
                sequence: entry.sequence,
                kind: Kind(entry.kind),
                value: entry.value,
            })
            .collect();
        self.writer.add_batch(&entries)
    }

    fn add_with_hint(&mut self, hint: u8, entry: &Entry<'_>) -> Result<(), Error> {
        let hints = self.hints;
        let hint = &mut hints.borrow_mut()[usize::from(hint % 4)];
        self.hinted(hint, entry)
    }

    fn add_with_foreign_hint(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        let foreign = self.foreign;
        let mut foreign = foreign.borrow_mut();
        let foreign = match &mut *foreign {
            Some(hint) => hint,
            none => none.insert(hint_of_another_table()?),
        };
        self.hinted(foreign, entry)
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        self.writer.reserve(bytes)
    }
}

struct Internal<H: Handle>(Cursor<H>);

impl<H: Handle> TableCursor for Internal<H> {
    fn entry(&self) -> Result<Option<Entry<'_>>, Error> {
        let found = self.0.entry()?.map(entry);
        assert_eq!(
            self.0.valid(),
            found.is_some(),
            "valid() and entry() of one cursor"
        );
        let key = found.map(|found| (found.user_key, found.sequence));
        assert_eq!(self.0.key(), key, "key() and entry() of one cursor");
        Ok(found)
    }

    fn lookup(&self) -> Result<Option<Answer<'_>>, Error> {
        Ok(None)
    }

    fn seek(&mut self, user_key: &[u8], sequence: u64) {
        self.0.seek(user_key, sequence);
    }

    fn seek_for_prev(&mut self, user_key: &[u8], sequence: u64) {
        self.0.seek_for_prev(user_key, sequence);
    }

    fn seek_to_first(&mut self) {
        self.0.seek_to_first();
    }

    fn seek_to_last(&mut self) {
        self.0.seek_to_last();
    }

    fn seek_random(&mut self) {
        self.0.seek_random();
    }

    fn next(&mut self) {
        self.0.next();
    }

    fn prev(&mut self) {
        self.0.prev();
    }
}

/// No run corrupts its table, so no move of an iterator may fail.
const SOUND: Result<(), Error> = Ok(());

struct Visible<H: Handle>(VisibleIter<H>);

impl<H: Handle> TableCursor for Visible<H> {
    fn entry(&self) -> Result<Option<Entry<'_>>, Error> {
        let found = self.0.entry()?.map(entry);
        assert_eq!(
            self.0.valid(),
            found.is_some(),
            "valid() and entry() of one iterator"
        );
        let key = found.map(|found| found.user_key);
        assert_eq!(self.0.key(), key, "key() and entry() of one iterator");
        Ok(found)
    }

    fn lookup(&self) -> Result<Option<Answer<'_>>, Error> {
        if !self.0.valid() {
            return Ok(None);
        }
        self.0.lookup().map(|found| Some(answer(found)))
    }

    fn seek(&mut self, user_key: &[u8], _sequence: u64) {
        assert_eq!(self.0.seek(user_key), SOUND);
    }

    fn seek_for_prev(&mut self, user_key: &[u8], _sequence: u64) {
        assert_eq!(self.0.seek_for_prev(user_key), SOUND);
    }

    fn seek_to_first(&mut self) {
        assert_eq!(self.0.seek_to_first(), SOUND);
    }

    fn seek_to_last(&mut self) {
        assert_eq!(self.0.seek_to_last(), SOUND);
    }

    fn seek_random(&mut self) {}

    fn next(&mut self) {
        assert_eq!(self.0.next(), SOUND);
    }

    fn prev(&mut self) {
        assert_eq!(self.0.prev(), SOUND);
    }
}

/// The table's entry in the model's words.
fn entry(found: EntryRef<'_>) -> Entry<'_> {
    let EntryRef {
        user_key,
        sequence,
        kind,
        value,
    } = found;
    Entry {
        user_key,
        sequence,
        kind: kind.0,
        value,
    }
}

/// The table's answer in the model's words.
fn answer(found: Lookup<'_>) -> Answer<'_> {
    match found {
        Lookup::NotFound => Answer::NotFound,
        Lookup::Found {
            value,
            sequence,
            kind,
        } => Answer::Found {
            kind: kind.0,
            sequence,
            value,
        },
        Lookup::Deleted { sequence, kind } => Answer::Deleted {
            kind: kind.0,
            sequence,
        },
        Lookup::Merge {
            operands,
            sequence,
            base,
        } => Answer::Merge {
            operands: operands.into_iter().collect(),
            sequence,
            base: match base {
                MergeBase::Value {
                    value,
                    kind,
                    sequence,
                } => Base::Value {
                    kind: kind.0,
                    sequence,
                    value,
                },
                MergeBase::Deleted { sequence } => Base::Deleted { sequence },
                MergeBase::Missing => Base::Missing,
                _ => unreachable!("a base of a new sort"),
            },
        },
        _ => unreachable!("an answer of a new sort"),
    }
}
