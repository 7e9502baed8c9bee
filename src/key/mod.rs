//! What entries are ordered by: sequence numbers, kinds, comparators, prefixes.

mod comparator;
mod kind;
mod prefix;
mod shared;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod timestamp;

pub use comparator::{BytewiseComparator, Comparator, ReverseBytewiseComparator};
pub use kind::Kind;
pub use prefix::{CappedPrefix, FixedPrefix, PrefixExtractor, PrefixMode};
pub use shared::SharedPrefixComparator;
pub use timestamp::{Timestamp, TimestampedComparator, split_timestamp};
pub(crate) use timestamp::{Version, with_timestamp, without_timestamp};

/// Orders the versions of one key; a larger number is newer. 56 bits are used.
pub type SequenceNumber = u64;

/// The largest sequence number, 2^56 − 1 (SPEC E3).
pub const MAX_SEQUENCE_NUMBER: SequenceNumber = (1 << 56) - 1;

/// Sequence number and kind in one word: `sequence << 8 | kind`.
#[inline]
pub(crate) const fn pack_tag(sequence: SequenceNumber, kind: Kind) -> u64 {
    sequence << 8 | kind.0 as u64
}

/// The sequence number of a tag.
#[inline]
pub(crate) const fn tag_sequence(tag: u64) -> SequenceNumber {
    tag >> 8
}

/// The kind of a tag.
#[inline]
pub(crate) const fn tag_kind(tag: u64) -> Kind {
    Kind(tag as u8)
}
