//! The tables of a column family: one that is written to, those that wait to be flushed, and
//! the way from the one to the other (SPEC L0, L2, L3, L7).
//!
//! # Thread safety
//!
//! Everything works from any number of threads. Readers keep a [`ListHandle`] each: a look at
//! the list is one load as long as nothing was switched or flushed, and a lock for the time of
//! copying a pointer when something was. Writers pass the active table's door, and wait while
//! it is being switched, which is as long as the writers before them take. Switches wait for one
//! another, and so do installations of flushes, which may write to disk; neither waits for the other.
//!
//! # Invariants
//!
//! 1. **N1, one place.** Each entry is, in each version that is not older than it, in exactly one
//!    of: the active table, one immutable table, the files.
//! 2. **N2, order of tables.** All sequence numbers in a table are smaller than those in newer
//!    tables of its list, if they are taken inside of the table's door:
//!    [`ListHandle::write`] hands out the writer, and the number is reserved within. A table's
//!    door opens only after that of the one before was closed and all who were inside had left.
//!    So a lookup may end at the newest table that knows the key.
//! 3. **N3, no lost commit.** Who passed the door of a table writes to a table of the list; who
//!    did not waits for the switch to end, and finds the next one.
//! 4. **N4, reading one's writes.** Who learnt of a commit (by an acquire load of what its writer
//!    stored after it) gets a version that is not older than the table that the commit is in.
//! 5. **N5, order of flushes.** Files learn of tables from the oldest on, of each once, and a
//!    version that lacks a table has files that were told of it.
//! 6. **N6, failure.** What ends in an error, a panic or a dropped [`FlushJob`] leaves all tables
//!    in the list, and ready to be picked again.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `generation` | who changes the version, with `state` locked | handles, Relaxed |
//! | `state` | switches, flush jobs, for moments | the same, and handles that are out of date |
//! | `switching` | held by who switches, from the seal to the new version | writers that met the seal |
//! | `installing` | held by who tells the files of tables | |
//!
//! `installing` is taken before `state`, `switching` before `state`, never both of them.
//!
//! The list is that of RocksDB's `MemTableList` and `SuperVersion`, which are copied on write,
//! too. There, writers wait in one queue, so that none is inside when a table is switched; here
//! the table's door does that.

mod flush;
mod handle;
mod output;
mod table;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod version;

pub use flush::{FlushJob, Installed};
pub use handle::{ListHandle, write_all};
pub use output::{FlushError, FlushSink, FlushStats};
pub use table::{Entries, Immutable, ReadOnlyTable, Sight};
pub use version::Version;

use core::fmt;
use std::collections::VecDeque;

use crossbeam_utils::CachePadded;

use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator};
use crate::memtable::MemTable;
use crate::rep::{MemTableRep, SkipListRep};
use crate::sync::ledger::FAULT_LIST_SWITCH_BEFORE_SEAL;
use crate::sync::{Arc, AtomicU64, Mutex, fault, is_entered, ord};
use flush::Slot;

/// What an engine knows of the files of a list: the place where entries are that were flushed.
///
/// A version holds one together with the tables, and both change at once, so that no reader
/// misses a table's entries, or has them twice.
pub trait Files: Sized + Send + Sync + 'static {
    /// What a flush has made of some tables: the new files.
    type Output: Send;
    /// Why files could not be told of it.
    type Error: Send;

    /// The files with those of one flush. Durable, if it is to survive: the tables may be dropped
    /// after this. It is called for one flush after the other, the oldest tables first, and may
    /// take its time.
    ///
    /// # Errors
    ///
    /// What the engine says; the tables stay, and are flushed again.
    fn with_flushed(&self, output: Self::Output) -> Result<Self, Self::Error>;
}

/// For lists whose tables go nowhere when they are flushed.
impl Files for () {
    type Output = ();
    type Error = core::convert::Infallible;

    fn with_flushed(&self, (): ()) -> Result<Self, Self::Error> {
        Ok(())
    }
}

/// Rules of a list, by RocksDB's names and with its defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListOptions {
    /// Tables that wait before a flush is due, unless one was asked for: at least 1.
    pub min_write_buffer_number_to_merge: usize,
    /// Tables in memory at which writers should stop; one before it they should slow down, if it
    /// is above 3. At least 2.
    pub max_write_buffer_number: usize,
    /// Bytes of tables to keep, those that were flushed included; 0 keeps none of those.
    pub max_write_buffer_size_to_maintain: u64,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self {
            min_write_buffer_number_to_merge: 1,
            max_write_buffer_number: 2,
            max_write_buffer_size_to_maintain: 0,
        }
    }
}

/// What writers should do in view of the tables that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// Go on.
    None,
    /// Slow down: the next table will be the last one.
    Delay,
    /// Stop until a flush is done.
    Stop,
}

/// The tables of a column family.
pub struct MemTableList<F: Files = (), C: Comparator = BytewiseComparator, R = SkipListRep<C>> {
    options: ListOptions,
    generation: CachePadded<AtomicU64>,
    state: Mutex<State<F, C, R>>,
    switching: Mutex<()>,
    installing: Mutex<()>,
}

struct State<F: Files, C: Comparator, R> {
    version: Arc<Version<F, C, R>>,
    /// One for each immutable table, the oldest first.
    slots: VecDeque<Slot<F>>,
    /// Whether a flush was asked for, however few tables wait.
    flush_requested: bool,
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> MemTableList<F, C, R> {
    /// A list that begins with one table, which may have entries, and some files.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`]; [`Error::Sealed`] if the table is.
    pub fn new(options: ListOptions, active: MemTable<C, R>, files: F) -> Result<Self> {
        let invalid = |option, reason| Err(Error::InvalidOption { option, reason });
        if options.min_write_buffer_number_to_merge == 0 {
            return invalid("min_write_buffer_number_to_merge", "must not be 0");
        }
        if options.max_write_buffer_number < 2 {
            return invalid("max_write_buffer_number", "fewer than 2");
        }
        if active.is_sealed() {
            return Err(Error::Sealed);
        }
        let version = Arc::new(Version {
            generation: 0,
            active: Arc::new(active),
            immutables: Vec::new(),
            history: Vec::new(),
            files: Arc::new(files),
        });
        Ok(Self {
            options,
            generation: CachePadded::new(AtomicU64::new(0)),
            state: Mutex::new(State {
                version,
                slots: VecDeque::new(),
                flush_requested: false,
            }),
            switching: Mutex::new(()),
            installing: Mutex::new(()),
        })
    }

    /// The rules.
    #[must_use]
    pub fn options(&self) -> ListOptions {
        self.options
    }

    /// The tables at this moment. A [`ListHandle`] is cheaper to ask again and again.
    #[must_use]
    pub fn version(&self) -> Arc<Version<F, C, R>> {
        Arc::clone(&self.state.lock().version)
    }

    /// Closes the active table for writers, waits for those inside, and makes `next` the active
    /// one: from then on, the other waits to be flushed (SPEC L1). Returns the table that was
    /// active.
    ///
    /// # Errors
    ///
    /// [`Error::Reentrant`] if this thread is inside of a table, which might wait for itself;
    /// [`Error::Sealed`] if `next` is; [`Error::OutOfMemory`]. Nothing is changed then.
    pub fn switch(&self, next: MemTable<C, R>) -> Result<Arc<MemTable<C, R>>> {
        self.switch_with(next, None)
    }

    /// As [`switch`](Self::switch), with a table of the engine's own as the newest immutable one
    /// (SPEC L0).
    ///
    /// # Errors
    ///
    /// As for [`switch`](Self::switch).
    pub fn ingest(
        &self,
        table: Arc<dyn ReadOnlyTable>,
        next: MemTable<C, R>,
    ) -> Result<Arc<MemTable<C, R>>> {
        self.switch_with(next, Some(table))
    }

    fn switch_with(
        &self,
        next: MemTable<C, R>,
        other: Option<Arc<dyn ReadOnlyTable>>,
    ) -> Result<Arc<MemTable<C, R>>> {
        if is_entered() {
            return Err(Error::Reentrant);
        }
        if next.is_sealed() {
            return Err(Error::Sealed);
        }
        let _switching = self.switching.lock();
        // What can fail comes before the seal. Others only make the list shorter meanwhile.
        let (active, mut immutables) = {
            let mut state = self.state.lock();
            let count = state.slots.len() + 2;
            let requested = count * size_of::<Immutable<C, R>>();
            let refused = |_| Error::OutOfMemory { requested };
            state.slots.try_reserve(2).map_err(refused)?;
            let mut immutables = Vec::new();
            immutables.try_reserve_exact(count).map_err(refused)?;
            (Arc::clone(&state.version.active), immutables)
        };
        if !fault(&FAULT_LIST_SWITCH_BEFORE_SEAL) {
            active.seal()?;
        }
        let mut state = self.state.lock();
        state.slots.push_back(Slot::waiting());
        if let Some(other) = other {
            state.slots.push_back(Slot::waiting());
            immutables.push(Immutable::Other(other));
        }
        immutables.push(Immutable::MemTable(Arc::clone(&active)));
        let version = Arc::clone(&state.version);
        immutables.extend(version.immutables.iter().cloned());
        let old = self.replace(
            &mut state,
            Version {
                generation: 0,
                active: Arc::new(next),
                immutables,
                history: version.history.clone(),
                files: Arc::clone(&version.files),
            },
        );
        drop(state);
        // What nobody else holds is freed with no lock held.
        drop((version, old));
        if fault(&FAULT_LIST_SWITCH_BEFORE_SEAL) {
            active.seal()?;
        }
        Ok(active)
    }

    /// Makes a version the current one. Returns the one before, to be dropped without the lock.
    fn replace(
        &self,
        state: &mut State<F, C, R>,
        mut version: Version<F, C, R>,
    ) -> Arc<Version<F, C, R>> {
        version.generation = state.version.generation + 1;
        self.generation
            .store(version.generation, ord!(LIST_GENERATION_STORE, Relaxed));
        core::mem::replace(&mut state.version, Arc::new(version))
    }

    /// Waits for the switch that a writer met, and says whether there was one.
    fn wait_for_switch(&self, generation: u64) -> bool {
        drop(self.switching.lock());
        self.state.lock().version.generation != generation
    }

    /// What writers should do (SPEC L2), by RocksDB's rule.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        let waiting = self.state.lock().slots.len();
        let most = self.options.max_write_buffer_number;
        if waiting >= most {
            Pressure::Stop
        } else if most > 3
            && waiting + 1 >= most
            && waiting > self.options.min_write_buffer_number_to_merge
        {
            Pressure::Delay
        } else {
            Pressure::None
        }
    }
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> fmt::Debug for MemTableList<F, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemTableList")
            .field("options", &self.options)
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}
