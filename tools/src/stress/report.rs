//! What `verimem stress` reports.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::tally::{Counts, Op, Tally};
use super::world::World;
use crate::outcome::per_second;

/// The report; with `--format json` it is one object with these fields.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Operations done; each entry of a batch is one.
    pub operations: u64,
    /// Answers that the oracle refused.
    pub violations: usize,
    /// Seconds that the threads ran.
    pub seconds: f64,
    /// The seed.
    pub seed: u64,
    /// What was driven beside adds, lookups and cursors.
    pub features: Vec<String>,
    /// Threads.
    pub threads: usize,
    /// Operations per second.
    pub ops_per_sec: f64,
    /// Tables that were sealed and replaced.
    pub tables: u64,
    /// Count per kind of operation. `put`, `delete`, `single_delete`, `merge`,
    /// `range_delete` and `fold` count written entries once more, by what they are;
    /// `batch_*` and `abort_*` count whole batches, `read_view` reads through a view.
    pub kinds: BTreeMap<&'static str, u64>,
    /// What was driven on each representation, by name.
    pub representations: BTreeMap<String, Driven>,
    /// Kinds that hardly ran: the run says nothing about them.
    pub neglected: Vec<String>,
    /// What the oracle refused, first things first.
    pub details: Vec<String>,
    /// `ok` or `failed`.
    pub verdict: &'static str,
}

/// What was driven on one representation.
#[derive(Debug, Serialize)]
pub struct Driven {
    /// Operations done, counted as those of the whole run.
    pub operations: u64,
    /// Tables that were compared with what was written, those with updates in place,
    /// overwritten entries or timestamps included.
    pub tables: u64,
    /// Count per kind of operation.
    pub kinds: BTreeMap<&'static str, u64>,
}

impl Driven {
    fn new(counts: &Counts) -> Self {
        Self {
            operations: counts.operations(),
            tables: counts.tables(),
            kinds: counts.by_name(),
        }
    }
}

impl Report {
    /// Of a finished run.
    pub fn new<F: super::fault::Fault>(
        world: &World<F>,
        threads: usize,
        asked: Duration,
        elapsed: Duration,
        tally: &Tally,
    ) -> Self {
        let details = world.violations();
        // A run cut short by a violation has a better reason to fail.
        let neglected = if details.is_empty() {
            tally.neglected(asked, &world.scope)
        } else {
            Vec::new()
        };
        let verdict = if details.is_empty() && neglected.is_empty() {
            "ok"
        } else {
            "failed"
        };
        let total = tally.total();
        let reps = world.scope.reps().iter();
        Self {
            operations: total.operations(),
            violations: details.len(),
            seconds: elapsed.as_secs_f64(),
            seed: world.seed,
            features: world.scope.features().names(),
            threads,
            ops_per_sec: per_second(total.operations(), elapsed),
            tables: total.of(Op::Rotate),
            kinds: total.by_name(),
            representations: reps
                .map(|rep| (rep.name(), Driven::new(tally.on(*rep))))
                .collect(),
            neglected,
            details,
            verdict,
        }
    }

    /// Whether nothing was wrong and nothing was left out.
    pub fn passed(&self) -> bool {
        self.verdict == "ok"
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.kinds {
            writeln!(f, "{name:>20} {count}")?;
        }
        for (name, driven) in &self.representations {
            let Driven {
                operations, tables, ..
            } = driven;
            writeln!(f, "{name:>20} {operations} operations, {tables} tables")?;
        }
        for neglected in &self.neglected {
            writeln!(f, "HARDLY RAN {neglected}")?;
        }
        for detail in &self.details {
            writeln!(f, "VIOLATION {detail}")?;
        }
        writeln!(
            f,
            "{} operations by {} threads in {:.1} s: {:.0} per second, {} tables",
            self.operations, self.threads, self.seconds, self.ops_per_sec, self.tables
        )?;
        write!(
            f,
            "verdict {}: {} violations, seed {}",
            self.verdict, self.violations, self.seed
        )
    }
}
