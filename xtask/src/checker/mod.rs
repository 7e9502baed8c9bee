//! `cargo xtask loom` and `cargo xtask shuttle`: run the models, each in a
//! process of its own, and report what every one of them explored.

mod build;
mod libtest;
mod model_line;
mod report;

use std::time::Duration;

pub use build::Binary;
pub use libtest::{Ending, Verdict, verdict};
use model_line::ModelLine;

use crate::process::{self, Captured};
use crate::workspace::Workspace;
use crate::{CheckerArgs, Format};

/// No model is worth more than this; one that needs it is too large.
const MODEL_LIMIT: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checker {
    Loom,
    Shuttle,
}

impl Checker {
    /// The `--cfg`, the test binary and the target directory share this name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
        }
    }
}

/// What one model did.
#[derive(Debug)]
struct Outcome {
    test: String,
    /// What the model printed: one line, or one per scheduler.
    lines: Vec<ModelLine>,
    seconds: f64,
    /// Why it does not count as passed.
    failure: Option<String>,
}

pub fn run(workspace: &Workspace, checker: Checker, args: &CheckerArgs) -> Result<(), String> {
    let binary = Binary::build(workspace, checker)?;
    let tests = selected(binary.tests(), args.group.as_deref())?;
    eprintln!("{}: running {} models", checker.name(), tests.len());
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let outcomes = process::in_parallel(&tests, jobs, |test| {
        let outcome = run_model(&binary, test, args.quick);
        let verdict = if outcome.failure.is_none() {
            "ok"
        } else {
            "FAILED"
        };
        eprintln!("  {test} ... {verdict} ({:.1} s)", outcome.seconds);
        outcome
    });
    match args.format {
        Format::Text => print!("{}", report::text(checker, &outcomes)),
        Format::Json => println!("{}", report::json(checker, args.quick, &outcomes)?),
    }
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|o| o.failure.is_some())
        .map(|o| o.test.as_str())
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        let list = failed.join(", ");
        Err(format!(
            "{} of {} {} models failed: {list}",
            failed.len(),
            tests.len(),
            checker.name()
        ))
    }
}

/// The tests of one group; none at all is a failure, not a success.
fn selected(tests: &[String], group: Option<&str>) -> Result<Vec<String>, String> {
    let group_of = |test: &str| test.split("::").next().unwrap_or_default().to_owned();
    let chosen: Vec<String> = tests
        .iter()
        .filter(|test| group.is_none_or(|g| group_of(test) == g))
        .cloned()
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let mut groups: Vec<String> = tests.iter().map(|t| group_of(t)).collect();
    groups.dedup();
    Err(match group {
        Some(name) => format!(
            "no model in group `{name}`; there are: {}",
            groups.join(", ")
        ),
        None => "the test binary holds no model: nothing was checked".into(),
    })
}

fn run_model(binary: &Binary, test: &str, quick: bool) -> Outcome {
    let mut command = binary.command(test);
    if quick {
        command.env("VERIMEM_QUICK", "1");
    }
    match process::capture(&mut command, MODEL_LIMIT) {
        Ok(captured) => judge(test, &captured),
        Err(message) => Outcome {
            test: test.to_owned(),
            lines: Vec::new(),
            seconds: 0.0,
            failure: Some(message),
        },
    }
}

fn judge(test: &str, captured: &Captured) -> Outcome {
    let lines = model_line::find(&captured.stdout, test);
    let failure = match verdict(captured) {
        Verdict::Passed => missing_evidence(&lines, &captured.stdout),
        Verdict::NotRun => Some("the test did not run".into()),
        Verdict::Failed(ending) => Some(ending.to_string()),
    };
    Outcome {
        test: test.to_owned(),
        lines,
        seconds: captured.elapsed.as_secs_f64(),
        failure,
    }
}

/// A model that does not say what it explored has shown nothing.
fn missing_evidence(lines: &[ModelLine], stdout: &str) -> Option<String> {
    if lines.iter().any(|line| line.executions == 0) {
        return Some("it reports zero executions".into());
    }
    match lines {
        [_, ..] => None,
        [] if stdout.contains("MODEL ") => {
            Some("its MODEL line cannot be read, or names another model".into())
        }
        [] => Some("it printed no MODEL line".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_group_selects_by_the_first_part_of_the_name() {
        let tests = names(&["arena::a", "arenas::b", "skiplist::c"]);
        assert_eq!(selected(&tests, Some("arena")).unwrap(), ["arena::a"]);
        assert_eq!(selected(&tests, None).unwrap().len(), 3);
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        assert!(
            selected(&[], None)
                .unwrap_err()
                .contains("nothing was checked")
        );
        let error = selected(&names(&["arena::a"]), Some("arean")).unwrap_err();
        assert!(
            error.contains("arean") && error.contains("there are: arena"),
            "{error}"
        );
    }

    #[test]
    fn a_model_without_evidence_fails() {
        let line = |executions| ModelLine {
            executions,
            ..ModelLine::default()
        };
        assert!(missing_evidence(&[line(1)], "").is_none());
        assert!(
            missing_evidence(&[line(1), line(0)], "")
                .unwrap()
                .contains("zero")
        );
        assert!(missing_evidence(&[], "").unwrap().contains("no MODEL"));
        assert!(
            missing_evidence(&[], "MODEL x")
                .unwrap()
                .contains("cannot be read")
        );
    }
}
