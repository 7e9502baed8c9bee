//! Finding a compiler of the oldest Rust that the library supports.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// `rust-version` of the workspace.
pub const VERSION: &str = "1.85";

/// cargo with that compiler: a rustup toolchain, or a `rustc` on the path
/// (Debian carries one).
pub fn find(workspace: &Workspace) -> Option<Command> {
    if let Some(toolchain) = rustup_toolchain(&output("rustup", &["toolchain", "list"])) {
        return Some(process::cargo_of_toolchain(workspace, &toolchain));
    }
    let compiler = on_path()?;
    let mut command = process::cargo(workspace);
    command.env("RUSTC", compiler);
    Some(command)
}

/// Whether this system's packages, of Debian 12, have one for `scripts/debian-rust.sh`.
pub fn is_packaged() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    names_debian_12(&release) && !output("apt-get", &["--version"]).is_empty()
}

fn names_debian_12(release: &str) -> bool {
    let has = |line: &str| release.lines().any(|found| found == line);
    has("ID=debian") && has("VERSION_ID=\"12\"")
}

/// The first toolchain of that version in rustup's list.
fn rustup_toolchain(list: &str) -> Option<String> {
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| is_version(name))
        .map(ToOwned::to_owned)
        .next()
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| {
            [
                folder.join("rustc"),
                folder.join(format!("rustc-{VERSION}")),
            ]
        })
        .filter(|candidate| candidate.is_file())
        .find(|candidate| {
            let version = output(candidate, &["--version"]);
            version.strip_prefix("rustc ").is_some_and(is_version)
        })
}

fn is_version(text: &str) -> bool {
    text.strip_prefix(VERSION)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// What a program prints; nothing if it does not run.
fn output(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    Command::new(program.as_ref())
        .args(arguments)
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_version_is_chosen() {
        let list = "stable-x86_64 (default)\n1.95.0-x86_64\n1.850.0-x86_64\n1.85.1-x86_64\n";
        assert_eq!(rustup_toolchain(list).as_deref(), Some("1.85.1-x86_64"));
        assert_eq!(rustup_toolchain("stable\n1.95.0\n"), None);
        assert!(is_version("1.85") && is_version("1.85.0 (4d91de4e4)"));
    }

    #[test]
    fn packages_are_looked_for_on_one_system_only() {
        let release = "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert!(names_debian_12(release));
        assert!(!names_debian_12(&release.replace("12", "13")));
        assert!(!names_debian_12(&release.replace("ID=debian", "ID=other")));
    }

    #[test]
    fn the_manifest_states_the_same_version() {
        let workspace = Workspace::find().unwrap();
        let manifest = std::fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("rust-version = \"{VERSION}\"")));
    }

    #[test]
    fn a_missing_program_prints_nothing() {
        assert_eq!(output("verimem-no-such-program", &[]), "");
    }
}
