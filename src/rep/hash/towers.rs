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
