//! What happens to an entry whose key and sequence number the table has (SPEC W6).
//!
//! # Overwriting: the design, not built yet
//!
//! An engine that rewrites the same key and sequence number wants the second value to
//! take the place of the first, at once for readers that take no lock, while what was
//! borrowed stays what it was. A record never changes (list invariant S1), so the value must
//! be behind a reference that can be exchanged, in tables that were built for it only:
//!
//! - Such a table has nodes with a *cell*, one atomic word, where a checksummed record has
//!   its guard: in front of the record. The layout is a constant of the list, which a search
//!   asks already to know of guards; a plain list pays nothing more.
//! - The cell holds the offset of a *version* in its low half and the length of its value in
//!   its high half. A version is `kind · varint32(value_len) · value · checksum`: the kind is
//!   part of what is exchanged, and the order of nodes does not depend on it. The first
//!   version is the tail of the node itself, so that an entry that is never overwritten costs
//!   eight bytes and no second cache line.
//! - An insert that finds its duplicate, in the splice or by a lost compare-exchange on
//!   level 0, allocates a version, writes it, and swaps the cell with release. Readers load it
//!   with acquire. Kind and value come from one load, so nobody sees half of an overwrite.
//! - The word that the swap returns says how long the old value was: each writer subtracts
//!   what it replaced and adds what it brought, so that counters are exact whatever the order
//!   of the swaps (M3). The count of a kind changes likewise, with the old version's kind, for
//!   which the swap needs acquire as well.
//! - Old versions stay in the arena until the table is dropped: nothing is freed while readers
//!   may hold it, and `memory_usage` says what they take.
//! - A lookup that reads an entry twice may see two versions of it. `get`, a cursor's `entry`
//!   and iterators read the cell once per answer; a cursor that stays at an entry is told of the
//!   newest version each time that it is asked.
//! - Checksums cover the version's kind and value with the key, so that a cell that leads to
//!   another entry's version is noticed.
//!
//! To be modelled: an overwrite beside a reader (kind and value belong together, the bytes are
//! written before they are seen), two overwrites at a time (one of them last, counters exact),
//! and an overwrite that races with the insert of the entry itself.

/// What an add does whose key and sequence number the table has, whatever the kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DuplicatePolicy {
    /// Refuses it with [`Error::Duplicate`](crate::Error::Duplicate).
    #[default]
    Reject,
    /// Does nothing, and is no error: the first entry stays. Nothing is counted.
    KeepFirst,
}
