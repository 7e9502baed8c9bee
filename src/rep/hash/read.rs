//! How a hashed representation is read.

use smallvec::SmallVec;

use super::index::Bucket;
use super::{HashRep, Hashed};
use crate::entry::EntryRef;
use crate::error::{Corruption, Result};
use crate::key::{Comparator, SequenceNumber};
use crate::rep::ReadRep;
use crate::skiplist::{Position, SkipList, Start, Target, Trail, Word};

/// Keys that are looked up before the records of the first are read.
pub(super) const GROUP: usize = 32;

/// Random entries and counts are the defaults, which look at all entries: here the towers tell
/// of prefixes, not of entries alone.
impl<C: Comparator> ReadRep for HashRep<C> {
    type Comparator = C;
    type Position = Position;
    type Trail = Trail;

    fn comparator(&self) -> &C {
        SkipList::comparator(&self.list)
    }

    #[inline]
    fn forget(trail: &mut Trail) {
        trail.clear();
    }

    #[inline]
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        match self.bucket(&target) {
            Some((hashed, bucket)) => self.find_in(hashed, bucket, &target),
            None => SkipList::find(&self.list, &target),
        }
    }

    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        mut found: impl FnMut(usize, Option<Position>),
    ) {
        let Ok(hashed) = &self.hashed else {
            return SkipList::find_all(&self.list, keys, sequence, found);
        };
        for (group, keys) in keys.chunks(GROUP).enumerate() {
            let buckets = self.buckets(hashed, keys.iter().copied());
            let from_the_head = |(_, bucket): &&Asked<'_, '_>| match bucket {
                Some(bucket) => bucket.is_some_and(|at| hashed.towers.is_crowded(at.entries())),
                None => true,
            };
            if buckets.iter().filter(from_the_head).count() > keys.len() / 2 {
                // The list knows how to search for several at a time.
                let found = |index, position| found(group * GROUP + index, position);
                SkipList::find_all(&self.list, keys, sequence, found);
                continue;
            }
            for (index, (key, bucket)) in buckets.into_iter().enumerate() {
                let target = Target::new(self.comparator(), key, sequence);
                let position = match bucket {
                    Some(bucket) => self.find_in(hashed, bucket, &target),
                    None => SkipList::find(&self.list, &target),
                };
                found(group * GROUP + index, position);
            }
        }
    }

    #[inline]
    fn seek(
        &self,
        trail: &mut Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        self.list.seek_from(self.start(&target), trail, &target)
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        self.list.seek_for_prev_from(self.start(&target), &target)
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        self.list.seek_before_from(self.start(&target), &target)
    }

    /// Without a search where there is no bucket, or the key lies before the whole of it: by H4
    /// its anchor is the first entry then, or no entry with the prefix follows.
    fn seek_in_prefix(
        &self,
        trail: &mut Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        let Some((hashed, bucket)) = self.bucket(&target) else {
            return SkipList::seek(&self.list, trail, &target);
        };
        let Some(bucket) = bucket else {
            trail.clear();
            return None;
        };
        let anchor = bucket.anchor();
        // SAFETY: an anchor is a node of this list, linked before it was published (H1).
        if unsafe { self.list.precedes(anchor, &target) } {
            let start = self.start_in(hashed, bucket, anchor);
            return self.list.seek_from(start, trail, &target);
        }
        // SAFETY: as above, on so many levels (H1); it is not the head, which precedes all.
        unsafe { self.list.stand_at(trail, anchor, hashed.towers.levels()) }
    }

    fn seek_for_prev_in_prefix(
        &self,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        let start = self.start_in_prefix(&target, |anchor| {
            // SAFETY: an anchor is a node of this list, linked before it was published (H1).
            !unsafe { self.list.follows(anchor, &target) }
        })?;
        self.list.seek_for_prev_from(start, &target)
    }

    fn seek_before_in_prefix(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        let target = Target::new(self.comparator(), user_key, sequence);
        let start = self.start_in_prefix(&target, |anchor| {
            // SAFETY: as above.
            unsafe { self.list.precedes(anchor, &target) }
        })?;
        self.list.seek_before_from(start, &target)
    }

    fn first(&self, trail: &mut Trail) -> Option<Position> {
        SkipList::first(&self.list, trail)
    }

    fn last(&self) -> Option<Position> {
        SkipList::last(&self.list)
    }

    #[inline]
    unsafe fn next(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::next(&self.list, trail, at) }
    }

    #[inline]
    unsafe fn prev(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::prev(&self.list, trail, at) }
    }

    #[inline]
    unsafe fn key(&self, at: Position) -> Option<(&[u8], SequenceNumber)> {
        // SAFETY: passed on from the caller.
        unsafe { ReadRep::key(&self.list, at) }
    }

    #[inline(always)]
    fn is_checked(&self) -> bool {
        SkipList::is_checked(&self.list)
    }

    /// Both ways: that from the head on, which some searches go, and that from the anchor on.
    fn verify_path(&self, user_key: &[u8], sequence: SequenceNumber) -> Result<(), Corruption> {
        if !self.list.is_suspicious() {
            return Ok(());
        }
        let target = Target::new(self.comparator(), user_key, sequence);
        SkipList::verify_path(&self.list, &target)?;
        let Some((hashed, Some(bucket))) = self.bucket(&target) else {
            return Ok(());
        };
        let (anchor, levels) = (bucket.anchor(), hashed.towers.levels());
        // SAFETY: anchors have these levels, which were linked before they were published (H1).
        unsafe { self.list.verify_path_from(anchor, levels, &target) }
    }

    fn checksum_mismatch(&self, entry: &EntryRef<'_>) -> Corruption {
        SkipList::checksum_mismatch(&self.list, entry)
    }

    unsafe fn verify_step(
        &self,
        before: Option<Position>,
        after: Option<Position>,
    ) -> Result<(), Corruption> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::verify_step(&self.list, before, after) }
    }

    #[inline]
    unsafe fn entry(&self, at: Position) -> Result<EntryRef<'_>> {
        // SAFETY: passed on from the caller.
        unsafe { self.list.entry_at(at) }
    }

    fn is_empty(&self) -> bool {
        SkipList::is_empty(&self.list)
    }
}

/// A key, and its bucket if it has one; without a prefix, the outer one is `None`.
pub(super) type Asked<'k, 'i> = (&'k [u8], Option<Option<&'i Bucket>>);

impl<C: Comparator> HashRep<C> {
    /// Where a search backward in a prefix begins; `None` where it would find nothing, as no
    /// entry with the prefix lies before an anchor (H4) that the search `passes` not.
    fn start_in_prefix(
        &self,
        target: &Target<'_>,
        passes: impl FnOnce(Word) -> bool,
    ) -> Option<Start> {
        let Some((hashed, bucket)) = self.bucket(target) else {
            return Some(self.list.top());
        };
        let bucket = bucket?;
        let anchor = bucket.anchor();
        passes(anchor).then(|| self.start_in(hashed, bucket, anchor))
    }

    /// The buckets of some keys, each step for all of them before the next: they wait for memory
    /// together. Anchors are asked for.
    pub(super) fn buckets<'k, 'i>(
        &'i self,
        hashed: &'i Hashed,
        keys: impl IntoIterator<Item = &'k [u8]> + Clone,
    ) -> SmallVec<[Asked<'k, 'i>; GROUP]> {
        let index = &hashed.index;
        let hashes: SmallVec<[_; GROUP]> = keys
            .clone()
            .into_iter()
            .map(|key| {
                let hash = index.hash::<C>(key);
                hash.into_iter().for_each(|hash| index.ask_for_slot(hash));
                hash
            })
            .collect();
        for hash in hashes.iter().flatten() {
            index.ask_for_bucket(*hash);
        }
        let find = |hash| {
            let bucket = index.find(hash).bucket;
            if let Some(bucket) = bucket {
                // SAFETY: an anchor is a node of this list (H1).
                unsafe { self.list.ask_for_node(bucket.anchor()) };
            }
            bucket
        };
        let buckets = hashes.into_iter().map(|hash| hash.map(find));
        keys.into_iter().zip(buckets).collect()
    }
}
