//! The operations that write.

use std::cmp::Ordering;

use verimem::{BatchError, Error};
use verimem_driver::{BatchWriter, Rep};
use verimem_model::{
    Add, Batch, Beside, Bulk, Entry, KeyChoice, MAX_SEQUENCE, PREFIX_HINTS, SequenceChoice, Value,
    kind,
};

use crate::explained::Why;
use crate::rocks::Way;
use crate::run::Run;
use crate::stored::{is_known, stored, varint_len};

/// Which of the hints of both tables are used.
fn way(hint: u8) -> Way {
    Way::Hinted(hint % PREFIX_HINTS)
}

impl<'s> Run<'s> {
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

    pub(crate) fn add(&mut self, add: &Add) -> Result<(), String> {
        let sequence = self.sequence(add.sequence);
        let value = stored(add.kind, &add.value.bytes());
        self.single("add", &add.key.0, sequence, add.kind, &value)
    }

    pub(crate) fn add_again(&mut self, which: u16, kind: u8, value: Value) -> Result<(), String> {
        let Some((key, sequence)) = self.chosen(which).cloned() else {
            return Ok(());
        };
        let value = stored(kind, &value.bytes());
        self.single("add_again", &key, sequence, kind, &value)
    }

    pub(crate) fn delete_range(
        &mut self,
        from: &KeyChoice,
        to: &KeyChoice,
        sequence: SequenceChoice,
        as_is: bool,
    ) -> Result<(), String> {
        let (mut begin, mut end) = (self.key(from), self.key(to));
        if !as_is && self.config.compare.order().compare(&begin, &end).is_gt() {
            std::mem::swap(&mut begin, &mut end);
        }
        let sequence = self.sequence(sequence);
        self.single("delete_range", &begin, sequence, kind::RANGE_DELETION, &end)
    }

    /// A batch of one, by the only writer or by one of several.
    fn single(
        &mut self,
        name: &'static str,
        user_key: &[u8],
        sequence: u64,
        kind: u8,
        value: &[u8],
    ) -> Result<(), String> {
        let entry = Entry {
            user_key,
            sequence,
            kind,
            value,
        };
        if !self.config.exclusive {
            let ours = self.ours;
            return self.compare(name, &entry, Way::Among, |entry| ours.add(entry));
        }
        let Some(mut writer) = self.writer(true)? else {
            return Ok(());
        };
        self.compare(name, &entry, Way::Alone, |entry| writer.add(entry))
    }

    pub(crate) fn add_with_hint(&mut self, hint: u8, add: &Add) -> Result<(), String> {
        let sequence = self.sequence(add.sequence);
        let Some(mut writer) = self.writer(false)? else {
            return Ok(());
        };
        let entry = Entry {
            user_key: &add.key.0,
            sequence,
            kind: add.kind,
            value: &stored(add.kind, &add.value.bytes()),
        };
        self.compare("add_with_hint", &entry, way(hint), |entry| {
            writer.add_with_hint(hint, entry)
        })
    }

    pub(crate) fn batch(&mut self, batch: &Batch) -> Result<(), String> {
        let Some(mut writer) = self.writer(batch.exclusive)? else {
            return Ok(());
        };
        if batch.at_once && batch.hint.is_none() {
            return self.batch_at_once(batch, &mut *writer);
        }
        for add in &batch.adds {
            let sequence = self.sequence(add.sequence);
            let entry = Entry {
                user_key: &add.key.0,
                sequence,
                kind: add.kind,
                value: &stored(add.kind, &add.value.bytes()),
            };
            let way = match (batch.exclusive, batch.hint) {
                (true, _) => Way::Alone,
                (false, Some(hint)) => way(hint),
                (false, None) => Way::Among,
            };
            self.compare("batch.add", &entry, way, |entry| match batch.hint {
                Some(hint) => writer.add_with_hint(hint, entry),
                None => writer.add(entry),
            })?;
        }
        Ok(())
    }

    /// All entries by one call here, and one by one there: both end at the first that is refused.
    fn batch_at_once(&mut self, batch: &Batch, writer: &mut dyn BatchWriter) -> Result<(), String> {
        let values: Vec<_> = batch
            .adds
            .iter()
            .map(|add| stored(add.kind, &add.value.bytes()))
            .collect();
        let way = if batch.exclusive {
            Way::Alone
        } else {
            Way::Among
        };
        let mut entries = Vec::new();
        let mut expected = Ok(());
        for (add, value) in batch.adds.iter().zip(&values) {
            let entry = Entry {
                user_key: &add.key.0,
                sequence: self.sequence(add.sequence),
                kind: add.kind,
                value,
            };
            if expected.is_ok() {
                let step = match self.plan(&entry) {
                    Plan::Leave => continue,
                    Plan::Refused(error) => Err(error),
                    Plan::Nothing => Ok(()),
                    Plan::Both if !self.there(&entry, way) => match self.refusal() {
                        Some(refusal) => Err(refusal),
                        None => continue,
                    },
                    Plan::Both => {
                        self.note(&entry);
                        Ok(())
                    }
                };
                let added = entries.len();
                expected = step.map_err(|error| BatchError { added, error });
            }
            self.totals.count("batch.at_once");
            entries.push(entry);
        }
        let ours = writer.add_batch(&entries);
        if ours != expected {
            return Err(format!(
                "a batch at once: {ours:?} here, {expected:?} there"
            ));
        }
        Ok(())
    }

    pub(crate) fn bulk(&mut self, bulk: &Bulk) -> Result<(), String> {
        let Some(mut writer) = self.writer(bulk.exclusive)? else {
            return Ok(());
        };
        let way = if bulk.exclusive {
            Way::Alone
        } else {
            Way::Among
        };
        let value = vec![b'v'; usize::from(bulk.value)];
        for (key, kind) in bulk.keys().zip(bulk.kinds()) {
            self.last += 1;
            let entry = Entry {
                user_key: &key,
                sequence: self.last,
                kind,
                value: &value,
            };
            self.compare("bulk.add", &entry, way, |entry| writer.add(entry))?;
        }
        Ok(())
    }

    /// Adds an entry beside another, where a cursor is.
    pub(crate) fn add_beside(
        &mut self,
        beside: Beside,
        (mut key, mut sequence): (Vec<u8>, u64),
    ) -> Result<(), String> {
        match beside {
            // Keys have no timestamps.
            Beside::Nothing | Beside::Later | Beside::Earlier => return Ok(()),
            Beside::Newer | Beside::Operand => sequence = sequence.saturating_add(1),
            Beside::Older => sequence = sequence.saturating_sub(1),
            Beside::Extended => key.push(0),
            Beside::Shortened => drop(key.pop()),
        }
        let kind = if beside == Beside::Operand {
            kind::MERGE
        } else {
            kind::VALUE
        };
        self.single("add_beside", &key, sequence, kind, b"www")
    }

    /// A writer, unless the table is sealed and says so.
    fn writer(&mut self, exclusive: bool) -> Result<Option<Box<dyn BatchWriter + 's>>, String> {
        match (self.sealed, self.ours.writer(exclusive)) {
            (false, Ok(writer)) => Ok(Some(writer)),
            (true, Err(Error::Sealed)) => {
                self.totals.explain(Why::AfterSeal);
                Ok(None)
            }
            (sealed, other) => Err(format!(
                "a writer where sealed is {sealed}: {:?}",
                other.map(drop)
            )),
        }
    }

    /// Adds an entry to both tables, unless RocksDB is known to mistake it, and compares.
    fn compare(
        &mut self,
        name: &'static str,
        entry: &Entry<'_>,
        way: Way,
        mut add: impl FnMut(&Entry<'_>) -> Result<(), Error>,
    ) -> Result<(), String> {
        self.totals.count(name);
        let expected = match self.plan(entry) {
            Plan::Leave => return Ok(()),
            Plan::Refused(error) => Err(error),
            Plan::Nothing => Ok(()),
            Plan::Both if !self.there(entry, way) => match self.refusal() {
                Some(refusal) => Err(refusal),
                None => return Ok(()),
            },
            Plan::Both => {
                self.note(entry);
                Ok(())
            }
        };
        let ours = add(entry);
        if ours != expected {
            return Err(format!("{entry:?}: {ours:?} here, {expected:?} there"));
        }
        Ok(())
    }

    /// How our table refuses what RocksDB refused as a duplicate; `None` if it would take it, and
    /// drop it later: then it is not asked.
    fn refusal(&mut self) -> Option<Error> {
        if self.config.rep == Rep::Vector {
            self.totals.explain(Why::LateDuplicate);
            return None;
        }
        Some(Error::Duplicate)
    }

    /// What becomes of an entry.
    fn plan(&mut self, entry: &Entry<'_>) -> Plan {
        let &Entry {
            user_key,
            sequence,
            kind,
            value,
        } = entry;
        let (why, plan) = if self.sealed {
            (Why::AfterSeal, Plan::Refused(Error::Sealed))
        } else if sequence > MAX_SEQUENCE {
            let error = Error::SequenceTooLarge { sequence };
            (Why::SequenceTooLarge, Plan::Refused(error))
        } else if kind != kind::RANGE_DELETION {
            return Plan::Both;
        } else {
            match self.config.compare.order().compare(user_key, value) {
                Ordering::Greater => (Why::InvertedRange, Plan::Refused(Error::InvertedRange)),
                Ordering::Equal => (Why::EmptyRange, Plan::Nothing),
                // Here it is taken, so the tables would not be the same any more.
                Ordering::Less if !self.ranges.insert((user_key.to_vec(), sequence)) => {
                    (Why::RepeatedRange, Plan::Leave)
                }
                Ordering::Less => return Plan::Both,
            }
        };
        self.totals.explain(why);
        plan
    }

    /// Adds an entry to RocksDB's table.
    fn there(&self, entry: &Entry<'_>, way: Way) -> bool {
        let added = self.rocks.add(entry, way);
        self.rocks.finish();
        added
    }

    /// Remembers an entry that both tables have.
    fn note(&mut self, entry: &Entry<'_>) {
        let &Entry {
            user_key,
            sequence,
            kind,
            value,
        } = entry;
        let lengths = varint_len(user_key.len() + 8) + varint_len(value.len());
        self.overhead += (lengths + self.config.protection_bytes) as u64;
        if kind == kind::RANGE_DELETION {
            return;
        }
        if !is_known(kind) {
            self.odd.insert(user_key.to_vec());
        }
        self.added.push((user_key.to_vec(), sequence));
    }
}

/// What becomes of an entry, since RocksDB mistakes some.
enum Plan {
    /// It is added to both tables.
    Both,
    /// It is added here, and says nothing.
    Nothing,
    /// It is refused here, and not shown to RocksDB.
    Refused(Error),
    /// It is left out.
    Leave,
}
