//! The errors of the crate.

use core::fmt;
use std::borrow::Cow;

use thiserror::Error;

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why an operation was refused. Nothing is stored or counted when one is returned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The fixed capacity or the address range is used up: time to rotate to a
    /// new table. Returned before anything is written.
    #[error("the arena is full: {requested} bytes asked for, {available} left")]
    Full {
        /// Bytes asked for.
        requested: usize,
        /// Bytes that a new block could still have; part of them may be unusable.
        available: usize,
    },
    /// The operating system or allocator refused memory.
    #[error("out of memory: {requested} bytes refused")]
    OutOfMemory {
        /// Bytes asked for.
        requested: usize,
    },
    /// An entry with this user key and sequence number, of whatever kind, is
    /// already in the table.
    #[error("an entry with this key and sequence number already exists")]
    Duplicate,
    /// The user key is longer than an entry can say.
    #[error("a key of {length} bytes is over the limit of {limit}")]
    KeyTooLarge {
        /// Length of the user key in bytes.
        length: usize,
        /// The longest that would do.
        limit: usize,
    },
    /// The value is longer than an entry can say.
    #[error("a value of {length} bytes is over the limit of {limit}")]
    ValueTooLarge {
        /// Length of the value in bytes.
        length: usize,
        /// The longest that would do.
        limit: usize,
    },
    /// Key and value each fit, their record does not.
    #[error("an entry of {length} bytes is over the limit of {limit}")]
    EntryTooLarge {
        /// Length of the encoded entry in bytes; saturating.
        length: usize,
        /// The longest that would do.
        limit: usize,
    },
    /// Sequence numbers have 56 bits.
    #[error("sequence number {sequence} does not fit 56 bits")]
    SequenceTooLarge {
        /// The number that was given.
        sequence: u64,
    },
    /// A range ends before it begins.
    #[error("the range ends before it begins")]
    InvertedRange,
    /// A key is too short to end in a timestamp, where keys have to; or the two ends of a
    /// range have different ones.
    #[error("a key of {length} bytes does not end in the timestamp that it needs")]
    InvalidTimestamp {
        /// Length of the key in bytes.
        length: usize,
    },
    /// The table is immutable.
    #[error("the table is sealed")]
    Sealed,
    /// An exclusive writer is inside; or, for an exclusive writer, anybody is.
    #[error("another writer is inside the table")]
    Busy,
    /// This thread asked to seal a table that it is writing to: it would wait
    /// for itself.
    #[error("this thread is itself writing to the table")]
    Reentrant,
    /// A write batch would be longer than it may be.
    #[error("a write batch of {length} bytes is over the limit of {limit}")]
    BatchTooLarge {
        /// Bytes that the batch would have; saturating.
        length: usize,
        /// The most that it may have.
        limit: usize,
    },
    /// A write batch counts its entries with 32 bits.
    #[error("a write batch of {count} entries is over the limit of {}", u32::MAX)]
    BatchCountTooLarge {
        /// Entries that the batch would have.
        count: u64,
    },
    /// There is no save point to go back to, or to forget.
    #[error("the write batch has no save point")]
    NoSavePoint,
    /// An entry of a write batch is for a column family that nobody knows.
    #[error("there is no table for column family {id}")]
    UnknownColumnFamily {
        /// Its number.
        id: u32,
    },
    /// The hint was used with another list before.
    #[error("the hint belongs to another list")]
    ForeignHint,
    /// The operation exists, this table cannot do it.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// An option has a value that makes no table.
    #[error("option {option}: {reason}")]
    InvalidOption {
        /// Name of the builder method.
        option: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The merge operator could not fold a key's operands.
    #[error(transparent)]
    MergeFailed(#[from] MergeFailure),
    /// Bytes are not what they were, or never were an entry.
    #[error(transparent)]
    Corruption(#[from] Corruption),
}

/// What is wrong with some encoded bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Corruption {
    /// The bytes end inside of what is being decoded.
    #[error("corruption: truncated {what}")]
    Truncated {
        /// Name of the field.
        what: &'static str,
    },
    /// A varint does not end within its limit or has bits beyond its type.
    #[error("corruption: malformed varint in {what}")]
    BadVarint {
        /// Name of the field.
        what: &'static str,
    },
    /// A length contradicts the format.
    #[error("corruption: {what} of {length} bytes")]
    BadLength {
        /// Name of the field.
        what: &'static str,
        /// What it claims to be.
        length: usize,
    },
    /// The checksum does not match key, value, kind, sequence number and lengths.
    #[error("corruption: checksum mismatch at sequence number {sequence}{key}")]
    Checksum {
        /// Sequence number as stored; itself unreliable.
        sequence: u64,
        /// The key, if it may be shown; as unreliable.
        key: CorruptKey,
    },
    /// The lengths of a stored entry are not those that were written.
    #[error("corruption: the lengths of an entry are damaged")]
    Lengths,
    /// What an overwritten entry leads to is no version of it.
    #[error("corruption: an overwritten entry leads to what is no version of it")]
    Version,
    /// A record of a write batch is of a type that there is not.
    #[error("corruption: unknown record type {record_type:#04x} at byte {offset} of a write batch")]
    UnknownRecord {
        /// The type, as stored.
        record_type: u8,
        /// Where the record begins, in bytes from the beginning of the batch.
        offset: usize,
    },
    /// A field of a record of a write batch cannot be read.
    #[error(
        "corruption: {damage} {field} in the record of type {record_type:#04x} \
         at byte {offset} of a write batch"
    )]
    BadRecord {
        /// The record's type.
        record_type: u8,
        /// Where the record begins, in bytes from the beginning of the batch.
        offset: usize,
        /// Which field it is.
        field: RecordField,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A write batch has more entries than it says, or fewer.
    #[error("corruption: a write batch of {found} entries says that they are {claimed}")]
    BadCount {
        /// The number in its header.
        claimed: u32,
        /// The number of its entries.
        found: u64,
    },
    /// An entry does not come after the one before it.
    #[error("corruption: entries out of order at sequence number {sequence}{key}")]
    Order {
        /// Sequence number of the later entry.
        sequence: u64,
        /// Its key, if it may be shown.
        key: CorruptKey,
    },
}

/// A field of a record of a write batch. Not a string, so that errors stay as small as they are: each
/// answer of a table has room for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordField {
    /// The column family's number.
    ColumnFamily,
    /// A user key.
    Key,
    /// A value.
    Value,
    /// A merge operand.
    Operand,
    /// The end of a range deletion.
    RangeEnd,
    /// The time behind a timed value.
    Time,
    /// What is for the log only.
    LogData,
    /// The name of a transaction.
    TransactionName,
    /// The timestamp of a commit.
    Timestamp,
}

impl fmt::Display for RecordField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ColumnFamily => "column family",
            Self::Key => "key",
            Self::Value => "value",
            Self::Operand => "operand",
            Self::RangeEnd => "end of the range",
            Self::Time => "time",
            Self::LogData => "log data",
            Self::TransactionName => "name of the transaction",
            Self::Timestamp => "timestamp",
        })
    }
}

// It is part of what each step of a cursor may return.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Corruption>() <= 32 && size_of::<Error>() <= 40);

/// What is wrong with a field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// The bytes end inside of it.
    Truncated,
    /// Its varint does not end within five bytes, or has more than 32 bits.
    BadVarint,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "truncated",
            Self::BadVarint => "malformed varint of the",
        })
    }
}

/// The beginning of the key of a damaged entry, where the table may
/// [show it](crate::memtable::MemTableBuilder::show_corrupt_keys).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CorruptKey {
    /// How many bytes the key has, up to one more than are held; [`HIDDEN`](Self::HIDDEN)
    /// is the largest number.
    length: u8,
    bytes: [u8; Self::MOST],
}

impl CorruptKey {
    /// So many bytes of a key are shown.
    pub const MOST: usize = 22;

    /// No key.
    pub const HIDDEN: Self = Self {
        length: u8::MAX,
        bytes: [0; Self::MOST],
    };

    /// The beginning of a key.
    pub(crate) fn shown(user_key: &[u8]) -> Self {
        let mut bytes = [0; Self::MOST];
        let held = user_key.len().min(Self::MOST);
        bytes[..held].copy_from_slice(&user_key[..held]);
        Self {
            length: user_key.len().min(Self::MOST + 1) as u8,
            bytes,
        }
    }

    /// The first [`MOST`](Self::MOST) bytes of the key, if it may be shown.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        let held = usize::from(self.length).min(Self::MOST);
        (self.length != u8::MAX).then(|| &self.bytes[..held])
    }
}

/// Nothing, or what follows upon a message.
impl fmt::Display for CorruptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bytes) = self.bytes() else {
            return Ok(());
        };
        let more = if usize::from(self.length) > Self::MOST {
            "..."
        } else {
            ""
        };
        write!(f, " of key \"{}\"{more}", bytes.escape_ascii())
    }
}

impl fmt::Debug for CorruptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CorruptKey").field(&self.bytes()).finish()
    }
}

/// Why operands could not be folded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("merge failed: {reason}")]
pub struct MergeFailure {
    reason: Cow<'static, str>,
}

impl MergeFailure {
    /// A failure with its reason in words.
    #[must_use]
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
        }
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn messages_say_what_and_how_much() {
        let full = Error::Full {
            requested: 10,
            available: 3,
        };
        let mismatch = Corruption::Checksum {
            sequence: 7,
            key: CorruptKey::HIDDEN,
        };
        let order = |key: &[u8]| Corruption::Order {
            sequence: 7,
            key: CorruptKey::shown(key),
        };
        for (error, message) in [
            (full, "the arena is full: 10 bytes asked for, 3 left"),
            (
                Error::OutOfMemory { requested: 10 },
                "out of memory: 10 bytes refused",
            ),
            (
                Error::KeyTooLarge {
                    length: 9,
                    limit: 8,
                },
                "a key of 9 bytes is over the limit of 8",
            ),
            (
                Error::SequenceTooLarge { sequence: 1 << 56 },
                "sequence number 72057594037927936 does not fit 56 bits",
            ),
            (
                Error::InvalidOption {
                    option: "capacity",
                    reason: "too small",
                },
                "option capacity: too small",
            ),
            (
                mismatch.into(),
                "corruption: checksum mismatch at sequence number 7",
            ),
            (
                order(b"k\xFF").into(),
                "corruption: entries out of order at sequence number 7 of key \"k\\xff\"",
            ),
            (
                order(b"12345678901234567890123").into(),
                "corruption: entries out of order at sequence number 7 \
                 of key \"1234567890123456789012\"...",
            ),
        ] {
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn errors_travel_between_threads_and_are_errors() {
        fn check<T: core::error::Error + Send + Sync + Clone + 'static>() {}
        check::<Error>();
        check::<Corruption>();
        assert!(size_of::<Error>() <= 40, "results stay small");
    }
}
