//! Planted bugs, to see that the driver finds them.

use std::cell::Cell;

use verimem::{BatchError, Error};
use verimem_model::{Answer, Counters, Entry, View, kind};

use crate::subject::{Answers, BatchWriter, Subject, TableCursor};

/// What is wrong with a [`Faulty`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `get` sees one sequence number too many.
    OffByOneVisibility,
    /// A duplicate is accepted, and nothing stored.
    MissedDuplicate,
    /// Every eighth entry is lost.
    DroppedEntry,
    /// A tombstone of a single deletion is stored as a value.
    WrongKind,
    /// Merge operands come oldest first.
    ReversedOperands,
    /// A cursor starts over when it is moved beyond the end.
    CursorStartsOver,
    /// A bound that excludes its key is taken to include it.
    InclusiveBound,
    /// A batch says that it came one entry less far than it did.
    BatchAddedTooFew,
    /// Of several answers the last two come in the wrong order.
    AnswersMixedUp,
    /// A deletion is counted as an entry only.
    LostCount,
    /// Seal says so and does nothing.
    SealLeaks,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::OffByOneVisibility,
        Self::MissedDuplicate,
        Self::DroppedEntry,
        Self::WrongKind,
        Self::ReversedOperands,
        Self::CursorStartsOver,
        Self::InclusiveBound,
        Self::BatchAddedTooFew,
        Self::AnswersMixedUp,
        Self::LostCount,
        Self::SealLeaks,
    ];
}

/// A subject with a [`Fault`].
pub struct Faulty {
    inner: Box<dyn Subject>,
    fault: Fault,
    adds: Cell<u64>,
    seal_said: Cell<bool>,
}

impl Faulty {
    /// Breaks a subject.
    #[must_use]
    pub fn new(inner: Box<dyn Subject>, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            adds: Cell::new(0),
            seal_said: Cell::new(false),
        }
    }

    fn perturbed(
        &self,
        entry: &Entry<'_>,
        add: impl FnOnce(&Entry<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut entry = *entry;
        if self.fault == Fault::WrongKind && entry.kind == kind::SINGLE_DELETION {
            entry.kind = kind::VALUE;
        }
        self.adds.set(self.adds.get() + 1);
        if self.fault == Fault::DroppedEntry && self.adds.get() % 8 == 0 && !self.is_sealed() {
            return Ok(());
        }
        match add(&entry) {
            Err(Error::Duplicate) if self.fault == Fault::MissedDuplicate => Ok(()),
            result => result,
        }
    }
}

impl Subject for Faulty {
    fn add(&self, entry: &Entry<'_>) -> Result<(), Error> {
        self.perturbed(entry, |entry| self.inner.add(entry))
    }

    fn writer(&self, exclusive: bool) -> Result<Box<dyn BatchWriter + '_>, Error> {
        let inner = self.inner.writer(exclusive)?;
        Ok(Box::new(FaultyWriter { table: self, inner }))
    }

    fn get(&self, user_key: &[u8], snapshot: u64) -> Result<Answer<'_>, Error> {
        let off = u64::from(self.fault == Fault::OffByOneVisibility);
        let snapshot = if snapshot < 1 << 55 {
            snapshot + off
        } else {
            snapshot
        };
        let mut answer = self.inner.get(user_key, snapshot)?;
        if let (Answer::Merge { operands, .. }, Fault::ReversedOperands) = (&mut answer, self.fault)
        {
            operands.reverse();
        }
        Ok(answer)
    }

    fn multi_get(&self, keys: &[&[u8]], snapshot: u64) -> Result<Answers<'_>, Error> {
        let mut answers = self.inner.multi_get(keys, snapshot)?;
        if let (2.., Fault::AnswersMixedUp) = (keys.len(), self.fault) {
            answers.swap(keys.len() - 2, keys.len() - 1);
        }
        Ok(answers)
    }

    fn get_entry(&self, user_key: &[u8], snapshot: u64) -> Result<Option<Entry<'_>>, Error> {
        self.inner.get_entry(user_key, snapshot)
    }

    fn contains(&self, user_key: &[u8], sequence: u64) -> bool {
        self.inner.contains(user_key, sequence)
    }

    fn internal(&self, owned: bool) -> Box<dyn TableCursor + '_> {
        let inner = self.inner.internal(owned);
        if self.fault == Fault::CursorStartsOver {
            Box::new(StartsOver(inner))
        } else {
            inner
        }
    }

    fn visible(&self, owned: bool, view: &View) -> Box<dyn TableCursor + '_> {
        let mut view = view.clone();
        if let (std::ops::Bound::Excluded(upper), Fault::InclusiveBound) = (&view.upper, self.fault)
        {
            view.upper = std::ops::Bound::Included(upper.clone());
        }
        self.inner.visible(owned, &view)
    }

    fn seal(&self) -> Result<(), Error> {
        if self.fault == Fault::SealLeaks {
            self.seal_said.set(true);
            return Ok(());
        }
        self.inner.seal()
    }

    fn is_sealed(&self) -> bool {
        self.inner.is_sealed() || self.seal_said.get()
    }

    fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    fn stats(&self) -> (Counters, u64) {
        let (mut counters, earliest) = self.inner.stats();
        if self.fault == Fault::LostCount {
            counters.deletions = counters.deletions.saturating_sub(1);
        }
        (counters, earliest)
    }

    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize, Error> {
        self.inner.max_entry_size(key_len, value_len)
    }

    fn memory_fault(&self) -> Option<String> {
        self.inner.memory_fault()
    }
}

struct FaultyWriter<'t> {
    table: &'t Faulty,
    inner: Box<dyn BatchWriter + 't>,
}

impl BatchWriter for FaultyWriter<'_> {
    fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        self.table.perturbed(entry, |entry| self.inner.add(entry))
    }

    fn add_batch(&mut self, entries: &[Entry<'_>]) -> Result<(), BatchError> {
        let fault = self.table.fault;
        self.inner.add_batch(entries).map_err(|refused| BatchError {
            added: refused
                .added
                .saturating_sub(usize::from(fault == Fault::BatchAddedTooFew)),
            ..refused
        })
    }

    fn add_with_hint(&mut self, hint: u8, entry: &Entry<'_>) -> Result<(), Error> {
        self.table
            .perturbed(entry, |entry| self.inner.add_with_hint(hint, entry))
    }

    fn add_with_foreign_hint(&mut self, entry: &Entry<'_>) -> Result<(), Error> {
        self.inner.add_with_foreign_hint(entry)
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        self.inner.reserve(bytes)
    }
}

struct StartsOver<'t>(Box<dyn TableCursor + 't>);

impl StartsOver<'_> {
    fn is_on(&self) -> bool {
        self.0.entry().is_ok_and(|entry| entry.is_some())
    }
}

impl TableCursor for StartsOver<'_> {
    fn entry(&self) -> Result<Option<Entry<'_>>, Error> {
        self.0.entry()
    }

    fn lookup(&self) -> Result<Option<Answer<'_>>, Error> {
        self.0.lookup()
    }

    fn seek(&mut self, user_key: &[u8], sequence: u64) {
        self.0.seek(user_key, sequence);
    }

    fn seek_for_prev(&mut self, user_key: &[u8], sequence: u64) {
        self.0.seek_for_prev(user_key, sequence);
    }

    fn seek_to_first(&mut self) {
        self.0.seek_to_first();
    }

    fn seek_to_last(&mut self) {
        self.0.seek_to_last();
    }

    fn seek_random(&mut self) {
        self.0.seek_random();
    }

    fn next(&mut self) {
        let was_on = self.is_on();
        self.0.next();
        if was_on && !self.is_on() {
            self.0.seek_to_first();
        }
    }

    fn prev(&mut self) {
        self.0.prev();
    }
}
