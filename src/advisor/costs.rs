//! What operations were measured to take.

/// Bytes that an entry takes beside key and value, about.
pub(super) const OVERHEAD: f64 = 29.0;

/// Nanoseconds for an operation, on one thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    /// Adding a key that comes in no order; for a vector, with its share of the sorting.
    pub(super) add: f64,
    /// Adding the key after the one before.
    pub(super) add_in_order: f64,
    /// A point lookup, whether it finds something or not.
    pub(super) get: f64,
    /// A seek of an iterator.
    pub(super) seek: f64,
    /// A step of an iterator.
    pub(super) step: f64,
    /// Asking the filter.
    pub(super) bloom_get: f64,
    /// Adding to the filter.
    pub(super) bloom_add: f64,
}

/// The same in tables of 10^5 and of 10^6 entries.
type Row = [[f64; 2]; 5];

/// `verimem bench --shared_prefix --memtablerep all` with the default keys (16 bytes, 16 of them share a
/// prefix) and values (100 bytes): `fillrandom`, `fillseq`, `readrandom`, `seekrandom` with no step,
/// `readseq`. Medians of `docs/bench/*.json`, rounded.
const SKIPLIST: Row = [
    [420.0, 1250.0],
    [115.0, 120.0],
    [480.0, 1400.0],
    [560.0, 1700.0],
    [40.0, 65.0],
];
const HASH_SKIPLIST: Row = [
    [330.0, 900.0],
    [150.0, 150.0],
    [340.0, 950.0],
    [560.0, 1700.0],
    [120.0, 200.0],
];
const HASH_LINKLIST: Row = [
    [420.0, 1100.0],
    [150.0, 150.0],
    [400.0, 1050.0],
    [560.0, 1700.0],
    [120.0, 220.0],
];
const VECTOR: Row = [
    [180.0, 240.0],
    [100.0, 100.0],
    [480.0, 1400.0],
    [560.0, 1700.0],
    [45.0, 70.0],
];
/// `readmissing` with `--bloom_bits 10`, and what that adds to `fillrandom`.
const BLOOM: [[f64; 2]; 2] = [[25.0, 70.0], [30.0, 70.0]];

impl Costs {
    /// Those of a representation, by its name, in a table of so many entries.
    pub(super) fn of(name: &str, entries: u64) -> Self {
        let [add, add_in_order, get, seek, step] = match name {
            "hash_skiplist" => HASH_SKIPLIST,
            "hash_linklist" => HASH_LINKLIST,
            "vector" => VECTOR,
            _ => SKIPLIST,
        };
        // Times grow with the logarithm: mostly it is the caches that they outgrow.
        let decades = (entries.max(1) as f64).log10() - 5.0;
        let at = |[small, large]: [f64; 2]| {
            // Not below what the fastest cache takes.
            (small + (large - small) * decades.clamp(-1.0, 3.0)).max(small / 2.0)
        };
        Self {
            add: at(add),
            add_in_order: at(add_in_order),
            get: at(get),
            seek: at(seek),
            step: at(step),
            bloom_get: at(BLOOM[0]),
            bloom_add: at(BLOOM[1]),
        }
    }
}
