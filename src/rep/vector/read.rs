//! Reading: what is pending is linked first, and then it is the skiplist that is read.

use super::{SETTLED, VectorRep};
use crate::entry::EntryRef;
use crate::error::{Corruption, Result};
use crate::key::{Comparator, SequenceNumber};
use crate::rep::ReadRep;
use crate::skiplist::{Position, SkipList, Trail};
use crate::sync::ord;

impl<C: Comparator> VectorRep<C> {
    /// The list, with all in it whose adding happened before.
    #[inline(always)]
    fn settled(&self) -> &SkipList<C> {
        self.settle();
        &self.list
    }
}

impl<C: Comparator> ReadRep for VectorRep<C> {
    type Comparator = C;
    type Position = Position;
    type Trail = Trail;

    fn comparator(&self) -> &C {
        self.list.comparator()
    }

    #[inline]
    fn forget(trail: &mut Trail) {
        <SkipList<C> as ReadRep>::forget(trail);
    }

    #[inline]
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        ReadRep::find(self.settled(), user_key, sequence)
    }

    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        found: impl FnMut(usize, Option<Position>),
    ) {
        ReadRep::find_all(self.settled(), keys, sequence, found);
    }

    #[inline]
    fn seek(
        &self,
        trail: &mut Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        ReadRep::seek(self.settled(), trail, user_key, sequence)
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        ReadRep::seek_for_prev(self.settled(), user_key, sequence)
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        ReadRep::seek_before(self.settled(), user_key, sequence)
    }

    fn first(&self, trail: &mut Trail) -> Option<Position> {
        ReadRep::first(self.settled(), trail)
    }

    fn last(&self) -> Option<Position> {
        ReadRep::last(self.settled())
    }

    fn random(&self) -> Option<Position> {
        ReadRep::random(self.settled())
    }

    fn sample(&self, count: usize) -> Result<Vec<Position>> {
        ReadRep::sample(self.settled(), count)
    }

    fn count_between(&self, begin: &[u8], end: &[u8]) -> u64 {
        ReadRep::count_between(self.settled(), begin, end)
    }

    #[inline]
    unsafe fn next(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: passed on from the caller; all positions are the list's.
        unsafe { ReadRep::next(self.settled(), trail, at) }
    }

    #[inline]
    unsafe fn prev(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: as for `next`.
        unsafe { ReadRep::prev(self.settled(), trail, at) }
    }

    #[inline]
    unsafe fn key(&self, at: Position) -> Option<(&[u8], SequenceNumber)> {
        // SAFETY: as for `next`.
        unsafe { ReadRep::key(&self.list, at) }
    }

    #[inline(always)]
    fn is_checked(&self) -> bool {
        ReadRep::is_checked(&self.list)
    }

    fn verify_path(&self, user_key: &[u8], sequence: SequenceNumber) -> Result<(), Corruption> {
        // Nobody knows which keys are missing.
        if self.damaged.load(ord!(VECTOR_DAMAGE_LOAD, Relaxed)) != 0 {
            return Err(Corruption::Lengths);
        }
        ReadRep::verify_path(self.settled(), user_key, sequence)
    }

    fn checksum_mismatch(&self, entry: &EntryRef<'_>) -> Corruption {
        ReadRep::checksum_mismatch(&self.list, entry)
    }

    unsafe fn verify_step(
        &self,
        before: Option<Position>,
        after: Option<Position>,
    ) -> Result<(), Corruption> {
        // SAFETY: as for `next`.
        unsafe { ReadRep::verify_step(&self.list, before, after) }
    }

    #[inline]
    unsafe fn entry(&self, at: Position) -> Result<EntryRef<'_>> {
        // SAFETY: as for `next`.
        unsafe { ReadRep::entry(&self.list, at) }
    }

    /// What is pending need not be linked for it: some entry was added.
    fn is_empty(&self) -> bool {
        self.word() == SETTLED && ReadRep::is_empty(&self.list)
    }
}
