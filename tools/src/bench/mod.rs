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
mod subject;
mod table;
mod team;
#[cfg(test)]
mod tests;
mod values;
pub mod workload;
mod write;

use std::fs::{self, OpenOptions};
use std::path::Path;

use clap::Parser;
use verimem::FixedPrefix;
use verimem::advisor::Workload as Described;

use self::ground::{Ground, Space};
use self::options::BenchArgs;
use self::plan::Plan;
use self::report::{Report, Row};
use self::subject::Subject;
use self::table::{Table, TableOptions};
use self::team::Sum;
use self::workload::Workload;
use crate::outcome::{Problem, progress};
use crate::rep::Rep;

/// What a table is made of: [`Subject::options`].
type SetUp = (Rep, TableOptions, Option<String>);

/// A table that was filled off the clock, for one workload after the other, and what it was made of.
type Loaded = Option<(SetUp, Table)>;

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
    let total = plan.subjects.len() * plan.workloads.len() * plan.repeat as usize;
    let bar = progress(
        total as u64,
        "{elapsed_precise} {bar:30} {pos}/{len} {msg}",
        options.quiet,
    );
    let mut report = Report::new(plan);
    let mut rounds = Vec::new();
    for round in 0..plan.repeat as usize {
        // Each round begins with another subject, so that none is always the last.
        let first = round % plan.subjects.len().max(1);
        let mut rows = vec![Vec::new(); plan.subjects.len()];
        let (before, after) = plan.subjects.split_at(first);
        for (turn, &subject) in after.iter().chain(before).enumerate() {
            let place = (first + turn) % plan.subjects.len();
            let mut loaded = None;
            for &workload in &plan.workloads {
                bar.set_message(format!("{} on {}", workload.name(), subject.name()));
                rows[place].push(measure(&ground, subject, workload, &mut loaded)?);
                bar.inc(1);
            }
        }
        rounds.push(rows.into_iter().flatten().collect());
    }
    report.rows = report::medians(rounds);
    bar.finish_and_clear();
    if let Some(path) = &options.plot {
        let picture = plot::draw(&report).map_err(Problem::Failure)?;
        write(path, &picture)?;
    }
    Ok(report)
}

/// A plan for one workload, the rest by default.
fn plan_of(
    workload: Workload,
    entries: u32,
    key_size: u32,
    value_size: u32,
) -> Result<Plan, Problem> {
    let words = [
        "bench".to_owned(),
        format!("--benchmarks={}", workload.name()),
        format!("--num={entries}"),
        format!("--key_size={key_size}"),
        format!("--value_size={value_size}"),
    ];
    let line = options::Line::try_parse_from(words);
    Plan::new(
        &line
            .map_err(|error| Problem::Usage(error.to_string()))?
            .options,
    )
}

/// What a workload does, for the advisor.
pub fn describe(
    workload: Workload,
    entries: u32,
    key_size: u32,
    value_size: u32,
) -> Result<Described, Problem> {
    Ok(plan_of(workload, entries, key_size, value_size)?.describe(workload))
}

/// What is observed at a table that has a workload.
pub fn observe(
    workload: Workload,
    entries: u32,
    key_size: u32,
    value_size: u32,
) -> Result<Described, Problem> {
    let ground = Ground::new(plan_of(workload, entries, key_size, value_size)?);
    let space = ground.space(workload);
    let table = ground.observed_table(workload)?;
    if workload.only_reads() {
        ground.load(&table, space.present())?;
        read::run(&ground, &table, &space, workload)?;
    } else {
        write_to(&ground, &table, &space, workload)?;
    }
    let prefix = FixedPrefix(ground.plan.prefix_size);
    Described::observed(&table, Some(&prefix)).map_err(|error| Problem::Failure(error.to_string()))
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
    subject: Subject,
    workload: Workload,
    loaded: &mut Loaded,
) -> Result<Row, Problem> {
    let named = |problem| match problem {
        Problem::Failure(text) => {
            Problem::Failure(format!("{} on {}: {text}", workload.name(), subject.name()))
        }
        usage @ Problem::Usage(_) => usage,
    };
    let space = ground.space(workload);
    if workload.only_reads() {
        // What is advised may differ from one workload to the next.
        let set_up = subject.options(&ground.plan, workload)?;
        if loaded.as_ref().is_some_and(|(known, _)| *known != set_up) {
            *loaded = None;
        }
        let table = load_once(ground, set_up, &space, loaded).map_err(named)?;
        let total = read::run(ground, table, &space, workload).map_err(named)?;
        return Row::new(&ground.plan, subject, workload, total, table);
    }
    // One table at a time: memory was checked for no more.
    *loaded = None;
    let table = ground.table(subject, workload).map_err(named)?;
    let (total, writer) = write_to(ground, &table, &space, workload).map_err(named)?;
    let row = Row::new(&ground.plan, subject, workload, total, &table)?;
    Ok(row.beside(writer))
}

/// The table for workloads that only read; filled for the first of them.
fn load_once<'l>(
    ground: &Ground,
    set_up: SetUp,
    space: &Space,
    loaded: &'l mut Loaded,
) -> Result<&'l Table, Problem> {
    let table = match loaded.take() {
        Some((_, table)) => table,
        None => {
            let table = ground.build(&set_up)?;
            ground.load(&table, space.present())?;
            if ground.plan.seal {
                let sealed = table.seal();
                sealed.map_err(|error| Problem::Failure(error.to_string()))?;
            }
            table
        }
    };
    Ok(&loaded.insert((set_up, table)).1)
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
