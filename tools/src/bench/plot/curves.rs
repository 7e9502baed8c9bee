//! Latencies by percentile: a panel per workload, a line per representation, both axes
//! logarithmic, all panels with the same ones.

use super::sheet::{Align, Axis, GRID, INK, Sheet, colour, decades};
use super::{MARGIN, Names, WIDTH, count, row};
use crate::bench::report::{Row, duration};

const COLUMNS: i32 = 4;
/// The numbers of the vertical axis.
const LABELS: i32 = 60;
const GAP: i32 = 22;
const PANEL: i32 = 160;
const TITLE: i32 = 34;
/// The name of a panel, and its horizontal axis.
const NAME: i32 = 22;
const FOOT: i32 = 36;

/// The percentiles that are named, by their number of nines.
const NINES: [(f64, &str); 6] = [
    (0.0, "0"),
    (1.0, "90"),
    (2.0, "99"),
    (3.0, "99.9"),
    (4.0, "99.99"),
    (5.0, "99.999"),
];

/// What the curves need.
pub fn height(names: &Names<'_>) -> i32 {
    let rows = count(names.workloads.len().div_ceil(COLUMNS as usize));
    TITLE + rows * (NAME + PANEL + FOOT)
}

/// Draws them from `top` on.
pub fn draw(sheet: &Sheet<'_>, rows: &[Row], names: &Names<'_>, top: i32) -> Result<(), String> {
    let title = "latency of sampled operations by percentile, from the fastest to the slowest";
    sheet.text(title, (MARGIN, top + 12), 15, Align::Left)?;
    let points = || rows.iter().flat_map(|row| &row.curve);
    let (low, high) = decades(points().map(|&(_, latency)| latency as f64));
    let most = points().map(|&(nines, _)| nines).fold(1.0, f64::max);
    let width = (WIDTH - 2 * MARGIN - LABELS - GAP * (COLUMNS - 1)) / COLUMNS;
    for (place, workload) in names.workloads.iter().enumerate() {
        let (line, column) = (count(place) / COLUMNS, count(place) % COLUMNS);
        let left = MARGIN + LABELS + column * (width + GAP);
        let first = top + TITLE + NAME + line * (NAME + PANEL + FOOT);
        let across = Axis {
            low: 0.0,
            high: most,
            start: left,
            end: left + width,
        };
        let up = Axis {
            low: f64::from(low),
            high: f64::from(high),
            start: first + PANEL,
            end: first,
        };
        sheet.text(workload, (left, first - 10), 12, Align::Left)?;
        grid(sheet, across, up, column == 0)?;
        for (place, rep) in names.reps.iter().enumerate() {
            let Some(row) = row(rows, workload, rep) else {
                continue;
            };
            let at = |&(nines, latency): &(f64, u64)| {
                (across.at(nines), up.at((latency.max(1) as f64).log10()))
            };
            let mut points: Vec<_> = row.curve.iter().map(at).collect();
            if let [only] = points[..] {
                points.push((only.0 + 3, only.1));
            }
            sheet.line(points, colour(place), 2)?;
        }
    }
    Ok(())
}

/// A line for each power of ten, and for each percentile that has a name.
fn grid(sheet: &Sheet<'_>, across: Axis, up: Axis, named: bool) -> Result<(), String> {
    for power in up.low as i32..=up.high as i32 {
        let y = up.at(f64::from(power));
        sheet.line(vec![(across.start, y), (across.end, y)], GRID, 1)?;
        if named {
            let label = whole(power);
            sheet.text(&label, (across.start - 6, y), 11, Align::Right)?;
        }
    }
    for (nines, name) in NINES.iter().filter(|(nines, _)| *nines <= across.high) {
        let x = across.at(*nines);
        sheet.line(vec![(x, up.end), (x, up.start)], GRID, 1)?;
        sheet.text(name, (x, up.start + 11), 10, Align::Centre)?;
    }
    let corner = vec![
        (across.start, up.end),
        (across.start, up.start),
        (across.end, up.start),
    ];
    sheet.line(corner, INK, 1)
}

/// A power of ten nanoseconds, without a fraction.
fn whole(power: i32) -> String {
    let nanoseconds = 10u64.checked_pow(power.unsigned_abs()).unwrap_or(u64::MAX);
    duration(nanoseconds).replace(".00", "").replace(".0", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_have_no_fraction() {
        let labels: Vec<String> = (0..=10).map(whole).collect();
        let expected = [
            "1 ns", "10 ns", "100 ns", "1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s",
            "10 s",
        ];
        assert_eq!(labels, expected);
    }
}
