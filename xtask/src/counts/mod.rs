//! `cargo xtask counts`: instructions and cache misses of the memtable's
//! operations, counted by valgrind, against the figures that are stored with the
//! source. Unlike times they are the same in every run, so a change that costs a
//! few percent shows.

mod figures;
mod measure;
mod valgrind;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::Format;
use crate::table::Table;
use crate::workspace::Workspace;
use figures::{COLUMNS, Column, Figures, Row, Tolerance, Verdict};

#[derive(Args)]
pub struct CountsArgs {
    /// Store what is measured in place of comparing with it
    #[arg(long)]
    update: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Why the task has nothing to say on this platform.
pub fn unsupported() -> Option<String> {
    let counted = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    (!counted).then(|| "the stored counts are those of x86_64 Linux".to_owned())
}

pub fn run(workspace: &Workspace, args: &CountsArgs) -> Result<(), String> {
    if let Some(reason) = unsupported() {
        return Err(reason);
    }
    let path = stored_path(workspace);
    let stored = Figures::load(&path);
    if let (Err(message), false) = (&stored, args.update) {
        let hint = "`cargo xtask counts --update` stores what is measured";
        return Err(format!("{message}; {hint}"));
    }
    let measured = measure::all(workspace)?;
    // Where nothing was stored, there is nothing to compare with.
    let stored = stored.unwrap_or_else(|_| measured.clone());
    let differences = stored.tools.differences(&measured.tools);
    for difference in &differences {
        eprintln!("{difference}: wider tolerances hold");
    }
    let tolerance = Tolerance::of(differences.is_empty());
    let report = Report::new(&stored, &measured, tolerance);
    match args.format {
        Format::Text => print!("{}", report.table().render()),
        Format::Json => println!("{:#}", report.json(&stored, &measured)),
    }
    if args.update {
        measured.save(&path)?;
        eprintln!("stored in {}", path.display());
        return Ok(());
    }
    report.verdict()
}

fn stored_path(workspace: &Workspace) -> PathBuf {
    workspace.join("xtask/counts.json")
}

/// One workload, measured and stored.
struct Pair<'a> {
    measured: Option<&'a Row>,
    stored: Option<&'a Row>,
}

/// Every workload that is measured or stored.
struct Report<'a> {
    pairs: Vec<Pair<'a>>,
    tolerance: Tolerance,
}

impl<'a> Report<'a> {
    fn new(stored: &'a Figures, measured: &'a Figures, tolerance: Tolerance) -> Self {
        let find = |rows: &'a [Row], name: &str| rows.iter().find(|row| row.workload == name);
        let mut pairs: Vec<_> = measured
            .rows
            .iter()
            .map(|row| Pair {
                measured: Some(row),
                stored: find(&stored.rows, &row.workload),
            })
            .collect();
        pairs.extend(
            stored
                .rows
                .iter()
                .filter(|row| find(&measured.rows, &row.workload).is_none())
                .map(|row| Pair {
                    measured: None,
                    stored: Some(row),
                }),
        );
        Self { pairs, tolerance }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&[
            "workload",
            "per operation",
            "stored",
            "measured",
            "change",
            "verdict",
        ]);
        for pair in &self.pairs {
            for column in COLUMNS {
                let [stored, measured] = pair.values(column);
                let number = |value: Option<f64>| {
                    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
                };
                let change = match (stored, measured) {
                    (Some(stored), Some(measured)) if stored > 0.0 => {
                        format!("{:+.2} %", (measured / stored - 1.0) * 100.0)
                    }
                    _ => "-".to_owned(),
                };
                table.row(vec![
                    pair.name().to_owned(),
                    column.name().to_owned(),
                    number(stored),
                    number(measured),
                    change,
                    pair.verdict(column, self.tolerance).name().to_owned(),
                ]);
            }
        }
        table
    }

    fn json(&self, stored: &Figures, measured: &Figures) -> serde_json::Value {
        let rows: Vec<_> = self
            .pairs
            .iter()
            .map(|pair| {
                let mut row = json!({ "workload": pair.name() });
                for column in COLUMNS {
                    let [stored, measured] = pair.values(column);
                    row[column.name()] = json!({
                        "stored": stored,
                        "measured": measured,
                        "verdict": pair.verdict(column, self.tolerance).name(),
                    });
                }
                row
            })
            .collect();
        json!({
            "tools": { "stored": stored.tools, "measured": measured.tools },
            "tolerance": self.tolerance,
            "rows": rows,
        })
    }

    /// Fails unless every figure is what is stored.
    fn verdict(&self) -> Result<(), String> {
        if self.pairs.is_empty() {
            return Err("nothing was counted".into());
        }
        let mut lines = Vec::new();
        for pair in &self.pairs {
            for column in COLUMNS {
                lines.extend(pair.complaint(column, self.tolerance));
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        lines.push("if that is meant, `cargo xtask counts --update` stores the new figures".into());
        Err(lines.join("\n"))
    }
}

impl Pair<'_> {
    fn name(&self) -> &str {
        let row = self.measured.or(self.stored);
        row.map_or("", |row| &row.workload)
    }

    /// Stored and measured.
    fn values(&self, column: Column) -> [Option<f64>; 2] {
        [self.stored, self.measured].map(|row| row.map(|row| column.per_operation(row)))
    }

    fn verdict(&self, column: Column, tolerance: Tolerance) -> Verdict {
        match self.values(column) {
            [Some(stored), Some(measured)] => tolerance.judge(column, stored, measured),
            [None, _] => Verdict::NotStored,
            [_, None] => Verdict::NotMeasured,
        }
    }

    fn complaint(&self, column: Column, tolerance: Tolerance) -> Option<String> {
        let verdict = self.verdict(column, tolerance);
        if verdict == Verdict::Same {
            return None;
        }
        let [stored, measured] = self.values(column).map(|value| value.unwrap_or(f64::NAN));
        Some(format!(
            "{}: {} {} per operation, {measured:.3} measured and {stored:.3} stored, {:.0} % allowed",
            self.name(),
            verdict.name(),
            column.name(),
            tolerance.share(column) * 100.0,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figures::Tools;

    fn figures(rows: &[(&str, u64, u64, u64)]) -> Figures {
        let rows = rows
            .iter()
            .map(|&(name, instructions, d1_misses, ll_misses)| Row {
                workload: name.into(),
                operations: 100,
                instructions,
                d1_misses,
                ll_misses,
            });
        Figures {
            tools: Tools::default(),
            rows: rows.collect(),
        }
    }

    fn verdict(stored: &Figures, measured: &Figures) -> Result<(), String> {
        Report::new(stored, measured, Tolerance::of(true)).verdict()
    }

    #[test]
    fn what_is_stored_passes_and_any_change_beyond_the_tolerance_is_named() {
        let stored = figures(&[("a", 100_000, 1_000, 500), ("b", 7_000, 300, 0)]);
        assert_eq!(verdict(&stored, &stored), Ok(()));
        let near = figures(&[("a", 102_900, 1_049, 476), ("b", 6_800, 286, 1)]);
        assert_eq!(verdict(&stored, &near), Ok(()));
        let worse = figures(&[("a", 103_500, 1_000, 500), ("b", 7_000, 300, 0)]);
        let message = verdict(&stored, &worse).unwrap_err();
        assert!(message.starts_with("a: MORE instructions"), "{message}");
        assert!(message.contains("--update"), "{message}");
        let better = figures(&[("a", 100_000, 1_000, 500), ("b", 7_000, 200, 0)]);
        let message = verdict(&stored, &better).unwrap_err();
        assert!(message.starts_with("b: FEWER d1_misses"), "{message}");
        let misses = figures(&[("a", 100_000, 1_000, 500), ("b", 7_000, 300, 10)]);
        assert!(
            verdict(&stored, &misses)
                .unwrap_err()
                .contains("b: MORE ll_misses")
        );
    }

    #[test]
    fn a_workload_on_one_side_only_is_no_match() {
        let both = figures(&[("a", 1_000, 10, 5), ("b", 1_000, 10, 5)]);
        let one = figures(&[("a", 1_000, 10, 5)]);
        assert!(
            verdict(&both, &one)
                .unwrap_err()
                .contains("b: NOT MEASURED")
        );
        assert!(verdict(&one, &both).unwrap_err().contains("b: NOT STORED"));
        assert!(verdict(&figures(&[]), &figures(&[])).is_err());
    }

    #[test]
    fn the_report_has_every_figure() {
        let stored = figures(&[("a", 100_000, 1_000, 500)]);
        let measured = figures(&[("a", 110_000, 1_000, 500)]);
        let report = Report::new(&stored, &measured, Tolerance::of(true));
        let text = report.table().render();
        assert!(
            text.contains("1000.000  1100.000  +10.00 %  MORE"),
            "{text}"
        );
        let json = report.json(&stored, &measured);
        assert_eq!(json["rows"][0]["workload"], "a");
        assert_eq!(json["rows"][0]["instructions"]["measured"], 1_100.0);
        assert_eq!(json["rows"][0]["d1_misses"]["verdict"], "same");
    }
}
