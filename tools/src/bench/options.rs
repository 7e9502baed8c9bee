//! The options of `verimem bench`, named as in RocksDB's tools.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser};

use super::keys::{NUMBER_BYTES, SHARED_BYTES};
use super::workload::Workload;
use crate::cli::{Format, parse_seconds};
use crate::rep::Reps;
use crate::size::parse_size;

/// Options of `verimem bench`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// What to measure, in this order [default: all].
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    pub benchmarks: Vec<Workload>,
    /// Entries of each table.
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = parse_count)]
    pub num: u32,
    /// Threads that share the operations; `readwhilewriting` has one more.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    /// Bytes of each key, 8 to 65536: a big-endian number, then padding.
    #[arg(long = "key_size", alias = "key-size", value_name = "BYTES", default_value_t = 16, value_parser = parse_key_size)]
    pub key_size: usize,
    /// Bytes of each value, at most 16 MiB.
    #[arg(long = "value_size", alias = "value-size", value_name = "BYTES", default_value_t = 100, value_parser = parse_value_size)]
    pub value_size: usize,
    /// Representations of the table, a comma between two, or `all`.
    #[arg(long, value_name = "LIST", default_value = "skiplist")]
    pub memtablerep: Reps,
    /// Measure also what `verimem advise` says to each workload, as a representation named `advised`.
    #[arg(long)]
    pub advised: bool,
    /// Measure everything so often; rows have the run with the median speed, JSON also the least and the most.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,
    /// Seed of orders, choices, values and towers.
    #[arg(long, value_name = "X", default_value_t = 1)]
    pub seed: u64,
    /// Entries of a batch in `fillbatch`.
    #[arg(long = "batch_size", alias = "batch-size", value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batch_size: u32,
    /// What the table expects to grow to; it is no limit [default: what the entries need].
    #[arg(long = "write_buffer_size", alias = "write-buffer-size", value_name = "SIZE", value_parser = parse_size)]
    pub write_buffer_size: Option<u64>,
    /// Bloom filter: bits per entry, 0 for none.
    #[arg(long = "bloom_bits", alias = "bloom-bits", value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=64))]
    pub bloom_bits: u8,
    /// Bloom filter: share of the write buffer, at most 0.25 [default: that of --bloom_bits].
    #[arg(long = "bloom_size_ratio", alias = "bloom-size-ratio", value_name = "SHARE", value_parser = parse_ratio, conflicts_with = "bloom_bits")]
    pub bloom_size_ratio: Option<f64>,
    /// Bytes of the prefix that representations with buckets hash, and that a Bloom filter has
    /// beside whole keys; 16 keys share the first 7.
    #[arg(long = "prefix_size", alias = "prefix-size", value_name = "BYTES", default_value_t = SHARED_BYTES)]
    pub prefix_size: usize,
    /// Tell the table which bytes all keys begin with, as an engine may learn from the table before.
    #[arg(long = "shared_prefix", alias = "shared-prefix", value_name = "BOOL", default_value_t = false, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub shared_prefix: bool,
    /// Operations of workloads that do not just fill or scan [default: --num].
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub reads: Option<u32>,
    /// The most that the writer of `readwhilewriting` writes [default: --num].
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub writes: Option<u32>,
    /// Seconds for each workload that only reads, and for `readwhilewriting`: its keys again and again.
    /// Others, which would need ever more memory, keep to their number of operations.
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub duration: Option<Duration>,
    /// Steps after each seek of `seekrandom`.
    #[arg(
        long = "seek_nexts",
        alias = "seek-nexts",
        value_name = "N",
        default_value_t = 10
    )]
    pub seek_nexts: u32,
    /// Reads among 100 operations of `readwrite`.
    #[arg(long, value_name = "PERCENT", default_value_t = 90, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub readwritepercent: u8,
    /// Keys that each range of `deleterange` covers; there are so many ranges that together they
    /// cover as many keys as there are entries.
    #[arg(long = "range_tombstone_width", alias = "range-tombstone-width", value_name = "N", default_value = "100", value_parser = parse_count)]
    pub range_tombstone_width: u32,
    /// Seal the table before workloads that only read, as an engine does before a flush, and at the end of
    /// fills and of `mergerandom`: then the clock sees it, since some representations sort only then.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub seal: bool,
    /// How the result is printed; JSON is an array with a row for each workload and representation.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Draw the results as SVG: operations per second, and latencies by percentile.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Write the result to this file, not to standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// The options alone, as a command line.
#[derive(Debug, Parser)]
pub struct Line {
    #[command(flatten)]
    pub options: BenchArgs,
}

/// A number of entries or operations; underscores may part its digits.
fn parse_count(text: &str) -> Result<u32, String> {
    match text.replace('_', "").parse::<u64>() {
        Ok(0) => Err("must not be 0".to_owned()),
        // Sequence numbers and keys have room for more, a table's 32 GiB do not.
        Ok(number) => u32::try_from(number).map_err(|_| format!("at most {}", u32::MAX)),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_within(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(_) => Err(format!("not from {least} to {most}")),
        Err(error) => Err(format!("{error}")),
    }
}

fn parse_key_size(text: &str) -> Result<usize, String> {
    parse_within(text, NUMBER_BYTES, 1 << 16)
}

fn parse_value_size(text: &str) -> Result<usize, String> {
    parse_within(text, 0, 16 << 20)
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    // NaN is in no range.
    if !(0.0..=super::plan::MOST_BLOOM).contains(&ratio) {
        return Err(format!("not from 0 to {}", super::plan::MOST_BLOOM));
    }
    Ok(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_checked() {
        assert_eq!(parse_count("1_000_000"), Ok(1_000_000));
        for bad in ["0", "", "-1", "4294967296", "1e6", "99999999999999999999"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_key_size("8"), Ok(8));
        for bad in ["7", "0", "65537", "x", "-8"] {
            assert!(parse_key_size(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_value_size("0"), Ok(0));
        assert!(parse_value_size("16777217").is_err());
        assert_eq!(parse_ratio("0.25"), Ok(0.25));
        for bad in ["0.26", "-0.1", "NaN", "inf", "much"] {
            assert!(parse_ratio(bad).is_err(), "{bad}");
        }
    }
}
