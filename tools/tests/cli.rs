//! The command as a user meets it: exit statuses and output.
#![cfg(not(any(loom, shuttle)))]

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A directory of one test, removed when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("verimem-cli-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verimem"));
    command.args(arguments);
    command
}

fn verimem(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn assert_status(arguments: &[&str], status: i32) -> Output {
    let output = verimem(arguments);
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {output:?}"
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    if status != 0 {
        assert!(
            !stderr.is_empty() || !output.stdout.is_empty(),
            "{arguments:?} fails without a word"
        );
    }
    output
}

fn small_tree() -> Scratch {
    let scratch = Scratch::new();
    for number in 0..600 {
        let content = format!("content of {number}").repeat(number % 50);
        scratch.file(
            &format!("dir{}/sub/file{number}", number % 7),
            content.as_bytes(),
        );
    }
    scratch.file(".hidden/.file", b"hidden");
    scratch.file("binary", &[0, 255, 10, 13, 0]);
    scratch
}

#[test]
fn load_verifies_every_file() {
    let tree = small_tree();
    for options in [
        &["--threads", "1"][..],
        &["--threads", "4", "--protection", "8", "--huge-pages"],
        &["--threads", "3", "--write-buffer-size", "64KiB"],
    ] {
        let arguments = [&["load", tree.path(), "--format", "json"][..], options].concat();
        let report = json(&assert_status(&arguments, 0));
        assert_eq!(report["entries"], 602, "{report}");
        assert_eq!(report["verified"], 602);
        assert_eq!(report["mismatches"], 0);
        assert_eq!(report["skipped"], 0);
        assert_eq!(report["unreadable"], 0);
        assert!(report["bytes"].as_u64().unwrap() > 100_000);
        assert!(report["ops_per_sec"].as_f64().unwrap() > 0.0);
        let overhead = report["overhead_bytes_per_entry"].as_f64().unwrap();
        assert!(overhead > 0.0 && overhead < 1_000.0, "{overhead}");
        assert!(report["allocated_bytes"].as_u64() >= report["used_bytes"].as_u64());
        if options.contains(&"64KiB") {
            assert!(report["tables"].as_u64().unwrap() > 1, "{report}");
        }
    }
}

#[test]
fn load_text_ends_in_a_verdict() {
    let tree = small_tree();
    let output = assert_status(&["load", tree.path()], 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("602 files") && text.trim_end().ends_with("ok"),
        "{text}"
    );
    // stderr is no terminal here: no progress bar.
    assert!(output.stderr.is_empty());
}

#[test]
fn load_takes_the_current_directory_by_default() {
    let tree = small_tree();
    let output = command(&["load", "--format", "json"])
        .current_dir(tree.path())
        .output()
        .unwrap();
    assert_eq!(json(&output)["entries"], 602);
}

#[cfg(unix)]
#[test]
fn load_lists_what_it_leaves_out() {
    let tree = small_tree();
    std::os::unix::fs::symlink("binary", tree.0.join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.0.join("socket")).unwrap();
    let report = json(&assert_status(
        &["load", tree.path(), "--format", "json"],
        0,
    ));
    assert_eq!(
        (&report["entries"], &report["skipped"]),
        (&602.into(), &2.into())
    );
    let list = report["skipped_files"].to_string();
    assert!(
        list.contains("symbolic link") && list.contains("special file"),
        "{list}"
    );
}

#[cfg(unix)]
#[test]
fn load_fails_for_an_unreadable_file() {
    use std::os::unix::fs::PermissionsExt;
    let tree = small_tree();
    let locked = tree.0.join("binary");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&locked).is_ok() {
        // A privileged user can read everything: nothing to see here.
        return;
    }
    let report = json(&assert_status(
        &["load", tree.path(), "--format", "json"],
        1,
    ));
    assert_eq!(
        (&report["entries"], &report["unreadable"]),
        (&601.into(), &1.into())
    );
    assert_status(&["load", tree.path(), "--skip-unreadable"], 0);
}

#[test]
fn load_refuses_nonsense() {
    let tree = small_tree();
    let file = format!("{}/binary", tree.path());
    let missing = format!("{}/missing", tree.path());
    for arguments in [
        &["load", missing.as_str()][..],
        &["load", file.as_str()],
        &["load", tree.path(), "--threads", "0"],
        &["load", tree.path(), "--protection", "3"],
        &["load", tree.path(), "--write-buffer-size", "0"],
        &[
            "load",
            tree.path(),
            "--write-buffer-size",
            "99999999999999999999",
        ],
        &["load", tree.path(), "--format", "yaml"],
        &["load", tree.path(), "--frobnicate"],
        &[],
        &["frobnicate"],
    ] {
        assert_status(arguments, 2);
    }
}

#[test]
fn load_says_when_there_is_nothing_or_too_much() {
    let empty = Scratch::new();
    let output = assert_status(&["load", empty.path()], 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing to load"));
    let tree = small_tree();
    let output = assert_status(&["load", tree.path(), "--memory-limit", "10KiB"], 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("memory limit"));
}

#[test]
fn stress_passes_and_counts() {
    for threads in ["1", "2", "4"] {
        let arguments = [
            "stress",
            "--threads",
            threads,
            "--seconds",
            "4",
            "--seed",
            "42",
            "--format",
            "json",
        ];
        let output = assert_status(&arguments, 0);
        let report = json(&output);
        assert_eq!(report["violations"], 0, "{report}");
        assert_eq!(report["seed"], 42);
        assert!(report["operations"].as_u64().unwrap() > 1_000);
        assert!(report["seconds"].as_f64().unwrap() >= 1.0);
        for (kind, count) in report["kinds"].as_object().unwrap() {
            assert!(
                count.as_u64().unwrap() > 0,
                "{kind} never ran with {threads} threads"
            );
        }
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn stress_leaves_out_what_it_is_told_to() {
    let arguments = ["stress", "--seconds", "0.2", "--format", "json"];
    let report = json(&assert_status(&arguments, 0));
    let all = serde_json::json!([
        "range-deletions",
        "merges",
        "sequencer",
        "filter",
        "statistics",
        "checks",
        "duplicates",
        "in-place",
        "overwrite",
        "timestamps",
    ]);
    assert_eq!(report["features"], all);
    let less = [
        "--without",
        "merges,sequencer",
        "--without",
        "range-deletions",
        "--without",
        "in-place,overwrite,timestamps",
    ];
    let report = json(&assert_status(&[&arguments[..], &less].concat(), 0));
    assert_eq!(
        report["features"],
        serde_json::json!(["filter", "statistics", "checks", "duplicates"])
    );
    for kind in ["range_delete", "get_merged", "fold", "batch_aborted"] {
        assert_eq!(report["kinds"][kind], 0, "{report}");
    }
}

#[test]
fn r1_stress_drives_the_representations_it_is_told_to() {
    let arguments = ["stress", "--seconds", "0.3", "--format", "json"];
    let driven = |list: &[&str]| {
        let report = json(&assert_status(&[&arguments[..], list].concat(), 0));
        let of_each = report["representations"].as_object().unwrap().clone();
        let operations = of_each
            .values()
            .map(|one| one["operations"].as_u64().unwrap());
        assert_eq!(operations.sum::<u64>(), report["operations"], "{report}");
        let reps = of_each.keys().cloned().collect::<Vec<_>>().join(",");
        (reps, report)
    };
    let all = "hash_linklist,hash_skiplist,skiplist,vector";
    assert_eq!(driven(&[]).0, all);
    let (two, report) = driven(&["--memtablerep", "vector,hash_linklist"]);
    assert_eq!(two, "hash_linklist,vector");
    assert!(report["kinds"]["overwrite_write"].as_u64().unwrap() > 0);
    // What a vector cannot do is not driven, and the report says so.
    let (vector, report) = driven(&["--memtablerep", "vector"]);
    assert_eq!(vector, "vector");
    let features = report["features"].to_string();
    assert!(features.contains("timestamps"), "{features}");
    for (feature, kind) in [
        ("in-place", "update_with"),
        ("overwrite", "overwrite_write"),
    ] {
        assert!(!features.contains(feature), "{features}");
        assert_eq!(report["kinds"][kind], 0, "{report}");
    }
    let (strict, _) = driven(&["--without", "duplicates"]);
    assert_eq!(strict, "hash_linklist,hash_skiplist,skiplist");

    let text = assert_status(&["stress", "--seconds", "0.2"], 0).stdout;
    let text = String::from_utf8(text).unwrap();
    for rep in all.split(',') {
        let line = format!(" {rep} ");
        assert!(
            text.lines()
                .any(|one| one.contains(&line) && one.contains(" operations, ")),
            "{text}"
        );
    }
}

#[test]
fn stress_refuses_nonsense() {
    for arguments in [
        &["stress", "--threads", "0"][..],
        &["stress", "--threads", "-4"],
        &["stress", "--threads", "100000"],
        &["stress", "--seconds", "0"],
        &["stress", "--seconds", "inf"],
        &["stress", "--seed", "-1"],
        &["stress", "--without", "everything"],
        &["stress", "--memtablerep", "btree"],
        &["stress", "--memtablerep", "skiplist,"],
        &[
            "stress",
            "--memtablerep",
            "vector",
            "--without",
            "duplicates",
        ],
        &["stress", "extra"],
    ] {
        assert_status(arguments, 2);
    }
}

#[test]
fn help_and_version_are_there() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["load", "--help"],
        &["stress", "--help"],
    ] {
        assert!(!assert_status(arguments, 0).stdout.is_empty());
    }
}

#[test]
fn closed_stdout_is_quiet() {
    let tree = small_tree();
    let mut child = command(&["load", tree.path(), "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(stderr, "");
}
