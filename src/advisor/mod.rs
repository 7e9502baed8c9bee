//! Advice on how to set up a table: from a described or an observed workload to a
//! representation, a filter, hints, a buffer size and a kind of writer, with reasons in words
//! (SPEC R7).
//!
//! The representation is the one for which the workload's operations take the least time, by
//! what each operation of each representation was measured to take (`verimem bench`; the
//! figures are in [`costs`](self)). `verimem advise --against` holds the advice against
//! measurements: for each workload of the bench it has to be as fast as the best
//! representation, within the spread of the measurement.
//!
//! The rules that RocksDB's documentation gives for its memtables are where this began: hashed
//! representations for lookups by prefix, a vector for bulk loads, a filter where many lookups miss,
//! a hint for keys that come in order, a buffer of about a fifth of the memory.

mod costs;
mod observe;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

use core::fmt;

use crate::error::{Error, Result};
use crate::key::{Comparator, FixedPrefix};
use crate::memtable::{DuplicatePolicy, MemTable, MemTableBuilder};
use crate::rep::{
    AnyFactory, HashLinkListFactory, HashSkipListFactory, SkipListFactory, VectorFactory,
};
use crate::sync::Arc;
use costs::Costs;

/// Bits of the filter for each entry: about one in a hundred keys that are not there passes.
const BLOOM_BITS: u8 = 10;
/// Another representation than the skiplist has to promise at least this much, as a factor.
const WORTHWHILE: f64 = 1.1;
/// The share of keys in order from which on a hint is advised.
const MOSTLY: f64 = 0.5;
/// The smallest and the largest buffer that is advised.
const BUFFERS: (u64, u64) = (64 << 20, 512 << 20);

/// What a table is used for. Operations are counted in any unit: only their relation matters.
///
/// ```
/// use verimem::advisor::Workload;
/// use verimem::{BytewiseComparator, Kind};
///
/// let workload = Workload {
///     writes: 1e6,
///     gets: 9e6,
///     get_hits: 0.2,
///     reads_beside_writes: true,
///     ..Workload::default()
/// };
/// let advice = workload.advise()?;
/// println!("{advice}");
/// assert_eq!(advice.bloom_bits.choice, 10);
/// let table = advice.builder(BytewiseComparator).build()?;
/// table.add(1, Kind::VALUE, b"k", b"v")?;
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Entries that a table comes to have.
    pub entries: u64,
    /// Bytes of a key, on average.
    pub key_size: f64,
    /// Bytes of a value, on average.
    pub value_size: f64,
    /// Entries added, of all kinds.
    pub writes: f64,
    /// Point lookups.
    pub gets: f64,
    /// The share of lookups that find something, 0 to 1.
    pub get_hits: f64,
    /// Seeks of iterators.
    pub seeks: f64,
    /// Steps of iterators.
    pub steps: f64,
    /// The share of writes whose key follows upon the one before, 0 to 1.
    pub sequential: f64,
    /// Whether there are reads before the table is sealed.
    pub reads_beside_writes: bool,
    /// Whether an entry whose key and sequence number the table has must be refused, or overwrite
    /// the other at once.
    pub needs_duplicates: bool,
    /// Threads that write at the same time.
    pub writers: u32,
    /// Bytes that all keys begin with.
    pub shared_prefix: usize,
    /// The length of the prefix that groups of keys share, if there is one to hash.
    pub prefix_length: Option<usize>,
    /// Entries that have the same one of these prefixes, on average.
    pub entries_per_prefix: f64,
    /// Memory of the machine that the engine may use, in bytes; 0 if it is not known.
    pub memory: u64,
}

/// A table of a million short entries, with nothing done to it.
impl Default for Workload {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            key_size: 16.0,
            value_size: 100.0,
            writes: 0.0,
            gets: 0.0,
            get_hits: 1.0,
            seeks: 0.0,
            steps: 0.0,
            sequential: 0.0,
            reads_beside_writes: false,
            needs_duplicates: false,
            writers: 1,
            shared_prefix: 0,
            prefix_length: None,
            entries_per_prefix: 1.0,
            memory: 0,
        }
    }
}

/// A choice, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Reasoned<T> {
    /// What is advised.
    pub choice: T,
    /// Why, in a sentence.
    pub because: String,
}

fn reasoned<T>(choice: T, because: impl Into<String>) -> Reasoned<T> {
    let because = because.into();
    Reasoned { choice, because }
}

/// What speeds up an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertHint {
    /// Nothing that is known beforehand.
    None,
    /// [`Hint`](crate::Hint), or [`PrefixHints`](crate::PrefixHints) where prefixes alternate; an
    /// exclusive writer needs neither.
    Position,
}

/// How writers enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// [`MemTable::exclusive_writer`](crate::MemTable::exclusive_writer): one at a time.
    Exclusive,
    /// [`MemTable::writer`](crate::MemTable::writer): any number.
    Concurrent,
}

/// How to set up a table, and why. Its `Display` is a line for each choice.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Advice {
    /// The representation.
    pub representation: Reasoned<AnyFactory>,
    /// What the workload takes on each representation that is possible, in nanoseconds for an
    /// operation, the best first; by the name of the representation.
    pub estimates: Vec<(&'static str, f64)>,
    /// Bits of the Bloom filter per entry; 0 for no filter.
    pub bloom_bits: Reasoned<u8>,
    /// Bytes that a [`SharedPrefixComparator`](crate::SharedPrefixComparator) should be told.
    pub shared_prefix: Reasoned<usize>,
    /// What to give each insert.
    pub hint: Reasoned<InsertHint>,
    /// How writers should enter.
    pub writers: Reasoned<Writers>,
    /// The size at which to switch to another table, in bytes.
    pub write_buffer_size: Reasoned<u64>,
    prefix_length: Option<usize>,
    entry_size: f64,
}

impl Workload {
    /// What to do for this workload. O(1).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] names the field that makes no sense, or `writes` if nothing is done.
    pub fn advise(&self) -> Result<Advice> {
        self.check()?;
        let estimates = self.estimates();
        let representation = self.representation(&estimates);
        let costs = Costs::of(name_of(&representation.choice), self.entries);
        Ok(Advice {
            bloom_bits: self.bloom_bits(&costs),
            shared_prefix: self.shared_prefix_advice(),
            hint: self.hint(),
            writers: self.writer_advice(),
            write_buffer_size: self.write_buffer_size(),
            prefix_length: self.prefix_length,
            entry_size: self.key_size + self.value_size + costs::OVERHEAD,
            representation,
            estimates,
        })
    }

    fn check(&self) -> Result<()> {
        let invalid = |option, reason| Err(Error::InvalidOption { option, reason });
        for (option, amount) in [
            ("key_size", self.key_size),
            ("value_size", self.value_size),
            ("writes", self.writes),
            ("gets", self.gets),
            ("seeks", self.seeks),
            ("steps", self.steps),
            ("entries_per_prefix", self.entries_per_prefix),
        ] {
            // NaN is in no range.
            if !(0.0..=1e18).contains(&amount) {
                return invalid(option, "not from 0 to 10^18");
            }
        }
        for (option, share) in [("get_hits", self.get_hits), ("sequential", self.sequential)] {
            if !(0.0..=1.0).contains(&share) {
                return invalid(option, "not from 0 to 1");
            }
        }
        if self.entries == 0 {
            return invalid("entries", "must not be 0");
        }
        if self.writers == 0 {
            return invalid("writers", "must not be 0");
        }
        if self.prefix_length == Some(0) {
            return invalid("prefix_length", "must not be 0");
        }
        if self.total() == 0.0 {
            return invalid("writes", "nothing is written or read");
        }
        Ok(())
    }

    fn total(&self) -> f64 {
        self.writes + self.gets + self.seeks + self.steps
    }

    /// What an operation takes on each representation that the workload can have, the best first.
    fn estimates(&self) -> Vec<(&'static str, f64)> {
        let mut names = vec!["skiplist"];
        if self.prefix_length.is_some() {
            names.extend(["hash_skiplist", "hash_linklist"]);
        }
        if !self.reads_beside_writes && !self.needs_duplicates && self.writes > 0.0 {
            names.push("vector");
        }
        let estimate = |name| (name, self.estimate(&Costs::of(name, self.entries)));
        let mut estimates: Vec<_> = names.into_iter().map(estimate).collect();
        estimates.sort_by(|a, b| a.1.total_cmp(&b.1));
        estimates
    }

    fn estimate(&self, costs: &Costs) -> f64 {
        let in_order = self.writes * self.sequential;
        let time = (self.writes - in_order) * costs.add
            + in_order * costs.add_in_order
            + self.gets * costs.get
            + self.seeks * costs.seek
            + self.steps * costs.step;
        time / self.total()
    }

    fn representation(&self, estimates: &[(&'static str, f64)]) -> Reasoned<AnyFactory> {
        let time = |name| estimates.iter().find(|one| one.0 == name).map(|one| one.1);
        let skiplist = time("skiplist").unwrap_or(f64::INFINITY);
        let (best, least) = estimates[0];
        if best == "skiplist" || skiplist < least * WORTHWHILE {
            let because = match (best, self.prefix_length) {
                ("skiplist", None) => {
                    "no other one that the workload allows is faster; hashed ones would \
                                       need a prefix to hash"
                        .to_owned()
                }
                ("skiplist", _) => "no other one that the workload allows is faster".to_owned(),
                _ => format!("{best} would not be faster by a tenth"),
            };
            return reasoned(AnyFactory::SkipList(SkipListFactory), because);
        }
        let factor = least / skiplist;
        let because = match best {
            "vector" => format!(
                "nobody reads before the seal, so entries can be sorted then, all at once: {factor:.2} of \
                 the skiplist's time"
            ),
            _ => format!(
                "lookups and inserts begin at the first entry with the key's prefix, which some {:.0} \
                 share: {factor:.2} of the skiplist's time for the {}",
                self.entries_per_prefix,
                self.mix(),
            ),
        };
        reasoned(self.factory(best), because)
    }

    /// The operations, in words.
    fn mix(&self) -> String {
        let amounts = [
            ("writes", self.writes),
            ("lookups", self.gets),
            ("seeks", self.seeks),
            ("steps", self.steps),
        ];
        let percent = |(name, amount): (&str, f64)| {
            let share = 100.0 * amount / self.total();
            (share >= 1.0).then(|| format!("{share:.0} % {name}"))
        };
        let parts: Vec<String> = amounts.into_iter().filter_map(percent).collect();
        parts.join(", ")
    }

    fn factory(&self, name: &str) -> AnyFactory {
        let prefixes = self.entries as f64 / self.entries_per_prefix.max(1.0);
        // A slot for each prefix, between what is never too much and what a factory takes.
        let bucket_count = (prefixes.min(1e6) as usize).max(16);
        match name {
            "hash_skiplist" => AnyFactory::HashSkipList(HashSkipListFactory {
                bucket_count,
                ..HashSkipListFactory::default()
            }),
            "hash_linklist" => AnyFactory::HashLinkList(HashLinkListFactory {
                bucket_count,
                ..HashLinkListFactory::default()
            }),
            "vector" => AnyFactory::Vector(VectorFactory::default()),
            _ => AnyFactory::SkipList(SkipListFactory),
        }
    }

    fn bloom_bits(&self, costs: &Costs) -> Reasoned<u8> {
        let misses = self.gets * (1.0 - self.get_hits);
        let saved = misses * (costs.get - costs.bloom_get).max(0.0);
        let lost = self.gets * self.get_hits * costs.bloom_get + self.writes * costs.bloom_add;
        let missing = 100.0 * misses / self.total();
        if misses == 0.0 {
            reasoned(0, "no lookup asks for a key that is not there")
        } else if saved > lost * WORTHWHILE {
            let because = format!(
                "{missing:.0} % of the operations ask for keys that are not there: a look at one cache line \
                 answers most of them"
            );
            reasoned(BLOOM_BITS, because)
        } else {
            let because = format!(
                "only {missing:.0} % of the operations ask for keys that are not there, and every write \
                 and every other lookup would pay for it"
            );
            reasoned(0, because)
        }
    }

    fn shared_prefix_advice(&self) -> Reasoned<usize> {
        match self.shared_prefix {
            0 => reasoned(0, "keys differ from the first byte on"),
            bytes => {
                let because = format!(
                    "all keys begin with the same {bytes} bytes: the four bytes behind them, kept beside \
                     each link, tell most keys apart"
                );
                reasoned(bytes, because)
            }
        }
    }

    fn hint(&self) -> Reasoned<InsertHint> {
        let share = 100.0 * self.sequential;
        if self.writes > 0.0 && self.sequential >= MOSTLY {
            let because = format!("{share:.0} % of the keys follow upon the one before");
            reasoned(InsertHint::Position, because)
        } else {
            reasoned(InsertHint::None, "keys do not come in order")
        }
    }

    fn writer_advice(&self) -> Reasoned<Writers> {
        match self.writers {
            1 => reasoned(
                Writers::Exclusive,
                "one thread writes: it needs no compare-exchange",
            ),
            many => reasoned(
                Writers::Concurrent,
                format!("{many} threads write at the same time"),
            ),
        }
    }

    fn write_buffer_size(&self) -> Reasoned<u64> {
        let (least, most) = BUFFERS;
        if self.memory == 0 {
            return reasoned(least, "the memory is not known, so it is the least");
        }
        let fifth = self.memory / 5;
        let because = match fifth {
            _ if fifth < least => "a fifth of the memory would make many small files",
            _ if fifth > most => "larger tables are searched no faster, and take longer to flush",
            _ => "a fifth of the memory",
        };
        reasoned(fifth.clamp(least, most), because)
    }
}

/// The name under which [`AnyFactory`] is read.
fn name_of(factory: &AnyFactory) -> &'static str {
    match factory {
        AnyFactory::SkipList(_) => "skiplist",
        AnyFactory::HashSkipList(_) => "hash_skiplist",
        AnyFactory::HashLinkList(_) => "hash_linklist",
        AnyFactory::Vector(_) => "vector",
    }
}

impl Advice {
    /// The name of the representation, as [`AnyFactory`] reads it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        name_of(&self.representation.choice)
    }

    /// The filter's share of the buffer.
    #[must_use]
    pub fn bloom_size_ratio(&self) -> f64 {
        let bytes = f64::from(self.bloom_bits.choice) / 8.0;
        (bytes / self.entry_size).min(0.25)
    }

    /// Options of such a table. A comparator that keys with a shared prefix need is the caller's
    /// to choose, as are hints and writers.
    pub fn builder<C: Comparator>(&self, comparator: C) -> MemTableBuilder<C, AnyFactory> {
        let size = usize::try_from(self.write_buffer_size.choice).unwrap_or(usize::MAX);
        let builder = MemTable::with_comparator(comparator)
            .write_buffer_size(size)
            .bloom_size_ratio(if C::EQUAL_BYTES {
                self.bloom_size_ratio()
            } else {
                0.0
            });
        let builder = match self.prefix_length {
            Some(length) => builder.prefix_extractor(Arc::new(FixedPrefix(length))),
            None => builder,
        };
        let builder = match self.representation.choice {
            AnyFactory::Vector(_) => builder.duplicates(DuplicatePolicy::KeepFirst),
            _ => builder,
        };
        builder.representation(self.representation.choice.clone())
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, because) = (self.name(), &self.representation.because);
        writeln!(f, "representation: {name} ({because})")?;
        write!(f, "  estimates, ns for an operation:")?;
        for (name, time) in &self.estimates {
            write!(f, " {name} {time:.0}")?;
        }
        let Reasoned { choice, because } = &self.bloom_bits;
        match choice {
            0 => writeln!(f, "\nbloom filter: none ({because})")?,
            bits => writeln!(f, "\nbloom filter: {bits} bits per entry ({because})")?,
        }
        let Reasoned { choice, because } = &self.shared_prefix;
        writeln!(f, "shared prefix: {choice} bytes ({because})")?;
        let Reasoned { choice, because } = &self.hint;
        let hint = match choice {
            InsertHint::None => "none",
            InsertHint::Position => "the place of the insert before",
        };
        writeln!(f, "hint: {hint} ({because})")?;
        let Reasoned { choice, because } = &self.writers;
        let writers = match choice {
            Writers::Exclusive => "exclusive",
            Writers::Concurrent => "concurrent",
        };
        writeln!(f, "writers: {writers} ({because})")?;
        let Reasoned { choice, because } = &self.write_buffer_size;
        write!(f, "write buffer: {} MiB ({because})", choice >> 20)
    }
}
