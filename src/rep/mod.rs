//! Representations: the ordered structures that a memtable can stand on.
//!
//! A representation names its entries by *positions*: plain values that stay
//! good for as long as the representation lives, since nothing is ever removed.
//! [`Cursor`] pairs a position with something that keeps the representation
//! alive, a reference or an `Arc`, so that borrowed and owned cursors are one
//! type (SPEC S5, S7).

mod cursor;
mod skiplist;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub use cursor::{Cursor, Handle, ReadObserver};
pub(crate) use sealed::Sealed;
pub use skiplist::SkipListRep;

use core::fmt::Debug;

use crate::entry::EntryRef;
use crate::error::{Corruption, Result};
use crate::key::{Comparator, SequenceNumber};

mod sealed {
    /// Implemented inside of this crate only.
    pub trait Sealed {}
}

/// An ordered, insert-only structure of entries (SPEC R1).
///
/// Entries ascend by user key in the order of the comparator, and by descending
/// sequence number within a key. The trait is sealed: a position is trusted
/// without a check.
pub trait Representation: Sealed + Send + Sync + 'static {
    /// The order of user keys.
    type Comparator: Comparator;
    /// Names an entry for as long as the representation lives.
    type Position: Copy + Debug + PartialEq + Send + Sync + 'static;

    /// The order of user keys.
    fn comparator(&self) -> &Self::Comparator;

    /// What a cursor remembers of the way, so that its next step is cheaper. It
    /// decides how long a step takes, never where it leads. The default knows
    /// nothing.
    type Trail: Clone + Debug + Default + Send + Sync + 'static;

    /// Has a trail forget the way, since its cursor goes elsewhere. It keeps its memory.
    fn forget(trail: &mut Self::Trail);

    /// The first entry at or after `(user_key, sequence)`, if it is of that user key,
    /// timestamps aside: without them, the newest one that is not newer than `sequence`.
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Self::Position>;

    /// As [`find`](Self::find) for each of the keys, which is quicker than one
    /// after the other; `found` hears the answers in the order of the keys.
    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        found: impl FnMut(usize, Option<Self::Position>),
    );

    /// The first entry at or after `(user_key, sequence)`.
    fn seek(
        &self,
        trail: &mut Self::Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Self::Position>;

    /// The last entry at or before `(user_key, sequence)`.
    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Self::Position>;

    /// The last entry before `(user_key, sequence)`.
    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Self::Position>;

    /// The first entry.
    fn first(&self, trail: &mut Self::Trail) -> Option<Self::Position>;

    /// The last entry.
    fn last(&self) -> Option<Self::Position>;

    /// An entry at random, if there is any.
    fn random(&self) -> Option<Self::Position>;

    /// Up to `count` different entries at random.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn sample(&self, count: usize) -> Result<Vec<Self::Position>>;

    /// About how many entries lie from the first version of `begin` on and before that of
    /// `end`.
    fn count_between(&self, begin: &[u8], end: &[u8]) -> u64;

    /// The entry after a position.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation, and the trail was used
    /// with this representation only since it was made.
    unsafe fn next(
        &self,
        trail: &mut Self::Trail,
        position: Self::Position,
    ) -> Option<Self::Position>;

    /// The entry before a position.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation, and the trail was used
    /// with this representation only since it was made.
    unsafe fn prev(
        &self,
        trail: &mut Self::Trail,
        position: Self::Position,
    ) -> Option<Self::Position>;

    /// The user key and sequence number at a position; `None` where its lengths are damaged,
    /// which a [checked](Self::is_checked) representation notices.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation.
    unsafe fn key(&self, position: Self::Position) -> Option<(&[u8], SequenceNumber)>;

    /// True when there is anything to verify in what a reader comes by.
    fn is_checked(&self) -> bool;

    /// Verifies what a search for `(user_key, sequence)` comes by, as closely as the
    /// representation was asked to (SPEC E10).
    ///
    /// # Errors
    ///
    /// [`Corruption`].
    fn verify_path(&self, user_key: &[u8], sequence: SequenceNumber) -> Result<(), Corruption>;

    /// Verifies two places that follow upon one another, or one without its neighbour.
    ///
    /// # Errors
    ///
    /// [`Corruption`].
    ///
    /// # Safety
    ///
    /// The positions were returned by this representation.
    unsafe fn verify_step(
        &self,
        before: Option<Self::Position>,
        after: Option<Self::Position>,
    ) -> Result<(), Corruption>;

    /// The entry at a position.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`](crate::Error::Corruption) when its checksum differs.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation.
    unsafe fn entry(&self, position: Self::Position) -> Result<EntryRef<'_>>;

    /// True when there is no entry.
    fn is_empty(&self) -> bool;
}
