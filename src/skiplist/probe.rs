//! Several searches at a time.
//!
//! A search waits for one node after the other. Searches for different keys do
//! not wait for each other: each lane runs until it needs a node that is likely
//! not in the cache, asks for it, and makes room for the next lane. The idea is
//! that of Chen, Ailamaki, Gibbons and Mowry's group prefetching (2004) and of
//! Kocberber, Falsafi and Grot's asynchronous memory access chaining (2015).

use smallvec::SmallVec;

use super::height::MAX_HEIGHT;
use super::node::{LINK_SIZE, Position, RECORD_AT, Word};
use super::search::{RECORD_LINES, Stop, Target};
use super::start::Start;
use super::trail::ask_for;
use super::{SkipList, SpaceView};
use crate::arena::Offset;
use crate::key::{Comparator, SequenceNumber};
use crate::sync::prefetch;

/// Searches in flight at a time.
pub(super) const LANES: usize = 12;
/// Keys that are looked up before their records are read.
const GROUP: usize = 32;
/// So many levels from the top are taken to be in the cache.
const CACHED_LEVELS: usize = 10;

/// A search on its way.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    /// Which of the targets.
    index: usize,
    prev: Offset,
    level: usize,
    /// What the level above ended before.
    bound: Offset,
    /// The node that was asked for to be compared.
    asked: Offset,
}

/// For each lane, where its last search ended on each level.
pub(super) struct Fingers([[(Offset, Word); MAX_HEIGHT]; LANES]);

impl Fingers {
    const fn new() -> Self {
        Self([[(0, Word::NIL); MAX_HEIGHT]; LANES])
    }
}

impl<C: Comparator> SkipList<C> {
    /// Searches for all targets; `note` hears where the search for the target of
    /// an index ended on each level, from the top down to level 0. With `fingers`,
    /// a search may begin below the top, and is silent about what is above.
    #[inline(always)]
    pub(super) fn search_all(
        &self,
        levels: usize,
        targets: &[Target<'_>],
        fingers: Option<&mut Fingers>,
        note: impl FnMut(usize, usize, Stop),
    ) {
        let node = self.head;
        self.search_all_from(levels, targets, |_| Start { node, levels }, fingers, note);
    }

    /// As [`search_all`](Self::search_all), each from a start before its target on. `levels`
    /// are those of the list.
    #[inline(always)]
    pub(super) fn search_all_from(
        &self,
        levels: usize,
        targets: &[Target<'_>],
        from: impl Fn(usize) -> Start,
        mut fingers: Option<&mut Fingers>,
        mut note: impl FnMut(usize, usize, Stop),
    ) {
        let start = |index| {
            let Start { node, levels } = from(index);
            Lane {
                index,
                prev: node,
                level: levels - 1,
                bound: 0,
                asked: 0,
            }
        };
        let view = self.view();
        let mut lanes = [Lane::default(); LANES];
        let mut active = targets.len().min(LANES);
        for (index, lane) in lanes[..active].iter_mut().enumerate() {
            *lane = start(index);
        }
        let mut waiting = active..targets.len();
        while active > 0 {
            let mut at = 0;
            while at < active {
                let lane = &mut lanes[at];
                let target = &targets[lane.index];
                let ended = self.advance(view, levels, lane, target, |index, level, stop| {
                    if let Some(fingers) = &mut fingers {
                        fingers.0[at][level] = (stop.prev, stop.word);
                    }
                    note(index, level, stop);
                });
                if !ended {
                    at += 1;
                } else if let Some(index) = waiting.next() {
                    let last = lane.index;
                    *lane = start(index);
                    if let Some(fingers) = &fingers {
                        let finger = &fingers.0[at][..levels];
                        self.point(finger, &targets[last], &targets[index], lane);
                    }
                } else {
                    active -= 1;
                    lanes[at] = lanes[active];
                }
            }
        }
    }

    /// Lets a search begin where the one before it on the lane ended, if that lies
    /// before its target: on the lowest level that has no node in between, as far as
    /// prefixes tell. With sorted keys this is Brown and Tarjan's finger search (1979).
    fn point(
        &self,
        finger: &[(Offset, Word)],
        last: &Target<'_>,
        target: &Target<'_>,
        lane: &mut Lane,
    ) {
        let order = last.prefix().cmp(&target.prefix());
        let order = order.then_with(|| self.comparator.compare(last.user_key, target.user_key));
        if order.is_ge() {
            return;
        }
        let beyond = |&(_, word): &(Offset, Word)| Self::decide(word, 0, target) == Some(false);
        if let Some(level) = finger.iter().position(beyond) {
            (lane.prev, lane.level) = (finger[level].0, level);
        }
    }

    /// Moves one search on to where it must wait for memory; true when it ended.
    #[inline(always)]
    fn advance(
        &self,
        view: SpaceView<'_>,
        levels: usize,
        lane: &mut Lane,
        target: &Target<'_>,
        mut note: impl FnMut(usize, usize, Stop),
    ) -> bool {
        loop {
            let level = lane.level;
            // SAFETY: `prev` is the head or was found on this level or above.
            let node = unsafe { Self::node(view, lane.prev) };
            // SAFETY: as above.
            let word = unsafe { Self::link(node, level) };
            let next = word.offset();
            let known = Self::decide(word, lane.bound, target);
            let (pass, equal) = if let Some(pass) = known {
                (pass, false)
            } else if lane.asked != next {
                lane.asked = next;
                // SAFETY: a link led to `next`.
                prefetch(unsafe { view.resolve(next) }, RECORD_AT);
                return false;
            } else {
                // SAFETY: a link led to `next`.
                let order = unsafe { self.compare(view, next, target) };
                (order.is_lt(), order.is_eq())
            };
            if pass {
                lane.prev = next;
                if levels - level > CACHED_LEVELS {
                    // SAFETY: a link led to `next`.
                    let link0 = unsafe { view.resolve(next) };
                    prefetch(link0, (level * LINK_SIZE).wrapping_neg());
                    return false;
                }
                continue;
            }
            let prev = lane.prev;
            note(lane.index, level, Stop { prev, word, equal });
            if level == 0 {
                return true;
            }
            lane.level -= 1;
            lane.bound = next;
        }
    }

    /// As [`find`](Self::find) for each of the keys; `found` hears the answers
    /// in the order of the keys. O(log n) for each, but several at a time.
    pub(crate) fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        mut found: impl FnMut(usize, Option<Position>),
    ) {
        let view = self.view();
        let levels = self.levels();
        let mut fingers = (keys.len() > LANES && C::BYTE_PREFIX).then(Fingers::new);
        for (group, keys) in keys.chunks(GROUP).enumerate() {
            let keys = keys.iter();
            let targets: SmallVec<[Target<'_>; GROUP]> = keys
                .map(|key| Target::new(&self.comparator, key, sequence))
                .collect();
            let mut words = [Word::NIL; GROUP];
            self.search_all(levels, &targets, fingers.as_mut(), |index, level, stop| {
                if level == 0 {
                    words[index] = stop.word;
                    // SAFETY: a link led there, or it is 0, which is not read.
                    unsafe { ask_for(view, stop.word.offset(), RECORD_LINES) };
                }
            });
            for (index, target) in targets.iter().enumerate() {
                found(group * GROUP + index, self.found(words[index], target));
            }
        }
    }
}
