//! The command line of `compare`.

use clap::{Parser, ValueEnum};

use crate::data::{Data, KeyShape};
use crate::lane::{Lane, Runner};
use crate::subject::Plan;
#[cfg(target_os = "linux")]
use crate::subjects::InlineSkipList;
use crate::subjects::{Crossbeam, MemTable, SkipList, Skl};
use crate::workload::Workload;

/// Compares verimem with its peers in one process, in interleaved rounds, on the same keys.
///
/// Each round measures every subject on every workload, in an order that rotates from round to
/// round; ratios are taken within a round, then the median, the lowest and the highest are shown.
/// One warm-up round per subject is not counted: it faults in the harness's own pages. Tables are
/// freed and the C heap is handed back to the system between stages, off the clock, so all subjects
/// fill cold pages; with --keep-heap the peers that allocate entry by entry fill recycled pages
/// instead, along the free lists left by the tables before. Making the empty table is inside the
/// clock of a fill, freeing it is not.
///
/// Keys and values are made before the clock starts, every byte read is folded into a checksum, and
/// the run fails unless all subjects give the same answers.
#[derive(Debug, Clone, Parser)]
#[command(name = "compare", version)]
pub struct Options {
    /// Entries per table [default: 100000,1000000; 5000 with --quick]
    #[arg(long, value_delimiter = ',', value_parser = parse_count)]
    pub entries: Vec<usize>,
    /// Shapes of the keys
    #[arg(long, value_delimiter = ',', default_value = "random16")]
    pub keys: Vec<KeyShape>,
    /// Lengths of the values, in bytes
    #[arg(long, value_delimiter = ',', default_value = "100")]
    pub values: Vec<usize>,
    /// Rounds that count [default: 9; 3 with --quick]
    #[arg(long, value_parser = parse_count)]
    pub rounds: Option<usize>,
    /// Small tables, few rounds: a check that all works, not a measurement
    #[arg(long)]
    pub quick: bool,
    /// Workloads [default: all]
    #[arg(long, value_delimiter = ',')]
    pub workloads: Vec<Workload>,
    /// Subjects [default: all]
    #[arg(long, value_delimiter = ',')]
    pub subjects: Vec<SubjectName>,
    /// Thread counts of fillrandom, of lookups, seeks and scans
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_parser = parse_count)]
    pub threads: Vec<usize>,
    /// Ask for huge pages where a subject can
    #[arg(long)]
    pub huge_pages: bool,
    /// Entries above which a subject whose insertion takes linear time (skl) is not timed filling:
    /// its tables are then filled off the clock in descending order, which lays them out in key
    /// order. That flatters its lookups and seeks; its scans are timed in scan-filledseq only
    #[arg(long, default_value_t = 10_000)]
    pub linear_fill_limit: usize,
    /// Leave what was freed in the C heap's free lists between stages
    #[arg(long)]
    pub keep_heap: bool,
    /// Seeds keys, orders and values
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// How results are written to standard output. JSON is an array of rows with `workload`,
    /// `entries`, `keys`, `values`, `threads`, `subject`, `peer` and `ratio_median`, `ratio_low`,
    /// `ratio_high`: subject over peer, in operations per second (`subject_median`, `peer_median`).
    /// In rows whose workload is `memory` these are bytes per entry over the payload, so lower is
    /// better
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

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SubjectName {
    /// verimem's memtable.
    Memtable,
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
            Self::Skiplist => Runner::<SkipList>::boxed(),
            #[cfg(target_os = "linux")]
            Self::InlineSkipList => Runner::<InlineSkipList>::boxed(),
            Self::Crossbeam => Runner::<Crossbeam>::boxed(),
            Self::Skl => Runner::<Skl>::boxed(),
        }
    }
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.replace('_', "").parse() {
        Ok(0) => Err("at least 1".into()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{error}")),
    }
}

impl Options {
    /// `--entries`, or its default.
    #[must_use]
    pub fn entries(&self) -> Vec<usize> {
        match (self.entries.is_empty(), self.quick) {
            (false, _) => self.entries.clone(),
            (true, false) => vec![100_000, 1_000_000],
            (true, true) => vec![5_000],
        }
    }

    /// `--rounds`, or its default.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 9 })
    }

    /// What a table that will hold `data` is told.
    #[must_use]
    pub const fn plan(&self, data: &Data) -> Plan {
        Plan {
            entries: data.entries,
            payload: data.payload(),
            huge_pages: self.huge_pages,
            linear_fill_limit: self.linear_fill_limit,
        }
    }

    /// Whether `workload` was chosen.
    #[must_use]
    pub fn wants(&self, workload: Workload) -> bool {
        self.workloads.is_empty() || self.workloads.contains(&workload)
    }

    /// A lane per subject.
    #[must_use]
    pub fn lanes(&self) -> Vec<Box<dyn Lane>> {
        let all = SubjectName::value_variants();
        let chosen = if self.subjects.is_empty() {
            all
        } else {
            &self.subjects
        };
        chosen.iter().map(|name| name.lane()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for shape in KeyShape::value_variants() {
            let value = shape
                .to_possible_value()
                .map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(shape.name()));
        }
    }

    #[test]
    fn defaults_and_quick() {
        let options = Options::parse_from(["compare"]);
        assert_eq!(
            (options.entries(), options.rounds()),
            (vec![100_000, 1_000_000], 9)
        );
        assert!(options.wants(Workload::Mixed));
        let options = Options::parse_from(["compare", "--quick", "--workloads", "fillseq,get-hit"]);
        assert_eq!((options.entries(), options.rounds()), (vec![5_000], 3));
        assert!(options.wants(Workload::GetHit) && !options.wants(Workload::Mixed));
        assert!(Options::try_parse_from(["compare", "--rounds", "0"]).is_err());
    }
}
