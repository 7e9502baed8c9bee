//! Running other programs: cargo with inherited output, test binaries with
//! captured output and a time limit.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::workspace::Workspace;

/// Variables that change what a checker explores. They are cleared before
/// each run, so that a stray setting cannot truncate an exploration or leave
/// a mutant switched on.
const CHECKER_VARIABLES: [&str; 3] = ["VERIMEM_QUICK", "VERIMEM_WEAKEN", "VERIMEM_FAULT"];

/// cargo, run in the workspace root.
pub fn cargo(workspace: &Workspace) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(workspace.root());
    command
}

/// cargo of another toolchain, through rustup's proxy. The variables that the
/// outer cargo exports would pin the inner one to the outer toolchain.
pub fn cargo_of_toolchain(workspace: &Workspace, toolchain: &str) -> Command {
    let mut command = Command::new("cargo");
    command
        .arg(format!("+{toolchain}"))
        .current_dir(workspace.root())
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("RUSTDOC")
        .env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// Adds flags for rustc to those the developer has set.
pub fn add_rustflags(command: &mut Command, flags: &str) {
    let before = std::env::var("RUSTFLAGS").unwrap_or_default();
    command
        .env("RUSTFLAGS", format!("{before} {flags}").trim())
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
}

/// Removes every setting that narrows or mutates a model.
pub fn clear_checker_environment(command: &mut Command) {
    for name in CHECKER_VARIABLES {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOOM_") {
            command.env_remove(name);
        }
    }
}

/// Runs a command with inherited output and fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<(), String> {
    eprintln!("$ {}", describe(command));
    let status = command
        .status()
        .map_err(|e| format!("cannot start `{}`: {e}", describe(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed: {status}", describe(command)))
    }
}

/// The command as a developer would type it in the folder where it runs.
pub fn describe(command: &Command) -> String {
    let folder = command.get_current_dir();
    let shown = |text: &OsStr| {
        let inside = folder.and_then(|folder| Path::new(text).strip_prefix(folder).ok());
        let path = inside.map_or(text, Path::as_os_str);
        path.to_string_lossy().into_owned()
    };
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        let Some(value) = value.map(shown) else {
            continue;
        };
        let quote = if value.contains(' ') { "\"" } else { "" };
        words.push(format!("{}={quote}{value}{quote}", name.to_string_lossy()));
    }
    let program = Path::new(command.get_program());
    words.push(shown(program.file_stem().unwrap_or(program.as_os_str())));
    words.extend(command.get_args().map(shown));
    words.join(" ")
}

/// What a captured run did.
#[derive(Debug, Clone)]
pub struct Captured {
    /// `None` when the time limit ended it.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
    pub elapsed: Duration,
}

impl Captured {
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Runs a command to its end, or kills it at `limit`, and keeps its output.
pub fn capture(command: &mut Command, limit: Duration) -> Result<Captured, String> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start `{}`: {e}", describe(command)))?;
    let stdout = child.stdout.take().map(drain);
    let stderr = child.stderr.take().map(drain);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if started.elapsed() >= limit => {
                // The child may have ended meanwhile; either way it is over.
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Err(e) => return Err(format!("cannot wait for `{}`: {e}", describe(command))),
        }
    };
    Ok(Captured {
        status,
        stdout: collect(stdout),
        stderr: collect(stderr),
        elapsed: started.elapsed(),
    })
}

fn drain<R: Read + Send + 'static>(mut from: R) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

fn collect(reader: Option<thread::JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|r| r.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Applies `work` to every item, `jobs` at a time, and keeps the order.
pub fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    if let Ok(mut slots) = results.lock() {
                        slots[index] = Some(result);
                    }
                }
            });
        }
    });
    let slots = results.into_inner().unwrap_or_else(|e| e.into_inner());
    slots.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallel_results_keep_their_order() {
        let items: Vec<usize> = (0..50).collect();
        assert_eq!(
            in_parallel(&items, 4, |n| n * 2),
            (0..50).map(|n| n * 2).collect::<Vec<_>>()
        );
        assert!(in_parallel(&[] as &[usize], 2, |n| *n).is_empty());
    }

    #[test]
    fn a_command_is_described_as_typed() {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--release"])
            .env("RUSTFLAGS", "--cfg loom");
        assert_eq!(
            describe(&command),
            "RUSTFLAGS=\"--cfg loom\" cargo test --release"
        );
        let folder = std::env::temp_dir();
        let mut command = Command::new(folder.join("bin").join("cargo"));
        command
            .arg(folder.join("x"))
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", folder.join("t"));
        assert_eq!(describe(&command), "CARGO_TARGET_DIR=t cargo x");
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let error = run(&mut Command::new("verimem-no-such-program")).unwrap_err();
        assert!(error.contains("cannot start"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn capture_keeps_output_and_enforces_the_limit() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let done = capture(&mut command, Duration::from_secs(60)).unwrap();
        assert_eq!(
            (done.stdout.as_str(), done.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert_eq!(done.status.and_then(|s| s.code()), Some(3));

        let done = capture(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap();
        assert!(done.status.is_none() && !done.success());
    }
}
