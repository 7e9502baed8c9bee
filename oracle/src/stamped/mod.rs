//! Runs on keys with timestamps (SPEC E9).
//!
//! RocksDB compares range deletions with entries by their numbers, which is right where newer
//! timestamps have larger numbers; here timestamps come first. So a run either has them in one
//! order, and range deletions, or in none, and no range deletion.

mod reads;
mod writes;

use std::sync::Arc;

use verimem::merge::StringAppend;
use verimem::rep::Cursor;
use verimem::{
    BytewiseComparator, Comparator, Error, FixedPrefix, MemTable, Protection,
    ReverseBytewiseComparator, TimestampedComparator,
};
use verimem_driver::seeds::Random;
use verimem_driver::{Compare, Config, Filtering, Prefixes};
use verimem_model::{Entry, MAX_SEQUENCE, Merging, Sight};

pub(crate) use reads::{seen, whole};

use crate::explained::Totals;
use crate::rocks::{Extras, Iter, Rocks};

/// A bug in what our table is asked, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// None.
    Nothing,
    /// Reads are as of the timestamp before.
    ReadsEarlier,
    /// Range deletions are as of the timestamp after.
    DeletesLater,
    /// Iterators seek one timestamp too far.
    SeeksOlder,
    /// Timestamps that were found are one too large.
    TellsNewer,
    /// No byte of an entry changes.
    ChangesNothing,
    /// Checksums that are handed in are replaced by right ones.
    TrustsHanded,
    /// Updates lose the last byte of the value.
    CutsUpdates,
    /// Updates add an entry always, and say that they were in place.
    AddsAlways,
    /// Callbacks of updates are shown no value.
    ForgetsValue,
}

/// What a run is like.
struct Shape {
    config: Config,
    /// Newer timestamps have larger numbers.
    ordered: bool,
    operations: usize,
}

const TIMES: usize = 12;
const NEWEST: u64 = u64::MAX;

fn shape(random: &mut Random) -> Shape {
    let config = Config {
        compare: [Compare::Bytewise, Compare::ReverseBytewise][random.below(2)],
        protection_bytes: [0, 1, 8][random.below(3)],
        exclusive: random.below(2) == 0,
        filtering: [Filtering::Nothing, Filtering::Tiny, Filtering::Ample][random.below(3)],
        whole_keys: random.below(3) != 0,
        prefixes: [Prefixes::Nothing, Prefixes::Fixed(1)][random.below(2)],
        merging: [Merging::Nothing, Merging::Append][random.below(2)],
        ..Config::default()
    };
    Shape {
        config: config.allowed(),
        ordered: random.below(2) == 0,
        operations: 1 << (5 + random.below(6)),
    }
}

/// The run that a seed says all about.
///
/// # Errors
///
/// The first difference.
pub fn one_stamped(seed: u64, slip: Slip) -> Result<Totals, String> {
    let mut random = Random(seed);
    let shape = shape(&mut random);
    let result = if shape.config.compare == Compare::ReverseBytewise {
        Run::new(&shape, ReverseBytewiseComparator, random, slip).and_then(Run::all)
    } else {
        Run::new(&shape, BytewiseComparator, random, slip).and_then(Run::all)
    };
    result.map_err(|what| {
        let Shape {
            config, ordered, ..
        } = &shape;
        format!("seed {seed}, timestamps, ordered: {ordered}, {config:?}:\n{what}")
    })
}

struct Run<'s, C: Comparator> {
    shape: &'s Shape,
    random: Random,
    slip: Slip,
    ours: MemTable<TimestampedComparator<C>>,
    rocks: Rocks,
    keys: Vec<Vec<u8>>,
    last: u64,
    /// Keys with timestamps, and numbers.
    added: Vec<(Vec<u8>, u64)>,
    overhead: u64,
    sealed: bool,
    totals: Totals,
}

/// A key with its timestamp.
fn at(key: &[u8], timestamp: u64) -> Vec<u8> {
    [key, &timestamp.to_le_bytes()].concat()
}

impl<'s, C: Comparator> Run<'s, C> {
    fn new(shape: &'s Shape, order: C, mut random: Random, slip: Slip) -> Result<Self, String> {
        let config = &shape.config;
        let extras = Extras {
            verify: random.below(3) == 0,
            batched: random.below(2) == 0,
            hint_prefix: 0,
            timestamps: true,
            in_place: false,
        };
        let wrong = |error: Error| error.to_string();
        let order = TimestampedComparator::new(order).map_err(wrong)?;
        let mut builder = MemTable::with_comparator(order)
            .protection(Protection::from_len(config.protection_bytes).unwrap_or_default())
            .paranoid_checks(extras.verify)
            .verify_checksums_on_seek(extras.verify && config.protection_bytes > 0)
            .bloom_size_ratio(config.filtering.ratio())
            .whole_key_filtering(config.whole_keys);
        if let Prefixes::Fixed(bytes) = config.prefixes {
            builder = builder.prefix_extractor(Arc::new(FixedPrefix(bytes)));
        }
        if config.merging == Merging::Append {
            builder = builder.merge_operator(Arc::new(StringAppend { delimiter: b',' }));
        }
        // Some keys are others with what could be a timestamp behind them.
        let ends = [&b""[..], &[0], &[0; 8], &[5, 0, 0, 0, 0, 0, 0, 0]];
        let begins = [&b""[..], b"k", b"key", b"l"];
        let mut keys: Vec<_> = begins
            .iter()
            .flat_map(|begin| ends.map(|end| [begin, end].concat()))
            .collect();
        keys.truncate(1 + random.below(keys.len()));
        Ok(Self {
            shape,
            random,
            slip,
            ours: builder.build().map_err(wrong)?,
            rocks: Rocks::new(config, extras),
            keys,
            last: 100,
            added: Vec::new(),
            overhead: 0,
            sealed: false,
            totals: Totals::default(),
        })
    }

    fn all(mut self) -> Result<Totals, String> {
        for _ in 0..self.shape.operations {
            match self.random.below(16) {
                0..=5 => self.add()?,
                6 if self.shape.ordered => self.delete_range()?,
                6 | 7 => self.add_again()?,
                8..=10 => self.get()?,
                11 => self.get_merged()?,
                12 => self.multi_get()?,
                13 => self.check_counters()?,
                _ => self.wander()?,
            }
        }
        for _ in 0..2 {
            self.finish()?;
            self.ours.seal().map_err(|error| error.to_string())?;
            self.rocks.seal();
            self.sealed = true;
        }
        Ok(self.totals)
    }

    fn slips(&self, slip: Slip) -> u64 {
        u64::from(self.slip == slip)
    }

    fn key(&mut self) -> Vec<u8> {
        let which = self.random.below(self.keys.len());
        self.keys[which].clone()
    }

    /// The timestamp of a number, or any.
    fn timestamp(&mut self) -> u64 {
        if self.shape.ordered {
            return (self.last - 100) / 4;
        }
        match self.random.below(20) {
            0 => NEWEST,
            1 => NEWEST - 1,
            _ => self.random.below(TIMES) as u64,
        }
    }

    fn check_counters(&mut self) -> Result<(), String> {
        self.totals.count("stamped.counters");
        let (ours, theirs) = (self.ours.stats(), self.rocks.counters());
        let here = (
            ours.entries,
            ours.deletions,
            ours.range_deletions,
            ours.data_size + self.overhead,
            ours.first_sequence.unwrap_or(0),
            ours.newest_timestamp,
        );
        let there = (
            theirs.entries,
            theirs.deletions,
            theirs.range_deletions,
            theirs.data_size,
            theirs.first_sequence,
            theirs.has_timestamp.then_some(theirs.newest_timestamp),
        );
        if here != there {
            return Err(format!("counters: {here:?} here, {there:?} there"));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        self.check_counters()?;
        for forward in [true, false] {
            let (mut here, mut there) = (self.ours.iter(), self.rocks.iter());
            if forward {
                here.seek_to_first();
            } else {
                here.seek_to_last();
            }
            there.seek_to_end(forward);
            while same(&here, &there)? {
                self.totals.count("stamped.scan");
                if forward {
                    here.next();
                } else {
                    here.prev();
                }
                there.step(forward);
            }
        }
        let mut stripped = self.ours.stripped();
        for (key, value, tag) in self.rocks.stripped()? {
            self.totals.count("stamped.stripped");
            let here = stripped.next().map_err(|error| error.to_string())?;
            let here = here.map(|e| {
                (
                    at(e.user_key, 0),
                    e.value,
                    e.sequence << 8 | u64::from(e.kind.0),
                )
            });
            let there = Some((key, &value[..], tag));
            if here != there {
                return Err(format!(
                    "without timestamps: {here:?} here, {there:?} there"
                ));
            }
        }
        if let Some(more) = stripped.next().map_err(|error| error.to_string())? {
            return Err(format!("without timestamps: {more:?} here, nothing there"));
        }
        for key in self.keys.clone() {
            for timestamp in [NEWEST, 0, TIMES as u64 / 2] {
                self.get_at(&key, Sight::at(MAX_SEQUENCE), timestamp)?;
            }
        }
        Ok(())
    }
}

/// Whether both cursors are on an entry: the same.
fn same<C: Comparator>(here: &Cursor<&MemTable<C>>, there: &Iter<'_>) -> Result<bool, String> {
    let here = here.entry().map_err(|error| error.to_string())?;
    let there = there.entry()?;
    let plain = here.as_ref().map(|entry| Entry {
        user_key: entry.user_key,
        sequence: entry.sequence,
        kind: entry.kind.0,
        value: entry.value,
    });
    if plain != there {
        return Err(format!("a cursor: {here:?} here, {there:?} there"));
    }
    Ok(here.is_some())
}
