//! Range deletions, and which of them hides a key (SPEC D1 to D3).
//!
//! # The tree over time
//!
//! Range deletions come one after the other and are never removed. A *node* stands for
//! some of them that came in a row, and has a *map*: the keys at which something
//! changes, ascending, with the largest sequence number that covers what follows. So a
//! map has at most two bounds per range deletion, however they nest or overlap, where
//! a list of all numbers per fragment would take quadratic space.
//!
//! Whoever reads at a snapshot that sees all of a node needs no more than its map. A
//! snapshot that sees a part of it goes down to the node's children, which stand for
//! a part each. Numbers mostly come in order, so that a snapshot cuts one node per
//! level. Where they do not, more nodes are visited, and the answer is the same.
//!
//! A new range deletion is a node of its own. When [`FANOUT`] nodes of one level are
//! there, they get a parent, whose map is merged from theirs: Bentley and Saxe,
//! "Decomposable Searching Problems" (1980). Each range deletion is merged once per
//! level, so an add costs O(log n) on average, and O(n) at times. The children stay:
//! they are what older snapshots read. When the table is sealed, one parent is made of
//! all that is left.
//!
//! # Thread safety
//!
//! Any number of threads may read and add. Adders take turns, by a lock. Readers never
//! wait: they load one pointer, to a list of nodes that never changes.
//!
//! # Invariants
//!
//! 1. **T1, frozen.** A node and a cell never change once they are published.
//! 2. **T2, publication.** A cell is published by a release store and read after an
//!    acquire load: who sees it sees all nodes and keys behind it.
//! 3. **T3, complete.** The list of cells reaches every range deletion whose add
//!    happened before, once.
//! 4. **T4, refusal.** An add that fails for want of memory has changed nothing.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `head` | the adder with the lock | anyone |
//! | nodes, cells, keys | the adder with the lock, before they are published | anyone who came by `head` |
//! | `store` | the adder with the lock | the same |

mod cover;
mod fragments;
mod map;
mod runs;
mod store;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub(crate) use cover::{Cover, Fingers, Part};
pub use fragments::RangeDeletions;
pub use map::Fragment;
pub use runs::{DeletionRun, DeletionRuns};

use core::fmt;
use core::ptr;

use smallvec::SmallVec;

use crate::arena::Budget;
use crate::error::Result;
use crate::key::{Comparator, SequenceNumber, Timestamp, Version};
use crate::sync::ledger::FAULT_TOMBSTONES_HEAD_BEFORE_LOCK;
use crate::sync::{Arc, AtomicPtr, AtomicUsize, Mutex, Shadow, fault, ord};
use crate::visibility::Visibility;
use map::Map;
use store::{Batch, Store};

/// So many nodes of one level get a parent.
const FANOUT: usize = if cfg!(any(loom, shuttle)) { 2 } else { 4 };

/// Some range deletions that came in a row.
struct Node {
    shadow: Shadow,
    /// 0 for a single one.
    level: u32,
    smallest: SequenceNumber,
    largest: SequenceNumber,
    /// The oldest timestamp and the newest.
    timestamps: (Timestamp, Timestamp),
    map: Map,
    /// Newest first.
    children: [*const Node; FANOUT],
}

/// A list of nodes, the newest first.
struct Cell {
    shadow: Shadow,
    node: *const Node,
    next: *const Cell,
}

/// A node, and the cells behind it.
type List = (*const Node, *const Cell);

/// Nodes that are to have one parent, newest first, and the cells behind them.
struct Group {
    children: [*const Node; FANOUT],
    count: usize,
    rest: *const Cell,
}

/// The range deletions of one table.
#[doc(hidden)]
pub struct Tombstones {
    head: AtomicPtr<Cell>,
    /// How many there are, and what they take in bytes.
    count: AtomicUsize,
    bytes: AtomicUsize,
    store: Mutex<Store>,
    budget: Option<Arc<dyn Budget>>,
}

// SAFETY: the pointers lead to what `store` owns; it is written before it is published,
// and never after (T1, T2).
unsafe impl Send for Tombstones {}
// SAFETY: as above.
unsafe impl Sync for Tombstones {}

/// What a reader sees of the range deletions, beside the key.
#[derive(Debug)]
pub(crate) struct Sight<'v, V> {
    pub(crate) snapshot: SequenceNumber,
    /// Nothing newer is seen, where there are timestamps.
    pub(crate) timestamp: Timestamp,
    pub(crate) visibility: &'v V,
}

impl<V: Visibility> Sight<'_, V> {
    /// Everything below this number is visible.
    fn limit(&self) -> SequenceNumber {
        let uncommitted = self.visibility.min_uncommitted();
        uncommitted.min(self.snapshot.saturating_add(1))
    }

    fn sees(&self, sequence: SequenceNumber) -> bool {
        sequence < self.limit() || sequence <= self.snapshot && self.visibility.is_visible(sequence)
    }
}

impl Tombstones {
    pub(crate) fn new(budget: Option<Arc<dyn Budget>>) -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            count: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            store: Mutex::new(Store::default()),
            budget,
        }
    }

    /// How many range deletions were added.
    pub(crate) fn count(&self) -> usize {
        self.count.load(ord!(TOMBSTONES_COUNT_LOAD, Relaxed))
    }

    /// Bytes that they take, the maps included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(ord!(TOMBSTONES_BYTES_LOAD, Relaxed))
    }

    /// True when there is none that the caller could see.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_null()
    }

    /// Adds the deletion of all keys from `begin` on and before `end`, which is after
    /// `begin`, both without timestamps, and calls `added` as soon as it is. O(log n) on average, O(n) at times.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); nothing is added then.
    pub(crate) fn add<C: Comparator>(
        &self,
        comparator: &C,
        begin: &[u8],
        end: &[u8],
        version: impl Into<Version>,
        added: impl FnOnce(),
    ) -> Result<()> {
        let version = version.into();
        let Version {
            timestamp,
            sequence,
        } = version;
        let published = || {
            self.count.fetch_add(1, ord!(TOMBSTONES_COUNT_ADD, Relaxed));
            added();
        };
        self.change(published, |batch, rest| {
            let map = batch.single::<C>(begin, end, version)?;
            let node = batch.node(Node {
                shadow: Shadow::new(),
                level: 0,
                smallest: sequence,
                largest: sequence,
                timestamps: (timestamp, timestamp),
                map,
                children: [ptr::null(); FANOUT],
            })?;
            let mut list = (node, rest);
            loop {
                // SAFETY: the new node is in the store.
                let level = unsafe { &*list.0 }.level;
                let group = self.group(list, |next| next.level == level);
                if group.count < FANOUT {
                    return Ok(Some(list));
                }
                list = (Self::join(batch, comparator, &group)?, group.rest);
            }
        })
    }

    /// Makes one node of all, so that who sees all of them asks one map. O(n).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); nothing has changed then.
    pub(crate) fn join_all(&self, comparator: &impl Comparator) -> Result<()> {
        let published = || ();
        self.change(published, |batch, head| {
            // SAFETY: cells lead to cells and nodes of this store.
            let Some(first) = (unsafe { head.as_ref() }) else {
                return Ok(None);
            };
            let mut list = (first.node, first.next);
            loop {
                let group = self.group(list, |_| true);
                if group.count == 1 {
                    return Ok((list.0 != first.node).then_some(list));
                }
                list = (Self::join(batch, comparator, &group)?, group.rest);
            }
        })
    }

    /// Publishes the list that `make` makes of the one there is: a node, and the cells
    /// behind it. The lock is held meanwhile. Calls `published` before a budget is charged,
    /// since that may panic.
    fn change(
        &self,
        published: impl FnOnce(),
        make: impl FnOnce(&mut Batch<'_>, *const Cell) -> Result<Option<List>>,
    ) -> Result<()> {
        let early = fault(&FAULT_TOMBSTONES_HEAD_BEFORE_LOCK).then(|| self.first());
        let mut store = self.store.lock();
        let mut batch = store.begin();
        let head = self.head.load(ord!(TOMBSTONES_HEAD_OWN, Relaxed));
        let head = early.unwrap_or(head);
        let Some((node, next)) = make(&mut batch, head)? else {
            return Ok(());
        };
        let cell = batch.cell(Cell {
            shadow: Shadow::new(),
            node,
            next,
        })?;
        let bytes = batch.commit();
        self.head
            .store(cell.cast_mut(), ord!(TOMBSTONES_HEAD_STORE, Release));
        self.bytes
            .fetch_add(bytes, ord!(TOMBSTONES_BYTES_ADD, Relaxed));
        published();
        drop(store);
        // Without the lock: a budget may call back.
        if let Some(budget) = &self.budget {
            budget.charge(bytes);
            self.store.lock().charged += bytes;
        }
        Ok(())
    }

    /// The first node of a list with those behind it that may join it, as many as a node
    /// can have for children. The lock is held.
    fn group(&self, (first, mut rest): List, joins: impl Fn(&Node) -> bool) -> Group {
        let mut children = [ptr::null(); FANOUT];
        children[0] = first;
        let mut count = 1;
        // SAFETY: cells lead to cells and nodes of this store.
        while let Some(cell) = unsafe { rest.as_ref() } {
            // SAFETY: as above.
            if count == FANOUT || !joins(unsafe { &*cell.node }) {
                break;
            }
            children[count] = cell.node;
            count += 1;
            rest = cell.next;
        }
        Group {
            children,
            count,
            rest,
        }
    }

    /// Makes the parent of a group.
    fn join(
        batch: &mut Batch<'_>,
        comparator: &impl Comparator,
        group: &Group,
    ) -> Result<*const Node> {
        let nodes: SmallVec<[&Node; FANOUT]> = group.children[..group.count]
            .iter()
            // SAFETY: the nodes of a group are in the store.
            .map(|&child| unsafe { &*child })
            .collect();
        let maps: SmallVec<[&Map; FANOUT]> = nodes.iter().map(|node| &node.map).collect();
        let map = Map::merged(comparator, &maps)?;
        let numbers = || nodes.iter();
        let timestamps = || nodes.iter().map(|node| node.timestamps);
        let oldest = timestamps().map(|(oldest, _)| oldest).min();
        let newest = timestamps().map(|(_, newest)| newest).max();
        batch.node(Node {
            shadow: Shadow::new(),
            level: 1 + numbers().map(|node| node.level).max().unwrap_or(0),
            smallest: numbers().map(|node| node.smallest).min().unwrap_or(0),
            largest: numbers().map(|node| node.largest).max().unwrap_or(0),
            timestamps: (oldest.unwrap_or(0), newest.unwrap_or(0)),
            map,
            children: group.children,
        })
    }

    /// The list of cells that a reader sees.
    #[inline]
    fn first(&self) -> *const Cell {
        self.head
            .load(ord!(TOMBSTONES_HEAD_LOAD, Acquire))
            .cast_const()
    }

    /// The nodes from a cell on, newest first.
    fn list(&self, from: *const Cell) -> impl Iterator<Item = &Node> {
        let mut at = from;
        core::iter::from_fn(move || {
            // SAFETY: cells lead to cells of this store, which lives as long as `self`,
            // and whoever got here came by `head` (T2), or holds the lock.
            let cell = unsafe { at.as_ref() }?;
            cell.shadow.read();
            at = cell.next;
            // SAFETY: as above.
            let node = unsafe { &*cell.node };
            node.shadow.read();
            Some(node)
        })
    }
}

impl Node {
    /// The parts of a node, newest first; none if it is a single range deletion.
    fn children(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| {
            // SAFETY: a child is of the same store as its parent, and older.
            let child = unsafe { child.as_ref() }?;
            child.shadow.read();
            Some(child)
        })
    }
}

impl Drop for Tombstones {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.release(self.store.lock().charged);
        }
    }
}

impl fmt::Debug for Tombstones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tombstones")
            .field("count", &self.count())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}
