//! The order in which batches become visible (SPEC C1).
//!
//! A writer reserves a range of sequence numbers, adds its entries concurrently
//! with others, and publishes. What is published is always a prefix of what was
//! reserved: a reader that acquires the published number sees all entries up to
//! it, and whole batches only.
//!
//! # Thread safety
//!
//! Everything works from any number of threads. Reserving and publishing are
//! lock-free as long as fewer than [`MAX_IN_FLIGHT`] reservations are in flight;
//! at that number, [`Sequencer::reserve`] waits for one to end, and
//! [`Sequencer::try_reserve`] refuses. Nobody waits in order to publish: a writer
//! whose predecessors are not done marks its range and leaves, and whoever is done
//! last publishes for both.
//!
//! # Invariants
//!
//! 1. **Q1, prefix.** `published` goes from the end of one reservation to the end
//!    of the next one, in the order in which they were made, and never back.
//! 2. **Q2, done first.** It passes a reservation only after its owner marked it
//!    done, which is after all that the owner added.
//! 3. **Q3, nobody is forgotten.** When all owners up to some reservation are done,
//!    and none of them is inside of [`Reservation::publish`] any more, `published`
//!    is at its end or beyond.
//! 4. **Q4, one owner.** At most [`MAX_IN_FLIGHT`] reservations are between
//!    `published` and `next`, so no two of them have one slot.
//! 5. **Q5, aborts.** A reservation that is dropped unpublished is passed over like
//!    the others, after its range was put on the list of aborted ones: who sees
//!    `published` at its end or beyond sees it there. Entries with such sequence
//!    numbers are committed by nobody, and a [`ReadView`] does not see them.
//!
//! # Who touches what
//!
//! | field | written by | read by |
//! |---|---|---|
//! | `in_flight` | who reserves: counts up; who publishes: counts down | the same |
//! | `next` | who reserves: compare-exchange | who reserves |
//! | a slot | the owner of a reservation, by maximum | who publishes |
//! | `published` | who publishes: compare-exchange | anyone |
//! | list of aborted ranges | who aborts, under its lock | who makes a view |
//!
//! Reserving, applying concurrently and publishing in order is what Pebble's commit
//! pipeline and RocksDB's write thread do. There, writers wait in a queue for those
//! before them.

mod aborted;
mod snapshots;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod view;

pub use snapshots::{Boundaries, Snapshot, Snapshots};
pub use view::ReadView;

use core::fmt;

use crossbeam_utils::CachePadded;

use crate::error::{Error, Result};
use crate::key::{MAX_SEQUENCE_NUMBER, SequenceNumber};
use crate::sync::ledger::{
    FAULT_SEQUENCER_FORGET_ABORT, FAULT_SEQUENCER_PUBLISH_OWN, FAULT_SEQUENCER_VIEW_LIST_FIRST,
};
use crate::sync::{AtomicU64, Backoff, fault, ord};
use aborted::Aborted;

/// Bits of a slot's index.
const SLOT_BITS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 8 };
/// Reservations that can be in flight at a time.
pub const MAX_IN_FLIGHT: usize = 1 << SLOT_BITS;

/// A place in the order: the last sequence number before it, and the slot of the
/// reservation that follows. The order never skips a slot, and a sequence number
/// has 56 bits, so both fit one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    last: SequenceNumber,
    slot: usize,
}

impl Place {
    const fn unpack(word: u64) -> Self {
        Self {
            last: word >> 8,
            slot: (word & 0xFF) as usize,
        }
    }

    const fn pack(self) -> u64 {
        self.last << 8 | self.slot as u64
    }

    /// The place behind a reservation that ends with `last`.
    const fn after(self, last: SequenceNumber) -> Self {
        Self {
            last,
            slot: (self.slot + 1) % MAX_IN_FLIGHT,
        }
    }
}

/// Hands out sequence numbers, and publishes them in order.
///
/// One sequencer serves any number of tables.
///
/// ```
/// use verimem::sequencer::Sequencer;
/// use verimem::{Kind, Lookup, MemTable};
///
/// let table = MemTable::builder().build()?;
/// let sequencer = Sequencer::new(0)?;
///
/// let batch = sequencer.reserve(2)?;
/// table.add(batch.first(), Kind::VALUE, b"a", b"1")?;
/// assert_eq!(sequencer.published(), 0); // half a batch: nobody sees it
/// table.add(batch.last(), Kind::VALUE, b"b", b"2")?;
/// batch.publish();
/// assert_eq!(sequencer.published(), 2);
///
/// let view = sequencer.view();
/// assert!(matches!(table.get(b"b", view.sequence())?, Lookup::Found { value: b"2", .. }));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct Sequencer {
    in_flight: CachePadded<AtomicU64>,
    next: CachePadded<AtomicU64>,
    published: CachePadded<AtomicU64>,
    /// The last sequence number of the slot's latest reservation that is done.
    slots: Box<[CachePadded<AtomicU64>]>,
    aborted: Aborted,
}

impl Sequencer {
    /// A sequencer that has published everything up to `last`, as an engine finds
    /// it when it opens.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`] and [`Error::OutOfMemory`].
    pub fn new(last: SequenceNumber) -> Result<Self> {
        if last > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge { sequence: last });
        }
        let start = Place { last, slot: 0 }.pack();
        let word = |value| CachePadded::new(AtomicU64::new(value));
        Ok(Self {
            in_flight: word(0),
            next: word(start),
            published: word(start),
            slots: crate::arena::boxed_slice(MAX_IN_FLIGHT, || word(0))?,
            aborted: Aborted::new(),
        })
    }

    /// Reserves the next `count` sequence numbers. Waits while [`MAX_IN_FLIGHT`]
    /// reservations are in flight: spins, yields, then sleeps between looks. A
    /// thread that holds all of them waits for itself.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`] when they would not fit 56 bits, and
    /// [`Error::InvalidOption`] for a count of 0; nothing is reserved then.
    pub fn reserve(&self, count: u64) -> Result<Reservation<'_>> {
        let backoff = Backoff::new();
        loop {
            match self.try_reserve(count) {
                Err(Error::Busy) => backoff.snooze(),
                done => return done,
            }
        }
    }

    /// As [`reserve`](Self::reserve), without waiting. Lock-free.
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve), and [`Error::Busy`].
    pub fn try_reserve(&self, count: u64) -> Result<Reservation<'_>> {
        if count == 0 {
            return Err(Error::InvalidOption {
                option: "count",
                reason: "no sequence numbers",
            });
        }
        let before = self
            .in_flight
            .fetch_add(1, ord!(SEQUENCER_IN_FLIGHT_ADD, Relaxed));
        if before >= MAX_IN_FLIGHT as u64 {
            self.count_out(1);
            return Err(Error::Busy);
        }
        let mut word = self.next.load(ord!(SEQUENCER_NEXT_LOAD, Relaxed));
        loop {
            let place = Place::unpack(word);
            let last = place.last.saturating_add(count);
            if last > MAX_SEQUENCE_NUMBER {
                self.count_out(1);
                return Err(Error::SequenceTooLarge { sequence: last });
            }
            match self.next.compare_exchange_weak(
                word,
                place.after(last).pack(),
                ord!(SEQUENCER_NEXT_TAKE, Relaxed),
                ord!(SEQUENCER_NEXT_TAKE_FAILED, Relaxed),
            ) {
                Ok(_) => {
                    return Ok(Reservation {
                        sequencer: self,
                        slot: place.slot,
                        first: place.last + 1,
                        last,
                    });
                }
                Err(actual) => word = actual,
            }
        }
    }

    /// Everything up to this number is published: entries with a larger one are
    /// not to be looked at. O(1), never waits.
    ///
    /// Where a writer may have failed, take a [`view`](Self::view) instead.
    #[must_use]
    #[inline]
    pub fn published(&self) -> SequenceNumber {
        let word = self
            .published
            .load(ord!(SEQUENCER_PUBLISHED_ACQUIRE, Acquire));
        Place::unpack(word).last
    }

    /// What a reader sees from now on: everything published, less what was aborted.
    /// O(1), never waits unless a writer has failed.
    #[must_use]
    pub fn view(&self) -> ReadView {
        if fault(&FAULT_SEQUENCER_VIEW_LIST_FIRST) {
            let aborted = self.aborted.ranges();
            return ReadView::new(self.published(), aborted);
        }
        let sequence = self.published();
        ReadView::new(sequence, self.aborted.ranges())
    }

    /// Waits until `sequence` is published: spins, yields, then sleeps between
    /// looks. Who waits for a number that nobody reserved, or for a reservation of
    /// its own, waits until somebody publishes it.
    pub fn wait_for(&self, sequence: SequenceNumber) {
        let backoff = Backoff::new();
        while self.published() < sequence {
            backoff.snooze();
        }
    }

    /// Forgets aborted ranges that end before `oldest`: no table has entries from
    /// them any more. Views that were taken keep theirs.
    pub fn forget_aborted(&self, oldest: SequenceNumber) {
        self.aborted.forget(oldest);
    }

    /// Reservations end.
    fn count_out(&self, reservations: u64) {
        self.in_flight
            .fetch_sub(reservations, ord!(SEQUENCER_IN_FLIGHT_SUB, Relaxed));
    }

    /// Marks a reservation done, and publishes as far as all are.
    fn complete(&self, slot: usize, last: SequenceNumber) {
        // By maximum, so that it does not matter whether the slot's owner before
        // came earlier or later in the order of this word.
        self.slots[slot].fetch_max(last, ord!(SEQUENCER_SLOT_DONE, Release));
        // Of two owners that are done at about the same time, the one whose
        // read-modify-write of this word comes second sees the other's mark.
        let mut word = self
            .published
            .fetch_add(0, ord!(SEQUENCER_PUBLISHED_VISIT, AcqRel));
        loop {
            let before = Place::unpack(word);
            let mut place = before;
            let mut passed = 0;
            while passed < MAX_IN_FLIGHT as u64 {
                let done = self.slots[place.slot].load(ord!(SEQUENCER_SLOT_LOAD, Acquire));
                if done <= place.last {
                    break;
                }
                place = place.after(done);
                passed += 1;
            }
            if fault(&FAULT_SEQUENCER_PUBLISH_OWN) && place.last < last {
                (place, passed) = (Place { last, slot }.after(last), 1);
            }
            if passed == 0 {
                return;
            }
            match self.published.compare_exchange(
                word,
                place.pack(),
                ord!(SEQUENCER_PUBLISH, Release),
                ord!(SEQUENCER_PUBLISH_FAILED, Relaxed),
            ) {
                Ok(_) => {
                    self.count_out(passed);
                    word = place.pack();
                }
                Err(actual) => word = actual,
            }
        }
    }
}

impl fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequencer")
            .field("published", &self.published())
            .finish_non_exhaustive()
    }
}

/// A range of sequence numbers that belongs to one writer.
///
/// Publish it when all entries are added. Dropped otherwise, by an error or a panic
/// on the way, it is aborted: those behind it are published all the same, and no
/// [`ReadView`] sees what was added with its numbers.
#[derive(Debug)]
#[must_use = "dropping a reservation aborts it"]
pub struct Reservation<'s> {
    sequencer: &'s Sequencer,
    slot: usize,
    first: SequenceNumber,
    last: SequenceNumber,
}

impl Reservation<'_> {
    /// The first number.
    #[must_use]
    pub fn first(&self) -> SequenceNumber {
        self.first
    }

    /// The last number.
    #[must_use]
    pub fn last(&self) -> SequenceNumber {
        self.last
    }

    /// What this batch builds upon: all that was committed before it, and its own entries.
    /// Waits until every reservation before this one has ended, as
    /// [`Sequencer::wait_for`] does.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use verimem::merge::StringAppend;
    /// use verimem::sequencer::Sequencer;
    /// use verimem::{Kind, Lookup, MemTable};
    ///
    /// let append = Arc::new(StringAppend { delimiter: b' ' });
    /// let table = MemTable::builder().merge_operator(append).max_successive_merges(1).build()?;
    /// let sequencer = Sequencer::new(0)?;
    /// let batch = sequencer.reserve(2)?;
    /// table.add(1, Kind::VALUE, b"k", b"one")?;
    /// table.add(2, Kind::MERGE, b"k", b"two")?;
    /// batch.publish();
    /// let aborted = sequencer.reserve(1)?;
    /// table.add(3, Kind::MERGE, b"k", b"never")?;
    /// drop(aborted);
    ///
    /// let batch = sequencer.reserve(1)?;
    /// let view = batch.view();
    /// let mut writer = table.exclusive_writer()?;
    /// writer.fold_with(&view);
    /// writer.add(4, Kind::MERGE, b"k", b"three")?;
    /// assert!(matches!(table.get(b"k", 4)?, Lookup::Found { value: b"one two three", .. }));
    /// # drop(writer);
    /// # batch.publish();
    /// # Ok::<(), verimem::Error>(())
    /// ```
    #[must_use]
    pub fn view(&self) -> ReadView {
        self.sequencer.wait_for(self.first - 1);
        ReadView::new(self.last, self.sequencer.aborted.ranges())
    }

    /// Says that all entries are added. They are visible as soon as all reservations
    /// before this one have ended, too: at once if they have. Lock-free.
    pub fn publish(self) {
        let this = core::mem::ManuallyDrop::new(self);
        this.sequencer.complete(this.slot, this.last);
    }

    /// As [`publish`](Self::publish), and waits until the entries are visible.
    pub fn publish_and_wait(self) {
        let (sequencer, last) = (self.sequencer, self.last);
        self.publish();
        sequencer.wait_for(last);
    }

    /// Gives the numbers up before anything was added with them. As cheap as
    /// publishing, where an abort is remembered.
    pub fn cancel(self) {
        self.publish();
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !fault(&FAULT_SEQUENCER_FORGET_ABORT) {
            self.sequencer.aborted.add(self.first, self.last);
        }
        self.sequencer.complete(self.slot, self.last);
    }
}
