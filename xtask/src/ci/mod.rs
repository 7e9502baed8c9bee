//! `cargo xtask ci`: every check that a change has to pass, one after the
//! other, each with its time, and a summary at the end. `.ci/run` runs this.

mod msrv;
mod steps;
mod tally;

use std::time::Instant;

use crate::table::Table;
use crate::workspace::Workspace;
use steps::Step;

pub use tally::Tally;

struct Done {
    name: &'static str,
    status: &'static str,
    seconds: f64,
    note: String,
}

pub fn run(
    workspace: &Workspace,
    fail_fast: bool,
    only: &[String],
    list: bool,
) -> Result<(), String> {
    let steps = chosen(steps::all(workspace), only)?;
    if list {
        for step in &steps {
            println!("{}", step.name);
            for command in step.describe() {
                println!("    {command}");
            }
        }
        return Ok(());
    }
    let mut tally = Tally::default();
    let mut done = Vec::new();
    for step in &steps {
        let result = perform(step, &mut tally);
        let failed = result.status == "FAILED";
        done.push(result);
        if failed && fail_fast {
            break;
        }
    }
    summary(&done, &tally)
}

fn perform(step: &Step, tally: &mut Tally) -> Done {
    println!("\n== {} ==", step.name);
    let started = Instant::now();
    let (status, note) = match step.run(tally) {
        Ok(None) => ("ok", String::new()),
        Ok(Some(skipped)) => ("skipped", skipped),
        Err(message) => ("FAILED", message),
    };
    let seconds = started.elapsed().as_secs_f64();
    println!("== {}: {status} ({seconds:.0} s) ==", step.name);
    Done {
        name: step.name,
        status,
        seconds,
        note,
    }
}

/// The steps that were asked for, in their own order.
fn chosen(steps: Vec<Step>, only: &[String]) -> Result<Vec<Step>, String> {
    if let Some(unknown) = only
        .iter()
        .find(|name| !steps.iter().any(|s| s.name == *name))
    {
        let names: Vec<&str> = steps.iter().map(|s| s.name).collect();
        return Err(format!(
            "no step `{unknown}`; there are: {}",
            names.join(", ")
        ));
    }
    Ok(steps
        .into_iter()
        .filter(|s| only.is_empty() || only.iter().any(|o| o == s.name))
        .collect())
}

fn summary(done: &[Done], tally: &Tally) -> Result<(), String> {
    let mut table = Table::new(&["step", "status", "seconds", "note"]);
    for step in done {
        let note = step.note.lines().next().unwrap_or_default().to_owned();
        let seconds = format!("{:.0}", step.seconds);
        table.row(vec![step.name.into(), step.status.into(), seconds, note]);
    }
    let total: f64 = done.iter().map(|d| d.seconds).sum();
    println!("\n{}total: {total:.0} s", table.render());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    let failed: Vec<&str> = done
        .iter()
        .filter(|d| d.status == "FAILED")
        .map(|d| d.name)
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("these steps failed: {}", failed.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(status: &'static str) -> Done {
        Done {
            name: "a",
            status,
            seconds: 1.0,
            note: String::new(),
        }
    }

    #[test]
    fn one_failed_step_fails_the_run_and_a_skipped_one_does_not() {
        let tally = Tally::default();
        assert!(summary(&[done("ok"), done("skipped")], &tally).is_ok());
        assert!(summary(&[done("ok"), done("FAILED")], &tally).is_err());
    }

    #[test]
    fn steps_are_chosen_by_name() {
        let workspace = Workspace::find().unwrap();
        let pick = |names: &[&str]| {
            let only: Vec<String> = names.iter().map(ToString::to_string).collect();
            chosen(steps::all(&workspace), &only).map(|s| s.len())
        };
        assert_eq!(pick(&["tidy", "format"]), Ok(2));
        assert!(pick(&[]).unwrap() > 10);
        assert!(pick(&["tidi"]).unwrap_err().contains("there are: format"));
    }
}
