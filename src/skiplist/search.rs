//! Finding places in the list.

use core::cmp::Ordering;

use super::node::{NodePtr, Position, Word};
use super::start::Start;
use super::trail::{Trail, ask_for};
use super::{SkipList, SpaceView};
use crate::arena::Offset;
use crate::key::{Comparator, SequenceNumber, tag_sequence, without_timestamp};
use crate::sync::ledger::FAULT_SKIPLIST_SKIP_LEVEL0_COMPARE;
use crate::sync::{fault, ord};

/// What a search looks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'k> {
    pub(crate) user_key: &'k [u8],
    pub(crate) sequence: SequenceNumber,
    pub(super) prefix: u32,
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

/// Cache lines of a record that are asked for once it is found.
pub(super) const RECORD_LINES: usize = 3;

/// Which nodes a descent passes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
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
    /// How a node's key compares to the target; one that cannot be read is passed over.
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
        let Some((user_key, tag)) = (unsafe { self.key_of(view, node) }) else {
            return Ordering::Less;
        };
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
        // SAFETY: who finds a node on a level sees its links there and below (S3, S4).
        let link = unsafe { node.link(level) };
        Word(if level == 0 {
            link.load(ord!(SKIPLIST_LINK0_LOAD, Acquire))
        } else {
            link.load(ord!(SKIPLIST_UPPER_LOAD, Acquire))
        })
    }

    /// Whether a link leads to a node before the target, where the word says so
    /// by itself. `bound` is a node known not to be, or 0.
    #[inline(always)]
    pub(super) fn decide(word: Word, bound: Offset, target: &Target<'_>) -> Option<bool> {
        let next = word.offset();
        if next == 0 || next == bound || C::BYTE_PREFIX && word.prefix() > target.prefix {
            Some(false)
        } else if C::BYTE_PREFIX && word.prefix() < target.prefix {
            Some(true)
        } else {
            None
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
            let mut equal = false;
            let stop = if let Some(passes) = Self::decide(word, bound, target) {
                !passes
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

    /// Where a search ends on level 0; `note` hears where it ended on each level.
    #[inline(always)]
    pub(super) fn descend(
        &self,
        target: &Target<'_>,
        pass: Pass,
        note: impl FnMut(usize, Stop),
    ) -> Stop {
        self.descend_from(self.top(), target, pass, note)
    }

    /// As [`descend`](Self::descend), from some node before the target on.
    #[inline(always)]
    pub(super) fn descend_from(
        &self,
        start: Start,
        target: &Target<'_>,
        pass: Pass,
        mut note: impl FnMut(usize, Stop),
    ) -> Stop {
        let view = self.view();
        let mut stop = Stop {
            prev: start.node,
            word: Word::NIL,
            equal: false,
        };
        for level in (0..start.levels).rev() {
            if level == 0 && fault(&FAULT_SKIPLIST_SKIP_LEVEL0_COMPARE) {
                break;
            }
            // SAFETY: `prev` is the start, which has these levels, or was found one level above.
            stop =
                unsafe { self.walk_past(view, target, stop.prev, level, pass, stop.word.offset()) };
            note(level, stop);
        }
        stop
    }

    /// The newest entry of the target's user key, timestamps aside, that is not newer
    /// than the target; O(log n). Most keys that are not there are known by their prefix.
    #[inline]
    pub(crate) fn find(&self, target: &Target<'_>) -> Option<Position> {
        let stop = self.descend(target, Pass::Less, |_, _| ());
        self.found(stop.word, target)
    }

    /// The node that a link leads to, if its user key is the target's, timestamps aside.
    #[inline(always)]
    pub(super) fn found(&self, word: Word, target: &Target<'_>) -> Option<Position> {
        let next = word.offset();
        if next == 0 || C::BYTE_PREFIX && word.prefix() != target.prefix {
            return None;
        }
        // SAFETY: a link led to `next`.
        unsafe { ask_for(self.view(), next, RECORD_LINES) };
        // SAFETY: links of this list led to `next`.
        let (user_key, _) = unsafe { self.key_of(self.view(), next) }?;
        let [found, wanted] = [user_key, target.user_key].map(without_timestamp::<C>);
        let order = self.comparator.compare_without_timestamp(found, wanted);
        word.position().filter(|_| order.is_eq())
    }

    /// The first entry at or after the target; O(log n), and O(log d) if it is `d` entries ahead
    /// of where the last search ended, as far as the list looks ahead.
    #[inline]
    pub(crate) fn seek(&self, trail: &mut Trail, target: &Target<'_>) -> Option<Position> {
        if let Some(finger) = self.finger(trail, target) {
            return self.seek_by(finger, trail, target);
        }
        trail.begin(self.levels());
        let stop = self.descend(target, Pass::Less, |level, stop| {
            trail.note(level, stop.word.offset());
        });
        let next = stop.word.offset();
        // SAFETY: a link led to `next`, or it is 0, which is not read.
        unsafe { ask_for(self.view(), next, RECORD_LINES) };
        stop.word.position()
    }

    /// The last entry at or before the target; O(log n).
    pub(crate) fn seek_for_prev(&self, target: &Target<'_>) -> Option<Position> {
        let Stop { prev, .. } = self.descend(target, Pass::LessOrEqual, |_, _| ());
        self.position(prev)
    }

    /// The last entry before the target; O(log n).
    pub(crate) fn seek_before(&self, target: &Target<'_>) -> Option<Position> {
        let Stop { prev, .. } = self.descend(target, Pass::Less, |_, _| ());
        self.position(prev)
    }

    /// The first entry; O(1).
    pub(crate) fn first(&self, trail: &mut Trail) -> Option<Position> {
        let levels = self.levels();
        trail.begin(levels);
        // SAFETY: the head is a node of every level.
        let head = unsafe { Self::node(self.view(), self.head) };
        // Downward, so that no rung lies before the one below it.
        for level in (1..levels).rev() {
            // SAFETY: as above.
            trail.note(level, unsafe { Self::link(head, level) }.offset());
        }
        // SAFETY: as above.
        let first = unsafe { self.successor(self.head) };
        trail.note(0, first.map_or(0, Position::get));
        first
    }

    /// The position of a node, unless it is the head.
    #[inline(always)]
    pub(super) fn position(&self, node: Offset) -> Option<Position> {
        Position::new(node).filter(|_| node != self.head)
    }

    /// The successor of a node on level 0.
    ///
    /// # Safety
    ///
    /// `node` is the head or a position that this list returned.
    #[inline(always)]
    pub(super) unsafe fn successor(&self, node: Offset) -> Option<Position> {
        // SAFETY: the head and positions are nodes of this list.
        let node = unsafe { Self::node(self.view(), node) };
        // SAFETY: every node is on level 0.
        unsafe { Self::link(node, 0) }.position()
    }

    /// The last entry; O(log n).
    pub(crate) fn last(&self) -> Option<Position> {
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
        self.position(prev)
    }

    /// True when the list holds no entry; O(1).
    pub(crate) fn is_empty(&self) -> bool {
        // SAFETY: the head is a node of every level.
        unsafe { self.successor(self.head) }.is_none()
    }
}
