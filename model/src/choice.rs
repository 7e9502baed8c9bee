//! Keys and numbers that are chosen when an operation runs.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::key::Key;
use crate::sight::MAX_SEQUENCE;

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

/// A timestamp, where keys have one (SPEC E9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeChoice {
    /// So much after the newest.
    After(u8),
    /// So much before the newest.
    Before(u8),
    /// This one.
    Exactly(u64),
    /// None is put behind the key, which may be too short then; the newest for a reader.
    Missing,
}

/// What to read at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SightChoice {
    /// The snapshot.
    pub snapshot: SnapshotChoice,
    /// The timestamp; all are seen without.
    pub time: Option<TimeChoice>,
    /// What of it is not seen.
    pub hidden: HiddenChoice,
    /// All numbers before this one are seen, whatever is hidden.
    pub min_uncommitted: Option<SnapshotChoice>,
}

/// Sequence numbers that a reader does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HiddenChoice {
    /// None.
    Nothing,
    /// Those that leave the rest `.1` when divided by `.0`.
    Every(u8, u8),
    /// So many from this one on.
    From(SnapshotChoice, u8),
    /// All.
    Everything,
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

/// Those of one byte end at 255, those of two at 65,535.
const TIME_EDGES: [u64; 6] = [0, 1, 255, 256, 65_535, u64::MAX];

impl<'a> Arbitrary<'a> for TimeChoice {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=31u8)? {
            0..=9 => Self::After(0),
            10..=15 => Self::After(u.int_in_range(1..=3)?),
            16..=29 => Self::Before(u.int_in_range(0..=9)?),
            30 => Self::Exactly(*u.choose(&TIME_EDGES)?),
            _ => Self::Missing,
        })
    }
}

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
            0..=4 => Self::Added(u.arbitrary()?),
            5..=9 => Self::Back(u.int_in_range(0..=30)?),
            10..=14 => Self::Exactly(MAX_SEQUENCE),
            _ => Self::Exactly(*u.choose(&EDGES)?),
        })
    }
}

impl<'a> Arbitrary<'a> for KeyChoice {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(if u.ratio(3, 4)? {
            Self::Added(u.arbitrary()?)
        } else {
            Self::Fresh(u.arbitrary()?)
        })
    }
}

impl<'a> Arbitrary<'a> for SightChoice {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let snapshot = u.arbitrary()?;
        let hidden = match u.int_in_range(0..=31u8)? {
            0..=20 => HiddenChoice::Nothing,
            21..=25 => HiddenChoice::Every(u.int_in_range(2..=4)?, u.int_in_range(0..=3)?),
            26..=30 => HiddenChoice::From(u.arbitrary()?, u.int_in_range(0..=20)?),
            _ => HiddenChoice::Everything,
        };
        let time = if u.ratio(1, 2)? {
            Some(u.arbitrary()?)
        } else {
            None
        };
        let asks = hidden != HiddenChoice::Nothing && u.ratio(1, 2)?;
        Ok(Self {
            snapshot,
            time,
            hidden,
            min_uncommitted: if asks { Some(u.arbitrary()?) } else { None },
        })
    }
}
