//! The default representation.

use super::{Representation, Sealed};
use crate::entry::EntryRef;
use crate::error::{Corruption, Result};
use crate::key::{Comparator, MAX_SEQUENCE_NUMBER, SequenceNumber, tag_sequence};
use crate::skiplist::{Position, SkipList, Target, Trail};

/// The skiplist as a representation (SPEC R1).
pub type SkipListRep<C> = SkipList<C>;

impl<C> Sealed for SkipList<C> {}

impl<C: Comparator> Representation for SkipList<C> {
    type Comparator = C;
    type Position = Position;
    type Trail = Trail;

    fn comparator(&self) -> &C {
        SkipList::comparator(self)
    }

    #[inline]
    fn forget(trail: &mut Trail) {
        trail.clear();
    }

    #[inline]
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        SkipList::find(self, &target)
    }

    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        found: impl FnMut(usize, Option<Position>),
    ) {
        SkipList::find_all(self, keys, sequence, found);
    }

    #[inline]
    fn seek(
        &self,
        trail: &mut Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        SkipList::seek(self, trail, &target)
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        SkipList::seek_for_prev(self, &target)
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        SkipList::seek_before(self, &target)
    }

    fn first(&self, trail: &mut Trail) -> Option<Position> {
        SkipList::first(self, trail)
    }

    fn last(&self) -> Option<Position> {
        SkipList::last(self)
    }

    fn random(&self) -> Option<Position> {
        SkipList::random(self)
    }

    fn sample(&self, count: usize) -> Result<Vec<Position>> {
        SkipList::sample(self, count)
    }

    fn count_between(&self, begin: &[u8], end: &[u8]) -> u64 {
        let target = |key| Target::new(self.comparator(), key, MAX_SEQUENCE_NUMBER);
        SkipList::count_between(self, &target(begin), &target(end))
    }

    #[inline]
    unsafe fn next(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::next(self, trail, at) }
    }

    #[inline]
    unsafe fn prev(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::prev(self, trail, at) }
    }

    #[inline]
    unsafe fn key(&self, at: Position) -> Option<(&[u8], SequenceNumber)> {
        // SAFETY: passed on from the caller.
        let (user_key, tag) = unsafe { self.key_at(at) }?;
        Some((user_key, tag_sequence(tag)))
    }

    #[inline(always)]
    fn is_checked(&self) -> bool {
        SkipList::is_checked(self)
    }

    fn verify_path(&self, user_key: &[u8], sequence: SequenceNumber) -> Result<(), Corruption> {
        let target = Target::new(self.comparator(), user_key, sequence);
        SkipList::verify_path(self, &target)
    }

    unsafe fn verify_step(
        &self,
        before: Option<Position>,
        after: Option<Position>,
    ) -> Result<(), Corruption> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::verify_step(self, before, after) }
    }

    #[inline]
    unsafe fn entry(&self, at: Position) -> Result<EntryRef<'_>> {
        // SAFETY: passed on from the caller.
        unsafe { self.entry_at(at) }
    }

    fn is_empty(&self) -> bool {
        SkipList::is_empty(self)
    }
}
