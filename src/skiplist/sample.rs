//! What the towers tell of the whole: random entries, and how many there are.

use super::height::MAX_HEIGHT;
use super::node::Position;
use super::search::{Pass, Target};
use super::{SkipList, Trail};
use crate::arena::Offset;
use crate::error::{Error, Result};
use crate::key::Comparator;
use crate::sync::random_u64;

/// Levels with fewer nodes tell too little: what is chosen or counted among less is chance.
const ENOUGH: usize = 64;
/// Most nodes that are counted on one level.
const MOST: usize = 512;
/// A sample is taken among at least so many nodes, and so many times its size.
const AMONG: (usize, usize) = (1024, 16);

/// A node of some level, or the head, and the next one: what lies between is its gap.
type Gap = (Offset, Offset);

impl<C: Comparator> SkipList<C> {
    /// An entry at random, any one about as likely as another; O(log n).
    ///
    /// On the first level from the top with enough nodes, each is taken with equal chances,
    /// and on each level below, one of those in its gap. RocksDB's `RandomSeek` does so from
    /// the topmost level on.
    pub(crate) fn random(&self) -> Option<Position> {
        let level = self.level_with(ENOUGH);
        let mut chosen = (self.head, 0);
        // SAFETY: the head is a node of every level.
        for (seen, gap) in (1..).zip(unsafe { self.gaps(level, self.head, 0) }) {
            if random_u64() % seen == 0 {
                chosen = gap;
            }
        }
        // SAFETY: the gap was found on that level.
        let found = unsafe { self.random_in(level, chosen) };
        // The gap before the first node may have no entry.
        found.or_else(|| self.first(&mut Trail::default()))
    }

    /// Up to `count` different entries at random, in their order, any one about as likely as
    /// another; O(count log n). All of them lie in different gaps of one level.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn sample(&self, count: usize) -> Result<Vec<Position>> {
        let among = count.saturating_mul(AMONG.1).max(AMONG.0);
        let level = self.level_with(among);
        let mut gaps = Reservoir::new(count)?;
        // SAFETY: the head is a node of every level.
        unsafe { self.gaps(level, self.head, 0) }.for_each(|gap| gaps.offer(gap));
        let mut sample = reserved(count)?;
        // SAFETY: the gaps were found on that level.
        let entries = gaps
            .chosen()
            .filter_map(|gap| unsafe { self.random_in(level, gap) });
        sample.extend(entries);
        Ok(sample)
    }

    /// The first level from the top that has so many nodes, or level 0.
    fn level_with(&self, nodes: usize) -> usize {
        let has = |&level: &usize| {
            // SAFETY: the head is a node of every level.
            unsafe { self.gaps(level, self.head, 0) }
                .nth(nodes)
                .is_some()
        };
        (0..self.levels()).rev().find(has).unwrap_or(0)
    }

    /// An entry of a gap at random, if there is any.
    ///
    /// # Safety
    ///
    /// The gap was found on that level.
    unsafe fn random_in(&self, level: usize, mut gap: Gap) -> Option<Position> {
        for level in (0..level).rev() {
            let (from, until) = gap;
            // SAFETY: passed on from the caller, or the level above.
            let gaps = unsafe { self.gaps(level, from, until) };
            for (seen, one) in gaps.take(MOST).enumerate() {
                if random_u64() % (seen as u64 + 1) == 0 {
                    gap = one;
                }
            }
        }
        let (from, until) = gap;
        self.position(from).or_else(|| {
            // SAFETY: the head is a node of every level.
            let first = unsafe { self.successor(from) };
            first.filter(|first| first.get() != until)
        })
    }

    /// The gaps of a level from a node to another, of which 0 is the end.
    ///
    /// # Safety
    ///
    /// `from` is the head or was found on this level or above.
    unsafe fn gaps(
        &self,
        level: usize,
        from: Offset,
        until: Offset,
    ) -> impl Iterator<Item = Gap> + use<'_, C> {
        let view = self.view();
        let mut at = Some(from);
        core::iter::from_fn(move || {
            let from = at?;
            // SAFETY: passed on from the caller, or a link of this level led there.
            let node = unsafe { Self::node(view, from) };
            // SAFETY: as above.
            let next = unsafe { Self::link(node, level) }.offset();
            at = (next != 0 && next != until).then_some(next);
            Some((from, next))
        })
    }

    /// About how many entries lie from `begin` on and before `end`: exactly, if they are
    /// few. O(log n).
    ///
    /// The nodes in between are counted on the first level from the top where they are
    /// enough, each of which stands for `branching^level` entries.
    pub(crate) fn count_between(&self, begin: &Target<'_>, end: &Target<'_>) -> u64 {
        let mut from = [self.head; MAX_HEIGHT];
        self.descend(begin, Pass::Less, |level, stop| from[level] = stop.prev);
        let branching = self.heights.branching();
        let mut estimate = 0;
        for level in (0..self.levels().min(MAX_HEIGHT)).rev() {
            // SAFETY: the search for `begin` ended there, on that level.
            let nodes = unsafe { self.nodes_between(level, from[level], begin, end) };
            let each = branching.saturating_pow(level as u32);
            let here = (nodes as u64).saturating_mul(each);
            if nodes == MOST {
                // There may be any number more.
                return here.max(estimate);
            }
            estimate = here;
            if nodes > ENOUGH {
                break;
            }
        }
        estimate
    }

    /// How many nodes of a level lie at or after one target and before another; at most
    /// [`MOST`]. Keys decide: beside a writer, others may have come to lie before the node
    /// that a search ended at.
    ///
    /// # Safety
    ///
    /// `from` is the head or was found on this level or above, and lies before `begin`.
    unsafe fn nodes_between(
        &self,
        level: usize,
        from: Offset,
        begin: &Target<'_>,
        end: &Target<'_>,
    ) -> usize {
        let view = self.view();
        // SAFETY: passed on from the caller.
        let mut word = unsafe { self.walk(view, begin, from, level, 0) }.word;
        let mut nodes = 0;
        while nodes < MOST {
            let next = word.offset();
            // SAFETY: a link led to `next`.
            let compared = || unsafe { self.compare(view, next, end) }.is_lt();
            if !Self::decide(word, 0, end).unwrap_or_else(compared) {
                break;
            }
            nodes += 1;
            // SAFETY: as above.
            let node = unsafe { Self::node(view, next) };
            // SAFETY: it was found on this level.
            word = unsafe { Self::link(node, level) };
        }
        nodes
    }
}

/// Chooses some of the things that come by, each with equal chances: Vitter's reservoir
/// (1985).
pub(crate) struct Reservoir<T> {
    /// With their places in the order in which they came.
    chosen: Vec<(u64, T)>,
    most: usize,
    seen: u64,
}

impl<T> Reservoir<T> {
    /// For so many.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn new(most: usize) -> Result<Self> {
        let chosen = reserved(most)?;
        let seen = 0;
        Ok(Self { chosen, most, seen })
    }

    /// One comes by.
    pub(crate) fn offer(&mut self, one: T) {
        let place = (self.seen, one);
        self.seen += 1;
        if self.chosen.len() < self.most {
            self.chosen.push(place);
            return;
        }
        let index = usize::try_from(random_u64() % self.seen).ok();
        if let Some(chosen) = index.and_then(|index| self.chosen.get_mut(index)) {
            *chosen = place;
        }
    }

    /// What was chosen, in the order in which it came.
    pub(crate) fn chosen(mut self) -> impl Iterator<Item = T> {
        self.chosen.sort_unstable_by_key(|&(place, _)| place);
        self.chosen.into_iter().map(|(_, one)| one)
    }
}

/// An empty list with room for so many.
fn reserved<T>(count: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(count)
        .map_err(|_| Error::OutOfMemory {
            requested: count.saturating_mul(size_of::<T>()),
        })?;
    Ok(list)
}
