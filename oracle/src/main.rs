//! `oracle --ops N [--seed X] [--format json] [--bytes B] [--threads T] [--repeat SEED]`:
//! random operations on RocksDB's memtable and on verimem's.
//!
//! Run `n` of a thread depends on the seed, the thread and `n` only, so a difference can be repeated.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use verimem_driver::seeds::Random;
use verimem_oracle::{Totals, any};

#[derive(Parser)]
#[command(name = "oracle", about = "Compare verimem's memtable with RocksDB's")]
struct Cli {
    /// At least so many operations
    #[arg(long)]
    ops: u64,
    /// What the operations depend on
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The most bytes that a run is made of
    #[arg(long, default_value_t = 2048)]
    bytes: usize,
    /// Threads; one per core if not said
    #[arg(long)]
    threads: Option<u64>,
    /// Repeats the run of this seed, and does nothing else
    #[arg(long)]
    repeat: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What a thread found.
#[derive(Default)]
struct Found {
    totals: Totals,
    runs: u64,
    differences: Vec<String>,
}

impl Found {
    fn run(&mut self, seed: u64, bytes: usize) {
        self.runs += 1;
        match any(seed, bytes) {
            Ok(totals) => self.totals.merge(&totals),
            Err(difference) => self.differences.push(difference),
        }
    }
}

/// After so many differences there is no need to look for more.
const ENOUGH: usize = 5;

fn worker(cli: &Cli, thread: u64, left: &AtomicU64) -> Found {
    let mut found = Found::default();
    let mut seeds = Random(cli.seed.wrapping_mul(1 << 16).wrapping_add(thread));
    // Relaxed: the counter says only when to stop.
    while left.load(Ordering::Relaxed) > 0 && found.differences.len() < ENOUGH {
        let before = found.totals.operations();
        found.run(seeds.draw(), cli.bytes);
        let done = found.totals.operations() - before;
        let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_sub(done))
        });
    }
    found
}

fn all(cli: &Cli) -> Found {
    let mut total = Found::default();
    if let Some(seed) = cli.repeat {
        total.run(seed, cli.bytes);
        return total;
    }
    let cores = || thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let left = AtomicU64::new(cli.ops);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cli.threads.unwrap_or_else(cores).max(1))
            .map(|thread| {
                let left = &left;
                scope.spawn(move || worker(cli, thread, left))
            })
            .collect();
        for worker in workers {
            match worker.join() {
                Ok(found) => {
                    total.totals.merge(&found.totals);
                    total.runs += found.runs;
                    total.differences.extend(found.differences);
                }
                Err(_) => total.differences.push("a worker panicked".to_owned()),
            }
        }
    });
    total
}

fn report(cli: &Cli, found: &Found, seconds: f64) {
    let by_reason = found
        .totals
        .explained
        .iter()
        .map(|(why, count)| (why.name(), *count));
    if cli.format == Format::Json {
        let reasons: serde_json::Map<_, _> = by_reason
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect();
        let report = serde_json::json!({
            "operations": found.totals.operations(),
            "differences": found.differences.len(),
            "explained": found.totals.explained(),
            "explained_by": reasons,
            "operations_by": found.totals.operations,
            "runs": found.runs,
            "seed": cli.seed,
            "seconds": seconds,
        });
        println!("{report}");
        return;
    }
    println!(
        "operations {}\ndifferences {}\nexplained {}",
        found.totals.operations(),
        found.differences.len(),
        found.totals.explained()
    );
    for (name, count) in by_reason {
        println!("  {name} {count}");
    }
    println!("runs {}, {seconds:.1} s", found.runs);
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let start = Instant::now();
    let found = all(&cli);
    report(&cli, &found, start.elapsed().as_secs_f64());
    for difference in &found.differences {
        eprintln!("DIFFERENCE {difference}");
    }
    if found.totals.operations() == 0 && found.differences.is_empty() {
        eprintln!("nothing was compared");
        return ExitCode::FAILURE;
    }
    if found.differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
