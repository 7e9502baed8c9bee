//! What a table answers.

use std::fmt;

/// The kinds that the model knows by number (SPEC E4).
pub mod kind {
    /// Deletion.
    pub const DELETION: u8 = 0x00;
    /// Value.
    pub const VALUE: u8 = 0x01;
    /// Merge operand.
    pub const MERGE: u8 = 0x02;
    /// Deletion of a key written once.
    pub const SINGLE_DELETION: u8 = 0x07;
    /// Deletion of a range of keys.
    pub const RANGE_DELETION: u8 = 0x0F;
    /// Reference into a blob file.
    pub const BLOB_INDEX: u8 = 0x11;
    /// Deletion as of a timestamp.
    pub const DELETION_WITH_TIMESTAMP: u8 = 0x14;
    /// Wide-column entity.
    pub const WIDE_COLUMN_ENTITY: u8 = 0x16;
    /// Value with a preferred sequence number.
    pub const VALUE_PREFERRED_SEQNO: u8 = 0x18;

    /// True for the kinds that hide what is older.
    #[must_use]
    pub fn is_tombstone(kind: u8) -> bool {
        [DELETION, SINGLE_DELETION, DELETION_WITH_TIMESTAMP].contains(&kind)
    }
}

/// Bytes as a person reads them: escaped, and cut when long.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 32;
        let shown = &self.0[..self.0.len().min(SHOWN)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if self.0.len() > SHOWN {
            write!(f, "..{} bytes", self.0.len())?;
        }
        Ok(())
    }
}

/// One entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The user key.
    pub user_key: &'a [u8],
    /// The sequence number.
    pub sequence: u64,
    /// The kind.
    pub kind: u8,
    /// The value.
    pub value: &'a [u8],
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user_key,
            sequence,
            kind,
            value,
        } = *self;
        write!(
            f,
            "{:?}@{sequence} kind {kind:#04x} = {:?}",
            Escaped(user_key),
            Escaped(value)
        )
    }
}

/// What a table says about a key at a snapshot (SPEC G1).
#[derive(Clone, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Nothing is visible.
    NotFound,
    /// The newest visible entry is neither a tombstone nor a merge operand.
    Found {
        /// Its kind.
        kind: u8,
        /// Its sequence number.
        sequence: u64,
        /// Its value.
        value: &'a [u8],
    },
    /// The newest visible entry is a tombstone.
    Deleted {
        /// Its kind.
        kind: u8,
        /// Its sequence number.
        sequence: u64,
    },
    /// The newest visible entry is a merge operand.
    Merge {
        /// The operands, newest first.
        operands: Vec<&'a [u8]>,
        /// Sequence number of the newest operand.
        sequence: u64,
        /// What lies below the operands.
        base: Base<'a>,
    },
}

/// What lies below merge operands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Base<'a> {
    /// A value of some kind.
    Value {
        /// Its kind.
        kind: u8,
        /// Its sequence number.
        sequence: u64,
        /// Its value.
        value: &'a [u8],
    },
    /// A tombstone.
    Deleted {
        /// Its sequence number.
        sequence: u64,
    },
    /// Nothing in this table.
    Missing,
}

impl fmt::Debug for Base<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value {
                kind,
                sequence,
                value,
            } => {
                write!(
                    f,
                    "value@{sequence} kind {kind:#04x} = {:?}",
                    Escaped(value)
                )
            }
            Self::Deleted { sequence } => write!(f, "tombstone@{sequence}"),
            Self::Missing => f.write_str("nothing"),
        }
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::Found {
                kind,
                sequence,
                value,
            } => {
                write!(
                    f,
                    "found@{sequence} kind {kind:#04x} = {:?}",
                    Escaped(value)
                )
            }
            Self::Deleted { kind, sequence } => write!(f, "deleted@{sequence} kind {kind:#04x}"),
            Self::Merge {
                operands,
                sequence,
                base,
            } => {
                let operands: Vec<_> = operands.iter().map(|operand| Escaped(operand)).collect();
                write!(f, "merge@{sequence} of {operands:?} over {base:?}")
            }
        }
    }
}

/// Why a table refuses something, in the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The table is sealed.
    Sealed,
    /// The sequence number has more than 56 bits.
    SequenceTooLarge,
    /// The key is too short for its timestamp.
    ShortTimestamp,
    /// The checksum that came with the entry is not its own.
    WrongChecksum,
    /// The key is over its limit.
    KeyTooLarge,
    /// The value is over its limit.
    ValueTooLarge,
    /// The whole record is over its limit.
    EntryTooLarge,
    /// The range's end is too short for a timestamp, or has another one than its begin.
    OtherTimestamp,
    /// The range ends before it begins.
    InvertedRange,
    /// The key is in the table with this sequence number.
    Duplicate,
}

/// What becomes of an entry whose key and sequence number the table has (SPEC W6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Duplicates {
    /// It is refused.
    #[default]
    Reject,
    /// Nothing: the first stays.
    KeepFirst,
    /// Its kind and value take the place of the first's.
    Overwrite,
}

/// What came of an add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The table has an entry, or range deletion, more.
    New,
    /// A range that has no keys.
    Nothing,
    /// The first one stayed.
    Kept,
    /// The first one's kind and value are gone.
    Overwritten,
}

/// What a table counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Entries of all kinds.
    pub entries: u64,
    /// Tombstones.
    pub deletions: u64,
    /// Merge operands.
    pub merges: u64,
    /// Range deletions.
    pub range_deletions: u64,
    /// Sum of user keys, tags and values, in bytes.
    pub data_size: u64,
    /// The smallest sequence number.
    pub first_sequence: Option<u64>,
    /// The largest sequence number.
    pub largest_sequence: Option<u64>,
    /// The newest timestamp, where keys have one.
    pub newest_timestamp: Option<u64>,
}
