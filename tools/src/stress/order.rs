//! Batches: who hands out their sequence numbers, and how they end.

use std::sync::Arc;

use verimem::Error;
use verimem::sequencer::{ReadView, Reservation, Sequencer};

use super::clock::Clock;
use super::fault::Fault;
use super::ledger::Ledger;
use super::oracle::Check;
use super::rng::hash;

/// Hands out sequence numbers: the sequencer under test, watched by the clock, or
/// the clock alone.
pub struct Order {
    /// Which numbers are finished.
    pub clock: Clock,
    sequencer: Option<Sequencer>,
}

impl Order {
    /// The order of a run. With a sequencer, it begins somewhere in the 56 bits.
    pub fn new(seed: u64, sequencer: bool) -> Result<Self, Error> {
        if !sequencer {
            return Ok(Self {
                clock: Clock::new(0),
                sequencer: None,
            });
        }
        let published = hash(&[seed, 10]) >> 16;
        Ok(Self {
            clock: Clock::new(published + 1),
            sequencer: Some(Sequencer::new(published)?),
        })
    }

    /// The sequencer, if the run drives it.
    pub fn sequencer(&self) -> Option<&Sequencer> {
        self.sequencer.as_ref()
    }

    /// A batch of `count` numbers in a row, or `None` if too many are under way.
    pub fn begin<'w, F: Fault>(&'w self, fault: &'w F, count: u64) -> Check<Option<Batch<'w, F>>> {
        let Some(first) = self.clock.claim(count) else {
            return Ok(None);
        };
        let (first, reservation) = match &self.sequencer {
            None => (first, None),
            Some(sequencer) => {
                // Both ways; with few threads neither of them waits or is refused.
                let reservation = if count == 1 {
                    sequencer.try_reserve(count)
                } else {
                    sequencer.reserve(count)
                };
                match reservation {
                    Ok(reservation) => (reservation.first(), Some(reservation)),
                    Err(Error::Busy) => {
                        self.clock.unclaim(count);
                        return Ok(None);
                    }
                    Err(error) => return Err(format!("reserving {count} numbers fails: {error}")),
                }
            }
        };
        self.clock.reserve(first, count);
        if let Some(reservation) = &reservation
            && reservation.last() != first + count - 1
        {
            return Err(format!("{count} numbers reserved: {reservation:?}"));
        }
        let mut batch = Batch {
            order: self,
            fault,
            reservation,
            first,
            count,
            written: Vec::new(),
            ended: false,
        };
        if fault.publishes_early()
            && let Some(reservation) = batch.reservation.take()
        {
            reservation.publish();
        }
        Ok(Some(batch))
    }

    /// What a reader sees from now on, checked against what the clock knows. `last`
    /// is the number that the same reader saw before.
    pub fn view(&self, last: &mut u64) -> Check<Option<ReadView>> {
        let Some(sequencer) = &self.sequencer else {
            return Ok(None);
        };
        let view = sequencer.view();
        let published = view.sequence();
        let settled = self.clock.settled();
        if published >= settled {
            return Err(format!(
                "{published} is published, its writer had not finished: all below {settled} had"
            ));
        }
        if published < *last {
            return Err(format!("{published} is published, and {last} was before"));
        }
        if *last != 0 && published != *last && !self.clock.ends_batch(published) {
            return Err(format!("{published} is published, no batch ends there"));
        }
        *last = published;
        Ok(Some(view))
    }

    /// After the run, all is finished and published.
    pub fn check_end(&self) -> Check {
        let (settled, reserved) = (self.clock.settled(), self.clock.reserved());
        if settled != reserved {
            return Err("some writes never finished".to_owned());
        }
        match &self.sequencer {
            Some(sequencer) if sequencer.published() + 1 != settled => Err(format!(
                "{} is published at the end, all below {settled} is finished",
                sequencer.published()
            )),
            _ => Ok(()),
        }
    }
}

/// A range of sequence numbers that one thread writes with. One that is dropped,
/// by an error or a panic on the way, is aborted.
pub struct Batch<'w, F: Fault> {
    order: &'w Order,
    fault: &'w F,
    reservation: Option<Reservation<'w>>,
    /// The first number.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    written: Vec<(Arc<Ledger>, u64)>,
    ended: bool,
}

impl<F: Fault> Batch<'_, F> {
    /// Records that a table holds something with this number.
    pub fn wrote(&mut self, ledger: &Arc<Ledger>, sequence: u64) {
        self.written.push((Arc::clone(ledger), sequence));
    }

    /// Waits until all numbers before these are finished; answers with what a writer
    /// may build upon, if not all that there is. `stop` ends the waiting of a run
    /// that has failed.
    pub fn in_turn(&self, stop: impl Fn() -> bool) -> Option<ReadView> {
        if let Some(reservation) = &self.reservation {
            return Some(reservation.view());
        }
        while self.order.clock.settled() < self.first && !stop() {
            std::thread::yield_now();
        }
        None
    }

    /// All is written: publishes the batch, and if asked waits until it is visible.
    pub fn commit(mut self, wait: bool) {
        self.end();
        match self.reservation.take() {
            Some(reservation) if wait => reservation.publish_and_wait(),
            Some(reservation) => reservation.publish(),
            None => {}
        }
    }

    /// Nothing was written, and nothing will be.
    pub fn cancel(mut self) {
        self.end();
        if let Some(reservation) = self.reservation.take() {
            reservation.cancel();
        }
    }

    /// Declares the numbers finished. Before they are published: whoever sees them
    /// published finds their fate in the ledgers.
    fn end(&mut self) {
        self.ended = true;
        self.order.clock.finish(self.first, self.count);
    }
}

impl<F: Fault> Drop for Batch<'_, F> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        for (ledger, sequence) in &self.written {
            ledger.abort(*sequence);
        }
        // Also after a failure: the others must not wait for these numbers.
        self.end();
        if let Some(reservation) = self.reservation.take() {
            self.fault.abort(reservation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::NoFault;
    use super::*;
    use crate::rep::Rep;
    use verimem::Visibility;

    #[test]
    fn c1_batches_end_as_they_should() {
        let order = Order::new(7, true).unwrap();
        let (mut last, fault) = (0, NoFault);
        let begin = |count| order.begin(&fault, count).unwrap().unwrap();
        let ledger = Arc::new(Ledger::new(0, Rep::Skiplist, order.clock.settled(), 10, 0));
        let start = order.view(&mut last).unwrap().unwrap().sequence();
        let (one, mut two, three) = (begin(2), begin(1), begin(3));
        two.wrote(&ledger, two.first);
        assert_eq!(
            (one.first, two.first, three.first),
            (start + 1, start + 3, start + 4)
        );
        three.commit(false);
        drop(two);
        assert_eq!(order.view(&mut last).unwrap().unwrap().sequence(), start);
        assert!(order.check_end().is_err());
        one.commit(true);
        let view = order.view(&mut last).unwrap().unwrap();
        assert_eq!((view.sequence(), last), (start + 6, start + 6));
        assert!(!view.is_visible(start + 3) && view.is_visible(start + 4));
        assert!(ledger.aborted(start + 3) && !ledger.aborted(start + 4));
        let base = begin(1).in_turn(|| false).unwrap();
        assert!(base.is_visible(start + 7) && !base.is_visible(start + 3));
        begin(1).cancel();
        order.check_end().unwrap();
    }

    #[test]
    fn without_a_sequencer_the_clock_is_the_order() {
        let order = Order::new(7, false).unwrap();
        let batch = order.begin(&NoFault, 4).unwrap().unwrap();
        assert_eq!((batch.first, batch.count), (0, 4));
        assert!(batch.in_turn(|| false).is_none());
        batch.commit(true);
        assert!(order.view(&mut 0).unwrap().is_none());
        order.check_end().unwrap();
    }

    #[derive(Default)]
    struct Wedges;

    impl Fault for Wedges {
        fn abort(&self, reservation: Reservation<'_>) {
            std::mem::forget(reservation);
        }
    }

    /// A run would wait for good: this is what it would find in the end.
    #[test]
    fn c1_order_that_an_abort_wedges_is_caught() {
        let order = Order::new(7, true).unwrap();
        drop(order.begin(&Wedges, 1).unwrap());
        let what = order.check_end().unwrap_err();
        assert!(what.contains("is published at the end"), "{what}");
    }

    #[test]
    fn c1_nonsense_about_what_is_published_is_caught() {
        let order = Order::new(7, true).unwrap();
        let mut last = 0;
        order.view(&mut last).unwrap();
        // A batch whose end is not where the clock knows one.
        let sequencer = order.sequencer().unwrap();
        sequencer.reserve(2).unwrap().publish();
        let what = order.view(&mut last).unwrap_err();
        assert!(what.contains("its writer had not finished"), "{what}");
        order.clock.finish(last + 1, 1);
        order.clock.finish(last + 2, 3);
        let what = order.view(&mut last).unwrap_err();
        assert!(what.contains("no batch ends there"), "{what}");
        let what = order.view(&mut u64::MAX.clone()).unwrap_err();
        assert!(what.contains("was before"), "{what}");
    }
}
