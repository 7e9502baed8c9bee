//! Hashed representations: one ordered skiplist with hashed ways into it (SPEC R2, R3, R6).
//!
//! All entries are in one [`SkipList`](crate::skiplist::SkipList), in order. For each hash of a
//! prefix there is a *bucket*, which remembers an *anchor*: the first entry with such a prefix.
//! A lookup hashes the prefix of its key and searches from the anchor on, through the entries of
//! the bucket only, instead of from the head. Everything else is the list's: walks in either
//! direction over all entries copy nothing and sort nothing, and checksums, overwriting,
//! timestamps and hints work as they do there.
//!
//! # Thread safety
//!
//! That of the skiplist: any number of threads read and insert at the same time; readers never
//! wait and never write, inserts are lock-free. The index takes one load of a slot, one of a
//! bucket for each that the slot has, and one of an anchor.
//!
//! # Invariants
//!
//! *H levels* are the lower levels of the list, as many as the option `height` says.
//!
//! 1. **H1, anchors have H levels.** A node is linked on H levels before it becomes an anchor,
//!    by a release; and whoever searches from it loaded it by an acquire. So these levels can be
//!    read, and nothing above them is.
//! 2. **H2, one bucket per hash.** A bucket is pushed in front of the chain of its slot by a
//!    compare-exchange from the head at which the search for it began. Buckets stay.
//! 3. **H3, anchors fall.** An anchor only ever changes to a node that lies before it.
//! 4. **H4, nothing lies before its anchor.** When an insert returns, also one that is refused as a
//!    duplicate, the anchor of the bucket is the entry or lies before it. So who learnt of an
//!    entry finds it by its bucket: either it is the anchor, or the search that begins there meets it.
//! 5. **H5, starts only.** Which bucket a key has is asked of the extractor each time, and the
//!    order of the list is total. An extractor that gives one key two prefixes makes lookups miss
//!    entries, and does no other harm.
//!
//! By H4 a lookup of a key that is at or before its anchor finds the anchor or nothing, and one
//! without a bucket finds nothing: both without a search.
//!
//! Two prefixes may have one hash. They share a bucket then, whose anchor is the first entry of
//! both, and lookups of one come by entries of the other: a matter of time, which 32 bits beside
//! the slot's own make rare, and for which no key has to be read.
//!
//! While an entry is being inserted a cursor may meet it before a lookup finds it.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | a slot | anyone: compare-exchange | anyone |
//! | a bucket's successor | who made it, before it is pushed | anyone who followed a link |
//! | an anchor | anyone: compare-exchange to a node before it | anyone |
//! | a bucket's count | anyone, relaxed | anyone |
//!
//! # Duplicates
//!
//! Who is refused since the entry is there may have met it while its own writer has not
//! published it yet. The node cannot become the anchor, since it may lack levels; but any node
//! before it that has H levels can, and the last of those that the search came by does (H4).
//!
//! # Towers
//!
//! An entry that becomes the first of its bucket gets H levels, and above them as many as the
//! table's options draw. Any other gets as many as the factory's branching draws; one in
//! `branching^H` goes beyond H and on by the table's options. So searches from the head are as
//! long as the logarithm of the number of entries, however they are spread over prefixes. What is
//! sought in a bucket with very many entries is sought from the head.
//!
//! In a [`HashLinkListRep`] nodes have one level while there are few in their bucket. As more come,
//! they get towers: the list becomes a skiplist while it is read.
//!
//! Sources: RocksDB's `hash_skiplist_rep.cc` and `hash_linklist_rep.cc`, whose buckets are
//! structures of their own, so that iterating over all of them sorts a copy.

mod distribution;
mod factory;
mod index;
mod insert;
mod read;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod towers;

pub use distribution::BucketDistribution;
pub use factory::{Fallback, HashLinkListFactory, HashSkipListFactory};

use core::fmt;

use crate::key::{BytewiseComparator, Comparator};
use crate::skiplist::{Position, SkipList, Start, Target, Word};
use index::{Bucket, Index};
use towers::Towers;

/// A skiplist with hashed entry points, as a [`HashSkipListFactory`] or a
/// [`HashLinkListFactory`] makes it.
pub struct HashRep<C = BytewiseComparator> {
    name: &'static str,
    hashed: Result<Hashed, Fallback>,
    list: SkipList<C>,
}

/// Buckets that are skiplists (SPEC R2).
pub type HashSkipListRep<C> = HashRep<C>;

/// Buckets that are lists while they are short (SPEC R3).
pub type HashLinkListRep<C> = HashRep<C>;

/// What makes the difference from a plain skiplist.
#[derive(Debug)]
struct Hashed {
    index: Index,
    towers: Towers,
}

impl<C: Comparator> HashRep<C> {
    /// Why the table stands on a plain skiplist (SPEC R5), if it does.
    #[must_use]
    pub fn fell_back(&self) -> Option<Fallback> {
        self.hashed.as_ref().err().copied()
    }

    /// How the entries are spread over buckets; `None` if there are none. O(buckets). RocksDB
    /// logs as much when it flushes such a table.
    #[must_use]
    pub fn bucket_distribution(&self) -> Option<BucketDistribution> {
        let hashed = self.hashed.as_ref().ok()?;
        Some(BucketDistribution::of(&hashed.index))
    }

    /// The bucket of a target, if its key has a prefix; `None` inside where there is no bucket.
    #[inline(always)]
    fn bucket(&self, target: &Target<'_>) -> Option<(&Hashed, Option<&Bucket>)> {
        let hashed = self.hashed.as_ref().ok()?;
        let hash = hashed.index.hash::<C>(target.user_key)?;
        Some((hashed, hashed.index.find(hash).bucket))
    }

    /// What a lookup finds in a bucket.
    #[inline(always)]
    fn find_in(
        &self,
        hashed: &Hashed,
        bucket: Option<&Bucket>,
        target: &Target<'_>,
    ) -> Option<Position> {
        let bucket = bucket?;
        let anchor = bucket.anchor();
        // SAFETY: an anchor is a node of this list, linked before it was published (H1).
        if !unsafe { self.list.precedes(anchor, target) } {
            // SAFETY: as above; the head precedes everything.
            return unsafe { self.list.if_of(anchor, target) };
        }
        self.list
            .find_from(self.start_in(hashed, bucket, anchor), target)
    }

    /// Where a search in a bucket begins whose anchor lies before what is sought.
    #[inline(always)]
    fn start_in(&self, hashed: &Hashed, bucket: &Bucket, anchor: Word) -> Start {
        if hashed.towers.is_crowded(bucket.entries()) {
            return self.list.top();
        }
        // SAFETY: anchors have these levels, which were linked before they were published (H1).
        unsafe { self.list.start(anchor, hashed.towers.levels()) }
    }

    /// Where a search for any entry begins.
    #[inline(always)]
    fn start(&self, target: &Target<'_>) -> Start {
        match self.bucket(target) {
            Some((hashed, bucket)) => self.start_of(hashed, bucket, target),
            None => self.list.top(),
        }
    }

    /// Where a search for any entry begins, by the bucket of its key.
    #[inline(always)]
    fn start_of(&self, hashed: &Hashed, bucket: Option<&Bucket>, target: &Target<'_>) -> Start {
        let Some(bucket) = bucket else {
            return self.list.top();
        };
        let anchor = bucket.anchor();
        // SAFETY: an anchor is a node of this list, linked before it was published (H1).
        if !unsafe { self.list.precedes(anchor, target) } {
            return self.list.top();
        }
        self.start_in(hashed, bucket, anchor)
    }

    /// The list behind it, for tests and models.
    #[cfg(any(test, loom, shuttle))]
    pub(crate) fn list(&self) -> &SkipList<C> {
        &self.list
    }
}

impl<C: Comparator> fmt::Debug for HashRep<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashRep")
            .field("name", &self.name)
            .field("hashed", &self.hashed)
            .field("list", &self.list)
            .finish()
    }
}
