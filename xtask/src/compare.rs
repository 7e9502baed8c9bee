//! `cargo xtask compare`: the comparison with peers, in `bench`, a workspace of
//! its own. All flags go to its program `compare`.

use std::process::{Command, Stdio};

use crate::process;
use crate::workspace::Workspace;

/// Runs `compare` with `arguments`, once a compiler for its C++ peer is there.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), String> {
    run_program(workspace, "bench", "compare", arguments)
}

/// Runs a program of a workspace of its own that compiles C++, once there is a compiler.
pub fn run_program(
    workspace: &Workspace,
    folder: &str,
    program: &str,
    arguments: &[String],
) -> Result<(), String> {
    if cfg!(target_os = "linux") {
        have_compiler(&compiler(std::env::var("CXX").ok()))?;
    }
    process::run(&mut command(workspace, folder, program, arguments)?)
}

/// The command, in the developer's folder: the files that flags name are there.
fn command(
    workspace: &Workspace,
    folder: &str,
    program: &str,
    arguments: &[String],
) -> Result<Command, String> {
    let here = std::env::current_dir().map_err(|e| format!("no current directory: {e}"))?;
    let mut command = process::cargo(workspace);
    command
        .current_dir(here)
        .args(["run", "--release", "--locked", "--manifest-path"])
        .arg(workspace.join(&format!("{folder}/Cargo.toml")))
        .args(["--bin", program, "--"])
        .args(arguments);
    Ok(command)
}

/// What the build will call: `CXX`, or the system's C++ compiler.
fn compiler(chosen: Option<String>) -> String {
    chosen
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| "c++".into())
}

/// Whether a compiler answers. `CXX` may carry flags behind the program.
fn answers(compiler: &str) -> bool {
    let mut words = compiler.split_whitespace();
    let Some(program) = words.next() else {
        return false;
    };
    Command::new(program)
        .args(words)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Sees that there is a compiler. Root on Debian gets g++ from its packages.
fn have_compiler(compiler: &str) -> Result<(), String> {
    if answers(compiler) {
        return Ok(());
    }
    if compiler == "c++" && is_root() && answers("apt-get") {
        eprintln!("there is no C++ compiler; installing g++");
        let installed = process::run(Command::new("apt-get").args(["-q", "update"]))
            .and_then(|()| process::run(Command::new("apt-get").args(["-qy", "install", "g++"])));
        if installed.is_ok() && answers(compiler) {
            return Ok(());
        }
    }
    Err(format!(
        "no C++ compiler: `{compiler} --version` does not run. Parts of RocksDB \
         are compiled from source. Install one (Debian: `apt-get install g++`), or name \
         it in CXX"
    ))
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_the_chosen_one_or_the_systems() {
        assert_eq!(compiler(Some("clang++ -m64".into())), "clang++ -m64");
        assert_eq!(compiler(Some(" ".into())), "c++");
        assert_eq!(compiler(None), "c++");
    }

    #[test]
    fn a_missing_compiler_is_named_and_not_installed_when_chosen() {
        let error = have_compiler("verimem-no-such-compiler -O3").unwrap_err();
        assert!(
            error.contains("verimem-no-such-compiler -O3 --version"),
            "{error}"
        );
        assert!(error.contains("apt-get install g++"), "{error}");
        assert!(answers("cargo") && !answers(""));
    }

    #[test]
    fn flags_are_passed_on_behind_the_separator() {
        let workspace = Workspace::find().unwrap();
        let arguments = ["--quick", "--plot", "out.svg"].map(ToString::to_string);
        let words =
            process::describe(&command(&workspace, "bench", "compare", &arguments).unwrap());
        assert!(
            words.ends_with("--bin compare -- --quick --plot out.svg"),
            "{words}"
        );
    }
}
