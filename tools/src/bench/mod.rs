//! `verimem bench`: how fast a memtable is, in the spirit of RocksDB's memtablerep_bench.
//!
//! Keys, values and choices are made before the clock starts, and tables are dropped after it
//! was stopped. What is read goes into a checksum. Every answer is counted, and every table
//! compared with what it should have: a wrong one is no measurement.

mod check;
mod choose;
mod ground;
mod keys;
mod mixed;
pub mod options;
mod plan;
mod plot;
mod probe;
mod read;
mod report;
mod script;
mod table;
mod team;
#[cfg(test)]
mod tests;
mod values;
mod workload;
mod write;

use std::fs::{self, OpenOptions};
use std::path::Path;

use self::ground::{Ground, Space};
use self::options::BenchArgs;
use self::plan::Plan;
use self::report::{Report, Row};
use self::table::Table;
use self::team::Sum;
use self::workload::Workload;
use crate::outcome::{Problem, progress};
use crate::rep::Rep;

/// A table that was filled off the clock, for one workload after the other.
type Loaded = Option<Table>;

/// Measures what the options ask for.
pub fn run(options: &BenchArgs) -> Result<Report, Problem> {
    let plan = Plan::new(options)?;
    for (flag, path) in [("--plot", &options.plot), ("--output", &options.output)] {
        path.as_deref()
            .map_or(Ok(()), |path| writable(flag, path))?;
    }
    if options.plot.is_some() && options.plot == options.output {
        let text = "--plot and --output: the same file cannot take both";
        return Err(Problem::Usage(text.to_owned()));
    }
    let ground = Ground::new(plan);
    let plan = &ground.plan;
    let total = plan.reps.len() * plan.workloads.len();
    let bar = progress(
        total as u64,
        "{elapsed_precise} {bar:30} {pos}/{len} {msg}",
        options.quiet,
    );
    let mut report = Report::new(plan);
    for &rep in &plan.reps {
        let mut loaded = None;
        for &workload in &plan.workloads {
            bar.set_message(format!("{} on {}", workload.name(), rep.name()));
            let row = measure(&ground, rep, workload, &mut loaded)?;
            report.rows.push(row);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    if let Some(path) = &options.plot {
        let picture = plot::draw(&report).map_err(Problem::Failure)?;
        write(path, &picture)?;
    }
    Ok(report)
}

/// Writes a result to the file that it was asked to go to.
pub fn write(path: &Path, text: &str) -> Result<(), Problem> {
    fs::write(path, text)
        .map_err(|error| Problem::Failure(format!("cannot write {}: {error}", path.display())))
}

/// Finds out before the measurement whether its result can be written; leaves what is there.
fn writable(flag: &str, path: &Path) -> Result<(), Problem> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map(|_| ()).map_err(|error| {
        Problem::Usage(format!("{flag}: cannot write {}: {error}", path.display()))
    })
}

/// Runs one workload.
fn measure(
    ground: &Ground,
    rep: Rep,
    workload: Workload,
    loaded: &mut Loaded,
) -> Result<Row, Problem> {
    let named = |problem| match problem {
        Problem::Failure(text) => {
            Problem::Failure(format!("{} on {}: {text}", workload.name(), rep.name()))
        }
        usage @ Problem::Usage(_) => usage,
    };
    let space = ground.space(workload);
    if workload.only_reads() {
        let table = load_once(ground, rep, &space, loaded).map_err(named)?;
        let total = read::run(ground, table, &space, workload).map_err(named)?;
        return Ok(Row::new(&ground.plan, rep, workload, total, table));
    }
    // One table at a time: memory was checked for no more.
    *loaded = None;
    let table = ground.table(rep, workload).map_err(named)?;
    let (total, writer) = write_to(ground, &table, &space, workload).map_err(named)?;
    let row = Row::new(&ground.plan, rep, workload, total, &table);
    Ok(row.beside(writer))
}

/// The table for workloads that only read; filled for the first of them.
fn load_once<'l>(
    ground: &Ground,
    rep: Rep,
    space: &Space,
    loaded: &'l mut Loaded,
) -> Result<&'l Table, Problem> {
    let table = match loaded.take() {
        Some(table) => table,
        None => {
            // All of them need as much.
            let table = ground.table(rep, Workload::Readrandom)?;
            ground.load(&table, space.present())?;
            if ground.plan.seal {
                let sealed = table.seal();
                sealed.map_err(|error| Problem::Failure(error.to_string()))?;
            }
            table
        }
    };
    Ok(loaded.insert(table))
}

/// Runs a workload that writes; answers with what an extra writer did, too.
fn write_to(
    ground: &Ground,
    table: &Table,
    space: &Space,
    workload: Workload,
) -> Result<(Sum, Option<Sum>), Problem> {
    let total = match workload {
        Workload::Fillseq => {
            let order: Vec<u32> = (0..ground.plan.num).collect();
            write::fill(ground, table, &order)
        }
        Workload::Fillrandom => write::fill(ground, table, space.present()),
        Workload::Fillbatch => write::fill_batches(ground, table, space.present()),
        Workload::Deleterange => write::delete_ranges(ground, table, space),
        Workload::Mergerandom => write::merge(ground, table, space),
        Workload::Readwhilewriting => {
            let (readers, writer) = mixed::read_while_writing(ground, table, space)?;
            return Ok((readers, Some(writer)));
        }
        _ => mixed::run(ground, table, space, workload),
    };
    Ok((total?, None))
}
