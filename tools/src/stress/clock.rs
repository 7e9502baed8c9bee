//! Handing out sequence numbers, and knowing which of them are done with.

use std::sync::atomic::{AtomicU64, Ordering};

/// Most sequence numbers that may be under way at once. It bounds how far a
/// stalled writer lets the others run ahead.
pub const WINDOW: u64 = 1 << 14;

/// The shared counter of sequence numbers and its trailing edge.
///
/// A writer reserves a number, adds its entry, and finishes the number after
/// the table has answered. Every number below [`Clock::settled`] is finished:
/// what a table holds below that edge never changes again, so reads at such a
/// snapshot have exactly one right answer.
pub struct Clock {
    next: AtomicU64,
    settled: AtomicU64,
    /// Slot `s % WINDOW` holds `s + 1` once `s` is finished.
    finished: Box<[AtomicU64]>,
}

impl Clock {
    /// A clock at sequence number 0.
    pub fn new() -> Self {
        let finished = (0..WINDOW).map(|_| AtomicU64::new(0)).collect();
        Self {
            next: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            finished,
        }
    }

    /// Reserves `count` numbers and answers with the first, or with `None` if
    /// too many are under way.
    pub fn reserve(&self, count: u64) -> Option<u64> {
        // Relaxed for `next`: numbers only have to be distinct. The edge is
        // read first and only grows, so the bound holds.
        let bound = self.settled() + WINDOW;
        self.next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                (next + count <= bound).then_some(next + count)
            })
            .ok()
    }

    /// Declares `count` numbers from `first` on finished.
    pub fn finish(&self, first: u64, count: u64) {
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

    /// No number from this one on had been reserved at the time of the call.
    pub fn reserved(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    fn slot(&self, sequence: u64) -> &AtomicU64 {
        &self.finished[(sequence % WINDOW) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_waits_for_the_oldest() {
        let clock = Clock::new();
        assert_eq!(clock.reserve(1), Some(0));
        assert_eq!(clock.reserve(3), Some(1));
        clock.finish(1, 3);
        assert_eq!(clock.settled(), 0);
        clock.finish(0, 1);
        assert_eq!((clock.settled(), clock.reserved()), (4, 4));
    }

    #[test]
    fn window_is_a_bound() {
        let clock = Clock::new();
        assert_eq!(clock.reserve(WINDOW), Some(0));
        assert_eq!(clock.reserve(1), None);
        clock.finish(0, 1);
        assert_eq!(clock.reserve(2), None);
        assert_eq!(clock.reserve(1), Some(WINDOW));
    }

    #[test]
    fn threads_settle_everything() {
        let clock = Clock::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for count in (1..40).cycle().take(4_000) {
                        let first = loop {
                            match clock.reserve(count) {
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
