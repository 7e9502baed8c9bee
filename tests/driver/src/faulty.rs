//! A table with a planted bug, to see that the driver finds it.

use std::cell::Cell;

use verimem::{BatchError, Corruption, Error};
use verimem_model::{
    Answer, Counters, Entry, Fragment, Hidden, Merged, PREFIX_HINTS, PrefixMode, Sight, View, kind,
};

use crate::Fault;
use crate::subject::{Answers, BatchWriter, Stored, Subject, TableCursor};

/// A subject with a [`Fault`].
pub struct Faulty {
    inner: Box<dyn Subject>,
    fault: Fault,
    adds: Cell<u64>,
    /// Duplicates that were no error.
    again: Cell<u64>,
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
            again: Cell::new(0),
            seal_said: Cell::new(false),
        }
    }

    /// What a broken reader sees.
    fn seen(&self, sight: &Sight) -> Sight {
        let mut sight = *sight;
        match self.fault {
            Fault::OffByOneVisibility if sight.snapshot < 1 << 55 => sight.snapshot += 1,
            Fault::VisibilityIgnored => sight.hidden = Hidden::default(),
            Fault::TimestampIgnored => sight.timestamp = u64::MAX,
            Fault::AskedTooLate => sight.hidden.min_uncommitted += 1,
            _ => {}
        }
        sight
    }

    /// What prefixes are to a broken iterator.
    fn kept_to(&self, mode: PrefixMode) -> PrefixMode {
        match (mode, self.fault) {
            (PrefixMode::SameAsStart, Fault::PrefixLeft) => PrefixMode::TotalOrder,
            (PrefixMode::Auto, Fault::AutoKeepsToPrefix) => PrefixMode::SameAsStart,
            _ => mode,
        }
    }

    /// What a broken reader says.
    fn told<'a>(&self, user_key: &[u8], mut answer: Answer<'a>) -> Answer<'a> {
        match (&mut answer, self.fault) {
            (Answer::Merge { operands, .. }, Fault::ReversedOperands) => operands.reverse(),
            (Answer::Found { kind, .. }, Fault::BlobIsValue) if *kind == kind::BLOB_INDEX => {
                *kind = kind::VALUE;
            }
            (Answer::Deleted { kind, .. }, Fault::FilterHidesTombstone)
                if *kind == kind::RANGE_DELETION
                    && self.inner.get_entry(user_key, verimem::MAX_SEQUENCE_NUMBER) == Ok(None) =>
            {
                return Answer::NotFound;
            }
            _ => {}
        }
        answer
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
        let again = entry.kind != kind::RANGE_DELETION
            && self.inner.contains(entry.user_key, entry.sequence);
        match add(&entry) {
            Ok(()) => {
                self.again.set(self.again.get() + u64::from(again));
                Ok(())
            }
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

    fn get(&self, user_key: &[u8], sight: &Sight) -> Result<Answer<'_>, Error> {
        let answer = self.inner.get(user_key, &self.seen(sight))?;
        let in_range =
            matches!(&answer, Answer::Deleted { kind, .. } if *kind == kind::RANGE_DELETION);
        if in_range && self.fault == Fault::FalseAlarm {
            return Err(Corruption::Lengths.into());
        }
        Ok(self.told(user_key, answer))
    }

    fn get_stamped(&self, bare: &[u8], sight: &Sight) -> Result<(Answer<'_>, Option<u64>), Error> {
        let (answer, timestamp) = self.inner.get_stamped(bare, &self.seen(sight))?;
        let timestamp = match self.fault {
            Fault::TimestampEchoed => timestamp.map(|_| sight.timestamp),
            _ => timestamp,
        };
        Ok((self.told(bare, answer), timestamp))
    }

    fn multi_get_stamped(
        &self,
        keys: &[&[u8]],
        sight: &Sight,
    ) -> Result<Vec<Result<(Answer<'_>, Option<u64>), Error>>, Error> {
        self.inner.multi_get_stamped(keys, &self.seen(sight))
    }

    fn get_merged(&self, user_key: &[u8], sight: &Sight) -> Result<Merged<'_>, Error> {
        let mut merged = self.inner.get_merged(user_key, &self.seen(sight))?;
        if let (Merged::Operands { operands, .. }, Fault::LostOperand) = (&mut merged, self.fault) {
            operands.pop();
        }
        Ok(merged)
    }

    fn multi_get(&self, keys: &[&[u8]], sight: &Sight) -> Result<Answers<'_>, Error> {
        let mut answers = self.inner.multi_get(keys, &self.seen(sight))?;
        if let (2.., Fault::AnswersMixedUp) = (keys.len(), self.fault) {
            answers.swap(keys.len() - 2, keys.len() - 1);
        }
        let missing = answers.iter().position(|one| *one == Ok(Answer::NotFound));
        if let (Some(missing), Fault::AnswersMoveUp) = (missing, self.fault) {
            answers[missing..].rotate_left(1);
        }
        Ok(answers)
    }

    fn get_entry(&self, user_key: &[u8], snapshot: u64) -> Result<Option<Entry<'_>>, Error> {
        self.inner.get_entry(user_key, snapshot)
    }

    fn contains(&self, user_key: &[u8], sequence: u64) -> bool {
        self.inner.contains(user_key, sequence)
    }

    fn approximate_range(&self, begin: &[u8], end: &[u8]) -> (u64, u64) {
        let (entries, bytes) = self.inner.approximate_range(begin, end);
        let more = self.fault == Fault::RangeCountsEnd && entries > 0;
        (entries + u64::from(more), bytes)
    }

    fn sample(&self, count: usize) -> Result<Vec<Entry<'_>>, Error> {
        let mut sample = self.inner.sample(count)?;
        if let ([first, .., last], Fault::SampledTwice) = (&mut sample[..], self.fault) {
            *last = *first;
        }
        Ok(sample)
    }

    fn stripped(&self) -> Result<Vec<Stored>, Error> {
        let mut entries = self.inner.stripped()?;
        if self.fault == Fault::StrippedBySequence {
            for versions in entries.chunk_by_mut(|one, other| one.0 == other.0) {
                versions.sort_by_key(|one| std::cmp::Reverse(one.1));
            }
        }
        Ok(entries)
    }

    fn range_deletions(
        &self,
        sequences: (u64, u64),
        times: Option<(u64, u64)>,
    ) -> Result<Vec<Fragment<'_>>, Error> {
        let times = times.filter(|_| self.fault != Fault::RangeTimesIgnored);
        let mut stretches = self.inner.range_deletions(sequences, times)?;
        if let ([one, next, ..], Fault::WrongStretch) = (&mut stretches[..], self.fault) {
            next.2 = one.2;
        }
        Ok(stretches)
    }

    fn internal(&self, owned: bool, mode: PrefixMode) -> Box<dyn TableCursor + '_> {
        let inner = self.inner.internal(owned, self.kept_to(mode));
        if self.fault == Fault::CursorStartsOver {
            Box::new(StartsOver(inner))
        } else {
            inner
        }
    }

    fn visible(&self, owned: bool, view: &View) -> Box<dyn TableCursor + '_> {
        let mut view = view.clone();
        view.mode = self.kept_to(view.mode);
        if self.fault != Fault::OffByOneVisibility {
            view.sight = self.seen(&view.sight);
        }
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
        if self.fault == Fault::NewestTimestampLost && counters.deletions > 0 {
            counters.newest_timestamp = None;
        }
        match self.fault {
            Fault::KeptIsCounted => counters.entries += self.again.get(),
            Fault::OverwriteCountsTag => counters.data_size += 8 * self.again.get(),
            _ => {}
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

    fn add_protected(&mut self, entry: &Entry<'_>, damage: u64) -> Result<(), Error> {
        let looks = self.table.fault != Fault::ChecksumIgnored;
        let damage = if looks { damage } else { 0 };
        self.table
            .perturbed(entry, |entry| self.inner.add_protected(entry, damage))
    }

    fn add_batch_protected(&mut self, entries: &[(Entry<'_>, u64)]) -> Result<(), BatchError> {
        if self.table.fault == Fault::ChecksumLate {
            for (added, (entry, damage)) in entries.iter().enumerate() {
                let one = self.inner.add_protected(entry, *damage);
                one.map_err(|error| BatchError { added, error })?;
            }
            return Ok(());
        }
        self.inner.add_batch_protected(entries)
    }

    fn add_with_hint(&mut self, hint: u8, entry: &Entry<'_>) -> Result<(), Error> {
        let mut entry = *entry;
        let deletes = self.table.fault == Fault::PrefixHintDeletes && hint >= PREFIX_HINTS;
        if deletes && entry.kind == kind::VALUE {
            entry.kind = kind::DELETION;
        }
        self.table
            .perturbed(&entry, |entry| self.inner.add_with_hint(hint, entry))
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

    fn timestamp(&self) -> Option<u64> {
        self.0.timestamp()
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
