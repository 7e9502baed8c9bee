//! The operations that write several entries by one writer.

use verimem::{BatchError, Error};
use verimem_model::{Add, Aside, Batch, Bulk, By, MAX_SEQUENCE, PREFIX_HINTS, Reserve, Sight};

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
            reserve,
            ref adds,
            aside,
        } = *batch;
        if at_once {
            return self.batch_at_once(batch);
        }
        let name = match (exclusive, hint) {
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
        for add in adds {
            let add = self.resolve(add);
            let actual = match hint {
                None => writer.add(&add.entry()),
                Some(hint) => writer.add_with_hint(hint, &add.entry()),
            };
            self.compare_reserved(name, &add, by(exclusive), &actual, reserved)?;
            if aside == Aside::ReadBack && add.sequence <= MAX_SEQUENCE {
                let sight = Sight::at(add.sequence);
                let expected = self.model.get(&add.key, &sight);
                let actual = self.subject.get(&add.key, &sight);
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
        let name = if exclusive {
            "exclusive_batch.add_batch"
        } else {
            "batch.add_batch"
        };
        let Some(mut writer) = self.writer(name, exclusive)? else {
            return Ok(());
        };
        let reserved = self.reserve(&mut *writer, by(exclusive), batch.reserve, &batch.adds)?;
        let adds: Vec<_> = batch.adds.iter().map(|add| self.resolve(add)).collect();
        self.add_all(name, &mut *writer, by(exclusive), &adds, reserved)?;
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
        by: By,
        mut adds: &[Resolved],
        reserved: Reserved,
    ) -> Result<(), Divergence> {
        loop {
            let entries: Vec<_> = adds.iter().map(Resolved::entry).collect();
            let (added, refused) = match writer.add_batch(&entries) {
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
        for (key, kind) in bulk.keys().take(few).zip(bulk.kinds()) {
            self.last += 1;
            adds.push(Resolved {
                key,
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
            self.add_all(name, &mut *writer, by, adds, Reserved::Nothing)
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
                    self.subject
                        .max_entry_size(add.key.0.len(), usize::from(add.value.length))
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
