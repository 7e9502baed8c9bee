//! The default representation.

use super::{MemTableRep, MemTableRepFactory, Memory, ReadRep, RepContext, Sharing};
use crate::entry::EntryRef;
use crate::error::{Corruption, Result};
use crate::key::{Comparator, MAX_SEQUENCE_NUMBER, SequenceNumber, tag_sequence};
use crate::skiplist::{BatchError, Hint, InsertContext, Position, SkipList, Target, Trail};

/// The skiplist as a representation (SPEC R1).
pub type SkipListRep<C> = SkipList<C>;

/// Makes a [`SkipListRep`], which takes its options from the table's builder. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SkipListFactory;

impl<C: Comparator> MemTableRepFactory<C> for SkipListFactory {
    type Rep = SkipListRep<C>;

    fn create(self, context: RepContext<C>) -> Result<SkipListRep<C>> {
        SkipList::with_cells(
            context.arena,
            context.comparator,
            context.list,
            context.overwrites,
        )
    }
}

impl<C: Comparator> MemTableRep for SkipList<C> {
    type Context = InsertContext;

    fn name(&self) -> &'static str {
        "skiplist"
    }

    #[inline(always)]
    unsafe fn insert(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut InsertContext,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        match sharing {
            // SAFETY: passed on from the caller.
            Sharing::Concurrent => unsafe {
                self.insert_near(sharing, memory, context, entry, linked)
            },
            // SAFETY: passed on from the caller.
            Sharing::Exclusive => unsafe { self.insert_alone(memory, entry, linked) },
        }
    }

    #[inline(always)]
    unsafe fn insert_all(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut InsertContext,
        entries: &[EntryRef<'_>],
        linked: impl FnMut(&EntryRef<'_>),
    ) -> core::result::Result<(), BatchError> {
        match sharing {
            // SAFETY: passed on from the caller.
            Sharing::Concurrent => unsafe {
                SkipList::insert_all(self, sharing, memory, context, entries, linked)
            },
            // SAFETY: passed on from the caller.
            Sharing::Exclusive => unsafe { self.insert_all_alone(memory, entries, linked) },
        }
    }

    unsafe fn insert_with_hint(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        hint: &mut Hint,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        // SAFETY: passed on from the caller.
        unsafe { self.insert_hinted(sharing, memory, hint, entry, linked) }
    }

    unsafe fn overwrite(
        &self,
        memory: &mut Memory<'_>,
        entry: &EntryRef<'_>,
    ) -> Result<core::result::Result<EntryRef<'_>, Corruption>> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::overwrite(self, memory, entry) }
    }

    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        SkipList::max_entry_size(self, key_len, value_len)
    }
}

impl<C: Comparator> ReadRep for SkipList<C> {
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

    fn checksum_mismatch(&self, entry: &EntryRef<'_>) -> Corruption {
        SkipList::checksum_mismatch(self, entry)
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
