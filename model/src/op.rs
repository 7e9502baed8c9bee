//! What a test does to a table.

use std::ops::Bound;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::answer::kind;
use crate::choice::{KeyChoice, SequenceChoice, SightChoice, SnapshotChoice, TimeChoice};
use crate::key::{Key, Value};
use crate::many::{Bulk, Keys, Leg};
use crate::prefix::PrefixMode;

/// Hints before this one are for all keys; this one and the next have one per prefix.
pub const PREFIX_HINTS: u8 = 4;

/// One operation. Choices are resolved against the state of the run, so that
/// any sequence of operations means something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    /// A batch of one.
    Add(Add),
    /// Several adds by one writer.
    Batch(Batch),
    /// A batch of one, with one of a few hints.
    AddWithHint {
        /// Which hint; one of those per prefix from [`PREFIX_HINTS`] on.
        hint: u8,
        /// What to add.
        add: Add,
    },
    /// An entry that is there already, with a kind and value of its own.
    AddAgain {
        /// Which entry.
        which: u16,
        /// The kind.
        kind: u8,
        /// The value.
        value: Value,
    },
    /// An add with a hint that belongs to another table.
    AddWithForeignHint(Add),
    /// `get`.
    Get(KeyChoice, SightChoice),
    /// `get_merged`.
    GetMerged(KeyChoice, SightChoice),
    /// `get_entry`.
    GetEntry(KeyChoice, SnapshotChoice),
    /// `contains`.
    Contains(KeyChoice, SnapshotChoice),
    /// Puts a new cursor in a slot.
    Open {
        /// Which slot.
        slot: u8,
        /// What cursor.
        cursor: Cursor,
    },
    /// Moves the cursor in a slot.
    Move {
        /// Which slot.
        slot: u8,
        /// Where to.
        motion: Motion,
    },
    /// Moves the cursor in a slot several times, from an end if it is nowhere.
    Walk {
        /// Which slot.
        slot: u8,
        /// True for `next`.
        forward: bool,
        /// How often.
        steps: u8,
    },
    /// Reads the counters.
    Stats,
    /// Several keys looked up at once.
    MultiGet(Keys),
    /// Many adds by one writer.
    Bulk(Bulk),
    /// Moves the cursor in a slot to and fro, and adds entries beside it.
    Wander {
        /// Which slot.
        slot: u8,
        /// The parts of the way.
        legs: Vec<Leg>,
    },
    /// Deletes the keys from one to another.
    DeleteRange {
        /// The one.
        from: KeyChoice,
        /// The other.
        to: KeyChoice,
        /// The sequence number.
        sequence: SequenceChoice,
        /// The timestamp of both.
        time: TimeChoice,
        /// Leaves the two as they are, even if the range ends before it begins, or they have
        /// different timestamps.
        as_is: bool,
    },
    /// About how much lies from one key on and before another.
    ApproximateRange(KeyChoice, KeyChoice),
    /// So many entries at random.
    Sample(u16),
    /// What range deletions with numbers from one to another delete, and with such timestamps.
    RangeDeletions(
        SnapshotChoice,
        SnapshotChoice,
        Option<(TimeChoice, TimeChoice)>,
    ),
    /// Seals the table.
    Seal,
}

impl Handed {
    /// What the checksum of the entry in this place is changed by.
    #[must_use]
    pub fn damage(self, place: usize) -> u64 {
        match self {
            Self::Wrong(first, stride, bit) => {
                let behind = place.checked_sub(first.into());
                let is_hit = behind.is_some_and(|behind| behind % usize::from(stride.max(1)) == 0);
                u64::from(is_hit) << (bit % 64)
            }
            Self::Nothing | Self::Right => 0,
        }
    }
}

impl Op {
    /// True for operations that change neither the table nor a cursor.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(
            self,
            Self::Get(..)
                | Self::GetMerged(..)
                | Self::MultiGet(..)
                | Self::GetEntry(..)
                | Self::Contains(..)
                | Self::ApproximateRange(..)
                | Self::Sample(..)
                | Self::RangeDeletions(..)
                | Self::Stats
        )
    }
}

/// By weight: sealing ends most of what can be tested, and nobody needs a third
/// of all operations to be nonsense.
impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? {
            0..=59 => Self::Add(u.arbitrary()?),
            60..=71 => Self::Batch(u.arbitrary()?),
            72..=75 => delete_range(u)?,
            76..=79 => Self::Bulk(u.arbitrary()?),
            80..=109 => Self::AddWithHint {
                hint: any_hint(u)?,
                add: u.arbitrary()?,
            },
            110..=117 => Self::AddAgain {
                which: u.arbitrary()?,
                kind: any_kind(u)?,
                value: u.arbitrary()?,
            },
            118..=119 => Self::AddWithForeignHint(u.arbitrary()?),
            120..=137 => Self::Get(u.arbitrary()?, u.arbitrary()?),
            138..=145 => Self::GetMerged(u.arbitrary()?, u.arbitrary()?),
            146..=155 => Self::MultiGet(u.arbitrary()?),
            156..=165 => Self::GetEntry(u.arbitrary()?, u.arbitrary()?),
            166..=167 => Self::RangeDeletions(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?),
            168..=170 => Self::ApproximateRange(u.arbitrary()?, u.arbitrary()?),
            171..=172 => Self::Sample(sample_size(u)?),
            173..=179 => Self::Contains(u.arbitrary()?, u.arbitrary()?),
            180..=189 => Self::Open {
                slot: slot(u)?,
                cursor: u.arbitrary()?,
            },
            190..=229 => Self::Move {
                slot: slot(u)?,
                motion: u.arbitrary()?,
            },
            230..=241 => Self::Walk {
                slot: slot(u)?,
                forward: u.arbitrary()?,
                steps: u.int_in_range(1..=12)?,
            },
            242..=251 => Self::Wander {
                slot: slot(u)?,
                legs: few_legs(u)?,
            },
            252..=253 => Self::Stats,
            254 => delete_range(u)?,
            255 => Self::Seal,
        })
    }
}

/// Several adds by one writer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Arbitrary)]
pub struct Batch {
    /// Asks for the exclusive writer.
    pub exclusive: bool,
    /// Adds all of them by one call, without a hint.
    pub at_once: bool,
    /// Adds all of them with this hint; one of those per prefix from [`PREFIX_HINTS`] on.
    #[arbitrary(with = few_hints)]
    pub hint: Option<u8>,
    /// The checksums that come with the entries; no hint is used then.
    #[arbitrary(with = mostly_none)]
    pub handed: Handed,
    /// What to reserve first.
    pub reserve: Reserve,
    /// What to add.
    #[arbitrary(with = up_to_sixteen)]
    pub adds: Vec<Add>,
    /// What to try while the writer is inside.
    pub aside: Aside,
}

/// The checksums that a batch hands in (SPEC E10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handed {
    /// None.
    Nothing,
    /// The right ones.
    Right,
    /// Right ones, but that the one in this place, and any so many places on, differs in
    /// this bit.
    Wrong(u8, u8, u8),
}

/// What a batch sets aside before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reserve {
    /// Nothing.
    Nothing,
    /// As much as all of its entries can need: none may fail for want of memory then.
    Enough,
    /// Some number of bytes.
    Bytes(u16),
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
    /// The timestamp.
    pub time: TimeChoice,
    /// The sequence number.
    pub sequence: SequenceChoice,
    /// The kind.
    #[arbitrary(with = any_kind)]
    pub kind: u8,
    /// The value.
    pub value: Value,
}

/// A cursor to open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Arbitrary)]
pub enum Cursor {
    /// Over all entries.
    Internal {
        /// Holds the table itself.
        owned: bool,
        /// What prefixes are to it.
        mode: PrefixMode,
    },
    /// Over the visible keys.
    Visible {
        /// Holds the table itself.
        owned: bool,
        /// What it sees.
        sight: SightChoice,
        /// The first key.
        #[arbitrary(with = bound)]
        lower: Bound<Key>,
        /// The last key.
        #[arbitrary(with = bound)]
        upper: Bound<Key>,
        /// What prefixes are to it.
        mode: PrefixMode,
    },
}

/// How to move a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

impl<'a> Arbitrary<'a> for Motion {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=31u8)? {
            0..=6 => Self::Next,
            7..=13 => Self::Prev,
            14..=20 => Self::Seek(u.arbitrary()?, u.arbitrary()?),
            21..=26 => Self::SeekForPrev(u.arbitrary()?, u.arbitrary()?),
            27..=28 => Self::First,
            29..=30 => Self::Last,
            _ => Self::Random,
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

/// Few, as many as there are, more.
fn sample_size(u: &mut Unstructured<'_>) -> Result<u16> {
    Ok(if u.ratio(3, 4)? {
        u.int_in_range(0..=9)?
    } else {
        u.int_in_range(0..=999)?
    })
}

fn delete_range(u: &mut Unstructured<'_>) -> Result<Op> {
    Ok(Op::DeleteRange {
        from: u.arbitrary()?,
        to: u.arbitrary()?,
        sequence: u.arbitrary()?,
        time: u.arbitrary()?,
        as_is: u.ratio(1, 8)?,
    })
}

fn mostly_none(u: &mut Unstructured<'_>) -> Result<Handed> {
    Ok(match u.int_in_range(0..=15u8)? {
        0..=11 => Handed::Nothing,
        12..=13 => Handed::Right,
        _ => Handed::Wrong(
            u.int_in_range(0..=15)?,
            u.int_in_range(1..=9)?,
            u.int_in_range(0..=63)?,
        ),
    })
}

fn few_hints(u: &mut Unstructured<'_>) -> Result<Option<u8>> {
    Ok(if u.ratio(1, 3)? {
        Some(any_hint(u)?)
    } else {
        None
    })
}

fn any_hint(u: &mut Unstructured<'_>) -> Result<u8> {
    u.int_in_range(0..=PREFIX_HINTS + 1)
}

impl<'a> Arbitrary<'a> for Reserve {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=7u8)? {
            0..=3 => Self::Nothing,
            4..=6 => Self::Enough,
            _ => Self::Bytes(u.arbitrary()?),
        })
    }
}

fn up_to_sixteen(u: &mut Unstructured<'_>) -> Result<Vec<Add>> {
    let count = u.int_in_range(0..=16)?;
    (0..count).map(|_| u.arbitrary()).collect()
}

fn few_legs(u: &mut Unstructured<'_>) -> Result<Vec<Leg>> {
    let count = u.int_in_range(1..=6)?;
    (0..count).map(|_| u.arbitrary()).collect()
}

fn slot(u: &mut Unstructured<'_>) -> Result<u8> {
    u.int_in_range(0..=3)
}

fn bound(u: &mut Unstructured<'_>) -> Result<Bound<Key>> {
    Ok(match u.int_in_range(0..=7u8)? {
        0..=4 => Bound::Unbounded,
        5..=6 => Bound::Included(u.arbitrary()?),
        _ => Bound::Excluded(u.arbitrary()?),
    })
}
