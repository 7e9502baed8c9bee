//! Memory that goes from arenas that are gone to arenas to come.

use core::fmt;

use super::Space;
use super::options::Geometry;
use super::space::Frontier;
use crate::error::Result;
use crate::sync::{Arc, Mutex};

/// The most idle spaces in one pool: each holds addresses, up to 32 GiB of them,
/// however little memory it has.
const MAX_IDLE: usize = 32;

/// Keeps the memory of dropped arenas for new ones.
///
/// Fresh pages are dear: the first touch of each is a fault, in which the system
/// clears it. An engine that makes table after table pays that for each of them. With
/// a pool, an arena that is dropped leaves its address range with the committed
/// pages to the pool, and a new arena takes it and hands out those pages first.
///
/// An arena takes only what is like its own: a range that was made with the same
/// [`capacity`](super::ArenaOptions::capacity) and
/// [`huge_pages`](super::ArenaOptions::huge_pages), the one that came last if there
/// are several. On platforms whose arenas are tables of blocks, the block size has
/// to be the same, too, and each block is used again for one of the same size.
/// What no range in the pool suits gets fresh memory. Arenas keep the pool alive.
///
/// # How much memory
///
/// - [`retained`](Self::retained) is what the pool itself holds: every committed
///   byte of the ranges in it. It is never above the limit given to
///   [`new`](Self::new). To make room, ranges are unmapped whole, the oldest first. A
///   range that alone exceeds the limit is cut down to it on Linux and in tables
///   of blocks, and unmapped elsewhere. A pool has at most 32 ranges.
/// - [`lent`](Self::lent) is what living arenas got from the pool. An arena may
///   never come to use all of it; all of it goes back.
/// - A [`Budget`](super::Budget) knows nothing of the pool: a block is charged when
///   an arena takes it, from whatever source, and released when the arena is dropped.
///   So what is in use is at most the sum of what is charged, `retained` and `lent`.
///
/// Recycled memory is not cleared: what is in the pool still has the bytes of the
/// tables of before.
///
/// ```
/// use std::sync::Arc;
/// use verimem::arena::{ArenaOptions, ArenaPool, BlockArena};
///
/// let pool = Arc::new(ArenaPool::new(64 << 20));
/// let options = ArenaOptions { pool: Some(Arc::clone(&pool)), ..ArenaOptions::default() };
/// let mut arena = BlockArena::new(options.clone())?;
/// arena.allocate(100_000)?;
/// let allocated = arena.usage().allocated;
/// drop(arena);
/// assert_eq!(pool.retained(), allocated);
/// let arena = BlockArena::new(options)?;
/// assert_eq!((pool.retained(), pool.lent()), (0, allocated));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct ArenaPool {
    max_retained: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest first.
    idle: Vec<Idle>,
    /// Sum of their bytes.
    retained: usize,
    /// Bytes that living arenas took.
    lent: usize,
}

/// A rewound space.
#[derive(Debug)]
struct Idle {
    space: Space,
    frontier: Frontier,
    /// Committed.
    bytes: usize,
}

impl ArenaPool {
    /// Makes an empty pool that will retain at most so many bytes.
    #[must_use]
    pub fn new(max_retained_bytes: usize) -> Self {
        Self {
            max_retained: max_retained_bytes,
            state: Mutex::new(State::default()),
        }
    }

    /// Bytes that the pool holds, ready for new arenas.
    #[must_use]
    pub fn retained(&self) -> usize {
        self.state.lock().retained
    }

    /// Bytes that living arenas took from the pool, used or not.
    #[must_use]
    pub fn lent(&self) -> usize {
        self.state.lock().lent
    }

    /// Gives everything that the pool holds back to the system. Arenas that are
    /// alive are not touched; what they have comes later.
    pub fn clear(&self) {
        let idle = {
            let mut state = self.state.lock();
            state.retained = 0;
            core::mem::take(&mut state.idle)
        };
        // Unmapping takes a while: not with the lock held.
        drop(idle);
    }

    /// The newest space that suits.
    fn take(&self, geometry: &Geometry) -> Option<Idle> {
        let mut state = self.state.lock();
        let suits = |idle: &Idle| idle.space.suits(geometry);
        let found = state.idle.iter().rposition(suits)?;
        let idle = state.idle.remove(found);
        state.retained -= idle.bytes;
        state.lent += idle.bytes;
        Some(idle)
    }

    /// Keeps a space of which `lent` bytes came from here, or as much of it as
    /// the limit allows.
    fn give(&self, mut space: Space, mut frontier: Frontier, lent: usize) {
        let mut bytes = space.rewind(&mut frontier);
        if bytes > self.max_retained {
            bytes = space.trim(&mut frontier, self.max_retained);
        }
        let mut given = Some(Idle {
            space,
            frontier,
            bytes,
        });
        self.state.lock().lent -= lent;
        let keep = 1..=self.max_retained;
        while keep.contains(&bytes) && given.is_some() {
            let oldest = self
                .state
                .lock()
                .keep_or_evict(&mut given, self.max_retained);
            // Unmapped with the lock released.
            drop(oldest);
        }
    }
}

impl State {
    /// Adds what is given if there is room; takes the oldest out if not.
    fn keep_or_evict(&mut self, given: &mut Option<Idle>, max_retained: usize) -> Option<Idle> {
        let bytes = given.as_ref()?.bytes;
        if self.retained + bytes > max_retained || self.idle.len() >= MAX_IDLE {
            let oldest = self.idle.remove(0);
            self.retained -= oldest.bytes;
            return Some(oldest);
        }
        let given = given.take()?;
        if self.idle.try_reserve(1).is_err() {
            return Some(given);
        }
        self.retained += bytes;
        self.idle.push(given);
        None
    }
}

impl fmt::Debug for ArenaPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("ArenaPool")
            .field("max_retained", &self.max_retained)
            .field("retained", &state.retained)
            .field("lent", &state.lent)
            .field("idle", &state.idle.len())
            .finish()
    }
}

/// Where an arena's space came from, and goes to.
#[derive(Debug)]
pub(super) struct Home {
    pool: Option<Arc<ArenaPool>>,
    /// Bytes that came from the pool.
    lent: usize,
}

impl Home {
    /// Finds a space for a new arena: one from the pool, or a fresh one.
    pub(super) fn settle(
        pool: Option<Arc<ArenaPool>>,
        geometry: &Geometry,
    ) -> Result<(Space, Frontier, Self)> {
        if let Some(idle) = pool.as_ref().and_then(|pool| pool.take(geometry)) {
            let lent = idle.bytes;
            return Ok((idle.space, idle.frontier, Self { pool, lent }));
        }
        let space = Space::new(geometry).or_else(|refusal| match &pool {
            // What it holds for others may be what is missing here.
            Some(pool) => {
                pool.clear();
                Space::new(geometry)
            }
            None => Err(refusal),
        })?;
        Ok((space, Frontier::default(), Self { pool, lent: 0 }))
    }

    /// Leaves the space of an arena that is being dropped to the pool. Without
    /// one, nothing happens, and the space is dropped with its arena.
    pub(super) fn retire(&mut self, space: &mut Space, frontier: Frontier) {
        if let Some(pool) = self.pool.take() {
            let space = core::mem::replace(space, Space::nowhere());
            pool.give(space, frontier, self.lent);
        }
    }
}
