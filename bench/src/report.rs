//! Results as text and as JSON.

use serde_json::{Value, json};
use std::fmt::Write as _;

use crate::lane::Lanes;
use crate::plan::Name;
use crate::rounds::{Outcome, Series};
use crate::stats::{Spread, ratio, spread};

/// The results of one cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// What it is.
    pub name: Name,
    /// The speeds.
    pub series: Vec<Series>,
    /// Bytes per entry over the payload, in the order of the lanes; empty unless measured.
    pub overheads: Vec<Option<f64>>,
}

impl Cell {
    /// A cell of which nothing is known yet.
    #[must_use]
    pub const fn new(name: Name) -> Self {
        Self {
            name,
            series: Vec::new(),
            overheads: Vec::new(),
        }
    }

    /// Takes in what a stage gave.
    pub fn add(&mut self, outcome: Outcome) {
        self.series.extend(outcome.series);
        if !outcome.overheads.is_empty() {
            self.overheads = outcome.overheads;
        }
    }

    /// The overhead of the subject at `place`.
    fn overhead(&self, place: usize) -> Option<f64> {
        self.overheads.get(place).copied().flatten()
    }
}

/// The pairs to compare: each of verimem's structures with each peer.
#[must_use]
pub fn pairs(lanes: &Lanes) -> Vec<(usize, usize)> {
    let places = |ours: bool| (0..lanes.len()).filter(move |&place| lanes[place].ours() == ours);
    places(true)
        .flat_map(|subject| places(false).map(move |peer| (subject, peer)))
        .collect()
}

/// The rows of one cell. The fields are described in `--help`.
#[must_use]
pub fn rows(cell: &Cell, lanes: &Lanes) -> Vec<Value> {
    let row = |workload: &str,
               threads: usize,
               subject: usize,
               peer: usize,
               ratio: Spread,
               medians: [f64; 2]| {
        json!({
            "workload": workload,
            "entries": cell.name.entries,
            "keys": cell.name.keys,
            "values": cell.name.values,
            "pages": cell.name.pages,
            "rounds": cell.name.rounds,
            "threads": threads,
            "subject": lanes[subject].name(),
            "peer": lanes[peer].name(),
            "ratio_median": ratio.median,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "subject_median": medians[0],
            "peer_median": medians[1],
        })
    };
    let mut rows = Vec::new();
    for (subject, peer) in pairs(lanes) {
        for series in &cell.series {
            let (ours, theirs) = (&series.rates[subject], &series.rates[peer]);
            if let (Some(ratio), Some(mine), Some(other)) =
                (ratio(ours, theirs), spread(ours), spread(theirs))
            {
                let medians = [mine.median, other.median];
                rows.push(row(
                    &series.workload,
                    series.threads,
                    subject,
                    peer,
                    ratio,
                    medians,
                ));
            }
        }
        if let (Some(mine), Some(other)) = (cell.overhead(subject), cell.overhead(peer)) {
            let one = mine / other;
            let ratio = Spread {
                low: one,
                median: one,
                high: one,
            };
            rows.push(row("memory", 1, subject, peer, ratio, [mine, other]));
        }
    }
    rows
}

/// An array in JSON, a row in each line.
#[must_use]
pub fn array(rows: &[Value]) -> String {
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// One line per subject: what it is.
#[must_use]
pub fn legend(lanes: &Lanes) -> String {
    lanes.iter().fold(String::new(), |mut text, lane| {
        let _ = writeln!(text, "{:>14}  {}", lane.name(), lane.about());
        text
    })
}

/// `median (low..high)`, in a column.
fn column(spread: Option<Spread>, scale: f64) -> String {
    let text = spread.map_or_else(String::new, |spread| {
        let digits = if spread.median / scale < 10.0 { 2 } else { 1 };
        let number = |value: f64| format!("{:.digits$}", value / scale);
        format!(
            "{} ({}..{})",
            number(spread.median),
            number(spread.low),
            number(spread.high)
        )
    });
    format!("{text:>24}")
}

/// The table of one cell: absolute medians in millions of operations per second, then ratios, each
/// with its spread.
#[must_use]
pub fn table(cell: &Cell, lanes: &Lanes) -> String {
    let pairs = pairs(lanes);
    let mut text = format!(
        "{}; Mops/s and ratios: median (low..high)\n{:<23}{:>4}",
        cell.name, "", "thr"
    );
    for lane in lanes {
        let _ = write!(text, "{:>24}", lane.name());
    }
    for &(subject, peer) in &pairs {
        let _ = write!(
            text,
            "{:>24}",
            format!("{}/{}", lanes[subject].name(), lanes[peer].name())
        );
    }
    for series in &cell.series {
        let _ = write!(text, "\n{:<23}{:>4}", series.workload, series.threads);
        for rates in &series.rates {
            text.push_str(&column(spread(rates), 1e6));
        }
        for &(subject, peer) in &pairs {
            text.push_str(&column(
                ratio(&series.rates[subject], &series.rates[peer]),
                1.0,
            ));
        }
    }
    if !cell.overheads.is_empty() {
        let _ = write!(text, "\n{:<27}", "memory, B over payload");
        for overhead in &cell.overheads {
            let bytes = overhead.map_or_else(String::new, |bytes| format!("{bytes:.1}"));
            let _ = write!(text, "{bytes:>24}");
        }
    }
    text.push('\n');
    text
}
