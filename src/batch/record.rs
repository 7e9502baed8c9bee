//! What a write batch is made of.

use core::fmt;

use crate::key::Kind;

/// The column family of records that name none.
pub const DEFAULT_COLUMN_FAMILY: u32 = 0;

/// One record of a write batch, borrowed from it.
///
/// Only [`Entry`](Self::Entry) takes a sequence number and is counted; the others go to the log
/// and to no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record<'b> {
    /// What goes to a table.
    Entry(BatchEntry<'b>),
    /// Bytes for who reads the log.
    LogData(&'b [u8]),
    /// Nothing; the end of a batch that others follow in the same bytes, or room for a
    /// [`BeginPrepare`](Self::BeginPrepare).
    Noop,
    /// A prepared transaction begins, which reaches the tables when it is committed.
    BeginPrepare,
    /// A prepared transaction begins, which is in the tables already (RocksDB's
    /// `WRITE_PREPARED`).
    BeginPersistedPrepare,
    /// Part of a transaction begins that is in the tables before it is prepared (RocksDB's
    /// `WRITE_UNPREPARED`).
    BeginUnprepare,
    /// The transaction that began before is prepared.
    EndPrepare {
        /// Its name.
        xid: &'b [u8],
    },
    /// A transaction is committed.
    Commit {
        /// Its name.
        xid: &'b [u8],
    },
    /// A transaction is committed as of a timestamp.
    CommitWithTimestamp {
        /// The timestamp, as the comparator writes it.
        timestamp: &'b [u8],
        /// The name of the transaction.
        xid: &'b [u8],
    },
    /// A transaction is rolled back.
    Rollback {
        /// Its name.
        xid: &'b [u8],
    },
}

/// An entry of a write batch: as [`EntryRef`](crate::EntryRef), with a column family, and
/// without a sequence number, which is that of the batch and its place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchEntry<'b> {
    /// The number of the column family; [`DEFAULT_COLUMN_FAMILY`] is 0.
    pub column_family: u32,
    /// What the entry says about its key. A batch has no records for
    /// [`DELETION_WITH_TIMESTAMP`](Kind::DELETION_WITH_TIMESTAMP), which is what a deletion
    /// becomes in a table whose keys have timestamps, nor for kinds of an engine's own.
    pub kind: Kind,
    /// The key, or where a range begins.
    pub user_key: &'b [u8],
    /// The value as the kind has it: an operand, [packed](crate::TimedValue) with a time, where
    /// a range ends, or nothing.
    pub value: &'b [u8],
}

/// Of which kinds the records of a write batch are, without a look at each.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents(u16);

/// The bit of each kind of entry; those of the markers follow.
const KINDS: [Kind; 8] = [
    Kind::VALUE,
    Kind::DELETION,
    Kind::SINGLE_DELETION,
    Kind::RANGE_DELETION,
    Kind::MERGE,
    Kind::BLOB_INDEX,
    Kind::WIDE_COLUMN_ENTITY,
    Kind::VALUE_PREFERRED_SEQNO,
];

impl Contents {
    const BEGIN_PREPARE: u16 = 1 << KINDS.len();
    const BEGIN_UNPREPARE: u16 = Self::BEGIN_PREPARE << 1;
    const END_PREPARE: u16 = Self::BEGIN_PREPARE << 2;
    const COMMIT: u16 = Self::BEGIN_PREPARE << 3;
    const ROLLBACK: u16 = Self::BEGIN_PREPARE << 4;

    /// What one record is.
    #[inline]
    pub(super) fn of(record: &Record<'_>) -> Self {
        Self(match record {
            Record::Entry(entry) => Self::bit(entry.kind),
            Record::LogData(_) | Record::Noop => 0,
            Record::BeginPrepare | Record::BeginPersistedPrepare => Self::BEGIN_PREPARE,
            Record::BeginUnprepare => Self::BEGIN_PREPARE | Self::BEGIN_UNPREPARE,
            Record::EndPrepare { .. } => Self::END_PREPARE,
            Record::Commit { .. } | Record::CommitWithTimestamp { .. } => Self::COMMIT,
            Record::Rollback { .. } => Self::ROLLBACK,
        })
    }

    /// Both.
    #[inline]
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// 0 for a kind that no batch has.
    #[inline]
    fn bit(kind: Kind) -> u16 {
        KINDS
            .iter()
            .position(|&known| known == kind)
            .map_or(0, |bit| 1 << bit)
    }

    fn has_any(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// Whether there are entries of this kind.
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        self.has_any(Self::bit(kind))
    }

    /// Whether a prepared transaction begins, of whichever policy.
    #[must_use]
    pub fn has_begin_prepare(self) -> bool {
        self.has_any(Self::BEGIN_PREPARE)
    }

    /// Whether an unprepared part of a transaction begins.
    #[must_use]
    pub fn has_begin_unprepare(self) -> bool {
        self.has_any(Self::BEGIN_UNPREPARE)
    }

    /// Whether a transaction is prepared.
    #[must_use]
    pub fn has_end_prepare(self) -> bool {
        self.has_any(Self::END_PREPARE)
    }

    /// Whether a transaction is committed, with or without a timestamp.
    #[must_use]
    pub fn has_commit(self) -> bool {
        self.has_any(Self::COMMIT)
    }

    /// Whether a transaction is rolled back.
    #[must_use]
    pub fn has_rollback(self) -> bool {
        self.has_any(Self::ROLLBACK)
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = KINDS.iter().filter(|&&kind| self.has(kind));
        let markers = [
            ("BeginPrepare", self.has_begin_prepare()),
            ("BeginUnprepare", self.has_begin_unprepare()),
            ("EndPrepare", self.has_end_prepare()),
            ("Commit", self.has_commit()),
            ("Rollback", self.has_rollback()),
        ];
        let marked = markers.iter().filter(|(_, has)| *has);
        f.debug_set()
            .entries(kinds)
            .entries(marked.map(|(name, _)| name))
            .finish()
    }
}
