//! `verimem advise` as a user meets it, and the advice against the stored measurements.
#![cfg(not(any(loom, shuttle)))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn advise(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verimem"));
    command.arg("advise").args(arguments).output().unwrap()
}

fn assert_status(arguments: &[&str], status: i32) -> (String, String) {
    let output = advise(arguments);
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {stdout}{stderr}"
    );
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    (stdout, stderr)
}

fn json(arguments: &[&str]) -> Value {
    let (text, _) = assert_status(&[arguments, &["--format", "json"]].concat(), 0);
    serde_json::from_str(&text).unwrap()
}

/// A stored measurement, by its size.
fn stored(name: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR"));
    tools.join("../docs/bench").join(name)
}

/// R7: what is advised is as fast as the best, for each workload of the bench.
#[test]
fn advice_holds_against_the_stored_measurements() {
    let files = ["reps-100k.json", "reps-1m.json"].map(stored);
    let files = files.each_ref().map(|path| path.to_str().unwrap());
    let (text, _) = assert_status(&["--against", files[0], files[1]], 0);
    assert!(text.contains("38 of 38 within the spread"), "{text}");
    let verdicts = json(&["--against", files[0], files[1]]);
    for row in verdicts["rows"].as_array().unwrap() {
        assert_eq!(row["within_spread"], true, "{row}");
        assert!(row["ratio"].as_f64().unwrap() > 0.5, "{row}");
        // The advisor still says what was measured under its name.
        let workload = row["workload"].as_str().unwrap();
        let entries = row["num"].to_string();
        let now = json(&["--workload", workload, "--entries", &entries]);
        let measured = row["advice"].as_str().unwrap();
        let rep = now["representation"]["choice"].as_str().unwrap();
        let bits = now["bloom_bits"]["choice"].as_u64().unwrap();
        let advice = match bits {
            0 => rep.to_owned(),
            bits => format!("{rep}, bloom {bits}"),
        };
        assert_eq!(advice, measured, "{workload}, {entries}: measure again");
    }
}

/// Other advice than the best is noticed: a measurement in which the advised was slow.
#[test]
fn advice_that_does_not_hold_fails() {
    let text = fs::read_to_string(stored("reps-100k.json")).unwrap();
    let mut rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    for row in &mut rows {
        if row["rep"] == "advised" && row["workload"] == "ycsb-c" {
            // So that no representation is a second measurement of it.
            row["advice"] = Value::from("vector, bloom 10");
            for field in ["ops_per_sec", "ops_per_sec_min", "ops_per_sec_max"] {
                row[field] = Value::from(1000.0);
            }
        }
    }
    let path = std::env::temp_dir().join(format!("verimem-advise-{}.json", std::process::id()));
    fs::write(&path, serde_json::to_string(&rows).unwrap()).unwrap();
    let (text, _) = assert_status(&["--against", path.to_str().unwrap()], 1);
    fs::remove_file(&path).unwrap();
    assert!(text.contains("18 of 19 within the spread"), "{text}");
    assert_eq!(text.matches("outside of the spread").count(), 1, "{text}");
}

#[test]
fn a_described_workload_is_advised_upon_with_reasons() {
    let words = [
        "--gets",
        "5",
        "--writes",
        "1",
        "--get_hits",
        "0.3",
        "--reads_beside_writes",
    ];
    let advice = json(&words);
    assert_eq!(advice["representation"]["choice"], "skiplist");
    assert_eq!(advice["bloom_bits"]["choice"], 10);
    let hashed = json(
        &[
            &words[..],
            &["--prefix_length", "8", "--entries_per_prefix", "20"],
        ]
        .concat(),
    );
    assert_eq!(hashed["representation"]["choice"], "hash_skiplist");
    assert_eq!(hashed["estimates"].as_array().unwrap().len(), 3);
    let sequential = [
        "--writes=1",
        "--sequential=1",
        "--memory=1GiB",
        "--writers=4",
        "--shared-prefix=3",
    ];
    let loaded = json(&sequential);
    for (field, choice) in [
        ("representation", "skiplist".into()),
        ("hint", "position".into()),
        ("writers", "concurrent".into()),
        ("shared_prefix", 3.into()),
        ("write_buffer_size", ((1u64 << 30) / 5).into()),
    ] {
        let given: &Value = &choice;
        assert_eq!(&loaded[field]["choice"], given, "{field}");
        assert!(loaded[field]["because"].as_str().unwrap().len() > 10);
    }
    let (text, _) = assert_status(&sequential, 0);
    for line in [
        "representation: skiplist (",
        "hint: the place",
        "writers: concurrent",
        "write buffer: 204 MiB",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(json(&["--writes=1"])["representation"]["choice"], "vector");
    let refuses = json(&["--writes=1", "--needs_duplicates"]);
    assert_eq!(refuses["representation"]["choice"], "skiplist");
}

#[test]
fn what_is_observed_is_what_was_run() {
    let (text, _) = assert_status(
        &[
            "--workload",
            "readmissing",
            "--observe",
            "--entries",
            "5000",
        ],
        0,
    );
    assert!(
        text.contains("5000 lookups of which 0 %") && text.contains("bloom filter: 10"),
        "{text}"
    );
    let (text, _) = assert_status(&["--workload=fillseq", "--observe", "--entries=5000"], 0);
    assert!(
        text.contains("100 % in order") && text.contains("hint: the place"),
        "{text}"
    );
    let (text, _) = assert_status(&["--workload=seekrandom", "--observe", "--entries=2000"], 0);
    assert!(text.contains("2000 seeks,"), "{text}");
}

#[test]
fn nonsense_is_a_usage_error() {
    for words in [
        &[][..],
        &["--gets", "-1"],
        &["--gets=nan"],
        &["--gets", "inf"],
        &["--gets=1", "--get_hits=1.5"],
        &["--entries=0", "--gets=1"],
        &["--writers=0", "--writes=1"],
        &["--prefix_length=0", "--gets=1"],
        &["--entries_per_prefix=4", "--gets=1"],
        &["--workload=dance"],
        &["--workload=fillseq", "--writes=2"],
        &["--workload=readseq", "--key_size=4"],
        &["--observe"],
        &["--against"],
        &["--against", "/nonexistent/file.json"],
        &["--against", "Cargo.toml"],
        &["--memory", "much"],
    ] {
        let (stdout, stderr) = assert_status(words, 2);
        assert!(stdout.is_empty() && !stderr.is_empty(), "{words:?}");
    }
}
