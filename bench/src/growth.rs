//! The curves of `--growth`: speed over the number of entries, the length of keys, and threads.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::num::NonZero;

use crate::heap::Pages;
use crate::keys::KeyShape;
use crate::lane::Lanes;
use crate::plan::{Name, Spec};
use crate::report::Cell;
use crate::stats::{Spread, spread};
use crate::workload::Workload;

/// What varies along a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// The number of entries.
    Entries,
    /// The length of keys.
    KeyLength,
    /// The number of threads.
    Threads,
}

impl Curve {
    /// All, in the order of the figure.
    pub const ALL: [Self; 3] = [Self::Entries, Self::KeyLength, Self::Threads];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::KeyLength => "key-length",
            Self::Threads => "threads",
        }
    }
}

/// A point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What varies.
    pub curve: Curve,
    /// The workload.
    pub workload: String,
    /// The place of the subject's lane.
    pub subject: usize,
    /// The number of entries, bytes or threads.
    pub x: usize,
    /// Operations per second.
    pub rate: Spread,
    /// Entries per table.
    pub entries: usize,
    /// The length of keys.
    pub key_length: usize,
    /// Threads at work.
    pub threads: usize,
}

/// The number of cores, as far as the system tells.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// The entries of the cell in which the curves meet.
const fn base(quick: bool) -> usize {
    if quick { 1_000 } else { 1_000_000 }
}

/// Powers of two up to the cores of this machine, and at least up to four.
fn thread_counts(quick: bool) -> Vec<usize> {
    let most = if quick { 2 } else { cores().max(4) };
    let powers = std::iter::successors(Some(1), |&threads| Some(threads * 2));
    powers.take_while(|&threads| threads <= most).collect()
}

/// The cells that the curves need, each once.
#[must_use]
pub fn cells(quick: bool, rounds: Option<usize>) -> Vec<Spec> {
    let (entries, lengths): (&[usize], &[usize]) = if quick {
        (&[500, 1_000, 2_000], &[8, 16, 32])
    } else {
        let entries = &[1_000, 10_000, 100_000, 1_000_000, 10_000_000];
        (entries, &[8, 16, 32, 64, 128, 256])
    };
    let base = base(quick);
    let by_entries = entries.iter().map(|&entries| (entries, 16));
    let by_length = lengths.iter().map(|&length| (base, length));
    let mut cells: Vec<Spec> = Vec::new();
    for (entries, length) in by_entries.chain(by_length) {
        let keys = KeyShape::Random(length);
        if cells
            .iter()
            .any(|cell| (cell.entries, cell.keys) == (entries, keys))
        {
            continue;
        }
        cells.push(Spec {
            entries,
            keys,
            values: 100,
            pages: Pages::Cold,
            rounds: rounds.unwrap_or(if quick { 2 } else { 3 }),
            workloads: Workload::GROWTH.to_vec(),
            threads: if (entries, length) == (base, 16) {
                thread_counts(quick)
            } else {
                vec![1]
            },
        });
    }
    cells
}

/// The curves on which a series of a cell lies, and where.
fn places(name: &Name, key_length: usize, threads: usize, quick: bool) -> Vec<(Curve, usize)> {
    let at_base = name.entries == base(quick);
    let mut places = Vec::new();
    if key_length == 16 && threads == 1 {
        places.push((Curve::Entries, name.entries));
    }
    if at_base && threads == 1 {
        places.push((Curve::KeyLength, key_length));
    }
    if at_base && key_length == 16 {
        places.push((Curve::Threads, threads));
    }
    places
}

/// All points of all curves.
#[must_use]
pub fn points(cells: &[Cell], quick: bool) -> Vec<Point> {
    let mut points = Vec::new();
    for cell in cells {
        let shape = cell.name.keys.parse::<KeyShape>();
        let key_length = shape.map_or(0, KeyShape::key_len);
        for series in &cell.series {
            for (curve, x) in places(&cell.name, key_length, series.threads, quick) {
                let rates = series.rates.iter().enumerate();
                points.extend(rates.filter_map(|(subject, rates)| {
                    Some(Point {
                        curve,
                        workload: series.workload.clone(),
                        subject,
                        x,
                        rate: spread(rates)?,
                        entries: cell.name.entries,
                        key_length,
                        threads: series.threads,
                    })
                }));
            }
        }
    }
    points.sort_by_key(|point| point.x);
    points
}

/// The points as JSON.
#[must_use]
pub fn rows(points: &[Point], lanes: &Lanes, rounds: usize) -> Vec<Value> {
    let row = |point: &Point| {
        json!({
            "curve": point.curve.name(),
            "workload": point.workload,
            "entries": point.entries,
            "key_length": point.key_length,
            "values": 100,
            "threads": point.threads,
            "cores": cores(),
            "more_threads_than_cores": point.threads > cores(),
            "rounds": rounds,
            "subject": lanes[point.subject].name(),
            "median": point.rate.median,
            "low": point.rate.low,
            "high": point.rate.high,
        })
    };
    points.iter().map(row).collect()
}

/// The points as text: millions of operations per second.
#[must_use]
pub fn table(points: &[Point], lanes: &Lanes) -> String {
    let mut text = format!("{:<12}{:<14}{:>10}", "curve", "workload", "at");
    for lane in lanes {
        let _ = write!(text, "{:>16}", lane.name());
    }
    let mut lines: Vec<(Curve, &str, usize)> = Vec::new();
    for point in points {
        let line = (point.curve, point.workload.as_str(), point.x);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.sort_by_key(|&(curve, workload, x)| (curve.name(), workload, x));
    for line in lines {
        let _ = write!(text, "\n{:<12}{:<14}{:>10}", line.0.name(), line.1, line.2);
        for subject in 0..lanes.len() {
            let here = |point: &&Point| {
                (point.curve, point.workload.as_str(), point.x) == line && point.subject == subject
            };
            let rate = points
                .iter()
                .find(here)
                .map(|point| point.rate.median / 1e6);
            let rate = rate.map_or_else(String::new, |rate| format!("{rate:.3}"));
            let _ = write!(text, "{rate:>16}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curves_share_their_cell() {
        for quick in [false, true] {
            let cells = cells(quick, None);
            let at_base = |cell: &&Spec| cell.threads.len() > 1;
            assert_eq!(cells.iter().filter(at_base).count(), 1);
            for (index, cell) in cells.iter().enumerate() {
                assert!(
                    cells[..index]
                        .iter()
                        .all(|other| other.name() != cell.name())
                );
            }
        }
        assert_eq!(cells(false, None).len(), 10);
        let name = cells(true, Some(1))[1].name();
        assert_eq!((name.entries, name.rounds), (1_000, 1));
        let all = [
            (Curve::Entries, 1_000),
            (Curve::KeyLength, 16),
            (Curve::Threads, 1),
        ];
        assert_eq!(places(&name, 16, 1, true), all);
        assert_eq!(places(&name, 32, 2, true), []);
    }
}
