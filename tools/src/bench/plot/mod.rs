//! The results as one SVG: bars of operations per second, then latencies by percentile.

mod bars;
mod curves;
mod sheet;

use self::sheet::{Align, picture};
use super::report::{Report, Row};

const WIDTH: i32 = 1_120;
const MARGIN: i32 = 24;
/// The title, and the names of representations.
const HEAD: i32 = 84;

/// What is drawn, in the order of the report, each name once.
struct Names<'r> {
    workloads: Vec<&'r str>,
    reps: Vec<&'r str>,
}

impl<'r> Names<'r> {
    fn of(rows: &'r [Row]) -> Self {
        let mut names = Self {
            workloads: Vec::new(),
            reps: Vec::new(),
        };
        for row in rows {
            add(&mut names.workloads, &row.workload);
            add(&mut names.reps, &row.rep);
        }
        names
    }
}

fn add<'r>(list: &mut Vec<&'r str>, name: &'r str) {
    if !list.contains(&name) {
        list.push(name);
    }
}

/// The row of a workload on a representation; the last one, where it was measured twice.
fn row<'r>(rows: &'r [Row], workload: &str, rep: &str) -> Option<&'r Row> {
    let found = |row: &&Row| row.workload == workload && row.rep == rep;
    rows.iter().rev().find(found)
}

/// So many pixels; pictures have few enough.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX / 1_000)
}

/// Draws a report.
pub fn draw(report: &Report) -> Result<String, String> {
    let rows = &report.rows;
    let names = Names::of(rows);
    if names.workloads.is_empty() {
        return Err("nothing to draw: nothing was measured".to_owned());
    }
    let bars = bars::height(&names);
    let height = HEAD + bars + curves::height(&names) + MARGIN;
    picture((WIDTH.unsigned_abs(), height.unsigned_abs()), |sheet| {
        let title = format!("verimem bench: {}", report.title());
        sheet.text(&title, (MARGIN, 28), 18, Align::Left)?;
        sheet.legend(&names.reps, (MARGIN, 60))?;
        bars::draw(sheet, rows, &names, HEAD)?;
        curves::draw(sheet, rows, &names, HEAD + bars)
    })
}
