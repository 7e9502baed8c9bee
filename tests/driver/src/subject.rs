//! What is driven: the table behind a trait, so that a test can put something
//! broken in between.

use std::ops::Bound;

use verimem::{BatchError, Error};
use verimem_model::{Answer, Counters, Entry, Fragment, Merged, PrefixMode, Sight, View};

/// The answers to several lookups, in the order of the keys.
pub type Answers<'a> = Vec<Result<Answer<'a>, Error>>;

/// Key, sequence number, kind and value of an entry.
pub type Stored = (Vec<u8>, u64, u8, Vec<u8>);

/// Adds through one writer.
pub trait BatchWriter {
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn add(&mut self, entry: &Entry<'_>) -> Result<(), Error>;

    /// Adds entries by one call.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn add_batch(&mut self, entries: &[Entry<'_>]) -> Result<(), BatchError>;

    /// Adds an entry with its checksum, less the bits of `damage`.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn add_protected(&mut self, entry: &Entry<'_>, damage: u64) -> Result<(), Error>;

    /// Adds entries by one call, each with its checksum, less the bits beside it.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn add_batch_protected(&mut self, entries: &[(Entry<'_>, u64)]) -> Result<(), BatchError>;

    /// Adds an entry with one of a few hints, or of those per prefix from
    /// [`PREFIX_HINTS`](verimem_model::PREFIX_HINTS) on.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn add_with_hint(&mut self, hint: u8, entry: &Entry<'_>) -> Result<(), Error>;

    /// Adds an entry with a hint that belongs to another table.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn add_with_foreign_hint(&mut self, entry: &Entry<'_>) -> Result<(), Error>;

    /// Sets bytes aside.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn reserve(&mut self, bytes: usize) -> Result<(), Error>;
}

/// A cursor over all entries or over visible keys.
pub trait TableCursor {
    /// The entry it is on; none when it is invalid.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn entry(&self) -> Result<Option<Entry<'_>>, Error>;

    /// The answer for the key it is on; none when it is invalid, or over all entries.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn lookup(&self) -> Result<Option<Answer<'_>>, Error>;

    /// The timestamp that a visible cursor says its entry has.
    fn timestamp(&self) -> Option<u64>;

    /// To the first entry at or after a place; visible cursors ignore `sequence`.
    fn seek(&mut self, user_key: &[u8], sequence: u64);

    /// To the last entry at or before a place; visible cursors ignore `sequence`.
    fn seek_for_prev(&mut self, user_key: &[u8], sequence: u64);

    /// To the first entry.
    fn seek_to_first(&mut self);

    /// To the last entry.
    fn seek_to_last(&mut self);

    /// Anywhere; visible cursors do not move.
    fn seek_random(&mut self);

    /// One on.
    fn next(&mut self);

    /// One back.
    fn prev(&mut self);
}

/// A table that can be driven. Everything by shared reference: cursors live on
/// while entries are added.
pub trait Subject {
    /// A batch of one.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn add(&self, entry: &Entry<'_>) -> Result<(), Error>;

    /// Opens a writer.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn writer(&self, exclusive: bool) -> Result<Box<dyn BatchWriter + '_>, Error>;

    /// What a reader sees of a key.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn get(&self, user_key: &[u8], sight: &Sight) -> Result<Answer<'_>, Error>;

    /// As `get`, with the timestamp of what the answer comes from.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn get_stamped(&self, bare: &[u8], sight: &Sight) -> Result<(Answer<'_>, Option<u64>), Error>;

    /// As `multi_get`, with the timestamp of what each answer comes from.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    #[expect(clippy::type_complexity, reason = "answers of a list in a list")]
    fn multi_get_stamped(
        &self,
        keys: &[&[u8]],
        sight: &Sight,
    ) -> Result<Vec<Result<(Answer<'_>, Option<u64>), Error>>, Error>;

    /// What a reader sees of a key, folded.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn get_merged(&self, user_key: &[u8], sight: &Sight) -> Result<Merged<'_>, Error>;

    /// What a reader sees of each of the keys.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn multi_get(&self, keys: &[&[u8]], sight: &Sight) -> Result<Answers<'_>, Error>;

    /// The newest visible entry of a key.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn get_entry(&self, user_key: &[u8], snapshot: u64) -> Result<Option<Entry<'_>>, Error>;

    /// True when this very entry is there.
    fn contains(&self, user_key: &[u8], sequence: u64) -> bool;

    /// About how many entries, and bytes, lie from one key on and before another.
    fn approximate_range(&self, begin: &[u8], end: &[u8]) -> (u64, u64);

    /// So many entries at random.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn sample(&self, count: usize) -> Result<Vec<Entry<'_>>, Error>;

    /// What range deletions delete with numbers from one to another, and with timestamps
    /// from one to another, or any.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn range_deletions(
        &self,
        sequences: (u64, u64),
        times: Option<(u64, u64)>,
    ) -> Result<Vec<Fragment<'_>>, Error>;

    /// All entries, without the timestamps of their keys.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn stripped(&self) -> Result<Vec<Stored>, Error>;

    /// A cursor over all entries.
    fn internal(&self, owned: bool, mode: PrefixMode) -> Box<dyn TableCursor + '_>;

    /// A cursor over visible keys.
    fn visible(&self, owned: bool, view: &View) -> Box<dyn TableCursor + '_>;

    /// Makes the table immutable.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn seal(&self) -> Result<(), Error>;

    /// True when the table is immutable.
    fn is_sealed(&self) -> bool;

    /// True when the table has no entry.
    fn is_empty(&self) -> bool;

    /// The counters, and the earliest sequence number that was promised.
    fn stats(&self) -> (Counters, u64);

    /// The most bytes that an entry can take.
    ///
    /// # Errors
    ///
    /// Whatever the table says.
    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize, Error>;

    /// Checks the memory accounting of a quiet table; returns what is wrong, if anything is.
    fn memory_fault(&self) -> Option<String>;
}

/// Borrows a bound.
#[must_use]
pub fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
