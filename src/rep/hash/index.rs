//! Slots and buckets: from the hash of a prefix to an anchor.
//!
//! A slot holds the first bucket of a chain, each bucket the next one; both beside 32 bits of
//! that bucket's hash, so that other buckets are passed over by a look at what leads to them. All
//! of it lies in the arena.

use core::fmt;
use core::ptr::NonNull;

use crate::arena::{Allocate, ConcurrentArena, Offset, SpaceView, UNIT};
use crate::bloom::{place, seeded_hash};
use crate::error::Result;
use crate::key::{Comparator, PrefixExtractor, without_timestamp};
use crate::skiplist::Word;
use crate::sync::ledger::{FAULT_HASH_ANCHOR_STORE, FAULT_HASH_GIVE_UP, FAULT_HASH_NO_RESCAN};
use crate::sync::{Arc, AtomicU64, Shadow, fault, ord, prefetch, random_u64};

/// The chains of buckets.
pub(super) struct Index {
    slots: &'static [AtomicU64],
    space: SpaceView<'static>,
    extractor: Arc<dyn PrefixExtractor>,
    seed: u64,
    #[cfg(shuttle)]
    owned: crate::sync::Towers,
    /// Keeps the slots and buckets where they are.
    _arena: Arc<ConcurrentArena>,
}

/// Which bucket a prefix has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash {
    slot: usize,
    tag: u32,
}

/// What the index knows of a prefix, or rather of all with its hash.
pub(super) struct Bucket {
    /// The next one of the chain. Written before the bucket is pushed.
    next: Word,
    /// A node that no entry of the bucket lies before; see [`anchor`](Self::anchor).
    anchor: AtomicU64,
    entries: AtomicU64,
    /// Stands for `next` under a checker.
    shadow: Shadow,
}

const _: () = assert!(align_of::<Bucket>() <= UNIT && align_of::<AtomicU64>() <= UNIT);

/// A bucket that is in no chain yet.
#[derive(Debug)]
pub(super) struct Fresh {
    ptr: NonNull<Bucket>,
    offset: Offset,
}

/// What was found in a chain, and where that began.
pub(super) struct Seen<'i> {
    pub(super) head: Word,
    pub(super) bucket: Option<&'i Bucket>,
}

impl Bucket {
    /// Bytes that a bucket takes of the arena.
    pub(super) const SIZE: usize = size_of::<Self>();

    /// The anchor: an entry of the bucket before all others, or a node before them all, which
    /// may be the head. It has H levels (H1).
    #[inline(always)]
    pub(super) fn anchor(&self) -> Word {
        Word(self.anchor.load(ord!(HASH_ANCHOR_LOAD, Acquire)))
    }

    /// Makes another node the anchor, for as long as it `is_behind` what must not lie before it.
    pub(super) fn lower(&self, to: Word, is_behind: impl Fn(Word) -> bool) {
        let mut anchor = self.anchor();
        while is_behind(anchor) {
            if fault(&FAULT_HASH_ANCHOR_STORE) {
                self.anchor
                    .store(to.0, ord!(HASH_ANCHOR_FAULT_STORE, Relaxed));
                return;
            }
            let lowered = self.anchor.compare_exchange(
                anchor.0,
                to.0,
                ord!(HASH_ANCHOR_LOWER, Release),
                ord!(HASH_ANCHOR_LOWER_FAILED, Relaxed),
            );
            if lowered.is_ok() || fault(&FAULT_HASH_GIVE_UP) {
                return;
            }
            anchor = self.anchor();
        }
    }

    /// How many entries were added: a reading.
    #[inline(always)]
    pub(super) fn entries(&self) -> u64 {
        self.entries.load(ord!(HASH_ENTRIES_LOAD, Relaxed))
    }

    /// Counts an entry.
    #[inline(always)]
    pub(super) fn count(&self) {
        self.entries.fetch_add(1, ord!(HASH_ENTRIES_ADD, Relaxed));
    }
}

impl Index {
    /// An index of so many slots, all empty.
    ///
    /// # Errors
    ///
    /// [`Error::Full`](crate::Error::Full), [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(super) fn new(
        arena: &Arc<ConcurrentArena>,
        slots: usize,
        extractor: Arc<dyn PrefixExtractor>,
    ) -> Result<Self> {
        let memory = arena.allocate(slots.saturating_mul(size_of::<AtomicU64>()))?;
        let first = memory.ptr.cast::<AtomicU64>();
        for index in 0..slots {
            // SAFETY: inside of the allocation.
            let slot = unsafe { first.add(index) };
            // SAFETY: aligned to `UNIT`, in bounds, and nobody else's.
            unsafe { slot.write(AtomicU64::new(0)) };
        }
        let slots = NonNull::slice_from_raw_parts(first, slots);
        #[cfg(shuttle)]
        let owned = crate::sync::Towers::default();
        // SAFETY: the slots were made above, and die with the index.
        #[cfg(shuttle)]
        owned.remember(move || unsafe { slots.drop_in_place() });
        Ok(Self {
            // SAFETY: made above; the arena, which the index holds, keeps them where they are,
            // and only shared references to them exist.
            slots: unsafe { slots.as_ref() },
            // SAFETY: the index holds the arena for as long as it is used itself.
            space: unsafe { arena.view().detach() },
            extractor,
            seed: random_u64(),
            #[cfg(shuttle)]
            owned,
            _arena: Arc::clone(arena),
        })
    }

    /// The hash of a key's prefix, if it has one. Calls the extractor.
    #[inline(always)]
    pub(super) fn hash<C: Comparator>(&self, user_key: &[u8]) -> Option<Hash> {
        let prefix = self.extractor.transform(without_timestamp::<C>(user_key))?;
        let hash = seeded_hash(prefix, self.seed);
        Some(Hash {
            slot: place(hash, self.slots.len()),
            tag: hash as u32,
        })
    }

    /// Searches for a bucket.
    #[inline(always)]
    pub(super) fn find(&self, hash: Hash) -> Seen<'_> {
        self.scan(hash, 0)
    }

    /// Searches for a bucket, up to one that was looked at before; 0 is the end of the chain.
    #[inline(always)]
    fn scan(&self, hash: Hash, until: Offset) -> Seen<'_> {
        let head = self.head(hash.slot);
        let mut at = head;
        while at.offset() != 0 && at.offset() != until {
            // SAFETY: a slot led to it.
            let bucket = unsafe { self.bucket(at) };
            if at.prefix() == hash.tag {
                return Seen {
                    head,
                    bucket: Some(bucket),
                };
            }
            at = bucket.next;
        }
        Seen { head, bucket: None }
    }

    #[inline(always)]
    fn head(&self, slot: usize) -> Word {
        Word(self.slots[slot].load(ord!(HASH_SLOT_LOAD, Acquire)))
    }

    /// The bucket that a word leads to.
    ///
    /// # Safety
    ///
    /// The word was loaded from a slot of this index, or found in a bucket so reached.
    #[inline(always)]
    unsafe fn bucket(&self, word: Word) -> &Bucket {
        // SAFETY: buckets are allocated from this arena.
        let place = unsafe { self.space.resolve(word.offset()) };
        // SAFETY: `allocate` made it there; it was pushed by a release, and each that is pushed
        // passes on those behind it, which were acquired before. Only shared references exist.
        let bucket: &Bucket = unsafe { place.cast().as_ref() };
        bucket.shadow.read();
        bucket
    }

    /// Makes a bucket.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub(super) fn allocate(&self, memory: &mut impl Allocate) -> Result<Fresh> {
        let place = memory.allocate(Bucket::SIZE)?;
        let ptr = place.ptr.cast::<Bucket>();
        let bucket = Bucket {
            next: Word(0),
            anchor: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            shadow: Shadow::new(),
        };
        // SAFETY: fresh memory of that size, aligned to `UNIT`.
        unsafe { ptr.write(bucket) };
        // SAFETY: made above, and dies with the index.
        #[cfg(shuttle)]
        self.owned.remember(move || unsafe { ptr.drop_in_place() });
        Ok(Fresh {
            ptr,
            offset: place.offset,
        })
    }

    /// Publishes a bucket with an anchor, unless there is one by now of which there was none
    /// in the chain that began with `head`. Returns that of the hash, and whether the other was
    /// made in vain.
    pub(super) fn push(
        &self,
        hash: Hash,
        mut head: Word,
        mut fresh: Fresh,
        anchor: Word,
    ) -> (&Bucket, bool) {
        loop {
            // SAFETY: `allocate` made it, and nobody else has it.
            let bucket = unsafe { fresh.ptr.as_mut() };
            bucket.shadow.write();
            bucket.next = head;
            bucket
                .anchor
                .store(anchor.0, ord!(HASH_ANCHOR_INIT, Relaxed));
            let pushed = self.slots[hash.slot].compare_exchange(
                head.0,
                Word::new(hash.tag, fresh.offset).0,
                ord!(HASH_SLOT_PUSH, Release),
                ord!(HASH_SLOT_PUSH_FAILED, Relaxed),
            );
            if pushed.is_ok() {
                // SAFETY: only shared references to it exist from here on.
                return (unsafe { fresh.ptr.as_ref() }, false);
            }
            let seen = self.scan(hash, head.offset());
            if let (Some(bucket), false) = (seen.bucket, fault(&FAULT_HASH_NO_RESCAN)) {
                return (bucket, true);
            }
            head = seen.head;
        }
    }

    /// Asks for the slot of a hash.
    #[inline(always)]
    pub(super) fn ask_for_slot(&self, hash: Hash) {
        prefetch(NonNull::from(&self.slots[hash.slot]).cast(), 0);
    }

    /// Asks for the first bucket of a slot.
    #[inline(always)]
    pub(super) fn ask_for_bucket(&self, hash: Hash) {
        let head = self.head(hash.slot);
        // SAFETY: a bucket of this arena, or 0, which is not read.
        prefetch(unsafe { self.space.resolve(head.offset()) }, 0);
    }

    /// The chain of each slot.
    pub(super) fn chains(&self) -> impl Iterator<Item = impl Iterator<Item = &Bucket>> {
        (0..self.slots.len()).map(move |slot| {
            let mut at = self.head(slot);
            core::iter::from_fn(move || {
                if at.offset() == 0 {
                    return None;
                }
                // SAFETY: a slot led to it.
                let bucket = unsafe { self.bucket(at) };
                at = bucket.next;
                Some(bucket)
            })
        })
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("slots", &self.slots.len())
            .field("extractor", &self.extractor)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::arena::ArenaOptions;
    use crate::key::{BytewiseComparator, FixedPrefix};

    #[test]
    fn x4_slots_depend_on_the_seed() {
        let slots = || {
            let arena = Arc::new(ConcurrentArena::new(ArenaOptions::default()).unwrap());
            let index = Index::new(&arena, 1_000, Arc::new(FixedPrefix(2))).unwrap();
            let hash = |key: u16| index.hash::<BytewiseComparator>(&key.to_be_bytes());
            let slots = (0..50).map(|key| hash(key).unwrap().slot);
            slots.collect::<Vec<_>>()
        };
        let (one, other) = (slots(), slots());
        assert_ne!(one, other);
        assert!(one.iter().any(|&slot| slot >= 500) && one.iter().any(|&slot| slot < 500));
    }
}
