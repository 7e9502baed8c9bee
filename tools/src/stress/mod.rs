//! `verimem stress`: threads race over rotating tables, an oracle watches.
//!
//! * [`plan`] says what each sequence number writes, [`order`] hands numbers
//!   out by the sequencer under test, [`clock`] knows which are finished,
//!   [`ledger`] records which of them a table acknowledged, with its
//!   [range deletions](deletions), and which were aborted; [`oracle`] derives
//!   from these what a table must answer, [`merged`] what operands come to,
//!   [`genuine`] what a racing read may answer.
//! * [`subject`] is the table under test, [`shape`] how it is built, with the
//!   merge [`operator`], [`world`] the row of tables that the threads share:
//!   current, sealed, retired.
//! * [`worker`] is a thread; it [`write`]s, [`read`]s, [`scan`]s and
//!   [`audit`]s. [`walk`] checks cursors step by
//!   step, [`visible`] those over visible keys, [`statistics`] samples and
//!   estimates.
//! * [`beside`] are tables of other kinds that the same threads drive.
//! * [`fault`] is where a fault can be planted, [`features`] what a run may
//!   leave out, [`scope`] what it drives on which representations.
//!
//! The seed fixes keys, values, kinds, table shapes and each thread's choices.
//! It does not fix how the threads interleave.

mod audit;
mod beside;
mod clock;
mod deletions;
mod fault;
pub mod features;
mod genuine;
mod ledger;
mod merged;
mod operator;
mod oracle;
mod order;
mod plan;
#[cfg(test)]
mod planted;
mod read;
mod report;
mod rng;
mod scan;
mod scope;
mod shape;
mod statistics;
mod subject;
mod tally;
mod visible;
mod walk;
mod worker;
mod world;
mod write;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::cli::{Format, StressArgs};
use crate::outcome::{self, Problem};
use fault::{Fault, NoFault};
use report::Report;
use scope::Scope;
use tally::Tally;
use worker::Worker;
use world::World;

const RUNNING: &str = "stressing {wide_bar} {pos}/{len} s  {msg}";

/// A run in which nothing happens for so long hangs.
const STALL: Duration = Duration::from_secs(60);
/// How often the main thread looks.
const TICK: Duration = Duration::from_millis(20);

/// Runs the stress that the command line asks for.
pub fn run(arguments: &StressArgs) -> Result<Report, Problem> {
    let hidden = arguments.quiet || arguments.format == Format::Json;
    let bar = outcome::progress(arguments.seconds.as_secs(), RUNNING, hidden);
    let scope = Scope::new(&arguments.memtablerep, &arguments.without).map_err(Problem::Usage)?;
    let world = World::<NoFault>::new(arguments.seed, scope)
        .map_err(|error| Problem::Failure(format!("cannot make a table: {error}")))?;
    let report = stress(
        &world,
        usize::from(arguments.threads),
        arguments.seconds,
        &bar,
    );
    bar.finish_and_clear();
    Ok(report)
}

/// Sets `stop` when a worker panics, so that the others do not wait for it.
struct StopOnPanic<'w, F: Fault>(&'w World<F>);

impl<F: Fault> Drop for StopOnPanic<'_, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.violate("a thread panicked".to_owned());
            self.0.stop.store(true, Ordering::Relaxed);
        }
    }
}

fn stress<F: Fault>(
    world: &World<F>,
    threads: usize,
    seconds: Duration,
    bar: &ProgressBar,
) -> Report {
    let progress: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(0)).collect();
    let started = Instant::now();
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let running: Vec<_> = progress
            .iter()
            .enumerate()
            .map(|(index, progress)| {
                scope.spawn(move || {
                    let _guard = StopOnPanic(world);
                    let mut worker = Worker::new(world, index);
                    worker.run(worker::roles(index, threads), progress);
                    worker.into_tally()
                })
            })
            .collect();
        watch(world, &progress, seconds, bar, || {
            running.iter().all(|thread| thread.is_finished())
        });
        for thread in running {
            // A panic has already been recorded by the guard.
            if let Ok(part) = thread.join() {
                tally.merge(&part);
            }
        }
    });
    let elapsed = started.elapsed();
    if world.violations().is_empty() {
        check_the_rest(world, &mut tally);
    }
    Report::new(world, threads, seconds, elapsed, &tally)
}

/// Waits for the end of the run, and ends it.
fn watch<F: Fault>(
    world: &World<F>,
    progress: &[AtomicU64],
    seconds: Duration,
    bar: &ProgressBar,
    finished: impl Fn() -> bool,
) {
    let started = Instant::now();
    let mut seen = 0;
    let mut moved = Instant::now();
    while !finished() {
        let elapsed = started.elapsed();
        if elapsed >= seconds {
            world.stop.store(true, Ordering::Relaxed);
        }
        let operations = progress
            .iter()
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum();
        if operations != seen {
            (seen, moved) = (operations, Instant::now());
        } else if moved.elapsed() > STALL {
            // The threads cannot be ended from outside; the process can.
            outcome::complain(&Problem::Failure(stalled(world, operations)), 1);
            std::process::exit(1);
        }
        bar.set_position(elapsed.as_secs());
        bar.set_message(format!("{operations} operations"));
        thread::sleep(
            TICK.min(seconds.saturating_sub(elapsed))
                .max(Duration::from_millis(1)),
        );
    }
}

fn stalled<F: Fault>(world: &World<F>, operations: u64) -> String {
    format!(
        "no thread finished an operation for {} s, after {operations} operations (seed {}); violations: {:?}",
        STALL.as_secs(),
        world.seed,
        world.violations()
    )
}

/// After the run everything is settled: seals and checks what is left.
fn check_the_rest<F: Fault>(world: &World<F>, tally: &mut Tally) {
    let mut worker = Worker::new(world, usize::MAX);
    let check = |worker: &mut Worker<'_, F>| -> oracle::Check {
        world.check_end()?;
        let last = world.current();
        if world.rotate(&last)? {
            worker.tally.add(last.ledger.rep, tally::Op::Rotate, 1);
        }
        drop(last);
        while world.waiting() > 0 {
            audit::check_one(worker)?;
        }
        while let Some(generation) = world.take_retired() {
            audit::give_up(worker, generation)?;
        }
        while let Some(walk) = world.take_walk(0) {
            scan::go_on(worker, walk, u64::MAX)?;
        }
        world.beside.close(&mut worker.tally)
    };
    if let Err(what) = check(&mut worker) {
        world.violate(format!("after the run: {what}"));
    }
    tally.merge(&worker.into_tally());
}
