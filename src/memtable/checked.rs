//! What can be said of an entry before it is added.

use core::cmp::Ordering;

use super::MemTable;
use crate::entry::{EntryRef, Protection, encoded_len};
use crate::error::{Error, Result};
use crate::key::{Comparator, Kind, MAX_SEQUENCE_NUMBER, SequenceNumber, split_timestamp};
use crate::rep::MemTableRep;

/// An entry of these parts, if its number and the length of its key will do.
#[inline]
pub(super) fn checked<'e, C: Comparator>(
    sequence: SequenceNumber,
    kind: Kind,
    user_key: &'e [u8],
    value: &'e [u8],
) -> Result<EntryRef<'e>> {
    if sequence > MAX_SEQUENCE_NUMBER {
        return Err(Error::SequenceTooLarge { sequence });
    }
    if user_key.len() < C::TIMESTAMP_LEN {
        let length = user_key.len();
        return Err(Error::InvalidTimestamp { length });
    }
    Ok(EntryRef {
        user_key,
        sequence,
        kind,
        value,
    })
}

/// The two ends of a range, without their timestamps; `None` for a range of no keys. `begin`
/// has a timestamp if keys have one.
pub(super) fn checked_range<'e, C: Comparator>(
    comparator: &C,
    begin: &'e [u8],
    end: &'e [u8],
) -> Result<Option<(&'e [u8], &'e [u8])>> {
    encoded_len(begin.len(), end.len(), Protection::None)?;
    let [(first, since), (after, until)] = [begin, end].map(|key| split_timestamp(comparator, key));
    if since != until || end.len() < C::TIMESTAMP_LEN {
        return Err(Error::InvalidTimestamp { length: end.len() });
    }
    match comparator.compare_without_timestamp(first, after) {
        Ordering::Greater => Err(Error::InvertedRange),
        Ordering::Equal => Ok(None),
        Ordering::Less => Ok(Some((first, after))),
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// Whether the table could take `entry` at all: the most bytes of its arena that it would
    /// need, or how it would be refused whatever the table holds.
    pub(crate) fn check(&self, entry: &EntryRef<'_>) -> Result<usize> {
        checked::<C>(entry.sequence, entry.kind, entry.user_key, entry.value)?;
        if entry.kind == Kind::RANGE_DELETION {
            checked_range(self.comparator(), entry.user_key, entry.value)?;
            return Ok(0);
        }
        self.max_entry_size(entry.user_key.len(), entry.value.len())
    }
}
