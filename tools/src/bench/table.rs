//! The tables that are measured: the one place that knows which representations there are.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use verimem::memtable::DuplicatePolicy;
use verimem::merge::{Associative, UInt64Add};
use verimem::rep::{
    AnyFactory, AnyRep, HashLinkListFactory, HashSkipListFactory, SkipListFactory, VectorFactory,
};
use verimem::{Error, Everything, FixedPrefix, MemTable, Reader, SharedPrefixComparator, Writer};

use crate::outcome::Problem;

/// Keys that share a prefix by default: about as many buckets are asked for.
const ENTRIES_PER_PREFIX: u64 = 16;

/// How a table keeps its entries, by RocksDB's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Rep {
    /// An ordered list with towers.
    Skiplist,
    /// Buckets by prefix, each with towers.
    HashSkiplist,
    /// Buckets by prefix, each a list while it is short.
    HashLinklist,
    /// Entries that are sorted when they are read.
    Vector,
}

impl Rep {
    /// The name on the command line and in the report.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What makes it, for a table of so many entries.
    fn factory(self, entries: u64) -> AnyFactory {
        let buckets = usize::try_from(entries / ENTRIES_PER_PREFIX).unwrap_or(usize::MAX);
        let bucket_count = buckets.clamp(1, 1_000_000);
        match self {
            Self::Skiplist => AnyFactory::SkipList(SkipListFactory),
            Self::HashSkiplist => AnyFactory::HashSkipList(HashSkipListFactory {
                bucket_count,
                ..Default::default()
            }),
            Self::HashLinklist => AnyFactory::HashLinkList(HashLinkListFactory {
                bucket_count,
                ..Default::default()
            }),
            Self::Vector => AnyFactory::Vector(VectorFactory::default()),
        }
    }
}

/// `--memtablerep`: a list of representations, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reps(pub Vec<Rep>);

impl FromStr for Reps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut list = Vec::new();
        for name in text.split(',') {
            let named = match name {
                "all" => Rep::value_variants().to_vec(),
                _ => vec![Rep::from_str(name, false).map_err(|_| unknown(name))?],
            };
            for rep in named {
                if !list.contains(&rep) {
                    list.push(rep);
                }
            }
        }
        Ok(Self(list))
    }
}

impl fmt::Display for Reps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.0))
    }
}

fn names(reps: &[Rep]) -> String {
    let names: Vec<String> = reps.iter().map(|rep| rep.name()).collect();
    names.join(",")
}

fn unknown(name: &str) -> String {
    format!(
        "no representation {name:?}; there are: {},all",
        names(Rep::value_variants())
    )
}

/// What a table is told.
#[derive(Debug, Clone, Copy)]
pub struct TableOptions {
    /// Entries that it will have, as far as that is known.
    pub entries: u64,
    /// The size that it is expected to grow to.
    pub write_buffer_size: usize,
    /// The share of it for the Bloom filter.
    pub bloom_size_ratio: f64,
    /// The length of the prefix that representations with buckets hash.
    pub prefix_size: usize,
    /// Leading zero bytes that all keys are said to share.
    pub shared_zeroes: usize,
    /// Whether operands are merged, as sums of 64-bit numbers.
    pub merges: bool,
}

/// The table under test: workloads use its methods and know no representation.
pub type Table = MemTable<Order, AnyRep<Order>>;

/// Bytewise, whatever the keys are said to share.
pub type Order = SharedPrefixComparator;

/// A writer of a table.
pub type TableWriter<'t> = Writer<'t, Order, AnyRep<Order>>;

/// A reader of a table.
pub type TableReader<'t> = Reader<'t, Order, Everything, AnyRep<Order>>;

/// An empty table.
pub fn build(rep: Rep, options: &TableOptions) -> Result<Table, Problem> {
    // All are told the prefix, needed or not: it goes into the filter, which would else differ.
    let prefixes = Arc::new(FixedPrefix(options.prefix_size));
    let shared = vec![0; options.shared_zeroes];
    let order = SharedPrefixComparator::new(&shared)
        .map_err(|error| Problem::Failure(format!("cannot make a table: {error}")))?;
    let mut builder = MemTable::with_comparator(order)
        .write_buffer_size(options.write_buffer_size)
        .bloom_size_ratio(options.bloom_size_ratio)
        .prefix_extractor(prefixes)
        .duplicates(match rep {
            Rep::Vector => DuplicatePolicy::KeepFirst,
            _ => DuplicatePolicy::Reject,
        });
    if options.merges {
        builder = builder.merge_operator(Arc::new(Associative(UInt64Add)));
    }
    let built = builder.representation(rep.factory(options.entries)).build();
    built.map_err(|error| match error {
        Error::InvalidOption { .. } => Problem::Usage(error.to_string()),
        _ => Problem::Failure(format!("cannot make a table: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representations_are_read_back() {
        for rep in Rep::value_variants() {
            assert_eq!(rep.name().parse(), Ok(Reps(vec![*rep])));
        }
        let all: Reps = "all".parse().unwrap();
        assert_eq!(all.0, Rep::value_variants());
        assert_eq!("skiplist,all".parse(), Ok(all.clone()));
        assert_eq!(all.to_string().parse(), Ok(all));
        for bad in ["", "skiplist,", "btree", "Skiplist"] {
            assert!(bad.parse::<Reps>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_filter_that_takes_too_much_is_a_usage_error() {
        let options = TableOptions {
            entries: 1000,
            write_buffer_size: 1 << 20,
            bloom_size_ratio: -1.0,
            prefix_size: 7,
            shared_zeroes: 0,
            merges: false,
        };
        let refused = build(Rep::Skiplist, &options);
        assert!(matches!(refused, Err(Problem::Usage(_))));
    }
}
