//! Walking backward, where there are no links.
//!
//! A search finds a tower some places before, what lies between is fetched as a
//! zone ahead is, and its nodes are remembered. Each of them is checked when its
//! turn comes: it is the predecessor if it still links to where the cursor stands. If
//! it does not, the cursor turned round, or something was inserted in between; then
//! the predecessor is mostly but a few links on.

use super::SkipList;
use super::node::Position;
use super::search::{Pass, Target};
use super::trail::{Queue, Trail};
use crate::key::{Comparator, tag_sequence};
use crate::sync::ledger::FAULT_SKIPLIST_BELIEVE_REMEMBERED;
use crate::sync::{Way, fault, note_visits};

/// Most nodes remembered after the first search backward, the second, and any
/// other: few steps may follow, and then many.
const MOST: [usize; 3] = [16, 64, 256];
/// A run that fills less than this part of its room is short, where towers are uneven.
const SHORT_PART: usize = 10;
/// Most links between a remembered node and the cursor before it is given up.
const FEW_LINKS: usize = 8;

/// The nodes before a cursor.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Ascending.
    nodes: Vec<Position>,
    /// Searches since the cursor was placed.
    runs: u32,
    /// How many levels higher runs begin than those of evenly grown towers.
    above: u32,
}

impl Behind {
    /// The cursor is somewhere else now.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.runs = 0;
        self.above = 0;
    }

    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn nodes_and_room(&self) -> (usize, usize) {
        (self.nodes.len(), self.nodes.capacity())
    }

    /// Forgets all nodes, and makes room for so many. False without memory.
    fn make_room(&mut self, most: usize) -> bool {
        self.nodes.clear();
        #[cfg(all(test, not(any(loom, shuttle))))]
        if crate::sync::is_memory_refused() {
            return false;
        }
        self.nodes.try_reserve_exact(most).is_ok()
    }

    /// Remembers one more node where there is room: never more than were asked for.
    fn push(&mut self, node: Position) {
        if self.nodes.len() < self.nodes.capacity() {
            self.nodes.push(node);
        }
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
    pub(crate) unsafe fn prev(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        trail.due = 0;
        if let Some(candidate) = trail.behind.nodes.pop() {
            // SAFETY: remembered nodes were found on level 0 of this list.
            let next = unsafe { self.successor(candidate.get()) };
            if next == Some(at) || fault(&FAULT_SKIPLIST_BELIEVE_REMEMBERED) {
                return Some(candidate);
            }
            // SAFETY: a link led to `next`.
            let found = unsafe { self.catch_up(&mut trail.behind, candidate, next, at) };
            if found.is_some() {
                return found;
            }
        }
        // SAFETY: passed on from the caller.
        unsafe { self.look_behind(&mut trail.behind, at) }
    }

    /// Finds the node before a position from a remembered one that lies a few links
    /// before it, and remembers those in between.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next); the link of `node` led to `next`.
    #[cold]
    unsafe fn catch_up(
        &self,
        behind: &mut Behind,
        mut node: Position,
        mut next: Option<Position>,
        at: Position,
    ) -> Option<Position> {
        for _ in 0..FEW_LINKS {
            behind.push(node);
            // Not the end of the list: the cursor stands behind what it remembers.
            node = next?;
            // SAFETY: a link led to it.
            next = unsafe { self.successor(node.get()) };
            if next == Some(at) {
                return Some(node);
            }
        }
        // All that is remembered lies far back: what follows is a first search.
        behind.runs = 0;
        None
    }

    /// Finds the node before a position, and remembers those before that one.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    #[inline(never)]
    unsafe fn look_behind(&self, behind: &mut Behind, at: Position) -> Option<Position> {
        let run = (behind.runs as usize).min(MOST.len() - 1);
        let (mut room, mut base) = (MOST[run], self.zones.behind[run]);
        if behind.make_room(room) {
            behind.runs = run as u32 + 1;
        } else {
            // Nothing will be remembered, so nothing is to be fetched.
            (room, base) = (0, 0);
        }
        // SAFETY: passed on from the caller.
        let Some((user_key, tag)) = (unsafe { self.key_at(at) }) else {
            behind.nodes.clear();
            return None;
        };
        let target = Target::new(&self.comparator, user_key, tag_sequence(tag));
        // Above the highest tower, that would be the whole list.
        let highest = self.levels().saturating_sub(1).max(1);
        let base = (base + behind.above as usize).min(highest);
        let view = self.view();
        // SAFETY: passed on from the caller.
        let mut queue = Queue::new(unsafe { self.lines(view, at.get()) });
        let mut from = self.head;
        let mut above = self.head;
        let before = self.descend(&target, Pass::Less, |level, stop| {
            if level >= base {
                from = stop.prev;
            } else if above != stop.prev {
                queue.push(view, above, level, stop.prev);
            }
            above = stop.prev;
        });
        // SAFETY: the search came by all these nodes, on these levels.
        let visited = unsafe { self.visit_all(&mut queue) };
        note_visits(Way::Behind, visited);

        let nodes = &mut behind.nodes;
        let mut prev = None;
        let mut node = from;
        let mut seen = 0;
        while node != at.get() {
            if let Some(position) = self.position(node) {
                prev = Some(position);
                if nodes.len() < room {
                    nodes.push(position);
                } else if room > 0 {
                    nodes[seen % room] = position;
                }
                seen += 1;
            }
            // SAFETY: the node is the head or was found on level 0.
            let Some(next) = (unsafe { self.successor(node) }) else {
                // Only a comparator that contradicts itself leads past the cursor.
                nodes.clear();
                return self.position(before.prev);
            };
            node = next.get();
        }
        if seen > nodes.len() && room > 0 {
            nodes.rotate_left(seen % room);
        }
        nodes.pop();
        if self.zones.uneven {
            if seen < room / SHORT_PART {
                behind.above += 1;
            } else if seen > room {
                behind.above /= 2;
            }
        }
        prev
    }
}
