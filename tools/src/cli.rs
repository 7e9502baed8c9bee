//! The command line: what may be asked, and which exit status answers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use verimem::Protection;

use crate::advise::AdviseArgs;
use crate::bench::options::BenchArgs;
use crate::outcome::{self, Problem};
use crate::rep::Reps;
use crate::size::parse_size;
use crate::stress::features::Feature;
use crate::{advise, bench, load, stress};

/// Load a directory tree into a memtable, stress one, or measure one.
#[derive(Debug, Parser)]
#[command(name = "verimem", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load every file under a directory, then check every entry against the file system.
    ///
    /// The key is the file's path relative to PATH, the value its content.
    /// Hidden files are loaded too; symbolic links and special files are
    /// reported and left out.
    Load(LoadArgs),
    /// Race writers, readers and scanners over rotating tables against an oracle.
    Stress(StressArgs),
    /// Measure operations per second and latencies of a memtable.
    ///
    /// The workloads have the names of RocksDB's db_bench and of YCSB. Keys, values and choices
    /// are made before the clock starts, and answers are checked: a wrong one fails the run.
    /// Operations per second come from the time of the whole; latencies are those of every 17th
    /// operation, every 251st step of `readseq` and `readreverse`, and every batch of `fillbatch`,
    /// and include what reading the clock takes.
    ///
    /// Entry `i` has the key `16 i` as 8 big-endian bytes, and padding: the first bytes of all
    /// keys are equal, which is the slow case for lists that keep the first bytes of keys beside
    /// links, unless they are told by `--shared_prefix`. Tables that are only read were filled in random order, by one thread.
    /// A thread keeps its writer and cursor, and reads at the largest snapshot.
    Bench(Box<BenchArgs>),
    /// Say how to set up a memtable for a workload, and why.
    ///
    /// The representation, the filter, hints, the size of the write buffer and the kind of writers; from
    /// what operations of each representation were measured to take.
    Advise(Box<AdviseArgs>),
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// JSON on one line.
    Json,
}

/// Options of `verimem load`.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The directory to load.
    #[arg(default_value = ".", value_parser = parse_directory)]
    pub path: PathBuf,
    /// Loading and verifying threads [default: one per processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Start another table when one has allocated this much.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size)]
    pub write_buffer_size: u64,
    /// Ask the operating system for huge pages.
    #[arg(long)]
    pub huge_pages: bool,
    /// Checksum bytes of each entry: 0, 1, 2, 4 or 8.
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = parse_protection)]
    pub protection: Protection,
    /// Refuse a tree that needs more memory [default: three quarters of what the machine has].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory_limit: Option<u64>,
    /// Report files that cannot be read without failing for them.
    #[arg(long)]
    pub skip_unreadable: bool,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Options of `verimem stress`.
#[derive(Debug, Args)]
pub struct StressArgs {
    /// Threads, shared out between writing, reading and scanning.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// How long to run; fractions are allowed.
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    pub seconds: Duration,
    /// Seed of keys, values, kinds and every thread's choices.
    #[arg(long, value_name = "X", default_value_t = 1)]
    pub seed: u64,
    /// Representations, a comma between two, or `all`: tables have them in turn.
    ///
    /// Updates in place are driven with `skiplist` only. A `vector` keeps the first of two
    /// duplicates, and cannot do otherwise: none is driven without `duplicates`, and none
    /// overwrites. What was driven on each is reported.
    #[arg(long, value_name = "LIST", default_value = "all")]
    pub memtablerep: Reps,
    /// What not to drive; by default the run drives everything.
    #[arg(long, value_name = "FEATURE", value_enum, value_delimiter = ',')]
    pub without: Vec<Feature>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

fn parse_directory(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Ok(path),
        Ok(_) => Err("not a directory".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_protection(text: &str) -> Result<Protection, String> {
    text.parse::<usize>()
        .ok()
        .and_then(Protection::from_len)
        .ok_or_else(|| "expected 0, 1, 2, 4 or 8".to_owned())
}

/// A week: longer runs are a typing error more often than a wish.
const MAX_SECONDS: f64 = 604_800.0;

pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    // Written so that NaN is refused as well.
    if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
        return Err(format!(
            "expected more than 0 and at most {MAX_SECONDS} seconds"
        ));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Runs the command and turns its result into an exit status.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Load(arguments) => {
            let format = arguments.format;
            load::run(&arguments).map(|report| (outcome::render(format, &report), report.passed()))
        }
        Command::Stress(arguments) => {
            let format = arguments.format;
            stress::run(&arguments)
                .map(|report| (outcome::render(format, &report), report.passed()))
        }
        Command::Advise(arguments) => {
            let format = arguments.format;
            advise::run(&arguments)
                .map(|answer| (outcome::render(format, &answer), answer.passed()))
        }
        Command::Bench(arguments) => bench::run(&arguments).and_then(|report| {
            let text = outcome::render(arguments.format, &report);
            match &arguments.output {
                // Nothing is left to print.
                Some(path) => bench::write(path, &text).map(|()| (String::new(), true)),
                None => Ok((text, true)),
            }
        }),
    };
    match result {
        Ok((text, passed)) => outcome::print(&text, passed),
        Err(problem @ Problem::Usage(_)) => outcome::complain(&problem, 2),
        Err(problem @ Problem::Failure(_)) => outcome::complain(&problem, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("verimem").chain(arguments.iter().copied()))
    }

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_parse() {
        assert!(parse(&["load"]).is_ok());
        assert!(parse(&["stress"]).is_ok());
        assert!(parse(&["bench"]).is_ok());
        assert!(
            parse(&[
                "load",
                ".",
                "--protection",
                "8",
                "--huge-pages",
                "--threads",
                "3"
            ])
            .is_ok()
        );
        assert!(
            parse(&[
                "stress",
                "--without",
                "merges,filter",
                "--without",
                "sequencer"
            ])
            .is_ok()
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in [
            &["load", "--threads", "0"][..],
            &["load", "--threads", "99999"],
            &["load", "--protection", "3"],
            &["load", "--write-buffer-size", "many"],
            &["load", "--memory-limit", "999999999999TiB"],
            &["load", "/nonexistent/directory"],
            &["stress", "--threads", "0"],
            &["stress", "--seconds", "0"],
            &["stress", "--seconds", "-1"],
            &["stress", "--seconds", "NaN"],
            &["stress", "--seconds", "1e300"],
            &["stress", "--seed", "x"],
            &["stress", "--format", "xml"],
            &["stress", "--without", "adds"],
            &["stress", "--without", ""],
            &["stress", "--memtablerep", "btree"],
            &["stress", "--memtablerep", ""],
            &["dance"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
