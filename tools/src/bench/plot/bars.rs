//! Operations per second as bars: a group per workload, a bar per representation. The axis is
//! logarithmic, since a step of a scan and a search differ by a factor of a hundred.

use super::sheet::{Align, Axis, GRID, INK, Sheet, colour, decades};
use super::{MARGIN, Names, WIDTH, count, row};
use crate::bench::report::Row;

/// Names of workloads, at the left.
const LABELS: i32 = 170;
/// The rate, at the right end.
const NUMBERS: i32 = 110;
const BAR: i32 = 13;
const GAP: i32 = 9;
const TITLE: i32 = 34;
/// The numbers of the axis.
const FOOT: i32 = 50;

fn group(names: &Names<'_>) -> i32 {
    BAR * count(names.reps.len()) + GAP
}

/// What the bars need.
pub fn height(names: &Names<'_>) -> i32 {
    TITLE + group(names) * count(names.workloads.len()) + FOOT
}

/// `1200000` as `1.20 M`.
fn short(rate: f64) -> String {
    match rate {
        ..1e3 => format!("{rate:.0}"),
        ..1e6 => format!("{:.0} k", rate / 1e3),
        ..1e9 => format!("{:.2} M", rate / 1e6),
        _ => format!("{:.2} G", rate / 1e9),
    }
}

/// Draws them from `top` on.
pub fn draw(sheet: &Sheet<'_>, rows: &[Row], names: &Names<'_>, top: i32) -> Result<(), String> {
    let title = "operations per second";
    sheet.text(title, (MARGIN, top + 12), 15, Align::Left)?;
    let (low, high) = decades(rows.iter().map(|row| row.ops_per_sec));
    let axis = Axis {
        low: f64::from(low),
        high: f64::from(high),
        start: LABELS,
        end: WIDTH - MARGIN - NUMBERS,
    };
    let first = top + TITLE;
    let last = first + group(names) * count(names.workloads.len());
    for power in low..=high {
        let x = axis.at(f64::from(power));
        sheet.line(vec![(x, first), (x, last)], GRID, 1)?;
        let label = short(10f64.powi(power)).replace(".00", "");
        sheet.text(&label, (x, last + 12), 11, Align::Centre)?;
    }
    let mut y = first;
    for workload in &names.workloads {
        let middle = y + group(names) / 2;
        sheet.text(workload, (LABELS - 10, middle), 12, Align::Right)?;
        let mut bar = y + GAP / 2;
        for (place, rep) in names.reps.iter().enumerate() {
            if let Some(row) = row(rows, workload, rep) {
                let x = axis.at(row.ops_per_sec.max(1.0).log10());
                sheet.bar([(axis.start, bar), (x, bar + BAR - 2)], colour(place))?;
                let rate = short(row.ops_per_sec);
                sheet.text(&rate, (x + 6, bar + BAR / 2), 11, Align::Left)?;
            }
            bar += BAR;
        }
        y += group(names);
    }
    sheet.line(vec![(axis.start, first), (axis.start, last)], INK, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        let rates = [0.0, 950.0, 12_300.0, 1_234_567.0, 2e9].map(short);
        assert_eq!(rates, ["0", "950", "12 k", "1.23 M", "2.00 G"]);
    }
}
