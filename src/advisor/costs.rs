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
    [485.0, 1600.0],
    [134.0, 125.0],
    [640.0, 2300.0],
    [1150.0, 3700.0],
    [45.0, 77.0],
];
const HASH_SKIPLIST: Row = [
    [510.0, 1500.0],
    [175.0, 200.0],
    [550.0, 1500.0],
    [1000.0, 3250.0],
    [56.0, 75.0],
];
const HASH_LINKLIST: Row = [
    [530.0, 1540.0],
    [160.0, 165.0],
    [750.0, 1900.0],
    [1300.0, 3600.0],
    [68.0, 81.0],
];
const VECTOR: Row = [
    [260.0, 260.0],
    [174.0, 145.0],
    [700.0, 2400.0],
    [1200.0, 3900.0],
    [58.0, 80.0],
];
/// `readmissing` with `--bloom_bits 10`, and what that adds to `fillrandom`.
const BLOOM: [[f64; 2]; 2] = [[110.0, 250.0], [30.0, 70.0]];

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
