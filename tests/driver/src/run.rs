//! One run: operations on a table and on the model, compared.

use std::fmt::Debug;

use verimem::{
    BytewiseComparator, Comparator, Error, ReverseBytewiseComparator, TimestampedComparator,
};
use verimem_model::{
    Hidden, HiddenChoice, Histogram, KeyChoice, MAX_SEQUENCE, ModelMemTable, Op, Pattern, Sight,
    SightChoice, SnapshotChoice, TimeChoice, View,
};

use crate::any_order::{AnyOrder, shared_prefix};
use crate::candidate::{Candidate, Default};
use crate::slots::Slot;
use crate::subject::Subject;
use crate::{Coarse, Compare, Config, Divergence, Fault, Faulty, Plain, Real, Rep, same};

/// Applies `ops` to a new table and to the model, and compares everything.
///
/// # Errors
///
/// The first [`Divergence`].
pub fn run(config: &Config, ops: &[Op]) -> Result<Histogram, Divergence> {
    run_on(&*open(config)?, config, ops)
}

/// [`run`] on a table with a planted bug.
///
/// # Errors
///
/// The first [`Divergence`]; there should be one.
pub fn run_with_fault(config: &Config, ops: &[Op], fault: Fault) -> Result<Histogram, Divergence> {
    let inner = open(&fault.planted_in(config))?;
    run_on(&Faulty::new(inner, fault), config, ops)
}

/// [`run`] on any subject, which is empty.
///
/// # Errors
///
/// The first [`Divergence`].
pub fn run_on(subject: &dyn Subject, config: &Config, ops: &[Op]) -> Result<Histogram, Divergence> {
    let config = &config.allowed();
    let mut run = Run::new(subject, config);
    for (index, op) in ops.iter().enumerate() {
        run.apply(op)
            .and_then(|()| {
                if op.reads() {
                    Ok(())
                } else {
                    run.check_slots()
                }
            })
            .map_err(|divergence| Divergence {
                op_index: Some(index),
                what: format!("{op:?}: {}", divergence.what),
                ..divergence
            })?;
    }
    run.finish()?;
    Ok(run.histogram)
}

/// A new table behind the trait, without options for which none can be made; that has
/// to be said of them.
///
/// # Errors
///
/// The [`Divergence`] when it is not.
pub fn open(config: &Config) -> Result<Box<dyn Subject>, Divergence> {
    match config.rep {
        Rep::SkipList => open_by(&build_default, config),
        rep => open_on(&rep, config),
    }
}

/// As [`open`], on a representation to be tried; the options are those that it
/// [can](crate::Abilities::of) do.
///
/// # Errors
///
/// As for [`open`].
pub fn open_on(
    candidate: &impl Candidate,
    config: &Config,
) -> Result<Box<dyn Subject>, Divergence> {
    open_by(&|config: &Config| build(candidate, config), config)
}

type Build<'b> = &'b dyn Fn(&Config) -> Result<Box<dyn Subject>, Error>;

fn open_by(build: Build<'_>, config: &Config) -> Result<Box<dyn Subject>, Divergence> {
    let unmade = |expected: &dyn Debug, error: Option<&Error>| {
        Divergence::new(format!("building {config:?}"), expected, &error)
    };
    if let Some(refused) = config.refused() {
        match build(config) {
            Err(Error::InvalidOption { option, .. }) if option == refused => {}
            other => return Err(unmade(&refused, other.err().as_ref())),
        }
    }
    build(&config.allowed()).map_err(|error| unmade(&"a table", Some(&error)))
}

/// On the default representation: a type of table for each order, as users have.
fn build_default(config: &Config) -> Result<Box<dyn Subject>, Error> {
    if config.timestamp_len > 0 {
        return build(&Default, config);
    }
    match config.compare {
        Compare::Bytewise => build_in(&Default, config, BytewiseComparator),
        Compare::ReverseBytewise => build_in(&Default, config, ReverseBytewiseComparator),
        Compare::Plain => build_in(&Default, config, Plain),
        Compare::Coarse => build_in(&Default, config, Coarse),
        Compare::SharedPrefix => build_in(&Default, config, shared_prefix()?),
    }
}

/// On any representation: one type for the orders that have prefixes, since each table
/// takes seconds to compile.
fn build(candidate: &impl Candidate, config: &Config) -> Result<Box<dyn Subject>, Error> {
    let plain = config.compare == Compare::Plain;
    match (config.timestamp_len, plain) {
        (8, true) => build_in(candidate, config, stamped::<_, 8>(Plain)?),
        (8, false) => build_in(candidate, config, stamped::<_, 8>(any_order(config)?)?),
        (1, true) => build_in(candidate, config, stamped::<_, 1>(Plain)?),
        (1, false) => build_in(candidate, config, stamped::<_, 1>(any_order(config)?)?),
        (_, true) => build_in(candidate, config, Plain),
        (_, false) => build_in(candidate, config, any_order(config)?),
    }
}

fn any_order(config: &Config) -> Result<AnyOrder, Error> {
    AnyOrder::new(config.compare)
}

fn stamped<C: Comparator, const N: usize>(order: C) -> Result<TimestampedComparator<C, N>, Error> {
    TimestampedComparator::new(order)
}

fn build_in<C: Comparator>(
    candidate: &impl Candidate,
    config: &Config,
    comparator: C,
) -> Result<Box<dyn Subject>, Error> {
    Ok(Box::new(Real::new(
        config,
        comparator,
        candidate.factory(),
    )?))
}

/// The state of a run.
pub(crate) struct Run<'s> {
    pub(crate) subject: &'s dyn Subject,
    pub(crate) config: &'s Config,
    pub(crate) model: ModelMemTable,
    /// The last sequence number in order of counting; edges do not move it.
    pub(crate) last: u64,
    /// The newest timestamp in order of counting; edges do not move it.
    pub(crate) time: u64,
    /// Every entry that was added, in that order.
    pub(crate) added: Vec<(Vec<u8>, u64)>,
    pub(crate) slots: [Slot<'s>; 4],
    pub(crate) histogram: Histogram,
}

impl<'s> Run<'s> {
    fn new(subject: &'s dyn Subject, config: &'s Config) -> Self {
        Self {
            subject,
            config,
            model: ModelMemTable::new(config.compare.order())
                .merging(config.merging, config.max_successive_merges)
                .timestamps(config.timestamp_len)
                .duplicates(config.duplicates)
                .prefixes(config.prefixes),
            last: 100,
            time: 100,
            added: Vec::new(),
            slots: Slot::four(subject),
            histogram: Histogram::default(),
        }
    }

    fn apply(&mut self, op: &Op) -> Result<(), Divergence> {
        match op {
            Op::Add(add) => self.add(add),
            Op::Batch(batch) => self.batch(batch),
            Op::AddWithHint { hint, add } => self.add_with_hint(*hint, add),
            Op::AddAgain { which, kind, value } => self.add_again(*which, *kind, *value),
            Op::AddWithForeignHint(add) => self.add_with_foreign_hint(add),
            Op::Get(key, sight) => self.get(key, sight),
            Op::GetMerged(key, sight) => self.get_merged(key, sight),
            Op::MultiGet(keys) => self.multi_get(keys),
            Op::GetEntry(key, snapshot) => self.get_entry(key, *snapshot),
            Op::Contains(key, snapshot) => self.contains(key, *snapshot),
            Op::Open { slot, cursor } => self.open_cursor(*slot, cursor),
            Op::Move { slot, motion } => self.move_cursor(*slot, motion),
            Op::Walk {
                slot,
                forward,
                steps,
            } => self.walk(*slot, *forward, *steps),
            Op::Bulk(bulk) => self.bulk(bulk),
            Op::Wander { slot, legs } => self.wander(*slot, legs),
            Op::Stats => {
                self.histogram.count("stats", "same");
                self.check_counters()
            }
            Op::DeleteRange {
                from,
                to,
                sequence,
                time,
                as_is,
            } => self.delete_range(from, to, *sequence, *time, *as_is),
            Op::ApproximateRange(from, to) => self.approximate_range(from, to),
            Op::Sample(count) => self.sample(*count),
            Op::RangeDeletions(first, last, times) => self.range_deletions(*first, *last, *times),
            Op::Seal => self.seal(),
        }
    }

    /// The key that is meant, without a timestamp.
    pub(crate) fn key(&self, choice: &KeyChoice) -> Vec<u8> {
        match choice {
            KeyChoice::Added(which) => self
                .chosen(*which)
                .map_or(Vec::new(), |(key, _)| self.bare(key).to_vec()),
            KeyChoice::Fresh(key) => key.0.clone(),
        }
    }

    /// The key that is meant, as it is stored: with the timestamp of an added one, or of the
    /// newest less what the snapshot is back. A key that is sought at an edge has none, and may
    /// be too short for one.
    pub(crate) fn stored_key(&self, choice: &KeyChoice, snapshot: SnapshotChoice) -> Vec<u8> {
        let stamped = |time| self.model.layout().stamped(&self.key(choice), time);
        match (choice, snapshot) {
            (KeyChoice::Added(which), SnapshotChoice::Added(_)) => {
                let added = self.chosen(*which);
                added.map_or_else(|| stamped(0), |(key, _)| key.clone())
            }
            (_, SnapshotChoice::Back(back)) => stamped(self.time.saturating_sub(back.into())),
            (KeyChoice::Fresh(_), SnapshotChoice::Exactly(0..=2)) => self.key(choice),
            _ => stamped(self.time),
        }
    }

    /// A stored key without its timestamp.
    pub(crate) fn bare<'k>(&self, user_key: &'k [u8]) -> &'k [u8] {
        self.model.layout().bare(user_key)
    }

    /// The timestamp that a reader means.
    pub(crate) fn time(&self, choice: TimeChoice) -> u64 {
        match choice {
            TimeChoice::After(after) => self.time.saturating_add(after.into()),
            TimeChoice::Before(before) => self.time.saturating_sub(before.into()),
            TimeChoice::Exactly(time) => time,
            TimeChoice::Missing => u64::MAX,
        }
    }

    /// The snapshot that is meant.
    pub(crate) fn snapshot(&self, choice: SnapshotChoice) -> u64 {
        match choice {
            SnapshotChoice::Added(which) => self.chosen(which).map_or(self.last, |added| added.1),
            SnapshotChoice::Back(back) => self.last.saturating_sub(u64::from(back)),
            SnapshotChoice::Exactly(snapshot) => snapshot,
        }
    }

    /// The sight that is meant.
    pub(crate) fn sight(&self, choice: &SightChoice) -> Sight {
        let pattern = match choice.hidden {
            HiddenChoice::Nothing => Pattern::Nothing,
            HiddenChoice::Everything => Pattern::Between(0, u64::MAX),
            HiddenChoice::Every(of, rest) => {
                let of = u64::from(of.max(1));
                Pattern::Every {
                    of,
                    rest: u64::from(rest) % of,
                }
            }
            HiddenChoice::From(first, count) => {
                let first = self.snapshot(first);
                Pattern::Between(first, first.saturating_add(count.into()))
            }
        };
        let asked = choice.min_uncommitted.map(|first| self.snapshot(first));
        Sight {
            snapshot: self.snapshot(choice.snapshot),
            timestamp: choice.time.map_or(u64::MAX, |time| self.time(time)),
            hidden: Hidden {
                pattern,
                min_uncommitted: asked.unwrap_or(0),
            },
        }
    }

    /// One of the entries that were added.
    pub(crate) fn chosen(&self, which: u16) -> Option<&(Vec<u8>, u64)> {
        self.added.get(usize::from(which) % self.added.len().max(1))
    }

    fn seal(&mut self) -> Result<(), Divergence> {
        let outcome = if self.model.is_sealed() {
            "again"
        } else {
            "ok"
        };
        same!(Ok(()), self.subject.seal(), "seal");
        self.model.seal();
        same!(true, self.subject.is_sealed(), "is_sealed");
        self.histogram.count("seal", outcome);
        Ok(())
    }

    /// Counters, emptiness and memory.
    pub(crate) fn check_counters(&self) -> Result<(), Divergence> {
        let expected = self.model.counters();
        let (actual, earliest) = self.subject.stats();
        let noticed = self.config.abilities.refuses_duplicates || self.model.is_sealed();
        if noticed || actual.entries <= expected.entries {
            same!(expected, actual, "counters");
        }
        same!(
            self.config.earliest_sequence,
            earliest,
            "earliest sequence number"
        );
        same!(expected.entries == 0, self.subject.is_empty(), "is_empty");
        same!(
            self.model.is_sealed(),
            self.subject.is_sealed(),
            "is_sealed"
        );
        same!(None, self.subject.memory_fault(), "memory accounting");
        self.check_stripped()?;
        Ok(())
    }

    /// Compares all there is, seals, and compares again.
    fn finish(&mut self) -> Result<(), Divergence> {
        self.check_everything()?;
        if !self.model.is_sealed() {
            same!(Ok(()), self.subject.seal(), "seal at the end");
            self.model.seal();
            self.check_scans()?;
        }
        self.check_sealed()?;
        self.check_slots()
    }

    fn check_everything(&self) -> Result<(), Divergence> {
        self.check_counters()?;
        self.check_scans()?;
        self.check_range_deletions((0, MAX_SEQUENCE), None)?;
        // All of a short run, so that taking an operation away hides nothing.
        for (key, sequence) in self.added.iter().step_by(1 + self.added.len() / 32) {
            let (key, time) = self.model.layout().split(key);
            let before = (MAX_SEQUENCE, time.saturating_sub(1));
            let newest = (*sequence, u64::MAX);
            for (snapshot, timestamp) in [(sequence.saturating_sub(1), time), newest, before] {
                let sight = Sight {
                    timestamp,
                    ..Sight::at(snapshot)
                };
                let expected = self.model.get(key, &sight);
                let actual = self.subject.get(key, &sight);
                same!(Ok(expected), actual, "get of an added key at {sight:?}");
                self.check_merged(key, &sight)?;
            }
        }
        for (key, sequence) in self.added.iter().step_by(1 + self.added.len() / 3) {
            self.check_visible(&View::whole(*sequence))?;
            let mut view = View::whole(MAX_SEQUENCE);
            view.sight.timestamp = self.model.layout().split(key).1;
            self.check_visible(&view)?;
        }
        self.check_prefixes()?;
        self.check_visible(&View::whole(verimem::MAX_SEQUENCE_NUMBER))
    }
}
