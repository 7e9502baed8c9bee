//! The vector: entries are appended, and sorted when somebody reads or seals (SPEC R4).
//!
//! RocksDB's `VectorRep` appends to a vector under a lock, copies and sorts it for each
//! iterator while it is mutable, and sorts it once when it is not. Here a vector is a skiplist
//! whose linking is put off. An add writes a complete node and pushes it onto a stack of *pending*
//! nodes: no search, no lock. Who reads first *settles*: takes the stack, sorts it, and
//! links what it has into the list. From then on, reading is the skiplist's. A table that is
//! sealed has been settled, so that all that is read of it is the skiplist's, without locks.
//!
//! # Thread safety
//!
//! Any number of threads may append and read at the same time. Appends are lock-free. A read
//! costs one load more than the skiplist's if nothing is pending. If something is, one reader
//! settles and the others wait for it; it links what was pending when it began, and no more.
//!
//! # Invariants
//!
//! 1. **V1, pending.** `pending` is 0 only if every entry whose adding was done is linked, or
//!    dropped as a duplicate. Else it is the newest pending node, or `BUSY`: none, but somebody
//!    links, or was interrupted.
//! 2. **V2, whole.** A pending node has its record, its height and the next older pending node
//!    (`skiplist/parked.rs`). It was pushed with release and is taken with acquire.
//! 3. **V3, one settler.** Only the holder of the lock takes pending nodes and links any. So it
//!    links with plain release stores, and its place in the list stays good from one
//!    settling to the next.
//! 4. **V4, nothing is lost.** A node is in the stack, in `rest`, in the list, or among the
//!    dropped, whatever a comparator does: while nodes are sorted, their chain stays as it is; what is
//!    not linked when a comparator panics is chained again.
//! 5. **V5, the first wins.** Of two entries with the same key and sequence number the one
//!    that was pushed first is linked. The other one is dropped, and handed to the table once.
//! 6. **V6, re-entry.** A comparator that reads the table while its thread settles, or sorts
//!    for a settler, finds what is linked by then.
//!
//! Whatever a comparator answers, sorting gives some order of the same nodes, and linking verifies
//! each place by itself (S2): sorted nodes only make it cheap.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `pending` | anyone: compare-exchange to a new node; the lock's holder: swap, compare-exchange | anyone |
//! | the parked word of a node | who appends it, until it is pushed; then the lock's holder | the same |
//! | `held` | the lock's holder | the same |
//! | `damaged` | the lock's holder | anyone |
//! | the list | the lock's holder | anyone |
//! | the list's `height` | who appends, by maximum | anyone |

mod read;
mod settle;
mod sort;
#[cfg(all(test, not(any(loom, shuttle))))]
mod sort_tests;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use core::fmt;

use crossbeam_utils::CachePadded;

use super::{MemTableRep, MemTableRepFactory, Memory, RepContext, Sharing};
use crate::arena::{Allocate, Offset};
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator};
use crate::skiplist::{BatchError, SkipList};
use crate::sync::ledger::FAULT_VECTOR_KEEP_STALE_NEXT;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, fault, ord, unique_id};
use settle::Held;

/// All is linked.
const SETTLED: u64 = 0;
/// Nothing is pending, and not everything is linked: no node has this number.
const BUSY: u64 = 1 << 32;

/// Makes a [`VectorRep`]: for tables that are filled first and read when they are sealed, such as
/// those of a bulk load.
///
/// Duplicates are not noticed when they are added. So the table has to
/// [keep the first](crate::memtable::DuplicatePolicy::KeepFirst), and until it is sealed its counters
/// have those that are dropped later.
///
/// ```
/// use verimem::memtable::DuplicatePolicy;
/// use verimem::rep::VectorFactory;
/// use verimem::{Kind, Lookup, MemTable};
///
/// let table = MemTable::builder()
///     .duplicates(DuplicatePolicy::KeepFirst)
///     .representation(VectorFactory::default())
///     .build()?;
/// table.add(1, Kind::VALUE, b"b", b"2")?;
/// table.add(2, Kind::VALUE, b"a", b"1")?;
/// table.seal()?;
/// assert!(matches!(table.get(b"a", 2)?, Lookup::Found { value: b"1", .. }));
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct VectorFactory {
    /// How many entries there is room to sort for from the start: 24 bytes each, which are no part
    /// of the table's accounting, and are given back when the table is sealed. More is allocated
    /// when it is needed. Entries themselves need no room: their nodes are linked where they are.
    pub count: usize,
}

impl<C: Comparator> MemTableRepFactory<C> for VectorFactory {
    type Rep = VectorRep<C>;

    fn create(self, context: RepContext<C>) -> Result<VectorRep<C>> {
        if !context.keeps_first {
            return Err(Error::InvalidOption {
                option: "duplicates",
                reason: "a vector notices them late: it can only keep the first",
            });
        }
        Ok(VectorRep {
            list: SkipList::new(context.arena, context.comparator, context.list)?,
            id: unique_id(),
            count: self.count,
            damaged: AtomicUsize::new(0),
            pending: CachePadded::new(AtomicU64::new(SETTLED)),
            held: Mutex::new(Held::new(self.count)?),
        })
    }
}

/// A skiplist into which entries are linked late (SPEC R4); [`VectorFactory`] makes it.
///
/// An add is O(1): it searches nothing. Who reads first sorts and links what was added until
/// then, and others who read wait for it. When the table is sealed all is linked: reading takes
/// no lock from then on, and costs what it costs in a [`SkipListRep`](super::SkipListRep).
pub struct VectorRep<C = BytewiseComparator> {
    list: SkipList<C>,
    /// Says which threads settle it.
    id: u64,
    count: usize,
    /// Not 0 once a node was damaged before it was linked.
    damaged: AtomicUsize,
    /// On a cache line of its own: every add writes it.
    pending: CachePadded<AtomicU64>,
    held: Mutex<Held>,
}

impl<C: Comparator> VectorRep<C> {
    /// Appends an entry; any number of threads may, at the same time. O(1). `memory` is of the
    /// list's arena.
    ///
    /// # Errors
    ///
    /// The limit that the entry exceeds, [`Error::Full`], [`Error::OutOfMemory`].
    #[inline]
    pub(crate) fn append(&self, memory: &mut impl Allocate, entry: &EntryRef<'_>) -> Result<()> {
        let node = self.list.park(memory, entry, 0)?;
        self.push(node, node);
        Ok(())
    }

    /// Where it allocates.
    #[cfg(any(loom, shuttle))]
    pub(crate) fn arena(&self) -> &crate::arena::ConcurrentArena {
        self.list.arena()
    }

    /// Pushes a chain of nodes that this thread parked, from the newest to the oldest.
    #[inline]
    fn push(&self, newest: Offset, oldest: Offset) {
        let mut word = self.pending.load(ord!(VECTOR_PUSH_GUESS, Relaxed));
        let mut stale = false;
        loop {
            if !stale {
                // SAFETY: this thread parked the node, and nobody else knows it yet.
                unsafe { self.list.park_before(oldest, node_of(word)) };
            }
            match self.pending.compare_exchange_weak(
                word,
                u64::from(newest),
                ord!(VECTOR_PUSH, Release),
                ord!(VECTOR_PUSH_FAILED, Relaxed),
            ) {
                Ok(_) => return,
                Err(actual) => word = actual,
            }
            stale = fault(&FAULT_VECTOR_KEEP_STALE_NEXT);
        }
    }
}

/// The node that a word of `pending` names; 0 for none.
#[inline(always)]
const fn node_of(word: u64) -> Offset {
    word as Offset
}

impl<C: Comparator> MemTableRep for VectorRep<C> {
    type Context = ();

    fn name(&self) -> &'static str {
        "vector"
    }

    #[inline]
    unsafe fn insert(
        &self,
        _sharing: Sharing,
        memory: &mut Memory<'_>,
        _context: &mut (),
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        self.append(memory, entry)?;
        linked();
        Ok(())
    }

    unsafe fn insert_all(
        &self,
        _sharing: Sharing,
        memory: &mut Memory<'_>,
        _context: &mut (),
        entries: &[EntryRef<'_>],
        linked: impl FnMut(&EntryRef<'_>),
    ) -> core::result::Result<(), BatchError> {
        let (mut newest, mut oldest, mut added) = (0, 0, 0);
        let refused = entries.iter().try_for_each(|entry| {
            newest = self.list.park(memory, entry, newest)?;
            if added == 0 {
                oldest = newest;
            }
            added += 1;
            Ok(())
        });
        if added > 0 {
            self.push(newest, oldest);
        }
        entries[..added].iter().for_each(linked);
        refused.map_err(|error| BatchError { added, error })
    }

    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        self.list.max_entry_size(key_len, value_len)
    }

    fn seal(&self) {
        self.settle();
        self.forget_scratch();
    }

    fn drain_dropped(&self, each: &mut dyn FnMut(&EntryRef<'_>)) {
        self.hand_dropped(each);
    }
}

impl<C: Comparator> fmt::Debug for VectorRep<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorRep")
            .field("list", &self.list)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
