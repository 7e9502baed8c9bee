//! One run: operations on a table and on the model, compared.

use verimem::{BytewiseComparator, Error, ReverseBytewiseComparator, SharedPrefixComparator};
use verimem_model::{
    Escaped, Histogram, KeyChoice, Keys, MAX_SEQUENCE, ModelMemTable, Op, SnapshotChoice, View,
};

use crate::slots::Slot;
use crate::subject::Subject;
use crate::{Coarse, Compare, Config, Divergence, Fault, Faulty, Plain, Real, same};

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
    run_on(&Faulty::new(open(config)?, fault), config, ops)
}

/// [`run`] on any subject, which is empty.
///
/// # Errors
///
/// The first [`Divergence`].
pub fn run_on(subject: &dyn Subject, config: &Config, ops: &[Op]) -> Result<Histogram, Divergence> {
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

/// A new table behind the trait.
fn open(config: &Config) -> Result<Box<dyn Subject>, Divergence> {
    let real: Result<Box<dyn Subject>, Error> = match config.compare {
        Compare::Bytewise => Real::new(config, BytewiseComparator).map(boxed),
        Compare::ReverseBytewise => Real::new(config, ReverseBytewiseComparator).map(boxed),
        Compare::Plain => Real::new(config, Plain).map(boxed),
        Compare::Coarse => Real::new(config, Coarse).map(boxed),
        Compare::SharedPrefix => SharedPrefixComparator::new(b"eight---")
            .and_then(|keys| Real::new(config, keys))
            .map(boxed),
    };
    real.map_err(|error| Divergence::new(format!("building {config:?}"), &"a table", &error))
}

fn boxed(subject: impl Subject + 'static) -> Box<dyn Subject> {
    Box::new(subject)
}

/// The state of a run.
pub(crate) struct Run<'s> {
    pub(crate) subject: &'s dyn Subject,
    pub(crate) config: &'s Config,
    pub(crate) model: ModelMemTable,
    /// The last sequence number in order of counting; edges do not move it.
    pub(crate) last: u64,
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
            model: ModelMemTable::new(config.compare.order()),
            last: 100,
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
            Op::Get(key, snapshot) => self.get(key, *snapshot),
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
                as_is,
            } => self.delete_range(from, to, *sequence, *as_is),
            Op::Seal => self.seal(),
        }
    }

    /// The key that is meant.
    pub(crate) fn key(&self, choice: &KeyChoice) -> Vec<u8> {
        match choice {
            KeyChoice::Added(which) => self
                .chosen(*which)
                .map_or(Vec::new(), |(key, _)| key.clone()),
            KeyChoice::Fresh(key) => key.0.clone(),
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

    /// One of the entries that were added.
    pub(crate) fn chosen(&self, which: u16) -> Option<&(Vec<u8>, u64)> {
        self.added.get(usize::from(which) % self.added.len().max(1))
    }

    fn get(&mut self, key: &KeyChoice, snapshot: SnapshotChoice) -> Result<(), Divergence> {
        let (key, snapshot) = (self.key(key), self.snapshot(snapshot));
        let actual = self.subject.get(&key, snapshot);
        if self.is_beyond("get", snapshot, actual.as_ref().err())? {
            return Ok(());
        }
        let expected = self.model.get(&key, snapshot);
        same!(Ok(&expected), actual.as_ref(), "get at {snapshot}");
        self.histogram
            .count("get", crate::slots::outcome(&expected));
        Ok(())
    }

    fn multi_get(&mut self, keys: &Keys) -> Result<(), Divergence> {
        let snapshot = self.snapshot(keys.snapshot);
        let mut sought: Vec<_> = keys.chosen.iter().map(|key| self.key(key)).collect();
        for index in 0..u16::from(keys.more) {
            let which = keys.from.wrapping_add(keys.stride.wrapping_mul(index));
            sought.push(self.key(&KeyChoice::Added(which)));
        }
        let sought: Vec<&[u8]> = sought.iter().map(Vec::as_slice).collect();
        let actual = self.subject.multi_get(&sought, snapshot);
        if self.is_beyond("multi_get", snapshot, actual.as_ref().err())? {
            return Ok(());
        }
        let expected = self.model.multi_get(&sought, snapshot);
        for answer in &expected {
            self.histogram
                .count("multi_get", crate::slots::outcome(answer));
        }
        let expected: Vec<_> = expected.into_iter().map(Ok).collect();
        same!(
            Ok(expected),
            actual,
            "multi_get of {:?} at {snapshot}",
            sought.iter().map(|key| Escaped(key)).collect::<Vec<_>>()
        );
        Ok(())
    }

    fn get_entry(&mut self, key: &KeyChoice, snapshot: SnapshotChoice) -> Result<(), Divergence> {
        let (key, snapshot) = (self.key(key), self.snapshot(snapshot));
        let actual = self.subject.get_entry(&key, snapshot);
        if self.is_beyond("get_entry", snapshot, actual.as_ref().err())? {
            return Ok(());
        }
        let expected = self.model.newest(&key, snapshot);
        same!(Ok(expected), actual, "get_entry at {snapshot}");
        let outcome = if expected.is_some() { "some" } else { "none" };
        self.histogram.count("get_entry", outcome);
        Ok(())
    }

    /// True for a snapshot that does not exist (E3); that must be said.
    fn is_beyond(
        &mut self,
        name: &'static str,
        snapshot: u64,
        error: Option<&Error>,
    ) -> Result<bool, Divergence> {
        if snapshot <= MAX_SEQUENCE {
            return Ok(false);
        }
        same!(
            Some(&Error::SequenceTooLarge { sequence: snapshot }),
            error,
            "{name} at {snapshot}"
        );
        self.histogram.count(name, "sequence_too_large");
        Ok(true)
    }

    fn contains(&mut self, key: &KeyChoice, sequence: SnapshotChoice) -> Result<(), Divergence> {
        let (key, sequence) = (self.key(key), self.snapshot(sequence));
        let expected = self.model.contains(&key, sequence);
        same!(
            expected,
            self.subject.contains(&key, sequence),
            "contains at {sequence}"
        );
        self.histogram
            .count("contains", if expected { "yes" } else { "no" });
        Ok(())
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
        same!(expected, actual, "counters");
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
        // All of a short run, so that taking an operation away hides nothing.
        for (key, sequence) in self.added.iter().step_by(1 + self.added.len() / 32) {
            for snapshot in [sequence.saturating_sub(1), *sequence] {
                let expected = self.model.get(key, snapshot);
                let actual = self.subject.get(key, snapshot);
                same!(Ok(expected), actual, "get of an added key at {snapshot}");
            }
        }
        for (_, sequence) in self.added.iter().step_by(1 + self.added.len() / 3) {
            self.check_visible(&View::whole(*sequence))?;
        }
        self.check_visible(&View::whole(verimem::MAX_SEQUENCE_NUMBER))
    }
}
