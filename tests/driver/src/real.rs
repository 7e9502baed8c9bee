//! The table itself as a subject.

use std::cell::RefCell;
use std::sync::Arc;

use verimem::memtable::DuplicatePolicy;
use verimem::merge;
use verimem::rep::{MemTableRep, MemTableRepFactory};
use verimem::{
    BatchError, CappedPrefix, Comparator, EntryRef, Error, FixedPrefix, Hint, Kind, Lookup,
    MemTable, MergeBase, PrefixHints, Reader, Visibility, Writer,
};
use verimem_model::{
    Answer, Base, Counters, Duplicates, Entry, Fragment, Hidden, Merged, PREFIX_HINTS, PrefixMode,
    Sight, Version, View,
};

use crate::cursors::{keeping_to_prefix, seeing};
use crate::subject::{Answers, BatchWriter, Stored, Subject, TableCursor, borrowed};
use crate::{Config, extractor, operator};

/// A [`MemTable`], a few hints, and one hint that belongs to another table.
pub struct Real<C: Comparator, R> {
    table: Arc<MemTable<C, R>>,
    hints: RefCell<Hints>,
    foreign: RefCell<Option<Hint>>,
}

/// What writers remember, one after the other.
struct Hints {
    plain: [Hint; PREFIX_HINTS as usize],
    /// Few prefixes of many, and many.
    by_prefix: [PrefixHints; 2],
}

impl Hints {
    fn new() -> Result<Self, Error> {
        Ok(Self {
            plain: std::array::from_fn(|_| Hint::new()),
            by_prefix: [
                PrefixHints::new(Arc::new(FixedPrefix(1)), 2)?,
                PrefixHints::new(Arc::new(CappedPrefix(9)), 100)?,
            ],
        })
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Real<C, R> {
    /// An empty table on what the factory makes.
    ///
    /// # Errors
    ///
    /// Whatever the builder says.
    pub fn new<F>(config: &Config, comparator: C, factory: F) -> Result<Self, Error>
    where
        F: MemTableRepFactory<C, Rep = R>,
    {
        verimem::seed_thread_rng(config.seed);
        let mut builder = MemTable::with_comparator(comparator)
            .representation(factory)
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
            .bloom_size_ratio(config.filtering.ratio())
            .whole_key_filtering(config.whole_keys)
            .max_successive_merges(config.max_successive_merges)
            .duplicates(policy(config.duplicates))
            .paranoid_checks(config.paranoid_checks)
            .verify_checksums_on_seek(config.verify_checksums_on_seek)
            .show_corrupt_keys(config.show_corrupt_keys)
            .lookahead(config.lookahead);
        if let Some(extractor) = extractor(config.prefixes) {
            builder = builder.prefix_extractor(extractor);
        }
        if let Some(operator) = operator::of(config.merging) {
            builder = builder.merge_operator(operator);
        }
        Ok(Self {
            table: Arc::new(builder.build()?),
            hints: RefCell::new(Hints::new()?),
            foreign: RefCell::new(None),
        })
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Real<C, R> {
    /// A reader with all that a sight has.
    fn reader(&self, sight: &Sight) -> Result<Reader<'_, C, Hiding, R>, Error> {
        let reader = self.table.reader(sight.snapshot)?;
        let reader = reader.at_timestamp(sight.timestamp);
        Ok(reader.with_visibility(Hiding(sight.hidden)))
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Subject for Real<C, R> {
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

    fn get(&self, user_key: &[u8], sight: &Sight) -> Result<Answer<'_>, Error> {
        if sight.is_plain() {
            return self.table.get(user_key, sight.snapshot).map(answer);
        }
        if sight.hides_nothing() {
            let reader = self.table.reader(sight.snapshot)?;
            let reader = reader.at_timestamp(sight.timestamp);
            return reader.get(user_key).map(answer);
        }
        self.reader(sight)?.get(user_key).map(answer)
    }

    fn get_stamped(&self, bare: &[u8], sight: &Sight) -> Result<(Answer<'_>, Option<u64>), Error> {
        let (found, timestamp) = self.reader(sight)?.get_with_timestamp(bare)?;
        Ok((answer(found), timestamp))
    }

    fn multi_get_stamped(
        &self,
        keys: &[&[u8]],
        sight: &Sight,
    ) -> Result<Vec<Result<(Answer<'_>, Option<u64>), Error>>, Error> {
        let answers = self.reader(sight)?.multi_get_with_timestamps(keys)?;
        let stamped = |(found, timestamp)| (answer(found), timestamp);
        Ok(answers.into_iter().map(|one| one.map(stamped)).collect())
    }

    fn get_merged(&self, user_key: &[u8], sight: &Sight) -> Result<Merged<'_>, Error> {
        if sight.is_plain() {
            let reader = self.table.reader(sight.snapshot)?;
            return reader.get_merged(user_key).map(merged);
        }
        self.reader(sight)?.get_merged(user_key).map(merged)
    }

    fn multi_get(&self, keys: &[&[u8]], sight: &Sight) -> Result<Answers<'_>, Error> {
        let answers = if sight.is_plain() {
            self.table.multi_get(keys, sight.snapshot)?
        } else {
            self.reader(sight)?.multi_get(keys)?
        };
        Ok(answers.into_iter().map(|found| found.map(answer)).collect())
    }

    fn get_entry(&self, user_key: &[u8], snapshot: u64) -> Result<Option<Entry<'_>>, Error> {
        Ok(self.table.get_entry(user_key, snapshot)?.map(entry))
    }

    fn contains(&self, user_key: &[u8], sequence: u64) -> bool {
        self.table.contains(user_key, sequence)
    }

    fn approximate_range(&self, begin: &[u8], end: &[u8]) -> (u64, u64) {
        let stats = self.table.approximate_range(begin, end);
        (stats.entries, stats.bytes)
    }

    fn sample(&self, count: usize) -> Result<Vec<Entry<'_>>, Error> {
        Ok(self.table.sample(count)?.into_iter().map(entry).collect())
    }

    fn range_deletions(
        &self,
        (first, last): (u64, u64),
        times: Option<(u64, u64)>,
    ) -> Result<Vec<Fragment<'_>>, Error> {
        let fragments = match times {
            None => self.table.range_deletions(first..=last)?,
            Some((from, to)) => self.table.range_deletions_at(first..=last, from..=to)?,
        };
        Ok(fragments.iter().map(fragment).collect())
    }

    fn stripped(&self) -> Result<Vec<Stored>, Error> {
        let (mut entries, mut all) = (self.table.stripped(), Vec::new());
        while let Some(entry) = entries.next()? {
            let (user_key, value) = (entry.user_key.to_vec(), entry.value.to_vec());
            all.push((user_key, entry.sequence, entry.kind.0, value));
        }
        Ok(all)
    }

    fn internal(&self, owned: bool, mode: PrefixMode) -> Box<dyn TableCursor + '_> {
        if owned {
            keeping_to_prefix(self.table.owned_iter(), mode)
        } else {
            keeping_to_prefix(self.table.iter(), mode)
        }
    }

    fn visible(&self, owned: bool, view: &View) -> Box<dyn TableCursor + '_> {
        let (lower, upper) = (borrowed(&view.lower), borrowed(&view.upper));
        let snapshot = view.sight.snapshot;
        if owned {
            seeing(self.table.owned_visible(snapshot, lower, upper), view)
        } else {
            seeing(self.table.visible_range(snapshot, lower, upper), view)
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
            newest_timestamp: stats.newest_timestamp,
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

struct RealWriter<'t, C: Comparator, R: MemTableRep<Comparator = C>> {
    writer: Writer<'t, C, R>,
    hints: &'t RefCell<Hints>,
    foreign: &'t RefCell<Option<Hint>>,
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> RealWriter<'_, C, R> {
    fn hinted(&mut self, hint: &mut Hint, entry: &Entry<'_>) -> Result<(), Error> {
        let kind = Kind(entry.kind);
        self.writer
            .add_with_hint(hint, entry.sequence, kind, entry.user_key, entry.value)
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> BatchWriter for RealWriter<'_, C, R> {
    fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        self.writer.add(
            entry.sequence,
            Kind(entry.kind),
            entry.user_key,
            entry.value,
        )
    }

    fn add_batch(&mut self, entries: &[Entry<'_>]) -> Result<(), BatchError> {
        let entries: Vec<_> = entries.iter().map(entry_ref).collect();
        self.writer.add_batch(&entries)
    }

    fn add_protected(&mut self, entry: &Entry<'_>, damage: u64) -> Result<(), Error> {
        let entry = entry_ref(entry);
        let checksum = entry.checksum() ^ damage;
        self.writer.add_protected(&entry, checksum)
    }

    fn add_batch_protected(&mut self, entries: &[(Entry<'_>, u64)]) -> Result<(), BatchError> {
        let protected = entries.iter().map(|(entry, damage)| {
            let entry = entry_ref(entry);
            (entry, entry.checksum() ^ damage)
        });
        let protected: Vec<_> = protected.collect();
        self.writer.add_batch_protected(&protected)
    }

    fn add_with_hint(&mut self, hint: u8, entry: &Entry<'_>) -> Result<(), Error> {
        let (hints, which) = (self.hints, usize::from(hint));
        let hints = &mut *hints.borrow_mut();
        let Some(which) = which.checked_sub(hints.plain.len()) else {
            return self.hinted(&mut hints.plain[which], entry);
        };
        let by_prefix = &mut hints.by_prefix[which % 2];
        self.writer.add_with_prefix_hints(
            by_prefix,
            entry.sequence,
            Kind(entry.kind),
            entry.user_key,
            entry.value,
        )
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

/// Hides what the model says. What nobody may ask about, it hides as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hiding(pub(crate) Hidden);

impl Visibility for Hiding {
    fn is_visible(&self, sequence: u64) -> bool {
        sequence >= self.0.min_uncommitted && self.0.shows(sequence)
    }

    fn min_uncommitted(&self) -> u64 {
        self.0.min_uncommitted
    }
}

/// What the model calls [`Duplicates`].
fn policy(duplicates: Duplicates) -> DuplicatePolicy {
    match duplicates {
        Duplicates::Reject => DuplicatePolicy::Reject,
        Duplicates::KeepFirst => DuplicatePolicy::KeepFirst,
        Duplicates::Overwrite => DuplicatePolicy::Overwrite,
    }
}

/// The model's entry in the table's words.
fn entry_ref<'e>(entry: &Entry<'e>) -> EntryRef<'e> {
    EntryRef {
        user_key: entry.user_key,
        sequence: entry.sequence,
        kind: Kind(entry.kind),
        value: entry.value,
    }
}

/// The table's fragment in the model's words.
pub(crate) fn fragment<'t>(one: &verimem::Fragment<'t>) -> Fragment<'t> {
    let version = Version {
        timestamp: one.timestamp,
        sequence: one.sequence,
    };
    (one.begin, one.end, version)
}

/// The table's folded answer in the model's words.
pub(crate) fn merged(found: merge::Merged<'_>) -> Merged<'_> {
    match found {
        merge::Merged::NotFound => Merged::NotFound,
        merge::Merged::Found {
            value,
            sequence,
            kind,
        } => Merged::Found {
            kind: kind.0,
            sequence,
            value: value.into_owned(),
        },
        merge::Merged::Deleted { sequence, kind } => Merged::Deleted {
            kind: kind.0,
            sequence,
        },
        merge::Merged::Operands { operands, sequence } => Merged::Operands { operands, sequence },
        _ => unreachable!("a folded answer of a new sort"),
    }
}

/// The table's entry in the model's words.
pub(crate) fn entry(found: EntryRef<'_>) -> Entry<'_> {
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
pub(crate) fn answer(found: Lookup<'_>) -> Answer<'_> {
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
