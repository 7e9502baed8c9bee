//! The program: its flags, its JSON, its files.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder below the target directory");
    folder
}

fn compare(words: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_compare");
    let output = Command::new(program)
        .args(words.split_whitespace())
        .output();
    output.expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rows(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", stderr(output));
    let rows = serde_json::from_slice(&output.stdout).expect("an array of rows");
    assert!(!Vec::is_empty(&rows));
    rows
}

const CELL: &str = "--entries 400 --values 10 --rounds 2";

#[test]
fn rows_have_their_fields_and_ratios_their_order() {
    let output = compare(&format!(
        "{CELL} --keys seq8,random24 --pages both --format json"
    ));
    let rows = rows(&output);
    let texts = ["workload", "keys", "subject", "peer", "pages"];
    let counts = ["entries", "values", "threads", "rounds"];
    let numbers = [
        "ratio_low",
        "ratio_median",
        "ratio_high",
        "subject_median",
        "peer_median",
    ];
    for row in &rows {
        assert!(texts.iter().all(|name| row[name].is_string()), "{row}");
        assert!(counts.iter().all(|name| row[name].is_u64()), "{row}");
        let number = |name: &str| row[name].as_f64().expect("a number");
        assert!(numbers.iter().all(|name| number(name) > 0.0), "{row}");
        assert!(number("ratio_low") <= number("ratio_median"), "{row}");
        assert!(number("ratio_median") <= number("ratio_high"), "{row}");
    }
    let seen = |field: &str, value: &str| rows.iter().any(|row| row[field] == value);
    for workload in [
        "fillseq",
        "versions8-get",
        "mixed-read",
        "multi-get32",
        "memory",
    ] {
        assert!(seen("workload", workload), "{workload}");
    }
    for (field, value) in [
        ("keys", "seq8"),
        ("keys", "random24"),
        ("pages", "cold"),
        ("subject", "memtable"),
        ("subject", "skiplist"),
        ("peer", "crossbeam"),
        ("peer", "skl"),
    ] {
        assert!(seen(field, value), "{value}");
    }
    if cfg!(target_os = "linux") {
        assert!(seen("peer", "inlineskiplist"));
    }
}

#[test]
fn a_run_is_taken_up_again() {
    let file = folder("resume").join("run.jsonl");
    let words = format!("{CELL} --subjects memtable,crossbeam --format json --resume");
    let words = format!("{words} {}", file.display());
    let first = compare(&words);
    let whole = rows(&first);
    let kept = std::fs::read(&file).expect("the file of the run");

    let second = compare(&words);
    assert_eq!(rows(&second), whole);
    assert!(stderr(&second).contains("already there, skipped"));
    assert!(!stderr(&second).contains("measuring"));

    // As if it had been killed while it wrote the last line.
    std::fs::write(&file, &kept[..kept.len() - 7]).expect("the file is ours");
    let third = compare(&words);
    assert_eq!(rows(&third).len(), whole.len());
    assert!(stderr(&third).contains("last line was dropped"));
    assert!(stderr(&third).contains("already there"));
    assert_eq!(stderr(&third).matches("measuring").count(), 1);

    let other = compare(&format!("{words} --seed 7"));
    assert!(!other.status.success());
    assert!(stderr(&other).contains("seed is 42 there and 7 here"));
    assert!(other.stdout.is_empty());
}

#[test]
fn figures_are_drawn() {
    let folder = folder("figures");
    let (bars, curves) = (folder.join("bars.svg"), folder.join("curves.svg"));
    let output = compare(&format!(
        "{CELL} --workloads get-hit --plot {}",
        bars.display()
    ));
    assert!(output.status.success(), "{}", stderr(&output));
    let output = compare(&format!(
        "--growth --quick --format json --plot {}",
        curves.display()
    ));
    let rows = rows(&output);
    for curve in ["entries", "key-length", "threads"] {
        assert!(rows.iter().any(|row| row["curve"] == curve), "{curve}");
    }
    let marked = |row: &Value| row["threads"].as_u64() > row["cores"].as_u64();
    assert!(
        rows.iter()
            .all(|row| row["more_threads_than_cores"] == marked(row))
    );
    for (path, text) in [
        (bars, "over crossbeam"),
        (curves, "by the length of random keys"),
    ] {
        let picture = std::fs::read_to_string(&path).expect("a picture");
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        assert!(picture.contains(text), "{text}");
    }
}

#[test]
fn what_cannot_be_done_is_an_error_and_no_panic() {
    let folder = folder("errors");
    let nowhere = folder.join("missing").join("file");
    std::fs::write(folder.join("other"), "no journal\n").expect("the folder is ours");
    for (words, text) in [
        (format!("{CELL} --plot {}", nowhere.display()), "missing"),
        (format!("{CELL} --resume {}", nowhere.display()), "missing"),
        (
            format!("{CELL} --resume {}", folder.join("other").display()),
            "not a file of `compare --resume`",
        ),
        ("--entries 0".into(), "not from 1 to"),
        ("--entries x".into(), "invalid digit"),
        ("--keys random5".into(), "randomN"),
        ("--entries 90000000".into(), "skl's arena ends at 4 GiB"),
        ("--growth --keys seq8".into(), "cannot be used with"),
        (
            format!(
                "{CELL} --subjects memtable --plot {}",
                folder.join("x").display()
            ),
            "choose one of verimem's structures and a peer",
        ),
    ] {
        let output = compare(&words);
        assert!(!output.status.success(), "{words}");
        assert!(
            stderr(&output).contains(text),
            "{words}: {}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains("panicked"), "{words}");
    }
}
