//! `cargo xtask fuzz`: every target, with AddressSanitizer, from the kept
//! corpus.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::process;
use crate::table::Table;
use crate::workspace::Workspace;

/// The longest input of a target. An execution takes as long as its input is: where bytes
/// are operations, 1 KiB makes some hundred, and five times as many executions as 4 KiB.
fn input_bytes_max(target: &str) -> usize {
    match target {
        "in_place" | "ops" | "tombstones" | "write_batch" => 1024,
        _ => 4096,
    }
}

/// What building a target and loading its corpus may take on top.
const START_LIMIT: Duration = Duration::from_secs(1800);

struct Run {
    target: String,
    executions: u64,
    failure: Option<String>,
}

pub fn run(workspace: &Workspace, seconds: u64, only: Option<&str>) -> Result<(), String> {
    if seconds == 0 {
        return Err("`--seconds 0` would fuzz without end".into());
    }
    let manifest = workspace.join("fuzz/Cargo.toml");
    if !manifest.is_file() {
        return Err(format!("{} does not exist", manifest.display()));
    }
    let targets = selected(targets(workspace, &manifest)?, only)?;
    install_cargo_fuzz(workspace)?;
    let mut runs = Vec::new();
    for target in &targets {
        runs.push(fuzz(workspace, target, seconds)?);
    }
    let mut table = Table::new(&["target", "status", "executions"]);
    for run in &runs {
        let status = if run.failure.is_none() {
            "ok"
        } else {
            "FAILED"
        };
        table.row(vec![
            run.target.clone(),
            status.into(),
            run.executions.to_string(),
        ]);
    }
    print!("{}", table.render());
    let total: u64 = runs.iter().map(|r| r.executions).sum();
    println!(
        "fuzz: {} targets, {total} executions, {seconds} s each",
        runs.len()
    );
    let failures: Vec<String> = runs.into_iter().filter_map(|r| r.failure).collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n"))
    }
}

/// The binaries of the fuzz package.
fn targets(workspace: &Workspace, manifest: &Path) -> Result<Vec<String>, String> {
    let output = process::cargo(workspace)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("cannot start cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo cannot read {}", manifest.display()));
    }
    targets_in(&String::from_utf8_lossy(&output.stdout))
}

fn targets_in(metadata: &str) -> Result<Vec<String>, String> {
    let value: Value =
        serde_json::from_str(metadata).map_err(|e| format!("cargo metadata is no JSON: {e}"))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = list(&value["packages"])
        .iter()
        .flat_map(|package| list(&package["targets"]))
        .filter(|target| list(&target["kind"]).iter().any(|kind| kind == "bin"))
        .filter_map(|target| target["name"].as_str().map(ToOwned::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

fn selected(targets: Vec<String>, only: Option<&str>) -> Result<Vec<String>, String> {
    match only {
        None if targets.is_empty() => Err("the fuzz package has no target".into()),
        None => Ok(targets),
        Some(name) if targets.iter().any(|t| t == name) => Ok(vec![name.to_owned()]),
        Some(name) => Err(format!(
            "no fuzz target `{name}`; there are: {}",
            targets.join(", ")
        )),
    }
}

fn install_cargo_fuzz(workspace: &Workspace) -> Result<(), String> {
    let mut probe = Command::new("cargo");
    let present = probe
        .args(["fuzz", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if present {
        return Ok(());
    }
    process::run(process::cargo(workspace).args(["install", "cargo-fuzz", "--locked"]))
}

fn fuzz(workspace: &Workspace, target: &str, seconds: u64) -> Result<Run, String> {
    let scratch = workspace.target_dir("fuzz-corpus").join(target);
    fs::create_dir_all(&scratch).map_err(|e| format!("cannot make {}: {e}", scratch.display()))?;
    let mut command = process::cargo_of_toolchain(workspace, "nightly");
    command.args(["fuzz", "run", "--sanitizer", "address", "--target-dir"]);
    command.arg(workspace.target_dir("fuzz")).arg(target);
    // libFuzzer writes what it finds to the first folder and only reads the rest.
    command.arg(&scratch);
    let kept = workspace.join("fuzz/corpus").join(target);
    if kept.is_dir() {
        command.arg(kept);
    }
    command.arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={}", input_bytes_max(target)),
        "-print_final_stats=1".to_owned(),
    ]);
    eprintln!("$ {}", process::describe(&command));
    let limit = START_LIMIT + Duration::from_secs(seconds.saturating_mul(2));
    let captured = process::capture(&mut command, limit)?;
    let executions = executions(&captured.stderr);
    let failure = judge(target, captured.success(), executions, &captured.stderr);
    if failure.is_some() {
        eprintln!("{}", captured.stderr);
    }
    Ok(Run {
        target: target.to_owned(),
        executions,
        failure,
    })
}

fn judge(target: &str, success: bool, executions: u64, log: &str) -> Option<String> {
    if success {
        let idle = executions == 0;
        return idle.then(|| format!("{target}: nothing was executed"));
    }
    Some(match artifact(log) {
        Some(path) => format!(
            "{target}: crash, kept in {path}\n  reproduce: cargo +nightly fuzz run {target} {path}"
        ),
        None => format!("{target}: the fuzzer failed without leaving an input; its log is above"),
    })
}

/// libFuzzer's own count.
fn executions(log: &str) -> u64 {
    log.lines()
        .filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .filter_map(|count| count.trim().parse::<u64>().ok())
        .sum()
}

/// Where libFuzzer put the input that failed.
fn artifact(log: &str) -> Option<&str> {
    log.lines().find_map(|line| {
        let (_, path) = line.split_once("Test unit written to ")?;
        Some(path.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str =
        "#2 INITED\n#99 DONE\nstat::number_of_executed_units: 4321\nstat::peak_rss_mb: 40\n";

    #[test]
    fn executions_are_counted() {
        assert_eq!(executions(LOG), 4321);
        assert_eq!(executions("INFO: nothing"), 0);
    }

    #[test]
    fn an_idle_run_fails() {
        assert!(judge("codec", true, 1, LOG).is_none());
        assert!(
            judge("codec", true, 0, "")
                .unwrap()
                .contains("nothing was executed")
        );
    }

    #[test]
    fn a_crash_says_how_to_reproduce_it() {
        let log = "==1==ERROR: AddressSanitizer\nartifact_prefix='a/'; Test unit written to a/crash-1\nBase64: x";
        let message = judge("codec", false, 7, log).unwrap();
        assert!(
            message.contains("cargo +nightly fuzz run codec a/crash-1"),
            "{message}"
        );
        assert!(
            judge("codec", false, 0, "")
                .unwrap()
                .contains("without leaving an input")
        );
    }

    #[test]
    fn targets_are_the_binaries() {
        let metadata = r#"{"packages":[{"targets":[{"name":"ops","kind":["bin"]},
            {"name":"verimem_fuzz","kind":["lib"]},{"name":"codec","kind":["bin"]}]}]}"#;
        let targets = targets_in(metadata).unwrap();
        assert_eq!(targets, ["codec", "ops"]);
        assert_eq!(selected(targets.clone(), Some("ops")).unwrap(), ["ops"]);
        assert!(
            selected(targets, Some("opz"))
                .unwrap_err()
                .contains("there are: codec, ops")
        );
        assert!(selected(Vec::new(), None).is_err());
        assert!(targets_in("{").is_err());
    }
}
