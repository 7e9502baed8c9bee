//! The answer to a point lookup.

use crate::key::{Kind, SequenceNumber};

/// What a table says of a key at a snapshot (SPEC G1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Lookup<'a> {
    /// Nothing: older tables may know more.
    NotFound,
    /// The newest visible entry says what the key is.
    Found {
        /// As it was written.
        value: &'a [u8],
        /// The version.
        sequence: SequenceNumber,
        /// A value, or any other kind that is neither tombstone nor operand.
        kind: Kind,
    },
    /// The newest visible entry is a tombstone: older tables need not be asked.
    Deleted {
        /// The tombstone's version.
        sequence: SequenceNumber,
        /// Which kind of tombstone.
        kind: Kind,
    },
    /// The newest visible entries are merge operands.
    Merge {
        /// The operands, newest first; at least one.
        operands: Vec<&'a [u8]>,
        /// The version of the newest.
        sequence: SequenceNumber,
        /// What they are to be merged into.
        base: MergeBase<'a>,
    },
}

/// What merge operands are to be merged into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeBase<'a> {
    /// An entry of this table.
    Value {
        /// As it was written.
        value: &'a [u8],
        /// Its version.
        sequence: SequenceNumber,
        /// Its kind.
        kind: Kind,
    },
    /// Nothing: the key was deleted before.
    Deleted {
        /// The tombstone's version.
        sequence: SequenceNumber,
    },
    /// This table does not say: older ones may.
    Missing,
    /// Whatever it is, it makes no difference: the merge operator said that the
    /// operands are enough. Only where one was asked.
    Unneeded,
}
