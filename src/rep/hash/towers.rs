//! How tall the nodes of buckets are.

use crate::entry::EntryRef;
use crate::key::Comparator;
use crate::skiplist::{HeightSource, Heights, SkipList};

/// A bucket is crowded when its topmost level has so many nodes: half as many are passed there,
/// and a search from the head comes by about as many more than one from the anchor.
const CROWD: u64 = 8;

/// Draws heights.
#[derive(Debug)]
pub(super) struct Towers {
    /// H: each anchor has so many levels, and searches of buckets use no more.
    levels: usize,
    /// Geometric, to one above H.
    drawn: Heights,
    scripted: bool,
    /// Entries of a bucket that is a list.
    threshold: u64,
    /// Entries of a bucket that is too large for its levels.
    crowd: u64,
}

impl Towers {
    pub(super) fn new(source: HeightSource, levels: usize, branching: u32, threshold: u32) -> Self {
        let fanout = u64::from(branching).saturating_pow(levels as u32 - 1);
        Self {
            levels,
            drawn: Heights::new(source, levels + 1, branching),
            scripted: matches!(source, HeightSource::Scripted(_)),
            threshold: u64::from(threshold),
            crowd: fanout.saturating_mul(CROWD).max(u64::from(threshold)),
        }
    }

    /// H.
    #[inline(always)]
    pub(super) fn levels(&self) -> usize {
        self.levels
    }

    /// True when a search from the anchor on is longer than one from the head.
    #[inline(always)]
    pub(super) fn is_crowded(&self, entries: u64) -> bool {
        entries > self.crowd
    }

    /// The height of an entry that may become an anchor.
    pub(super) fn of_anchor<C: Comparator>(
        &self,
        list: &SkipList<C>,
        entry: &EntryRef<'_>,
    ) -> usize {
        let height = list.draw_height(entry);
        if self.scripted {
            return height.max(self.levels);
        }
        (self.levels - 1 + height).min(list.max_height())
    }

    /// The height of an entry behind the anchor of a bucket with so many entries.
    pub(super) fn of_entry<C: Comparator>(
        &self,
        list: &SkipList<C>,
        entry: &EntryRef<'_>,
        entries: u64,
    ) -> usize {
        if self.threshold > 0 && entries <= self.threshold {
            return 1;
        }
        if self.scripted {
            return list.draw_height(entry);
        }
        let height = self.drawn.draw(entry);
        if height > self.levels {
            let above = self.levels + list.draw_height(entry);
            return above.min(list.max_height());
        }
        height
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::arena::{ArenaOptions, ConcurrentArena};
    use crate::key::{BytewiseComparator, Kind};
    use crate::skiplist::SkipListOptions;
    use crate::sync::{Arc, seed_thread_rng};

    fn heights(
        levels: usize,
        threshold: u32,
        source: HeightSource,
        draw: impl Fn(&Towers, &SkipList<BytewiseComparator>, &EntryRef<'_>) -> usize,
    ) -> [usize; 33] {
        seed_thread_rng(levels as u64);
        let arena = Arc::new(ConcurrentArena::new(ArenaOptions::default()).unwrap());
        let options = SkipListOptions {
            max_height: 12,
            heights: source,
            ..SkipListOptions::default()
        };
        let list = SkipList::new(arena, BytewiseComparator, options).unwrap();
        let towers = Towers::new(source, levels, 4, threshold);
        let entry = EntryRef {
            user_key: b"",
            sequence: 1,
            kind: Kind::VALUE,
            value: b"",
        };
        let mut heights = [0; 33];
        (0..10_000).for_each(|_| heights[draw(&towers, &list, &entry)] += 1);
        heights
    }

    fn near(count: usize, expected: usize) -> bool {
        count.abs_diff(expected) * 5 < expected
    }

    #[test]
    fn r2_anchors_have_all_levels_and_others_few() {
        let random = HeightSource::Random;
        let anchors = heights(4, 0, random, |towers, list, entry| {
            towers.of_anchor(list, entry)
        });
        assert_eq!(anchors[..4], [0; 4]);
        assert!(near(anchors[4], 5_000) && near(anchors[5], 2_500) && near(anchors[6], 1_250));
        let others = heights(2, 0, random, |towers, list, entry| {
            towers.of_entry(list, entry, 1)
        });
        assert!(
            near(others[1], 7_500) && near(others[2], 1_875),
            "{others:?}"
        );
        // One in 16 goes beyond, and on by the branching of the list.
        assert!(near(others[3], 312), "{others:?}");
        assert!(others[4] > 100 && others[5] > 40, "{others:?}");
        let tallest = heights(12, 0, random, |towers, list, entry| {
            towers.of_anchor(list, entry)
        });
        assert_eq!(tallest[12], 10_000);
    }

    #[test]
    fn r3_a_short_bucket_is_a_list() {
        let random = HeightSource::Random;
        let of = |entries| {
            heights(4, 100, random, move |towers, list, entry| {
                towers.of_entry(list, entry, entries)
            })
        };
        assert_eq!(of(100)[1], 10_000);
        assert!(near(of(101)[1], 7_500));
    }

    #[test]
    fn s4_scripts_are_honoured() {
        let script = HeightSource::Scripted(|_| 3);
        let anchors = heights(4, 0, script, |towers, list, entry| {
            towers.of_anchor(list, entry)
        });
        assert_eq!(anchors[4], 10_000);
        let anchors = heights(2, 0, script, |towers, list, entry| {
            towers.of_anchor(list, entry)
        });
        assert_eq!(anchors[3], 10_000);
        let others = heights(2, 0, script, |towers, list, entry| {
            towers.of_entry(list, entry, 1)
        });
        assert_eq!(others[3], 10_000);
    }
}
