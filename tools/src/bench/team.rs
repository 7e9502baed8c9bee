//! Threads that start together, and what they bring back.

use std::error::Error;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::probe::{Probe, histogram};
use crate::outcome::Problem;

/// What a thread has done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    /// Operations, as its workload counts them.
    pub operations: u64,
    /// Those that had the answer that they had to have; of those that have one.
    pub right: u64,
    /// Entries that were added.
    pub added: u64,
    /// Bytes of keys and values that were read and written.
    pub bytes: u64,
    /// Made of all bytes that were read, so that none of them can be left out.
    pub sum: u64,
}

/// What a thread does between the start and its end. It is called once; that it could be called
/// again keeps what it owns, such as its keys, from being dropped before the clock is stopped.
pub type Job<'a> = Box<dyn FnMut(&mut Probe) -> Result<Done, Box<dyn Error>> + Send + 'a>;

/// A thread's work, and when it was.
pub struct Lap {
    pub done: Done,
    started: Instant,
    ended: Instant,
    histogram: Histogram<u64>,
}

/// Where threads wait for one another. A [`std::sync::Barrier`] would wait for ever for a thread
/// that could not be started.
#[derive(Default)]
struct Gate {
    state: Mutex<(usize, Option<bool>)>,
    changed: Condvar,
}

impl Gate {
    /// Waits for the others; false if there is to be no start.
    fn pass(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        self.changed.notify_all();
        loop {
            if let Some(start) = state.1 {
                return start;
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets threads pass: once `threads` of them have come, or at once without a start.
    fn open(&self, threads: usize, start: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while start && state.0 < threads {
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.1 = Some(start);
        self.changed.notify_all();
    }
}

fn failure(error: impl std::fmt::Display) -> Problem {
    Problem::Failure(error.to_string())
}

/// Runs each job in a thread of its own, all from the same moment on.
pub fn race(jobs: Vec<Job<'_>>, every: u32, seed: u64) -> Result<Vec<Lap>, Problem> {
    let probes = jobs.iter().map(|_| Ok(Probe::new(every, histogram()?)));
    let probes: Vec<Probe> = probes.collect::<Result<_, Problem>>()?;
    let gate = Gate::default();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut refused = None;
        for (number, (mut job, mut probe)) in jobs.into_iter().zip(probes).enumerate() {
            let gate = &gate;
            let work = move || {
                // Towers are drawn per thread; the same ones in each run with this seed.
                verimem::seed_thread_rng(seed.wrapping_add(number as u64));
                if !gate.pass() {
                    return Err("not started".to_owned());
                }
                probe.start();
                let done = job(&mut probe).map_err(|error| error.to_string())?;
                let ended = Instant::now();
                std::hint::black_box(done.sum);
                Ok(Lap {
                    done,
                    started: probe.started(),
                    ended,
                    histogram: probe.into_histogram(),
                })
            };
            match thread::Builder::new().spawn_scoped(scope, work) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    refused = Some(format!("cannot start thread {number}: {error}"));
                    break;
                }
            }
        }
        gate.open(threads.len(), refused.is_none());
        let laps: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        if let Some(refused) = refused {
            return Err(failure(refused));
        }
        let ended = laps.into_iter().map(|lap| match lap {
            Ok(lap) => lap.map_err(failure),
            Err(_) => Err(failure("a thread panicked")),
        });
        ended.collect()
    })
}

/// What several threads did together.
pub struct Sum {
    pub done: Done,
    /// From the start of the first to the end of the last.
    pub time: Duration,
    pub histogram: Histogram<u64>,
}

/// Adds laps up.
pub fn sum(laps: Vec<Lap>) -> Result<Sum, Problem> {
    let started = laps.iter().map(|lap| lap.started).min();
    let ended = laps.iter().map(|lap| lap.ended).max();
    let time = started.zip(ended).map(|(started, ended)| ended - started);
    let mut total = Sum {
        done: Done::default(),
        time: time.unwrap_or_default(),
        histogram: histogram()?,
    };
    for lap in laps {
        total.done.operations += lap.done.operations;
        total.done.right += lap.done.right;
        total.done.added += lap.done.added;
        total.done.bytes += lap.done.bytes;
        total.done.sum = total.done.sum.wrapping_add(lap.done.sum);
        total.histogram.add(lap.histogram).map_err(failure)?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn job<'a>(
        work: impl FnMut(&mut Probe) -> Result<Done, Box<dyn Error>> + Send + 'a,
    ) -> Job<'a> {
        Box::new(work)
    }

    #[test]
    fn laps_add_up_and_start_together() {
        let here = AtomicUsize::new(0);
        let work = || {
            job(|probe: &mut Probe| {
                here.fetch_add(1, Ordering::Relaxed);
                // Ends only if the others were started as well.
                while here.load(Ordering::Relaxed) < 3 {
                    thread::yield_now();
                }
                (0..34).for_each(|_| probe.time(|| ()));
                Ok(Done {
                    operations: 34,
                    right: 1,
                    ..Done::default()
                })
            })
        };
        let laps = race(vec![work(), work(), work()], 17, 1).unwrap();
        let total = sum(laps).unwrap();
        assert_eq!((total.done.operations, total.done.right), (102, 3));
        assert_eq!(total.histogram.len(), 6);
    }

    #[test]
    fn a_job_that_fails_or_panics_is_a_failure() {
        let fails = || job(|_| Err("no luck".into()));
        let lap = race(vec![fails(), job(|_| Ok(Done::default()))], 1, 1);
        assert_eq!(lap.err(), Some(Problem::Failure("no luck".to_owned())));
        let lap = race(vec![job(|_| panic!("on purpose"))], 1, 1);
        assert!(matches!(lap.err(), Some(Problem::Failure(text)) if text.contains("panicked")));
    }

    #[test]
    fn a_gate_that_does_not_start_lets_threads_go() {
        let gate = Gate::default();
        thread::scope(|scope| {
            let waits = scope.spawn(|| gate.pass());
            gate.open(9, false);
            assert!(!waits.join().unwrap());
        });
    }
}
