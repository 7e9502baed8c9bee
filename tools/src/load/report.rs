//! What `verimem load` reports.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Note;
use super::fill::Filled;
use super::tables::Tables;
use super::tree::Tree;
use super::verify::Verified;
use crate::outcome::per_second;
use crate::size::human;

/// How long the phases took.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Reading and adding.
    pub load: Duration,
    /// Reading again and comparing.
    pub verify: Duration,
}

/// The report; with `--format json` it is one object with these fields.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Entries in the tables.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Entries found equal to their file by `get` and by scan.
    pub verified: u64,
    /// Entries that are wrong, missing, or should not be there.
    pub mismatches: u64,
    /// Arena bytes in use beyond keys and values, per entry.
    pub overhead_bytes_per_entry: f64,
    /// Files read and added per second.
    pub ops_per_sec: f64,
    /// Entries added per second inside the table alone, per thread.
    pub adds_per_sec_per_thread: f64,
    /// Files that changed while they were loaded.
    pub changed: u64,
    /// Symbolic links and special files.
    pub skipped: u64,
    /// Files and directories that could not be read.
    pub unreadable: u64,
    /// Tables that were filled.
    pub tables: usize,
    /// Arena bytes in use.
    pub used_bytes: u64,
    /// Arena bytes allocated.
    pub allocated_bytes: u64,
    /// Allocated bytes per entry.
    pub allocated_bytes_per_entry: f64,
    /// Seconds to read and add all files.
    pub load_seconds: f64,
    /// Seconds to read and compare all files.
    pub verify_seconds: f64,
    /// Threads that loaded and verified.
    pub threads: usize,
    /// Whether unreadable files were declared acceptable.
    pub skip_unreadable: bool,
    /// Details of `mismatches`.
    pub mismatched_files: Vec<Note>,
    /// Details of `changed`.
    pub changed_files: Vec<Note>,
    /// Details of `skipped`.
    pub skipped_files: Vec<Note>,
    /// Details of `unreadable`.
    pub unreadable_files: Vec<Note>,
}

fn per_entry(bytes: u64, entries: u64) -> f64 {
    if entries == 0 {
        0.0
    } else {
        bytes as f64 / entries as f64
    }
}

impl Report {
    /// Adds the phases' results up.
    pub fn new(
        tree: Tree,
        filled: Filled,
        verified: Verified,
        tables: &Tables,
        timing: Timing,
    ) -> Self {
        let entries = filled.loaded.len() as u64;
        let bytes: u64 = filled
            .loaded
            .iter()
            .map(|loaded| loaded.length + loaded.file.key().len() as u64)
            .sum();
        let tables = tables.all();
        let usages: Vec<_> = tables.iter().map(|table| table.memory_usage()).collect();
        let used: u64 = usages.iter().map(|usage| usage.used as u64).sum();
        let allocated: u64 = usages.iter().map(|usage| usage.allocated as u64).sum();
        let mut unreadable_files = tree.unreadable;
        unreadable_files.extend(filled.unreadable);
        unreadable_files.extend(verified.unreadable);
        let mut changed_files = verified.changed;
        changed_files.extend(filled.vanished);
        Self {
            entries,
            bytes,
            verified: verified.verified,
            mismatches: verified.mismatches.len() as u64,
            overhead_bytes_per_entry: per_entry(used.saturating_sub(bytes), entries),
            ops_per_sec: per_second(entries, timing.load),
            adds_per_sec_per_thread: per_second(entries, filled.adding),
            changed: changed_files.len() as u64,
            skipped: tree.skipped.len() as u64,
            unreadable: unreadable_files.len() as u64,
            tables: tables.len(),
            used_bytes: used,
            allocated_bytes: allocated,
            allocated_bytes_per_entry: per_entry(allocated, entries),
            load_seconds: timing.load.as_secs_f64(),
            verify_seconds: timing.verify.as_secs_f64(),
            threads: 0,
            skip_unreadable: false,
            mismatched_files: verified.mismatches,
            changed_files,
            skipped_files: tree.skipped,
            unreadable_files,
        }
    }

    /// Whether every file that should be in a table is, and is right.
    pub fn passed(&self) -> bool {
        self.mismatches == 0 && (self.unreadable == 0 || self.skip_unreadable)
    }
}

/// Lines of a list that the text report shows; the JSON report shows all.
const SHOWN: usize = 20;

fn list(f: &mut fmt::Formatter<'_>, title: &str, notes: &[Note]) -> fmt::Result {
    if notes.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}: {}", notes.len())?;
    for note in notes.iter().take(SHOWN) {
        // Escaped: a file's name may hold anything, terminal commands included.
        writeln!(f, "  {}: {}", note.path.escape_debug(), note.reason)?;
    }
    if notes.len() > SHOWN {
        writeln!(
            f,
            "  and {} more (--format json lists all)",
            notes.len() - SHOWN
        )?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(
            f,
            "symbolic links and special files left out",
            &self.skipped_files,
        )?;
        list(f, "changed while loading", &self.changed_files)?;
        list(f, "unreadable", &self.unreadable_files)?;
        list(f, "MISMATCHES", &self.mismatched_files)?;
        let rate = self.bytes as f64 / self.load_seconds.max(f64::MIN_POSITIVE);
        writeln!(
            f,
            "loaded    {} files, {} in {:.2} s with {} threads into {} table(s): {:.0} files/s, {}/s",
            self.entries,
            human(self.bytes),
            self.load_seconds,
            self.threads,
            self.tables,
            self.ops_per_sec,
            human(rate as u64),
        )?;
        writeln!(
            f,
            "memory    {:.1} bytes used per entry beyond key and value, {:.1} allocated per entry; {} used, {} allocated",
            self.overhead_bytes_per_entry,
            self.allocated_bytes_per_entry,
            human(self.used_bytes),
            human(self.allocated_bytes),
        )?;
        writeln!(
            f,
            "verified  {} entries by get and by scan against the files in {:.2} s, {} mismatches",
            self.verified, self.verify_seconds, self.mismatches,
        )?;
        let verdict = if self.passed() { "ok" } else { "FAILED" };
        write!(f, "verdict   {verdict}")
    }
}
