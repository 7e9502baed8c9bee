//! Handing out sequence numbers, and knowing which of them are done with.

use std::sync::atomic::{AtomicU64, Ordering};

/// Most sequence numbers that may be under way at once. It bounds how far a
/// stalled writer lets the others run ahead.
pub const WINDOW: u64 = 1 << 14;

/// The shared counter of sequence numbers and its trailing edge.
///
/// A writer claims and reserves a number, adds its entry, and finishes the number
/// after the table has answered. Every number below [`Clock::settled`] is finished:
/// what a table holds below that edge never changes again, so reads at such a
/// snapshot have exactly one right answer.
pub struct Clock {
    /// The first number that is not claimed, if claims came in order.
    next: AtomicU64,
    /// The first number that is not known to be reserved.
    reserved: AtomicU64,
    settled: AtomicU64,
    /// Slot `s % WINDOW` holds `s + 1` once `s` is finished.
    finished: Box<[AtomicU64]>,
    /// Slot `s % WINDOW` holds `s + 1` once a batch ends with `s`.
    ends: Box<[AtomicU64]>,
}

impl Clock {
    /// A clock that hands out numbers from `first` on.
    pub fn new(first: u64) -> Self {
        let slots = || (0..WINDOW).map(|_| AtomicU64::new(0)).collect();
        Self {
            next: AtomicU64::new(first),
            reserved: AtomicU64::new(first),
            settled: AtomicU64::new(first),
            finished: slots(),
            ends: slots(),
        }
    }

    /// Claims `count` numbers, or answers with `None` if too many are under way.
    /// They are those from the answer on, unless a sequencer hands the numbers out:
    /// then only how many are claimed matters.
    pub fn claim(&self, count: u64) -> Option<u64> {
        // The edge is read first and only grows, so the bound holds.
        let bound = self.settled() + WINDOW;
        self.next
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |next| {
                (next + count <= bound).then_some(next + count)
            })
            .ok()
    }

    /// Takes a claim back.
    pub fn unclaim(&self, count: u64) {
        self.next.fetch_sub(count, Ordering::AcqRel);
    }

    /// Declares `count` numbers from `first` on reserved, before anything is written
    /// with them.
    pub fn reserve(&self, first: u64, count: u64) {
        // Relaxed: whoever sees one of the entries sees this, too.
        self.reserved.fetch_max(first + count, Ordering::Relaxed);
    }

    /// Declares `count` numbers from `first` on finished.
    pub fn finish(&self, first: u64, count: u64) {
        let last = first + count - 1;
        self.ends[(last % WINDOW) as usize].store(last + 1, Ordering::Release);
        for sequence in first..first + count {
            // SeqCst, with the loads in `advance`: of two writers that finish
            // neighbouring numbers, one sees the other's mark, so that the
            // edge cannot stop between them.
            self.slot(sequence).store(sequence + 1, Ordering::SeqCst);
        }
        self.advance();
    }

    fn advance(&self) {
        loop {
            let edge = self.settled.load(Ordering::SeqCst);
            // Acquire (as part of SeqCst) takes over what the finisher did;
            // the exchange releases it to whoever reads the edge.
            if self.slot(edge).load(Ordering::SeqCst) != edge + 1 {
                return;
            }
            // A failed exchange means that another thread moved the edge.
            let _ =
                self.settled
                    .compare_exchange(edge, edge + 1, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    /// All numbers below this one are finished, and what their writers did is
    /// visible to the caller.
    pub fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// No number from this one on had been written with at the time of the call.
    pub fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Relaxed)
    }

    /// Whether a finished batch ends with `last`; true as well if that is too long ago
    /// to know.
    pub fn ends_batch(&self, last: u64) -> bool {
        self.ends[(last % WINDOW) as usize].load(Ordering::Acquire) > last
    }

    fn slot(&self, sequence: u64) -> &AtomicU64 {
        &self.finished[(sequence % WINDOW) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(clock: &Clock, count: u64) -> Option<u64> {
        let first = clock.claim(count)?;
        clock.reserve(first, count);
        Some(first)
    }

    #[test]
    fn edge_waits_for_the_oldest() {
        let clock = Clock::new(0);
        assert_eq!(take(&clock, 1), Some(0));
        assert_eq!(take(&clock, 3), Some(1));
        clock.finish(1, 3);
        assert_eq!(clock.settled(), 0);
        clock.finish(0, 1);
        assert_eq!((clock.settled(), clock.reserved()), (4, 4));
        let ends = [0, 1, 2, 3, 4].map(|last| clock.ends_batch(last));
        assert_eq!(ends, [true, false, false, true, false]);
    }

    #[test]
    fn window_is_a_bound() {
        let clock = Clock::new(5);
        assert_eq!(take(&clock, WINDOW), Some(5));
        assert_eq!(clock.claim(1), None);
        clock.finish(5, 1);
        assert_eq!(clock.claim(2), None);
        assert_eq!(clock.claim(1), Some(WINDOW + 5));
        assert_eq!(clock.claim(1), None);
        clock.unclaim(1);
        assert_eq!(clock.claim(1), Some(WINDOW + 5));
    }

    #[test]
    fn threads_settle_everything() {
        let clock = Clock::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for count in (1..40).cycle().take(4_000) {
                        let first = loop {
                            match take(&clock, count) {
                                Some(first) => break first,
                                None => std::thread::yield_now(),
                            }
                        };
                        clock.finish(first, count);
                    }
                });
            }
        });
        assert_eq!(clock.settled(), clock.reserved());
    }
}
