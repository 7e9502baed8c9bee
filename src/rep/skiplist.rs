//! The default representation.

use super::{Representation, Sealed};
use crate::arena::Offset;
use crate::entry::EntryRef;
use crate::error::Result;
use crate::key::{Comparator, SequenceNumber, tag_sequence};
use crate::skiplist::{SkipList, Target, Trail};

/// The skiplist as a representation (SPEC R1).
pub type SkipListRep<C> = SkipList<C>;

impl<C> Sealed for SkipList<C> {}

impl<C: Comparator> Representation for SkipList<C> {
    type Comparator = C;
    type Position = Offset;
    type Trail = Trail;

    fn comparator(&self) -> &C {
        SkipList::comparator(self)
    }

    #[inline]
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Offset> {
        SkipList::find(self, &Target::new(self.comparator(), user_key, sequence))
    }

    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        found: impl FnMut(usize, Option<Offset>),
    ) {
        SkipList::find_all(self, keys, sequence, found);
    }

    #[inline]
    fn seek(&self, trail: &mut Trail, user_key: &[u8], sequence: SequenceNumber) -> Option<Offset> {
        let target = Target::new(self.comparator(), user_key, sequence);
        SkipList::seek(self, trail, &target)
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Offset> {
        SkipList::seek_for_prev(self, &Target::new(self.comparator(), user_key, sequence))
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Offset> {
        SkipList::seek_before(self, &Target::new(self.comparator(), user_key, sequence))
    }

    fn first(&self, trail: &mut Trail) -> Option<Offset> {
        SkipList::first(self, trail)
    }

    fn last(&self) -> Option<Offset> {
        SkipList::last(self)
    }

    fn random(&self) -> Option<Offset> {
        SkipList::random(self)
    }

    #[inline]
    unsafe fn next(&self, trail: &mut Trail, position: Offset) -> Option<Offset> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::next(self, trail, position) }
    }

    unsafe fn prev(&self, trail: &mut Trail, position: Offset) -> Option<Offset> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::prev(self, trail, position) }
    }

    #[inline]
    unsafe fn key(&self, position: Offset) -> (&[u8], SequenceNumber) {
        // SAFETY: passed on from the caller.
        let (user_key, tag) = unsafe { self.key_at(position) };
        (user_key, tag_sequence(tag))
    }

    #[inline]
    unsafe fn entry(&self, position: Offset) -> Result<EntryRef<'_>> {
        // SAFETY: passed on from the caller.
        unsafe { self.entry_at(position) }
    }

    fn is_empty(&self) -> bool {
        SkipList::is_empty(self)
    }
}
