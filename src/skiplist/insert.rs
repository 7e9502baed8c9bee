//! Linking nodes.

use super::node::{NodePtr, Word};
use super::search::Target;
use super::splice::{Hint, Splice};
use super::{SkipList, SpaceView};
use crate::arena::{Allocate, Offset};
use crate::entry::{EntryRef, Layout, write_record};
use crate::error::{Error, Result};
use crate::key::{Comparator, MAX_SEQUENCE_NUMBER};
use crate::sync::ledger::{
    FAULT_SKIPLIST_KEEP_STALE_SUCCESSOR, FAULT_SKIPLIST_LINK_TOP_DOWN,
    FAULT_SKIPLIST_NO_DUPLICATE_RETRY, FAULT_SKIPLIST_STORE_LINK,
};
use crate::sync::{fault, ord};

/// Who else may be inserting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Anybody: links change by compare-exchange.
    Concurrent,
    /// Nobody: links change by plain release stores.
    Exclusive,
}

/// What an inserter keeps from one insert to the next.
#[derive(Debug)]
pub(crate) struct InsertContext {
    splice: Splice,
    /// The node last inserted; 0 before the first.
    last: Offset,
    /// True while inserts land next to each other: then the splice is tried first.
    run: bool,
}

impl InsertContext {
    pub(crate) const fn new() -> Self {
        Self {
            splice: Splice::new(),
            last: 0,
            run: true,
        }
    }
}

/// A node that is written and not linked yet.
#[derive(Debug, Clone, Copy)]
struct NewNode {
    offset: Offset,
    ptr: NodePtr,
    height: usize,
    prefix: u32,
    allocated: usize,
}

impl<C: Comparator> SkipList<C> {
    /// Inserts an entry; any number of threads may, at the same time. O(log n).
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`], the limit that the entry exceeds, [`Error::Full`],
    /// [`Error::OutOfMemory`]. Nothing is inserted then.
    pub fn insert(&self, entry: &EntryRef<'_>) -> Result<()> {
        let mut context = InsertContext::new();
        // SAFETY: concurrent inserts need no exclusivity.
        unsafe {
            self.insert_near(
                Sharing::Concurrent,
                &mut &*self.arena,
                &mut context,
                entry,
                || (),
            )
        }
    }

    /// As [`insert`](Self::insert), O(log d) when the hint's last insert was `d`
    /// entries away.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert), and [`Error::ForeignHint`].
    pub fn insert_with_hint(&self, hint: &mut Hint, entry: &EntryRef<'_>) -> Result<()> {
        // SAFETY: concurrent inserts need no exclusivity.
        unsafe { self.insert_hinted(Sharing::Concurrent, &mut &*self.arena, hint, entry, || ()) }
    }

    /// As [`insert`](Self::insert), without compare-exchange.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    pub fn insert_exclusive(&mut self, entry: &EntryRef<'_>) -> Result<()> {
        let mut context = InsertContext::new();
        // SAFETY: `&mut self` excludes every other writer.
        unsafe {
            self.insert_near(
                Sharing::Exclusive,
                &mut &*self.arena,
                &mut context,
                entry,
                || (),
            )
        }
    }

    /// Inserts where `hint` says, or wherever else it belongs; calls `linked` as
    /// soon as the entry is in the list.
    ///
    /// # Errors
    ///
    /// As for [`insert_with_hint`](Self::insert_with_hint).
    ///
    /// # Safety
    ///
    /// With [`Sharing::Exclusive`], no other thread inserts at the same time, and
    /// all earlier inserts happen before this one. `memory` allocates from this
    /// list's arena.
    pub(crate) unsafe fn insert_hinted(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        hint: &mut Hint,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        if hint.list_id != self.id {
            if hint.list_id != 0 {
                return Err(Error::ForeignHint);
            }
            hint.list_id = self.id;
        }
        let layout = self.check(entry)?;
        let target = Target::new(&self.comparator, entry.user_key, entry.sequence);
        let splice = &mut hint.splice;
        self.locate_from_splice(splice, &target);
        // SAFETY: passed on from the caller.
        unsafe { self.insert_located(sharing, memory, splice, entry, &target, &layout, linked) }
            .map(|_| ())
    }

    /// Inserts next to the context's last insert if that is where the entry
    /// belongs, otherwise by a search from the head.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    ///
    /// # Safety
    ///
    /// As for [`insert_hinted`](Self::insert_hinted); the context was used with
    /// this list only.
    #[inline]
    pub(crate) unsafe fn insert_near(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        context: &mut InsertContext,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let layout = self.check(entry)?;
        let target = Target::new(&self.comparator, entry.user_key, entry.sequence);
        let splice = &mut context.splice;
        if !(context.run && self.brackets(splice, &target)) {
            self.locate_from_head(splice, &target);
            let neighbours = [splice.prev[0], splice.next[0].offset()];
            context.run = context.last == 0 || neighbours.contains(&context.last);
        }
        // SAFETY: passed on from the caller.
        context.last = unsafe {
            self.insert_located(sharing, memory, splice, entry, &target, &layout, linked)?
        };
        Ok(())
    }

    /// Checks an entry's numbers.
    fn check(&self, entry: &EntryRef<'_>) -> Result<Layout> {
        if entry.sequence > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge {
                sequence: entry.sequence,
            });
        }
        Layout::new(entry.user_key.len(), entry.value.len(), self.protection)
    }

    /// Fills the splice by a search from the head.
    fn locate_from_head(&self, splice: &mut Splice, target: &Target<'_>) {
        splice.height = 0;
        let levels = self.levels();
        self.descend_into(splice, target, self.head, levels);
        splice.height = levels;
    }

    /// Fills the levels below `top` of the splice, going down and right from `prev`.
    ///
    /// `prev` is the head, or a node of level `top` before the target.
    fn descend_into(&self, splice: &mut Splice, target: &Target<'_>, mut prev: Offset, top: usize) {
        let view = self.view();
        let mut bound = 0;
        splice.equal = false;
        for level in (0..top).rev() {
            // SAFETY: `prev` is the head or was found on this level or above.
            let stop = unsafe { self.walk(view, target, prev, level, bound) };
            (splice.prev[level], splice.next[level]) = (stop.prev, stop.word);
            prev = stop.prev;
            if stop.word.offset() != bound {
                splice.equal = stop.equal;
                bound = stop.word.offset();
            }
        }
    }

    /// True when the target belongs exactly where the splice is on level 0.
    fn brackets(&self, splice: &mut Splice, target: &Target<'_>) -> bool {
        splice.height > 0 && self.brackets_on(splice, target, 0)
    }

    /// True when, on `level`, the splice's nodes are still adjacent and the
    /// target is between them.
    fn brackets_on(&self, splice: &mut Splice, target: &Target<'_>, level: usize) -> bool {
        let view = self.view();
        let (prev, word) = (splice.prev[level], splice.next[level]);
        // SAFETY: a splice holds nodes found on their level.
        let node = unsafe { Self::node(view, prev) };
        // SAFETY: as above.
        if unsafe { Self::link(node, level) } != word {
            return false;
        }
        if prev != self.head {
            // SAFETY: as above.
            let before = unsafe { self.compare(view, prev, target) };
            if !before.is_lt() {
                return false;
            }
        }
        if word.offset() == 0 {
            splice.equal = false;
            return true;
        }
        // SAFETY: as above.
        let after = unsafe { self.compare(view, word.offset(), target) };
        splice.equal = after.is_eq();
        after.is_ge()
    }

    /// Fills the splice starting from what it says, climbing as high as needed.
    fn locate_from_splice(&self, splice: &mut Splice, target: &Target<'_>) {
        let known = splice.height;
        let Some(level) = (0..known).find(|&level| self.brackets_on(splice, target, level)) else {
            return self.locate_from_head(splice, target);
        };
        if level > 0 {
            splice.height = 0;
            let from = splice.prev[level];
            let equal = splice.equal;
            let bound = splice.next[level].offset();
            self.descend_into(splice, target, from, level);
            if splice.next[0].offset() == bound {
                splice.equal = equal;
            }
            splice.height = known;
        }
    }

    /// Writes and links a node where the splice says; returns its offset.
    ///
    /// # Safety
    ///
    /// As for [`insert_hinted`](Self::insert_hinted); the splice was filled for
    /// this list and target.
    #[expect(
        clippy::too_many_arguments,
        reason = "one step of two inserts, not an interface"
    )]
    unsafe fn insert_located(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        splice: &mut Splice,
        entry: &EntryRef<'_>,
        target: &Target<'_>,
        layout: &Layout,
        linked: impl FnOnce(),
    ) -> Result<Offset> {
        if splice.equal {
            return Err(Error::Duplicate);
        }
        let view = self.view();
        let node = self.write_node(memory, entry, target, layout)?;
        let known = splice.height;
        // Whatever happens to user code from here on, the splice is not trusted.
        splice.height = 0;
        for level in known..node.height {
            // SAFETY: the head is a node of every level.
            let stop = unsafe { self.walk(view, target, self.head, level, 0) };
            (splice.prev[level], splice.next[level]) = (stop.prev, stop.word);
        }
        let mut linked = Some(linked);
        let mut trusted = true;
        let top_down = fault(&FAULT_SKIPLIST_LINK_TOP_DOWN);
        for step in 0..node.height {
            let level = if top_down {
                node.height - 1 - step
            } else {
                step
            };
            // SAFETY: passed on from the caller.
            let first = unsafe { self.link_level(sharing, view, splice, node, target, level) };
            let Ok(first) = first else {
                memory.abandon(node.allocated);
                return Err(Error::Duplicate);
            };
            trusted &= first || level == 0;
            if let (0, Some(linked)) = (level, linked.take()) {
                linked();
            }
        }
        splice.prev[..node.height].fill(node.offset);
        if trusted {
            splice.height = known.max(node.height);
        }
        Ok(node.offset)
    }

    /// Allocates a node and writes its record.
    fn write_node(
        &self,
        memory: &mut impl Allocate,
        entry: &EntryRef<'_>,
        target: &Target<'_>,
        layout: &Layout,
    ) -> Result<NewNode> {
        let height = self.heights.draw(entry);
        let allocated = NodePtr::size(height, layout.len);
        let place = memory.allocate(allocated)?;
        // SAFETY: fresh memory of that size, aligned to `UNIT`.
        let ptr = unsafe { NodePtr::construct(place.ptr, height) };
        // SAFETY: constructed above, and not shared yet.
        unsafe { ptr.shadow() }.write();
        // SAFETY: the allocation has `layout.len` bytes for the record.
        let record = unsafe { ptr.record() };
        // SAFETY: as above; blocks start out zeroed, so the bytes are initialised,
        // and nobody else has access to them yet.
        let record = unsafe { core::slice::from_raw_parts_mut(record.as_ptr(), layout.len) };
        write_record(record, entry, layout, self.protection);
        let offset = place.offset + NodePtr::offset_in_allocation(height);
        #[cfg(shuttle)]
        self.remember(offset, height);
        if height > self.levels() {
            self.height
                .fetch_max(height, ord!(SKIPLIST_HEIGHT_RAISE, Relaxed));
        }
        Ok(NewNode {
            offset,
            ptr,
            height,
            prefix: target.prefix(),
            allocated,
        })
    }

    /// Links a node on one level; true when the first attempt succeeded.
    ///
    /// # Errors
    ///
    /// On level 0, a duplicate.
    ///
    /// # Safety
    ///
    /// As for [`insert_located`](Self::insert_located).
    unsafe fn link_level(
        &self,
        sharing: Sharing,
        view: SpaceView<'_>,
        splice: &mut Splice,
        node: NewNode,
        target: &Target<'_>,
        level: usize,
    ) -> Result<bool> {
        let mut first = true;
        loop {
            let (prev, next) = (splice.prev[level], splice.next[level]);
            if first || !fault(&FAULT_SKIPLIST_KEEP_STALE_SUCCESSOR) {
                // SAFETY: `level < node.height`, and nobody reads this link yet.
                unsafe { Self::set_own_link(node.ptr, level, next) };
            }
            // SAFETY: a splice holds nodes found on their level.
            let prev_node = unsafe { Self::node(view, prev) };
            // SAFETY: as above; exclusivity is the caller's.
            if unsafe { Self::publish(sharing, prev_node, level, next, node) } {
                return Ok(first);
            }
            first = false;
            // SAFETY: as above.
            let stop = unsafe { self.walk(view, target, prev, level, 0) };
            if level == 0 && stop.equal && !fault(&FAULT_SKIPLIST_NO_DUPLICATE_RETRY) {
                return Err(Error::Duplicate);
            }
            (splice.prev[level], splice.next[level]) = (stop.prev, stop.word);
        }
    }

    /// Points a node's own link at its successor, before anybody can read it.
    ///
    /// # Safety
    ///
    /// `level` is below the node's height.
    #[inline(always)]
    unsafe fn set_own_link(node: NodePtr, level: usize, next: Word) {
        if level == 0 {
            // SAFETY: every node has level 0.
            let link = unsafe { node.link0() };
            link.store(next.offset(), ord!(SKIPLIST_LINK0_INIT, Relaxed));
        } else {
            // SAFETY: passed on from the caller.
            let link = unsafe { node.upper(level) };
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
        let exclusive = sharing == Sharing::Exclusive || fault(&FAULT_SKIPLIST_STORE_LINK);
        // SAFETY: passed on from the caller.
        if exclusive && unsafe { Self::link(prev, level) } != expected {
            return false;
        }
        if level == 0 {
            // SAFETY: every node has level 0.
            let link = unsafe { prev.link0() };
            if exclusive {
                link.store(node.offset, ord!(SKIPLIST_LINK0_STORE, Release));
                return true;
            }
            link.compare_exchange(
                expected.offset(),
                node.offset,
                ord!(SKIPLIST_LINK0_CAS, Release),
                ord!(SKIPLIST_LINK0_CAS_FAILED, Relaxed),
            )
            .is_ok()
        } else {
            // SAFETY: passed on from the caller.
            let link = unsafe { prev.upper(level) };
            if exclusive {
                link.store(word.0, ord!(SKIPLIST_UPPER_STORE, Release));
                return true;
            }
            link.compare_exchange(
                expected.0,
                word.0,
                ord!(SKIPLIST_UPPER_CAS, Release),
                ord!(SKIPLIST_UPPER_CAS_FAILED, Relaxed),
            )
            .is_ok()
        }
    }
}
