//! Seeks that begin where the cursor is.
//!
//! A search remembers in its [`Trail`] the first node ahead on each of the lower levels. When the
//! next seek goes a little further, that is a ladder: the highest of these nodes that lies before
//! the target is nearer to it than the head is, and its tower is as high as the way that is left
//! is long. So a seek that goes `d` entries ahead takes O(log d) steps; RocksDB's `lookahead`
//! walks over them one by one.
//!
//! Nodes are never removed, and where a search begins decides how long it takes, not where it
//! ends. So the ladder may be as old as can be.
//!
//! Source: finger search in skip lists, W. Pugh, "A Skip List Cookbook" (1990), section 3.

use super::SkipList;
use super::node::Position;
use super::search::{Pass, RECORD_LINES, Target};
use super::start::Start;
use super::trail::{RUNGS, Trail, ask_for};
use crate::arena::Offset;
use crate::key::Comparator;

/// How far ahead a seek may go and still begin where its cursor is: to the first node ahead on
/// this level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach(usize);

impl Reach {
    /// For about so many entries.
    pub(super) fn new(entries: usize, branching: u32, max_height: usize) -> Option<Self> {
        let level =
            (1..RUNGS).find(|&level| branching.saturating_pow(level as u32) as usize >= entries);
        let level = level.unwrap_or(RUNGS).min(max_height - 1);
        (entries > 0 && level > 0).then_some(Self(level))
    }
}

impl<C: Comparator> SkipList<C> {
    /// The node nearest before the target that the trail knows of; `None` if the target does
    /// not lie ahead of where the last search ended, or lies too far ahead.
    pub(super) fn finger(&self, trail: &Trail, target: &Target<'_>) -> Option<Start> {
        let Reach(top) = self.reach?;
        let is_before = |node: Offset| {
            // SAFETY: rungs were found by following this list's links.
            node != 0 && unsafe { self.compare(self.view(), node, target) }.is_lt()
        };
        let mut finger = Start {
            node: trail.rung(0),
            levels: 1,
        };
        if !is_before(finger.node) || is_before(trail.rung(top)) {
            return None;
        }
        for level in 1..top {
            let rung = trail.rung(level);
            if rung != finger.node && !is_before(rung) {
                break;
            }
            finger = Start {
                node: rung,
                levels: level + 1,
            };
        }
        Some(finger)
    }

    /// As [`seek`](Self::seek), from a finger on. What the trail knows of the levels above it
    /// lies behind the target, and holds.
    pub(super) fn seek_by(
        &self,
        finger: Start,
        trail: &mut Trail,
        target: &Target<'_>,
    ) -> Option<Position> {
        trail.clear();
        let stop = self.descend_from(finger, target, Pass::Less, |level, stop| {
            trail.note(level, stop.word.offset());
        });
        // SAFETY: a link led to the node, or it is 0, which is not read.
        unsafe { ask_for(self.view(), stop.word.offset(), RECORD_LINES) };
        stop.word.position()
    }
}
