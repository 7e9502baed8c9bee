//! Where RocksDB answers otherwise, and that is no fault of verimem's.

use std::collections::BTreeMap;

/// Why answers differ. `docs/oracle.md` has the long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its table reads as empty while the entry that was added last with the smallest number has
    /// number 0 (SPEC E3).
    SequenceZero,
    /// It takes a range deletion with number 0 for none; nothing is older, so it only matters that
    /// there is one (SPEC E3).
    RangeDeletionZero,
    /// It applies range deletions that the visibility callback hides (SPEC G4).
    HiddenRangeDeletion,
    /// It takes entries of kinds that it does not know for corruption (SPEC E4).
    UnknownKind,
    /// It gathers no operands without an operator (SPEC G2).
    NoOperator,
    /// It gathers neither blob indexes nor operands upon them (SPEC G6).
    BlobIndex,
    /// It folds operands into the default column of an entity; here that is refused (SPEC G6).
    Entity,
    /// It stores and counts range deletions that end where they begin (SPEC D1).
    EmptyRange,
    /// It refuses a range deletion that begins where another with the same number does (SPEC D1).
    RepeatedRange,
    /// It refuses a duplicate at once, where a vector notices it late, and drops it (SPEC R4).
    LateDuplicate,
    /// It wraps numbers that are too large (SPEC E3).
    SequenceTooLarge,
    /// It takes entries after it was sealed (SPEC W7).
    AfterSeal,
    /// It takes the largest number for none, and tells that of an older operand or value (SPEC E3).
    LargestSequence,
    /// It stores range deletions that end before they begin (SPEC D1).
    InvertedRange,
    /// It believes a damaged length of a key before it verifies the checksum, and may be led out
    /// of its memory (SPEC E10).
    KeyLength,
    /// It takes the largest timestamp for none, and tells that of an older operand (SPEC E9).
    LargestTimestamp,
    /// It forgets the room that a shorter value left, or that a slot has beyond its value, and
    /// adds an entry (SPEC W4).
    RoomLeft,
    /// It updates a value that a range deletion hides, where nobody sees it (SPEC W4).
    HiddenUpdate,
}

impl Why {
    /// As it is printed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SequenceZero => "sequence_zero",
            Self::RangeDeletionZero => "range_deletion_zero",
            Self::HiddenRangeDeletion => "hidden_range_deletion",
            Self::UnknownKind => "unknown_kind",
            Self::NoOperator => "no_operator",
            Self::BlobIndex => "blob_index",
            Self::Entity => "entity",
            Self::EmptyRange => "empty_range",
            Self::RepeatedRange => "repeated_range",
            Self::LateDuplicate => "late_duplicate",
            Self::SequenceTooLarge => "sequence_too_large",
            Self::AfterSeal => "after_seal",
            Self::LargestSequence => "largest_sequence",
            Self::InvertedRange => "inverted_range",
            Self::KeyLength => "key_length",
            Self::LargestTimestamp => "largest_timestamp",
            Self::RoomLeft => "room_left",
            Self::HiddenUpdate => "hidden_update",
        }
    }
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Operations, by name.
    pub operations: BTreeMap<&'static str, u64>,
    /// Differences that are explained.
    pub explained: BTreeMap<Why, u64>,
}

impl Totals {
    pub(crate) fn count(&mut self, name: &'static str) {
        self.counts(name, 1);
    }

    pub(crate) fn counts(&mut self, name: &'static str, times: usize) {
        *self.operations.entry(name).or_default() += times as u64;
    }

    pub(crate) fn explain(&mut self, why: Why) {
        *self.explained.entry(why).or_default() += 1;
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.values().sum()
    }

    /// How many differences were explained.
    #[must_use]
    pub fn explained(&self) -> u64 {
        self.explained.values().sum()
    }

    /// Adds what another run did.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.operations {
            *self.operations.entry(name).or_default() += count;
        }
        for (why, count) in &other.explained {
            *self.explained.entry(*why).or_default() += count;
        }
    }
}
