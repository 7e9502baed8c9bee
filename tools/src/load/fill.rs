//! Reading the files and adding them to the tables.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use indicatif::ProgressBar;
use verimem::encoded_len;

use super::tables::Tables;
use super::tree::File;
use super::{Note, does_not_fit, in_threads};
use crate::outcome::Problem;
use crate::size::human;

/// What tells whether a file is still the one that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// Of an open file, so that a renamed path cannot mislead.
    pub fn of(file: &fs::File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

/// A file that is in a table.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The file.
    pub file: File,
    /// Its entry's sequence number.
    pub sequence: u64,
    /// The file's stamp before it was read; `None` if it changed meanwhile.
    pub stamp: Option<Stamp>,
    /// Bytes of its value.
    pub length: u64,
}

/// What came of all files.
#[derive(Debug, Default)]
pub struct Filled {
    /// Files that are in a table, by ascending key.
    pub loaded: Vec<Loaded>,
    /// Files that could not be read, or do not fit an entry.
    pub unreadable: Vec<Note>,
    /// Files that were gone before they could be read.
    pub vanished: Vec<Note>,
    /// Time inside `add`, summed over the threads.
    pub adding: Duration,
    problem: Option<Problem>,
}

/// How much longer than its length a file may turn out to be: a log that is
/// being written does, and so does the most of /proc.
const GROWTH: u64 = 64 << 20;

/// A thread's buffer that has grown beyond this is not kept for the next file.
const KEPT_BUFFER: usize = 16 << 20;

struct Filler<'a> {
    root: &'a Path,
    files: &'a [File],
    tables: &'a Tables,
    limit: u64,
    bar: &'a ProgressBar,
    turn: AtomicUsize,
    sequence: AtomicU64,
    taken: AtomicU64,
    stop: AtomicBool,
}

/// Loads `files`; fails only when going on makes no sense.
pub fn fill(
    root: &Path,
    files: &[File],
    tables: &Tables,
    threads: usize,
    limit: u64,
    bar: &ProgressBar,
) -> Result<Filled, Problem> {
    let filler = Filler {
        root,
        files,
        tables,
        limit,
        bar,
        turn: AtomicUsize::new(0),
        sequence: AtomicU64::new(1),
        taken: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    let mut all = Filled::default();
    for part in in_threads(threads, || filler.work()) {
        all.loaded.extend(part.loaded);
        all.unreadable.extend(part.unreadable);
        all.vanished.extend(part.vanished);
        all.adding += part.adding;
        all.problem = all.problem.or(part.problem);
    }
    if let Some(problem) = all.problem {
        return Err(problem);
    }
    all.loaded.sort_by(|a, b| a.file.key().cmp(b.file.key()));
    Ok(all)
}

impl Filler<'_> {
    fn work(&self) -> Filled {
        let mut made = Filled::default();
        let mut content = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            // Only hands out turns; what it guards was there before the threads.
            let Some(file) = self.files.get(self.turn.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            match self.read(file, &mut content) {
                Ok(stamp) => self.add(file, &content, stamp, &mut made),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    made.vanished
                        .push(Note::new(&file.relative, "gone before it was read"));
                }
                Err(error) => made.unreadable.push(Note::new(&file.relative, error)),
            }
            if content.capacity() > KEPT_BUFFER {
                content = Vec::new();
            }
            self.bar.inc(file.length);
        }
        made
    }

    /// Reads a whole file; the stamp is `None` if it changed meanwhile.
    fn read(&self, file: &File, content: &mut Vec<u8>) -> io::Result<Option<Stamp>> {
        content.clear();
        let mut open = fs::File::open(self.root.join(&file.relative))?;
        let before = Stamp::of(&open)?;
        let key_length = file.key().len();
        let fits = |length: u64| {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            encoded_len(key_length, length, self.tables.protection()).map_err(io::Error::other)
        };
        // Before it is read: what fits no entry need not be read at all.
        fits(before.length)?;
        // A file may have grown since the walk, or (as in /proc) claim no
        // length, and have no end: what was claimed and some more is read.
        let most = before.length.saturating_add(GROWTH);
        let read = Read::by_ref(&mut open)
            .take(most + 1)
            .read_to_end(content)? as u64;
        if read > most {
            let text = format!("more than {} beyond its length", human(GROWTH));
            return Err(io::Error::other(text));
        }
        fits(read)?;
        let unchanged = read == before.length && Stamp::of(&open)? == before;
        Ok(unchanged.then_some(before))
    }

    fn add(&self, file: &File, content: &[u8], stamp: Option<Stamp>, made: &mut Filled) {
        let key = file.key();
        let length = match encoded_len(key.len(), content.len(), self.tables.protection()) {
            Ok(length) => length as u64,
            Err(error) => return made.unreadable.push(Note::new(&file.relative, error)),
        };
        let taken = self
            .taken
            .fetch_add(length, Ordering::Relaxed)
            .saturating_add(length);
        if taken > self.limit {
            return self.give_up(made, does_not_fit(taken, self.limit));
        }
        // Relaxed: the numbers have to differ, and say nothing about an order.
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let result = self.tables.add(sequence, key, content);
        made.adding += started.elapsed();
        match result {
            Ok(()) => made.loaded.push(Loaded {
                file: file.clone(),
                sequence,
                stamp,
                length: content.len() as u64,
            }),
            Err(error) => {
                let text = format!("cannot add {}: {error}", file.relative.display());
                self.give_up(made, Problem::Failure(text));
            }
        }
    }

    fn give_up(&self, made: &mut Filled, problem: Problem) {
        made.problem = Some(problem);
        self.stop.store(true, Ordering::Relaxed);
    }
}
