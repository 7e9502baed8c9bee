//! Why a line is not covered: `reasons.json`, where a row names the lines by their text,
//! so that it holds when they move.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::lines::Gap;
use crate::source::SourceFile;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    file: String,
    /// The measured lines, one after the other, without blanks around them.
    lines: Vec<String>,
    pub reason: String,
    /// Only some runs reach the lines, as when threads have to meet there.
    #[serde(default)]
    sometimes: bool,
}

pub fn load(path: &Path) -> Result<Vec<Row>, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    parse(&text).map_err(|message| format!("{}: {message}", path.display()))
}

fn parse(text: &str) -> Result<Vec<Row>, String> {
    let rows: Vec<Row> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    match rows.iter().find(|row| row.reason.trim().is_empty()) {
        Some(row) => Err(format!("a row of {} without a reason", row.file)),
        None => Ok(rows),
    }
}

impl Row {
    fn explains(&self, gap: &Gap) -> bool {
        let same = if self.sometimes {
            self.lines.windows(gap.lines.len()).any(|w| w == gap.lines)
        } else {
            self.lines == gap.lines
        };
        same && self.file == gap.file
    }

    /// Whether the file still has the lines, one after the other, others between them.
    fn is_in(&self, source: &SourceFile) -> bool {
        let mut text = source.text.lines().map(str::trim);
        self.lines
            .iter()
            .all(|line| text.any(|other| other == line))
    }

    fn is_stale(&self, gaps: &[Gap], sources: &[&SourceFile]) -> bool {
        if self.sometimes {
            let mut sources = sources.iter();
            return !sources.any(|s| s.path == self.file && self.is_in(s));
        }
        !gaps.iter().any(|gap| self.explains(gap))
    }
}

/// Each gap's reason.
pub fn of<'a>(rows: &'a [Row], gap: &Gap) -> Option<&'a str> {
    let row = rows.iter().find(|row| row.explains(gap))?;
    Some(&row.reason)
}

/// What is wrong with the rows: gaps without one, and rows without a gap.
pub fn complaints(rows: &[Row], gaps: &[Gap], sources: &[&SourceFile]) -> Vec<String> {
    let missing = gaps.iter().filter(|gap| of(rows, gap).is_none());
    let mut complaints: Vec<String> = missing
        .map(|gap| {
            let row = json!({ "file": gap.file, "lines": gap.lines, "reason": "" });
            format!(
                "{}:{}: uncovered, and no reason: {row}",
                gap.file, gap.first
            )
        })
        .collect();
    let stale = rows.iter().filter(|row| row.is_stale(gaps, sources));
    complaints.extend(stale.map(|row| {
        let lines = row.lines.join(" / ");
        format!("{}: covered or gone, and still a reason: {lines}", row.file)
    }));
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(lines: &[&str]) -> Gap {
        Gap {
            file: "src/a.rs".into(),
            first: 1,
            last: 1,
            lines: lines.iter().map(ToString::to_string).collect(),
        }
    }

    fn rows(sometimes: bool) -> Vec<Row> {
        let row = json!([{ "file": "src/a.rs", "lines": ["a();", "b();"], "reason": "why",
            "sometimes": sometimes }]);
        parse(&row.to_string()).unwrap()
    }

    #[test]
    fn a_missing_and_a_stale_reason_are_complaints() {
        let source = SourceFile::parse("src/a.rs", "fn f() {\n a();\n b();\n}").unwrap();
        let whole = gap(&["a();", "b();"]);
        assert!(complaints(&rows(false), std::slice::from_ref(&whole), &[&source]).is_empty());
        assert_eq!(of(&rows(false), &whole), Some("why"));
        let both = complaints(&rows(false), &[gap(&["b();"])], &[&source]);
        assert!(both[0].contains("no reason: {") && both[1].contains("still a reason"));
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn lines_that_some_runs_reach_may_be_covered_but_have_to_exist() {
        let rows = rows(true);
        let source = SourceFile::parse("src/a.rs", "fn f() {\n a();\n\n b();\n}").unwrap();
        assert!(complaints(&rows, &[gap(&["b();"])], &[&source]).is_empty());
        assert!(complaints(&rows, &[], &[&source]).is_empty());
        let other = SourceFile::parse("src/a.rs", "fn f() { b(); }").unwrap();
        assert_eq!(complaints(&rows, &[], &[&other]).len(), 1);
    }

    #[test]
    fn a_row_needs_a_reason_and_no_other_field() {
        assert!(parse(r#"[{"file":"a","lines":["x"],"reason":" "}]"#).is_err());
        assert!(parse(r#"[{"file":"a","lines":["x"],"reason":"y","when":1}]"#).is_err());
    }
}
