//! What a test does to a table.

use std::ops::Bound;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::answer::kind;
use crate::key::{Key, Value};
use crate::table::MAX_SEQUENCE;

/// One operation. Choices are resolved against the state of the run, so that
/// any sequence of operations means something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Arbitrary)]
pub enum Op {
    /// A batch of one.
    Add(Add),
    /// Several adds by one writer.
    Batch {
        /// Asks for the exclusive writer.
        exclusive: bool,
        /// Adds all of them with this hint.
        #[arbitrary(with = few_hints)]
        hint: Option<u8>,
        /// Bytes to reserve first.
        #[arbitrary(with = some_bytes)]
        reserve: Option<u16>,
        /// What to add.
        #[arbitrary(with = up_to_sixteen)]
        adds: Vec<Add>,
        /// What to try while the writer is inside.
        aside: Aside,
    },
    /// A batch of one, with one of a few hints.
    AddWithHint {
        /// Which hint.
        #[arbitrary(with = slot)]
        hint: u8,
        /// What to add.
        add: Add,
    },
    /// An entry that is there already, with a kind and value of its own.
    AddAgain {
        /// Which entry.
        which: u16,
        /// The kind.
        #[arbitrary(with = any_kind)]
        kind: u8,
        /// The value.
        value: Value,
    },
    /// An add with a hint that belongs to another table.
    AddWithForeignHint(Add),
    /// `get`.
    Get(KeyChoice, SnapshotChoice),
    /// `get_entry`.
    GetEntry(KeyChoice, SnapshotChoice),
    /// `contains`.
    Contains(KeyChoice, SnapshotChoice),
    /// Puts a new cursor in a slot.
    Open {
        /// Which slot.
        #[arbitrary(with = slot)]
        slot: u8,
        /// What cursor.
        cursor: Cursor,
    },
    /// Moves the cursor in a slot.
    Move {
        /// Which slot.
        #[arbitrary(with = slot)]
        slot: u8,
        /// Where to.
        motion: Motion,
    },
    /// Moves the cursor in a slot several times.
    Walk {
        /// Which slot.
        #[arbitrary(with = slot)]
        slot: u8,
        /// True for `next`.
        forward: bool,
        /// How often.
        #[arbitrary(with = few_steps)]
        steps: u8,
    },
    /// Reads the counters.
    Stats,
    /// Seals the table, sometimes.
    Seal {
        /// Sealing ends most of what can be tested, so it needs a lucky number.
        luck: u8,
    },
}

/// What to try while a writer is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Arbitrary)]
pub enum Aside {
    /// Nothing.
    Nothing,
    /// Read back each entry after it was added.
    ReadBack,
    /// A second writer, by the same thread.
    Writer,
    /// An exclusive writer, by the same thread.
    ExclusiveWriter,
    /// To seal from inside.
    Seal,
}

/// An entry to add.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Arbitrary)]
pub struct Add {
    /// The key.
    pub key: Key,
    /// The sequence number.
    pub sequence: SequenceChoice,
    /// The kind.
    #[arbitrary(with = any_kind)]
    pub kind: u8,
    /// The value.
    pub value: Value,
}

/// A key to read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyChoice {
    /// The key of an entry that was added.
    Added(u16),
    /// Any key.
    Fresh(Key),
}

/// A sequence number to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SequenceChoice {
    /// So much after the last.
    Next(u8),
    /// So much before the last: perhaps one that is used.
    Back(u8),
    /// This one.
    Exactly(u64),
}

/// A sequence number to read at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SnapshotChoice {
    /// The sequence number of an entry that was added.
    Added(u16),
    /// So much before the last.
    Back(u8),
    /// This one.
    Exactly(u64),
}

/// A cursor to open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Arbitrary)]
pub enum Cursor {
    /// Over all entries.
    Internal {
        /// Holds the table itself.
        owned: bool,
    },
    /// Over the visible keys.
    Visible {
        /// Holds the table itself.
        owned: bool,
        /// At this snapshot.
        snapshot: SnapshotChoice,
        /// The first key.
        #[arbitrary(with = bound)]
        lower: Bound<Key>,
        /// The last key.
        #[arbitrary(with = bound)]
        upper: Bound<Key>,
    },
}

/// How to move a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Arbitrary)]
pub enum Motion {
    /// One on.
    Next,
    /// One back.
    Prev,
    /// To a key; the snapshot matters to cursors over all entries.
    Seek(KeyChoice, SnapshotChoice),
    /// To a key from the other side.
    SeekForPrev(KeyChoice, SnapshotChoice),
    /// To the start.
    First,
    /// To the end.
    Last,
    /// Anywhere; does nothing on visible keys.
    Random,
}

const EDGES: [u64; 7] = [
    0,
    1,
    2,
    MAX_SEQUENCE - 1,
    MAX_SEQUENCE,
    MAX_SEQUENCE + 1,
    u64::MAX,
];

impl<'a> Arbitrary<'a> for SequenceChoice {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=31u8)? {
            0..=15 => Self::Next(0),
            16..=21 => Self::Next(u.int_in_range(0..=9)?),
            22..=29 => Self::Back(u.int_in_range(0..=20)?),
            30 => Self::Exactly(*u.choose(&EDGES)?),
            _ => Self::Exactly(u.int_in_range(0..=MAX_SEQUENCE)?),
        })
    }
}

impl<'a> Arbitrary<'a> for SnapshotChoice {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=15u8)? {
            0..=6 => Self::Added(u.arbitrary()?),
            7..=11 => Self::Back(u.int_in_range(0..=30)?),
            12..=13 => Self::Exactly(MAX_SEQUENCE),
            _ => Self::Exactly(*u.choose(&EDGES)?),
        })
    }
}

impl<'a> Arbitrary<'a> for KeyChoice {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(if u.ratio(1, 2)? {
            Self::Added(u.arbitrary()?)
        } else {
            Self::Fresh(u.arbitrary()?)
        })
    }
}

fn any_kind(u: &mut Unstructured<'_>) -> Result<u8> {
    Ok(match u.int_in_range(0..=31u8)? {
        0..=11 => kind::VALUE,
        12..=17 => kind::MERGE,
        18..=22 => kind::DELETION,
        23..=24 => kind::SINGLE_DELETION,
        25 => kind::DELETION_WITH_TIMESTAMP,
        26 => kind::BLOB_INDEX,
        27 => kind::WIDE_COLUMN_ENTITY,
        28 => kind::VALUE_PREFERRED_SEQNO,
        29 => kind::RANGE_DELETION,
        _ => u.arbitrary()?,
    })
}

fn few_hints(u: &mut Unstructured<'_>) -> Result<Option<u8>> {
    Ok(if u.ratio(1, 3)? { Some(slot(u)?) } else { None })
}

fn some_bytes(u: &mut Unstructured<'_>) -> Result<Option<u16>> {
    Ok(if u.ratio(1, 4)? {
        Some(u.arbitrary()?)
    } else {
        None
    })
}

fn up_to_sixteen(u: &mut Unstructured<'_>) -> Result<Vec<Add>> {
    let count = u.int_in_range(0..=16)?;
    (0..count).map(|_| u.arbitrary()).collect()
}

fn slot(u: &mut Unstructured<'_>) -> Result<u8> {
    u.int_in_range(0..=3)
}

fn few_steps(u: &mut Unstructured<'_>) -> Result<u8> {
    u.int_in_range(1..=12)
}

fn bound(u: &mut Unstructured<'_>) -> Result<Bound<Key>> {
    Ok(match u.int_in_range(0..=5u8)? {
        0..=2 => Bound::Unbounded,
        3..=4 => Bound::Included(u.arbitrary()?),
        _ => Bound::Excluded(u.arbitrary()?),
    })
}
