//! How threads come to the tables of a list.

use core::fmt;

use super::{Files, MemTableList, Version};
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator};
use crate::memtable::Writer;
use crate::rep::{MemTableRep, SkipListRep};
use crate::sequencer::{ReadView, Sequencer};
use crate::sync::ledger::{FAULT_LIST_NO_RECHECK, FAULT_LIST_STALE_HANDLE};
use crate::sync::{Arc, fault, is_entered, ord};

/// One thread's way to the tables of a list: keeps the version that it saw last, so that the next
/// look is one load if nothing was changed since.
///
/// It keeps that version's tables in memory as well, until it looks again or is
/// [released](Self::release).
///
/// ```
/// use std::sync::Arc;
/// use verimem::list::{ListHandle, ListOptions, MemTableList, Sight};
/// use verimem::{Kind, Lookup, MemTable};
///
/// let list = Arc::new(MemTableList::new(ListOptions::default(), MemTable::builder().build()?, ())?);
/// let mut handle = ListHandle::new(&list);
/// handle.write(|writer| writer.add(1, Kind::VALUE, b"k", b"v"))??;
/// list.switch(MemTable::builder().build()?)?;
/// let found = handle.version().get(b"k", &Sight::at(1))?;
/// assert!(matches!(found, Lookup::Found { value: b"v", .. }));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct ListHandle<F: Files = (), C: Comparator = BytewiseComparator, R = SkipListRep<C>> {
    list: Arc<MemTableList<F, C, R>>,
    /// `None` after a release.
    version: Option<Arc<Version<F, C, R>>>,
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> ListHandle<F, C, R> {
    /// A handle that has seen nothing yet.
    #[must_use]
    pub fn new(list: &Arc<MemTableList<F, C, R>>) -> Self {
        Self {
            list: Arc::clone(list),
            version: None,
        }
    }

    /// The list.
    #[must_use]
    pub fn list(&self) -> &Arc<MemTableList<F, C, R>> {
        &self.list
    }

    /// The list's version, as new as what the caller has learnt of (N4).
    pub fn version(&mut self) -> &Arc<Version<F, C, R>> {
        let generation = self.generation();
        let list = &self.list;
        let version = self.version.get_or_insert_with(|| list.version());
        if version.generation != generation && !fault(&FAULT_LIST_STALE_HANDLE) {
            *version = list.version();
        }
        version
    }

    fn generation(&self) -> u64 {
        let generation = &self.list.generation;
        generation.load(ord!(LIST_GENERATION_LOAD, Relaxed))
    }

    /// A version, and a view of what a sequencer has published that lies in it: each entry that
    /// the view includes is in the version's tables or files, and none of them was dropped for want
    /// of a snapshot. Looks again if the list is changed meanwhile.
    pub fn view(&mut self, sequencer: &Sequencer) -> (&Arc<Version<F, C, R>>, ReadView) {
        loop {
            let generation = self.version().generation;
            let view = sequencer.view();
            if self.generation() == generation || fault(&FAULT_LIST_NO_RECHECK) {
                let list = &self.list;
                return (self.version.get_or_insert_with(|| list.version()), view);
            }
        }
    }

    /// Lets `write` add a batch to the active table, beside other writers. Sequence numbers have to
    /// be taken inside of it (N2). Waits while the table is being switched.
    ///
    /// # Errors
    ///
    /// As for [`MemTable::writer`](crate::MemTable::writer); [`Error::Busy`] also if the table is
    /// being switched while this thread is inside of another one, since to wait there might be to
    /// wait for itself; [`Error::Sealed`] only if the active table was sealed past the list.
    pub fn write<T>(&mut self, write: impl FnOnce(&mut Writer<'_, C, R>) -> T) -> Result<T> {
        loop {
            let version = self.version();
            let generation = version.generation;
            match version.active.writer() {
                Ok(mut writer) => return Ok(write(&mut writer)),
                Err(Error::Sealed) => {}
                Err(error) => return Err(error),
            }
            self.wait(generation)?;
        }
    }

    /// Waits until the table that was seen is no more the active one.
    fn wait(&self, generation: u64) -> Result<()> {
        if is_entered() {
            return Err(Error::Busy);
        }
        match self.list.wait_for_switch(generation) {
            true => Ok(()),
            false => Err(Error::Sealed),
        }
    }

    /// Lets go of the version: a handle that rests keeps no tables in memory then.
    pub fn release(&mut self) {
        self.version = None;
    }
}

/// As [`ListHandle::write`], of several lists at once: none of them is switched between two of the
/// writers' entering, which are in the order of the handles.
///
/// # Errors
///
/// As for [`ListHandle::write`], and [`Error::OutOfMemory`].
pub fn write_all<T, F: Files, C: Comparator, R: MemTableRep<Comparator = C>>(
    handles: &mut [&mut ListHandle<F, C, R>],
    write: impl FnOnce(&mut [Writer<'_, C, R>]) -> T,
) -> Result<T> {
    loop {
        let versions = handles.iter_mut().map(|handle| &**handle.version());
        let mut writers = Vec::new();
        let requested = size_of::<Writer<'_, C, R>>() * versions.len();
        let reserved = writers.try_reserve_exact(versions.len());
        reserved.map_err(|_| Error::OutOfMemory { requested })?;
        let mut closed = None;
        for (place, version) in versions.enumerate() {
            match version.active.writer() {
                Ok(writer) => writers.push(writer),
                Err(Error::Sealed) => {
                    closed = Some((place, version.generation));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let Some((place, generation)) = closed else {
            return Ok(write(&mut writers));
        };
        // Whoever waits is inside of no table.
        drop(writers);
        handles[place].wait(generation)?;
    }
}

impl<F: Files, C: Comparator, R: MemTableRep<Comparator = C>> fmt::Debug for ListHandle<F, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListHandle")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
