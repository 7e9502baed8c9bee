//! The operations that write one entry, and what all that write share.

use verimem::{Corruption, Error};
use verimem_model::{
    Add, Added, Beside, By, Entry, KeyChoice, PREFIX_HINTS, Refusal, SequenceChoice,
    SnapshotChoice, TimeChoice, Value, kind,
};

use crate::run::Run;
use crate::subject::BatchWriter;
use crate::{Divergence, same};

/// An add with its choices made.
#[derive(Clone)]
pub(crate) struct Resolved {
    pub(crate) key: Vec<u8>,
    pub(crate) sequence: u64,
    pub(crate) kind: u8,
    pub(crate) value: Vec<u8>,
}

/// What a writer has set aside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// Nothing: it allocates as it goes.
    Nothing,
    /// Perhaps less than it needs.
    Little,
    /// At least what it needs.
    Enough,
}

impl Resolved {
    pub(crate) fn entry(&self) -> Entry<'_> {
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

    /// A key with the timestamp that is meant, which may be none.
    fn stamped(&mut self, bare: &[u8], time: TimeChoice) -> Vec<u8> {
        if time == TimeChoice::Missing {
            return bare.to_vec();
        }
        let timestamp = self.time(time);
        if let TimeChoice::After(_) = time {
            self.time = timestamp;
        }
        self.model.layout().stamped(bare, timestamp)
    }

    pub(crate) fn resolve(&mut self, add: &Add) -> Resolved {
        Resolved {
            key: self.stamped(&add.key.0, add.time),
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
        time: TimeChoice,
        as_is: bool,
    ) -> Result<(), Divergence> {
        let (mut key, mut value) = (self.key(from), self.key(to));
        if as_is {
            let as_stored = SnapshotChoice::Added(0);
            (key, value) = (
                self.stored_key(from, as_stored),
                self.stored_key(to, as_stored),
            );
        } else {
            if self.model.layout().compare(&key, &value).is_gt() {
                std::mem::swap(&mut key, &mut value);
            }
            (key, value) = (
                self.stamped(&key, time),
                self.stamped(&value, TimeChoice::Before(0)),
            );
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
            return self.compare_add(name, add, By::Anyone, &actual);
        }
        let Some(mut writer) = self.writer(exclusive_name, true)? else {
            return Ok(());
        };
        let actual = writer.add(&add.entry());
        drop(writer);
        self.compare_add(exclusive_name, add, By::Exclusive, &actual)
    }

    pub(crate) fn add_with_hint(&mut self, hint: u8, add: &Add) -> Result<(), Divergence> {
        let add = self.resolve(add);
        let exclusive = self.config.exclusive;
        let name = if hint < PREFIX_HINTS {
            "add_with_hint"
        } else {
            "add_with_prefix_hints"
        };
        let Some(mut writer) = self.writer(name, exclusive)? else {
            return Ok(());
        };
        let actual = writer.add_with_hint(hint, &add.entry());
        drop(writer);
        self.compare_add(name, &add, by(exclusive), &actual)
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
        self.compare_add("add_again", &add, By::Anyone, &actual)
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
        if self.config.abilities.knows_hints {
            same!(true, actual.is_err(), "add with a foreign hint");
        }
        self.compare_add("foreign_hint", &add, By::Anyone, &actual)
    }

    /// Compares the outcome of an add by a writer that has set memory aside.
    pub(crate) fn compare_reserved(
        &mut self,
        name: &'static str,
        add: &Resolved,
        by: By,
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
            _ => self.compare_add(name, add, by, actual),
        }
    }

    /// Compares the outcome of an add that came with a checksum, which differs in some bits.
    pub(crate) fn compare_protected(
        &mut self,
        name: &'static str,
        (add, damage): (&Resolved, u64),
        by: By,
        actual: &Result<(), Error>,
        reserved: Reserved,
    ) -> Result<(), Divergence> {
        let entry = add.entry();
        if damage == 0 || self.model.check_form(&entry).is_err() {
            return self.compare_reserved(name, add, by, actual, reserved);
        }
        match actual {
            Err(error) if self.is_wrong_checksum(error, &entry) => {
                self.histogram.count(name, label(Refusal::WrongChecksum));
                Ok(())
            }
            _ => {
                let what = format!("{name} of {entry:?} with a checksum that is not its own");
                Err(Divergence::new(what, &Refusal::WrongChecksum, actual))
            }
        }
    }

    /// True when the error says so, and shows the key if it may.
    pub(crate) fn is_wrong_checksum(&self, error: &Error, entry: &Entry<'_>) -> bool {
        let Error::Corruption(Corruption::Checksum { sequence, key }) = error else {
            return false;
        };
        let shown = key.bytes();
        let is_right = |shown: &[u8]| entry.user_key.starts_with(shown);
        *sequence == entry.sequence
            && shown.is_some() == self.config.show_corrupt_keys
            && shown.is_none_or(is_right)
    }

    /// Adds an entry beside another.
    pub(crate) fn add_beside(
        &mut self,
        beside: Beside,
        (stored, sequence): (Vec<u8>, u64),
    ) -> Result<(), Divergence> {
        let layout = self.model.layout();
        let (bare, mut time) = layout.split(&stored);
        let mut key = bare.to_vec();
        let sequence = match beside {
            Beside::Nothing => return Ok(()),
            Beside::Later | Beside::Earlier if layout.timestamp_len == 0 => return Ok(()),
            Beside::Newer | Beside::Operand => sequence + 1,
            Beside::Older => sequence.saturating_sub(1),
            Beside::Later => {
                time = time.saturating_add(1);
                sequence.saturating_sub(1)
            }
            Beside::Earlier => {
                time = time.saturating_sub(1);
                sequence + 1
            }
            Beside::Extended => {
                key.push(0);
                self.last
            }
            Beside::Shortened => {
                key.pop();
                self.last
            }
        };
        key = layout.stamped(&key, time);
        let kind = if beside == Beside::Operand {
            kind::MERGE
        } else {
            kind::VALUE
        };
        let add = Resolved {
            key,
            sequence,
            kind,
            value: vec![b'w'; 3],
        };
        let Some(mut writer) = self.writer("add_beside", self.config.exclusive)? else {
            return Ok(());
        };
        let actual = writer.add(&add.entry());
        drop(writer);
        self.compare_add("add_beside", &add, by(self.config.exclusive), &actual)
    }

    /// A writer, unless the table is sealed and says so.
    pub(crate) fn writer(
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
    pub(crate) fn compare_add(
        &mut self,
        name: &'static str,
        add: &Resolved,
        by: By,
        actual: &Result<(), Error>,
    ) -> Result<(), Divergence> {
        let entry = add.entry();
        let expected = self.model.check(&entry);
        let outcome = match (&expected, actual) {
            (Ok(()), Ok(())) => {
                let folds = self.model.folded(&entry, by).is_some();
                let added = self.model.add(&entry, by);
                if added == Ok(Added::New) && add.kind != kind::RANGE_DELETION {
                    self.added.push((add.key.clone(), add.sequence));
                }
                if folds {
                    self.histogram.count("fold", "ok");
                }
                match added {
                    Ok(Added::New | Added::Nothing) => "ok",
                    Ok(Added::Kept) => "kept",
                    Ok(Added::Overwritten) => "overwritten",
                    Err(refusal) => label(refusal),
                }
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

pub(crate) fn by(exclusive: bool) -> By {
    if exclusive { By::Exclusive } else { By::Anyone }
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
        (Refusal::ShortTimestamp, Error::InvalidTimestamp { length }) => {
            *length == entry.user_key.len()
        }
        (Refusal::OtherTimestamp, Error::InvalidTimestamp { length }) => {
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
        Refusal::ShortTimestamp => "short_timestamp",
        Refusal::OtherTimestamp => "other_timestamp",
        Refusal::WrongChecksum => "wrong_checksum",
    }
}
