//! Building a checker's test binary, and finding it in cargo's messages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Checker;
use crate::process;
use crate::workspace::Workspace;

/// A built test binary and the names of its tests.
pub struct Binary {
    checker: Checker,
    path: PathBuf,
    folder: PathBuf,
    tests: Vec<String>,
}

impl Binary {
    /// Builds the models of a checker in a target directory of their own.
    pub fn build(workspace: &Workspace, checker: Checker) -> Result<Self, String> {
        let name = checker.name();
        let mut command = process::cargo(workspace);
        command
            .args([
                "test",
                "--release",
                "-p",
                "verimem-loom-tests",
                "--test",
                name,
                "--no-run",
            ])
            .env("CARGO_TARGET_DIR", workspace.target_dir(name));
        process::add_rustflags(&mut command, &format!("--cfg {name}"));
        eprintln!("$ {}", process::describe(&command));
        let output = command
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| format!("cannot start cargo: {e}"))?;
        if !output.status.success() {
            return Err(format!("the {name} models do not build: {}", output.status));
        }
        let path = executable(&String::from_utf8_lossy(&output.stdout), name)
            .ok_or_else(|| format!("cargo built no test binary called `{name}`"))?;
        let mut binary = Self {
            checker,
            folder: workspace.join("loom-tests"),
            path,
            tests: Vec::new(),
        };
        binary.tests = binary.list()?;
        Ok(binary)
    }

    pub fn checker(&self) -> Checker {
        self.checker
    }

    /// The names of all its tests, sorted.
    pub fn tests(&self) -> &[String] {
        &self.tests
    }

    /// Runs one test with its output shown, and nothing switched on.
    pub fn command(&self, test: &str) -> Command {
        let mut command = self.bare();
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
        command
    }

    fn bare(&self) -> Command {
        let mut command = Command::new(&self.path);
        // cargo test runs a package's tests in the package's folder.
        command.current_dir(&self.folder).env("RUST_BACKTRACE", "0");
        process::clear_checker_environment(&mut command);
        if self.checker == Checker::Shuttle {
            command.env("SHUTTLE_SILENCE_WARNINGS", "1");
        }
        command
    }

    fn list(&self) -> Result<Vec<String>, String> {
        let mut command = self.bare();
        command.args(["--list", "--format", "terse"]);
        let listed = process::capture(&mut command, Duration::from_secs(60))?;
        if !listed.success() {
            return Err(format!(
                "`{} --list` failed: {}",
                self.checker.name(),
                listed.stderr
            ));
        }
        Ok(test_names(&listed.stdout))
    }
}

/// The lines `name: test` of `--list --format terse`.
fn test_names(listed: &str) -> Vec<String> {
    let mut names: Vec<String> = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(ToOwned::to_owned)
        .collect();
    names.sort();
    names
}

/// The executable of the test target called `name`.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|m| m["reason"] == "compiler-artifact" && m["target"]["name"] == name)
        .filter(|m| {
            m["target"]["kind"]
                .as_array()
                .is_some_and(|k| k.iter().any(|k| k == "test"))
        })
        .find_map(|m| {
            m["executable"]
                .as_str()
                .map(|path| Path::new(path).to_path_buf())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_the_list() {
        let listed = "b::two: test\na::one: test\nslow: benchmark\n";
        assert_eq!(test_names(listed), ["a::one", "b::two"]);
        assert!(test_names("").is_empty());
    }

    #[test]
    fn the_executable_is_that_of_the_test_target() {
        let messages = r#"
            not json
            {"reason":"compiler-artifact","target":{"name":"loom","kind":["lib"]},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"shuttle","kind":["test"]},"executable":"/a"}
            {"reason":"compiler-artifact","target":{"name":"loom","kind":["test"]},"executable":"/b"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "loom"), Some(PathBuf::from("/b")));
        assert_eq!(executable(messages, "other"), None);
    }
}
