//! The clock of one thread: which operations it times, and when it is time to end.
//!
//! Asking the clock twice takes some 50 ns, as much as the fastest operations. So only a sample
//! is timed, and throughput comes from the time of the whole. The distance of samples is
//! prime, since keys, blocks and batches come in powers of two and tens.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::outcome::Problem;

/// One in so many operations is timed.
pub const EVERY: u32 = 17;

/// One in so many where an operation is a step of a cursor, which takes a few nanoseconds.
pub const EVERY_STEP: u32 = 251;

/// Longer ones count as this long.
const LONGEST: u64 = 60_000_000_000;

/// An empty histogram of nanoseconds, to three digits.
pub fn histogram() -> Result<Histogram<u64>, Problem> {
    Histogram::new_with_bounds(1, LONGEST, 3)
        .map_err(|error| Problem::Failure(format!("cannot make a histogram: {error}")))
}

/// What a thread measures with.
pub struct Probe {
    every: u32,
    left: u32,
    started: Instant,
    histogram: Histogram<u64>,
    until: Option<Instant>,
    over: bool,
}

impl Probe {
    /// A probe that times one in `every` operations, the first among them.
    pub fn new(every: u32, histogram: Histogram<u64>) -> Self {
        Self {
            every,
            left: 1,
            started: Instant::now(),
            histogram,
            until: None,
            over: false,
        }
    }

    /// What came before is not to be measured.
    pub fn start(&mut self) {
        self.started = Instant::now();
    }

    /// Since when it measures.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// The operations are to be repeated for so long from now on.
    pub fn limit(&mut self, duration: Option<Duration>) {
        self.until = duration.and_then(|duration| Instant::now().checked_add(duration));
    }

    /// Runs one operation, and times it if it is its turn.
    #[inline(always)]
    pub fn time<T>(&mut self, mut operation: impl FnMut() -> T) -> T {
        self.left -= 1;
        if self.left > 0 {
            return operation();
        }
        let started = Instant::now();
        let answer = operation();
        self.sampled(started);
        answer
    }

    #[inline(never)]
    fn sampled(&mut self, started: Instant) {
        let ended = Instant::now();
        let nanoseconds = (ended - started).as_nanos();
        let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        self.histogram.saturating_record(nanoseconds.max(1));
        self.left = self.every;
        self.over = self.until.is_some_and(|until| ended >= until);
    }

    /// Whether the time is up; noticed at the next sample.
    #[inline]
    pub fn over(&self) -> bool {
        self.over
    }

    /// Whether to do the same operations again.
    pub fn again(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// What was measured.
    pub fn into_histogram(self) -> Histogram<u64> {
        self.histogram
    }
}

/// What the clock itself adds to each latency: the median of many.
pub fn clock_cost() -> u64 {
    let mut costs: Vec<u128> = (0..1_001)
        .map(|_| {
            let started = Instant::now();
            (Instant::now() - started).as_nanos()
        })
        .collect();
    costs.sort_unstable();
    u64::try_from(costs[costs.len() / 2]).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_is_timed() {
        let mut probe = Probe::new(17, histogram().unwrap());
        let mut done = 0;
        for _ in 0..170 {
            probe.time(|| done += 1);
        }
        assert_eq!((done, probe.over(), probe.again()), (170, false, false));
        assert_eq!(probe.into_histogram().len(), 10);
    }

    #[test]
    fn the_end_is_noticed_at_a_sample() {
        let mut probe = Probe::new(2, histogram().unwrap());
        probe.limit(Some(Duration::from_millis(2)));
        assert!(probe.again());
        probe.time(|| std::thread::sleep(Duration::from_millis(5)));
        assert!(probe.over() && !probe.again());
        probe.limit(Some(Duration::MAX));
        assert!(!probe.again(), "a time that cannot be told is none");
    }

    #[test]
    fn latencies_are_those_of_the_operations() {
        let mut probe = Probe::new(1, histogram().unwrap());
        for _ in 0..5 {
            probe.time(|| std::thread::sleep(Duration::from_millis(2)));
        }
        assert!(probe.into_histogram().min() >= 2_000_000);
        assert!(clock_cost() < 1_000_000);
    }
}
