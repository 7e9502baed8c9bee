//! From waiting tables to files: pick, install in order, roll back.

use core::fmt;

use super::{Files, Immutable, MemTableList, State, Version};
use crate::key::{BytewiseComparator, Comparator};
use crate::rep::{MemTableRep, SkipListRep};
use crate::sync::ledger::{
    FAULT_LIST_FILES_AFTER_TABLES, FAULT_LIST_INSTALL_OUT_OF_ORDER, FAULT_LIST_NO_ROLL_BACK,
    FAULT_LIST_PICK_TWICE,
};
use crate::sync::{Arc, fault, unique_id};

/// What is known of an immutable table.
pub(super) struct Slot<F: Files>(Status<F::Output>);

enum Status<O> {
    Waiting,
    /// A job has it.
    Flushing(u64),
    /// A job is done with it; the output is at the newest of the job's tables.
    Done(u64, Option<O>),
}

impl<F: Files> Slot<F> {
    pub(super) const fn waiting() -> Self {
        Self(Status::Waiting)
    }

    fn is_waiting(&self) -> bool {
        matches!(self.0, Status::Waiting)
    }

    /// The job that has the table, or is done with it.
    fn job(&self) -> Option<u64> {
        match self.0 {
            Status::Waiting => None,
            Status::Flushing(job) | Status::Done(job, _) => Some(job),
        }
    }

    fn done_by(&self) -> Option<u64> {
        match self.0 {
            Status::Done(job, _) => Some(job),
            _ => None,
        }
    }
}

/// Tables to be flushed together. Whoever holds it is the only one who flushes them; dropped,
/// they wait again.
#[must_use = "dropped, the tables wait again"]
pub struct FlushJob<F: Files = (), C: Comparator = BytewiseComparator, R = SkipListRep<C>>
where
    R: MemTableRep<Comparator = C>,
{
    pub(super) list: Arc<MemTableList<F, C, R>>,
    id: u64,
    tables: Vec<Immutable<C, R>>,
}

/// What became of a job's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// The files know of it, and the tables are gone from the list.
    Now,
    /// Older tables are still being flushed: whoever installs the last of them installs this, too.
    Later,
    /// Another job's turn came together with this one's, and the files refused what this one had
    /// made: the tables wait again. [`Files::with_flushed`] has seen why.
    Refused,
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> MemTableList<F, C, R> {
    /// Asks for a flush of all tables that wait, however few they are.
    pub fn request_flush(&self) {
        let mut state = self.state.lock();
        state.flush_requested = !state.slots.is_empty();
    }

    /// Whether a flush is due: enough tables wait, or some do and a flush was asked for.
    #[must_use]
    pub fn is_flush_pending(&self) -> bool {
        let state = self.state.lock();
        let waiting = state.slots.iter().filter(|slot| slot.is_waiting()).count();
        let least = self.options.min_write_buffer_number_to_merge;
        waiting >= least || state.flush_requested && waiting > 0
    }

    /// Takes the oldest tables that wait and follow upon one another, up to the one with the
    /// number `up_to`, if one is given. `None` if there are none, or no memory for the list of
    /// them.
    pub fn pick(self: &Arc<Self>, up_to: Option<u64>) -> Option<FlushJob<F, C, R>> {
        let mut state = self.state.lock();
        let State { version, slots, .. } = &mut *state;
        let oldest_first = || version.immutables.iter().rev();
        let allowed = match up_to {
            None => slots.len(),
            Some(id) => 1 + oldest_first().position(|table| table.id() == id)?,
        };
        let is_free = |slot: &Slot<F>| slot.is_waiting() || fault(&FAULT_LIST_PICK_TWICE);
        let first = slots.iter().position(is_free)?;
        let free = slots.range(first..allowed.max(first));
        let count = free.take_while(|slot| is_free(slot)).count();
        let mut tables = Vec::new();
        if count == 0 || tables.try_reserve_exact(count).is_err() {
            return None;
        }
        tables.extend(oldest_first().skip(first).take(count).cloned());
        let id = unique_id();
        for slot in slots.range_mut(first..first + count) {
            slot.0 = Status::Flushing(id);
        }
        if !slots.iter().any(Slot::is_waiting) {
            state.flush_requested = false;
        }
        Some(FlushJob {
            list: Arc::clone(self),
            id,
            tables,
        })
    }

    /// Lets the engine change what it knows of its files, as after a compaction, with no flush
    /// being installed at the same time.
    ///
    /// # Errors
    ///
    /// What `change` says; nothing is changed then.
    pub fn change_files<E>(&self, change: impl FnOnce(&F) -> Result<F, E>) -> Result<(), E> {
        let _installing = self.installing.lock();
        let files = Arc::clone(&self.state.lock().version.files);
        let files = Arc::new(change(&files)?);
        let mut state = self.state.lock();
        let version = &state.version;
        let version = Version {
            generation: 0,
            active: Arc::clone(&version.active),
            immutables: version.immutables.clone(),
            history: version.history.clone(),
            files,
        };
        let old = self.replace(&mut state, version);
        drop(state);
        drop(old);
        Ok(())
    }

    /// Installs what is done, the oldest first, up to a job that is not, or is refused: that
    /// one's number and error.
    fn install_in_order(&self) -> Result<(), (u64, F::Error)> {
        loop {
            let mut state = self.state.lock();
            let Some((job, count, output)) = state.take_oldest_done() else {
                return Ok(());
            };
            let files = Arc::clone(&state.version.files);
            drop(state);
            // Whether the files refuse it or panic, the tables wait again (N6).
            let mut again = WaitAgain { list: self, job };
            let files = files.with_flushed(output).map_err(|error| (job, error))?;
            again.job = 0;
            let files = Arc::new(files);
            if fault(&FAULT_LIST_FILES_AFTER_TABLES) {
                let before = Arc::clone(&self.state.lock().version.files);
                self.remove_oldest(count, before);
                self.remove_oldest(0, files);
            } else {
                self.remove_oldest(count, files);
            }
        }
    }

    /// Takes tables that the files know of out of the list, all at once.
    fn remove_oldest(&self, count: usize, files: Arc<F>) {
        let mut state = self.state.lock();
        state.slots.drain(..count);
        let version = Arc::clone(&state.version);
        let (waiting, flushed) = version
            .immutables
            .split_at(version.immutables.len() - count);
        let mut history = flushed.to_vec();
        history.extend(version.history.iter().cloned());
        let mut next = Version {
            generation: 0,
            active: Arc::clone(&version.active),
            immutables: waiting.to_vec(),
            history,
            files,
        };
        next.trim(self.options.max_write_buffer_size_to_maintain);
        let old = self.replace(&mut state, next);
        drop(state);
        drop((version, old));
    }

    /// Makes the tables of a job wait again.
    fn roll_back(&self, job: u64) {
        if fault(&FAULT_LIST_NO_ROLL_BACK) {
            return;
        }
        for slot in &mut self.state.lock().slots {
            if slot.job() == Some(job) {
                slot.0 = Status::Waiting;
            }
        }
    }

    /// Drops flushed tables that are not to be kept any more, because others have grown
    /// (SPEC L3). A switch and a flush do so themselves.
    pub fn trim_history(&self) {
        let mut state = self.state.lock();
        let version = &state.version;
        let mut next = Version {
            generation: 0,
            active: Arc::clone(&version.active),
            immutables: version.immutables.clone(),
            history: version.history.clone(),
            files: Arc::clone(&version.files),
        };
        if next.trim(self.options.max_write_buffer_size_to_maintain) {
            let old = self.replace(&mut state, next);
            drop(state);
            drop(old);
        }
    }
}

impl<F: Files, C: Comparator, R> State<F, C, R> {
    /// The oldest job, if it is done: how many tables it has, and its output.
    fn take_oldest_done(&mut self) -> Option<(u64, usize, F::Output)> {
        let first = match fault(&FAULT_LIST_INSTALL_OUT_OF_ORDER) {
            true => self.slots.iter().find_map(Slot::done_by),
            false => self.slots.front().and_then(Slot::done_by),
        };
        let job = first?;
        let mine = self.slots.iter_mut().filter(|slot| slot.job() == Some(job));
        let mut count = 0;
        let mut output = None;
        for slot in mine {
            count += 1;
            if let Status::Done(_, done) = &mut slot.0 {
                output = done.take().or(output);
            }
        }
        Some((job, count, output?))
    }
}

/// Rolls a job back when it is dropped, unless the job is 0.
struct WaitAgain<'l, F: Files, C: Comparator, R: MemTableRep<Comparator = C>> {
    list: &'l MemTableList<F, C, R>,
    job: u64,
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> Drop for WaitAgain<'_, F, C, R> {
    fn drop(&mut self) {
        if self.job != 0 {
            self.list.roll_back(self.job);
        }
    }
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> FlushJob<F, C, R> {
    /// The tables, the oldest first.
    #[must_use]
    pub fn tables(&self) -> &[Immutable<C, R>] {
        &self.tables
    }

    /// Tells the files of what was made of the tables, and takes those out of the list: once all
    /// older tables are flushed, in their order. Waits for other installations.
    ///
    /// # Errors
    ///
    /// What [`Files::with_flushed`] says of this job; its tables wait again. Of jobs whose turn comes
    /// before or after, only it itself knows.
    pub fn install(mut self, output: F::Output) -> Result<Installed, F::Error> {
        let job = core::mem::take(&mut self.id);
        {
            let mut state = self.list.state.lock();
            let mut output = Some(output);
            let mine = state.slots.iter_mut().rev();
            for slot in mine.filter(|slot| slot.job() == Some(job)) {
                slot.0 = Status::Done(job, output.take());
            }
        }
        let installing = self.list.installing.lock();
        // By now another job may have installed this one.
        let result = self.list.install_in_order();
        drop(installing);
        match result {
            Err((refused, error)) if refused == job => Err(error),
            _ => Ok(self.fate(job)),
        }
    }

    /// What became of the tables since this job was done with them.
    fn fate(&self, job: u64) -> Installed {
        let state = self.list.state.lock();
        let first = self.tables.first().map(Immutable::id);
        let mut oldest_first = state.version.immutables.iter().rev();
        match oldest_first.position(|table| Some(table.id()) == first) {
            None => Installed::Now,
            Some(place) if state.slots[place].job() == Some(job) => Installed::Later,
            Some(_) => Installed::Refused,
        }
    }

    /// As dropping it: the tables wait again.
    pub fn roll_back(self) {}
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> Drop for FlushJob<F, C, R> {
    fn drop(&mut self) {
        if self.id != 0 {
            self.list.roll_back(self.id);
        }
    }
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> fmt::Debug for FlushJob<F, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.tables.iter().map(Immutable::id).collect();
        f.debug_struct("FlushJob").field("tables", &ids).finish()
    }
}
