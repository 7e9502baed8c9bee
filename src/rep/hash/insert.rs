//! Inserting entries, and making them found by their buckets.

use smallvec::SmallVec;

use super::index::{Bucket, Hash};
use super::{HashRep, Hashed};
use crate::arena::{Allocate, Memory, UNIT};
use crate::entry::{EntryRef, Layout};
use crate::error::{Corruption, Error, Result};
use crate::key::Comparator;
use crate::rep::MemTableRep;
use crate::skiplist::{
    BatchError, Hint, InsertContext, Place, Places, Sharing, SkipList, Start, Target, Tower, Word,
};
use crate::sync::fault;
use crate::sync::ledger::FAULT_HASH_NO_HELP;
#[cfg(any(loom, shuttle))]
use crate::sync::ledger::FAULT_HASH_PUBLISH_BEFORE_LINK;

impl<C: Comparator> MemTableRep for HashRep<C> {
    type Context = InsertContext;

    fn name(&self) -> &'static str {
        self.name
    }

    #[inline]
    unsafe fn insert(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut InsertContext,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let Ok(hashed) = &self.hashed else {
            // SAFETY: passed on from the caller.
            return unsafe {
                MemTableRep::insert(&self.list, sharing, memory, context, entry, linked)
            };
        };
        let place = Place::Context(context);
        // SAFETY: passed on from the caller.
        unsafe { self.insert_hashed(hashed, sharing, memory, place, entry, linked) }
    }

    unsafe fn insert_all(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut InsertContext,
        entries: &[EntryRef<'_>],
        mut linked: impl FnMut(&EntryRef<'_>),
    ) -> core::result::Result<(), BatchError> {
        let Ok(hashed) = &self.hashed else {
            // SAFETY: passed on from the caller.
            return unsafe {
                MemTableRep::insert_all(&self.list, sharing, memory, context, entries, linked)
            };
        };
        let mut added = 0;
        while let Some(entry) = entries.get(added) {
            let done = if context.is_in_run() || added + 1 == entries.len() {
                let (place, linked) = (Place::Context(context), || linked(entry));
                // SAFETY: passed on from the caller.
                unsafe { self.insert_hashed(hashed, sharing, memory, place, entry, linked) }
                    .map(|()| added += 1)
            } else {
                let rest = &entries[added..];
                let mut counted = |entry: &EntryRef<'_>| {
                    linked(entry);
                    added += 1;
                };
                // SAFETY: passed on from the caller.
                unsafe { self.insert_groups(hashed, sharing, memory, context, rest, &mut counted) }
            };
            done.map_err(|error| BatchError { added, error })?;
        }
        Ok(())
    }

    unsafe fn insert_with_hint(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        hint: &mut Hint,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let Ok(hashed) = &self.hashed else {
            // SAFETY: passed on from the caller.
            return unsafe {
                self.list
                    .insert_hinted(sharing, memory, hint, entry, linked)
            };
        };
        let place = Place::Hint(hint);
        // SAFETY: passed on from the caller.
        unsafe { self.insert_hashed(hashed, sharing, memory, place, entry, linked) }
    }

    unsafe fn overwrite(
        &self,
        memory: &mut Memory<'_>,
        entry: &EntryRef<'_>,
    ) -> Result<core::result::Result<EntryRef<'_>, Corruption>> {
        // SAFETY: passed on from the caller.
        unsafe { SkipList::overwrite(&self.list, memory, entry) }
    }

    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        let entry = self.list.max_entry_size(key_len, value_len)?;
        let bucket = self.hashed.as_ref().map_or(0, |_| Bucket::SIZE);
        Ok(entry + bucket.next_multiple_of(UNIT))
    }
}

/// An entry that may have to become the anchor of its bucket.
struct Candidate<'c> {
    hash: Hash,
    /// The chain in which its bucket was searched for.
    head: Word,
    bucket: Option<&'c Bucket>,
    entry: &'c EntryRef<'c>,
    target: &'c Target<'c>,
    layout: &'c Layout,
}

impl<C: Comparator> HashRep<C> {
    /// Inserts entries by several searches at a time, until all are inserted or they
    /// begin to fall next to each other. The first insertions make the places of later ones
    /// stale; linking notices.
    ///
    /// # Errors
    ///
    /// As for [`MemTableRep::insert`]; the entries before are inserted.
    ///
    /// # Safety
    ///
    /// As for [`MemTableRep::insert`].
    #[inline(never)]
    unsafe fn insert_groups(
        &self,
        hashed: &Hashed,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut InsertContext,
        entries: &[EntryRef<'_>],
        linked: &mut impl FnMut(&EntryRef<'_>),
    ) -> Result<()> {
        let mut places = Places::new();
        for group in entries.chunks(Places::ROOM) {
            let buckets = self.buckets(hashed, group.iter().map(|entry| entry.user_key));
            let targets: SmallVec<[Target<'_>; Places::ROOM]> = group
                .iter()
                .map(|entry| Target::new(self.list.comparator(), entry.user_key, entry.sequence))
                .collect();
            let starts: SmallVec<[Start; Places::ROOM]> = buckets
                .iter()
                .zip(&targets)
                .map(|((_, bucket), target)| self.start_of(hashed, bucket.flatten(), target))
                .collect();
            self.list
                .locate_all(&mut places, context, &targets, &starts);
            for (index, entry) in group.iter().enumerate() {
                let place = Place::Found(&mut places, index, context);
                // SAFETY: passed on from the caller.
                unsafe {
                    self.insert_hashed(hashed, sharing, memory, place, entry, || linked(entry))?;
                }
            }
            if context.is_in_run() {
                break;
            }
        }
        Ok(())
    }

    /// Inserts an entry, and publishes it if it is the first of its bucket.
    ///
    /// # Errors
    ///
    /// As for [`MemTableRep::insert_with_hint`].
    ///
    /// # Safety
    ///
    /// As for [`MemTableRep::insert`].
    #[inline]
    unsafe fn insert_hashed(
        &self,
        hashed: &Hashed,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        mut place: Place<'_>,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let (list, Hashed { index, towers }) = (&self.list, hashed);
        list.admit(&mut place)?;
        let layout = list.check(entry)?;
        let hash = index.hash::<C>(entry.user_key);
        let target = Target::new(list.comparator(), entry.user_key, entry.sequence);
        let tower = |height| Tower {
            entry,
            target: &target,
            layout: &layout,
            height,
        };
        let Some(hash) = hash else {
            let new = tower(towers.of_anchor(list, entry));
            // SAFETY: passed on from the caller.
            return unsafe { list.insert_from(sharing, memory, &mut place, None, &new, linked) }
                .map(|_| ());
        };
        let seen = index.find(hash);
        if let Some(bucket) = seen.bucket {
            let anchor = bucket.anchor();
            // SAFETY: an anchor is a node of this list, linked before it was published (H1).
            if unsafe { list.precedes(anchor, &target) } {
                let new = tower(towers.of_entry(list, entry, bucket.entries()));
                let start = self.start_in(hashed, bucket, anchor);
                let start = Some(start).filter(|_| new.height <= towers.levels());
                // SAFETY: passed on from the caller; the anchor lies before the entry.
                unsafe { list.insert_from(sharing, memory, &mut place, start, &new, linked) }?;
                bucket.count();
                return Ok(());
            }
        }
        let candidate = Candidate {
            hash,
            head: seen.head,
            bucket: seen.bucket,
            entry,
            target: &target,
            layout: &layout,
        };
        // SAFETY: passed on from the caller.
        unsafe { self.insert_first(hashed, sharing, memory, &mut place, candidate, linked) }
    }

    /// Inserts an entry that seems to be the first of its bucket, and has it found there.
    ///
    /// # Errors
    ///
    /// As for [`MemTableRep::insert`].
    ///
    /// # Safety
    ///
    /// As for [`MemTableRep::insert`].
    #[cold]
    #[inline(never)]
    unsafe fn insert_first(
        &self,
        hashed: &Hashed,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        place: &mut Place<'_>,
        candidate: Candidate<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let (list, Hashed { index, towers }) = (&self.list, hashed);
        // Before the entry is linked: without memory nothing is stored.
        let home = match candidate.bucket {
            Some(bucket) => Ok(bucket),
            None => Err(index.allocate(memory)?),
        };
        let new = Tower {
            entry: candidate.entry,
            target: candidate.target,
            layout: candidate.layout,
            height: towers.of_anchor(list, candidate.entry),
        };
        #[cfg(any(loom, shuttle))]
        if fault(&FAULT_HASH_PUBLISH_BEFORE_LINK) {
            let publish = |anchor| {
                let push = |fresh| index.push(candidate.hash, candidate.head, fresh, anchor).0;
                let bucket = home.unwrap_or_else(push);
                // SAFETY: it is the fault that the node is not linked.
                bucket.lower(anchor, |anchor| unsafe {
                    list.follows(anchor, candidate.target)
                });
                bucket.count();
            };
            // SAFETY: passed on from the caller.
            return unsafe { list.insert_published(sharing, memory, &new, publish, linked) };
        }
        // SAFETY: passed on from the caller.
        let inserted = unsafe { list.insert_from(sharing, memory, place, None, &new, linked) };
        let (anchor, refused) = match inserted {
            // All of its levels are linked, H at least (H1).
            Ok(node) => (node, None),
            Err(Error::Duplicate) if !fault(&FAULT_HASH_NO_HELP) => {
                let before = list.start_before(towers.levels(), candidate.target);
                (before, Some(Error::Duplicate))
            }
            Err(error) => {
                if home.is_err() {
                    memory.abandon(Bucket::SIZE);
                }
                return Err(error);
            }
        };
        let bucket = home.unwrap_or_else(|fresh| {
            let (bucket, spare) = index.push(candidate.hash, candidate.head, fresh, anchor);
            if spare {
                memory.abandon(Bucket::SIZE);
            }
            bucket
        });
        // SAFETY: an anchor is a node of this list, linked before it was published (H1).
        bucket.lower(anchor, |anchor| unsafe {
            list.follows(anchor, candidate.target)
        });
        if let Some(refused) = refused {
            return Err(refused);
        }
        bucket.count();
        Ok(())
    }
}
