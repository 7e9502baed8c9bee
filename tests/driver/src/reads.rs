//! The operations that read.

use verimem::Error;
use verimem_model::{
    Escaped, KeyChoice, Keys, MAX_SEQUENCE, MergeRefusal, Merged, Sight, SightChoice,
    SnapshotChoice, TimeChoice,
};

use crate::run::Run;
use crate::slots::outcome;
use crate::subject::Stored;
use crate::{Divergence, same};

/// Up to so many entries a range is counted exactly.
const COUNTED: u64 = 64;

impl Run<'_> {
    pub(crate) fn get(&mut self, key: &KeyChoice, sight: &SightChoice) -> Result<(), Divergence> {
        let (key, sight) = (self.key(key), self.sight(sight));
        let name = named(&sight, ["get", "get.at", "get.hiding"]);
        let actual = self.subject.get(&key, &sight);
        if self.is_beyond(name, sight.snapshot, actual.as_ref().err())? {
            return Ok(());
        }
        let expected = self.model.get(&key, &sight);
        same!(Ok(&expected), actual.as_ref(), "{name} at {sight:?}");
        let stamped = (expected.clone(), self.model.timestamp_of(&key, &sight));
        same!(
            Ok(stamped),
            self.subject.get_stamped(&key, &sight),
            "{name} with its timestamp at {sight:?}"
        );
        self.histogram.count(name, outcome(&expected));
        Ok(())
    }

    pub(crate) fn get_merged(
        &mut self,
        key: &KeyChoice,
        sight: &SightChoice,
    ) -> Result<(), Divergence> {
        let (key, sight) = (self.key(key), self.sight(sight));
        let name = named(&sight, ["get_merged", "get_merged.at", "get_merged.hiding"]);
        let actual = self.subject.get_merged(&key, &sight);
        if self.is_beyond(name, sight.snapshot, actual.as_ref().err())? {
            return Ok(());
        }
        let outcome = self.check_merged(&key, &sight)?;
        self.histogram.count(name, outcome);
        Ok(())
    }

    /// Compares what a reader sees of a key, folded; returns what that is.
    pub(crate) fn check_merged(
        &self,
        bare: &[u8],
        sight: &Sight,
    ) -> Result<&'static str, Divergence> {
        let expected = self.model.get_merged(bare, sight);
        let actual = self.subject.get_merged(bare, sight);
        Ok(match (&expected, &actual) {
            (Ok(expected), Ok(actual)) if expected == actual => match expected {
                Merged::NotFound => "not_found",
                Merged::Found { .. } => "found",
                Merged::Deleted { .. } => "deleted",
                Merged::Operands { .. } => "operands",
            },
            (Err(MergeRefusal::NoOperator), Err(Error::Unsupported(_))) => "no_operator",
            (Err(MergeRefusal::NoValue), Err(Error::Unsupported(_))) => "no_value",
            (Err(MergeRefusal::NoTime), Err(Error::Corruption(_))) => "no_time",
            (Err(MergeRefusal::Failed), Err(Error::MergeFailed(_))) => "failed",
            _ => {
                let what = format!("get_merged of {:?} at {sight:?}", Escaped(bare));
                return Err(Divergence::new(what, &expected, &actual));
            }
        })
    }

    pub(crate) fn multi_get(&mut self, keys: &Keys) -> Result<(), Divergence> {
        let sight = self.sight(&keys.sight);
        let name = named(&sight, ["multi_get", "multi_get.at", "multi_get.hiding"]);
        let mut sought: Vec<_> = keys.chosen.iter().map(|key| self.key(key)).collect();
        for index in 0..u16::from(keys.more) {
            let which = keys.from.wrapping_add(keys.stride.wrapping_mul(index));
            sought.push(self.key(&KeyChoice::Added(which)));
        }
        let sought: Vec<&[u8]> = sought.iter().map(Vec::as_slice).collect();
        let actual = self.subject.multi_get(&sought, &sight);
        if self.is_beyond(name, sight.snapshot, actual.as_ref().err())? {
            return Ok(());
        }
        let expected = self.model.multi_get(&sought, &sight);
        for answer in &expected {
            self.histogram.count(name, outcome(answer));
        }
        let keys: Vec<_> = sought.iter().map(|key| Escaped(key)).collect();
        let times = sought
            .iter()
            .map(|key| self.model.timestamp_of(key, &sight));
        let stamped: Vec<_> = expected.iter().cloned().zip(times).map(Ok).collect();
        let expected: Vec<_> = expected.into_iter().map(Ok).collect();
        same!(Ok(expected), actual, "{name} of {keys:?} at {sight:?}");
        same!(
            Ok(stamped),
            self.subject.multi_get_stamped(&sought, &sight),
            "{name} with timestamps of {keys:?} at {sight:?}"
        );
        Ok(())
    }

    pub(crate) fn get_entry(
        &mut self,
        key: &KeyChoice,
        snapshot: SnapshotChoice,
    ) -> Result<(), Divergence> {
        let (key, snapshot) = (self.key(key), self.snapshot(snapshot));
        let actual = self.subject.get_entry(&key, snapshot);
        if self.is_beyond("get_entry", snapshot, actual.as_ref().err())? {
            return Ok(());
        }
        let expected = self.model.newest(&key, &Sight::at(snapshot));
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

    pub(crate) fn contains(
        &mut self,
        key: &KeyChoice,
        sequence: SnapshotChoice,
    ) -> Result<(), Divergence> {
        let (key, sequence) = (self.stored_key(key, sequence), self.snapshot(sequence));
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

    /// About how many entries lie in a range: exactly if they are few, and otherwise neither
    /// few nor more than there are (G7).
    pub(crate) fn approximate_range(
        &mut self,
        from: &KeyChoice,
        to: &KeyChoice,
    ) -> Result<(), Divergence> {
        let (begin, end) = (self.key(from), self.key(to));
        let (entries, bytes) = self.subject.approximate_range(&begin, &end);
        let counters = self.model.counters();
        let all = counters.entries - counters.range_deletions;
        let exact = self.model.count_between(&begin, &end) as u64;
        let unnoticed = !self.config.abilities.refuses_duplicates && !self.model.is_sealed();
        if unnoticed && exact > COUNTED {
            return Ok(()); // an estimate by counters that are too large
        }
        let bounds = if exact <= COUNTED {
            exact..=exact
        } else {
            COUNTED..=all
        };
        if !bounds.contains(&entries) {
            let what = format!(
                "entries from {:?} to {:?}, {exact}",
                Escaped(&begin),
                Escaped(&end)
            );
            return Err(Divergence::new(what, &bounds, &entries));
        }
        let average = counters.data_size * entries / all.max(1);
        if !unnoticed {
            same!(average, bytes, "bytes of {entries} entries");
        }
        let outcome = match exact {
            0 => "none",
            1..=COUNTED => "counted",
            _ => "estimated",
        };
        self.histogram.count("approximate_range", outcome);
        Ok(())
    }

    /// Different entries of the table, as many as were asked for, in order (S6).
    pub(crate) fn sample(&mut self, count: u16) -> Result<(), Divergence> {
        let count = usize::from(count);
        let actual = self.subject.sample(count);
        let Ok(sample) = &actual else {
            return Err(Divergence::new(
                format!("sample of {count}"),
                &"entries",
                &actual,
            ));
        };
        let all = self.model.entries().count();
        same!(
            count.min(all),
            sample.len(),
            "how many a sample of {count} has"
        );
        for entry in sample {
            let place = self.model.place(entry.user_key, entry.sequence);
            let expected = self.model.entry_at(&place);
            same!(expected, Some(*entry), "an entry of a sample of {count}");
        }
        let places = sample
            .iter()
            .map(|one| self.model.place(one.user_key, one.sequence));
        let rising = places
            .clone()
            .zip(places.skip(1))
            .all(|(one, next)| one < next);
        same!(true, rising, "the order of {sample:?}");
        let outcome = match (sample.len(), sample.len() == all) {
            (0, _) => "none",
            (_, true) => "all",
            _ => "some",
        };
        self.histogram.count("sample", outcome);
        Ok(())
    }

    pub(crate) fn range_deletions(
        &mut self,
        first: SnapshotChoice,
        last: SnapshotChoice,
        times: Option<(TimeChoice, TimeChoice)>,
    ) -> Result<(), Divergence> {
        let sequences = (self.snapshot(first), self.snapshot(last));
        let times = times.map(|(first, last)| (self.time(first), self.time(last)));
        let fragments = self.check_range_deletions(sequences, times)?;
        let outcome = match fragments {
            0 => "none",
            1 => "one",
            _ => "several",
        };
        self.histogram.count("range_deletions", outcome);
        Ok(())
    }

    /// Compares fragments (D2); returns how many there are.
    pub(crate) fn check_range_deletions(
        &self,
        sequences: (u64, u64),
        times: Option<(u64, u64)>,
    ) -> Result<usize, Divergence> {
        let within = |(first, last): (u64, u64), number| (first..=last).contains(&number);
        let expected = self.model.range_deletions(|version| {
            within(sequences, version.sequence)
                && times.is_none_or(|times| within(times, version.timestamp))
        });
        let actual = self.subject.range_deletions(sequences, times);
        same!(
            Ok(&expected),
            actual.as_ref(),
            "range deletions {sequences:?} of {times:?}"
        );
        Ok(expected.len())
    }

    /// Compares what a flush without timestamps gets (E9).
    pub(crate) fn check_stripped(&self) -> Result<(), Divergence> {
        let expected: Vec<Stored> = self
            .model
            .stripped()
            .map(|one| {
                let (key, value) = (one.user_key.to_vec(), one.value.to_vec());
                (key, one.sequence, one.kind, value)
            })
            .collect();
        same!(Ok(expected), self.subject.stripped(), "stripped entries");
        Ok(())
    }
}

/// The name of a read of all of a snapshot, at a timestamp, and where something is hidden.
pub(crate) fn named(sight: &Sight, [plain, at, hiding]: [&'static str; 3]) -> &'static str {
    if !sight.hides_nothing() {
        hiding
    } else if sight.is_plain() {
        plain
    } else {
        at
    }
}
