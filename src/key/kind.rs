//! What an entry says about its key.

use core::fmt;

/// The kind of an entry: an open set, so that an engine can store kinds of its
/// own (SPEC E4). The named values are RocksDB's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

impl Kind {
    /// The key is deleted.
    pub const DELETION: Self = Self(0x00);
    /// The key has a value.
    pub const VALUE: Self = Self(0x01);
    /// The value is an operand to be merged into what is older.
    pub const MERGE: Self = Self(0x02);
    /// The key, written at most once since it was last deleted, is deleted.
    pub const SINGLE_DELETION: Self = Self(0x07);
    /// A range of keys is deleted.
    pub const RANGE_DELETION: Self = Self(0x0F);
    /// The value says where in a blob file the value is.
    pub const BLOB_INDEX: Self = Self(0x11);
    /// The key is deleted as of the timestamp in it.
    pub const DELETION_WITH_TIMESTAMP: Self = Self(0x14);
    /// The value is a set of named columns.
    pub const WIDE_COLUMN_ENTITY: Self = Self(0x16);
    /// The value carries a sequence number that it would rather have.
    pub const VALUE_PREFERRED_SEQNO: Self = Self(0x18);

    /// True for the kinds that hide every older version of their key.
    #[must_use]
    #[inline]
    pub const fn is_tombstone(self) -> bool {
        matches!(
            self,
            Self::DELETION | Self::SINGLE_DELETION | Self::DELETION_WITH_TIMESTAMP
        )
    }

    /// The name of a known kind.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::DELETION => "Deletion",
            Self::VALUE => "Value",
            Self::MERGE => "Merge",
            Self::SINGLE_DELETION => "SingleDeletion",
            Self::RANGE_DELETION => "RangeDeletion",
            Self::BLOB_INDEX => "BlobIndex",
            Self::DELETION_WITH_TIMESTAMP => "DeletionWithTimestamp",
            Self::WIDE_COLUMN_ENTITY => "WideColumnEntity",
            Self::VALUE_PREFERRED_SEQNO => "ValuePreferredSeqno",
            _ => return None,
        })
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Kind({:#04x})", self.0),
        }
    }
}
