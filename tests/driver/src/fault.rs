//! The bugs that are planted.

use verimem_model::Duplicates;

use crate::Config;

/// What is wrong with a [`Faulty`](crate::Faulty) table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `get` sees one sequence number too many.
    OffByOneVisibility,
    /// A duplicate is accepted, and nothing stored.
    MissedDuplicate,
    /// Every eighth entry is lost.
    DroppedEntry,
    /// A tombstone of a single deletion is stored as a value.
    WrongKind,
    /// Merge operands come oldest first.
    ReversedOperands,
    /// A cursor starts over when it is moved beyond the end.
    CursorStartsOver,
    /// A bound that excludes its key is taken to include it.
    InclusiveBound,
    /// A batch says that it came one entry less far than it did.
    BatchAddedTooFew,
    /// Of several answers the last two come in the wrong order.
    AnswersMixedUp,
    /// A deletion is counted as an entry only.
    LostCount,
    /// Seal says so and does nothing.
    SealLeaks,
    /// A reader sees what is hidden from it.
    VisibilityIgnored,
    /// A number too many is seen without asking.
    AskedTooLate,
    /// Of operands that cannot be folded the oldest is lost.
    LostOperand,
    /// The filter denies a key before its range deletion is found.
    FilterHidesTombstone,
    /// Answers behind the first key that is not there come one place too early.
    AnswersMoveUp,
    /// Operands are folded one too late.
    FoldsLate,
    /// What refers to a blob is taken for a value.
    BlobIsValue,
    /// A stretch of deleted keys has the number of the one before.
    WrongStretch,
    /// A range has one entry more than it has.
    RangeCountsEnd,
    /// A sample has one of its entries twice.
    SampledTwice,
    /// An entry that is added with hints per prefix becomes a deletion.
    PrefixHintDeletes,
    /// A reader sees newer timestamps than its own.
    TimestampIgnored,
    /// An answer has the timestamp that was asked for.
    TimestampEchoed,
    /// The newest timestamp is that of the reader's snapshot: none, if there are deletions.
    NewestTimestampLost,
    /// Range deletions are told whatever their timestamps.
    RangeTimesIgnored,
    /// The versions of one key without timestamps come by their sequence numbers.
    StrippedBySequence,
    /// A wrong checksum is not looked at.
    ChecksumIgnored,
    /// What comes before a wrong checksum is added.
    ChecksumLate,
    /// A damaged entry's key is shown to nobody, or to all.
    KeyShownOtherwise,
    /// A key that is deleted as part of a range is taken for a damaged one.
    FalseAlarm,
    /// A duplicate is refused, whatever the table is told.
    KeepFirstRefuses,
    /// A duplicate that is not stored is counted.
    KeptIsCounted,
    /// An overwrite stores nothing.
    OverwriteKeepsFirst,
    /// The tag of what is overwritten is counted again.
    OverwriteCountsTag,
    /// An iterator goes on past its prefix.
    PrefixLeft,
    /// An iterator that is to choose for itself keeps to its prefix.
    AutoKeepsToPrefix,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 37] = [
        Self::OffByOneVisibility,
        Self::MissedDuplicate,
        Self::DroppedEntry,
        Self::WrongKind,
        Self::ReversedOperands,
        Self::CursorStartsOver,
        Self::InclusiveBound,
        Self::BatchAddedTooFew,
        Self::AnswersMixedUp,
        Self::LostCount,
        Self::SealLeaks,
        Self::VisibilityIgnored,
        Self::AskedTooLate,
        Self::LostOperand,
        Self::FilterHidesTombstone,
        Self::AnswersMoveUp,
        Self::FoldsLate,
        Self::BlobIsValue,
        Self::WrongStretch,
        Self::RangeCountsEnd,
        Self::SampledTwice,
        Self::PrefixHintDeletes,
        Self::TimestampIgnored,
        Self::TimestampEchoed,
        Self::NewestTimestampLost,
        Self::RangeTimesIgnored,
        Self::StrippedBySequence,
        Self::ChecksumIgnored,
        Self::ChecksumLate,
        Self::KeyShownOtherwise,
        Self::FalseAlarm,
        Self::KeepFirstRefuses,
        Self::KeptIsCounted,
        Self::OverwriteKeepsFirst,
        Self::OverwriteCountsTag,
        Self::PrefixLeft,
        Self::AutoKeepsToPrefix,
    ];

    /// The configuration of the table that is broken, for a fault that is one of those.
    pub(crate) fn planted_in(self, config: &Config) -> Config {
        let mut config = config.clone();
        if self == Self::FoldsLate && config.max_successive_merges > 0 {
            config.max_successive_merges += 1;
        }
        match self {
            Self::KeyShownOtherwise => config.show_corrupt_keys ^= true,
            Self::KeepFirstRefuses if config.duplicates == Duplicates::KeepFirst => {
                config.duplicates = Duplicates::Reject;
            }
            Self::OverwriteKeepsFirst if config.duplicates == Duplicates::Overwrite => {
                config.duplicates = Duplicates::KeepFirst;
            }
            _ => {}
        }
        config
    }
}
