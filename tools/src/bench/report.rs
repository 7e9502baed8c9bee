//! What `verimem bench` reports: a row per workload and representation.

use std::fmt::{self, Write as _};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::plan::Plan;
use super::probe::{EVERY, EVERY_STEP, clock_cost};
use super::subject::Subject;
use super::table::Table;
use super::team::Sum;
use super::workload::Workload;
use crate::outcome::{Problem, per_second};

/// What was measured of a workload on a representation.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was done.
    pub workload: String,
    /// To which representation.
    pub rep: String,
    /// By how many threads.
    pub threads: usize,
    /// Entries that the table was filled with.
    pub num: u32,
    /// Bytes of each key.
    pub key_size: usize,
    /// Bytes of each value.
    pub value_size: usize,
    /// Operations of all threads.
    pub operations: u64,
    /// From the start of the first thread to the end of the last.
    pub seconds: f64,
    /// Operations over seconds.
    pub ops_per_sec: f64,
    /// The slowest of all rounds.
    pub ops_per_sec_min: f64,
    /// The fastest.
    pub ops_per_sec_max: f64,
    /// How many there were.
    pub rounds: usize,
    /// What was advised; only where that is what was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Bytes of keys and values that were read or written.
    pub bytes: u64,
    /// Half of the sampled operations took no longer.
    pub p50_ns: u64,
    /// 99 in 100.
    pub p99_ns: u64,
    /// 999 in 1000.
    pub p999_ns: u64,
    /// The longest of the sampled operations.
    pub max_ns: u64,
    /// Operations that were timed one by one.
    pub samples: u64,
    /// What reading the clock adds to each of them.
    pub clock_ns: u64,
    /// Entries of the table in the end.
    pub entries: u64,
    /// Bytes of the table's memory in use, key and value included, per entry.
    pub bytes_per_entry: f64,
    /// What the extra writer added; only where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<u64>,
    /// How fast it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes_per_sec: Option<f64>,
    /// Latencies, in nanoseconds, by the number of nines: 1 for 90 %, 2 for 99 %.
    #[serde(skip)]
    pub curve: Vec<(f64, u64)>,
}

/// Points of a curve from one more nine to the next.
const POINTS_PER_NINE: u32 = 10;

/// Latencies up to the percentile that one sample is beyond.
fn curve(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    let nines = (histogram.len() as f64).max(1.0).log10();
    let last = (nines * f64::from(POINTS_PER_NINE)).floor() as u32;
    let points = (0..=last).map(|point| {
        let nines = f64::from(point) / f64::from(POINTS_PER_NINE);
        (nines, histogram.value_at_quantile(1.0 - 10f64.powf(-nines)))
    });
    points.collect()
}

impl Row {
    /// The row of a measurement.
    pub fn new(
        plan: &Plan,
        subject: Subject,
        workload: Workload,
        total: Sum,
        table: &Table,
    ) -> Result<Self, Problem> {
        let (_, _, advice) = subject.options(plan, workload)?;
        let ops_per_sec = per_second(total.done.operations, total.time);
        let entries = table.stats().entries;
        let used = table.memory_usage().used as f64;
        let at = |quantile| total.histogram.value_at_quantile(quantile);
        Ok(Self {
            workload: workload.name(),
            rep: subject.name(),
            threads: plan.threads,
            num: plan.num,
            key_size: plan.key_size,
            value_size: plan.value_size,
            operations: total.done.operations,
            seconds: total.time.as_secs_f64(),
            ops_per_sec,
            ops_per_sec_min: ops_per_sec,
            ops_per_sec_max: ops_per_sec,
            rounds: 1,
            advice,
            bytes: total.done.bytes,
            p50_ns: at(0.5),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: total.histogram.max(),
            samples: total.histogram.len(),
            clock_ns: clock_cost(),
            entries,
            bytes_per_entry: used / entries.max(1) as f64,
            writes: None,
            writes_per_sec: None,
            curve: curve(&total.histogram),
        })
    }

    /// The same row with what an extra writer did.
    pub fn beside(mut self, writer: Option<Sum>) -> Self {
        if let Some(writer) = writer {
            self.writes = Some(writer.done.added);
            self.writes_per_sec = Some(per_second(writer.done.added, writer.time));
        }
        self
    }

    /// What the text report shows.
    fn cells(&self) -> [String; COLUMNS] {
        let megabytes = per_second_of(self.bytes as f64 / 1e6, self.seconds);
        [
            self.workload.clone(),
            self.rep.clone(),
            grouped(self.operations),
            grouped(self.ops_per_sec as u64),
            format!("{megabytes:.1}"),
            duration(self.p50_ns),
            duration(self.p99_ns),
            duration(self.p999_ns),
            duration(self.max_ns),
            format!("{:.1}", self.bytes_per_entry),
        ]
    }
}

/// Of each row the run with the median speed among all rounds, which have the same rows.
pub fn medians(rounds: Vec<Vec<Row>>) -> Vec<Row> {
    let mut columns: Vec<Vec<Row>> = Vec::new();
    for round in rounds {
        for (place, row) in round.into_iter().enumerate() {
            match columns.get_mut(place) {
                Some(column) => column.push(row),
                None => columns.push(vec![row]),
            }
        }
    }
    let median = |mut column: Vec<Row>| {
        column.sort_by(|a, b| a.ops_per_sec.total_cmp(&b.ops_per_sec));
        let rounds = column.len();
        let least = column.first()?.ops_per_sec;
        let most = column.last()?.ops_per_sec;
        let mut row = column.swap_remove(rounds / 2);
        (row.ops_per_sec_min, row.ops_per_sec_max, row.rounds) = (least, most, rounds);
        Some(row)
    };
    columns.into_iter().filter_map(median).collect()
}

fn per_second_of(amount: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { amount / seconds } else { 0.0 }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds for people, with three digits.
pub fn duration(nanoseconds: u64) -> String {
    let (scaled, unit) = match nanoseconds {
        ..1_000 => return format!("{nanoseconds} ns"),
        1_000..1_000_000 => (nanoseconds as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (nanoseconds as f64 / 1e6, "ms"),
        _ => (nanoseconds as f64 / 1e9, "s"),
    };
    let digits = match scaled {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{scaled:.digits$} {unit}")
}

const COLUMNS: usize = 10;
const HEADINGS: [&str; COLUMNS] = [
    "workload",
    "rep",
    "operations",
    "ops/s",
    "MB/s",
    "p50",
    "p99",
    "p99.9",
    "max",
    "B/entry",
];

/// All rows; as JSON it is an array of them.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Report {
    pub rows: Vec<Row>,
    /// What was measured, and what was left out.
    #[serde(skip)]
    notes: Vec<String>,
}

impl Report {
    /// A report without rows.
    pub fn new(plan: &Plan) -> Self {
        let title = format!(
            "{} entries, keys of {} bytes, values of {}, threads: {}, seed: {}",
            grouped(u64::from(plan.num)),
            plan.key_size,
            plan.value_size,
            plan.threads,
            plan.seed,
        );
        Self {
            rows: Vec::new(),
            notes: vec![title],
        }
    }

    /// What was measured.
    pub fn title(&self) -> &str {
        self.notes.first().map_or("", String::as_str)
    }
}

fn line(cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut text = String::new();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        // Names stand at the left, numbers at the right. A String takes all that is written.
        let _ = match column {
            0 | 1 => write!(text, "{cell:<width$}  "),
            _ => write!(text, "{cell:>width$}  "),
        };
    }
    text.trim_end().to_owned()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        let mut lines = vec![HEADINGS.map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            let lengths = lines.iter().map(|cells| cells[column].len());
            lengths.max().unwrap_or(0)
        });
        for cells in &lines {
            writeln!(f, "{}", line(cells, &widths))?;
        }
        for row in &self.rows {
            if let Some((writes, rate)) = row.writes.zip(row.writes_per_sec) {
                let (writes, rate) = (grouped(writes), grouped(rate as u64));
                writeln!(
                    f,
                    "{}: the writer added {writes} beside, {rate} a second",
                    row.workload
                )?;
            }
        }
        for row in &self.rows {
            if let Some(advice) = &row.advice {
                writeln!(f, "{}: advised is {advice}", row.workload)?;
            }
        }
        let clock = self.rows.iter().map(|row| row.clock_ns).max().unwrap_or(0);
        write!(
            f,
            "latencies: one in {EVERY} operations was timed, of readseq and readreverse one in \
             {EVERY_STEP}, of fillbatch each batch; reading the clock adds {clock} ns"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::probe::histogram;

    #[test]
    fn numbers_are_written_for_people() {
        let grouped: Vec<String> = [0, 999, 1_000, 12_345_678].map(grouped).into();
        assert_eq!(grouped, ["0", "999", "1,000", "12,345,678"]);
        let durations = [7, 1_234, 56_789, 999_999, 12_000_000, 3_000_000_000].map(duration);
        let expected = ["7 ns", "1.23 us", "56.8 us", "1000 us", "12.0 ms", "3.00 s"];
        assert_eq!(durations, expected);
    }

    #[test]
    fn curves_end_where_samples_do() {
        let mut samples = histogram().unwrap();
        assert_eq!(curve(&samples), [(0.0, 0)]);
        (1..=1_000).for_each(|ns| samples.saturating_record(ns));
        let points = curve(&samples);
        assert_eq!(points.len(), 31);
        assert_eq!((points[10], points[20]), ((1.0, 900), (2.0, 990)));
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    }
}
