//! `cargo xtask asan`: the tests that damage stored entries (SPEC E10), under
//! AddressSanitizer.
//!
//! In the build with the block table each block of the arena is an allocation of its own, so a
//! read that leaves one is seen; the other build is the one that is shipped.

use std::process::{Command, Stdio};

use crate::ci::Tally;
use crate::process;
use crate::workspace::Workspace;

/// What the names of the tests have in common.
const TESTS: &str = "e10_";

const BUILDS: [&str; 2] = ["", "--cfg verimem_block_table"];

/// The sanitizer is for the target alone, not for build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Optimised, since each byte is read thousands of times, but with every check that tests have.
const FLAGS: &str = "-Z sanitizer=address -C debug-assertions -C overflow-checks";

/// Why the task has nothing to say on this platform.
pub fn unsupported() -> Option<String> {
    let sanitized = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    (!sanitized).then(|| format!("the sanitizer is used for {TARGET} only"))
}

pub fn run(workspace: &Workspace) -> Result<(), String> {
    if let Some(reason) = unsupported() {
        return Err(reason);
    }
    for flags in BUILDS {
        let mut command = command(workspace, flags);
        let described = process::describe(&command);
        eprintln!("$ {described}");
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start `{described}`: {e}"))?;
        let mut tally = Tally::default();
        if let Some(stdout) = child.stdout.take() {
            tally
                .copy(stdout, std::io::stdout())
                .map_err(|e| format!("cannot read the output of `{described}`: {e}"))?;
        }
        let status = child
            .wait()
            .map_err(|e| format!("cannot wait for `{described}`: {e}"))?;
        judge(&described, status.success(), &tally)?;
    }
    Ok(())
}

fn command(workspace: &Workspace, flags: &str) -> Command {
    let mut command = process::cargo_of_toolchain(workspace, "nightly");
    command
        .args(["test", "--release", "-p", "verimem", "--lib"])
        .args(["--target", TARGET, TESTS])
        .env("CARGO_TARGET_DIR", workspace.target_dir("asan"));
    process::clear_checker_environment(&mut command);
    process::add_rustflags(&mut command, &format!("{FLAGS} {flags}"));
    command
}

fn judge(described: &str, success: bool, tally: &Tally) -> Result<(), String> {
    match (success, tally.passed) {
        (false, _) => Err(format!("`{described}` failed")),
        (true, 0) => Err(format!("`{described}` ran no test")),
        (true, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sanitizer_is_on() {
        let words = process::describe(&command(&Workspace::find().unwrap(), BUILDS[1]));
        assert!(
            words.contains(&format!("{FLAGS} --cfg verimem_block_table")),
            "{words}"
        );
        assert!(
            words.ends_with("--target x86_64-unknown-linux-gnu e10_"),
            "{words}"
        );
    }

    #[test]
    fn a_failure_and_a_run_of_nothing_fail() {
        let some = Tally {
            passed: 1,
            failed: 0,
        };
        assert!(judge("x", true, &some).is_ok());
        assert!(judge("x", false, &some).is_err());
        assert!(judge("x", true, &Tally::default()).is_err());
    }
}
