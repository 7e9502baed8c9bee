//! What is measured: a representation, or the set-up that is advised for the workload.

use verimem::advisor::{Advice, Workload as Described};
use verimem::rep::AnyFactory;

use super::keys::{NUMBER_BYTES, SHARED_BYTES};
use super::plan::Plan;
use super::table::TableOptions;
use super::workload::Workload;
use crate::outcome::Problem;
use crate::rep::Rep;
use crate::size::machine_memory;

/// The average length of scans of 1 to 100 entries.
const MEAN_SCAN: f64 = 50.5;

/// What tables are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Always the same representation, as the options say.
    Rep(Rep),
    /// What is advised for each workload.
    Advised,
}

impl Subject {
    /// The name in the report.
    pub fn name(self) -> String {
        match self {
            Self::Rep(rep) => rep.name(),
            Self::Advised => "advised".to_owned(),
        }
    }

    /// What the workload's table is told, and what was advised.
    pub fn options(
        self,
        plan: &Plan,
        workload: Workload,
    ) -> Result<(Rep, TableOptions, Option<String>), Problem> {
        let options = plan.table_options(workload)?;
        match self {
            Self::Rep(rep) => Ok((rep, options, None)),
            Self::Advised => {
                let described = plan.describe(workload);
                let advice = described.advise();
                let advice = advice.map_err(|error| Problem::Failure(error.to_string()))?;
                let bits = options.entries as f64 * f64::from(advice.bloom_bits.choice);
                let ratio = bits / 8.0 / options.write_buffer_size as f64;
                let options = TableOptions {
                    bloom_size_ratio: ratio.min(super::plan::MOST_BLOOM),
                    shared_zeroes: advice.shared_prefix.choice,
                    ..options
                };
                Ok((rep_of(&advice), options, Some(in_short(&advice))))
            }
        }
    }
}

fn rep_of(advice: &Advice) -> Rep {
    match advice.representation.choice {
        AnyFactory::SkipList(_) => Rep::Skiplist,
        AnyFactory::HashSkipList(_) => Rep::HashSkiplist,
        AnyFactory::HashLinkList(_) => Rep::HashLinklist,
        AnyFactory::Vector(_) => Rep::Vector,
    }
}

/// `hash_skiplist` or `hash_skiplist, bloom 10`.
fn in_short(advice: &Advice) -> String {
    match advice.bloom_bits.choice {
        0 => advice.name().to_owned(),
        bits => format!("{}, bloom {bits}", advice.name()),
    }
}

/// Entries with the same prefix of such a length: numbers count in steps of 16.
fn entries_per_prefix(prefix_size: usize) -> f64 {
    match prefix_size {
        NUMBER_BYTES.. => 1.0,
        shorter => 16.0 * 256f64.powi((SHARED_BYTES - shorter) as i32),
    }
}

impl Plan {
    /// What the workload does, for the advisor.
    pub fn describe(&self, workload: Workload) -> Described {
        let entries = self.num.max(self.reads);
        let base = Described {
            entries: self
                .table_options(workload)
                .map_or(entries.into(), |options| options.entries),
            key_size: self.key_size as f64,
            value_size: self.value_size as f64,
            writers: self.threads as u32,
            shared_prefix: self.shared_zeroes(workload),
            prefix_length: Some(self.prefix_size),
            entries_per_prefix: entries_per_prefix(self.prefix_size).min(f64::from(self.num)),
            memory: machine_memory(),
            ..Described::default()
        };
        let writes = |sequential| Described {
            writes: 1.0,
            sequential,
            ..base.clone()
        };
        let gets = |get_hits| Described {
            gets: 1.0,
            get_hits,
            ..base.clone()
        };
        let mixed = |gets: f64, writes: f64| Described {
            gets,
            writes,
            reads_beside_writes: true,
            ..base.clone()
        };
        match workload {
            Workload::Fillseq => writes(1.0),
            Workload::Fillrandom | Workload::Fillbatch => writes(0.0),
            Workload::Deleterange | Workload::Mergerandom => writes(0.0),
            Workload::Readrandom | Workload::Readzipfian => gets(1.0),
            Workload::Readmissing => gets(0.0),
            Workload::Seekrandom => Described {
                seeks: 1.0,
                steps: f64::from(self.seek_nexts),
                ..base
            },
            Workload::Readseq | Workload::Readreverse => Described { steps: 1.0, ..base },
            Workload::Readwhilewriting => mixed(self.threads as f64, 0.0),
            Workload::Readwrite => {
                let percent = f64::from(self.read_percent);
                mixed(percent, 100.0 - percent)
            }
            Workload::YcsbA => mixed(50.0, 50.0),
            Workload::YcsbB | Workload::YcsbD => mixed(95.0, 5.0),
            Workload::YcsbC => mixed(100.0, 0.0),
            Workload::YcsbE => Described {
                seeks: 95.0,
                steps: 95.0 * MEAN_SCAN,
                ..mixed(0.0, 5.0)
            },
            Workload::YcsbF => mixed(100.0, 50.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::plan;
    use clap::ValueEnum;

    #[test]
    fn every_workload_has_advice() {
        let plan = plan(&["--num", "1000"]);
        for &workload in Workload::value_variants() {
            let (rep, options, advice) = Subject::Advised.options(&plan, workload).unwrap();
            let advice = advice.unwrap();
            assert!(advice.starts_with(&rep.name()), "{advice}");
            assert_eq!(
                options.bloom_size_ratio > 0.0,
                advice.contains("bloom"),
                "{workload:?}"
            );
            let beside = plan.describe(workload).reads_beside_writes;
            assert!(rep != Rep::Vector || !beside && !workload.only_reads());
        }
    }

    #[test]
    fn prefixes_are_as_long_as_their_keys_are_many() {
        assert_eq!(
            [5, 6, 7, 8, 16].map(entries_per_prefix),
            [16.0 * 65536.0, 4096.0, 16.0, 1.0, 1.0]
        );
    }
}
