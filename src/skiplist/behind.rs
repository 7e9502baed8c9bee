//! Walking backward, where there are no links.
//!
//! A search finds a tower some places before, what lies between is fetched as a
//! zone ahead is, and its nodes are remembered. Each of them is checked when its
//! turn comes: it is the predecessor if it still links to where the cursor stands.

use super::SkipList;
use super::search::{Pass, Target};
use super::trail::{Queue, Trail};
use crate::arena::Offset;
use crate::key::{Comparator, tag_sequence};
use crate::sync::fault;
use crate::sync::ledger::FAULT_SKIPLIST_BELIEVE_REMEMBERED;

/// Most nodes remembered after the first search backward, the second, and any
/// other: few steps may follow, and then many.
const MOST: [usize; 3] = [16, 64, 256];

/// The nodes before a cursor.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Ascending.
    nodes: Vec<Offset>,
    /// Searches since the cursor was placed.
    runs: usize,
}

impl Behind {
    /// The cursor is somewhere else now.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.runs = 0;
    }
}

impl Clone for Behind {
    /// Remembers nothing: that costs the copy a search, and no memory.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<C: Comparator> SkipList<C> {
    /// The entry before a position; O(log n), and much less for one of many.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    #[inline]
    pub(crate) unsafe fn prev(&self, trail: &mut Trail, node: Offset) -> Option<Offset> {
        trail.due = 0;
        if let Some(candidate) = trail.behind.nodes.pop() {
            // SAFETY: remembered nodes were found on level 0 of this list.
            if unsafe { self.successor(candidate) } == Some(node)
                || fault(&FAULT_SKIPLIST_BELIEVE_REMEMBERED)
            {
                return Some(candidate);
            }
        }
        // SAFETY: passed on from the caller.
        unsafe { self.look_behind(&mut trail.behind, node) }
    }

    /// Finds the node before `node`, and remembers those before that one.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    #[inline(never)]
    unsafe fn look_behind(&self, behind: &mut Behind, node: Offset) -> Option<Offset> {
        let run = behind.runs.min(MOST.len() - 1);
        behind.runs = run + 1;
        let nodes = &mut behind.nodes;
        nodes.clear();
        // Without memory, nothing is remembered.
        let room = nodes.try_reserve_exact(MOST[run]).map_or(0, |()| MOST[run]);

        // SAFETY: passed on from the caller.
        let (user_key, tag) = unsafe { self.key_at(node) };
        let target = Target::new(&self.comparator, user_key, tag_sequence(tag));
        // Above the highest tower, that would be the whole list.
        let highest = self.levels().saturating_sub(1).max(1);
        let base = self.zones.behind[run].min(highest);
        let view = self.view();
        // SAFETY: passed on from the caller.
        let mut queue = Queue::new(unsafe { self.lines(view, node) });
        let mut from = self.head;
        let mut at = self.head;
        let before = self.descend(&target, Pass::Less, |level, stop| {
            if level >= base {
                from = stop.prev;
            } else if at != stop.prev {
                queue.push(view, at, level, stop.prev);
            }
            at = stop.prev;
        });
        // SAFETY: the search came by all these nodes, on these levels.
        unsafe { self.visit_all(&mut queue) };

        let mut prev = None;
        let mut at = from;
        let mut seen = 0;
        while at != node {
            if at != self.head {
                prev = Some(at);
                if nodes.len() < room {
                    nodes.push(at);
                } else if room > 0 {
                    nodes[seen % room] = at;
                }
                seen += 1;
            }
            // SAFETY: `at` is the head or was found on level 0.
            let Some(next) = (unsafe { self.successor(at) }) else {
                // Only a comparator that contradicts itself leads past `node`.
                nodes.clear();
                return (before.prev != self.head).then_some(before.prev);
            };
            at = next;
        }
        if seen > nodes.len() && room > 0 {
            nodes.rotate_left(seen % room);
        }
        nodes.pop();
        prev
    }
}
