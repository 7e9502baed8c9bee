//! The command line of `compare`.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

use crate::growth;
use crate::heap::Pages;
use crate::keys::KeyShape;
use crate::lane::{Lane, Runner};
use crate::plan::{ENTRIES, Matrix, REACH, Spec, VALUES};
use crate::subject::Plan;
#[cfg(target_os = "linux")]
use crate::subjects::InlineSkipList;
use crate::subjects::{Any, Crossbeam, MemTable, SkipList, Skl};
use crate::workload::Workload;

/// Compares verimem with its peers in one process, in interleaved rounds, on the same keys.
///
/// Without --entries, --keys and --values: nine rounds over 1 000 000 entries with random keys of 16
/// bytes and values of 100 (fills on cold and on recycled pages), then three rounds over so many
/// other cells that each pair of an entry count, a key shape, a value length and a kind of pages is
/// measured. With any of them: nine rounds over the cells they name.
///
/// Each round measures every subject on every workload, in an order that rotates from round to
/// round; ratios are taken within a round, then the median, the lowest and the highest are shown.
/// One warm-up round is not counted. Making the empty table is inside the clock of a fill, freeing it
/// is not. Keys and values are made before the clock starts, every byte read is folded into a
/// checksum, and the run fails unless all subjects give the same answers.
#[derive(Debug, Clone, Parser)]
#[command(name = "compare", version)]
#[allow(clippy::struct_excessive_bools)]
pub struct Options {
    /// Entries per table, at most 100000000 [default: 1000000]
    #[arg(long, value_delimiter = ',', value_parser = parse_entries)]
    pub entries: Vec<usize>,
    /// Shapes of the keys: `randomN` (N random bytes, 8 to 256), `shared32` (16 bytes that all share,
    /// then 16 random ones), `seq8` (big-endian numbers) [default: random16]
    #[arg(long, value_delimiter = ',')]
    pub keys: Vec<KeyShape>,
    /// Lengths of the values in bytes, at most 65536 [default: 100]
    #[arg(long, value_delimiter = ',', value_parser = parse_value_len)]
    pub values: Vec<usize>,
    /// Fresh pages from the system for each table, or those of the tables before [default: cold
    /// where cells are named, both otherwise]
    #[arg(long)]
    pub pages: Option<PagesChoice>,
    /// Rounds that count, at most 1000 [default: 9, and 3 for all but the first cell of the default
    /// plan and with --growth]
    #[arg(long, value_parser = parse_rounds)]
    pub rounds: Option<usize>,
    /// Small tables, two rounds: a check that all works, not a measurement
    #[arg(long)]
    pub quick: bool,
    /// Curves instead of ratios: over the number of entries, the length of keys, and threads
    #[arg(long, conflicts_with_all = ["entries", "keys", "values", "pages", "workloads", "threads"])]
    pub growth: bool,
    /// Workloads [default: all]
    #[arg(long, value_delimiter = ',')]
    pub workloads: Vec<Workload>,
    /// Subjects [default: all but anymemtable]
    #[arg(long, value_delimiter = ',')]
    pub subjects: Vec<SubjectName>,
    /// Thread counts of fillrandom, of lookups, seeks and scans, at most 256 [default: 1,2]
    #[arg(long, value_delimiter = ',', value_parser = parse_threads)]
    pub threads: Vec<usize>,
    /// Ask for huge pages where a subject can; leaves inlineskiplist out, whose arena has none of
    /// that kind
    #[arg(long)]
    pub huge_pages: bool,
    /// Entries above which a subject whose insertion takes linear time (skl) is not timed filling:
    /// its tables are then filled off the clock in descending order, which lays them out in key
    /// order. That flatters its lookups and seeks; its scans are timed on sequentially filled tables
    /// only
    #[arg(long, default_value_t = 10_000)]
    pub linear_fill_limit: usize,
    /// Seeds keys, orders and values
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Keep what is measured in this file, and do not measure again what is there
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Draw the results as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Write the report to this file, not to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How results are written. JSON is an array of rows with `workload`,
    /// `entries`, `keys`, `values`, `pages`, `rounds`, `threads`, `subject`, `peer` and
    /// `ratio_median`, `ratio_low`, `ratio_high`: subject over peer, in operations per second
    /// (`subject_median`, `peer_median`). In rows whose workload is `memory` these are bytes per
    /// entry over the payload, so lower is better. With --growth, rows have `curve`, `subject` and
    /// `median`, `low`, `high` in operations per second instead of a peer and ratios
    #[arg(long, default_value = "text", verbatim_doc_comment)]
    pub format: Format,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table per cell of the matrix.
    Text,
    /// An array of rows.
    Json,
}

/// `--pages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PagesChoice {
    /// Fresh pages.
    Cold,
    /// Used ones.
    Recycled,
    /// Each kind, apart.
    Both,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SubjectName {
    /// verimem's memtable.
    Memtable,
    /// verimem's memtable on a representation that is chosen when the program runs, as a peer; only
    /// if it is named.
    #[value(name = "anymemtable")]
    AnyMemtable,
    /// verimem's skiplist alone.
    Skiplist,
    /// RocksDB's InlineSkipList.
    #[cfg(target_os = "linux")]
    #[value(name = "inlineskiplist")]
    InlineSkipList,
    /// crossbeam-skiplist.
    Crossbeam,
    /// skl.
    Skl,
}

impl SubjectName {
    /// A lane for this subject.
    #[must_use]
    pub fn lane(self) -> Box<dyn Lane> {
        match self {
            Self::Memtable => Runner::<MemTable>::boxed(),
            Self::AnyMemtable => Runner::<MemTable<Any>>::boxed(),
            Self::Skiplist => Runner::<SkipList>::boxed(),
            #[cfg(target_os = "linux")]
            Self::InlineSkipList => Runner::<InlineSkipList>::boxed(),
            Self::Crossbeam => Runner::<Crossbeam>::boxed(),
            Self::Skl => Runner::<Skl>::boxed(),
        }
    }
}

fn parse_within(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.replace('_', "").parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(_) => Err(format!("not from {least} to {most}")),
        Err(error) => Err(format!("{error}")),
    }
}

fn parse_entries(text: &str) -> Result<usize, String> {
    parse_within(text, 1, 100_000_000)
}

fn parse_value_len(text: &str) -> Result<usize, String> {
    parse_within(text, 0, 1 << 16)
}

fn parse_rounds(text: &str) -> Result<usize, String> {
    parse_within(text, 1, 1000)
}

fn parse_threads(text: &str) -> Result<usize, String> {
    parse_within(text, 1, 256)
}

/// The list that was given, each value once, or the default.
fn given_or<T: Clone + PartialEq>(given: &[T], default: &[T]) -> Vec<T> {
    let mut list = Vec::new();
    for value in if given.is_empty() { default } else { given } {
        if !list.contains(value) {
            list.push(value.clone());
        }
    }
    list
}

impl Options {
    /// The cells to measure, in order.
    ///
    /// # Errors
    ///
    /// What was asked for and cannot be measured.
    pub fn cells(&self) -> Result<Vec<Spec>, String> {
        let cells = if self.growth {
            growth::cells(self.quick, self.rounds)
        } else if self.entries.is_empty() && self.keys.is_empty() && self.values.is_empty() {
            self.default_plan()
        } else {
            self.named_cells()
        };
        let skl = self.names()?.contains(&SubjectName::Skl);
        for cell in &cells {
            if !cell.pages.supported() {
                return Err("recycled pages need glibc".into());
            }
            if skl && u32::try_from(self.plan(cell).bytes()).is_err() {
                return Err(format!(
                    "skl's arena ends at 4 GiB, which is too small for {}; name the others with \
                     --subjects",
                    cell.name()
                ));
            }
        }
        Ok(cells)
    }

    fn spec(&self, choice: (usize, KeyShape, usize, Pages), rounds: usize) -> Spec {
        let (entries, keys, values, pages) = choice;
        Spec {
            entries,
            keys,
            values,
            pages,
            rounds: self.rounds.unwrap_or(if self.quick { 2 } else { rounds }),
            workloads: given_or(&self.workloads, &Workload::ALL),
            threads: given_or(&self.threads, &[1, 2]),
        }
    }

    fn pages(&self, default: &[Pages]) -> Vec<Pages> {
        match self.pages {
            None => default.to_vec(),
            Some(PagesChoice::Cold) => vec![Pages::Cold],
            Some(PagesChoice::Recycled) => vec![Pages::Recycled],
            Some(PagesChoice::Both) => Pages::ALL.to_vec(),
        }
    }

    fn named_cells(&self) -> Vec<Spec> {
        let entries = if self.quick { 2_000 } else { REACH.0 };
        let matrix = Matrix {
            entries: given_or(&self.entries, &[entries]),
            keys: given_or(&self.keys, &[REACH.1]),
            values: given_or(&self.values, &[REACH.2]),
            pages: self.pages(&[Pages::Cold]),
        };
        let all = matrix.all().into_iter();
        all.map(|choice| self.spec(choice, 9)).collect()
    }

    /// The reach rows, then a pairwise cover of the rest.
    fn default_plan(&self) -> Vec<Spec> {
        let default = if Pages::Recycled.supported() {
            &Pages::ALL[..]
        } else {
            &[Pages::Cold]
        };
        let entries = if self.quick { [500, 2_000] } else { ENTRIES };
        let matrix = Matrix {
            entries: entries.to_vec(),
            keys: KeyShape::MATRIX.to_vec(),
            values: VALUES.to_vec(),
            pages: self.pages(default),
        };
        let (first, others) = matrix.pages.split_first().expect("at least one kind");
        let reach = (entries[1], REACH.1, REACH.2, *first);
        let mut cells = vec![self.spec(reach, 9)];
        for &pages in others {
            let mut cell = self.spec((reach.0, reach.1, reach.2, pages), 9);
            // Where pages come from matters to fills only.
            cell.workloads.retain(|one| Workload::FILLS.contains(one));
            cells.push(cell);
        }
        let cover = matrix.pairwise(&[reach]).into_iter();
        cells.extend(cover.map(|choice| self.spec(choice, 3)));
        cells.retain(|cell| !cell.workloads.is_empty());
        cells
    }

    /// What the tables of a cell are told.
    #[must_use]
    pub const fn plan(&self, cell: &Spec) -> Plan {
        Plan {
            entries: cell.entries,
            payload: cell.keys.key_len() + cell.values,
            shared_prefix: cell.keys.shared_prefix(cell.entries),
            huge_pages: self.huge_pages,
            pages: cell.pages,
            linear_fill_limit: self.linear_fill_limit,
            bloom: false,
        }
    }

    /// The subjects that were chosen.
    ///
    /// # Errors
    ///
    /// Says so if one of them cannot do what another flag asks for.
    pub fn names(&self) -> Result<Vec<SubjectName>, String> {
        #[allow(unused_mut)]
        let mut names = given_or(&self.subjects, SubjectName::value_variants());
        if self.subjects.is_empty() {
            names.retain(|&name| name != SubjectName::AnyMemtable);
        }
        #[cfg(target_os = "linux")]
        if self.huge_pages {
            if self.subjects.contains(&SubjectName::InlineSkipList) {
                return Err(concat!(
                    "inlineskiplist takes no --huge-pages: its arena knows reserved huge pages ",
                    "only, verimem's transparent ones, so the two would not be alike"
                )
                .into());
            }
            names.retain(|&name| name != SubjectName::InlineSkipList);
        }
        Ok(names)
    }

    /// A lane per subject.
    ///
    /// # Errors
    ///
    /// As for [`names`](Self::names).
    pub fn lanes(&self) -> Result<Vec<Box<dyn Lane>>, String> {
        let names = self.names()?;
        Ok(names.into_iter().map(SubjectName::lane).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Options {
        Options::parse_from([&["compare"], words].concat())
    }

    #[test]
    fn the_command_line_is_sound_and_names_agree() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        for name in SubjectName::value_variants() {
            let value = name
                .to_possible_value()
                .map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(name.lane().name()));
        }
    }

    #[test]
    fn the_default_plan_is_the_reach_rows_and_a_cover() {
        let cells = parse(&[]).cells().unwrap();
        assert_eq!((cells[0].entries, cells[0].rounds), (1_000_000, 9));
        assert_eq!(cells[0].workloads, Workload::ALL);
        let pages: Vec<Pages> = cells.iter().map(|cell| cell.pages).collect();
        assert!(pages.contains(&Pages::Cold));
        assert_eq!(
            pages.contains(&Pages::Recycled),
            Pages::Recycled.supported()
        );
        let cover: Vec<&Spec> = cells.iter().filter(|cell| cell.rounds == 3).collect();
        assert!(cover.len() >= 4 && cover.iter().any(|cell| cell.entries == 100_000));
        for (index, cell) in cells.iter().enumerate() {
            let earlier = &cells[..index];
            assert!(earlier.iter().all(|other| other.name() != cell.name()));
        }
        let cells = parse(&["--rounds", "5", "--pages", "cold"])
            .cells()
            .unwrap();
        assert!(
            cells
                .iter()
                .all(|c| c.rounds == 5 && c.pages == Pages::Cold)
        );
    }

    #[test]
    fn named_cells_are_measured_and_no_others() {
        let words = ["--entries", "1_000,2000,1000", "--keys", "seq8,random20"];
        let cells = parse(&words).cells().unwrap();
        assert_eq!(cells.len(), 4);
        assert!(
            cells
                .iter()
                .all(|cell| cell.rounds == 9 && cell.values == 100)
        );
        let words = ["--values", "7", "--quick", "--workloads", "get-hit"];
        let cells = parse(&words).cells().unwrap();
        assert_eq!(
            (cells.len(), cells[0].rounds, cells[0].entries),
            (1, 2, 2_000)
        );
        assert_eq!(cells[0].workloads, [Workload::GetHit]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            ["--rounds", "0"],
            ["--entries", "0"],
            ["--entries", "100000001"],
            ["--keys", "random7"],
            ["--values", "65537"],
            ["--threads", "257"],
        ] {
            assert!(Options::try_parse_from([&["compare"], &words[..]].concat()).is_err());
        }
        let words = ["compare", "--growth", "--entries", "5"];
        assert!(Options::try_parse_from(words).is_err());
        let error = parse(&["--entries", "50000000"]).cells().unwrap_err();
        assert!(error.contains("skl"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn huge_pages_leave_the_peer_out_that_has_none() {
        let names = parse(&["--huge-pages"]).names().unwrap();
        assert!(!names.contains(&SubjectName::InlineSkipList));
        let words = ["--huge-pages", "--subjects", "memtable,inlineskiplist"];
        assert!(parse(&words).names().unwrap_err().contains("huge"));
    }
}
