//! The operations that write.

use verimem::{BatchError, Error};
use verimem_model::{
    Add, Aside, Batch, Beside, Bulk, Entry, KeyChoice, MAX_SEQUENCE, Refusal, Reserve,
    SequenceChoice, Value, kind,
};

use crate::run::Run;
use crate::subject::BatchWriter;
use crate::{Divergence, same};

/// With so many entries a table is large enough; the model's scans are linear.
const MANY: usize = 3_000;

/// An add with its choices made.
#[derive(Clone)]
struct Resolved {
    key: Vec<u8>,
    sequence: u64,
    kind: u8,
    value: Vec<u8>,
}

/// What a writer has set aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reserved {
    /// Nothing: it allocates as it goes.
    Nothing,
    /// Perhaps less than it needs.
    Little,
    /// At least what it needs.
    Enough,
}

impl Resolved {
    fn entry(&self) -> Entry<'_> {
        Entry {
            user_key: &self.key,
            sequence: self.sequence,
            kind: self.kind,
            value: &self.value,
        }
    }
}

impl<'s> Run<'s> {
    /// The sequence number that is meant.
    fn sequence(&mut self, choice: SequenceChoice) -> u64 {
        match choice {
            SequenceChoice::Next(gap) => {
                self.last += 1 + u64::from(gap);
                self.last
            }
            SequenceChoice::Back(back) => self.last.saturating_sub(u64::from(back)),
            SequenceChoice::Exactly(sequence) => sequence,
        }
    }

    fn resolve(&mut self, add: &Add) -> Resolved {
        Resolved {
            key: add.key.0.clone(),
            sequence: self.sequence(add.sequence),
            kind: add.kind,
            value: add.value.bytes(),
        }
    }

    pub(crate) fn add(&mut self, add: &Add) -> Result<(), Divergence> {
        let add = self.resolve(add);
        self.add_one("add", "exclusive_add", &add)
    }

    /// A range deletion from one key to another.
    pub(crate) fn delete_range(
        &mut self,
        from: &KeyChoice,
        to: &KeyChoice,
        sequence: SequenceChoice,
        as_is: bool,
    ) -> Result<(), Divergence> {
        let (mut key, mut value) = (self.key(from), self.key(to));
        if !as_is && self.model.order().compare(&key, &value).is_gt() {
            std::mem::swap(&mut key, &mut value);
        }
        let range = Resolved {
            key,
            sequence: self.sequence(sequence),
            kind: kind::RANGE_DELETION,
            value,
        };
        self.add_one("delete_range", "exclusive_delete_range", &range)
    }

    fn add_one(
        &mut self,
        name: &'static str,
        exclusive_name: &'static str,
        add: &Resolved,
    ) -> Result<(), Divergence> {
        if !self.config.exclusive {
            let actual = self.subject.add(&add.entry());
            return self.compare_add(name, add, &actual);
        }
        let Some(mut writer) = self.writer(exclusive_name, true)? else {
            return Ok(());
        };
        let actual = writer.add(&add.entry());
        drop(writer);
        self.compare_add(exclusive_name, add, &actual)
    }

    pub(crate) fn add_with_hint(&mut self, hint: u8, add: &Add) -> Result<(), Divergence> {
        let add = self.resolve(add);
        let exclusive = self.config.exclusive;
        let Some(mut writer) = self.writer("add_with_hint", exclusive)? else {
            return Ok(());
        };
        let actual = writer.add_with_hint(hint, &add.entry());
        drop(writer);
        self.compare_add("add_with_hint", &add, &actual)
    }

    pub(crate) fn add_again(
        &mut self,
        which: u16,
        kind: u8,
        value: Value,
    ) -> Result<(), Divergence> {
        let Some((key, sequence)) = self.chosen(which).cloned() else {
            return Ok(());
        };
        let add = Resolved {
            key,
            sequence,
            kind,
            value: value.bytes(),
        };
        let actual = self.subject.add(&add.entry());
        self.compare_add("add_again", &add, &actual)
    }

    pub(crate) fn add_with_foreign_hint(&mut self, add: &Add) -> Result<(), Divergence> {
        let mut add = self.resolve(add);
        if add.kind == kind::RANGE_DELETION {
            // These need no hint, and look at none.
            add.kind = kind::VALUE;
        }
        let Some(mut writer) = self.writer("foreign_hint", false)? else {
            return Ok(());
        };
        let actual = writer.add_with_foreign_hint(&add.entry());
        if actual == Err(Error::ForeignHint) {
            self.histogram.count("foreign_hint", "foreign_hint");
            return Ok(());
        }
        // What else is wrong with the entry may be said first.
        same!(true, actual.is_err(), "add with a foreign hint");
        self.compare_add("foreign_hint", &add, &actual)
    }

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
            (false, Some(_)) => "batch.add_with_hint",
            (true, None) => "exclusive_batch.add",
            (true, Some(_)) => "exclusive_batch.add_with_hint",
        };
        let Some(mut writer) = self.writer(name, exclusive)? else {
            return Ok(());
        };
        let reserved = self.reserve(&mut *writer, reserve, adds)?;
        for add in adds {
            let add = self.resolve(add);
            let actual = match hint {
                None => writer.add(&add.entry()),
                Some(hint) => writer.add_with_hint(hint, &add.entry()),
            };
            self.compare_reserved(name, &add, &actual, reserved)?;
            if aside == Aside::ReadBack && add.sequence <= MAX_SEQUENCE {
                let expected = self.model.get(&add.key, add.sequence);
                let actual = self.subject.get(&add.key, add.sequence);
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
        let reserved = self.reserve(&mut *writer, batch.reserve, &batch.adds)?;
        let adds: Vec<_> = batch.adds.iter().map(|add| self.resolve(add)).collect();
        self.add_all(name, &mut *writer, &adds, reserved)?;
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
                self.compare_add(name, add, &Ok(()))?;
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
                self.compare_reserved(name, add, &Err(error), reserved)?;
            }
            adds = left;
        }
    }

    /// Compares the outcome of an add by a writer that has set memory aside.
    fn compare_reserved(
        &mut self,
        name: &'static str,
        add: &Resolved,
        actual: &Result<(), Error>,
        reserved: Reserved,
    ) -> Result<(), Divergence> {
        match (actual, reserved) {
            (Err(Error::Full { .. }), Reserved::Enough) => {
                let what = format!("{name} of {:?} after reserving enough", add.entry());
                Err(Divergence::new(what, &"no lack of memory", actual))
            }
            // More than was set aside.
            (Err(Error::Full { .. }), Reserved::Little) => {
                self.histogram.count(name, "full");
                Ok(())
            }
            _ => self.compare_add(name, add, actual),
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
        let kinds = [kind::VALUE, kind::MERGE, kind::DELETION];
        let mut adds = Vec::new();
        for (key, kind) in bulk.keys().take(few).zip(kinds.into_iter().cycle()) {
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
                self.compare_add(name, add, &actual)
            });
        }
        adds.chunks(usize::from(bulk.at_once))
            .try_for_each(|adds| self.add_all(name, &mut *writer, adds, Reserved::Nothing))
    }

    /// Adds an entry beside another.
    pub(crate) fn add_beside(
        &mut self,
        beside: Beside,
        (mut key, sequence): (Vec<u8>, u64),
    ) -> Result<(), Divergence> {
        let sequence = match beside {
            Beside::Nothing => return Ok(()),
            Beside::Newer => sequence + 1,
            Beside::Older => sequence.saturating_sub(1),
            Beside::Extended => {
                key.push(0);
                self.last
            }
            Beside::Shortened => {
                key.pop();
                self.last
            }
        };
        let add = Resolved {
            key,
            sequence,
            kind: kind::VALUE,
            value: vec![b'w'; 3],
        };
        let Some(mut writer) = self.writer("add_beside", self.config.exclusive)? else {
            return Ok(());
        };
        let actual = writer.add(&add.entry());
        drop(writer);
        self.compare_add("add_beside", &add, &actual)
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
        reserve: Reserve,
        adds: &[Add],
    ) -> Result<Reserved, Divergence> {
        let (bytes, success) = match reserve {
            Reserve::Nothing => return Ok(Reserved::Nothing),
            Reserve::Bytes(bytes) => (Ok(usize::from(bytes)), Reserved::Little),
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

    /// A writer, unless the table is sealed and says so.
    fn writer(
        &mut self,
        name: &'static str,
        exclusive: bool,
    ) -> Result<Option<Box<dyn BatchWriter + 's>>, Divergence> {
        match (self.model.is_sealed(), self.subject.writer(exclusive)) {
            (false, Ok(writer)) => Ok(Some(writer)),
            (true, Err(Error::Sealed)) => {
                self.histogram.count(name, "sealed");
                Ok(None)
            }
            (sealed, actual) => {
                let what = format!("writer (exclusive: {exclusive}), sealed: {sealed}");
                let expected = if sealed { "Err(Sealed)" } else { "a writer" };
                Err(Divergence::new(
                    what,
                    &expected,
                    &actual.map(|_| "a writer"),
                ))
            }
        }
    }

    /// Compares the outcome of an add, and adds to the model what was added.
    fn compare_add(
        &mut self,
        name: &'static str,
        add: &Resolved,
        actual: &Result<(), Error>,
    ) -> Result<(), Divergence> {
        let entry = add.entry();
        let expected = self.model.check(&entry);
        let outcome = match (&expected, actual) {
            (Ok(()), Ok(())) => {
                if add.kind != kind::RANGE_DELETION {
                    self.added.push((add.key.clone(), add.sequence));
                }
                self.model.add(&entry).map_or("refused", |()| "ok")
            }
            // Whether it is full only the table knows; nothing may have changed.
            (Ok(()), Err(Error::Full { .. })) if self.config.capacity.is_some() => "full",
            (Err(refusal), Err(error)) if is_refusal(error, *refusal, &entry) => label(*refusal),
            _ => {
                return Err(Divergence::new(
                    format!("{name} of {entry:?}"),
                    &expected,
                    actual,
                ));
            }
        };
        self.histogram.count(name, outcome);
        Ok(())
    }
}

/// True when the table's error is the model's refusal, details included.
fn is_refusal(error: &Error, refusal: Refusal, entry: &Entry<'_>) -> bool {
    match (refusal, error) {
        (Refusal::Sealed, Error::Sealed)
        | (Refusal::InvertedRange, Error::InvertedRange)
        | (Refusal::EntryTooLarge, Error::EntryTooLarge { .. })
        | (Refusal::Duplicate, Error::Duplicate) => true,
        (Refusal::SequenceTooLarge, Error::SequenceTooLarge { sequence }) => {
            *sequence == entry.sequence
        }
        (Refusal::KeyTooLarge, Error::KeyTooLarge { length, .. }) => {
            *length == entry.user_key.len()
        }
        (Refusal::ValueTooLarge, Error::ValueTooLarge { length, .. }) => {
            *length == entry.value.len()
        }
        _ => false,
    }
}

fn label(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Sealed => "sealed",
        Refusal::InvertedRange => "inverted_range",
        Refusal::SequenceTooLarge => "sequence_too_large",
        Refusal::KeyTooLarge => "key_too_large",
        Refusal::ValueTooLarge => "value_too_large",
        Refusal::EntryTooLarge => "entry_too_large",
        Refusal::Duplicate => "duplicate",
    }
}
