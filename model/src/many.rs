//! Operations of many entries or keys, told in few bytes.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::answer::kind;
use crate::choice::{KeyChoice, SightChoice};

/// Several keys that are looked up at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keys {
    /// Any keys, in any order.
    pub chosen: Vec<KeyChoice>,
    /// So many keys of entries that were added come after them, with repeats.
    pub more: u8,
    /// Where among the entries those begin.
    pub from: u16,
    /// How far apart they are, in the order in which the entries were added.
    pub stride: u16,
    /// What is seen.
    pub sight: SightChoice,
}

/// The counts at which groups begin and end, and some more.
const GROUP_EDGES: [u8; 8] = [0, 1, 11, 12, 31, 32, 33, 65];

impl<'a> Arbitrary<'a> for Keys {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = u.int_in_range(0..=5)?;
        Ok(Self {
            chosen: (0..count).map(|_| u.arbitrary()).collect::<Result<_>>()?,
            more: if u.ratio(1, 3)? {
                *u.choose(&GROUP_EDGES)?
            } else {
                0
            },
            from: u.arbitrary()?,
            stride: *u.choose(&[1, 0, 7, 1009])?,
            sight: u.arbitrary()?,
        })
    }
}

/// Many adds by one writer, whose keys are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bulk {
    /// Asks for the exclusive writer.
    pub exclusive: bool,
    /// How many entries.
    pub count: u16,
    /// The first number.
    pub start: u16,
    /// How much is added to go to the next: 1 counts up, 65535 down, 0 stays.
    pub stride: u16,
    /// So many bytes are put before each number, the same for all.
    pub shared: u8,
    /// The entry in this place comes again, as the last but `again.1`.
    pub again: Option<(u8, u8)>,
    /// Bytes of each value: large ones spread the entries over memory.
    pub value: u16,
    /// Entries of one call; 0 adds them one by one.
    pub at_once: u8,
    /// Mostly merge operands.
    pub merges: bool,
    /// So many timestamps, newest first, over and over; 0 is 1.
    pub times: u8,
}

/// The kinds of a [`Bulk`].
const EACH_KIND: [u8; 3] = [kind::VALUE, kind::MERGE, kind::DELETION];
/// Those of one that is mostly operands: six of them upon a value, two upon a deletion.
const MERGES: [u8; 10] = {
    let mut kinds = [kind::MERGE; 10];
    kinds[0] = kind::VALUE;
    kinds[7] = kind::DELETION;
    kinds
};

impl Bulk {
    /// The kinds of the entries, which repeat.
    pub fn kinds(&self) -> impl Iterator<Item = u8> + use<> {
        let kinds = if self.merges {
            &MERGES[..]
        } else {
            &EACH_KIND[..]
        };
        kinds.iter().copied().cycle()
    }

    /// The keys, in the order in which they are added.
    pub fn keys(&self) -> impl Iterator<Item = Vec<u8>> {
        let Self {
            count,
            start,
            stride,
            shared,
            ..
        } = *self;
        (0..count).map(move |index| {
            let number = start.wrapping_add(stride.wrapping_mul(index));
            let mut key = vec![b'b'; usize::from(shared)];
            key.extend_from_slice(&number.to_be_bytes());
            key
        })
    }
}

impl<'a> Arbitrary<'a> for Bulk {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            exclusive: u.arbitrary()?,
            count: if u.ratio(1, 8)? {
                u.int_in_range(1..=400)?
            } else {
                *u.choose(&[13, 1, 5, 12, 25, 60])?
            },
            start: u.arbitrary()?,
            stride: *u.choose(&[1, 0, 2, 257, 24_001, u16::MAX])?,
            shared: *u.choose(&[0, 1, 2, 3, 4, 9])?,
            again: if u.ratio(1, 4)? {
                Some((u.arbitrary()?, u.int_in_range(0..=13)?))
            } else {
                None
            },
            value: *u.choose(&[8, 0, 300, 4000])?,
            at_once: *u.choose(&[u8::MAX, 12, 13, 1, 0])?,
            merges: u.ratio(1, 3)?,
            times: *u.choose(&[1, 2, 3, 9])?,
        })
    }
}

/// A part of a walk, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Leg {
    /// True for `next`.
    pub forward: bool,
    /// How often.
    pub steps: u8,
    /// What is added between these steps, beside the cursor.
    pub beside: Beside,
    /// After how many steps that is done, each time.
    pub every: u8,
}

impl<'a> Arbitrary<'a> for Leg {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            forward: u.arbitrary()?,
            steps: if u.ratio(1, 8)? {
                u.arbitrary()?
            } else {
                u.int_in_range(1..=40)?
            },
            beside: u.arbitrary()?,
            every: u.int_in_range(1..=9)?,
        })
    }
}

/// An entry beside a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Arbitrary)]
pub enum Beside {
    /// None.
    Nothing,
    /// The next newer version, right before it.
    Newer,
    /// The next older version, right after it.
    Older,
    /// As `Newer`, a merge operand.
    Operand,
    /// The next newer timestamp, with the next smaller sequence number, where keys have
    /// timestamps.
    Later,
    /// The next older timestamp, with the next larger sequence number, where keys have
    /// timestamps.
    Earlier,
    /// The key and a zero byte: the next key, bytewise.
    Extended,
    /// The key without its last byte: a key before it, bytewise.
    Shortened,
}
