//! What all workloads of a run stand on: the plan, the values, and the orders of entries.

use verimem::{EntryRef, Kind};

use super::SetUp;
use super::choose::{random, shuffled};
use super::keys::{Keys, present};
use super::plan::Plan;
use super::subject::Subject;
use super::table::{self, Table, TableOptions};
use super::values::Values;
use super::workload::Workload;
use crate::outcome::Problem;
use crate::rep::Rep;

/// Entries that are added at a time off the clock.
const LOADED_AT_A_TIME: usize = 256;

/// The entries of a table, loaded and yet to come.
#[derive(Debug)]
pub struct Space {
    /// All of them once, in random order: the loaded ones first.
    pub order: Vec<u32>,
    /// How many are loaded.
    pub loaded: u32,
}

impl Space {
    /// The entries that the table is loaded with.
    pub fn present(&self) -> &[u32] {
        &self.order[..self.loaded as usize]
    }

    /// The entries that the workload inserts.
    pub fn absent(&self) -> &[u32] {
        &self.order[self.loaded as usize..]
    }
}

/// A plan, and what was made for it.
#[derive(Debug)]
pub struct Ground {
    pub plan: Plan,
    pub values: Values,
}

impl Ground {
    pub fn new(plan: Plan) -> Self {
        let values = Values::new(plan.value_size, plan.seed);
        Self { plan, values }
    }

    /// The entries of a workload.
    pub fn space(&self, workload: Workload) -> Space {
        let loaded = self.plan.num;
        let all = loaded.saturating_add(self.plan.inserts(workload));
        Space {
            order: shuffled(all, random(self.plan.seed, "order", 0)),
            loaded,
        }
    }

    /// An empty table for a workload.
    pub fn table(&self, subject: Subject, workload: Workload) -> Result<Table, Problem> {
        self.build(&subject.options(&self.plan, workload)?)
    }

    /// An empty table of such a set-up.
    pub fn build(&self, set_up: &SetUp) -> Result<Table, Problem> {
        // Heights of towers, where the main thread draws them.
        verimem::seed_thread_rng(self.plan.seed);
        table::build(set_up.0, &set_up.1)
    }

    /// The same on the default representation, with counters of reads.
    pub fn observed_table(&self, workload: Workload) -> Result<Table, Problem> {
        let options = TableOptions {
            track_reads: true,
            ..self.plan.table_options(workload)?
        };
        table::build(Rep::Skiplist, &options)
    }

    /// The keys of entries.
    pub fn keys(&self, entries: &[u32]) -> Keys {
        Keys::of(
            self.plan.key_size,
            entries.iter().map(|&index| present(index)),
        )
    }

    /// Loads a table off the clock: entry number `i` of the list has the sequence number `i + 1`.
    pub fn load(&self, table: &Table, entries: &[u32]) -> Result<(), Problem> {
        self.load_with(table, entries, |index| self.values.of(index))
    }

    /// The same with other values.
    pub fn load_with<'v>(
        &self,
        table: &Table,
        entries: &[u32],
        value: impl Fn(u32) -> &'v [u8],
    ) -> Result<(), Problem> {
        let failed = |error: &dyn std::fmt::Display| {
            Problem::Failure(format!("cannot load the table: {error}"))
        };
        let mut writer = table.writer().map_err(|error| failed(&error))?;
        let mut sequence = 0;
        for some in entries.chunks(LOADED_AT_A_TIME) {
            let keys = self.keys(some);
            let batch: Vec<EntryRef<'_>> = keys
                .iter()
                .zip(some)
                .map(|(user_key, &index)| {
                    sequence += 1;
                    EntryRef {
                        user_key,
                        sequence,
                        kind: Kind::VALUE,
                        value: value(index),
                    }
                })
                .collect();
            writer
                .add_batch(&batch)
                .map_err(|refused| failed(&refused.error))?;
        }
        Ok(())
    }

    /// The first sequence number of a thread, none of which another one has, loading included.
    pub fn first_sequence(&self, thread: usize) -> u64 {
        // No thread writes more than all operations together.
        let most = u64::from(self.plan.reads.max(self.plan.writes).max(self.plan.num));
        1 + u64::from(self.plan.num) + thread as u64 * most
    }
}
