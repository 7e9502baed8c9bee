//! How entries are spread over buckets.

use core::fmt;

use super::index::Index;

/// How the entries of a table are spread over the buckets of a [`HashRep`](super::HashRep): a
/// reading, exact when nobody is writing. Its `Display` is one line per figure.
///
/// ```
/// use std::sync::Arc;
/// use verimem::rep::HashLinkListFactory;
/// use verimem::{FixedPrefix, Kind, MemTable};
///
/// let table = MemTable::builder()
///     .prefix_extractor(Arc::new(FixedPrefix(1)))
///     .representation(HashLinkListFactory { bucket_count: 16, ..Default::default() })
///     .build()?;
/// table.add(1, Kind::VALUE, b"a1", b"")?;
/// table.add(2, Kind::VALUE, b"a2", b"")?;
/// let distribution = table.representation().bucket_distribution().expect("it is hashed");
/// assert_eq!((distribution.buckets, distribution.entries), (1, 2));
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BucketDistribution {
    /// Slots of the index: the factory's `bucket_count`.
    pub slots: usize,
    /// Slots without a bucket.
    pub empty_slots: usize,
    /// Buckets: one for each prefix, unless two have the same hash.
    pub buckets: usize,
    /// Entries with a prefix.
    pub entries: u64,
    /// Entries of the largest bucket.
    pub largest: u64,
    /// The longest chain of buckets of one slot.
    pub longest_chain: usize,
    /// How many chains have 1, 2, 3, ... buckets; the last, so many or more.
    pub chains: [usize; 8],
    /// How many buckets have 1, up to 2, up to 4, ... entries; the last, more than before.
    pub sizes: [usize; 16],
}

impl BucketDistribution {
    pub(super) fn of(index: &Index) -> Self {
        let mut sum = Self::default();
        for chain in index.chains() {
            let mut length = 0;
            for bucket in chain {
                length += 1;
                let entries = bucket.entries();
                sum.entries += entries;
                sum.largest = sum.largest.max(entries);
                // The exponent of the next power of two.
                let class = u64::BITS - entries.saturating_sub(1).leading_zeros();
                let last = sum.sizes.len() - 1;
                sum.sizes[(class as usize).min(last)] += 1;
            }
            sum.slots += 1;
            sum.buckets += length;
            sum.longest_chain = sum.longest_chain.max(length);
            match length.checked_sub(1) {
                None => sum.empty_slots += 1,
                Some(class) => sum.chains[class.min(7)] += 1,
            }
        }
        sum
    }
}

impl fmt::Display for BucketDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            slots,
            empty_slots,
            buckets,
            entries,
            largest,
            longest_chain,
            chains,
            sizes,
        } = self;
        writeln!(f, "slots: {slots}, empty: {empty_slots}")?;
        writeln!(f, "buckets: {buckets}, longest chain: {longest_chain}")?;
        writeln!(f, "entries: {entries}, largest bucket: {largest}")?;
        write!(f, "chains by buckets:")?;
        for (class, count) in chains.iter().enumerate().filter(|(_, count)| **count > 0) {
            let more = if class + 1 == chains.len() { "+" } else { "" };
            write!(f, " {}{more}: {count}", class + 1)?;
        }
        write!(f, "\nbuckets by entries:")?;
        for (class, count) in sizes.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (sign, class) = match class + 1 == sizes.len() {
                true => (">", class - 1),
                false => ("<=", class),
            };
            write!(f, " {sign}{}: {count}", 1u64 << class)?;
        }
        Ok(())
    }
}
