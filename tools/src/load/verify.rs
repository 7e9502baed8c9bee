//! Comparing the tables with the file system.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;
use verimem::EntryRef;
use verimem::Kind;
use verimem::MemTable;

use super::fill::{Loaded, Stamp};
use super::tables::Tables;
use super::{Note, in_threads};

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Entries equal to their file, by `get` and by scan.
    pub verified: u64,
    /// Entries that are wrong, missing, or should not be there.
    pub mismatches: Vec<Note>,
    /// Entries whose file could not be read again.
    pub unreadable: Vec<Note>,
    /// Entries that differ from a file that changed while it was loaded.
    pub changed: Vec<Note>,
}

/// Files per turn: enough that a turn's first seek does not matter, few enough
/// that no thread is left with a long tail.
const TURN: usize = 256;

/// Bytes of a file that are read at once.
const BUFFER: usize = 1 << 18;

/// Reads every loaded file again and compares it with `get` and with an
/// ordered scan of all tables, in which each key appears once and nothing else.
pub fn verify(
    root: &Path,
    loaded: &[Loaded],
    tables: &Tables,
    threads: usize,
    bar: &ProgressBar,
) -> Verified {
    let tables = tables.all();
    let turn = AtomicUsize::new(0);
    let turns = loaded.len().div_ceil(TURN);
    let parts = in_threads(threads, || {
        let mut verifier = Verifier {
            root,
            tables: &tables,
            bar,
            made: Verified::default(),
            buffer: vec![0; BUFFER],
        };
        loop {
            let number = turn.fetch_add(1, Ordering::Relaxed);
            if number >= turns {
                return verifier.made;
            }
            let start = number * TURN;
            let end = loaded.len().min(start + TURN);
            verifier.range(&loaded[start..end], start == 0, loaded.get(end));
        }
    });
    let mut all = Verified::default();
    for part in parts {
        all.verified += part.verified;
        all.mismatches.extend(part.mismatches);
        all.changed.extend(part.changed);
        all.unreadable.extend(part.unreadable);
    }
    all.mismatches.sort_by(|a, b| a.path.cmp(&b.path));
    all.changed.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

struct Verifier<'a> {
    root: &'a Path,
    tables: &'a [Arc<MemTable>],
    bar: &'a ProgressBar,
    made: Verified,
    buffer: Vec<u8>,
}

impl Verifier<'_> {
    /// Scans from the range's first key up to `next`, the first key behind it.
    fn range(&mut self, range: &[Loaded], first: bool, next: Option<&Loaded>) {
        let Some(start) = range.first() else { return };
        let tables = self.tables;
        let mut scan = Scan::new(tables, (!first).then(|| start.file.key()));
        for expected in range {
            if self.scan_to(&mut scan, Some(expected)) {
                self.compare(expected, scan.entry());
                scan.advance();
            } else {
                self.mismatch_key(expected.file.key(), "the scan misses it");
            }
            self.bar.inc(1);
        }
        self.scan_to(&mut scan, next);
    }

    /// Moves to the expected entry, whatever lies before it should not be
    /// there. Answers whether the expected entry is.
    fn scan_to(&mut self, scan: &mut Scan<'_>, expected: Option<&Loaded>) -> bool {
        while let Some(key) = scan.key() {
            match expected.map(|expected| key.cmp(expected.file.key())) {
                Some(std::cmp::Ordering::Equal) => return true,
                Some(std::cmp::Ordering::Greater) => return false,
                Some(std::cmp::Ordering::Less) | None => {
                    self.mismatch_key(key, "the scan yields it out of order, twice or unasked");
                    scan.advance();
                }
            }
        }
        false
    }

    fn mismatch_key(&mut self, key: &[u8], reason: impl ToString) {
        let path = String::from_utf8_lossy(key).into_owned();
        self.made.mismatches.push(Note {
            path,
            reason: reason.to_string(),
        });
    }

    fn compare(&mut self, expected: &Loaded, scanned: verimem::Result<Option<EntryRef<'_>>>) {
        let key = expected.file.key();
        let scanned = match scanned {
            Ok(Some(entry)) => entry,
            Ok(None) => return self.mismatch_key(key, "the scan loses it"),
            Err(error) => return self.mismatch_key(key, format!("scan fails: {error}")),
        };
        if (scanned.sequence, scanned.kind) != (expected.sequence, Kind::VALUE) {
            let reason = format!(
                "sequence {} and kind {:?} where {} was added",
                scanned.sequence, scanned.kind, expected.sequence
            );
            return self.mismatch_key(key, reason);
        }
        match Tables::get(self.tables, key) {
            Ok(got) if got == (scanned.sequence, scanned.value) => {}
            Ok(_) => return self.mismatch_key(key, "get and scan disagree"),
            Err(reason) => return self.mismatch_key(key, reason),
        }
        self.compare_with_file(expected, scanned.value);
    }

    fn compare_with_file(&mut self, expected: &Loaded, value: &[u8]) {
        let path = &expected.file.relative;
        let stamp = match self.file_is(path, value) {
            Ok((_, true)) => {
                self.made.verified += 1;
                return;
            }
            Ok((stamp, false)) => stamp,
            Err(error) => {
                let gone = error.kind() == io::ErrorKind::NotFound;
                let list = if gone {
                    &mut self.made.changed
                } else {
                    &mut self.made.unreadable
                };
                let reason = format!("cannot be read again: {error}");
                return list.push(Note::new(path, reason));
            }
        };
        if expected.stamp == Some(stamp) {
            self.made
                .mismatches
                .push(Note::new(path, "the entry differs from the file"));
        } else {
            self.made
                .changed
                .push(Note::new(path, "changed while loading"));
        }
    }

    /// Whether the file's content is `value`, with the file's stamp. Reads piece
    /// by piece: a second copy of a large file might not fit beside the table.
    fn file_is(&mut self, relative: &Path, value: &[u8]) -> io::Result<(Stamp, bool)> {
        let mut open = fs::File::open(self.root.join(relative))?;
        let stamp = Stamp::of(&open)?;
        let mut rest = value;
        loop {
            let read = match open.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            };
            if read == 0 {
                return Ok((stamp, rest.is_empty()));
            }
            match rest.strip_prefix(&self.buffer[..read]) {
                Some(behind) => rest = behind,
                None => return Ok((stamp, false)),
            }
        }
    }
}

/// An ordered scan over several tables.
struct Scan<'t> {
    cursors: Vec<Cursor<'t>>,
    smallest: Option<usize>,
}

type Cursor<'t> = verimem::rep::Cursor<&'t MemTable>;

impl<'t> Scan<'t> {
    /// Starts at the first key not below `from`, or at the very first.
    fn new(tables: &'t [Arc<MemTable>], from: Option<&[u8]>) -> Self {
        let cursors = tables
            .iter()
            .map(|table| {
                let mut cursor = table.iter();
                match from {
                    Some(key) => cursor.seek(key, verimem::MAX_SEQUENCE_NUMBER),
                    None => cursor.seek_to_first(),
                }
                cursor
            })
            .collect();
        let mut scan = Self {
            cursors,
            smallest: None,
        };
        scan.choose();
        scan
    }

    fn key(&self) -> Option<&[u8]> {
        let (key, _) = self.cursors[self.smallest?].key()?;
        Some(key)
    }

    fn entry(&self) -> verimem::Result<Option<EntryRef<'_>>> {
        self.smallest
            .map_or(Ok(None), |index| self.cursors[index].entry())
    }

    fn advance(&mut self) {
        if let Some(index) = self.smallest {
            self.cursors[index].next();
            self.choose();
        }
    }

    fn choose(&mut self) {
        let keys = self.cursors.iter().enumerate();
        let keys = keys.filter_map(|(index, cursor)| Some((cursor.key()?.0, index)));
        self.smallest = keys.min().map(|(_, index)| index);
    }
}
