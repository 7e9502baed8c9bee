//! The built-in representations, for tests that run on each.

use std::sync::Arc;

use verimem::memtable::DuplicatePolicy;
use verimem::rep::{AnyFactory, AnyRep};
use verimem::{BytewiseComparator, Comparator, FixedPrefix, MemTable, MemTableBuilder};

pub type AnyTable = MemTable<BytewiseComparator, AnyRep>;

/// All, as [`AnyFactory`] reads them: buckets of one and of several prefixes.
pub const ALL: [&str; 4] = [
    "skiplist",
    "hash_skiplist:64",
    "hash_linklist:7",
    "vector:16",
];

/// Those that refuse a duplicate, and not just keep the first.
pub const REFUSING: [&str; 3] = [ALL[0], ALL[1], ALL[2]];

/// For a table on one of [`ALL`]; keys of three bytes and more are hashed.
pub fn builder(rep: &str) -> MemTableBuilder<BytewiseComparator, AnyFactory> {
    on(rep, MemTable::builder())
}

/// As [`builder`], with the options of another.
pub fn on<C: Comparator>(rep: &str, builder: MemTableBuilder<C>) -> MemTableBuilder<C, AnyFactory> {
    let factory = rep.parse().unwrap_or_else(|error| panic!("{rep}: {error}"));
    builder
        .prefix_extractor(Arc::new(FixedPrefix(3)))
        .duplicates(match REFUSING.contains(&rep) {
            true => DuplicatePolicy::Reject,
            false => DuplicatePolicy::KeepFirst,
        })
        .representation(factory)
}

/// A table on one of [`ALL`].
pub fn table(rep: &str) -> AnyTable {
    builder(rep)
        .build()
        .unwrap_or_else(|error| panic!("{rep}: {error}"))
}
