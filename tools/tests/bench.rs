//! `verimem bench` as a user meets it: exit statuses and output.
#![cfg(not(any(loom, shuttle)))]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

const ALL: [&str; 19] = [
    "fillseq",
    "fillrandom",
    "fillbatch",
    "readrandom",
    "readmissing",
    "readzipfian",
    "seekrandom",
    "readseq",
    "readreverse",
    "readwhilewriting",
    "readwrite",
    "deleterange",
    "mergerandom",
    "ycsb-a",
    "ycsb-b",
    "ycsb-c",
    "ycsb-d",
    "ycsb-e",
    "ycsb-f",
];

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verimem"));
    command.arg("bench").args(arguments).output().unwrap()
}

fn assert_status(arguments: &[&str], status: i32) -> Output {
    let output = bench(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    assert_eq!(stderr.is_empty(), status == 0, "{arguments:?}: {stderr}");
    output
}

fn rows(text: &[u8]) -> Vec<Value> {
    let value: Value = serde_json::from_slice(text).unwrap();
    value.as_array().unwrap().clone()
}

/// A path in the temporary folder; what is there goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("verimem-bench-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn every_workload_has_a_row_with_all_fields() {
    let output = assert_status(&["--num", "2000", "--threads", "2", "--format", "json"], 0);
    let rows = rows(&output.stdout);
    let names: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["workload"].as_str())
        .collect();
    assert_eq!(names, ALL);
    for row in &rows {
        assert_eq!(row["rep"], "skiplist");
        assert_eq!((&row["threads"], &row["num"]), (&2.into(), &2_000.into()));
        let number = |field: &str| {
            row[field]
                .as_f64()
                .unwrap_or_else(|| panic!("{field}: {row}"))
        };
        let operations = match row["workload"].as_str().unwrap() {
            "readseq" | "readreverse" => 4_000.0,
            "deleterange" => 20.0,
            _ => 2_000.0,
        };
        assert_eq!(number("operations"), operations, "{row}");
        let rate = number("operations") / number("seconds");
        assert!((rate / number("ops_per_sec") - 1.0).abs() < 1e-6, "{row}");
        assert!(number("p50_ns") > 0.0 && number("p50_ns") <= number("p99_ns"));
        assert!(number("p99_ns") <= number("p999_ns") && number("p999_ns") <= number("max_ns"));
        assert!(number("samples") > 0.0 && number("bytes_per_entry") > 20.0);
        assert!(
            number("bytes") > 0.0 || row["workload"] == "readmissing",
            "{row}"
        );
        assert_eq!(
            row["writes"].is_u64(),
            row["workload"] == "readwhilewriting"
        );
        assert!(!row["writes"].is_u64() || number("writes") > 0.0);
    }
}

#[test]
fn chosen_workloads_run_in_their_order() {
    let list = "readmissing,fillseq,readmissing";
    let words = ["--num=300", "--benchmarks", list, "--memtablerep", "all"];
    let output = assert_status(
        &[&words[..], &["--bloom_bits=10", "--seal=false"]].concat(),
        0,
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let workload = words.next().filter(|word| ALL.contains(word))?;
        Some((words.next()?, workload))
    });
    let expected = ["skiplist", "hash_skiplist", "hash_linklist", "vector"];
    let expected = expected.map(|rep| list.split(',').map(move |workload| (rep, workload)));
    let rows: Vec<_> = rows.collect();
    assert_eq!(
        rows,
        expected.into_iter().flatten().collect::<Vec<_>>(),
        "{text}"
    );
}

#[test]
fn results_and_pictures_go_to_files() {
    let (output, plot) = (Scratch::new("rows.json"), Scratch::new("bars.svg"));
    let words = [
        "--num",
        "500",
        "--format",
        "json",
        "--benchmarks",
        "fillrandom,seekrandom",
    ];
    let files = ["--output", output.path(), "--plot", plot.path()];
    let run = assert_status(&[&words[..], &files].concat(), 0);
    assert!(run.stdout.is_empty());
    assert_eq!(rows(&fs::read(&output.0).unwrap()).len(), 2);
    let picture = fs::read_to_string(&plot.0).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("seekrandom"));
}

#[test]
fn nonsense_is_refused() {
    let here = Scratch::new("same");
    for arguments in [
        &["--num", "0"][..],
        &["--num", "-5"],
        &["--num", "99999999999999999999"],
        &["--num", "4000000000"],
        &["--threads", "0"],
        &["--threads", "100000"],
        &["--key_size", "7"],
        &["--key_size", "1000000000000"],
        &["--value_size", "1000000000000"],
        &["--value_size", "16777216", "--key-size", "65536"],
        &["--benchmarks", "fillseq,dance"],
        &["--benchmarks", ""],
        &["--memtablerep", "btree"],
        &["--memtablerep", ""],
        &["--batch_size", "0"],
        &["--reads", "0"],
        &["--prefix_size", "0"],
        &["--prefix_size", "17"],
        &["--bloom_bits", "65"],
        &["--bloom_size_ratio", "0.5"],
        &["--bloom_size_ratio", "NaN"],
        &["--bloom_bits", "64", "--write_buffer_size", "4KiB"],
        &["--bloom_size_ratio", "0.2", "--write_buffer_size", "900TiB"],
        &["--write_buffer_size", "0"],
        &["--duration", "0"],
        &["--seek_nexts", "-1"],
        &["--readwritepercent", "101"],
        &["--range_tombstone_width", "0"],
        &["--seal", "perhaps"],
        &["--seed", "x"],
        &["--format", "xml"],
        &["--plot", "/nonexistent/folder/plot.svg"],
        &["--output", "/nonexistent/folder/rows.json"],
        &["--plot", here.path(), "--output", here.path()],
        &["extra"],
    ] {
        assert_status(arguments, 2);
    }
}

#[test]
fn help_says_how_latencies_are_sampled() {
    let help = String::from_utf8(assert_status(&["--help"], 0).stdout).unwrap();
    for word in ["every 17th", "--key_size", "readwhilewriting", "sealed"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
