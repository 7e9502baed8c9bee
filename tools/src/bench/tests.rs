//! Every workload at a small size, and what comes of it.

use clap::{Parser, ValueEnum};

use super::options::BenchArgs;
use super::plan::Plan;
use super::report::Report;
use super::workload::Workload;
use crate::cli::Format;
use crate::outcome::{Problem, render};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: BenchArgs,
}

fn options(words: &[&str]) -> BenchArgs {
    let words = ["bench", "--quiet"].iter().chain(words);
    Line::try_parse_from(words).unwrap().options
}

/// A checked plan.
pub fn plan(words: &[&str]) -> Plan {
    Plan::new(&options(words)).unwrap()
}

fn run(words: &[&str]) -> Result<Report, Problem> {
    super::run(&options(words))
}

#[test]
fn every_workload_is_right_at_small_sizes() {
    for words in [
        &["--num", "1"][..],
        &["--num", "2", "--threads", "3"],
        &["--num", "400", "--shared_prefix"],
        &["--num", "700", "--threads", "3", "--seal", "false"],
        &[
            "--num",
            "500",
            "--reads",
            "1200",
            "--key_size",
            "8",
            "--value_size",
            "0",
        ],
        &[
            "--num",
            "300",
            "--bloom_bits",
            "10",
            "--batch_size",
            "7",
            "--seek_nexts",
            "0",
        ],
        &[
            "--num",
            "300",
            "--range_tombstone_width",
            "4000",
            "--readwritepercent",
            "0",
        ],
    ] {
        let report = run(words).unwrap_or_else(|problem| panic!("{words:?}: {problem}"));
        assert_eq!(report.rows.len(), Workload::value_variants().len());
        for row in &report.rows {
            assert!(row.operations > 0 && row.samples > 0, "{words:?}: {row:?}");
            assert!(row.ops_per_sec > 0.0 && row.p50_ns > 0, "{row:?}");
            assert!(
                row.p50_ns <= row.p99_ns && row.p99_ns <= row.p999_ns,
                "{row:?}"
            );
            // A histogram's bucket may end beyond the longest.
            assert!(row.p999_ns <= row.max_ns, "{row:?}");
        }
    }
}

#[test]
fn operations_are_counted_as_told() {
    let words = [
        "--num",
        "1000",
        "--reads",
        "400",
        "--threads",
        "2",
        "--batch_size",
        "30",
    ];
    let report = run(&words).unwrap();
    for row in report.rows {
        let expected = match row.workload.as_str() {
            "fillseq" | "fillrandom" | "fillbatch" => 1_000,
            // Each thread scans everything.
            "readseq" | "readreverse" => 2_000,
            "deleterange" => 10,
            _ => 400,
        };
        assert_eq!(row.operations, expected, "{}", row.workload);
        assert_eq!(row.writes.is_some(), row.workload == "readwhilewriting");
        let entries = match row.workload.as_str() {
            "deleterange" => 1_010,
            "mergerandom" => 1_400,
            "ycsb-c" => 1_000,
            name if name.starts_with("ycsb") || name.starts_with("readw") => row.entries.max(1_001),
            _ => 1_000,
        };
        assert_eq!(row.entries, entries, "{}", row.workload);
        assert!(row.bytes_per_entry > 20.0, "{}", row.workload);
    }
}

#[test]
fn a_workload_that_only_reads_takes_its_time() {
    let list = "readrandom,readmissing,seekrandom,readseq,readreverse,readwhilewriting";
    let words = ["--num", "200", "--benchmarks", list, "--duration", "0.05"];
    for row in run(&words).unwrap().rows {
        assert!(row.seconds >= 0.05 && row.seconds < 5.0, "{row:?}");
        assert!(row.operations > 200, "{row:?}");
    }
}

#[test]
fn json_is_an_array_of_rows() {
    let report = run(&["--num", "100", "--benchmarks", "fillseq,readrandom"]).unwrap();
    let json = render(Format::Json, &report);
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["workload"], "readrandom");
    assert_eq!(rows[1]["rep"], "skiplist");
    for field in [
        "threads",
        "operations",
        "ops_per_sec",
        "p50_ns",
        "p99_ns",
        "p999_ns",
        "max_ns",
    ] {
        assert!(rows[0][field].is_number(), "{field}: {json}");
    }
}

#[test]
fn text_is_a_table_whose_columns_line_up() {
    let list = "fillseq,readwhilewriting";
    let report = run(&["--num", "100", "--benchmarks", list]).unwrap();
    let text = render(Format::Text, &report);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("100 entries"), "{text}");
    let ends = |line: &str| line.trim_end().len();
    assert_eq!(ends(lines[1]), ends(lines[2]), "{text}");
    assert_eq!(ends(lines[2]), ends(lines[3]), "{text}");
    assert!(lines[4].contains("the writer added"), "{text}");
}

#[test]
fn pictures_show_every_workload() {
    let mut report = run(&["--num", "100"]).unwrap();
    let mut others = report.rows.clone();
    others
        .iter_mut()
        .for_each(|row| row.rep = "another".to_owned());
    report.rows.extend(others);
    let picture = super::plot::draw(&report).unwrap();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    assert!(picture.contains("another"));
    for row in &report.rows {
        // Once at its bar, once at its curve.
        assert!(
            picture.matches(&format!("{}\n", row.workload)).count() >= 2,
            "{}",
            row.workload
        );
    }
}
