//! `verimem advise`: how to set up a table for a workload, and why; or whether that advice
//! holds against measurements.

mod against;

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use verimem::advisor::{Advice, InsertHint, Workload as Described, Writers};

use crate::bench;
use crate::bench::workload::Workload;
use crate::cli::Format;
use crate::outcome::Problem;
use crate::size::{machine_memory, parse_size};
use against::Verdicts;

/// Options of `verimem advise`.
#[derive(Debug, Clone, Args)]
pub struct AdviseArgs {
    /// A workload of `verimem bench`; without it, the amounts below describe one.
    #[arg(long, value_enum, conflicts_with_all = ["writes", "gets", "get_hits", "seeks", "steps", "sequential", "reads_beside_writes"])]
    pub workload: Option<Workload>,
    /// Run that workload, and advise on what is observed at its table.
    #[arg(long, requires = "workload")]
    pub observe: bool,
    /// Hold the advice against results of `verimem bench --advised --format json`: it has to be as fast
    /// as the best representation, within the spread of the rounds (`--repeat`).
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["workload", "observe"])]
    pub against: Vec<PathBuf>,
    /// Entries that a table comes to have.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub entries: u32,
    /// Bytes of each key.
    #[arg(long = "key_size", alias = "key-size", value_name = "BYTES", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub key_size: u32,
    /// Bytes of each value.
    #[arg(
        long = "value_size",
        alias = "value-size",
        value_name = "BYTES",
        default_value_t = 100
    )]
    pub value_size: u32,
    /// Entries written, in any unit: the relation of this to the next three is what counts.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    pub writes: f64,
    /// Point lookups.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    pub gets: f64,
    /// Seeks of iterators.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    pub seeks: f64,
    /// Steps of iterators.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0.0)]
    pub steps: f64,
    /// The share of lookups that find something, 0 to 1.
    #[arg(
        long = "get_hits",
        alias = "get-hits",
        value_name = "SHARE",
        default_value_t = 1.0
    )]
    pub get_hits: f64,
    /// The share of writes whose key follows upon the one before, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub sequential: f64,
    /// There are reads before the table is sealed.
    #[arg(long = "reads_beside_writes", alias = "reads-beside-writes")]
    pub reads_beside_writes: bool,
    /// An entry that the table has already must be refused, or overwrite the other, at once.
    #[arg(long = "needs_duplicates", alias = "needs-duplicates")]
    pub needs_duplicates: bool,
    /// Threads that write at the same time.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub writers: u16,
    /// Bytes that all keys begin with.
    #[arg(
        long = "shared_prefix",
        alias = "shared-prefix",
        value_name = "BYTES",
        default_value_t = 0
    )]
    pub shared_prefix: u32,
    /// Bytes of the prefix that groups of keys share, if there is one to hash.
    #[arg(
        long = "prefix_length",
        alias = "prefix-length",
        value_name = "BYTES",
        conflicts_with = "workload"
    )]
    pub prefix_length: Option<u32>,
    /// Entries that have the same such prefix, on average.
    #[arg(
        long = "entries_per_prefix",
        alias = "entries-per-prefix",
        value_name = "N",
        default_value_t = 1.0,
        requires = "prefix_length"
    )]
    pub entries_per_prefix: f64,
    /// Memory that the engine may use [default: the machine's].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What `verimem advise` says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// How to set up a table.
    Advice(Box<Advised>),
    /// Whether advice holds.
    Verdicts(Verdicts),
}

impl Answer {
    /// Whether nothing speaks against the advice.
    pub fn passed(&self) -> bool {
        match self {
            Self::Advice(_) => true,
            Self::Verdicts(verdicts) => verdicts.passed(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advice(advised) => advised.fmt(f),
            Self::Verdicts(verdicts) => verdicts.fmt(f),
        }
    }
}

/// A choice, and why.
#[derive(Debug, Serialize)]
struct Choice<T> {
    choice: T,
    because: String,
}

/// What a representation would take.
#[derive(Debug, Serialize)]
struct Estimate {
    rep: &'static str,
    ns_per_operation: f64,
}

/// Advice as JSON has it.
#[derive(Debug, Serialize)]
pub struct Advised {
    representation: Choice<&'static str>,
    estimates: Vec<Estimate>,
    bloom_bits: Choice<u8>,
    shared_prefix: Choice<usize>,
    hint: Choice<&'static str>,
    writers: Choice<&'static str>,
    write_buffer_size: Choice<u64>,
    #[serde(skip)]
    text: String,
}

impl Advised {
    fn new(advice: &Advice, title: &str) -> Self {
        let choice = |because: &str| because.to_owned();
        let estimates = advice.estimates.iter().map(|&(rep, time)| Estimate {
            rep,
            ns_per_operation: time,
        });
        Self {
            representation: Choice {
                choice: advice.name(),
                because: choice(&advice.representation.because),
            },
            estimates: estimates.collect(),
            bloom_bits: Choice {
                choice: advice.bloom_bits.choice,
                because: choice(&advice.bloom_bits.because),
            },
            shared_prefix: Choice {
                choice: advice.shared_prefix.choice,
                because: choice(&advice.shared_prefix.because),
            },
            hint: Choice {
                choice: match advice.hint.choice {
                    InsertHint::None => "none",
                    InsertHint::Position => "position",
                },
                because: choice(&advice.hint.because),
            },
            writers: Choice {
                choice: match advice.writers.choice {
                    Writers::Exclusive => "exclusive",
                    Writers::Concurrent => "concurrent",
                },
                because: choice(&advice.writers.because),
            },
            write_buffer_size: Choice {
                choice: advice.write_buffer_size.choice,
                because: choice(&advice.write_buffer_size.because),
            },
            text: format!("{title}{advice}"),
        }
    }
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Advises, or judges advice.
pub fn run(options: &AdviseArgs) -> Result<Answer, Problem> {
    if !options.against.is_empty() {
        return against::judge(&options.against).map(Answer::Verdicts);
    }
    let memory = options.memory.unwrap_or_else(machine_memory);
    let (described, title) = match options.workload {
        None => (described(options), String::new()),
        Some(workload) if options.observe => {
            let seen = bench::observe(
                workload,
                options.entries,
                options.key_size,
                options.value_size,
            )?;
            let title = format!("{}, as observed: {}\n", workload.name(), amounts(&seen));
            (seen, title)
        }
        Some(workload) => {
            let (entries, value_size) = (options.entries, options.value_size);
            let described = bench::describe(workload, entries, options.key_size, value_size)?;
            (described, format!("{}\n", workload.name()))
        }
    };
    let described = Described {
        memory,
        needs_duplicates: options.needs_duplicates,
        writers: options.writers.into(),
        ..described
    };
    let advice = described
        .advise()
        .map_err(|error| Problem::Usage(error.to_string()))?;
    Ok(Answer::Advice(Box::new(Advised::new(&advice, &title))))
}

/// What was counted, for people.
fn amounts(seen: &Described) -> String {
    format!(
        "{} entries, {} lookups of which {:.0} % found something, {} seeks, {} steps, {:.0} % in order, \
         {:.0} entries with the same {} bytes",
        seen.entries,
        seen.gets,
        100.0 * seen.get_hits,
        seen.seeks,
        seen.steps,
        100.0 * seen.sequential,
        seen.entries_per_prefix,
        seen.prefix_length.unwrap_or(0),
    )
}

fn described(options: &AdviseArgs) -> Described {
    Described {
        entries: options.entries.into(),
        key_size: options.key_size.into(),
        value_size: options.value_size.into(),
        writes: options.writes,
        gets: options.gets,
        get_hits: options.get_hits,
        seeks: options.seeks,
        steps: options.steps,
        sequential: options.sequential,
        reads_beside_writes: options.reads_beside_writes,
        shared_prefix: options.shared_prefix as usize,
        prefix_length: options.prefix_length.map(|length| length as usize),
        entries_per_prefix: options.entries_per_prefix,
        ..Described::default()
    }
}
