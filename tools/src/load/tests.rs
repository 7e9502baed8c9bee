//! The comparison has to notice everything that can be wrong.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use clap::Parser;
use indicatif::ProgressBar;
use verimem::Kind;

use super::fill::{Filled, fill};
use super::tables::Tables;
use super::tree::{File, Tree};
use super::verify::{Verified, verify};
use crate::cli::LoadArgs;
use crate::outcome::Problem;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    load: LoadArgs,
}

/// A loaded directory, removed when the test ends.
struct Loaded {
    root: PathBuf,
    tables: Tables,
    filled: Filled,
}

impl Loaded {
    fn new(options: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("verimem-load-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).unwrap();
        for number in 0..700 {
            fs::write(
                root.join(format!("file{number:03}")),
                format!("content {number}"),
            )
            .unwrap();
        }
        let arguments = [&["load"][..], options].concat();
        let tables = Tables::new(&Arguments::parse_from(arguments).load).unwrap();
        let files = Tree::walk(&root).files;
        let filled = fill(&root, &files, &tables, 3, 1 << 30, &ProgressBar::hidden()).unwrap();
        assert_eq!(filled.loaded.len(), 700);
        Self {
            root,
            tables,
            filled,
        }
    }

    fn verify(&self) -> Verified {
        let bar = ProgressBar::hidden();
        verify(&self.root, &self.filled.loaded, &self.tables, 2, &bar)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn paths(notes: &[super::Note]) -> Vec<&str> {
    notes.iter().map(|note| note.path.as_str()).collect()
}

#[test]
fn right_tables_are_right() {
    for options in [
        &[][..],
        &["--write-buffer-size", "16KiB", "--protection", "4"],
    ] {
        let loaded = Loaded::new(options);
        assert_eq!(loaded.tables.all().len() > 1, !options.is_empty());
        let verified = loaded.verify();
        assert_eq!(verified.verified, 700);
        assert!(verified.mismatches.is_empty() && verified.changed.is_empty());
    }
}

#[test]
fn changed_files_are_told_from_wrong_entries() {
    let loaded = Loaded::new(&[]);
    // Same length and time, other bytes: the entry must be to blame.
    let wrong = loaded.root.join("file005");
    let modified = fs::metadata(&wrong).unwrap().modified().unwrap();
    fs::write(&wrong, "CONTENT 5").unwrap();
    let open = fs::File::options().write(true).open(&wrong).unwrap();
    open.set_modified(modified).unwrap();
    // Another length; another time; gone.
    fs::write(loaded.root.join("file300"), "content 300, and more").unwrap();
    let touched = loaded.root.join("file301");
    fs::write(&touched, "CONTENT 301").unwrap();
    let open = fs::File::options().write(true).open(&touched).unwrap();
    open.set_modified(SystemTime::now() + Duration::from_secs(10))
        .unwrap();
    fs::remove_file(loaded.root.join("file302")).unwrap();

    let verified = loaded.verify();
    assert_eq!(paths(&verified.mismatches), ["file005"]);
    assert_eq!(paths(&verified.changed), ["file300", "file301", "file302"]);
    assert_eq!(verified.verified, 696);
}

#[test]
fn entries_that_should_not_be_there_are_mismatches() {
    let loaded = Loaded::new(&[]);
    // Before, between, behind the files; and a second version of one.
    for (sequence, key) in [
        (5_000, "a"),
        (5_001, "file300a"),
        (5_002, "z"),
        (5_003, "file600"),
    ] {
        loaded.tables.add(sequence, key.as_bytes(), b"").unwrap();
    }
    let verified = loaded.verify();
    let found = paths(&verified.mismatches);
    for key in ["a", "file300a", "z", "file600"] {
        assert!(found.contains(&key), "{key}: {found:?}");
    }
    assert_eq!(verified.verified, 699);
}

#[test]
fn missing_and_double_entries_are_mismatches() {
    let mut loaded = Loaded::new(&["--write-buffer-size", "16KiB"]);
    // Listed as loaded, but in no table.
    let mut ghost = loaded.filled.loaded[10].clone();
    ghost.file = File {
        relative: PathBuf::from("file009a"),
        length: 0,
    };
    loaded.filled.loaded.insert(10, ghost);
    // In two tables.
    let tables = loaded.tables.all();
    let last = tables.last().unwrap();
    let first_key = loaded.filled.loaded[0].file.key();
    let at_home = tables.iter().position(|table| {
        !table
            .get(first_key, 1 << 40)
            .unwrap()
            .eq(&verimem::Lookup::NotFound)
    });
    assert!(at_home.unwrap() + 1 < tables.len());
    last.add(5_000, Kind::VALUE, first_key, b"content 0")
        .unwrap();

    let verified = loaded.verify();
    let found = paths(&verified.mismatches);
    assert!(
        found.contains(&"file009a") && found.contains(&"file000"),
        "{found:?}"
    );
}

#[test]
fn memory_limit_holds_while_files_grow() {
    let loaded = Loaded::new(&[]);
    let files = Tree::walk(&loaded.root).files;
    let tables = Tables::new(&Arguments::parse_from(["load"]).load).unwrap();
    let problem = fill(
        &loaded.root,
        &files,
        &tables,
        2,
        4_000,
        &ProgressBar::hidden(),
    )
    .unwrap_err();
    assert!(
        matches!(&problem, Problem::Failure(text) if text.contains("memory limit")),
        "{problem:?}"
    );
}

#[test]
fn vanished_and_unreadable_files_are_listed() {
    let loaded = Loaded::new(&[]);
    let file = |name: &str| File {
        relative: PathBuf::from(name),
        length: 0,
    };
    // A file as a directory cannot be opened, whoever asks; zeros have no end.
    let files = [
        file("never-there"),
        file("file000/below"),
        file("file001"),
        #[cfg(unix)]
        file("/dev/zero"),
    ];
    let tables = Tables::new(&Arguments::parse_from(["load"]).load).unwrap();
    let filled = fill(
        &loaded.root,
        &files,
        &tables,
        1,
        1 << 30,
        &ProgressBar::hidden(),
    )
    .unwrap();
    assert_eq!(paths(&filled.vanished), ["never-there"]);
    let endless: &[&str] = if cfg!(unix) { &["/dev/zero"] } else { &[] };
    let unreadable = [&["file000/below"][..], endless].concat();
    assert_eq!(paths(&filled.unreadable), unreadable);
    assert_eq!(filled.loaded.len(), 1);
}
