//! `verimem load`: a directory tree into memtables, and every entry checked.
//!
//! 1. [`tree`] walks the directory and says which files there are.
//! 2. [`fill`] reads them with several threads and adds each to the current
//!    table of [`tables`], which starts another when one is full.
//! 3. [`verify`] reads every file again and compares it with what `get` finds
//!    and with what an ordered scan of all tables yields.
//!
//! Nothing is left out silently: whatever is not loaded, or not what it was,
//! ends in one of the report's lists with its reason.

mod fill;
mod report;
mod tables;
#[cfg(test)]
mod tests;
mod tree;
mod verify;

use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

use crate::cli::{Format, LoadArgs};
use crate::outcome::{self, Problem};
use crate::size::{human, machine_memory};
use report::{Report, Timing};
use tables::Tables;
use tree::Tree;

const LOADING: &str = "loading   {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta:>4}";
const VERIFYING: &str = "verifying {wide_bar} {pos}/{len} {per_sec} {eta:>4}";

/// A file, what became of it, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Path relative to the loaded directory; bytes that are not text are replaced.
    pub path: String,
    /// Why the file is listed.
    pub reason: String,
}

impl Note {
    fn new(path: &Path, reason: impl ToString) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Loads and verifies the tree under `arguments.path`.
pub fn run(arguments: &LoadArgs) -> Result<Report, Problem> {
    let threads = match arguments.threads {
        Some(threads) => usize::from(threads),
        None => available_parallelism().map_or(1, usize::from),
    };
    let hidden = arguments.quiet || arguments.format == Format::Json;
    let limit = arguments
        .memory_limit
        .unwrap_or_else(|| machine_memory() / 4 * 3);
    let tables = Tables::new(arguments)?;

    let tree = Tree::walk(&arguments.path);
    if tree.files.is_empty() && tree.unreadable.is_empty() {
        return Err(nothing_to_load(&arguments.path, tree.skipped.len()));
    }
    let needed = tree.expected_memory(threads);
    if needed > limit {
        return Err(does_not_fit(needed, limit));
    }

    let bar = outcome::progress(tree.bytes(), LOADING, hidden);
    let started = Instant::now();
    let filled = fill::fill(&arguments.path, &tree.files, &tables, threads, limit, &bar)?;
    let load = started.elapsed();
    bar.finish_and_clear();

    let bar = outcome::progress(filled.loaded.len() as u64, VERIFYING, hidden);
    let started = Instant::now();
    let verified = verify::verify(&arguments.path, &filled.loaded, &tables, threads, &bar);
    let timing = Timing {
        load,
        verify: started.elapsed(),
    };
    bar.finish_and_clear();

    let mut report = Report::new(tree, filled, verified, &tables, timing);
    report.threads = threads;
    report.skip_unreadable = arguments.skip_unreadable;
    Ok(report)
}

fn nothing_to_load(path: &Path, skipped: usize) -> Problem {
    let mut text = format!("nothing to load under {}", path.display());
    if skipped > 0 {
        text += &format!(" ({skipped} symbolic links or special files left out)");
    }
    Problem::Failure(text)
}

fn does_not_fit(needed: u64, limit: u64) -> Problem {
    Problem::Failure(format!(
        "the tree needs about {}, more than the memory limit of {} (--memory-limit raises it)",
        human(needed),
        human(limit)
    ))
}

/// Runs `work` in `threads` threads and collects what each made.
fn in_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        running
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(made) => made,
                // The panic is a bug either way; keep its own message and place.
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
