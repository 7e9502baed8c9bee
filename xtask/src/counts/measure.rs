//! Builds the measured program, and runs each of its workloads under callgrind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use super::figures::{Figures, Row, Tools};
use super::valgrind::Valgrind;
use crate::process;
use crate::workspace::Workspace;

/// The workloads of `xtask/examples/counts.rs`.
const WORKLOADS: [&str; 9] = [
    "fill-random",
    "fill-sequential",
    "fill-batches",
    "get-hit",
    "multi-get-hit",
    "scan-forward",
    "scan-backward",
    "scan-short",
    "zigzag",
];

/// The caches that are simulated: bytes, ways, bytes per line. They are given, so
/// that the processor at hand makes no difference. The last one is smaller than
/// the table.
const CACHES: [&str; 3] = ["--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64"];

/// The function inside of which callgrind counts.
const COUNTED: &str = "verimem_counts_measured";

/// One workload takes a few seconds.
const LIMIT: Duration = Duration::from_secs(300);

pub fn all(workspace: &Workspace) -> Result<Figures, String> {
    let valgrind = Valgrind::find_or_fetch(workspace)?;
    let program = build(workspace)?;
    let tools = Tools {
        rustc: version(compiler().current_dir(workspace.root()), "--version")?,
        libc: version(
            Command::new("getconf").current_dir(workspace.root()),
            "GNU_LIBC_VERSION",
        )?,
        valgrind: version(&mut valgrind.command(), "--version")?,
    };
    let rows = process::in_parallel(&WORKLOADS, 2, |workload| run(&valgrind, &program, workload));
    Ok(Figures {
        tools,
        rows: rows.into_iter().collect::<Result<_, _>>()?,
    })
}

/// The compiler that cargo uses.
fn compiler() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn version(command: &mut Command, argument: &str) -> Result<String, String> {
    let captured = process::capture(command.arg(argument), LIMIT)?;
    if !captured.success() {
        return Err(format!(
            "`{}` failed: {}",
            process::describe(command),
            captured.stderr
        ));
    }
    Ok(captured.stdout.trim().to_owned())
}

fn build(workspace: &Workspace) -> Result<PathBuf, String> {
    let folder = workspace.target_dir("counts");
    let mut command = process::cargo(workspace);
    command
        .args(["build", "--quiet", "--release", "--package", "xtask"])
        .args(["--example", "counts"])
        // In one unit, how code is spread over units moves nothing.
        .args(["--config", "profile.release.codegen-units=1"])
        .env("CARGO_TARGET_DIR", &folder)
        // Flags of the developer's would give other counts.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut command)?;
    Ok(folder.join("release/examples/counts"))
}

fn run(valgrind: &Valgrind, program: &Path, workload: &str) -> Result<Row, String> {
    let (Some(folder), Some(name)) = (program.parent(), program.file_name()) else {
        return Err(format!("{} is no program", program.display()));
    };
    let report = format!("callgrind.{workload}.out");
    let mut command = valgrind.command();
    command
        .args(["--tool=callgrind", "--cache-sim=yes"])
        .args(CACHES)
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={report}"))
        // Environment and path are on the stack, and would move what lies there.
        .arg(Path::new(".").join(name))
        .arg(workload)
        .current_dir(folder);
    let captured = process::capture(&mut command, LIMIT)?;
    if !captured.success() {
        let described = process::describe(&command);
        return Err(format!("`{described}` failed:\n{}", captured.stderr));
    }
    let operations = captured
        .stdout
        .trim()
        .parse()
        .ok()
        .filter(|&operations: &u64| operations > 0)
        .ok_or_else(|| format!("{workload} printed no number of operations"))?;
    let path = folder.join(report);
    let text =
        fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let count = |events: &[&str]| counts(&text, events).map_err(|e| format!("{workload}: {e}"));
    let row = Row {
        workload: workload.to_owned(),
        operations,
        instructions: count(&["Ir"])?,
        d1_misses: count(&["D1mr", "D1mw"])?,
        ll_misses: count(&["DLmr", "DLmw"])?,
    };
    if row.instructions < operations {
        return Err(format!("{workload}: {COUNTED} was not counted"));
    }
    Ok(row)
}

/// The sum of some events, from the two lines of a report that name and total them.
fn counts(report: &str, events: &[&str]) -> Result<u64, String> {
    let words = |prefix: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(prefix));
        line.map(|line| line.split_whitespace().collect::<Vec<_>>())
            .ok_or_else(|| format!("the report has no line `{prefix}`"))
    };
    let (names, totals) = (words("events:")?, words("totals:")?);
    let mut sum = 0;
    for event in events {
        let place = names.iter().position(|name| name == event);
        let total = place.and_then(|place| totals.get(place)?.parse::<u64>().ok());
        sum += total.ok_or_else(|| format!("the report does not count {event}"))?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found_by_their_events() {
        let report = "version: 1\nevents: Ir Dr D1mr D1mw\nfn=x\n1 2 3\ntotals: 100 20 3 4\n";
        assert_eq!(counts(report, &["Ir"]), Ok(100));
        assert_eq!(counts(report, &["D1mr", "D1mw"]), Ok(7));
        assert!(counts(report, &["DLmr"]).unwrap_err().contains("DLmr"));
        assert!(
            counts("events: Ir\n", &["Ir"])
                .unwrap_err()
                .contains("totals:")
        );
        assert!(counts("events: Ir Dr\ntotals: 5\n", &["Dr"]).is_err());
    }

    #[test]
    fn the_measured_program_knows_the_workloads_and_the_function() {
        let path = Workspace::find().unwrap().join("xtask/examples/counts.rs");
        let source = fs::read_to_string(path).unwrap();
        for workload in WORKLOADS {
            assert!(source.contains(&format!("\"{workload}\"")), "{workload}");
        }
        assert!(source.contains(&format!("fn {COUNTED}(")));
    }

    #[test]
    fn a_program_without_a_version_is_an_error() {
        assert!(version(&mut Command::new("false"), "--version").is_err());
        assert!(
            version(&mut compiler(), "--version")
                .unwrap()
                .contains("rustc")
        );
    }
}
