//! Running one loom model.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::{is_mutated, is_quick};

/// How far the schedules of a model are explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// All of loom's executions.
    Unbounded,
    /// At most this many preemptions.
    Preemptions(usize),
}

/// A model: what is run, how far, and what it must reach.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// `group::name`, as the test is called.
    pub name: &'static str,
    /// The bound of a full run.
    pub bound: Bound,
    /// The bound when `VERIMEM_QUICK` is set.
    pub quick: Bound,
    /// The fewest executions of a full run that are believable.
    pub at_least: u64,
    /// Every outcome that the code allows; a full run must see each of them.
    pub outcomes: &'static [&'static str],
}

impl Model {
    /// A model whose quick run is bounded by 1 preemption if the full run is bounded.
    #[must_use]
    pub const fn new(
        name: &'static str,
        bound: Bound,
        at_least: u64,
        outcomes: &'static [&'static str],
    ) -> Self {
        let quick = match bound {
            Bound::Unbounded => Bound::Unbounded,
            Bound::Preemptions(_) => Bound::Preemptions(1),
        };
        Self {
            name,
            bound,
            quick,
            at_least,
            outcomes,
        }
    }

    /// An unbounded model whose quick run is bounded by 2 preemptions.
    #[must_use]
    pub const fn unbounded(
        name: &'static str,
        at_least: u64,
        outcomes: &'static [&'static str],
    ) -> Self {
        Self {
            quick: Bound::Preemptions(2),
            ..Self::new(name, Bound::Unbounded, at_least, outcomes)
        }
    }
}

/// What the executions of a model came to.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(Arc<Mutex<BTreeSet<String>>>);

impl Outcomes {
    /// Notes the outcome of one execution.
    pub fn note(&self, outcome: impl Into<String>) {
        self.0
            .lock()
            .expect("no panic with the lock held")
            .insert(outcome.into());
    }

    /// All outcomes so far.
    #[must_use]
    pub fn seen(&self) -> BTreeSet<String> {
        self.0.lock().expect("no panic with the lock held").clone()
    }
}

/// Explores `body` without any expectation; returns the number of executions.
pub fn explore(bound: Bound, body: impl Fn() + Send + Sync + 'static) -> u64 {
    let executions = Arc::new(AtomicU64::new(0));
    let mut builder = loom::model::Builder::new();
    // A step limit would stop a model, not fail it: none is ever near.
    builder.max_branches = 1_000_000;
    builder.preemption_bound = match bound {
        Bound::Unbounded => None,
        Bound::Preemptions(preemptions) => Some(preemptions),
    };
    let counted = Arc::clone(&executions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        body();
    });
    executions.load(Ordering::Relaxed)
}

/// Explores `body` and checks that it reached what the model promises.
///
/// # Panics
///
/// When an execution fails, an outcome is not allowed or was not reached, or
/// there were too few executions.
pub fn check(model: Model, body: impl Fn(&Outcomes) + Send + Sync + 'static) {
    let outcomes = Outcomes::default();
    let bound = if is_quick() { model.quick } else { model.bound };
    let start = Instant::now();
    let noted = outcomes.clone();
    let executions = explore(bound, move || body(&noted));
    let seconds = start.elapsed().as_secs_f64();
    let seen = outcomes.seen();
    let bound = match bound {
        Bound::Unbounded => "unbounded".to_owned(),
        Bound::Preemptions(preemptions) => format!("preemptions:{preemptions}"),
    };
    let list: Vec<_> = seen.iter().map(String::as_str).collect();
    println!(
        "MODEL name={} bound={bound} executions={executions} seconds={seconds:.2} outcomes={}",
        model.name,
        list.join("|"),
    );
    for outcome in &seen {
        assert!(
            model.outcomes.contains(&outcome.as_str()),
            "{}: outcome {outcome:?} is not allowed",
            model.name
        );
    }
    if is_mutated() || is_quick() {
        return;
    }
    for outcome in model.outcomes {
        assert!(
            seen.contains(*outcome),
            "WITNESS: {}: outcome {outcome:?} was never reached",
            model.name
        );
    }
    assert!(
        executions >= model.at_least,
        "WITNESS: {}: {executions} executions are fewer than {}",
        model.name,
        model.at_least
    );
}
