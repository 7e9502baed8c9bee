//! Walking to neighbours, with the memory ahead already on its way.
//!
//! A walk along level 0 waits for one node after the other, since only a node
//! says where the next one is. But the list is a tree as well: who knows a tower
//! can ask for the nodes at about 1, 2, 4 and 8 places behind it at once, and
//! each of those leads to others. So a cursor cuts the way ahead into *zones*
//! that begin at towers of growing height. When it enters a zone, it visits all
//! of its nodes breadth first, which costs as many waits as the zone has levels
//! rather than nodes. After a seek few steps may follow, so the first ones do
//! not wait for zones; but the towers that the search came by are asked for, and
//! once they came, the nodes that they link to.
//!
//! What a trail remembers decides how long a step takes, never where it leads.

use super::behind::Behind;
use super::height::MAX_HEIGHT;
use super::node::{Position, RECORD_AT};
use super::search::{Pass, Target};
use super::{SkipList, SpaceView};
use crate::arena::{Offset, UNIT};
use crate::key::{Comparator, tag_sequence};
use crate::sync::{LINE, Way, note_visits, prefetch};

/// Levels that a trail remembers.
pub(super) const RUNGS: usize = 6;
/// Most visits due at a time; nodes beyond are left to the walk itself.
const QUEUE: usize = 64;
/// Most lines of a node that are asked for.
const MOST_LINES: usize = 8;
/// With which step the rungs, asked for with the first one, have likely come.
const RUNGS_CAME: u32 = if CHECKED { 2 } else { 3 };
/// From which step on it pays to wait for a whole zone at once.
const ZONES_PAY: u32 = if CHECKED { 2 } else { 12 };
/// Models take few steps, and must see it all.
const CHECKED: bool = cfg!(any(loom, shuttle));
/// When the ends of a zone lie in memory no further apart than so many nodes, then
/// entries were added in order, and the processor brings what comes next by itself.
const IN_ORDER: usize = 1 << 9;
/// Most nodes visited at a time: more than a zone of random towers has, but for one in
/// thousands, or where the branching is above a hundred.
const MOST_VISITS: usize = 512;
/// A zone of fewer nodes is short, where towers are uneven; one of more than [`LONG`] is long.
const SHORT: usize = 16;
const LONG: usize = 256;
/// After so many short zones in a row a search for a higher tower pays.
const SHORT_ZONES: u32 = if CHECKED { 1 } else { 2 };

/// More bytes than entries of up to 4 lines may lie apart and still count as added in
/// order, for models.
#[cfg(any(loom, shuttle))]
pub const FAR_BYTES: usize = in_order_units(4) * UNIT + LINE;

/// On which levels zones begin, by the branching of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zones {
    /// The last of the rungs that are asked for after a seek: about 8 entries.
    near: usize,
    /// The last and all that follow: about 64 entries each.
    top: usize,
    /// From where a run backward begins: about 4 entries, about 32, and then
    /// about 128 each.
    pub(super) behind: [usize; 3],
    /// Whether towers may be far denser on these levels than the branching says. Then zones and
    /// runs that turn out to be short begin on higher levels.
    pub(super) uneven: bool,
}

impl Zones {
    pub(super) fn new(branching: u32, max_height: usize, uneven: bool) -> Self {
        let level_of = |entries: u32| {
            let fits = |&level: &usize| branching.saturating_pow(level as u32) >= entries;
            (1..MAX_HEIGHT).find(fits).unwrap_or(MAX_HEIGHT)
        };
        // No tower is taller, so nothing would ever be found above. Where all have one
        // level, that is as it should be.
        let tallest = match max_height {
            1 => RUNGS,
            _ => RUNGS.min(max_height - 1),
        };
        Self {
            near: level_of(8).min(tallest),
            top: level_of(64).min(tallest),
            behind: [level_of(4), level_of(32), level_of(128)],
            uneven,
        }
    }
}

/// What a cursor knows of the list around it, so that its next step is cheaper.
#[derive(Debug, Clone)]
pub struct Trail {
    /// For level 0 to `RUNGS`, the first node ahead that was found there.
    rungs: [Offset; RUNGS + 1],
    /// Where the next zone begins; 0 when that is not known.
    gate: Offset,
    /// The level on which the gate was found.
    level: u32,
    /// Steps forward since the seek, up to [`ZONES_PAY`].
    steps: u32,
    /// How many zones were short, one after the other.
    short: u32,
    /// Where there is something to do before the next step forward; 0 is nowhere.
    pub(super) due: Offset,
    /// What is remembered for steps backward.
    pub(super) behind: Behind,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            rungs: [0; RUNGS + 1],
            gate: 0,
            level: 0,
            steps: ZONES_PAY,
            short: 0,
            due: 0,
            behind: Behind::default(),
        }
    }
}

impl Trail {
    /// Forgets everything: the cursor is somewhere else now.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.steps = ZONES_PAY;
        self.due = 0;
        self.behind.clear();
    }

    /// How many nodes are remembered behind the cursor, and how many there is memory for.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(crate) fn nodes_and_room(&self) -> (usize, usize) {
        self.behind.nodes_and_room()
    }

    /// The first node ahead that the last search found on a level, up to [`RUNGS`]; or 0.
    #[inline(always)]
    pub(super) fn rung(&self, level: usize) -> Offset {
        self.rungs[level]
    }

    /// A search that knows `levels` levels begins.
    #[inline(always)]
    pub(super) fn begin(&mut self, levels: usize) {
        self.clear();
        for level in levels..=RUNGS {
            self.rungs[level] = 0;
        }
    }

    /// The search ended, on its way down, before `next`.
    #[inline(always)]
    pub(super) fn note(&mut self, level: usize, next: Offset) {
        if level <= RUNGS {
            self.rungs[level] = next;
        }
        if level == 0 {
            (self.gate, self.level, self.steps, self.due) = (next, 0, 0, next);
            self.short = 0;
        }
    }
}

/// A node to be looked at: everything from it up to `until`, which lies on
/// `level` or above, is reached through it.
#[derive(Debug, Clone, Copy, Default)]
struct Visit {
    node: Offset,
    until: Offset,
    level: u32,
}

/// The visits that are due, in the order in which they were asked for.
pub(super) struct Queue {
    visits: [Visit; QUEUE],
    first: usize,
    len: usize,
    /// Lines to ask for in each node.
    lines: usize,
}

impl Queue {
    pub(super) fn new(lines: usize) -> Self {
        Self {
            visits: [Visit::default(); QUEUE],
            first: 0,
            len: 0,
            lines,
        }
    }

    /// Asks for a node's memory, and remembers to look at it.
    #[inline(always)]
    pub(super) fn push(&mut self, view: SpaceView<'_>, node: Offset, level: usize, until: Offset) {
        // SAFETY: only nodes of one list are pushed.
        unsafe { ask_for(view, node, self.lines) };
        if self.len < QUEUE {
            let level = level as u32;
            self.visits[(self.first + self.len) % QUEUE] = Visit { node, until, level };
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<Visit> {
        let visit = self.visits[self.first % QUEUE];
        self.len = self.len.checked_sub(1)?;
        self.first += 1;
        Some(visit)
    }
}

/// Asks for a node's cache lines, or the first of them.
///
/// # Safety
///
/// `node` is one of the list, or 0: nothing is read, and nobody wants those lines.
#[inline(always)]
pub(super) unsafe fn ask_for(view: SpaceView<'_>, node: Offset, lines: usize) {
    // SAFETY: passed on from the caller.
    let link0 = unsafe { view.resolve(node) };
    for line in 0..lines.min(MOST_LINES) {
        prefetch(link0, line * LINE);
    }
}

/// Whether what lies between two nodes was added in order, by all appearances.
fn in_order(from: Offset, until: Offset, lines: usize) -> bool {
    from.abs_diff(until) as usize <= in_order_units(lines)
}

/// How far apart the ends of a zone may lie, in units, at so many lines for each node.
const fn in_order_units(lines: usize) -> usize {
    lines.saturating_mul(IN_ORDER * (LINE / UNIT))
}

impl<C: Comparator> SkipList<C> {
    /// The entry after a position; O(1).
    ///
    /// # Safety
    ///
    /// `at` is a position that this list returned, and the trail was used with
    /// this list only.
    #[inline]
    pub(crate) unsafe fn next(&self, trail: &mut Trail, at: Position) -> Option<Position> {
        let node = at.get();
        if trail.due == node {
            // SAFETY: passed on from the caller.
            return unsafe { self.next_and_look_ahead(trail, node) };
        }
        // SAFETY: passed on from the caller.
        unsafe { self.successor(node) }
    }

    /// As [`next`](Self::next), where something is due.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    #[inline(never)]
    unsafe fn next_and_look_ahead(&self, trail: &mut Trail, node: Offset) -> Option<Position> {
        // SAFETY: passed on from the caller.
        unsafe { self.look_ahead(trail, node) };
        // SAFETY: passed on from the caller.
        let next = unsafe { self.successor(node) };
        let stepwise = trail.steps < ZONES_PAY;
        trail.due = if stepwise {
            next.map_or(0, Position::get)
        } else {
            trail.gate
        };
        next
    }

    /// Fetches what lies ahead of `node`, as far as it pays.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    unsafe fn look_ahead(&self, trail: &mut Trail, node: Offset) {
        let view = self.view();
        trail.steps = (trail.steps + 1).min(ZONES_PAY);
        let came = trail.steps == RUNGS_CAME;
        if trail.gate != node && trail.steps != 1 && !came {
            return;
        }
        // SAFETY: passed on from the caller.
        let lines = unsafe { self.lines(view, node) };
        if trail.steps == 1 || came {
            // SAFETY: a trail's rungs were found in this list, on their levels.
            unsafe { self.look_at_rungs(trail, came, lines) };
        }
        if trail.gate == node {
            // SAFETY: passed on from the caller.
            unsafe { self.pass_gate(trail, node, lines) };
        }
    }

    /// Asks for the first rungs, and when they came, for what they lead to.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    unsafe fn look_at_rungs(&self, trail: &Trail, came: bool, lines: usize) {
        let view = self.view();
        let ahead = !in_order(trail.rungs[0], trail.rungs[self.zones.near], lines);
        for level in (1..=self.zones.near).filter(|_| ahead) {
            let rung = trail.rungs[level];
            if rung == 0 || rung == trail.rungs[level - 1] {
                continue;
            }
            if !came {
                // SAFETY: the rung was found in this list.
                unsafe { ask_for(view, rung, lines) };
                continue;
            }
            note_visits(Way::Ahead, 1);
            // SAFETY: as above.
            let node = unsafe { Self::node(view, rung) };
            for below in 0..=level {
                // SAFETY: the rung was found on `level`.
                let next = unsafe { Self::link(node, below) }.offset();
                // SAFETY: a link led to `next`, or it is 0, which is not read.
                unsafe { ask_for(view, next, lines) };
            }
        }
    }

    /// Enters the zone that begins at the gate at `node`, or passes it by while
    /// few steps have been made.
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    unsafe fn pass_gate(&self, trail: &mut Trail, node: Offset, lines: usize) {
        let view = self.view();
        let top = self.zones.top;
        let mut level = trail.level as usize;
        while level < top && trail.rungs[level + 1] == node {
            level += 1;
        }
        let mut until = if level < top {
            trail.rungs[level + 1]
        } else {
            // SAFETY: the gate was found on this level.
            let node = unsafe { Self::node(view, node) };
            // SAFETY: as above.
            unsafe { Self::link(node, level) }.offset()
        };
        let mut next_level = (level + 1).min(top.max(level));
        if trail.short >= SHORT_ZONES {
            trail.short = 0;
            // SAFETY: passed on from the caller.
            if let Some(tower) = unsafe { self.tower_behind(node, level + 1) } {
                (until, next_level) = (tower, level + 1);
            }
        }
        if trail.steps >= ZONES_PAY && !in_order(node, until, lines) {
            let mut queue = Queue::new(lines);
            queue.push(view, node, level, until);
            // SAFETY: the gate was found on this level.
            let visited = unsafe { self.visit_all(&mut queue) };
            note_visits(Way::Ahead, visited);
            if self.zones.uneven && level >= top {
                trail.short = if visited < SHORT { trail.short + 1 } else { 0 };
                if visited > LONG && level > top {
                    // Who knows where it ends: zones begin anew, and may grow again.
                    // SAFETY: the gate is a node of the list.
                    let node = unsafe { Self::node(view, node) };
                    // SAFETY: it was found on a level above.
                    until = unsafe { Self::link(node, top) }.offset();
                    next_level = top;
                }
            }
        }
        trail.gate = until;
        trail.level = next_level as u32;
    }

    /// The first node behind `node` that is on `level`, by a search; O(log n).
    ///
    /// # Safety
    ///
    /// As for [`next`](Self::next).
    #[cold]
    unsafe fn tower_behind(&self, node: Offset, level: usize) -> Option<Offset> {
        let at = Position::new(node)?;
        // SAFETY: passed on from the caller.
        let (user_key, tag) = unsafe { self.key_at(at) }?;
        let target = Target::new(&self.comparator, user_key, tag_sequence(tag));
        let mut tower = None;
        self.descend(&target, Pass::LessOrEqual, |reached, stop| {
            if reached == level {
                tower = stop.word.position().map(Position::get);
            }
        });
        tower
    }

    /// How many cache lines a node like this one takes.
    ///
    /// # Safety
    ///
    /// `node` is a position that this list returned.
    pub(super) unsafe fn lines(&self, view: SpaceView<'_>, node: Offset) -> usize {
        let length = if self.checks.plain() {
            // SAFETY: passed on from the caller.
            let record = unsafe { Self::record(view, node) };
            // SAFETY: records stay as they are while the list is borrowed.
            unsafe { record.len() }
        } else {
            // SAFETY: passed on from the caller.
            unsafe { self.special_len(view, node) }
        };
        (RECORD_AT + length).div_ceil(LINE)
    }

    /// Visits nodes, and those that they lead to, until there is nothing left to
    /// look at, or it was enough. Returns how many.
    ///
    /// # Safety
    ///
    /// The nodes due were found in this list, on their levels.
    pub(super) unsafe fn visit_all(&self, queue: &mut Queue) -> usize {
        let view = self.view();
        for visited in 0..MOST_VISITS {
            let Some(Visit { node, until, level }) = queue.pop() else {
                return visited;
            };
            // SAFETY: passed on from the caller.
            let node = unsafe { Self::node(view, node) };
            let mut until = until;
            for level in (0..=level as usize).rev() {
                // SAFETY: as above; the levels below are linked as well (S3).
                let next = unsafe { Self::link(node, level) }.offset();
                if next != 0 && next != until {
                    queue.push(view, next, level, until);
                }
                until = next;
            }
        }
        MOST_VISITS
    }
}
