//! The file of `--resume`: a header, then a line of JSON for each stage that was measured.
//!
//! Figures of different builds or settings do not belong in one report, so a file with another header
//! is refused. A run that was killed may leave half a line at the end; that one is dropped.

use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::lane::Lanes;
use crate::options::Options;
use crate::plan::Name;
use crate::rounds::Outcome;
use crate::stage::Stage;

/// What every line of a file depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// What kind of file this is.
    journal: String,
    /// The version of the harness.
    version: String,
    /// A checksum of the program that measured.
    build: String,
    /// `--seed`.
    seed: u64,
    /// `--rounds`, if it was given.
    rounds: Option<usize>,
    /// `--quick`.
    quick: bool,
    /// The subjects, in their order.
    subjects: Vec<String>,
    /// `--huge-pages`.
    huge_pages: bool,
    /// `--linear-fill-limit`.
    linear_fill_limit: usize,
}

/// A stage that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    cell: Name,
    stage: String,
    steps: Vec<String>,
    outcome: Outcome,
}

/// An open file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    lines: Vec<Line>,
    /// What to tell about the file.
    pub notes: Vec<String>,
}

impl Header {
    /// The header of a run with `options`.
    ///
    /// # Errors
    ///
    /// This program's own file cannot be read.
    pub fn new(options: &Options, lanes: &Lanes) -> Result<Self, String> {
        let program = std::env::current_exe().and_then(std::fs::read);
        let program = program.map_err(|e| format!("cannot read this program's own file: {e}"))?;
        let mut hasher = DefaultHasher::new();
        program.hash(&mut hasher);
        Ok(Self {
            journal: "verimem compare".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            build: format!("{:016x}", hasher.finish()),
            seed: options.seed,
            rounds: options.rounds,
            quick: options.quick,
            subjects: lanes.iter().map(|lane| lane.name().to_owned()).collect(),
            huge_pages: options.huge_pages,
            linear_fill_limit: options.linear_fill_limit,
        })
    }

    /// The names of the fields in which two headers differ, with both values.
    fn differences(&self, other: &Self) -> Vec<String> {
        let (mine, theirs) = (serde_json::json!(self), serde_json::json!(other));
        let fields = mine.as_object().into_iter().flatten();
        fields
            .filter(|(name, value)| theirs[*name] != **value)
            .map(|(name, value)| format!("{name} is {} there and {value} here", theirs[name]))
            .collect()
    }
}

/// The steps of a stage as text.
fn steps(stage: &Stage) -> Vec<String> {
    let text = |step| format!("{step:?}");
    stage.steps.iter().map(text).collect()
}

impl Journal {
    /// Opens `path`, or makes it.
    ///
    /// # Errors
    ///
    /// The file cannot be used, is none of these, or is one of a run with another header.
    pub fn open(path: &Path, header: &Header) -> Result<Self, String> {
        let wrong = |what: &str| format!("{}: {what}", path.display());
        let io = |error: std::io::Error| wrong(&error.to_string());
        let text = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(io(error)),
        };
        let whole = text
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        let mut good = 0;
        let mut lines = Vec::new();
        let mut damage = (whole < text.len()).then_some("it has no end");
        for (index, line) in text[..whole]
            .split_inclusive(|&byte| byte == b'\n')
            .enumerate()
        {
            let last = good + line.len() == text.len();
            if index == 0 {
                let there: Header = serde_json::from_slice(line)
                    .map_err(|_| wrong("not a file of `compare --resume`"))?;
                let differences = header.differences(&there);
                if !differences.is_empty() {
                    return Err(wrong(&format!(
                        "kept by a run with other parameters ({}); name another file",
                        differences.join(", ")
                    )));
                }
            } else {
                match serde_json::from_slice::<Line>(line) {
                    Ok(line) => lines.push(line),
                    Err(_) if last => {
                        damage = Some("it is not sound");
                        break;
                    }
                    Err(error) => {
                        return Err(wrong(&format!("line {} is damaged: {error}", index + 1)));
                    }
                }
            }
            good += line.len();
        }
        // A lone line without an end may be anybody's file: it is not overwritten.
        if good == 0 && !text.is_empty() && !is_start_of_header(&text) {
            return Err(wrong("not a file of `compare --resume`"));
        }
        let mut notes = Vec::new();
        if let Some(damage) = damage {
            notes.push(wrong(&format!("the last line was dropped: {damage}")));
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path).map_err(io)?;
        file.set_len(good as u64).map_err(io)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            lines,
            notes,
        };
        if good == 0 {
            journal.append(header)?;
        }
        Ok(journal)
    }

    /// What a stage of a cell gave, if it is there.
    #[must_use]
    pub fn find(&self, cell: &Name, stage: &Stage) -> Option<&Outcome> {
        let same = |line: &&Line| {
            line.cell == *cell && line.stage == stage.name && line.steps == steps(stage)
        };
        self.lines.iter().find(same).map(|line| &line.outcome)
    }

    /// Keeps what a stage gave.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn keep(&mut self, cell: &Name, stage: &Stage, outcome: &Outcome) -> Result<(), String> {
        let line = Line {
            cell: cell.clone(),
            stage: stage.name.clone(),
            steps: steps(stage),
            outcome: outcome.clone(),
        };
        self.append(&line)?;
        self.lines.push(line);
        Ok(())
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), String> {
        let mut text = serde_json::to_vec(line).map_err(|error| error.to_string())?;
        text.push(b'\n');
        let written = self
            .file
            .write_all(&text)
            .and_then(|()| self.file.sync_data());
        written.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// Whether `text` is what a run leaves that is killed while it writes its header.
fn is_start_of_header(text: &[u8]) -> bool {
    let start = b"{\"journal\":\"verimem compare\"";
    let length = text.len().min(start.len());
    text[..length] == start[..length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Outcome;
    use crate::workload::Workload;
    use clap::Parser;

    fn header(words: &[&str]) -> Header {
        let options = Options::parse_from([&["compare"], words].concat());
        Header::new(&options, &options.lanes().unwrap()).unwrap()
    }

    fn cell(entries: usize) -> Name {
        Name {
            entries,
            keys: "random16".into(),
            values: 1,
            pages: "cold".into(),
            rounds: 2,
        }
    }

    fn outcome(over: f64) -> Outcome {
        Outcome {
            series: Vec::new(),
            overheads: vec![Some(over), None],
        }
    }

    /// A path of this test's own, with nothing there.
    fn path(name: &str) -> PathBuf {
        let file = format!("verimem-journal-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        let _ = std::fs::remove_file(&path);
        path
    }

    fn stage() -> Stage {
        Stage::all(&[Workload::GetHit], &[1]).remove(0)
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let (path, header, stage) = (path("kept"), header(&[]), stage());
        let mut journal = Journal::open(&path, &header).unwrap();
        assert_eq!(journal.find(&cell(1), &stage), None);
        journal.keep(&cell(1), &stage, &outcome(1.5)).unwrap();
        journal.keep(&cell(2), &stage, &outcome(2.5)).unwrap();
        let journal = Journal::open(&path, &header).unwrap();
        assert!(journal.notes.is_empty());
        assert_eq!(journal.find(&cell(2), &stage), Some(&outcome(2.5)));
        assert_eq!(journal.find(&cell(3), &stage), None);
        let other = Stage::all(&[Workload::GetHit], &[2]).remove(0);
        assert_eq!(journal.find(&cell(1), &other), None, "other steps");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn half_a_line_is_dropped_and_the_rest_stays() {
        let (path, header, stage) = (path("half"), header(&[]), stage());
        let mut journal = Journal::open(&path, &header).unwrap();
        journal.keep(&cell(1), &stage, &outcome(1.0)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        journal.keep(&cell(2), &stage, &outcome(2.0)).unwrap();
        let longer = std::fs::read(&path).unwrap();
        let mut spoilt = longer.clone();
        spoilt[whole.len() + 5] = b'}';
        let cut = longer[..longer.len() - 9].to_vec();
        for damaged in [cut, spoilt] {
            std::fs::write(&path, damaged).unwrap();
            let mut journal = Journal::open(&path, &header).unwrap();
            assert_eq!(journal.notes.len(), 1);
            assert!(journal.find(&cell(1), &stage).is_some());
            assert!(journal.find(&cell(2), &stage).is_none());
            assert_eq!(std::fs::read(&path).unwrap(), whole);
            journal.keep(&cell(2), &stage, &outcome(2.0)).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), longer);
        }
        std::fs::write(&path, &longer[..20]).unwrap();
        let journal = Journal::open(&path, &header).unwrap();
        assert_eq!(journal.notes.len(), 1, "a header that was cut off");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_damaged_line_before_the_last_is_an_error() {
        let (path, header, stage) = (path("middle"), header(&[]), stage());
        let mut journal = Journal::open(&path, &header).unwrap();
        let start = std::fs::read(&path).unwrap().len();
        journal.keep(&cell(1), &stage, &outcome(1.0)).unwrap();
        journal.keep(&cell(2), &stage, &outcome(2.0)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[start] = b'x';
        std::fs::write(&path, bytes).unwrap();
        let error = Journal::open(&path, &header).unwrap_err();
        assert!(error.contains("line 2 is damaged"), "{error}");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn other_parameters_are_refused_by_name() {
        let path = path("other");
        Journal::open(&path, &header(&[])).unwrap();
        for (words, field) in [
            (&["--seed", "7"][..], "seed is 42 there and 7 here"),
            (&["--rounds", "4"], "rounds is null there and 4 here"),
            (&["--subjects", "memtable"], "subjects"),
        ] {
            let error = Journal::open(&path, &header(words)).unwrap_err();
            assert!(error.contains(field), "{error}");
        }
        let mut other = header(&[]);
        other.build = "0".into();
        assert!(Journal::open(&path, &other).unwrap_err().contains("build"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn somebody_elses_file_is_left_alone() {
        let path = path("else");
        for text in ["no JSON\n", "{}\n", "no end", "{\"a\":1}"] {
            std::fs::write(&path, text).unwrap();
            let error = Journal::open(&path, &header(&[])).unwrap_err();
            assert!(error.contains("not a file"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), text.as_bytes());
        }
        std::fs::remove_file(path).unwrap();
    }
}
