//! Writing nodes and linking them.

use super::node::{NodePtr, Word};
use super::search::Target;
use super::splice::Splice;
use super::{Sharing, SkipList, SpaceView};
use crate::arena::{Allocate, Offset};
use crate::entry::{EntryRef, Layout, Protection, write_record};
use crate::error::{Error, Result};
use crate::key::Comparator;
use crate::sync::ledger::{
    FAULT_SKIPLIST_KEEP_STALE_SUCCESSOR, FAULT_SKIPLIST_LINK_TOP_DOWN,
    FAULT_SKIPLIST_NO_DUPLICATE_RETRY, FAULT_SKIPLIST_STORE_LINK,
    FAULT_SKIPLIST_STORE_STALE_SPLICE,
};
use crate::sync::{fault, ord};

/// A node that is written and not linked yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewNode {
    pub(super) offset: Offset,
    pub(super) ptr: NodePtr,
    pub(super) prefix: u32,
    pub(super) allocated: usize,
}

/// An entry that is to become a node.
#[derive(Debug)]
pub(crate) struct Tower<'n> {
    pub(crate) entry: &'n EntryRef<'n>,
    pub(crate) target: &'n Target<'n>,
    /// What [`check`](SkipList::check) made of the entry.
    pub(crate) layout: &'n Layout,
    /// 1 to the list's `max_height`.
    pub(crate) height: usize,
}

impl<C: Comparator> SkipList<C> {
    /// Writes and links a node of some height where the splice says; returns its offset.
    ///
    /// # Safety
    ///
    /// As for [`insert_hinted`](Self::insert_hinted); the splice was filled for
    /// this list and target.
    #[expect(
        clippy::too_many_arguments,
        reason = "one step of two inserts, not an interface"
    )]
    pub(super) unsafe fn insert_located(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        splice: &mut Splice,
        entry: &EntryRef<'_>,
        target: &Target<'_>,
        layout: &Layout,
        height: usize,
        linked: impl FnOnce(),
    ) -> Result<Offset> {
        if splice.equal {
            return Err(Error::Duplicate);
        }
        self.fill_above(splice, target, height);
        let node = self.write_node(memory, entry, target, layout, height)?;
        // SAFETY: passed on from the caller; the node was made just now, and the splice knows
        // all of its levels.
        let done = unsafe { self.link_at::<false>(sharing, splice, node, target, height, linked) };
        if done.is_err() {
            memory.abandon(node.allocated);
        }
        done.map(|()| node.offset)
    }

    /// Fills the levels of the splice from those that it knows up to `height`.
    #[inline(always)]
    pub(super) fn fill_above(&self, splice: &mut Splice, target: &Target<'_>, height: usize) {
        for level in splice.height..height {
            // SAFETY: the head is a node of every level.
            let stop = unsafe { self.walk(self.view(), target, self.head, level, 0) };
            (splice.prev[level], splice.next[level]) = (stop.prev, stop.word);
        }
    }

    /// Links a node where the splice says. With `PARKED`, its level-0 link was made before.
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`], if another thread linked the entry meanwhile.
    ///
    /// # Safety
    ///
    /// As for [`insert_located`](Self::insert_located); the splice was filled for all levels
    /// of the node, which is linked nowhere, and nobody else uses it.
    #[inline(always)]
    pub(super) unsafe fn link_at<const PARKED: bool>(
        &self,
        sharing: Sharing,
        splice: &mut Splice,
        node: NewNode,
        target: &Target<'_>,
        height: usize,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let view = self.view();
        let known = splice.height;
        // Whatever happens to user code from here on, the splice is not trusted.
        splice.height = 0;
        let mut linked = Some(linked);
        let mut trusted = true;
        let top_down = fault(&FAULT_SKIPLIST_LINK_TOP_DOWN);
        for level in (0..height).filter(|_| top_down) {
            // SAFETY: the node has this level, and is nobody else's yet.
            unsafe { self.construct_link(node, level, splice.next[level]) };
        }
        // One loop for all, since its length is random: where a processor expects
        // it to end is a guess.
        for step in 0..height {
            let level = if top_down { height - 1 - step } else { step };
            let next = splice.next[level];
            if PARKED && level == 0 {
                // SAFETY: every node has this level.
                unsafe { Self::set_own_link(node.ptr, level, next) };
            } else if !top_down {
                // SAFETY: as above; nobody reads this link before the next step (S3).
                unsafe { self.construct_link(node, level, next) };
            }
            // SAFETY: a splice holds nodes found on their level.
            let prev = unsafe { Self::node(view, splice.prev[level]) };
            // SAFETY: as above; exclusivity is the caller's.
            if !unsafe { Self::publish(sharing, prev, level, next, node) } {
                // SAFETY: passed on from the caller.
                unsafe { self.link_again(sharing, view, splice, node, target, level) }?;
                trusted &= level == 0;
            }
            if level == 0 {
                if let Some(linked) = linked.take() {
                    linked();
                }
            }
            // What comes next goes behind the new node.
            splice.prev[level] = node.offset;
        }
        if trusted {
            splice.height = known.max(height);
        }
        Ok(())
    }

    /// Allocates a node and writes its record; its links are still to be made. (Left to itself, the
    /// compiler makes a call of it or not by what else there is in the crate: 50 instructions of 1,400.)
    #[inline(always)]
    pub(super) fn write_node(
        &self,
        memory: &mut impl Allocate,
        entry: &EntryRef<'_>,
        target: &Target<'_>,
        layout: &Layout,
        height: usize,
    ) -> Result<NewNode> {
        let record_len = self.checks.front_len() + layout.len;
        let allocated = NodePtr::size(height, record_len);
        let place = memory.allocate(allocated)?;
        // SAFETY: fresh memory of that size, aligned to `UNIT`.
        let ptr = unsafe { NodePtr::construct(place.ptr, height) };
        // SAFETY: constructed above, and not shared yet.
        unsafe { ptr.shadow() }.write();
        // SAFETY: the allocation has `record_len` bytes for the record and what lies in front.
        let record = unsafe { ptr.record() };
        let offset = place.offset + NodePtr::offset_in_allocation(height);
        if self.checks.plain() {
            // SAFETY: as above; blocks hold zeroes or what an earlier table wrote, so
            // the bytes are initialised, and nobody else has access to them yet.
            let record = unsafe { core::slice::from_raw_parts_mut(record.as_ptr(), record_len) };
            write_record(record, entry, layout, Protection::None);
        } else {
            // SAFETY: constructed above with room for all of it, and not shared yet.
            unsafe { self.write_special(ptr, offset, entry, layout) };
        }
        if height > self.levels() {
            self.height
                .fetch_max(height, ord!(SKIPLIST_HEIGHT_RAISE, Relaxed));
        }
        Ok(NewNode {
            offset,
            ptr,
            prefix: target.prefix(),
            allocated,
        })
    }

    /// Makes a node's own link, before anybody can read it.
    ///
    /// # Safety
    ///
    /// `level` is below the node's height, and the node is not linked there yet.
    #[inline(always)]
    pub(super) unsafe fn construct_link(&self, node: NewNode, level: usize, next: Word) {
        // SAFETY: passed on from the caller.
        unsafe { node.ptr.construct_link(level, next) };
        #[cfg(shuttle)]
        self.remember(node.offset, level);
    }

    /// Links a node on one level, after a first attempt failed because somebody
    /// else linked a node there.
    ///
    /// # Errors
    ///
    /// On level 0, a duplicate.
    ///
    /// # Safety
    ///
    /// As for [`insert_located`](Self::insert_located).
    #[cold]
    unsafe fn link_again(
        &self,
        sharing: Sharing,
        view: SpaceView<'_>,
        splice: &mut Splice,
        node: NewNode,
        target: &Target<'_>,
        level: usize,
    ) -> Result<()> {
        loop {
            // SAFETY: a splice holds nodes found on their level.
            let stop = unsafe { self.walk(view, target, splice.prev[level], level, 0) };
            if level == 0 && stop.equal && !fault(&FAULT_SKIPLIST_NO_DUPLICATE_RETRY) {
                return Err(Error::Duplicate);
            }
            (splice.prev[level], splice.next[level]) = (stop.prev, stop.word);
            if !fault(&FAULT_SKIPLIST_KEEP_STALE_SUCCESSOR) {
                // SAFETY: the node has this level, and nobody reads this link yet.
                unsafe { Self::set_own_link(node.ptr, level, stop.word) };
            }
            // SAFETY: the walk came by `prev` on this level.
            let prev = unsafe { Self::node(view, stop.prev) };
            // SAFETY: as above; exclusivity is the caller's.
            if unsafe { Self::publish(sharing, prev, level, stop.word, node) } {
                return Ok(());
            }
        }
    }

    /// Points a node's own link at its successor, before anybody can read it.
    ///
    /// # Safety
    ///
    /// `level` is below the node's height.
    #[inline(always)]
    pub(super) unsafe fn set_own_link(node: NodePtr, level: usize, next: Word) {
        // SAFETY: passed on from the caller.
        let link = unsafe { node.link(level) };
        if level == 0 {
            link.store(next.0, ord!(SKIPLIST_LINK0_INIT, Relaxed));
        } else {
            link.store(next.0, ord!(SKIPLIST_UPPER_INIT, Relaxed));
        }
    }

    /// Changes `prev`'s link from `expected` to the new node, if it still is `expected`.
    ///
    /// # Safety
    ///
    /// `prev` was found on `level` or above; with [`Sharing::Exclusive`] nobody
    /// else changes links.
    #[inline(always)]
    unsafe fn publish(
        sharing: Sharing,
        prev: NodePtr,
        level: usize,
        expected: Word,
        node: NewNode,
    ) -> bool {
        let word = Word::new(node.prefix, node.offset);
        let blind = fault(&FAULT_SKIPLIST_STORE_STALE_SPLICE);
        let exclusive = sharing == Sharing::Exclusive || fault(&FAULT_SKIPLIST_STORE_LINK) || blind;
        // SAFETY: passed on from the caller.
        if exclusive && !blind && unsafe { Self::link(prev, level) } != expected {
            return false;
        }
        // SAFETY: passed on from the caller.
        let link = unsafe { prev.link(level) };
        let exchanged = match (exclusive, level) {
            (true, 0) => {
                link.store(word.0, ord!(SKIPLIST_LINK0_STORE, Release));
                return true;
            }
            (true, _) => {
                link.store(word.0, ord!(SKIPLIST_UPPER_STORE, Release));
                return true;
            }
            (false, 0) => link.compare_exchange(
                expected.0,
                word.0,
                ord!(SKIPLIST_LINK0_CAS, Release),
                ord!(SKIPLIST_LINK0_CAS_FAILED, Relaxed),
            ),
            (false, _) => link.compare_exchange(
                expected.0,
                word.0,
                ord!(SKIPLIST_UPPER_CAS, Release),
                ord!(SKIPLIST_UPPER_CAS_FAILED, Relaxed),
            ),
        };
        exchanged.is_ok()
    }
}
