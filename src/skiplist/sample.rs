//! What the towers tell of the whole: random entries, and how many there are.

use super::height::MAX_HEIGHT;
use super::node::Position;
use super::search::{Pass, Target};
use super::{SkipList, Trail};
use crate::key::Comparator;
use crate::sync::random_u64;

/// Ranges of up to so many entries are counted.
const COUNTED: u64 = 64;

impl<C: Comparator> SkipList<C> {
    /// An entry at random, every one about as likely as any other; O(log n).
    ///
    /// From the top down, one of the nodes between the two chosen above is taken
    /// with equal chances, as RocksDB's `RandomSeek` does.
    pub(crate) fn random(&self) -> Option<Position> {
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
            self.first(&mut Trail::default())
        } else {
            self.position(from)
        }
    }

    /// About how many entries lie from `begin` on and before `end`: exactly, if they are
    /// few. O(log n).
    ///
    /// Each step of a search on level `i` passes about `branching^i` entries. On the upper
    /// levels both searches mostly make the same steps. RocksDB's `ApproximateNumEntries`
    /// rests on the same idea.
    pub(crate) fn count_between(&self, begin: &Target<'_>, end: &Target<'_>) -> u64 {
        let view = self.view();
        let mut trail = Trail::default();
        let mut at = self.seek(&mut trail, begin);
        for counted in 0..=COUNTED {
            let Some(position) = at else { return counted };
            // By key: of entries that are being added behind the end, none is counted.
            // SAFETY: the position came from this list.
            if unsafe { self.compare(view, position.get(), end) }.is_ge() {
                return counted;
            }
            // SAFETY: as above.
            at = unsafe { self.next(&mut trail, position) };
        }
        self.rank(end).saturating_sub(self.rank(begin)).max(COUNTED)
    }

    /// About how many entries lie before the target.
    fn rank(&self, target: &Target<'_>) -> u64 {
        let view = self.view();
        let branching = self.heights.branching();
        let mut at = self.head;
        let mut rank = 0u64;
        self.descend(target, Pass::Less, |level, stop| {
            let mut steps = 0u64;
            while at != stop.prev {
                // SAFETY: `at` is the head or was found on this level or above.
                let node = unsafe { Self::node(view, at) };
                // SAFETY: as above.
                let next = unsafe { Self::link(node, level) }.offset();
                if next == 0 {
                    // An insert in between, or a comparator that contradicts itself.
                    break;
                }
                at = next;
                steps += 1;
            }
            at = stop.prev;
            let each = branching.saturating_pow(level as u32);
            rank = rank.saturating_add(steps.saturating_mul(each));
        });
        rank
    }
}
