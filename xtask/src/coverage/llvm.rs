//! Finding an `llvm-cov` and an `llvm-profdata` that read what this rustc writes, and
//! fetching Debian's where there is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process;
use crate::workspace::Workspace;

const FETCH: &str = include_str!("fetch.sh");

/// The oldest whose `llvm-cov` knows the mapping that rustc writes.
const OLDEST_MAJOR: u32 = 18;

/// Compiled, run and read back, to see that a pair of tools fits rustc.
const PROBE: &str = "fn main() {\n    if std::env::args().count() > 7 {\n        \
                     println!(\"no\");\n    }\n}\n";

/// What of the probe's lines was run, as lcov says it.
const PROBE_LINES: [&str; 2] = ["DA:1,1", "DA:3,0"];

const LIMIT: Duration = Duration::from_secs(600);

/// A pair of tools that was seen to work.
#[derive(Debug, Clone)]
pub struct Llvm {
    pub cov: PathBuf,
    pub profdata: PathBuf,
}

impl Llvm {
    fn in_folder(folder: &Path) -> Self {
        Self {
            cov: folder.join("llvm-cov"),
            profdata: folder.join("llvm-profdata"),
        }
    }

    /// The pair that `LLVM_COV` and `LLVM_PROFDATA` name; else rustup's, Debian's or the
    /// path's; else one that is unpacked under the target directory.
    pub fn find_or_fetch(workspace: &Workspace) -> Result<Self, String> {
        let probe = Probe::build(workspace)?;
        let chosen = ["LLVM_COV", "LLVM_PROFDATA"].map(std::env::var_os);
        if let [Some(cov), Some(profdata)] = chosen {
            let pair = Self {
                cov: cov.into(),
                profdata: profdata.into(),
            };
            probe.check(&pair)?;
            return Ok(pair);
        }
        let mut refused = Vec::new();
        for folder in installed(&probe) {
            let pair = Self::in_folder(&folder);
            if !pair.cov.is_file() || !pair.profdata.is_file() {
                continue;
            }
            match probe.check(&pair) {
                Ok(()) => return Ok(pair),
                Err(message) => refused.push(message),
            }
        }
        let package = format!("llvm-{}", probe.major);
        fetched(workspace, &probe, &package).map_err(|message| {
            refused.push(message);
            format!(
                "there are no llvm-cov and llvm-profdata that fit rustc's LLVM {}: install \
                 rustup's component llvm-tools or Debian's package {package}, or name them in \
                 LLVM_COV and LLVM_PROFDATA\n{}",
                probe.major,
                refused.join("\n")
            )
        })
    }
}

/// Where tools may have been installed, the likeliest to fit first.
fn installed(probe: &Probe) -> Vec<PathBuf> {
    let mut folders = vec![probe.rustup.clone()];
    let majors = (OLDEST_MAJOR..=probe.major).rev();
    folders.extend(majors.map(|major| PathBuf::from(format!("/usr/lib/llvm-{major}/bin"))));
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    folders
}

/// The pair of Debian's `package`, unpacked under the target directory.
fn fetched(workspace: &Workspace, probe: &Probe, package: &str) -> Result<Llvm, String> {
    let folder = workspace.target_dir("llvm").join(package);
    let pair = Llvm::in_folder(&folder.join("bin"));
    if pair.cov.is_file() && probe.check(&pair).is_ok() {
        return Ok(pair);
    }
    // Whatever an attempt of before has left, or another place of the checkout.
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .map_err(|e| format!("cannot remove {}: {e}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    eprintln!("no llvm-cov fits this rustc: fetching Debian's package {package}");
    let mut command = Command::new("sh");
    command.args(["-c", FETCH, "sh"]).arg(&folder).arg(package);
    let captured = process::capture(&mut command, LIMIT)?;
    if !captured.success() {
        return Err(format!(
            "Debian's package {package} could not be fetched\n{}",
            captured.stderr
        ));
    }
    probe.check(&pair).map(|()| pair)
}

/// A program that has been run under this rustc's instrumentation.
struct Probe {
    folder: PathBuf,
    /// The LLVM that rustc was built with.
    major: u32,
    /// Where rustup puts its component `llvm-tools`.
    rustup: PathBuf,
}

impl Probe {
    fn build(workspace: &Workspace) -> Result<Self, String> {
        let version = output(rustc(workspace).arg("-vV"))?;
        let line = |name: &str| version.lines().find_map(|line| line.strip_prefix(name));
        let major = line("LLVM version: ").and_then(|version| version.split('.').next());
        let major = major
            .and_then(|major| major.parse().ok())
            .ok_or_else(|| format!("rustc does not tell its LLVM: {version}"))?;
        let host = line("host: ").unwrap_or_default();
        let sysroot = output(rustc(workspace).args(["--print", "sysroot"]))?;
        let folder = workspace.target_dir("llvm").join("probe");
        let write = |e: std::io::Error| format!("cannot write {}: {e}", folder.display());
        fs::create_dir_all(&folder).map_err(write)?;
        fs::write(folder.join("probe.rs"), PROBE).map_err(write)?;
        output(rustc(workspace).current_dir(&folder).args([
            "-C",
            "instrument-coverage",
            "probe.rs",
        ]))?;
        output(
            Command::new(folder.join("probe"))
                .env("LLVM_PROFILE_FILE", folder.join("probe.profraw"))
                .current_dir(&folder),
        )?;
        Ok(Self {
            rustup: Path::new(sysroot.trim())
                .join("lib/rustlib")
                .join(host)
                .join("bin"),
            folder,
            major,
        })
    }

    /// Whether the two tools say what the probe ran.
    fn check(&self, llvm: &Llvm) -> Result<(), String> {
        let mut merge = Command::new(&llvm.profdata);
        merge.args(["merge", "probe.profraw", "-o", "probe.profdata"]);
        output(merge.current_dir(&self.folder))?;
        let mut export = Command::new(&llvm.cov);
        export.args([
            "export",
            "-format=lcov",
            "-instr-profile=probe.profdata",
            "probe",
        ]);
        let lcov = output(export.current_dir(&self.folder))?;
        let has = |wanted: &str| lcov.lines().any(|line| line == wanted);
        if PROBE_LINES.iter().all(|line| has(line)) {
            return Ok(());
        }
        Err(format!(
            "{} tells of a small program what it did not do:\n{lcov}",
            llvm.cov.display()
        ))
    }
}

fn rustc(workspace: &Workspace) -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(workspace.root());
    command
}

/// What a program prints, or why it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let captured = process::capture(command, LIMIT)?;
    if captured.success() {
        return Ok(captured.stdout);
    }
    Err(format!(
        "`{}` failed\n{}",
        process::describe(command),
        captured.stderr
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_that_do_not_read_the_profile_are_refused() {
        let workspace = Workspace::find().unwrap();
        let probe = Probe::build(&workspace).unwrap();
        assert!(probe.major >= OLDEST_MAJOR && probe.folder.join("probe.profraw").is_file());
        let silent = Llvm {
            cov: "true".into(),
            profdata: "true".into(),
        };
        let error = probe.check(&silent).unwrap_err();
        assert!(error.contains("what it did not do"), "{error}");
        let failing = Llvm {
            profdata: "false".into(),
            ..silent
        };
        assert!(probe.check(&failing).unwrap_err().contains("failed"));
    }

    #[test]
    fn the_nearest_version_is_tried_first() {
        let probe = Probe {
            folder: PathBuf::new(),
            major: 20,
            rustup: "/x/bin".into(),
        };
        let folders = installed(&probe);
        let expected = ["/x/bin", "/usr/lib/llvm-20/bin", "/usr/lib/llvm-19/bin"];
        assert_eq!(folders[..3], expected.map(PathBuf::from));
    }
}
