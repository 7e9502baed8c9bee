//! Running one shuttle model under several schedulers.

use std::time::Instant;

use shuttle::scheduler::{
    DfsScheduler, PctScheduler, RandomScheduler, Scheduler, UrwRandomScheduler,
};
use shuttle::{Config, FailurePersistence, Runner};

use crate::is_quick;

/// The seed of every run, unless `VERIMEM_SEED` says otherwise.
const DEFAULT_SEED: u64 = 0x7665_7269_6D65_6D00;

/// A model: what is run, and how often under each scheduler.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// `group::name`, as the test is called.
    pub name: &'static str,
    /// Executions under each of the random schedulers.
    pub iterations: usize,
    /// True when depth-first search exhausts the model; its towers and choices
    /// must then be scripted.
    pub exhaust: bool,
}

/// Executions of depth-first search in a quick run, which says so.
const QUICK_DFS: usize = 20_000;

fn seed() -> u64 {
    match std::env::var("VERIMEM_SEED") {
        Ok(text) => text.parse().expect("VERIMEM_SEED is a number"),
        Err(_) => DEFAULT_SEED,
    }
}

fn run(name: &str, label: &str, scheduler: impl Scheduler + 'static, body: fn()) {
    let mut config = Config::new();
    // The schedule of a failure is printed, for `shuttle::replay`.
    config.failure_persistence = FailurePersistence::Print;
    config.silence_warnings = true;
    let start = Instant::now();
    let executions = Runner::new(scheduler, config).run(body);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "MODEL name={name} scheduler={label} executions={executions} seconds={seconds:.2} seed={}",
        seed()
    );
    assert!(executions > 0, "WITNESS: {name}: {label} ran nothing");
}

/// Runs `body` under the random walk, PCT at three depths, the uniform random
/// walk and, if the model is small enough, exhaustively.
///
/// # Panics
///
/// When an execution fails.
pub fn check(model: Model, body: fn()) {
    let Model { name, exhaust, .. } = model;
    let iterations = if is_quick() {
        (model.iterations / 20).max(50)
    } else {
        model.iterations
    };
    let seed = seed();
    run(
        name,
        "random",
        RandomScheduler::new_from_seed(seed, iterations),
        body,
    );
    for depth in [2, 3, 5] {
        let scheduler = PctScheduler::new_from_seed(seed, depth, iterations);
        run(name, &format!("pct:{depth}"), scheduler, body);
    }
    run(
        name,
        "urw",
        UrwRandomScheduler::new_from_seed(seed, iterations),
        body,
    );
    if exhaust && is_quick() {
        let scheduler = DfsScheduler::new(Some(QUICK_DFS), false);
        run(name, &format!("dfs-first:{QUICK_DFS}"), scheduler, body);
    } else if exhaust {
        run(name, "dfs-exhausted", DfsScheduler::new(None, false), body);
    }
}
