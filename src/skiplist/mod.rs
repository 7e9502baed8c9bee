//! The inline skiplist: insert-only, ordered, with lock-free readers.
//!
//! # Thread safety
//!
//! Any number of threads may read and insert at the same time. Readers never
//! wait and never write. Inserts are lock-free: a failed compare-exchange means
//! that another insert succeeded. [`SkipList::insert_exclusive`] uses plain
//! stores in place of compare-exchange; only one thread may write then, and
//! `&mut` (or the memtable's door) says so. Nothing is ever removed: memory is
//! freed when the list is dropped.
//!
//! # Invariants
//!
//! 1. **S1, frozen records.** A node's record is written before the node is
//!    linked and never changes after. Where entries can be overwritten, what changes is
//!    which record is current: one word in front of the node's own, the cell (`cell.rs`).
//! 2. **S2, order.** On every level, nodes ascend by user key, and by descending
//!    sequence number within a key. No two have the same key and sequence
//!    number, whatever their kinds.
//! 3. **S3, bottom-up.** A node is linked on level `i` before level `i + 1`, so a
//!    node found on a level can be descended from; nobody ascends in a tower,
//!    and levels that were not linked yet are never read. Who holds a node from elsewhere
//!    than a link reads only levels on which it was linked before it was handed on, with
//!    release and acquire (`start.rs`).
//! 4. **S4, publication.** A node is linked by a release store or
//!    compare-exchange on each level, and every link is followed by an acquire
//!    load: who finds a node sees its record and its links below.
//! 5. **S5, shrinking links.** A link only ever moves to a smaller key.
//! 6. **S6, exact prefixes.** A link carries the prefix of its own
//!    target in the same word. If the prefixes of target and sought key differ,
//!    they order the keys; so both readers and writers may trust them. No
//!    successor has the prefix plus infinity, with offset 0.
//! 7. **S7, duplicates** are decided on level 0, at each attempt; the loser links
//!    nothing. Where entries can be overwritten, it then exchanges the node's cell.
//! 8. **S8, height.** `height` is at least that of every node linked on its top
//!    level; it may be read late or early, since the head's links exist from the
//!    start and may be empty.
//!
//! Whatever a comparator answers, a fresh node goes between two nodes that are
//! adjacent on its level, so every level stays a finite list without cycles.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | record, shadow | the inserter, before linking | anyone who followed a link |
//! | a link of a node not yet linked on that level | the inserter | nobody |
//! | the level-0 link of a parked node (`parked.rs`) | who parked it, or holds it | the same |
//! | a link of a linked node | anyone: compare-exchange; or the one exclusive writer | anyone |
//! | a cell | anyone: swap | anyone |
//! | `height` | anyone, by maximum | anyone |
//! | `alone` | the one exclusive writer | the same, or the next one |
//!
//! Sources: Pugh, "Skip lists" (1990); LevelDB's `skiplist.h`; RocksDB's
//! `inlineskiplist.h` (splices, hints, concurrent insert); Pebble's `arenaskl`
//! (offsets). The prefix beside the offset in one word is this crate's.
//! Expected cost of a search or insert is O(log n) comparisons.

mod batch;
mod behind;
mod cell;
mod finger;
mod height;
mod insert;
mod link;
mod node;
mod parked;
mod probe;
mod sample;
mod search;
mod splice;
mod start;
mod trail;
mod verify;

pub use batch::BatchError;
pub use height::{HeightSource, MAX_HEIGHT};
pub use insert::{InsertContext, Sharing};
pub(crate) use link::Tower;
pub(crate) use parked::Linked;
pub(crate) use sample::Reservoir;
pub(crate) use search::Target;
pub use splice::Hint;
pub(crate) use start::{Place, Places, Start};
#[cfg(any(loom, shuttle))]
pub use trail::FAR_BYTES;
pub use trail::Trail;

use core::fmt;
use core::ptr::NonNull;

use crate::arena::{ArenaUsage, ConcurrentArena, Offset, SpaceView};
use crate::entry::{EntryRef, Protection, RawRecord};
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator, SequenceNumber};
use crate::sync::{Arc, AtomicUsize, UnsafeCell, unique_id};
use finger::Reach;
pub(crate) use height::Heights;
use node::NodePtr;
pub(crate) use node::{Position, Word};
use trail::Zones;
use verify::Checks;

/// Options of a list.
///
/// ```
/// use verimem::skiplist::SkipListOptions;
/// let options = SkipListOptions { max_height: 12, branching: 4, ..Default::default() };
/// assert!(!format!("{options:?}").is_empty());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SkipListOptions {
    /// The tallest tower, 1 to [`MAX_HEIGHT`].
    pub max_height: usize,
    /// One in this many nodes reaches the next level; 2 to 1024.
    pub branching: u32,
    /// Where heights come from.
    pub heights: HeightSource,
    /// Bytes of checksum that each entry carries.
    pub protection: Protection,
    /// Whether readers verify the order of every node that they come by.
    pub paranoid_checks: bool,
    /// Whether readers verify the checksum of every node that they come by.
    pub verify_checksums_on_seek: bool,
    /// Whether errors may show bytes of keys.
    pub show_corrupt_keys: bool,
    /// A cursor's seek that goes about so many entries ahead begins where the cursor is; 0 for
    /// seeks from the head on.
    pub lookahead: usize,
}

/// Default height: enough for 2^20 entries and more at the default branching.
const DEFAULT_MAX_HEIGHT: usize = 20;
/// Default branching.
const DEFAULT_BRANCHING: u32 = 2;

impl Default for SkipListOptions {
    fn default() -> Self {
        Self {
            max_height: DEFAULT_MAX_HEIGHT,
            branching: DEFAULT_BRANCHING,
            heights: HeightSource::Random,
            protection: Protection::None,
            paranoid_checks: false,
            verify_checksums_on_seek: false,
            show_corrupt_keys: false,
            lookahead: 0,
        }
    }
}

/// An insert-only list of entries, ordered by user key and descending sequence
/// number, with the entries inline in arena-allocated nodes (SPEC S1 to S5).
///
/// ```
/// use verimem::arena::{ArenaOptions, ConcurrentArena};
/// use verimem::rep::Cursor;
/// use verimem::skiplist::{SkipList, SkipListOptions};
/// use verimem::{BytewiseComparator, EntryRef, Kind};
/// use std::sync::Arc;
///
/// let arena = Arc::new(ConcurrentArena::new(ArenaOptions::default())?);
/// let list = SkipList::new(arena, BytewiseComparator, SkipListOptions::default())?;
/// list.insert(&EntryRef { user_key: b"b", sequence: 1, kind: Kind::VALUE, value: b"2" })?;
/// list.insert(&EntryRef { user_key: b"a", sequence: 2, kind: Kind::VALUE, value: b"1" })?;
///
/// let mut cursor = Cursor::new(&list);
/// cursor.seek_to_first();
/// assert_eq!(cursor.entry()?.map(|entry| entry.user_key), Some(&b"a"[..]));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct SkipList<C = BytewiseComparator> {
    /// Read by every search; constant after `new`.
    head: Offset,
    /// The arena's, at hand.
    space: SpaceView<'static>,
    comparator: C,
    height: AtomicUsize,
    max_height: usize,
    heights: Heights,
    zones: Zones,
    reach: Option<Reach>,
    checks: Checks,
    /// Hints are checked against it.
    id: u64,
    #[cfg(shuttle)]
    towers: crate::sync::Towers,
    /// Where the one writer was that is alone; only touched by that writer.
    alone: Alone,
    arena: Arc<ConcurrentArena>,
}

/// What only a writer that is alone touches.
struct Alone(UnsafeCell<InsertContext>);

// SAFETY: it is touched by a writer that is alone, ordered after the one before: the
// contract of `insert_alone`.
unsafe impl Sync for Alone {}

// Nothing else in a list needs a proof.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<SkipList<BytewiseComparator>>();
};

impl<C: Comparator> SkipList<C> {
    /// Makes an empty list; the arena gives up a head node.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`]; [`Error::Full`] or [`Error::OutOfMemory`] when
    /// not even the head fits.
    pub fn new(
        arena: Arc<ConcurrentArena>,
        comparator: C,
        options: SkipListOptions,
    ) -> Result<Self> {
        Self::with_cells(arena, comparator, options, false)
    }

    /// As [`new`](Self::new); `cells` says whether entries can be overwritten.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub(crate) fn with_cells(
        arena: Arc<ConcurrentArena>,
        comparator: C,
        options: SkipListOptions,
        cells: bool,
    ) -> Result<Self> {
        let invalid = |option, reason| Error::InvalidOption { option, reason };
        if !(1..=MAX_HEIGHT).contains(&options.max_height) {
            return Err(invalid("max_height", "not in 1..=32"));
        }
        if !(2..=1024).contains(&options.branching) {
            return Err(invalid("branching", "not in 2..=1024"));
        }
        let checks = Checks::new(&options, cells)?;
        let memory = arena.allocate(NodePtr::size(options.max_height, 0))?;
        // SAFETY: fresh memory of that size, aligned to `UNIT`.
        let head = unsafe { NodePtr::construct(memory.ptr, options.max_height) };
        for level in 0..options.max_height {
            // SAFETY: the head has these levels, and is nobody else's yet.
            unsafe { head.construct_link(level, Word::NIL) };
        }
        // SAFETY: the list holds the arena, which does not move, for as long as
        // it is used itself.
        let space = unsafe { arena.view().detach() };
        let list = Self {
            space,
            head: memory.offset + NodePtr::offset_in_allocation(options.max_height),
            comparator,
            height: AtomicUsize::new(1),
            max_height: options.max_height,
            heights: Heights::new(options.heights, options.max_height, options.branching),
            zones: Zones::new(options.branching, options.max_height, false),
            reach: Reach::new(options.lookahead, options.branching, options.max_height),
            checks,
            id: unique_id(),
            #[cfg(shuttle)]
            towers: crate::sync::Towers::default(),
            alone: Alone(UnsafeCell::new(InsertContext::new())),
            arena,
        };
        #[cfg(shuttle)]
        (0..list.max_height).for_each(|level| list.remember(list.head, level));
        Ok(list)
    }

    /// The order of the list.
    #[must_use]
    pub fn comparator(&self) -> &C {
        &self.comparator
    }

    /// The arena behind the list.
    #[must_use]
    pub fn arena(&self) -> &Arc<ConcurrentArena> {
        &self.arena
    }

    /// Reads the arena's accounting.
    #[must_use]
    pub fn memory_usage(&self) -> ArenaUsage {
        self.arena.usage()
    }

    /// The most bytes that an entry can take from the arena, whatever its tower. Where
    /// entries can be overwritten, one that another thread adds at the same time takes a
    /// node in vain, and then a version.
    ///
    /// # Errors
    ///
    /// The limit that the lengths exceed.
    pub fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        let record = crate::entry::encoded_len(key_len, value_len, self.checks.protection())?;
        let node = NodePtr::size(self.max_height, self.checks.front_len() + record);
        let version = if self.checks.cells() {
            self.version_size(record)
        } else {
            0
        };
        let unit = crate::arena::UNIT;
        Ok(node.next_multiple_of(unit) + version.next_multiple_of(unit))
    }

    /// The newest entry of `user_key` that is not newer than `sequence`. O(log n).
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when its checksum differs, or the way to it is damaged.
    #[inline]
    pub fn get(&self, user_key: &[u8], sequence: SequenceNumber) -> Result<Option<EntryRef<'_>>> {
        let target = Target::new(&self.comparator, user_key, sequence);
        let newest = self.find(&target);
        if self.is_checked() {
            self.verify_path(&target)?;
        }
        // SAFETY: the position came from this list.
        newest
            .map(|newest| unsafe { self.entry_at(newest) })
            .transpose()
    }

    /// As [`get`](Self::get) for each of the keys, which may come in any order:
    /// several searches are on their way at a time. `found` hears the answers in
    /// the order of the keys, with their places.
    pub fn multi_get<'l>(
        &'l self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        mut found: impl FnMut(usize, Result<Option<EntryRef<'l>>>),
    ) {
        self.find_all(keys, sequence, |index, newest| {
            if self.is_checked() {
                let target = Target::new(&self.comparator, keys[index], sequence);
                if let Err(corruption) = self.verify_path(&target) {
                    return found(index, Err(corruption.into()));
                }
            }
            // SAFETY: the position came from this list.
            let entry = newest.map(|newest| unsafe { self.entry_at(newest) });
            found(index, entry.transpose());
        });
    }

    #[inline(always)]
    fn view(&self) -> SpaceView<'_> {
        self.space
    }

    /// The address of a node.
    ///
    /// # Safety
    ///
    /// `node` is the head or was found by following this list's links.
    #[inline(always)]
    unsafe fn node(view: SpaceView<'_>, node: Offset) -> NodePtr {
        // SAFETY: nodes are allocated from the list's own arena, and a node's
        // offset lies within its allocation.
        let link0 = unsafe { view.resolve(node) };
        // SAFETY: every node was made by `construct`, and the arena lives as
        // long as the list.
        unsafe { NodePtr::new(link0) }
    }

    /// Where the record of a node begins, or what lies in front of it.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[inline(always)]
    unsafe fn record_start(view: SpaceView<'_>, node: Offset) -> NonNull<u8> {
        // SAFETY: passed on from the caller.
        let node = unsafe { Self::node(view, node) };
        // SAFETY: a link led here by an acquire load, after `construct` (S4).
        unsafe { node.shadow() }.read();
        // SAFETY: a linked node has a record.
        unsafe { node.record() }
    }

    /// The record of a node that is not the head, in a plain list.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[inline(always)]
    unsafe fn record(view: SpaceView<'_>, node: Offset) -> RawRecord {
        // SAFETY: passed on from the caller.
        let record = unsafe { Self::record_start(view, node) };
        // SAFETY: the record was written before linking and never changes (S1).
        unsafe { RawRecord::new(record.as_ptr()) }
    }

    /// The entry at a position.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when its checksum differs.
    ///
    /// # Safety
    ///
    /// `at` is a position that this list returned.
    #[inline]
    pub(crate) unsafe fn entry_at(&self, at: Position) -> Result<EntryRef<'_>> {
        if !self.checks.plain() {
            // SAFETY: passed on from the caller.
            return Ok(unsafe { self.special_entry(self.view(), at.get()) }?);
        }
        // SAFETY: positions are nodes found by following links.
        let record = unsafe { Self::record(self.view(), at.get()) };
        // SAFETY: records stay as they are while the list is borrowed.
        Ok(unsafe { record.entry() })
    }

    /// The user key and tag at a position; `None` where its lengths are damaged.
    ///
    /// # Safety
    ///
    /// `at` is a position that this list returned.
    #[inline]
    pub(crate) unsafe fn key_at(&self, at: Position) -> Option<(&[u8], u64)> {
        // SAFETY: positions are nodes found by following links.
        unsafe { self.key_of(self.view(), at.get()) }
    }

    /// As [`key_at`](Self::key_at), of a node.
    ///
    /// # Safety
    ///
    /// `node` was found by following this list's links.
    #[inline(always)]
    unsafe fn key_of(&self, view: SpaceView<'_>, node: Offset) -> Option<(&[u8], u64)> {
        if !self.checks.plain() {
            // SAFETY: passed on from the caller.
            return unsafe { self.special_key(view, node) };
        }
        // SAFETY: passed on from the caller.
        let record = unsafe { Self::record(view, node) };
        // SAFETY: records stay as they are while the list is borrowed.
        Some(unsafe { record.key() })
    }

    /// Remembers a cell that must be dropped.
    #[cfg(shuttle)]
    fn remember_cell(&self, node: Offset) {
        // SAFETY: the node was just made in this list's arena.
        let link0 = unsafe { self.view().resolve(node) };
        // SAFETY: the cell was made just now, and dies with the list.
        self.towers
            .remember(move || unsafe { node::drop_cell(link0) });
    }

    /// Remembers a link that must be dropped.
    #[cfg(shuttle)]
    fn remember(&self, node: Offset, level: usize) {
        // SAFETY: the node was just made in this list's arena.
        let link0 = unsafe { self.view().resolve(node) };
        // SAFETY: the link was made just now, and dies with the list.
        self.towers
            .remember(move || unsafe { node::drop_link(link0, level) });
    }
}

impl<C: Comparator> fmt::Debug for SkipList<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkipList")
            .field("comparator", &self.comparator.name())
            .field("max_height", &self.max_height)
            .field("checks", &self.checks)
            .field("arena", &self.arena)
            .finish_non_exhaustive()
    }
}
