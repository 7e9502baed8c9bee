//! Results as text and as JSON.

use serde_json::{Value, json};
use std::fmt::Write as _;

use crate::lane::Lane;
use crate::rounds::Cell;
use crate::stats::{Spread, ratio, spread};

/// The pairs to compare: each of verimem's structures with each peer.
fn pairs(lanes: &[Box<dyn Lane>]) -> Vec<(usize, usize)> {
    let places = |ours: bool| (0..lanes.len()).filter(move |&place| lanes[place].ours() == ours);
    places(true)
        .flat_map(|subject| places(false).map(move |peer| (subject, peer)))
        .collect()
}

/// The rows of one cell. The fields are described in `--help`.
#[must_use]
pub fn rows(cell: &Cell, lanes: &[Box<dyn Lane>]) -> Vec<Value> {
    let row = |workload: &str,
               threads: usize,
               subject: usize,
               peer: usize,
               ratio: Spread,
               medians: [f64; 2]| {
        json!({
            "workload": workload,
            "entries": cell.entries,
            "keys": cell.keys,
            "values": cell.values,
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
                    series.workload,
                    series.threads,
                    subject,
                    peer,
                    ratio,
                    medians,
                ));
            }
        }
        if let (Some(mine), Some(other)) = (cell.overheads[subject], cell.overheads[peer]) {
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

/// One line per subject: what it is.
#[must_use]
pub fn legend(lanes: &[Box<dyn Lane>]) -> String {
    lanes.iter().fold(String::new(), |mut text, lane| {
        let _ = writeln!(text, "{:>10}  {}", lane.name(), lane.about());
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
    format!("{text:>22}")
}

/// The table of one cell: absolute medians in millions of operations per second, then ratios, each
/// with its spread.
#[must_use]
pub fn table(cell: &Cell, lanes: &[Box<dyn Lane>]) -> String {
    let pairs = pairs(lanes);
    let mut text = format!(
        "{} entries, {} keys, values of {} bytes; Mops/s and ratios: median (low..high)\n\
         {:<15}{:>3}",
        cell.entries, cell.keys, cell.values, "", "thr"
    );
    for lane in lanes {
        let _ = write!(text, "{:>22}", lane.name());
    }
    for &(subject, peer) in &pairs {
        let _ = write!(
            text,
            "{:>22}",
            format!("{}/{}", lanes[subject].name(), lanes[peer].name())
        );
    }
    for series in &cell.series {
        let _ = write!(text, "\n{:<15}{:>3}", series.workload, series.threads);
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
    let _ = write!(text, "\n{:<18}", "B over payload");
    for overhead in &cell.overheads {
        let _ = write!(
            text,
            "{:>22}",
            overhead.map_or_else(String::new, |bytes| format!("{bytes:.1}"))
        );
    }
    text.push('\n');
    text
}
