//! `cargo xtask coverage`: which lines of the library its tests run, by `cargo llvm-cov`.
//! Each line that they do not has a reason in `reasons.json`.

mod lines;
mod llvm;
mod reasons;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::{Value, json};

use crate::Format;
use crate::process;
use crate::source::SourceFile;
use crate::table::Table;
use crate::tidy::Tree;
use crate::workspace::Workspace;
use lines::{Gap, Measured};
use llvm::Llvm;
use reasons::Row;

#[derive(Args)]
pub struct CoverageArgs {
    /// The least share of lines that has to be covered, in percent
    #[arg(long, default_value_t = 95.0)]
    min: f64,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A build whose tests are run.
struct Build {
    /// Its target directory.
    name: &'static str,
    flags: &'static str,
    /// Which tests, in words of cargo's and then of the test binaries'.
    tests: &'static [&'static str],
}

/// What one compiles in, the other leaves out; the unit tests reach all that they differ in.
/// Planted bugs are left out, since they are in what the tests put around the table.
const BUILDS: [Build; 2] = [
    Build {
        name: "coverage",
        flags: "",
        tests: &["--lib", "--tests", "--", "--skip", "planted::"],
    },
    Build {
        name: "coverage-block-table",
        flags: "--cfg verimem_block_table",
        tests: &["--lib"],
    },
];

/// Sequences of operations per configuration: more reach no other line.
const CASES: &str = "16";

pub fn run(workspace: &Workspace, args: &CoverageArgs) -> Result<(), String> {
    let rows = reasons::load(&workspace.join("xtask/src/coverage/reasons.json"))?;
    let tree = Tree::load(workspace.root())?;
    let sources = library(&tree);
    let llvm = Llvm::find_or_fetch(workspace)?;
    install(workspace)?;
    let mut measured = Measured::default();
    for build in &BUILDS {
        let lcov = test(workspace, &llvm, build)?;
        measured.add(&workspace.root().to_string_lossy(), &lcov)?;
    }
    measured.keep(&sources);
    let report = Report::new(&measured, &sources, &rows);
    match args.format {
        Format::Text => print!("{}", report.text()),
        Format::Json => println!("{:#}", report.json(args.min)),
    }
    report.verdict(args.min, reasons::complaints(&rows, &report.gaps, &sources))
}

/// The files of the library, tests included.
fn library(tree: &Tree) -> Vec<&SourceFile> {
    let sources = tree.sources.iter();
    sources.filter(|s| s.path.starts_with("src/")).collect()
}

fn install(workspace: &Workspace) -> Result<(), String> {
    let present = Command::new("cargo")
        .args(["llvm-cov", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if present {
        return Ok(());
    }
    process::run(process::cargo(workspace).args(["install", "cargo-llvm-cov", "--locked"]))
}

/// Runs the library's unit and integration tests in one build, and returns lcov's report.
fn test(workspace: &Workspace, llvm: &Llvm, build: &Build) -> Result<String, String> {
    let target = workspace.target_dir(build.name);
    fs::create_dir_all(&target).map_err(|e| format!("cannot make {}: {e}", target.display()))?;
    let output = target.join("lcov.info");
    process::run(&mut command(workspace, llvm, &target, &output, build))?;
    fs::read_to_string(&output).map_err(|e| format!("cannot read {}: {e}", output.display()))
}

fn command(
    workspace: &Workspace,
    llvm: &Llvm,
    target: &Path,
    output: &Path,
    build: &Build,
) -> Command {
    let mut command = process::cargo(workspace);
    command
        .args(["llvm-cov", "-p", "verimem", "--all-features"])
        .args(["--lcov", "--output-path"])
        .arg(output)
        .args(build.tests)
        .env("CARGO_LLVM_COV_TARGET_DIR", target)
        .env("LLVM_COV", &llvm.cov)
        .env("LLVM_PROFDATA", &llvm.profdata)
        .env("VERIMEM_CASES", CASES)
        // The report is for standard output.
        .stdout(Stdio::from(std::io::stderr()));
    process::clear_checker_environment(&mut command);
    process::add_rustflags(&mut command, build.flags);
    command
}

struct Report<'a> {
    measured: &'a Measured,
    rows: &'a [Row],
    gaps: Vec<Gap>,
}

impl<'a> Report<'a> {
    fn new(measured: &'a Measured, sources: &[&SourceFile], rows: &'a [Row]) -> Self {
        let of = |source: &&SourceFile| {
            let counts = measured.files.get(&source.path);
            counts.map_or_else(Vec::new, |counts| lines::gaps(source, counts))
        };
        Self {
            measured,
            rows,
            gaps: sources.iter().flat_map(of).collect(),
        }
    }

    fn text(&self) -> String {
        let mut table = Table::new(&["file", "lines", "covered", "percent"]);
        for (file, counts) in &self.measured.files {
            let (lines, run) = lines::covered(counts);
            let percent = percent(lines, run).map_or("-".into(), |p| format!("{p:.1}"));
            table.row(vec![
                file.clone(),
                lines.to_string(),
                run.to_string(),
                percent,
            ]);
        }
        let mut out = table.render();
        out.push('\n');
        for gap in &self.gaps {
            let reason = reasons::of(self.rows, gap).unwrap_or("NO REASON");
            out.push_str(&format!("{}:{}: {reason}\n", gap.file, place(gap)));
            for line in &gap.lines {
                out.push_str(&format!("    {line}\n"));
            }
        }
        let (lines, run) = self.measured.total();
        let share = percent(lines, run).unwrap_or(0.0);
        out.push_str(&format!(
            "coverage: {share:.2} % of {lines} lines of src, {} not covered\n",
            lines - run
        ));
        out
    }

    fn json(&self, min: f64) -> Value {
        let files: Vec<Value> = self
            .measured
            .files
            .iter()
            .map(|(file, counts)| {
                let (lines, run) = lines::covered(counts);
                let percent = percent(lines, run);
                json!({ "file": file, "lines": lines, "covered": run, "percent": percent })
            })
            .collect();
        let uncovered: Vec<Value> = self
            .gaps
            .iter()
            .map(|gap| {
                let reason = reasons::of(self.rows, gap);
                json!({ "file": gap.file, "first": gap.first, "last": gap.last,
                    "lines": gap.lines, "reason": reason })
            })
            .collect();
        let (lines, run) = self.measured.total();
        json!({ "lines": lines, "covered": run, "percent": percent(lines, run), "min": min,
            "files": files, "uncovered": uncovered })
    }

    fn verdict(&self, min: f64, mut complaints: Vec<String>) -> Result<(), String> {
        let (lines, run) = self.measured.total();
        match percent(lines, run) {
            None => complaints.push("no line was measured".into()),
            Some(share) if share < min => complaints.push(format!(
                "{share:.2} % of the lines are covered, less than {min} %"
            )),
            Some(_) => {}
        }
        if complaints.is_empty() {
            return Ok(());
        }
        Err(complaints.join("\n"))
    }
}

fn place(gap: &Gap) -> String {
    if gap.first == gap.last {
        return gap.first.to_string();
    }
    format!("{}-{}", gap.first, gap.last)
}

#[allow(clippy::cast_precision_loss, reason = "lines are few")]
fn percent(lines: usize, run: usize) -> Option<f64> {
    (lines > 0).then(|| run as f64 * 100.0 / lines as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(counts: &[(usize, u64)]) -> Measured {
        let mut measured = Measured::default();
        let counts = counts.iter().copied().collect();
        measured.files.insert("src/a.rs".into(), counts);
        measured
    }

    #[test]
    fn too_few_lines_and_none_at_all_fail() {
        let source = SourceFile::parse("src/a.rs", "fn a() {\n  b();\n}").unwrap();
        let measured_half = measured(&[(1, 1), (2, 0)]);
        let report = Report::new(&measured_half, &[&source], &[]);
        assert_eq!(report.verdict(50.0, Vec::new()), Ok(()));
        assert!(
            report
                .verdict(50.1, Vec::new())
                .unwrap_err()
                .contains("50.00 %")
        );
        assert!(report.verdict(0.0, vec!["x".into()]).is_err());
        assert!(report.text().contains("src/a.rs:2: NO REASON\n    b();\n"));
        assert_eq!(report.json(95.0)["percent"], 50.0);
        let nothing = measured(&[]);
        let report = Report::new(&nothing, &[&source], &[]);
        assert!(report.verdict(0.0, Vec::new()).is_err());
    }

    #[test]
    fn the_library_is_tested_with_every_feature() {
        let workspace = Workspace::find().unwrap();
        let llvm = Llvm {
            cov: "/x/llvm-cov".into(),
            profdata: "/x/llvm-profdata".into(),
        };
        let (target, output) = (Path::new("/t"), Path::new("/t/lcov.info"));
        let words = process::describe(&command(&workspace, &llvm, target, output, &BUILDS[1]));
        assert!(words.contains("LLVM_COV=/x/llvm-cov"), "{words}");
        assert!(
            words.ends_with("-p verimem --all-features --lcov --output-path /t/lcov.info --lib"),
            "{words}"
        );
    }
}
