//! Sorting nodes, whatever the comparator answers: no order of the standard library's is asked
//! for that may find it inconsistent and panic, and no memory that may not be there.

use crate::arena::Offset;
use crate::key::Comparator;
use crate::sync::{Mutex, available_parallelism, run_together};

/// Fewer items are sorted by one thread.
const MANY: usize = 50_000;
/// Runs of so many items are sorted by insertion.
const RUN: usize = 16;

/// A node that is to be sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// The prefix of its key.
    pub(super) prefix: u32,
    /// The later it was added the larger.
    pub(super) order: u32,
    pub(super) node: Offset,
}

impl Item {
    /// By prefix, and then as they were added.
    fn rank(&self) -> u64 {
        u64::from(self.prefix) << 32 | u64::from(self.order)
    }
}

/// What items are sorted by.
pub(super) trait Order: Sync {
    /// Lives while a thread asks for the order.
    type Inside;

    /// This thread is about to ask.
    fn inside(&self) -> Self::Inside;

    /// Whether the first belongs before the second; by their prefixes, if those differ.
    fn before(&self, a: &Item, b: &Item) -> bool;
}

impl<C: Comparator> super::VectorRep<C> {
    /// How many threads are to help with so many items.
    pub(super) fn helpers(&self, items: usize) -> usize {
        if items < MANY {
            return 0;
        }
        (available_parallelism() - 1).min(items / (MANY / 2))
    }
}

/// Makes room for more items, if there is memory.
pub(super) fn room_for(items: &mut Vec<Item>, more: usize) -> bool {
    #[cfg(all(test, not(any(loom, shuttle))))]
    if more > 0 && crate::sync::is_memory_refused() {
        return false;
    }
    items.try_reserve(more).is_ok()
}

/// Sorts items, which come in the order in which they were added, stably, on this thread and up
/// to `helpers` others. `spare` is of the same length.
///
/// If the order panics, the items are anything.
pub(super) fn sort(items: &mut [Item], spare: &mut [Item], helpers: usize, order: &impl Order) {
    let part = items.len().div_ceil(helpers + 1).max(1);
    if helpers == 0 {
        sort_part(items, spare, order);
        return;
    }
    let parts = items.chunks_mut(part).zip(spare.chunks_mut(part));
    let parts = Mutex::new(parts);
    run_together(helpers, || {
        let _inside = order.inside();
        loop {
            // In a statement of its own, so that the lock is not held for the sorting.
            let next = parts.lock().next();
            let Some((items, spare)) = next else {
                return;
            };
            sort_part(items, spare, order);
        }
    });
    merge_all(items, spare, part, order);
}

/// Sorts on this thread: by prefix, and those of the same prefix by their keys.
fn sort_part(items: &mut [Item], spare: &mut [Item], order: &impl Order) {
    items.sort_unstable_by_key(Item::rank);
    for group in items.chunk_by_mut(|a, b| a.prefix == b.prefix) {
        if group.len() > 1 {
            for run in group.chunks_mut(RUN) {
                sort_run(run, order);
            }
            let spare = &mut spare[..group.len()];
            merge_all(group, spare, RUN, order);
        }
    }
}

/// Sorts few items, by insertion.
fn sort_run(run: &mut [Item], order: &impl Order) {
    for end in 1..run.len() {
        let mut at = end;
        while at > 0 && order.before(&run[at], &run[at - 1]) {
            run.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Merges sorted parts of `width` items, the last of them shorter, until one is left.
fn merge_all(items: &mut [Item], spare: &mut [Item], mut width: usize, order: &impl Order) {
    while width < items.len() {
        let two = width.saturating_mul(2);
        for (pair, spare) in items.chunks_mut(two).zip(spare.chunks_mut(two)) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            let turn = left.last().zip(right.first());
            // Often nothing is to be done, since entries were added in order.
            if turn.is_some_and(|(left, right)| order.before(right, left)) {
                merge(left, right, spare, order);
                pair.copy_from_slice(spare);
            }
        }
        width = two;
    }
}

/// Merges two sorted parts; of equal items the left one comes first.
fn merge<'a>(mut left: &'a [Item], mut right: &'a [Item], merged: &mut [Item], order: &impl Order) {
    for place in merged {
        let from = match (left.first(), right.first()) {
            (Some(l), Some(r)) if order.before(r, l) => &mut right,
            (None, _) => &mut right,
            _ => &mut left,
        };
        if let Some((first, others)) = from.split_first() {
            (*place, *from) = (*first, others);
        }
    }
}
