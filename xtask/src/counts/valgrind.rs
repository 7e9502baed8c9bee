//! Finding valgrind, and fetching it from Debian where it is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// Fetches the package and unpacks it in the folder that it is given. Nothing is
/// installed.
const FETCH: &str = r#"
set -eu
folder=$1
cd "$folder"
mkdir -p lists/partial cache/archives/partial
apt() { apt-get -q -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" "$@"; }
# One stale index of a mirror is no reason to stop: downloading decides.
apt update || true
apt download valgrind
for deb in valgrind_*.deb; do dpkg -x "$deb" root.part; done
mv root.part root
"#;

pub struct Valgrind {
    program: PathBuf,
    /// Where its tools are, when they are not where they were built to be.
    library: Option<PathBuf>,
}

impl Valgrind {
    /// The one on the path, or one unpacked under the target directory.
    pub fn find_or_fetch(workspace: &Workspace) -> Result<Self, String> {
        if let Some(program) = on_path(&std::env::var_os("PATH").unwrap_or_default()) {
            return Ok(Self {
                program,
                library: None,
            });
        }
        let folder = workspace.target_dir("valgrind");
        if !folder.join("root").is_dir() {
            fetch(&folder)?;
        }
        Self::unpacked(&folder.join("root"))
    }

    fn unpacked(root: &Path) -> Result<Self, String> {
        let program = root.join("usr/bin/valgrind");
        let library = root.join("usr/libexec/valgrind");
        if !program.is_file() || !library.is_dir() {
            return Err(format!("{} does not hold valgrind", root.display()));
        }
        Ok(Self {
            program,
            library: Some(library),
        })
    }

    /// A command with nothing else in its environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear();
        if let Some(library) = &self.library {
            command.env("VALGRIND_LIB", library);
        }
        command
    }
}

fn on_path(path: &std::ffi::OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|folder| folder.join("valgrind"))
        .find(|candidate| candidate.is_file())
}

fn fetch(folder: &Path) -> Result<(), String> {
    // Whatever an attempt of before has left.
    if folder.exists() {
        fs::remove_dir_all(folder)
            .map_err(|e| format!("cannot remove {}: {e}", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    eprintln!("valgrind is not installed: fetching Debian's package");
    let mut command = Command::new("sh");
    command.args(["-c", FETCH, "sh"]).arg(folder);
    // apt and dpkg talk, and standard output is for the report.
    let captured = process::capture(&mut command, std::time::Duration::from_secs(600))?;
    if captured.success() {
        return Ok(());
    }
    Err(format!(
        "valgrind is neither on the path nor could Debian's package be fetched; install it\n{}",
        captured.stderr
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_valgrind_is_refused() {
        let missing = Valgrind::unpacked(Path::new("/verimem-no-such-folder"));
        assert!(missing.is_err_and(|message| message.contains("does not hold valgrind")));
        assert_eq!(
            on_path(std::ffi::OsStr::new("/verimem-no-such-folder")),
            None
        );
    }

    #[test]
    fn an_unpacked_one_is_told_where_its_tools_are() {
        let valgrind = Valgrind {
            program: "/x/valgrind".into(),
            library: Some("/x/lib".into()),
        };
        assert_eq!(
            process::describe(&valgrind.command()),
            "VALGRIND_LIB=/x/lib valgrind"
        );
    }
}
