//! Finding places in the list.

use core::cmp::Ordering;

use super::height::MAX_HEIGHT;
use super::node::{NodePtr, Word};
use super::{SkipList, SpaceView};
use crate::arena::Offset;
use crate::key::{Comparator, SequenceNumber, tag_sequence};
use crate::sync::ledger::FAULT_SKIPLIST_SKIP_LEVEL0_COMPARE;
use crate::sync::{fault, ord, random_u64};

/// What a search looks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'k> {
    pub(crate) user_key: &'k [u8],
    pub(crate) sequence: SequenceNumber,
    prefix: u32,
}

impl<'k> Target<'k> {
    #[inline(always)]
    pub(crate) fn new<C: Comparator>(
        comparator: &C,
        user_key: &'k [u8],
        sequence: SequenceNumber,
    ) -> Self {
        let prefix = if C::BYTE_PREFIX {
            comparator.prefix(user_key)
        } else {
            0
        };
        Self {
            user_key,
            sequence,
            prefix,
        }
    }

    pub(super) fn prefix(&self) -> u32 {
        self.prefix
    }
}

/// Which nodes a descent passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Those before the target.
    Less,
    /// Those before the target, and the target.
    LessOrEqual,
}

/// Where a walk along one level ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// The last node passed over.
    pub(super) prev: Offset,
    /// The link found in it.
    pub(super) word: Word,
    /// True when the link leads to the target itself, as far as the walk looked.
    pub(super) equal: bool,
}

impl<C: Comparator> SkipList<C> {
    /// How a node's key compares to the target.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[inline(always)]
    pub(super) unsafe fn compare(
        &self,
        view: SpaceView<'_>,
        node: Offset,
        target: &Target<'_>,
    ) -> Ordering {
        // SAFETY: passed on from the caller.
        let record = unsafe { Self::record(view, node) };
        // SAFETY: records stay as they are while the list is borrowed.
        let (user_key, tag) = unsafe { record.key() };
        self.comparator
            .compare(user_key, target.user_key)
            .then_with(|| target.sequence.cmp(&tag_sequence(tag)))
    }

    #[inline(always)]
    pub(super) fn levels(&self) -> usize {
        self.height.load(ord!(SKIPLIST_HEIGHT_LOAD, Relaxed))
    }

    /// Reads a link.
    ///
    /// # Safety
    ///
    /// `node` is the head or was found on `level` or above, by following links.
    #[inline(always)]
    pub(super) unsafe fn link(node: NodePtr, level: usize) -> Word {
        if level == 0 {
            // SAFETY: who finds a node sees its links (S4).
            let link = unsafe { node.link0() };
            Word::new(0, link.load(ord!(SKIPLIST_LINK0_LOAD, Acquire)))
        } else {
            // SAFETY: who finds a node on a level sees its links there and below (S3, S4).
            let link = unsafe { node.upper(level) };
            Word(link.load(ord!(SKIPLIST_UPPER_LOAD, Acquire)))
        }
    }

    /// Walks right on one level, from `prev` on, past everything before the target.
    ///
    /// `bound` is a node known to be not passed over, or 0; a walk that stops
    /// there does not say whether it is equal.
    ///
    /// # Safety
    ///
    /// `prev` is the head or was found on `level` or above, by following links.
    #[inline(always)]
    pub(super) unsafe fn walk(
        &self,
        view: SpaceView<'_>,
        target: &Target<'_>,
        prev: Offset,
        level: usize,
        bound: Offset,
    ) -> Stop {
        // SAFETY: passed on from the caller.
        unsafe { self.walk_past(view, target, prev, level, Pass::Less, bound) }
    }

    /// As [`walk`](Self::walk), for either rule.
    ///
    /// # Safety
    ///
    /// As for [`walk`](Self::walk).
    #[inline(always)]
    unsafe fn walk_past(
        &self,
        view: SpaceView<'_>,
        target: &Target<'_>,
        mut prev: Offset,
        level: usize,
        pass: Pass,
        bound: Offset,
    ) -> Stop {
        // SAFETY: passed on from the caller.
        let mut node = unsafe { Self::node(view, prev) };
        loop {
            // SAFETY: `prev` was found on this level or above.
            let word = unsafe { Self::link(node, level) };
            let next = word.offset();
            let prefixed = C::BYTE_PREFIX && level > 0;
            let mut equal = false;
            let stop = if next == 0 || next == bound || prefixed && word.prefix() > target.prefix {
                true
            } else if prefixed && word.prefix() < target.prefix {
                false
            } else {
                // SAFETY: a link led to `next`.
                let order = unsafe { self.compare(view, next, target) };
                equal = order.is_eq();
                order.is_gt() || equal && pass == Pass::Less
            };
            if stop {
                return Stop { prev, word, equal };
            }
            prev = next;
            // SAFETY: a link led to `next`.
            node = unsafe { Self::node(view, next) };
        }
    }

    /// The last node passed over, and its successor; the head stands for "before all".
    #[inline(always)]
    fn descend(&self, target: &Target<'_>, pass: Pass) -> (Offset, Offset) {
        let view = self.view();
        let mut prev = self.head;
        let mut bound = 0;
        for level in (0..self.levels()).rev() {
            if level == 0 && fault(&FAULT_SKIPLIST_SKIP_LEVEL0_COMPARE) {
                break;
            }
            // SAFETY: `prev` is the head or was found one level above.
            let stop = unsafe { self.walk_past(view, target, prev, level, pass, bound) };
            prev = stop.prev;
            bound = stop.word.offset();
        }
        (prev, bound)
    }

    /// The first entry at or after the target; O(log n).
    #[inline]
    pub(crate) fn seek(&self, target: &Target<'_>) -> Option<Offset> {
        let (_, next) = self.descend(target, Pass::Less);
        (next != 0).then_some(next)
    }

    /// The last entry at or before the target; O(log n).
    pub(crate) fn seek_for_prev(&self, target: &Target<'_>) -> Option<Offset> {
        let (prev, _) = self.descend(target, Pass::LessOrEqual);
        (prev != self.head).then_some(prev)
    }

    /// The last entry before the target; O(log n).
    pub(crate) fn seek_before(&self, target: &Target<'_>) -> Option<Offset> {
        let (prev, _) = self.descend(target, Pass::Less);
        (prev != self.head).then_some(prev)
    }

    /// The first entry; O(1).
    pub(crate) fn first(&self) -> Option<Offset> {
        // SAFETY: the head is a node of every level.
        unsafe { self.successor(self.head) }
    }

    /// The entry after a position; O(1).
    ///
    /// # Safety
    ///
    /// `node` is a position that this list returned.
    #[inline]
    pub(crate) unsafe fn next(&self, node: Offset) -> Option<Offset> {
        // SAFETY: passed on from the caller.
        unsafe { self.successor(node) }
    }

    /// # Safety
    ///
    /// `node` is the head or a position that this list returned.
    #[inline(always)]
    unsafe fn successor(&self, node: Offset) -> Option<Offset> {
        // SAFETY: the head and positions are nodes of this list.
        let node = unsafe { Self::node(self.view(), node) };
        // SAFETY: every node is on level 0.
        let word = unsafe { Self::link(node, 0) };
        (word.offset() != 0).then_some(word.offset())
    }

    /// The entry before a position; O(log n).
    ///
    /// # Safety
    ///
    /// `node` is a position that this list returned.
    pub(crate) unsafe fn prev(&self, node: Offset) -> Option<Offset> {
        // SAFETY: passed on from the caller.
        let (user_key, tag) = unsafe { self.key_at(node) };
        self.seek_before(&Target::new(&self.comparator, user_key, tag_sequence(tag)))
    }

    /// The last entry; O(log n).
    pub(crate) fn last(&self) -> Option<Offset> {
        let view = self.view();
        let mut prev = self.head;
        for level in (0..self.levels()).rev() {
            loop {
                // SAFETY: `prev` is the head or was found on this level or above.
                let node = unsafe { Self::node(view, prev) };
                // SAFETY: as above.
                let next = unsafe { Self::link(node, level) }.offset();
                if next == 0 {
                    break;
                }
                prev = next;
            }
        }
        (prev != self.head).then_some(prev)
    }

    /// An entry at random, every one about as likely as any other; O(log n).
    ///
    /// From the top down, one of the nodes between the two chosen above is taken
    /// with equal chances, as RocksDB's `RandomSeek` does.
    pub(crate) fn random(&self) -> Option<Offset> {
        let view = self.view();
        let (mut from, mut until) = (self.head, 0);
        for level in (0..self.levels().min(MAX_HEIGHT)).rev() {
            let (mut chosen, mut after) = (from, until);
            let mut at = from;
            let mut seen = 0u64;
            loop {
                // SAFETY: `at` is the head or was found on this level or above.
                let node = unsafe { Self::node(view, at) };
                // SAFETY: as above.
                let next = unsafe { Self::link(node, level) }.offset();
                seen += 1;
                // Each of the `seen` so far is kept with equal chances.
                if random_u64() % seen == 0 {
                    (chosen, after) = (at, next);
                }
                if next == 0 || next == until {
                    break;
                }
                at = next;
            }
            (from, until) = (chosen, after);
        }
        if from == self.head {
            self.first()
        } else {
            Some(from)
        }
    }

    /// True when the list holds no entry; O(1).
    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_none()
    }
}
