//! Developer tasks of verimem, one command each: `cargo xtask <task>`.
//!
//! Every task exits with a non-zero status when what it checks does not hold,
//! and also when it turns out to have checked nothing.

mod asan;
mod checker;
mod ci;
mod compare;
mod counts;
mod coverage;
mod fuzz;
mod oracle;
mod orderings;
mod process;
mod source;
mod table;
mod test_task;
mod tidy;
mod workspace;
mod zero_cost;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use checker::Checker;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of verimem", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Unit, integration and doc tests, then the quick loom and shuttle models
    Test {
        /// Leave out the second pass of the tests with every optional feature
        #[arg(long)]
        quick: bool,
    },
    /// Explore the weak-memory models with loom
    Loom(CheckerArgs),
    /// Run the larger models with shuttle's schedulers
    Shuttle(CheckerArgs),
    /// Weaken every named atomic ordering and show that a model notices
    Orderings(OrderingsArgs),
    /// Fuzz every target with AddressSanitizer
    Fuzz {
        /// How long each target runs (not the total)
        #[arg(long)]
        seconds: u64,
        /// Fuzz only this target
        #[arg(long)]
        target: Option<String>,
    },
    /// Run the tests that damage stored entries under AddressSanitizer
    Asan,
    /// Enforce the house rules on the source tree
    Tidy,
    /// Show that the production backend of the `sync` module costs nothing
    ZeroCost,
    /// Count instructions and cache misses with valgrind, and compare with the stored figures
    Counts(counts::CountsArgs),
    /// Which lines of the library its tests run, and why they do not run the others
    Coverage(coverage::CoverageArgs),
    /// Measure verimem beside its peers in one process; `compare --help` shows the flags
    #[command(disable_help_flag = true)]
    Compare {
        /// Flags of `compare`, passed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Random operations on RocksDB's own memtable and on verimem's; `oracle --help` shows the flags
    #[command(disable_help_flag = true)]
    Oracle {
        /// Flags of `oracle`, passed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Everything that has to pass before a change lands
    Ci {
        /// Stop at the first step that fails
        #[arg(long)]
        fail_fast: bool,
        /// Run only the steps with these names (may be repeated)
        #[arg(long)]
        only: Vec<String>,
        /// Print the steps and their commands, and run nothing
        #[arg(long)]
        list: bool,
    },
}

/// How a report is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Args)]
struct CheckerArgs {
    /// Smaller bounds and fewer iterations
    #[arg(long)]
    quick: bool,
    /// Only the models of this group (the part of their names before `::`)
    #[arg(long)]
    group: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Args)]
struct OrderingsArgs {
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Only the mutants of this site
    #[arg(long)]
    site: Option<String>,
    /// Also turn on every planted logic fault, one by one
    #[arg(long)]
    faults: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), String> {
    let workspace = Workspace::find()?;
    match task {
        Task::Test { quick } => test_task::run(&workspace, quick),
        Task::Loom(args) => checker::run(&workspace, Checker::Loom, &args),
        Task::Shuttle(args) => checker::run(&workspace, Checker::Shuttle, &args),
        Task::Orderings(args) => orderings::run(&workspace, &args),
        Task::Fuzz { seconds, target } => fuzz::run(&workspace, seconds, target.as_deref()),
        Task::Asan => asan::run(&workspace),
        Task::Tidy => tidy::run(&workspace),
        Task::ZeroCost => zero_cost::run(&workspace),
        Task::Counts(args) => counts::run(&workspace, &args),
        Task::Coverage(args) => coverage::run(&workspace, &args),
        Task::Compare { arguments } => compare::run(&workspace, &arguments),
        Task::Oracle { arguments } => oracle::run(&workspace, &arguments),
        Task::Ci {
            fail_fast,
            only,
            list,
        } => ci::run(&workspace, fail_fast, &only, list),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn compare_takes_any_flag() {
        let words = ["xtask", "compare", "--format", "json", "--help"];
        let cli = Cli::try_parse_from(words).unwrap();
        let Task::Compare { arguments } = cli.task else {
            panic!("another task");
        };
        assert_eq!(arguments, ["--format", "json", "--help"]);
    }

    #[test]
    fn fuzz_needs_a_duration() {
        assert!(Cli::try_parse_from(["xtask", "fuzz"]).is_err());
        assert!(Cli::try_parse_from(["xtask", "fuzz", "--seconds", "5"]).is_ok());
    }
}
