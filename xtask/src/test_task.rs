//! `cargo xtask test`: what a change has to pass before anything else.

use crate::checker::{self, Checker};
use crate::process;
use crate::workspace::Workspace;
use crate::{CheckerArgs, Format};

pub fn run(workspace: &Workspace, quick: bool) -> Result<(), String> {
    let mut tests = vec![vec!["test", "--workspace"]];
    if !quick {
        tests.push(vec!["test", "--workspace", "--features", "bytes"]);
    }
    // The examples in the documentation; `tests/doc/Cargo.toml` says why apart.
    tests.push(vec![
        "test",
        "--doc",
        "--all-features",
        "--manifest-path",
        "tests/doc/Cargo.toml",
        "--target-dir",
        "target/doc-tests",
    ]);
    for arguments in tests {
        process::run(process::cargo(workspace).args(arguments))?;
    }
    for checker in [Checker::Loom, Checker::Shuttle] {
        let args = CheckerArgs {
            quick: true,
            group: None,
            format: Format::Text,
        };
        checker::run(workspace, checker, &args)?;
    }
    Ok(())
}
