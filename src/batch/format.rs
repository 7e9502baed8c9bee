//! The bytes of a write batch and of its records.

use smallvec::SmallVec;

use super::record::{BatchEntry, DEFAULT_COLUMN_FAMILY, Record};
use crate::codec::{
    MAX_VARINT32_LEN, decode_length_prefixed, decode_varint32, varint_length, write_varint32,
};
use crate::entry::MAX_USER_KEY_LEN;
use crate::error::{Corruption, Damage, Error, RecordField, Result};
use crate::key::Kind;
use crate::timed_value::TimedValue;

/// Bytes of the sequence number, in front.
pub(super) const SEQUENCE_LEN: usize = size_of::<u64>();
/// A batch of so many bytes needs no memory of its own.
pub(super) const INLINE: usize = 56;
/// Bytes before the first record.
pub(super) const HEADER_LEN: usize = SEQUENCE_LEN + size_of::<u32>();

const LOG_DATA: u8 = 0x03;
const BEGIN_PREPARE: u8 = 0x09;
const END_PREPARE: u8 = 0x0A;
const COMMIT: u8 = 0x0B;
const ROLLBACK: u8 = 0x0C;
const NOOP: u8 = 0x0D;
const BEGIN_PERSISTED_PREPARE: u8 = 0x12;
const BEGIN_UNPREPARE: u8 = 0x13;
const COMMIT_WITH_TIMESTAMP: u8 = 0x15;

/// The type of an entry's record that names a column family; `None` for a kind without
/// records. Of those that name none, the kind is the type.
#[inline]
const fn column_family_type(kind: Kind) -> Option<u8> {
    Some(match kind {
        Kind::DELETION => 0x04,
        Kind::VALUE => 0x05,
        Kind::MERGE => 0x06,
        Kind::SINGLE_DELETION => 0x08,
        Kind::RANGE_DELETION => 0x0E,
        Kind::BLOB_INDEX => 0x10,
        Kind::WIDE_COLUMN_ENTITY => 0x17,
        Kind::VALUE_PREFERRED_SEQNO => 0x19,
        _ => return None,
    })
}

/// The kind that records of this type are of, and whether they name a column family.
#[inline]
const fn entry_kind(record_type: u8) -> Option<(Kind, bool)> {
    let kind = match record_type {
        0x04 => Kind::DELETION,
        0x05 => Kind::VALUE,
        0x06 => Kind::MERGE,
        0x08 => Kind::SINGLE_DELETION,
        0x0E => Kind::RANGE_DELETION,
        0x10 => Kind::BLOB_INDEX,
        0x17 => Kind::WIDE_COLUMN_ENTITY,
        0x19 => Kind::VALUE_PREFERRED_SEQNO,
        _ => {
            let kind = Kind(record_type);
            return match column_family_type(kind) {
                Some(_) => Some((kind, false)),
                None => None,
            };
        }
    };
    Some((kind, true))
}

/// True for the kinds whose records have a key and nothing behind it.
#[inline]
const fn is_key_only(kind: Kind) -> bool {
    matches!(kind, Kind::DELETION | Kind::SINGLE_DELETION)
}

/// A record that is about to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoding<'r> {
    record_type: u8,
    column_family: Option<u32>,
    fields: [&'r [u8]; 2],
    /// How many of the fields there are.
    count: usize,
    /// What belongs to the last field, but lies elsewhere.
    tail: &'r [u8],
}

impl<'r> Encoding<'r> {
    /// The record of an entry, whose value goes on with `tail`.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooLarge`], [`Error::ValueTooLarge`]; [`Error::Unsupported`] for a kind
    /// without records, and for a value where there is no room for one;
    /// [`Error::Corruption`] for a timed value without a time.
    #[inline]
    pub(super) fn entry(entry: &BatchEntry<'r>, tail: &'r [u8]) -> Result<Self> {
        let BatchEntry {
            column_family,
            kind,
            user_key,
            value,
        } = *entry;
        let elsewhere = column_family_type(kind).ok_or(Error::Unsupported(
            "entries of this kind have no records in a write batch",
        ))?;
        check_key(user_key)?;
        let value_len = value.len().saturating_add(tail.len());
        match kind {
            Kind::RANGE_DELETION => check_key(value)?,
            Kind::VALUE_PREFERRED_SEQNO if tail.is_empty() => {
                TimedValue::unpack(value)?;
            }
            _ if is_key_only(kind) && value_len > 0 => {
                return Err(Error::Unsupported("a deletion has no value"));
            }
            _ => {}
        }
        check_value(value_len)?;
        Ok(Self {
            record_type: match column_family {
                DEFAULT_COLUMN_FAMILY => kind.0,
                _ => elsewhere,
            },
            column_family: (column_family != DEFAULT_COLUMN_FAMILY).then_some(column_family),
            fields: [user_key, value],
            count: if is_key_only(kind) { 1 } else { 2 },
            tail,
        })
    }

    /// Any record.
    ///
    /// # Errors
    ///
    /// As for [`entry`](Self::entry).
    pub(super) fn of(record: &Record<'r>) -> Result<Self> {
        let none: &[u8] = &[];
        let (record_type, fields, count) = match *record {
            Record::Entry(entry) => return Self::entry(&entry, &[]),
            Record::LogData(data) => (LOG_DATA, [data, none], 1),
            Record::Noop => (NOOP, [none; 2], 0),
            Record::BeginPrepare => (BEGIN_PREPARE, [none; 2], 0),
            Record::BeginPersistedPrepare => (BEGIN_PERSISTED_PREPARE, [none; 2], 0),
            Record::BeginUnprepare => (BEGIN_UNPREPARE, [none; 2], 0),
            Record::EndPrepare { xid } => (END_PREPARE, [xid, none], 1),
            Record::Commit { xid } => (COMMIT, [xid, none], 1),
            Record::CommitWithTimestamp { timestamp, xid } => {
                (COMMIT_WITH_TIMESTAMP, [timestamp, xid], 2)
            }
            Record::Rollback { xid } => (ROLLBACK, [xid, none], 1),
        };
        for field in fields {
            check_value(field.len())?;
        }
        Ok(Self {
            record_type,
            column_family: None,
            fields,
            count,
            tail: none,
        })
    }

    /// The length of a field, which was checked to fit 32 bits.
    #[inline]
    fn field_len(&self, index: usize) -> u32 {
        let tail = if index + 1 == self.count {
            self.tail.len()
        } else {
            0
        };
        (self.fields[index].len() + tail) as u32
    }

    /// Bytes of the record.
    #[inline]
    pub(super) fn len(&self) -> u64 {
        let id = self
            .column_family
            .map_or(0, |id| varint_length(u64::from(id)));
        (0..self.count).fold(1 + id as u64, |sum, index| {
            let length = u64::from(self.field_len(index));
            sum + varint_length(length) as u64 + length
        })
    }

    /// Appends the record; the caller has made room for it.
    #[inline]
    pub(super) fn write(&self, out: &mut SmallVec<[u8; INLINE]>) {
        out.push(self.record_type);
        if let Some(id) = self.column_family {
            put(out, id);
        }
        for (index, field) in self.fields[..self.count].iter().enumerate() {
            put(out, self.field_len(index));
            out.extend_from_slice(field);
        }
        out.extend_from_slice(self.tail);
    }
}

/// Appends a varint32.
#[inline]
fn put(out: &mut SmallVec<[u8; INLINE]>, value: u32) {
    let mut bytes = [0; MAX_VARINT32_LEN];
    let length = write_varint32(&mut bytes, value);
    out.extend_from_slice(&bytes[..length]);
}

#[inline]
fn check_key(user_key: &[u8]) -> Result<()> {
    let (length, limit) = (user_key.len(), MAX_USER_KEY_LEN);
    if length > limit {
        return Err(Error::KeyTooLarge { length, limit });
    }
    Ok(())
}

#[inline]
fn check_value(length: usize) -> Result<()> {
    if u32::try_from(length).is_err() {
        let limit = u32::MAX as usize;
        return Err(Error::ValueTooLarge { length, limit });
    }
    Ok(())
}

/// The fields of a record that is being read.
struct Fields<'b> {
    rest: &'b [u8],
    record_type: u8,
    /// Where the record begins in its batch.
    offset: usize,
}

impl<'b> Fields<'b> {
    fn bad(&self, field: RecordField, cause: Corruption) -> Corruption {
        Corruption::BadRecord {
            record_type: self.record_type,
            offset: self.offset,
            field,
            damage: match cause {
                Corruption::BadVarint { .. } => Damage::BadVarint,
                _ => Damage::Truncated,
            },
        }
    }

    #[inline]
    fn bytes(&mut self, field: RecordField) -> Result<&'b [u8], Corruption> {
        match decode_length_prefixed(self.rest) {
            Ok((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            Err(cause) => Err(self.bad(field, cause)),
        }
    }

    #[inline]
    fn column_family(&mut self) -> Result<u32, Corruption> {
        match decode_varint32(self.rest) {
            Ok((id, rest)) => {
                self.rest = rest;
                Ok(id)
            }
            Err(cause) => Err(self.bad(RecordField::ColumnFamily, cause)),
        }
    }

    /// What is behind the key.
    #[inline]
    fn value(&mut self, kind: Kind) -> Result<&'b [u8], Corruption> {
        let value = match kind {
            Kind::DELETION | Kind::SINGLE_DELETION => return Ok(&[]),
            Kind::RANGE_DELETION => return self.bytes(RecordField::RangeEnd),
            Kind::MERGE => return self.bytes(RecordField::Operand),
            _ => self.bytes(RecordField::Value)?,
        };
        if kind == Kind::VALUE_PREFERRED_SEQNO && TimedValue::unpack(value).is_err() {
            return Err(self.bad(RecordField::Time, Corruption::Truncated { what: "time" }));
        }
        Ok(value)
    }
}

/// Reads the record at `offset` of a batch, of which there is a byte at least; returns it and
/// where the next one begins. O(1): bytes are borrowed.
///
/// # Errors
///
/// [`Corruption::UnknownRecord`], [`Corruption::BadRecord`].
#[inline]
pub(super) fn decode_record(
    batch: &[u8],
    offset: usize,
) -> Result<(Record<'_>, usize), Corruption> {
    let truncated = Corruption::Truncated {
        what: "record of a write batch",
    };
    let (&record_type, rest) = batch
        .get(offset..)
        .and_then(<[u8]>::split_first)
        .ok_or(truncated)?;
    let mut fields = Fields {
        rest,
        record_type,
        offset,
    };
    let record = match entry_kind(record_type) {
        Some((kind, names_column_family)) => Record::Entry(BatchEntry {
            column_family: match names_column_family {
                true => fields.column_family()?,
                false => DEFAULT_COLUMN_FAMILY,
            },
            kind,
            user_key: fields.bytes(RecordField::Key)?,
            value: fields.value(kind)?,
        }),
        None => decode_marker(&mut fields)?,
    };
    Ok((record, batch.len() - fields.rest.len()))
}

fn decode_marker<'b>(fields: &mut Fields<'b>) -> Result<Record<'b>, Corruption> {
    const XID: RecordField = RecordField::TransactionName;
    Ok(match fields.record_type {
        LOG_DATA => Record::LogData(fields.bytes(RecordField::LogData)?),
        NOOP => Record::Noop,
        BEGIN_PREPARE => Record::BeginPrepare,
        BEGIN_PERSISTED_PREPARE => Record::BeginPersistedPrepare,
        BEGIN_UNPREPARE => Record::BeginUnprepare,
        END_PREPARE => Record::EndPrepare {
            xid: fields.bytes(XID)?,
        },
        COMMIT => Record::Commit {
            xid: fields.bytes(XID)?,
        },
        COMMIT_WITH_TIMESTAMP => Record::CommitWithTimestamp {
            timestamp: fields.bytes(RecordField::Timestamp)?,
            xid: fields.bytes(XID)?,
        },
        ROLLBACK => Record::Rollback {
            xid: fields.bytes(XID)?,
        },
        record_type => {
            let offset = fields.offset;
            return Err(Corruption::UnknownRecord {
                record_type,
                offset,
            });
        }
    })
}
