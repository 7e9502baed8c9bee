//! Nodes that are written first and linked later.
//!
//! A *parked* node has its record, its height, and no place in the list. Until it gets one,
//! nobody follows its level-0 link, which holds something else meanwhile: the node's height, and
//! the offset of another parked node, so that parked nodes form chains without memory of
//! their own. Its links above are made when it is linked. Who holds a chain, and who links,
//! is for the user of these functions to settle: [`VectorRep`](crate::rep::VectorRep).

use super::link::NewNode;
use super::node::{Position, Word};
use super::search::Target;
use super::trail::ask_for;
use super::{InsertContext, Sharing, SkipList};
use crate::arena::{Allocate, Offset};
use crate::entry::EntryRef;
use crate::error::{Corruption, Error, Result};
use crate::key::{Comparator, tag_sequence};
use crate::sync::ord;

/// Where a parked node was linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    /// Where it belongs.
    InPlace,
    /// In front of all others: it is damaged, and nobody knows where it belongs.
    Damaged,
}

/// Cache lines of a parked node that are asked for before it is linked.
const LINES: usize = 1;

impl<C: Comparator> SkipList<C> {
    /// Writes an entry as a parked node in front of `next`, which is parked, or 0 for none.
    ///
    /// # Errors
    ///
    /// The limit that the entry exceeds, [`Error::Full`], [`Error::OutOfMemory`].
    #[inline]
    pub(crate) fn park(
        &self,
        memory: &mut impl Allocate,
        entry: &EntryRef<'_>,
        next: Offset,
    ) -> Result<Offset> {
        let layout = self.check(entry)?;
        let target = Target::new(self.comparator(), entry.user_key, entry.sequence);
        let height = self.heights.draw(entry);
        let node = self.write_node(memory, entry, &target, &layout, height)?;
        // SAFETY: the node was made just now, and is nobody else's yet.
        unsafe { self.construct_link(node, 0, Word::new(height as u32, next)) };
        Ok(node.offset)
    }

    /// What the level-0 link of a parked node holds: its height, and the next parked node.
    ///
    /// # Safety
    ///
    /// `node` is parked in this list, its parking happens before this call, and nobody links it
    /// at the same time.
    #[inline]
    unsafe fn parked_word(&self, node: Offset) -> (usize, Offset) {
        // SAFETY: `park` made the node in this list's arena.
        let ptr = unsafe { Self::node(self.view(), node) };
        // SAFETY: `park` made this link.
        let link = unsafe { ptr.link(0) };
        let word = Word(link.load(ord!(SKIPLIST_PARKED_LOAD, Relaxed)));
        (word.prefix() as usize, word.offset())
    }

    /// The parked node behind another one; 0 is none.
    ///
    /// # Safety
    ///
    /// As for [`parked_before`](Self::parked_before).
    #[inline]
    pub(crate) unsafe fn after_parked(&self, node: Offset) -> Offset {
        // SAFETY: passed on from the caller.
        unsafe { self.parked_word(node) }.1
    }

    /// Puts a parked node in front of another one, or of none.
    ///
    /// # Safety
    ///
    /// As for [`parked_before`](Self::parked_before), and nobody else uses the node.
    #[inline]
    pub(crate) unsafe fn park_before(&self, node: Offset, next: Offset) {
        // SAFETY: passed on from the caller.
        let (height, _) = unsafe { self.parked_word(node) };
        // SAFETY: `park` made the node in this list's arena.
        let ptr = unsafe { Self::node(self.view(), node) };
        // SAFETY: `park` made this link.
        let link = unsafe { ptr.link(0) };
        let word = Word::new(height as u32, next);
        link.store(word.0, ord!(SKIPLIST_PARKED_STORE, Relaxed));
    }

    /// What a parked node is sorted by first: the prefix of its key, or 0 for one that cannot be
    /// read.
    ///
    /// # Safety
    ///
    /// As for [`parked_before`](Self::parked_before).
    #[inline]
    pub(crate) unsafe fn parked_prefix(&self, node: Offset) -> u32 {
        // SAFETY: passed on from the caller.
        unsafe { self.parked_target(node) }.map_or(0, |target| target.prefix())
    }

    /// Whether the first of two parked nodes belongs before the second; one that cannot be read
    /// does.
    ///
    /// # Safety
    ///
    /// Both are parked in this list, their parking happens before this call, and nobody links
    /// them at the same time.
    pub(crate) unsafe fn parked_before(&self, first: Offset, second: Offset) -> bool {
        // SAFETY: passed on from the caller.
        let Some(second) = (unsafe { self.parked_target(second) }) else {
            return false;
        };
        // SAFETY: as above; the record was written before the node was parked.
        unsafe { self.compare(self.view(), first, &second) }.is_lt()
    }

    /// The entry of a parked node.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when its lengths or its checksum differ.
    ///
    /// # Safety
    ///
    /// As for [`parked_before`](Self::parked_before).
    pub(crate) unsafe fn parked_entry(&self, node: Offset) -> Result<EntryRef<'_>> {
        let node = Position::new(node).ok_or(Corruption::Lengths)?;
        // SAFETY: passed on from the caller; the record was written before the node was parked.
        unsafe { self.entry_at(node) }
    }

    /// Has a parked node come closer, since it is linked soon.
    ///
    /// # Safety
    ///
    /// As for [`parked_before`](Self::parked_before).
    #[inline(always)]
    pub(crate) unsafe fn ask_for_parked(&self, node: Offset) {
        // SAFETY: passed on from the caller.
        unsafe { ask_for(self.view(), node, LINES) };
    }

    /// Links a parked node: next to the last one that the context knows if it belongs there,
    /// else by a search from there. Calls `linked` as soon as it can be found. O(log d), `d`
    /// entries away from the last one.
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`]: the list has the entry, and the node stays parked.
    ///
    /// # Safety
    ///
    /// `node` is parked in this list; its parking, and all that was linked before, happen before
    /// this call; nobody else uses it or links at the same time, and all that is linked goes by
    /// this function and this context.
    pub(crate) unsafe fn link_parked(
        &self,
        context: &mut InsertContext,
        node: Offset,
        linked: impl FnOnce(),
    ) -> Result<Linked> {
        // SAFETY: passed on from the caller.
        let (height, _) = unsafe { self.parked_word(node) };
        // SAFETY: `park` made the node in this list's arena.
        let ptr = unsafe { Self::node(self.view(), node) };
        let last_prefix = core::mem::replace(&mut context.last_prefix, u32::MAX);
        // SAFETY: passed on from the caller.
        let readable = self.checks.plain() || unsafe { self.parked_entry(node) }.is_ok();
        // SAFETY: as above.
        let target = unsafe { self.parked_target(node) }.filter(|_| readable);
        let splice = &mut context.splice;
        let mut new = NewNode {
            offset: node,
            ptr,
            prefix: 0,
            allocated: 0,
        };
        let Some(target) = target else {
            splice.height = 0;
            // SAFETY: the head is a node of every level.
            let head = unsafe { Self::node(self.view(), self.head) };
            for level in 0..height {
                // SAFETY: as above.
                let first = unsafe { Self::link(head, level) };
                (splice.prev[level], splice.next[level]) = (self.head, first);
            }
            let nobody = Target {
                user_key: &[],
                sequence: 0,
                prefix: 0,
            };
            let sharing = Sharing::Exclusive;
            // SAFETY: the splice has the place in front, on all levels of the node.
            unsafe { self.link_at::<true>(sharing, splice, new, &nobody, height, linked) }?;
            return Ok(Linked::Damaged);
        };
        let follows = C::BYTE_PREFIX && last_prefix < target.prefix();
        let near = splice.height > 0 && self.brackets(splice, &target, 0, follows);
        if !near {
            self.locate_from_splice(splice, &target);
        }
        if splice.equal {
            return Err(Error::Duplicate);
        }
        self.fill_above(splice, &target, height);
        new.prefix = target.prefix();
        // SAFETY: the splice was filled for this target, on all levels of the node; the rest is
        // passed on from the caller.
        unsafe { self.link_at::<true>(Sharing::Exclusive, splice, new, &target, height, linked) }?;
        context.last_prefix = target.prefix();
        Ok(Linked::InPlace)
    }

    /// What a search for a parked node's entry looks for; nothing if it cannot be read.
    ///
    /// # Safety
    ///
    /// As for [`parked_before`](Self::parked_before).
    #[inline]
    unsafe fn parked_target(&self, node: Offset) -> Option<Target<'_>> {
        // SAFETY: passed on from the caller; the record was written before the node was parked.
        let (user_key, tag) = unsafe { self.key_of(self.view(), node) }?;
        Some(Target::new(self.comparator(), user_key, tag_sequence(tag)))
    }
}
