//! Point reads that copy.

use core::fmt;

use super::{InPlaceTable, OwnedLookup};
use crate::error::Result;
use crate::key::{BytewiseComparator, Comparator, SequenceNumber, Timestamp};
use crate::lookup::{Lookup, MergeBase};
use crate::memtable::Reader;
use crate::memtable::in_place::slot::reserve;
use crate::merge::Merged;
use crate::visibility::{Everything, Visibility};

/// Reads of a table at one snapshot, and at one timestamp where keys have timestamps: a
/// [`Reader`] that copies.
///
/// Made by [`InPlaceTable::reader`].
///
/// ```
/// use verimem::{Kind, Lookup, MemTable};
///
/// let table = MemTable::builder().in_place().build()?;
/// table.add(1, Kind::VALUE, b"k", b"v")?;
/// let mut buffer = Vec::new();
/// let reader = table.reader(1)?;
/// assert!(matches!(reader.get_into(b"k", &mut buffer)?, Lookup::Found { value: b"v", .. }));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct InPlaceReader<'t, C: Comparator = BytewiseComparator, V = Everything> {
    table: &'t InPlaceTable<C>,
    reader: Reader<'t, C, V>,
}

impl<'t, C: Comparator> InPlaceReader<'t, C> {
    pub(super) fn new(table: &'t InPlaceTable<C>, snapshot: SequenceNumber) -> Result<Self> {
        let reader = table.table.reader(snapshot)?;
        Ok(Self { table, reader })
    }

    /// As [`Reader::with_visibility`].
    #[must_use]
    pub fn with_visibility<V: Visibility>(self, visibility: V) -> InPlaceReader<'t, C, V> {
        InPlaceReader {
            table: self.table,
            reader: self.reader.with_visibility(visibility),
        }
    }
}

impl<C: Comparator, V: Visibility> InPlaceReader<'_, C, V> {
    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> SequenceNumber {
        self.reader.snapshot()
    }

    /// As [`Reader::at_timestamp`].
    #[must_use]
    pub fn at_timestamp(self, timestamp: Timestamp) -> Self {
        Self {
            table: self.table,
            reader: self.reader.at_timestamp(timestamp),
        }
    }

    /// What the table says of `user_key`: a copy. As [`Reader::get`], with the length of
    /// the values, and for a value the wait while another thread copies one that shares its lock.
    ///
    /// # Errors
    ///
    /// As for [`Reader::get`]; [`Error::Corruption`](crate::Error::Corruption) also when the
    /// checksum of a value differs, and [`Error::OutOfMemory`](crate::Error::OutOfMemory) when
    /// there is none for the copies.
    pub fn get(&self, user_key: &[u8]) -> Result<OwnedLookup> {
        self.get_with_timestamp(user_key).map(|(answer, _)| answer)
    }

    /// As [`get`](Self::get), into a buffer of the caller's, whose contents are replaced:
    /// nothing is allocated once it is long enough, except for operands.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_into<'b>(&self, user_key: &[u8], buffer: &'b mut Vec<u8>) -> Result<Lookup<'b>> {
        let stored = self.reader.get(user_key)?;
        // SAFETY: the reader is of this table.
        unsafe { self.table.copy_lookup(user_key, stored, buffer) }
    }

    /// As [`get`](Self::get), with the timestamp that
    /// [`Reader::get_with_timestamp`] has.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_with_timestamp(&self, user_key: &[u8]) -> Result<(OwnedLookup, Option<Timestamp>)> {
        let (stored, timestamp) = self.reader.get_with_timestamp(user_key)?;
        // SAFETY: the reader is of this table.
        let answer = unsafe { self.table.own_lookup(user_key, stored) }?;
        Ok((answer, timestamp))
    }

    /// As [`get`](Self::get), with the operands folded as [`Reader::get_merged`] does: into
    /// a value if what lies below them is known, else they stay operands.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get) and [`Reader::get_merged`].
    pub fn get_merged(&self, user_key: &[u8]) -> Result<OwnedLookup> {
        let table = &self.table.table;
        let operator = table.merge_operator.as_deref();
        let enough = |operands: &[&[u8]]| {
            operator.is_some_and(|operator| operator.is_enough(user_key, operands))
        };
        let stored = self.reader.read(user_key, enough, |(stored, _)| stored)?;
        table.observe(&stored);
        let mut buffer = Vec::new();
        // SAFETY: the reader is of this table.
        let answer = unsafe { self.table.copy_lookup(user_key, stored, &mut buffer) }?;
        OwnedLookup::copy(match Merged::of(user_key, answer, operator)? {
            Merged::NotFound => Lookup::NotFound,
            Merged::Deleted { sequence, kind } => Lookup::Deleted { sequence, kind },
            Merged::Operands { operands, sequence } => Lookup::Merge {
                operands,
                sequence,
                base: MergeBase::Missing,
            },
            Merged::Found {
                value,
                sequence,
                kind,
            } => {
                let value = value.into_owned();
                return Ok(OwnedLookup::Found {
                    value,
                    sequence,
                    kind,
                });
            }
        })
    }

    /// As [`Reader::multi_get`], with copies: the searches go together, the copies are made
    /// one after the other.
    ///
    /// # Errors
    ///
    /// As for [`Reader::multi_get`]; for a single key as for [`get`](Self::get).
    pub fn multi_get(&self, keys: &[&[u8]]) -> Result<Vec<Result<OwnedLookup>>> {
        let found = self.reader.multi_get(keys)?;
        let mut answers = Vec::new();
        reserve(&mut answers, found.len())?;
        for (user_key, stored) in keys.iter().zip(found) {
            answers.push(stored.and_then(|stored| {
                // SAFETY: the reader is of this table.
                unsafe { self.table.own_lookup(user_key, stored) }
            }));
        }
        Ok(answers)
    }
}

impl<C: Comparator, V> fmt::Debug for InPlaceReader<'_, C, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InPlaceReader")
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}
