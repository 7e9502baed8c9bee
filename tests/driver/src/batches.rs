//! The operations that write several entries by one writer.

use verimem::{BatchError, Error};
use verimem_model::{
    Add, Aside, Batch, Bulk, By, Handed, MAX_SEQUENCE, PREFIX_HINTS, Reserve, Sight,
};

use crate::run::Run;
use crate::subject::BatchWriter;
use crate::writes::{Reserved, Resolved, by};
use crate::{Divergence, same};

/// With so many entries a table is large enough; the model's scans are linear.
const MANY: usize = 3_000;

impl Run<'_> {
    pub(crate) fn batch(&mut self, batch: &Batch) -> Result<(), Divergence> {
        let Batch {
            exclusive,
            at_once,
            hint,
            handed,
            reserve,
            ref adds,
            aside,
        } = *batch;
        if at_once {
            return self.batch_at_once(batch);
        }
        let hint = hint.filter(|_| handed == Handed::Nothing);
        let name = match (exclusive, hint) {
            (false, _) if handed != Handed::Nothing => "batch.add_protected",
            (true, _) if handed != Handed::Nothing => "exclusive_batch.add_protected",
            (false, None) => "batch.add",
            (false, Some(PREFIX_HINTS..)) => "batch.add_with_prefix_hints",
            (true, Some(PREFIX_HINTS..)) => "exclusive_batch.add_with_prefix_hints",
            (false, Some(_)) => "batch.add_with_hint",
            (true, None) => "exclusive_batch.add",
            (true, Some(_)) => "exclusive_batch.add_with_hint",
        };
        let Some(mut writer) = self.writer(name, exclusive)? else {
            return Ok(());
        };
        let reserved = self.reserve(&mut *writer, by(exclusive), reserve, adds)?;
        for (place, add) in adds.iter().enumerate() {
            let (add, damage) = (self.resolve(add), handed.damage(place));
            let actual = match hint {
                None if handed != Handed::Nothing => writer.add_protected(&add.entry(), damage),
                None => writer.add(&add.entry()),
                Some(hint) => writer.add_with_hint(hint, &add.entry()),
            };
            let by = by(exclusive);
            self.compare_protected(name, (&add, damage), by, &actual, reserved)?;
            if aside == Aside::ReadBack && add.sequence <= MAX_SEQUENCE {
                let sight = Sight::at(add.sequence);
                let bare = self.bare(&add.key);
                let expected = self.model.get(bare, &sight);
                let actual = self.subject.get(bare, &sight);
                same!(
                    Ok(expected),
                    actual,
                    "get inside of a batch, {:?}",
                    add.entry()
                );
            }
        }
        self.step_aside(exclusive, aside)?;
        drop(writer);
        self.histogram
            .count(name.split(".add").next().unwrap_or("batch"), "closed");
        Ok(())
    }

    /// All adds of a batch by one call, as often as it takes: each call goes on
    /// after the entry that the one before refused.
    fn batch_at_once(&mut self, batch: &Batch) -> Result<(), Divergence> {
        let exclusive = batch.exclusive;
        let name = match (exclusive, batch.handed) {
            (false, Handed::Nothing) => "batch.add_batch",
            (true, Handed::Nothing) => "exclusive_batch.add_batch",
            (false, _) => "batch.add_batch_protected",
            (true, _) => "exclusive_batch.add_batch_protected",
        };
        let Some(mut writer) = self.writer(name, exclusive)? else {
            return Ok(());
        };
        let reserved = self.reserve(&mut *writer, by(exclusive), batch.reserve, &batch.adds)?;
        let adds: Vec<_> = batch.adds.iter().map(|add| self.resolve(add)).collect();
        let how = (by(exclusive), batch.handed);
        self.add_all(name, &mut *writer, how, &adds, reserved)?;
        self.step_aside(exclusive, batch.aside)?;
        drop(writer);
        self.histogram
            .count(name.split(".add").next().unwrap_or("batch"), "closed");
        Ok(())
    }

    /// Adds by one call after the other until all were tried.
    fn add_all(
        &mut self,
        name: &'static str,
        writer: &mut dyn BatchWriter,
        (by, handed): (By, Handed),
        mut adds: &[Resolved],
        reserved: Reserved,
    ) -> Result<(), Divergence> {
        loop {
            let entries: Vec<_> = adds.iter().map(Resolved::entry).collect();
            let damaged = (0..).zip(entries.iter().copied());
            let damaged: Vec<_> = damaged
                .map(|(place, entry)| (entry, handed.damage(place)))
                .collect();
            let actual = match handed {
                Handed::Nothing => writer.add_batch(&entries),
                _ => writer.add_batch_protected(&damaged),
            };
            // All are verified before any is added; but not those with such numbers.
            let mut wrong = damaged.iter().filter(|(_, damage)| *damage != 0);
            let wrong = wrong.find(|(entry, _)| entry.sequence <= MAX_SEQUENCE);
            if let Some((entry, _)) = wrong {
                let is_right = |refused: &BatchError| {
                    refused.added == 0 && self.is_wrong_checksum(&refused.error, entry)
                };
                if !actual.as_ref().is_err_and(is_right) {
                    let what = format!("{name} with a checksum that is not that of {entry:?}");
                    return Err(Divergence::new(what, &"nothing added", &actual));
                }
                self.histogram.count(name, "wrong_checksum");
                return Ok(());
            }
            let (added, refused) = match actual {
                Ok(()) => (adds.len(), None),
                Err(BatchError { added, error }) => (added, Some(error)),
            };
            let whole = format!("{name} of {} entries", adds.len());
            let left = adds.get(usize::from(refused.is_some()) + added..);
            let Some(left) = left else {
                return Err(Divergence::new(whole, &"fewer added", &added));
            };
            for add in &adds[..added] {
                self.compare_add(name, add, by, &Ok(()))?;
            }
            let Some(error) = refused else {
                return Ok(());
            };
            let add = &adds[added];
            // Memory is taken before the place in the list is, so the lack of it
            // may show before an equal entry of the same batch does.
            let again = adds[..added]
                .iter()
                .any(|other| (&other.key, other.sequence) == (&add.key, add.sequence));
            if again && matches!(error, Error::Full { .. }) && self.config.capacity.is_some() {
                self.histogram.count(name, "full");
            } else {
                self.compare_reserved(name, add, by, &Err(error), reserved)?;
            }
            adds = left;
        }
    }

    /// Many adds by one writer.
    pub(crate) fn bulk(&mut self, bulk: &Bulk) -> Result<(), Divergence> {
        let name = match (bulk.exclusive, bulk.at_once) {
            (false, 0) => "bulk.add",
            (true, 0) => "exclusive_bulk.add",
            (false, _) => "bulk.add_batch",
            (true, _) => "exclusive_bulk.add_batch",
        };
        let Some(mut writer) = self.writer(name, bulk.exclusive)? else {
            return Ok(());
        };
        let few = if self.added.len() > MANY {
            13
        } else {
            usize::MAX
        };
        let mut adds = Vec::new();
        let times = (0..u64::from(bulk.times.max(1))).cycle();
        for ((key, kind), before) in bulk.keys().take(few).zip(bulk.kinds()).zip(times) {
            self.last += 1;
            let time = self.time.saturating_sub(before);
            adds.push(Resolved {
                key: self.model.layout().stamped(&key, time),
                sequence: self.last,
                kind,
                value: vec![self.last as u8; usize::from(bulk.value)],
            });
        }
        if let Some((place, later)) = bulk.again {
            let again = adds[usize::from(place) % adds.len()].clone();
            adds.insert(adds.len().saturating_sub(usize::from(later)), again);
        }
        if bulk.at_once == 0 {
            return adds.iter().try_for_each(|add| {
                let actual = writer.add(&add.entry());
                self.compare_add(name, add, by(bulk.exclusive), &actual)
            });
        }
        adds.chunks(usize::from(bulk.at_once)).try_for_each(|adds| {
            let by = by(bulk.exclusive);
            let how = (by, Handed::Nothing);
            self.add_all(name, &mut *writer, how, adds, Reserved::Nothing)
        })
    }

    /// What the thread of a writer may and may not do beside.
    fn step_aside(&mut self, exclusive: bool, aside: Aside) -> Result<(), Divergence> {
        let (name, expected) = match (aside, exclusive) {
            (Aside::Nothing | Aside::ReadBack, _) => return Ok(()),
            (Aside::Writer, false) => ("second_writer", Ok(())),
            (Aside::Writer, true) => ("second_writer", Err(Error::Busy)),
            (Aside::ExclusiveWriter, _) => ("second_exclusive_writer", Err(Error::Busy)),
            (Aside::Seal, _) => ("seal_inside", Err(Error::Reentrant)),
        };
        let actual = match aside {
            Aside::Writer => self.subject.writer(false).map(drop),
            Aside::ExclusiveWriter => self.subject.writer(true).map(drop),
            _ => self.subject.seal(),
        };
        same!(
            expected,
            actual,
            "{name} beside a writer (exclusive: {exclusive})"
        );
        self.histogram
            .count(name, if actual.is_ok() { "ok" } else { "refused" });
        Ok(())
    }

    fn reserve(
        &mut self,
        writer: &mut dyn BatchWriter,
        by: By,
        reserve: Reserve,
        adds: &[Add],
    ) -> Result<Reserved, Divergence> {
        let (bytes, success) = match reserve {
            Reserve::Nothing => return Ok(Reserved::Nothing),
            Reserve::Bytes(bytes) => (Ok(usize::from(bytes)), Reserved::Little),
            // A value that is folded is larger than the operand.
            Reserve::Enough if by == By::Exclusive && self.config.max_successive_merges > 0 => {
                (Ok(adds.len() * 64), Reserved::Little)
            }
            Reserve::Enough => {
                let size = |add: &Add| {
                    let key_len = add.key.0.len() + self.config.timestamp_len;
                    self.subject
                        .max_entry_size(key_len, usize::from(add.value.length))
                };
                (adds.iter().map(size).sum(), Reserved::Enough)
            }
        };
        let actual = bytes.and_then(|bytes| writer.reserve(bytes));
        let (outcome, reserved) = match actual {
            Ok(()) => ("ok", success),
            Err(Error::Full { .. }) if self.config.capacity.is_some() => {
                ("full", Reserved::Nothing)
            }
            actual => {
                return Err(Divergence::new(
                    format!("{reserve:?}"),
                    &Ok::<(), ()>(()),
                    &actual,
                ));
            }
        };
        self.histogram.count("reserve", outcome);
        Ok(reserved)
    }
}
