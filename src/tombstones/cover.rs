//! Asking which range deletion hides a key.

use core::ops::RangeInclusive;

use smallvec::SmallVec;

use super::map::{Fragment, Map, Stretch};
use super::{Cell, Node, Sight, Tombstones};
use crate::error::{Error, Result};
use crate::key::{Comparator, SequenceNumber, Timestamp, Version};
use crate::visibility::Visibility;

/// What covers a key, and from where to where that is so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cover {
    /// The newest visible version that covers the key.
    pub(crate) version: Option<Version>,
    /// Keys in the store of the range deletions that were asked.
    begin: Option<*const [u8]>,
    end: Option<*const [u8]>,
    /// As of when.
    head: *const Cell,
}

// SAFETY: the pointers lead to what never changes, and are followed by `holds` only,
// whose caller knows that it is there.
unsafe impl Send for Cover {}
// SAFETY: as above.
unsafe impl Sync for Cover {}

impl Cover {
    /// Keeps to a part of a stretch.
    fn narrow(&mut self, comparator: &impl Comparator, stretch: &Stretch<'_>) {
        // SAFETY: both are keys in the store that is being asked.
        let key = |key: *const [u8]| unsafe { &*key };
        let is_before = |a, b| comparator.compare_without_timestamp(a, b).is_lt();
        if let Some(begin) = stretch.begin {
            if self.begin.is_none_or(|known| is_before(key(known), begin)) {
                self.begin = Some(begin);
            }
        }
        if let Some(end) = stretch.end {
            if self.end.is_none_or(|known| is_before(end, key(known))) {
                self.end = Some(end);
            }
        }
    }

    /// Whether the answer is that for `key`, too.
    ///
    /// # Safety
    ///
    /// The cover came from these range deletions.
    pub(crate) unsafe fn holds(
        &self,
        comparator: &impl Comparator,
        tombstones: &Tombstones,
        key: &[u8],
    ) -> bool {
        // SAFETY: keys of the same store, which is alive.
        let bound = |bound: *const [u8]| unsafe { &*bound };
        self.head == tombstones.first()
            && self.begin.is_none_or(|begin| {
                comparator
                    .compare_without_timestamp(bound(begin), key)
                    .is_le()
            })
            && self.end.is_none_or(|end| {
                comparator
                    .compare_without_timestamp(key, bound(end))
                    .is_lt()
            })
    }
}

/// Where the last search ended in each of the topmost nodes: a place to begin the next.
#[derive(Debug)]
pub(crate) struct Fingers {
    places: SmallVec<[usize; 4]>,
    /// The list that they are in.
    head: *const Cell,
}

// SAFETY: the pointer is compared, and never followed.
unsafe impl Send for Fingers {}
// SAFETY: as above.
unsafe impl Sync for Fingers {}

impl Default for Fingers {
    fn default() -> Self {
        let (places, head) = (SmallVec::new(), core::ptr::null());
        Self { places, head }
    }
}

impl Fingers {
    /// Begins anew if they are in another list.
    fn are_for(&mut self, head: *const Cell) {
        if self.head != head {
            self.places.clear();
            self.head = head;
        }
    }

    /// The one in a node, if there is memory for it.
    fn at(&mut self, place: usize) -> Option<&mut usize> {
        while self.places.len() <= place {
            self.places.try_reserve(1).ok()?;
            self.places.push(0);
        }
        self.places.get_mut(place)
    }
}

impl Tombstones {
    /// The newest visible version that covers `key`, a key without a timestamp; O(log^2 n),
    /// and more where numbers or timestamps did not come in order.
    pub(crate) fn covering(
        &self,
        comparator: &impl Comparator,
        key: &[u8],
        sight: &Sight<'_, impl Visibility>,
    ) -> Option<Version> {
        self.cover(comparator, key, sight, None).version
    }

    /// As [`covering`](Self::covering), with the keys for which the answer is the same.
    /// With fingers, it is the cheaper the nearer the key is to the last one.
    pub(crate) fn cover(
        &self,
        comparator: &impl Comparator,
        key: &[u8],
        sight: &Sight<'_, impl Visibility>,
        mut fingers: Option<&mut Fingers>,
    ) -> Cover {
        let head = self.first();
        if let Some(fingers) = &mut fingers {
            fingers.are_for(head);
        }
        let mut cover = Cover {
            version: None,
            begin: None,
            end: None,
            head,
        };
        for (place, node) in self.list(head).enumerate() {
            let near = fingers.as_mut().and_then(|fingers| fingers.at(place));
            visit(comparator, node, key, sight, near, &mut cover);
        }
        cover
    }

    /// What is deleted by such range deletions, in ascending fragments, each with the
    /// newest of them that covers it. O(n).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn fragments<C: Comparator>(
        &self,
        comparator: &C,
        part: &Part,
    ) -> Result<Vec<Fragment<'_>>> {
        let mut map = Map::with_room::<C>(0)?;
        for node in self.list(self.first()) {
            map = join(comparator, map, node, part)?;
        }
        let mut fragments = Vec::new();
        let count = map.fragments::<C>().count();
        fragments
            .try_reserve_exact(count)
            .map_err(|_| Error::OutOfMemory {
                requested: count.saturating_mul(size_of::<Fragment<'_>>()),
            })?;
        let found = map.fragments::<C>();
        // SAFETY: the keys are in the store, which lives as long as `self`; the map was
        // only needed to find them.
        fragments.extend(found.map(|fragment| unsafe { fragment.detach() }));
        Ok(fragments)
    }
}

impl Tombstones {
    /// All range deletions as they were added, by where they begin, of one place the newest first.
    /// O(n log n).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn singles<C: Comparator>(&self, comparator: &C) -> Result<Vec<Fragment<'_>>> {
        let mut singles = Vec::new();
        for node in self.list(self.first()) {
            gather::<C>(node, &mut singles)?;
        }
        singles.sort_unstable_by(|a, b| {
            let begins = comparator.compare_without_timestamp(a.begin, b.begin);
            begins.then(b.sequence.cmp(&a.sequence))
        });
        // SAFETY: the keys are in the store, which lives as long as `self`.
        let detach = |single: Fragment<'_>| unsafe { single.detach() };
        Ok(singles.into_iter().map(detach).collect())
    }
}

/// Adds what a node stands for, one by one. Its depth is the node's level.
fn gather<'n, C: Comparator>(node: &'n Node, singles: &mut Vec<Fragment<'n>>) -> Result<()> {
    if node.level > 0 {
        let mut children = node.children();
        return children.try_for_each(|child| gather::<C>(child, singles));
    }
    let requested = size_of::<Fragment<'_>>();
    let reserved = singles.try_reserve(1);
    reserved.map_err(|_| Error::OutOfMemory { requested })?;
    singles.extend(node.map.fragments::<C>());
    Ok(())
}

/// Some of the range deletions: those with such sequence numbers and timestamps.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) sequences: RangeInclusive<SequenceNumber>,
    pub(crate) timestamps: RangeInclusive<Timestamp>,
}

impl Part {
    /// Whether a node has nothing of it.
    fn misses(&self, node: &Node) -> bool {
        let (oldest, newest) = node.timestamps;
        node.largest < *self.sequences.start()
            || node.smallest > *self.sequences.end()
            || newest < *self.timestamps.start()
            || oldest > *self.timestamps.end()
    }

    /// Whether all of a node is of it.
    fn has(&self, node: &Node) -> bool {
        let (oldest, newest) = node.timestamps;
        self.sequences.contains(&node.smallest)
            && self.sequences.contains(&node.largest)
            && self.timestamps.contains(&oldest)
            && self.timestamps.contains(&newest)
    }
}

/// Looks whether a node has a newer visible version that covers the key. Its depth is
/// the node's level.
fn visit<C: Comparator>(
    comparator: &C,
    node: &Node,
    key: &[u8],
    sight: &Sight<'_, impl Visibility>,
    near: Option<&mut usize>,
    cover: &mut Cover,
) {
    let stamped = C::TIMESTAMP_LEN != 0;
    let (oldest, newest) = node.timestamps;
    let most = Version {
        timestamp: newest,
        sequence: node.largest,
    };
    let known = cover
        .version
        .is_some_and(|known| !most.is_newer::<C>(known));
    if known || node.smallest > sight.snapshot || stamped && oldest > sight.timestamp {
        return;
    }
    let too_new = stamped && newest > sight.timestamp;
    if node.level > 0 && (node.largest >= sight.limit() || too_new) {
        for child in node.children() {
            visit(comparator, child, key, sight, None, cover);
        }
    } else if node.level > 0 || sight.sees(node.largest) {
        let stretch = node.map.find(comparator, key, near);
        cover.narrow(comparator, &stretch);
        cover.version = Version::newest::<C>(cover.version, stretch.version);
    }
}

/// Merges what a node has of a part into a map.
fn join<C: Comparator>(comparator: &C, map: Map, node: &Node, part: &Part) -> Result<Map> {
    if part.misses(node) {
        return Ok(map);
    }
    if part.has(node) {
        return Map::merged(comparator, &[&map, &node.map]);
    }
    node.children()
        .try_fold(map, |map, child| join(comparator, map, child, part))
}
