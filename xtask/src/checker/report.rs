//! What the models explored, as a table or as JSON.

use serde::Serialize;

use super::model_line::ModelLine;
use super::{Checker, Outcome};
use crate::table::Table;

#[derive(Serialize)]
struct Report<'a> {
    checker: &'static str,
    quick: bool,
    models: usize,
    failed: usize,
    executions: u64,
    seconds: f64,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    status: &'static str,
    bound: Option<&'a str>,
    scheduler: Option<&'a str>,
    executions: u64,
    seconds: f64,
    outcomes: &'a [String],
    seed: Option<&'a str>,
    failure: Option<&'a str>,
}

pub fn text(checker: Checker, outcomes: &[Outcome]) -> String {
    let report = report(checker, false, outcomes);
    let how = if checker == Checker::Loom {
        "bound"
    } else {
        "scheduler"
    };
    let what = if checker == Checker::Loom {
        "outcomes"
    } else {
        "seed"
    };
    let mut table = Table::new(&["model", "status", how, "executions", "seconds", what]);
    for row in &report.rows {
        let evidence = match row.seed {
            Some(seed) => seed.to_owned(),
            None => row.outcomes.join("|"),
        };
        table.row(vec![
            row.name.to_owned(),
            row.status.to_owned(),
            row.bound.or(row.scheduler).unwrap_or("-").to_owned(),
            row.executions.to_string(),
            format!("{:.2}", row.seconds),
            evidence,
        ]);
    }
    let mut out = table.render();
    for row in &report.rows {
        if let Some(failure) = row.failure {
            out.push_str(&format!("FAILED {}: {failure}\n", row.name));
        }
    }
    out.push_str(&format!(
        "{}: {} models, {} failed, {} executions, {:.1} s of exploring\n",
        report.checker, report.models, report.failed, report.executions, report.seconds
    ));
    out
}

pub fn json(checker: Checker, quick: bool, outcomes: &[Outcome]) -> Result<String, String> {
    serde_json::to_string_pretty(&report(checker, quick, outcomes))
        .map_err(|e| format!("cannot write the report: {e}"))
}

fn report(checker: Checker, quick: bool, outcomes: &[Outcome]) -> Report<'_> {
    let rows: Vec<Row<'_>> = outcomes.iter().flat_map(rows).collect();
    Report {
        checker: checker.name(),
        quick,
        models: outcomes.len(),
        failed: outcomes.iter().filter(|o| o.failure.is_some()).count(),
        executions: rows.iter().map(|r| r.executions).sum(),
        seconds: rows.iter().map(|r| r.seconds).sum(),
        rows,
    }
}

/// A row for each line that the model printed; one without figures if it printed
/// none. A failure stands in the last.
fn rows(outcome: &Outcome) -> Vec<Row<'_>> {
    let lines = match &outcome.lines[..] {
        [] => vec![None],
        lines => lines.iter().map(Some).collect(),
    };
    let last = lines.len() - 1;
    let row = |(index, line)| row(outcome, line, index == last);
    lines.into_iter().enumerate().map(row).collect()
}

fn row<'a>(outcome: &'a Outcome, line: Option<&'a ModelLine>, last: bool) -> Row<'a> {
    let failure = outcome.failure.as_deref().filter(|_| last);
    Row {
        name: &outcome.test,
        status: if failure.is_none() { "ok" } else { "failed" },
        bound: line.and_then(|l| l.bound.as_deref()),
        scheduler: line.and_then(|l| l.scheduler.as_deref()),
        executions: line.map_or(0, |l| l.executions),
        seconds: line.map_or(outcome.seconds, |l| l.seconds),
        outcomes: line.map_or(&[], |l| &l.outcomes),
        seed: line.and_then(|l| l.seed.as_deref()),
        failure,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model_line;
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let text = "MODEL name=a::b bound=unbounded executions=12 seconds=0.5 outcomes=x|y";
        vec![
            Outcome {
                test: "a::b".into(),
                lines: model_line::find(text, "a::b"),
                seconds: 0.6,
                failure: None,
            },
            Outcome {
                test: "a::c".into(),
                lines: Vec::new(),
                seconds: 1.5,
                failure: Some("lost key".into()),
            },
        ]
    }

    #[test]
    fn the_table_has_totals_and_failures() {
        let out = text(Checker::Loom, &outcomes());
        assert!(out.contains("a::b   ok      unbounded  12"), "{out}");
        assert!(out.contains("FAILED a::c: lost key"), "{out}");
        assert!(
            out.ends_with("loom: 2 models, 1 failed, 12 executions, 2.0 s of exploring\n"),
            "{out}"
        );
    }

    #[test]
    fn the_json_has_the_same() {
        let text = json(Checker::Loom, true, &outcomes()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["models"], 2);
        assert_eq!(value["failed"], 1);
        assert_eq!(value["rows"][0]["outcomes"][1], "y");
        assert_eq!(value["rows"][1]["failure"], "lost key");
    }
}
