//! What is to be done, after every option was checked against the others and the machine.

use std::time::Duration;

use clap::ValueEnum;

use super::keys::shared_zeroes;
use super::options::BenchArgs;
use super::subject::Subject;
use super::table::TableOptions;
use super::workload::Workload;
use crate::outcome::Problem;
use crate::size::{human, machine_memory};

/// The most of its write buffer that a table gives its filter.
pub const MOST_BLOOM: f64 = 0.25;

/// What an entry takes beside key and value, rounded up: links, tag, lengths, what blocks waste.
const OVERHEAD: u64 = 64;

/// The operands of merges, and what they are merged into.
pub const OPERAND_BYTES: usize = 8;

/// The most that a table can address.
const TABLE_BYTES: u64 = 32 << 30;

/// A checked command line.
#[derive(Debug, Clone)]
pub struct Plan {
    pub workloads: Vec<Workload>,
    pub subjects: Vec<Subject>,
    /// How often everything is measured.
    pub repeat: u32,
    /// Entries that a table is filled with.
    pub num: u32,
    /// Operations of workloads that neither fill nor scan.
    pub reads: u32,
    /// The most that the extra writer writes.
    pub writes: u32,
    pub threads: usize,
    pub key_size: usize,
    pub value_size: usize,
    pub batch_size: usize,
    pub prefix_size: usize,
    shared_prefix: bool,
    pub duration: Option<Duration>,
    pub seek_nexts: u32,
    pub read_percent: u8,
    pub tombstone_width: u32,
    pub seal: bool,
    pub seed: u64,
    write_buffer_size: Option<usize>,
    bloom_bits: u8,
    bloom_size_ratio: Option<f64>,
}

fn usage<T>(text: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Usage(text.into()))
}

/// What is to be measured: the representations, then what is advised.
fn subjects(options: &BenchArgs) -> Vec<Subject> {
    let reps = options.memtablerep.0.iter().map(|&rep| Subject::Rep(rep));
    reps.chain(options.advised.then_some(Subject::Advised))
        .collect()
}

impl Plan {
    /// Checks the options; `memory` is what the machine has.
    fn checked(options: &BenchArgs, memory: u64) -> Result<Self, Problem> {
        let workloads = match options.benchmarks.is_empty() {
            true => Workload::value_variants().to_vec(),
            false => options.benchmarks.clone(),
        };
        if !(1..=options.key_size).contains(&options.prefix_size) {
            return usage(format!(
                "--prefix_size: not from 1 to the {} bytes of a key",
                options.key_size
            ));
        }
        let write_buffer_size = options.write_buffer_size.map(usize::try_from).transpose();
        let Ok(write_buffer_size) = write_buffer_size else {
            return usage("--write_buffer_size: more than this machine can address");
        };
        let plan = Self {
            workloads,
            subjects: subjects(options),
            repeat: options.repeat,
            num: options.num,
            reads: options.reads.unwrap_or(options.num),
            writes: options.writes.unwrap_or(options.num),
            threads: usize::from(options.threads),
            key_size: options.key_size,
            value_size: options.value_size,
            batch_size: options.batch_size as usize,
            prefix_size: options.prefix_size,
            shared_prefix: options.shared_prefix,
            duration: options.duration,
            seek_nexts: options.seek_nexts,
            read_percent: options.readwritepercent,
            tombstone_width: options.range_tombstone_width,
            seal: options.seal,
            seed: options.seed,
            write_buffer_size,
            bloom_bits: options.bloom_bits,
            bloom_size_ratio: options.bloom_size_ratio,
        };
        for &workload in &plan.workloads {
            plan.check_memory(workload, memory)?;
        }
        Ok(plan)
    }

    /// Checks the options.
    pub fn new(options: &BenchArgs) -> Result<Self, Problem> {
        Self::checked(options, machine_memory())
    }

    /// Entries that the workload inserts beside those that the table is filled with, at most.
    pub const fn inserts(&self, workload: Workload) -> u32 {
        match workload {
            Workload::YcsbD | Workload::YcsbE => self.reads.div_ceil(10),
            _ => 0,
        }
    }

    /// Entries that the workload's table may come to have.
    fn entries(&self, workload: Workload) -> u64 {
        let (num, reads) = (u64::from(self.num), u64::from(self.reads));
        match workload {
            Workload::Readwhilewriting => num + u64::from(self.writes),
            Workload::Readwrite | Workload::Mergerandom => num + reads,
            Workload::YcsbA | Workload::YcsbB | Workload::YcsbF => num + reads,
            Workload::YcsbD | Workload::YcsbE => num + u64::from(self.inserts(workload)),
            _ => num,
        }
    }

    /// The bytes that the workload's table comes to, some too many.
    fn table_bytes(&self, workload: Workload) -> Option<u64> {
        let payload = (self.key_size + self.value_size) as u64;
        self.entries(workload).checked_mul(payload + OVERHEAD)
    }

    fn check_memory(&self, workload: Workload, memory: u64) -> Result<(), Problem> {
        let filter = self.table_options(workload)?;
        let filter = filter.bloom_size_ratio * filter.write_buffer_size as f64;
        let table = self.table_bytes(workload);
        let operations = u64::from(self.num).max(self.reads.into()) + u64::from(self.writes);
        // Keys, choices and orders are prepared, so that the clock does not see how.
        let prepared = operations.checked_mul(self.key_size as u64 + 16);
        let Some((table, total)) = table.zip(prepared).and_then(|(table, prepared)| {
            let total = table.checked_add(prepared)?;
            Some((table, total.checked_add(filter as u64)?))
        }) else {
            return usage("--num: so many entries of that size need more than 64 bits can count");
        };
        if table >= TABLE_BYTES {
            return usage(format!(
                "{}: the table would need {}, and has at most {}; lower --num, --reads or --value_size",
                workload.name(),
                human(table),
                human(TABLE_BYTES),
            ));
        }
        let limit = memory / 4 * 3;
        if total > limit {
            return usage(format!(
                "{}: needs {}, three quarters of this machine's memory are {}; lower --num, --reads or --value_size",
                workload.name(),
                human(total),
                human(limit),
            ));
        }
        Ok(())
    }

    /// What the workload's table is told.
    pub fn table_options(&self, workload: Workload) -> Result<TableOptions, Problem> {
        let needed = self.table_bytes(workload).unwrap_or(TABLE_BYTES);
        // At least the library's smallest useful buffer, or a small --num would ask for nothing.
        let needed = usize::try_from(needed.max(1 << 20)).unwrap_or(usize::MAX);
        let write_buffer_size = self.write_buffer_size.unwrap_or(needed);
        let bits = self.entries(workload) as f64 * f64::from(self.bloom_bits);
        let ratio = bits / 8.0 / write_buffer_size as f64;
        if self.bloom_size_ratio.is_none() && ratio > MOST_BLOOM {
            return usage(format!(
                "--bloom_bits: the filter would take {:.0} % of the write buffer, and may take {:.0} %",
                ratio * 100.0,
                MOST_BLOOM * 100.0,
            ));
        }
        Ok(TableOptions {
            write_buffer_size,
            bloom_size_ratio: self.bloom_size_ratio.unwrap_or(ratio),
            entries: self.entries(workload),
            prefix_size: self.prefix_size,
            shared_zeroes: match self.shared_prefix {
                true => self.shared_zeroes(workload),
                false => 0,
            },
            merges: workload == Workload::Mergerandom,
            track_reads: false,
        })
    }

    /// The zero bytes that all keys of a workload begin with.
    pub fn shared_zeroes(&self, workload: Workload) -> usize {
        shared_zeroes(u64::from(self.num) + u64::from(self.inserts(workload)))
    }

    /// The share of `total` operations that falls to a thread.
    pub fn share(&self, total: u32, thread: usize) -> u32 {
        let (total, threads) = (total as usize, self.threads);
        let share = total / threads + usize::from(thread < total % threads);
        // At most the total, which fits.
        share as u32
    }

    /// The stretch of `order` that falls to a thread.
    pub fn part<'o>(&self, order: &'o [u32], thread: usize) -> (usize, &'o [u32]) {
        let total = order.len() as u32;
        let start: usize = (0..thread).map(|one| self.share(total, one) as usize).sum();
        (
            start,
            &order[start..start + self.share(total, thread) as usize],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::options::Line;
    use clap::Parser;

    fn parse(words: &[&str]) -> Result<BenchArgs, clap::Error> {
        let words = std::iter::once("bench").chain(words.iter().copied());
        Line::try_parse_from(words).map(|line| line.options)
    }

    fn plan(words: &[&str]) -> Result<Plan, Problem> {
        Plan::checked(&parse(words).unwrap(), 16 << 30)
    }

    fn refusal(words: &[&str]) -> String {
        match plan(words) {
            Err(Problem::Usage(text)) => text,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn defaults_are_all_workloads_of_a_million() {
        let plan = plan(&[]).unwrap();
        assert_eq!(plan.workloads, Workload::value_variants());
        assert_eq!(
            (plan.num, plan.reads, plan.threads),
            (1_000_000, 1_000_000, 1)
        );
        assert!(plan.seal);
        let options = plan.table_options(Workload::Fillseq).unwrap();
        assert!(options.write_buffer_size >= 116_000_000);
        assert_eq!(options.bloom_size_ratio, 0.0);
    }

    #[test]
    fn both_spellings_are_taken() {
        let words = ["--key_size", "20", "--value-size", "7", "--batch-size", "3"];
        let plan = plan(&words).unwrap();
        assert_eq!(
            (plan.key_size, plan.value_size, plan.batch_size),
            (20, 7, 3)
        );
        for (words, seal) in [(&["--seal", "false"][..], false), (&["--seal"], true)] {
            assert_eq!(parse(words).unwrap().seal, seal);
        }
    }

    #[test]
    fn what_needs_too_much_is_refused() {
        assert!(refusal(&["--num", "4_000_000_000"]).contains("--num"));
        assert!(refusal(&["--num", "200000000", "--benchmarks", "fillseq"]).contains("at most"));
        assert!(refusal(&["--num", "80000000", "--benchmarks", "fillseq"]).contains("memory"));
        let words = [
            "--num",
            "4000000000",
            "--key_size",
            "65536",
            "--value_size",
            "16777216",
        ];
        assert!(!refusal(&words).is_empty());
        let filter = ["--bloom_size_ratio", "0.2", "--write_buffer_size", "900GiB"];
        assert!(refusal(&filter).contains("memory"));
        assert!(plan(&["--num", "40000000", "--benchmarks", "fillseq"]).is_ok());
        assert!(refusal(&["--num", "40000000", "--benchmarks", "ycsb-a"]).contains("ycsb-a"));
    }

    #[test]
    fn options_that_do_not_fit_one_another_are_refused() {
        assert!(refusal(&["--prefix_size", "0"]).contains("prefix_size"));
        assert!(refusal(&["--prefix_size", "17"]).contains("16"));
        let words = ["--bloom_bits", "64", "--write_buffer_size", "64KiB"];
        assert!(refusal(&words).contains("bloom_bits"));
        for words in [
            &["--num", "0"][..],
            &["--threads", "0"],
            &["--benchmarks", "fillseq,dance"],
            &["--benchmarks", ""],
            &["--memtablerep", "btree"],
            &["--bloom_bits", "10", "--bloom_size_ratio", "0.1"],
            &["--duration", "0"],
            &["--readwritepercent", "101"],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn filters_have_the_bits_that_were_asked_for() {
        let plan = plan(&["--bloom_bits", "10", "--num", "100000"]).unwrap();
        let options = plan.table_options(Workload::Readrandom).unwrap();
        let bits = options.bloom_size_ratio * options.write_buffer_size as f64 * 8.0;
        assert!((bits - 1e6).abs() < 1.0, "{bits}");
    }

    #[test]
    fn parts_are_everything_once() {
        let order: Vec<u32> = (0..10).collect();
        for threads in ["1", "3", "10", "64"] {
            let plan = plan(&["--threads", threads]).unwrap();
            let mut all = Vec::new();
            for thread in 0..plan.threads {
                let (start, part) = plan.part(&order, thread);
                assert_eq!(start, all.len());
                all.extend_from_slice(part);
            }
            assert_eq!(all, order);
        }
    }
}
