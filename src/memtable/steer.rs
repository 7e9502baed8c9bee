//! How an iterator over user keys steers its cursor.

use core::ops::Bound;

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::key::{
    Comparator, MAX_SEQUENCE_NUMBER, SequenceNumber, Timestamp, with_timestamp, without_timestamp,
};
use crate::rep::{Cursor, Handle, ReadRep};

/// A key that is kept while the cursor moves.
pub(super) type KeyBuffer = SmallVec<[u8; 64]>;

/// Keeps a key, if there is memory for it.
pub(super) fn keep(user_key: &[u8]) -> Result<KeyBuffer> {
    let mut kept = KeyBuffer::new();
    kept.try_reserve(user_key.len())
        .map_err(|_| Error::OutOfMemory {
            requested: user_key.len(),
        })?;
    kept.extend_from_slice(user_key);
    Ok(kept)
}

/// Keeps the key of a bound.
pub(super) fn keep_bound(bound: Bound<&[u8]>) -> Result<Bound<KeyBuffer>> {
    Ok(match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(key) => Bound::Included(keep(key)?),
        Bound::Excluded(key) => Bound::Excluded(keep(key)?),
    })
}

/// The comparator behind a handle.
pub(super) type Order<H> = <<H as Handle>::Rep as ReadRep>::Comparator;

/// Has a cursor go somewhere by a user key, with a timestamp if keys have any.
#[inline(always)]
pub(super) fn go<H: Handle>(
    cursor: &mut Cursor<H>,
    user_key: &[u8],
    timestamp: Timestamp,
    there: impl FnOnce(&mut Cursor<H>, &[u8]),
) -> Result<()> {
    if Order::<H>::TIMESTAMP_LEN == 0 {
        there(cursor, user_key);
        return Ok(());
    }
    let comparator = cursor.handle().rep().comparator();
    let stamped = with_timestamp(comparator, user_key, timestamp, keep)?;
    there(cursor, &stamped);
    Ok(())
}

/// Has a cursor go somewhere by the place before all versions of a user key.
#[inline(always)]
pub(super) fn before_all<H: Handle>(
    cursor: &mut Cursor<H>,
    user_key: &[u8],
    there: impl FnOnce(&mut Cursor<H>, &[u8], SequenceNumber),
) -> Result<()> {
    go(cursor, user_key, Timestamp::MAX, |cursor, key| {
        there(cursor, key, MAX_SEQUENCE_NUMBER);
    })
}

/// As [`before_all`], by the place of the oldest version that there can be.
#[inline(always)]
pub(super) fn after_all<H: Handle>(
    cursor: &mut Cursor<H>,
    user_key: &[u8],
    there: impl FnOnce(&mut Cursor<H>, &[u8], SequenceNumber),
) -> Result<()> {
    go(cursor, user_key, 0, |cursor, key| there(cursor, key, 0))
}

/// Whether a key that was found, with its timestamp, is some user key.
#[inline(always)]
pub(super) fn is_same<H: Handle>(cursor: &Cursor<H>, found: &[u8], user_key: &[u8]) -> bool {
    let found = without_timestamp::<Order<H>>(found);
    let comparator = cursor.handle().rep().comparator();
    comparator
        .compare_without_timestamp(found, user_key)
        .is_eq()
}

/// Notices that a search goes round in circles, as a comparator that contradicts
/// itself can make it (SPEC X1). Brent's algorithm: the place is compared to an
/// earlier one, which is moved up after 1, 2, 4, ... rounds.
pub(super) struct Rounds<P> {
    earlier: Option<P>,
    until_moved: usize,
    distance: usize,
}

impl<P: Copy + PartialEq> Rounds<P> {
    pub(super) const fn new() -> Self {
        Self {
            earlier: None,
            until_moved: 1,
            distance: 1,
        }
    }

    /// True when this place, which is at an entry, has been met before.
    pub(super) fn repeat(&mut self, place: Option<P>) -> bool {
        if self.earlier == place {
            return true;
        }
        self.until_moved -= 1;
        if self.until_moved == 0 {
            self.earlier = place;
            self.distance = self.distance.saturating_mul(2);
            self.until_moved = self.distance;
        }
        false
    }
}
