//! Reading the bytes of a write batch.

use core::fmt;
use core::iter::FusedIterator;

use super::WriteBatch;
use super::format::{HEADER_LEN, decode_record};
use super::record::{Contents, Record};
use crate::codec::{decode_fixed32, decode_fixed64};
use crate::error::{Corruption, Error, Result};
use crate::key::{MAX_SEQUENCE_NUMBER, SequenceNumber};

/// The bytes of a write batch, borrowed and found to be one: from a log, or from a
/// [`WriteBatch`].
///
/// ```
/// use verimem::batch::{Record, WriteBatchRef};
///
/// // As in a log: sequence number 7, one record, a value of "k".
/// let bytes = b"\x07\0\0\0\0\0\0\0\x01\0\0\0\x01\x01k\x05value";
/// let batch = WriteBatchRef::from_bytes(bytes)?;
/// assert_eq!((batch.sequence(), batch.count()), (7, 1));
/// for record in batch.records() {
///     let Record::Entry(entry) = record else { continue };
///     assert_eq!((entry.user_key, entry.value), (&b"k"[..], &b"value"[..]));
/// }
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct WriteBatchRef<'b> {
    /// A header, and records that were all read before.
    bytes: &'b [u8],
    contents: Contents,
}

impl<'b> WriteBatchRef<'b> {
    /// Reads all of `bytes`, which may be hostile. O(records): keys and values are not looked
    /// at.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`]: [`UnknownRecord`](Corruption::UnknownRecord) names a type that
    /// there is not, [`BadRecord`](Corruption::BadRecord) a field that ends early or has a
    /// malformed varint, [`BadCount`](Corruption::BadCount) says that entries are missing or
    /// too many, [`Truncated`](Corruption::Truncated) that there is no header.
    /// [`Error::SequenceTooLarge`] for a sequence number of more than 56 bits.
    pub fn from_bytes(bytes: &'b [u8]) -> Result<Self> {
        if bytes.len() < HEADER_LEN {
            let what = "header of a write batch";
            return Err(Corruption::Truncated { what }.into());
        }
        let mut batch = Self {
            bytes,
            contents: Contents::default(),
        };
        let sequence = batch.sequence();
        if sequence > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge { sequence });
        }
        let mut found = 0;
        let mut offset = HEADER_LEN;
        while offset < bytes.len() {
            let (record, next) = decode_record(bytes, offset)?;
            batch.contents = batch.contents.and(Contents::of(&record));
            found += u64::from(matches!(record, Record::Entry(_)));
            offset = next;
        }
        let claimed = batch.count();
        if found != u64::from(claimed) {
            return Err(Corruption::BadCount { claimed, found }.into());
        }
        Ok(batch)
    }

    /// What a batch under construction holds: a header and records, by its own care.
    #[inline]
    pub(super) fn trusted(bytes: &'b [u8], contents: Contents) -> Self {
        Self { bytes, contents }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'b [u8] {
        self.bytes
    }

    /// The records' bytes, without the header.
    pub(super) fn body(self) -> &'b [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The sequence number of the first entry.
    #[must_use]
    pub fn sequence(self) -> SequenceNumber {
        decode_fixed64(self.bytes).map_or(0, |(sequence, _)| sequence)
    }

    /// The number of entries: of all records but log data and markers.
    #[must_use]
    pub fn count(self) -> u32 {
        let count = decode_fixed64(self.bytes).and_then(|(_, rest)| decode_fixed32(rest));
        count.map_or(0, |(count, _)| count)
    }

    /// Bytes of the batch, header included.
    #[must_use]
    pub fn data_size(self) -> usize {
        self.bytes.len()
    }

    /// Of which kinds its records are.
    #[must_use]
    pub fn contents(self) -> Contents {
        self.contents
    }

    /// Its records, in their order; each step is O(1).
    #[must_use]
    pub fn records(self) -> Records<'b> {
        Records {
            bytes: self.bytes,
            offset: HEADER_LEN,
        }
    }
}

impl<'b> From<&'b WriteBatch> for WriteBatchRef<'b> {
    fn from(batch: &'b WriteBatch) -> Self {
        batch.view()
    }
}

impl<'b> IntoIterator for WriteBatchRef<'b> {
    type Item = Record<'b>;
    type IntoIter = Records<'b>;

    fn into_iter(self) -> Records<'b> {
        self.records()
    }
}

impl fmt::Debug for WriteBatchRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBatchRef")
            .field("sequence", &self.sequence())
            .field("count", &self.count())
            .field("data_size", &self.data_size())
            .field("contents", &self.contents)
            .finish()
    }
}

/// The records of a write batch, in their order; made by [`WriteBatchRef::records`].
#[derive(Debug, Clone)]
pub struct Records<'b> {
    bytes: &'b [u8],
    /// Where the next record begins.
    offset: usize,
}

impl<'b> Iterator for Records<'b> {
    type Item = Record<'b>;

    #[inline]
    fn next(&mut self) -> Option<Record<'b>> {
        // All of them were read before, so only the end is no record.
        let (record, next) = decode_record(self.bytes, self.offset).ok()?;
        self.offset = next;
        Some(record)
    }
}

impl FusedIterator for Records<'_> {}
