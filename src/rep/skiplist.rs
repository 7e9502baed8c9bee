//! The default representation.

use core::num::NonZero;

use super::{Representation, Sealed};
use crate::arena::Offset;
use crate::entry::EntryRef;
use crate::error::Result;
use crate::key::{Comparator, SequenceNumber, tag_sequence};
use crate::skiplist::{SkipList, Target, Trail};

/// The skiplist as a representation (SPEC R1).
pub type SkipListRep<C> = SkipList<C>;

impl<C> Sealed for SkipList<C> {}

/// A node's offset. No node has offset 0, so that a cursor's place is one word.
type Position = NonZero<Offset>;

#[inline(always)]
fn position(node: Option<Offset>) -> Option<Position> {
    node.and_then(NonZero::new)
}

impl<C: Comparator> Representation for SkipList<C> {
    type Comparator = C;
    type Position = Position;
    type Trail = Trail;

    fn comparator(&self) -> &C {
        SkipList::comparator(self)
    }

    #[inline]
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        position(SkipList::find(self, &target))
    }

    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        mut found: impl FnMut(usize, Option<Position>),
    ) {
        SkipList::find_all(self, keys, sequence, |index, node| {
            found(index, position(node));
        });
    }

    #[inline]
    fn seek(
        &self,
        trail: &mut Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        position(SkipList::seek(self, trail, &target))
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        position(SkipList::seek_for_prev(self, &target))
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        position(SkipList::seek_before(self, &target))
    }

    fn first(&self, trail: &mut Trail) -> Option<Position> {
        position(SkipList::first(self, trail))
    }

    fn last(&self) -> Option<Position> {
        position(SkipList::last(self))
    }

    fn random(&self) -> Option<Position> {
        position(SkipList::random(self))
    }

    #[inline]
    unsafe fn next(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        position(unsafe { SkipList::next(self, trail, at.get()) })
    }

    #[inline]
    unsafe fn prev(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        position(unsafe { SkipList::prev(self, trail, at.get()) })
    }

    #[inline]
    unsafe fn key(&self, at: Position) -> (&[u8], SequenceNumber) {
        // SAFETY: passed on from the caller.
        let (user_key, tag) = unsafe { self.key_at(at.get()) };
        (user_key, tag_sequence(tag))
    }

    #[inline]
    unsafe fn entry(&self, at: Position) -> Result<EntryRef<'_>> {
        // SAFETY: passed on from the caller.
        unsafe { self.entry_at(at.get()) }
    }

    fn is_empty(&self) -> bool {
        SkipList::is_empty(self)
    }
}
