//! One run: operations on both tables, compared.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use verimem_driver::seeds::Random;
use verimem_driver::{Config, Rep, Subject, decode, open, reduce};
use verimem_model::{
    Duplicates, Hidden, HiddenChoice, KeyChoice, MAX_SEQUENCE, Op, Pattern, Sight, SightChoice,
    SnapshotChoice,
};

use crate::batches::one_batch;
use crate::cursors::Slot;
use crate::damaged::one_damaged;
use crate::explained::{Totals, Why};
use crate::in_place::one_in_place;
use crate::rocks::{Extras, Rocks};
use crate::stamped::{Slip, one_stamped};

/// The state of a run.
pub(crate) struct Run<'s> {
    pub(crate) ours: &'s dyn Subject,
    pub(crate) rocks: &'s Rocks,
    pub(crate) config: &'s Config,
    /// The last sequence number in order of counting; edges do not move it.
    pub(crate) last: u64,
    /// Every entry of a single key that was added, in that order.
    pub(crate) added: Vec<(Vec<u8>, u64)>,
    /// Begin and number of every range deletion.
    pub(crate) ranges: HashSet<(Vec<u8>, u64)>,
    /// Keys with an entry of a kind that RocksDB does not know.
    pub(crate) odd: HashSet<Vec<u8>>,
    /// What RocksDB's data size has over ours.
    pub(crate) overhead: u64,
    pub(crate) sealed: bool,
    pub(crate) slots: [Slot<'s>; 4],
    pub(crate) totals: Totals,
}

/// The options of a run as both tables can have them.
#[must_use]
pub fn fitting(config: &Config) -> Config {
    let mut config = config.allowed();
    // How much fits is each table's own affair, and so is when the writer folds.
    config.capacity = None;
    config.max_successive_merges = 0;
    config.earliest_sequence = 0;
    // Keys with timestamps have runs of their own, and RocksDB has one policy for duplicates.
    config.timestamp_len = 0;
    // A vector notices duplicates too late to refuse them.
    config.duplicates = match config.rep {
        Rep::Vector => Duplicates::KeepFirst,
        _ => Duplicates::Reject,
    };
    config
}

/// Applies `ops` to two new tables, and compares all that they say.
///
/// # Errors
///
/// The first difference that is not explained.
pub fn run(config: &Config, extras: Extras, ops: &[Op]) -> Result<Totals, String> {
    let config = fitting(config);
    let ours = open(&config).map_err(|divergence| divergence.to_string())?;
    run_on(&*ours, &config, extras, ops)
}

/// [`run`] on any table of ours, which is empty and has [`fitting`] options.
///
/// # Errors
///
/// The first difference that is not explained.
pub fn run_on(
    ours: &dyn Subject,
    config: &Config,
    extras: Extras,
    ops: &[Op],
) -> Result<Totals, String> {
    let rocks = Rocks::new(config, extras);
    let mut run = Run {
        ours,
        rocks: &rocks,
        config,
        last: 100,
        added: Vec::new(),
        ranges: HashSet::new(),
        odd: HashSet::new(),
        overhead: 0,
        sealed: false,
        slots: std::array::from_fn(|_| Slot::new(ours, &rocks)),
        totals: Totals::default(),
    };
    for (index, op) in ops.iter().enumerate() {
        run.apply(op)
            .and_then(|()| {
                if op.reads() {
                    Ok(())
                } else {
                    run.check_slots()
                }
            })
            .map_err(|what| format!("operation {index}, {op:?}:\n{what}"))?;
    }
    run.finish().map_err(|what| format!("at the end: {what}"))?;
    Ok(run.totals)
}

/// The run that a seed says all about, of any sort: with timestamps, with damage, with
/// updates in place, of a write batch, or none of these; of at most so many bytes.
///
/// # Errors
///
/// The first difference that is not explained.
pub fn any(seed: u64, most_bytes: usize) -> Result<Totals, String> {
    let caught = |run: fn(u64, Slip) -> Result<Totals, String>| {
        catch_unwind(|| run(seed, Slip::Nothing)).unwrap_or_else(|_| Err("panicked".to_owned()))
    };
    // Not the draws of the runs themselves, or each sort would have half of its options.
    match Random(!seed).below(20) {
        0..5 => caught(one_stamped),
        5..10 => caught(one_damaged),
        10..12 => caught(one_in_place),
        12 => one_batch(seed),
        _ => one(seed, most_bytes),
    }
}

/// The run that a seed says all about; of at most so many bytes.
///
/// # Errors
///
/// The first difference that is not explained, with the operations that are needed for it.
pub fn one(seed: u64, most_bytes: usize) -> Result<Totals, String> {
    let mut random = Random(seed);
    let extras = Extras {
        verify: random.below(3) == 0,
        batched: random.below(2) == 0,
        hint_prefix: [0, 0, 1, 4][random.below(4)],
        timestamps: false,
        in_place: false,
    };
    // Lengths spread over the orders of magnitude: short sequences are many, long ones deep.
    let most = 1 << (5 + random.below(most_bytes.ilog2().saturating_sub(4).max(1) as usize));
    let length = most / 2 + random.below(most / 2);
    let mut bytes = Vec::new();
    random.fill(length, &mut bytes);
    let (config, ops) = decode(&bytes);
    let attempt = |ops: &[Op]| {
        catch_unwind(AssertUnwindSafe(|| run(&config, extras, ops)))
            .unwrap_or_else(|_| Err("panicked".to_owned()))
    };
    attempt(&ops).map_err(|_| {
        let ops = reduce(&ops, |ops| attempt(ops).is_err());
        let what = attempt(&ops).err().unwrap_or_default();
        format!("seed {seed}, {extras:?}, {config:?}:\n{what}\nreduced to {ops:#?}")
    })
}

impl Run<'_> {
    fn apply(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Add(add) | Op::AddWithForeignHint(add) => self.add(add),
            Op::Batch(batch) => self.batch(batch),
            Op::AddWithHint { hint, add } => self.add_with_hint(*hint, add),
            Op::AddAgain { which, kind, value } => self.add_again(*which, *kind, *value),
            Op::Get(key, sight) => {
                let (key, sight) = (self.key(key), self.sight(sight));
                self.get(&key, &sight)
            }
            Op::GetMerged(key, sight) => {
                let (key, sight) = (self.key(key), self.sight(sight));
                self.get_merged(&key, &sight)
            }
            Op::MultiGet(keys) => self.multi_get(keys),
            Op::GetEntry(key, snapshot) | Op::Contains(key, snapshot) => {
                let (key, snapshot) = (self.key(key), self.snapshot(*snapshot));
                self.get_entry(&key, snapshot)
            }
            Op::Open { slot, .. } => {
                self.slots[usize::from(*slot) % 4] = Slot::new(self.ours, self.rocks);
                Ok(())
            }
            Op::Move { slot, motion } => self.move_cursor(*slot, motion),
            Op::Walk {
                slot,
                forward,
                steps,
            } => self.walk(*slot, *forward, *steps),
            Op::Wander { slot, legs } => self.wander(*slot, legs),
            Op::Bulk(bulk) => self.bulk(bulk),
            Op::Stats => self.check_counters(),
            Op::DeleteRange {
                from,
                to,
                sequence,
                as_is,
                time: _,
            } => self.delete_range(from, to, *sequence, *as_is),
            Op::RangeDeletions(first, last, _) => {
                let (first, last) = (self.snapshot(*first), self.snapshot(*last));
                self.range_deletions(first, last)
            }
            // Estimates and samples: each table has its own.
            Op::ApproximateRange(..) | Op::Sample(_) => Ok(()),
            Op::Seal => {
                self.ours.seal().map_err(|error| error.to_string())?;
                self.rocks.seal();
                self.sealed = true;
                self.totals.count("seal");
                Ok(())
            }
        }
    }

    /// The key that is meant.
    pub(crate) fn key(&self, choice: &KeyChoice) -> Vec<u8> {
        match choice {
            KeyChoice::Added(which) => self.chosen(*which).map_or(Vec::new(), |one| one.0.clone()),
            KeyChoice::Fresh(key) => key.0.clone(),
        }
    }

    /// The snapshot that is meant; there are none beyond the largest number.
    pub(crate) fn snapshot(&self, choice: SnapshotChoice) -> u64 {
        let snapshot = match choice {
            SnapshotChoice::Added(which) => self.chosen(which).map_or(self.last, |added| added.1),
            SnapshotChoice::Back(back) => self.last.saturating_sub(u64::from(back)),
            SnapshotChoice::Exactly(snapshot) => snapshot,
        };
        snapshot.min(MAX_SEQUENCE)
    }

    /// The sight that is meant. RocksDB never asks about number 0.
    pub(crate) fn sight(&self, choice: &SightChoice) -> Sight {
        let pattern = match choice.hidden {
            HiddenChoice::Nothing => Pattern::Nothing,
            HiddenChoice::Everything => Pattern::Between(0, u64::MAX),
            HiddenChoice::Every(of, rest) => {
                let of = u64::from(of.max(1));
                let rest = u64::from(rest) % of;
                Pattern::Every { of, rest }
            }
            HiddenChoice::From(first, count) => {
                let first = self.snapshot(first);
                Pattern::Between(first, first.saturating_add(count.into()))
            }
        };
        let asked = choice
            .min_uncommitted
            .map_or(1, |first| self.snapshot(first).max(1));
        Sight {
            snapshot: self.snapshot(choice.snapshot),
            timestamp: u64::MAX,
            hidden: Hidden {
                pattern,
                min_uncommitted: if pattern == Pattern::Nothing {
                    0
                } else {
                    asked
                },
            },
        }
    }

    /// One of the entries that were added.
    pub(crate) fn chosen(&self, which: u16) -> Option<&(Vec<u8>, u64)> {
        self.added.get(usize::from(which) % self.added.len().max(1))
    }

    /// True when RocksDB takes its table for empty, which it is not (E3).
    pub(crate) fn reads_as_empty(&self) -> bool {
        self.rocks.counters().is_empty && !self.ours.is_empty()
    }

    /// All entries both ways, every key at every snapshot that tells a difference, the counters.
    fn finish(&mut self) -> Result<(), String> {
        self.check_counters()?;
        self.check_scans()?;
        let mut places = std::mem::take(&mut self.added);
        let ends: Vec<u64> = self.ranges.iter().map(|one| one.1).collect();
        places.sort_unstable();
        places.dedup();
        // Long runs do with some of their places.
        let every = 1 + places.len() / 256;
        for (key, sequence) in places.iter().step_by(every) {
            for snapshot in [*sequence, sequence.saturating_sub(1), MAX_SEQUENCE] {
                self.get(key, &Sight::at(snapshot))?;
                self.get_merged(key, &Sight::at(snapshot))?;
            }
        }
        for last in ends.iter().copied().chain([MAX_SEQUENCE]).take(16) {
            self.range_deletions(0, last)?;
            for (key, _) in places.iter().step_by(every * 8) {
                self.get(key, &Sight::at(last))?;
            }
        }
        self.added = places;
        Ok(())
    }

    /// Both tables have counted the same.
    pub(crate) fn check_counters(&mut self) -> Result<(), String> {
        self.totals.count("counters");
        let ours = self.ours.stats().0;
        let theirs = self.rocks.counters();
        let expected = (
            ours.entries,
            ours.deletions,
            ours.range_deletions,
            ours.data_size + self.overhead,
        );
        let actual = (
            theirs.entries,
            theirs.deletions,
            theirs.range_deletions,
            theirs.data_size,
        );
        if expected != actual {
            return Err(format!("counters: {expected:?} here, {actual:?} there"));
        }
        let first = ours.first_sequence.unwrap_or(0);
        if first != theirs.first_sequence {
            if first != 0 {
                return Err(format!("first number: {first} here, {theirs:?} there"));
            }
            self.totals.explain(Why::SequenceZero);
        }
        if self.ours.is_empty() != theirs.is_empty {
            if first != 0 || !theirs.is_empty {
                return Err(format!("emptiness: {ours:?} here, {theirs:?} there"));
            }
            self.totals.explain(Why::SequenceZero);
        }
        Ok(())
    }
}
