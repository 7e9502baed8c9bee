//! What happens to an entry whose key and sequence number the table has (SPEC W6).
//!
//! # Overwriting
//!
//! An engine that rewrites the same key and sequence number wants the second value to
//! take the place of the first, at once for readers that take no lock, while what was
//! borrowed stays what it was. Nodes of such a table have a cell, one atomic word that
//! says which record of the entry is current ([`crate::skiplist`]); other tables have none, and pay
//! nothing.
//!
//! - An add first inserts. Refused with `Duplicate`, before or after a lost race for the place, it
//!   searches for the node, writes a whole record that no link leads to, and swaps the cell.
//! - The swap returns what it replaced. So each writer takes off the counts of one version and
//!   adds its own, and the sum is right whatever the order of the swaps (M3): every version but
//!   the newest is taken off once. The differences of a writer may be below 0, and so may sums
//!   while another one is inside; they wrap, and are folded exactly.
//! - Readers load the cell once for each answer. Kind and value come from one record.
//! - Nothing is freed before the table is: borrowed values stay, and `memory_usage` counts all
//!   versions.
//!
//! What readers are told of an entry that is overwritten meanwhile is in
//! [`DuplicatePolicy::Overwrite`].

/// What an add does whose key and sequence number the table has, whatever the kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DuplicatePolicy {
    /// Refuses it with [`Error::Duplicate`](crate::Error::Duplicate).
    #[default]
    Reject,
    /// Does nothing, and is no error: the first entry stays. Nothing is counted.
    KeepFirst,
    /// Overwrites its kind and value; the key stays as it was spelled first. Range deletions
    /// are no entries of the table: they add up under every policy.
    ///
    /// Readers find the old kind and value or the new ones, never some of each, and the new
    /// ones for certain once they learnt of the overwrite (M5). Snapshots do not help: an
    /// overwrite changes what every one of them sees that sees the entry, the entry of a
    /// batch that is aborted later included. Each answer is as of the moment when it reads the
    /// entry: a cursor or iterator that stays there says what is current each time that it is asked.
    /// So an iterator over visible keys can be at a key that meanwhile was overwritten by a
    /// tombstone, and says so ([`VisibleIter::entry`](super::VisibleIter::entry) is the
    /// tombstone, [`VisibleIter::lookup`](super::VisibleIter::lookup) is
    /// [`Deleted`](crate::Lookup::Deleted)); it does not return to keys that it passed.
    /// What was borrowed before stays valid, and stays what it was.
    ///
    /// Every version takes memory until the table is dropped. Entries take eight more bytes. An
    /// overwrite is two searches. What operands were [folded](super::MemTableBuilder::max_successive_merges)
    /// with stays as it was when they were. An overwrite of what is damaged succeeds, and leaves the
    /// counters of kinds and bytes as they are.
    Overwrite,
}
