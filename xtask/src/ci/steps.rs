//! The steps of CI, as data: a name and the commands it stands for.

use std::process::{Command, Stdio};

use super::msrv;
use super::tally::Tally;
use crate::workspace::Workspace;
use crate::{asan, counts, process};

/// How long each fuzz target runs in CI.
const FUZZ_SECONDS: &str = "20";

/// How many operations are compared with RocksDB's memtable in CI.
const ORACLE_OPS: &str = "2000000";

pub struct Step {
    pub name: &'static str,
    commands: Vec<Command>,
    /// The step has shown nothing unless tests were counted.
    needs_tests: bool,
    /// Set when the step cannot run here.
    skip: Option<String>,
}

impl Step {
    fn new(name: &'static str, commands: Vec<Command>) -> Self {
        Self {
            name,
            commands,
            needs_tests: false,
            skip: None,
        }
    }

    pub fn describe(&self) -> Vec<String> {
        let reason = self.skip.iter().map(|reason| format!("skipped: {reason}"));
        reason
            .chain(self.commands.iter().map(process::describe))
            .collect()
    }

    /// Runs the commands up to the first that fails. `Some` says why the step
    /// was skipped.
    pub fn run(&self, tally: &mut Tally) -> Result<Option<String>, String> {
        if let Some(reason) = &self.skip {
            println!("{reason}");
            return Ok(Some(reason.clone()));
        }
        let before = tally.passed;
        for command in &self.commands {
            run_counted(command, tally)?;
        }
        if self.needs_tests && tally.passed == before {
            return Err("no test ran".into());
        }
        Ok(None)
    }
}

fn run_counted(command: &Command, tally: &mut Tally) -> Result<(), String> {
    let described = process::describe(command);
    println!("$ {described}");
    let mut child = copy(command)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start `{described}`: {e}"))?;
    if let Some(stdout) = child.stdout.take() {
        tally
            .copy(stdout, std::io::stdout())
            .map_err(|e| format!("cannot read the output of `{described}`: {e}"))?;
    }
    let status = child
        .wait()
        .map_err(|e| format!("cannot wait for `{described}`: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{described}` failed: {status}"))
    }
}

/// A command can be started through `&mut` only, and a step is kept as it is.
fn copy(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        copy.current_dir(folder);
    }
    copy
}

/// Everything, the quick checks first.
pub fn all(workspace: &Workspace) -> Vec<Step> {
    let cargo = |words: &str| cargo(workspace, words);
    let xtask = |words: &str| cargo(&format!("xtask {words}"));
    let mut steps = vec![
        Step::new(
            "format",
            vec![
                cargo("fmt --all --check"),
                cargo("fmt --all --check --manifest-path fuzz/Cargo.toml"),
                cargo("fmt --all --check --manifest-path bench/Cargo.toml"),
                cargo("fmt --all --check --manifest-path oracle/Cargo.toml"),
            ],
        ),
        Step::new("tidy", vec![xtask("tidy")]),
        Step::new(
            "clippy",
            vec![cargo(
                "clippy --workspace --all-targets --all-features -- -D warnings",
            )],
        ),
        Step::new("clippy-loom", vec![checker_clippy(workspace, "loom")]),
        Step::new("clippy-shuttle", vec![checker_clippy(workspace, "shuttle")]),
        Step::new(
            "clippy-fuzz",
            vec![cargo(
                "clippy --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings",
            )],
        ),
        Step::new(
            "clippy-bench",
            vec![cargo(
                "clippy --manifest-path bench/Cargo.toml --all-targets -- -D warnings",
            )],
        ),
        Step::new("docs", vec![docs(workspace)]),
    ];
    let mut test = Step::new("test", vec![xtask("test")]);
    test.needs_tests = true;
    steps.push(test);
    steps.push(Step::new(
        "test-block-table",
        vec![block_table_tests(workspace)],
    ));
    steps.push(coverage(workspace));
    steps.push(damage(workspace));
    steps.push(Step::new("zero-cost", vec![xtask("zero-cost")]));
    let mut counted = Step::new("counts", vec![xtask("counts")]);
    counted.skip = counts::unsupported();
    steps.push(counted);
    steps.extend([
        Step::new("loom", vec![xtask("loom")]),
        Step::new("shuttle", vec![xtask("shuttle")]),
        Step::new("orderings", vec![xtask("orderings --faults")]),
        Step::new(
            "fuzz",
            vec![xtask(&format!("fuzz --seconds {FUZZ_SECONDS}"))],
        ),
        Step::new(
            "stress",
            vec![cargo(
                "run --release -- stress --threads 2 --seconds 10 --seed 1 --memtablerep all --format json",
            )],
        ),
        // Not the whole checkout: `target` would be most of it.
        Step::new(
            "load",
            vec![cargo("run --release -- load --format json src")],
        ),
        bench(workspace),
        oracle(workspace),
        minimum_rust(workspace),
    ]);
    steps
}

/// Which lines the tests run. The tools for it are Debian's where there are none.
fn coverage(workspace: &Workspace) -> Step {
    let mut step = Step::new("coverage", vec![cargo(workspace, "xtask coverage")]);
    if !cfg!(target_os = "linux") {
        step.skip = Some("the reasons are those of lines that Linux compiles".into());
    }
    step
}

/// Damaged entries under AddressSanitizer.
fn damage(workspace: &Workspace) -> Step {
    let mut step = Step::new("asan", vec![cargo(workspace, "xtask asan")]);
    step.needs_tests = true;
    step.skip = asan::unsupported();
    step
}

/// The comparison with peers: all of it in small, then its tests. The first sees to it
/// that there is a C++ compiler, which both need.
fn bench(workspace: &Workspace) -> Step {
    let mut quick = cargo(workspace, "xtask compare --quick --format json");
    for (flag, name) in [("--output", "compare.json"), ("--plot", "compare.svg")] {
        quick.arg(flag).arg(workspace.target_dir(name));
    }
    let tests = "test --manifest-path bench/Cargo.toml";
    let mut step = Step::new("bench", vec![quick, cargo(workspace, tests)]);
    step.needs_tests = true;
    step
}

/// Random operations beside RocksDB's memtable, then the tests of that. The first sees to it that
/// there is a C++ compiler; all use one build of RocksDB's files, that of the release profile.
fn oracle(workspace: &Workspace) -> Step {
    let commands = [
        format!("xtask oracle --ops {ORACLE_OPS} --format json"),
        "clippy --release --manifest-path oracle/Cargo.toml --all-targets -- -D warnings".into(),
        "test --release --manifest-path oracle/Cargo.toml".into(),
    ];
    let mut step = Step::new(
        "oracle",
        commands
            .iter()
            .map(|words| cargo(workspace, words))
            .collect(),
    );
    step.needs_tests = true;
    if !cfg!(target_os = "linux") {
        step.skip = Some("RocksDB's files are compiled with its settings for Linux only".into());
    }
    step
}

fn cargo(workspace: &Workspace, words: &str) -> Command {
    let mut command = process::cargo(workspace);
    command.args(words.split(' '));
    command
}

fn checker_clippy(workspace: &Workspace, checker: &str) -> Command {
    let mut command = cargo(
        workspace,
        "clippy -p verimem -p verimem-loom-tests --all-targets -- -D warnings",
    );
    process::add_rustflags(&mut command, &format!("--cfg {checker}"));
    command.env(
        "CARGO_TARGET_DIR",
        workspace.target_dir(&format!("clippy-{checker}")),
    );
    command
}

/// The arena of machines without a reserved address range, on this one.
fn block_table_tests(workspace: &Workspace) -> Command {
    let mut command = cargo(workspace, "test -p verimem --all-features");
    process::add_rustflags(&mut command, "--cfg verimem_block_table");
    command.env("CARGO_TARGET_DIR", workspace.target_dir("block-table"));
    command
}

fn docs(workspace: &Workspace) -> Command {
    let mut command = cargo(workspace, "doc --workspace --no-deps --all-features");
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn minimum_rust(workspace: &Workspace) -> Step {
    let mut step = Step::new("minimum-rust", Vec::new());
    match msrv::find(workspace) {
        Some(mut command) => {
            command
                .args(["check", "-p", "verimem", "--all-features"])
                .env("CARGO_TARGET_DIR", workspace.target_dir("msrv"));
            step.commands.push(command);
        }
        None if msrv::is_packaged() => {
            let mut command = Command::new("bash");
            command
                .args(["scripts/debian-rust.sh", "check"])
                .current_dir(workspace.root());
            step.commands.push(command);
        }
        None => step.skip = Some(format!("no Rust {} toolchain was found", msrv::VERSION)),
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_step_does_something() {
        let steps = all(&Workspace::find().unwrap());
        for (index, step) in steps.iter().enumerate() {
            assert!(
                steps[..index].iter().all(|other| other.name != step.name),
                "{}",
                step.name
            );
            assert!(
                !step.commands.is_empty() || step.skip.is_some(),
                "{}",
                step.name
            );
        }
    }

    #[test]
    fn a_step_fails_with_its_command_and_when_no_test_ran() {
        let cargo = |word: &str| {
            let mut command = Command::new("cargo");
            command.arg(word);
            command
        };
        let mut tally = Tally::default();
        let mut step = Step::new("x", vec![cargo("--version")]);
        assert_eq!(step.run(&mut tally), Ok(None));
        step.needs_tests = true;
        assert_eq!(step.run(&mut tally), Err("no test ran".into()));
        let broken = Step::new("x", vec![cargo("--no-such-flag")]);
        assert!(
            broken
                .run(&mut tally)
                .unwrap_err()
                .contains("cargo --no-such-flag")
        );
    }

    #[test]
    fn a_skipped_step_says_why() {
        let mut step = Step::new("x", Vec::new());
        step.skip = Some("not here".into());
        assert_eq!(step.run(&mut Tally::default()), Ok(Some("not here".into())));
        assert_eq!(step.describe(), ["skipped: not here"]);
    }
}
