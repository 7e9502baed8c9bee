//! The tables that are measured.

use std::sync::Arc;

use verimem::merge::{Associative, UInt64Add};
use verimem::rep::AnyRep;
use verimem::{Error, Everything, FixedPrefix, MemTable, Reader, SharedPrefixComparator, Writer};

use crate::outcome::Problem;
use crate::rep::Rep;

/// Keys that share a prefix by default: about as many buckets are asked for.
const ENTRIES_PER_PREFIX: u64 = 16;
/// The most buckets that are asked for.
const MOST_BUCKETS: usize = 1_000_000;

/// What a table is told.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// Whether reads are counted.
    pub track_reads: bool,
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
        .track_reads(options.track_reads)
        .bloom_size_ratio(options.bloom_size_ratio)
        .prefix_extractor(prefixes)
        .duplicates(rep.strictest());
    if options.merges {
        builder = builder.merge_operator(Arc::new(Associative(UInt64Add)));
    }
    let buckets = usize::try_from(options.entries / ENTRIES_PER_PREFIX).unwrap_or(usize::MAX);
    let factory = rep.factory(buckets.clamp(1, MOST_BUCKETS));
    let built = builder.representation(factory).build();
    built.map_err(|error| match error {
        Error::InvalidOption { .. } => Problem::Usage(error.to_string()),
        _ => Problem::Failure(format!("cannot make a table: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_takes_too_much_is_a_usage_error() {
        let options = TableOptions {
            entries: 1000,
            write_buffer_size: 1 << 20,
            bloom_size_ratio: -1.0,
            prefix_size: 7,
            shared_zeroes: 0,
            merges: false,
            track_reads: false,
        };
        let refused = build(Rep::Skiplist, &options);
        assert!(matches!(refused, Err(Problem::Usage(_))));
    }
}
