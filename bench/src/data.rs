//! Keys, values and the orders in which they are used, all made before a clock starts.
//!
//! Keys lie end to end in the order of use, so that reading the next one costs the harness no cache
//! miss. Values are slices of a small pool that stays in the cache; which slice is a function of
//! the sequence number.

pub use crate::keys::{KeyShape, Keys};
use crate::random::{Random, Zipfian};

/// How many entries a batch holds.
pub const BATCH: usize = 100;
/// How many keys a `multi_get` looks up.
pub const MULTI_GET: usize = 32;
/// How many versions each key of the table with versions has.
pub const VERSIONS: usize = 8;
/// The most keys that are looked up, and entries that are read backwards, in one measurement: more
/// would only take longer.
pub const PROBES: usize = 250_000;

/// Slices of a small pool of random bytes, chosen by sequence number.
#[derive(Debug, Clone)]
pub struct Values {
    pool: Vec<u8>,
    value_len: usize,
}

impl Values {
    /// As many starting points as 16 bits name.
    const STARTS: usize = 1 << 16;

    fn new(value_len: usize, random: &mut Random) -> Self {
        let mut pool = Vec::new();
        while pool.len() < Self::STARTS + value_len {
            pool.extend_from_slice(&random.word().to_le_bytes());
        }
        Self { pool, value_len }
    }

    /// The value that goes with `sequence`.
    #[inline]
    #[must_use]
    pub fn get(&self, sequence: u64) -> &[u8] {
        let start = (sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize;
        &self.pool[start..start + self.value_len]
    }
}

/// All that one cell of the matrix needs. The i-th insertion of an order has the sequence number i
/// + 1.
#[derive(Debug, Clone)]
pub struct Data {
    /// How many entries each table gets.
    pub entries: usize,
    /// How many keys are looked up, and entries read backwards.
    pub probes: usize,
    /// The shape of the keys.
    pub shape: KeyShape,
    /// The length of each value.
    pub value_len: usize,
    /// All keys, ascending.
    pub sorted: Keys,
    /// All keys, in random order.
    pub shuffled: Keys,
    /// All keys in random order, each run of [`BATCH`] sorted.
    pub batches: Keys,
    /// Each key [`VERSIONS`] times, in random order; as many as there are entries.
    pub versions: Keys,
    /// Keys to look up: stored ones, uniform, in another random order; at most [`PROBES`].
    pub present: Keys,
    /// Keys to look up: like the stored ones, but none of them.
    pub absent: Keys,
    /// Keys to look up: stored ones, a few of them again and again.
    pub zipfian: Keys,
    /// Keys to look up where there are versions.
    pub versioned: Keys,
    /// Keys from the first half of `shuffled`, in another random order: what the reader beside a
    /// writer looks up.
    pub first_half: Keys,
    /// The values.
    pub values: Values,
}

impl Data {
    /// Makes everything from `seed`.
    #[must_use]
    pub fn new(entries: usize, shape: KeyShape, value_len: usize, seed: u64) -> Self {
        Self::with_probes(entries, shape, value_len, seed, PROBES)
    }

    /// As [`new`](Self::new), with another limit than [`PROBES`].
    #[must_use]
    pub fn with_probes(
        entries: usize,
        shape: KeyShape,
        value_len: usize,
        seed: u64,
        probes: usize,
    ) -> Self {
        let mut random = Random::new(seed);
        let stored = |index: u64| {
            if shape == KeyShape::Seq8 {
                2 * index
            } else {
                index
            }
        };
        let missing = |index: u64| {
            if shape == KeyShape::Seq8 {
                2 * index + 1
            } else {
                index + entries as u64
            }
        };

        let all = entries as u64;
        let probes = entries.min(probes);
        let mut order: Vec<u64> = (0..all).collect();
        let keys = |order: &[u64]| Keys::of(shape, order.iter().map(|&index| stored(index)));
        let mut sorted = keys(&order);
        sorted.sort_runs(entries.max(1));
        random.shuffle(&mut order);
        let shuffled = keys(&order);
        let mut batches = shuffled.clone();
        batches.sort_runs(BATCH);

        let ranks = Zipfian::new(entries);
        let drawn = (0..probes).map(|_| stored(order[ranks.rank(&mut random)]));
        let zipfian = Keys::of(shape, drawn);
        let mut half = order[..entries / 2].to_vec();
        random.shuffle(&mut half);
        let first_half = keys(&half[..half.len().min(probes)]);
        random.shuffle(&mut order);
        let present = keys(&order[..probes]);
        random.shuffle(&mut order);
        let absent = Keys::of(shape, order[..probes].iter().map(|&index| missing(index)));
        let mut repeated: Vec<u64> = (0..all).map(|index| index / VERSIONS as u64).collect();
        random.shuffle(&mut repeated);
        let versions = keys(&repeated);
        random.shuffle(&mut repeated);
        let versioned = keys(&repeated[..probes]);
        let values = Values::new(value_len, &mut random);
        Self {
            entries,
            probes,
            shape,
            value_len,
            sorted,
            shuffled,
            batches,
            versions,
            present,
            absent,
            zipfian,
            versioned,
            first_half,
            values,
        }
    }

    /// How many entries are in the table before the writer and the reader of the mixed workload
    /// start.
    #[must_use]
    pub const fn half(&self) -> usize {
        self.entries / 2
    }

    /// Key and value bytes of one entry, without its tag.
    #[must_use]
    pub const fn payload(&self) -> usize {
        self.shape.key_len() + self.value_len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn orders_hold_the_same_distinct_keys() {
        for shape in KeyShape::MATRIX {
            let data = Data::new(1234, shape, 10, 1);
            let set: BTreeSet<&[u8]> = data.sorted.iter().collect();
            assert_eq!(set.len(), 1234);
            assert!(set.iter().all(|key| key.len() == shape.key_len()));
            for order in [&data.shuffled, &data.batches, &data.present] {
                assert_eq!(order.len(), 1234);
                assert_eq!(order.iter().collect::<BTreeSet<_>>(), set);
            }
            assert!(data.sorted.iter().is_sorted());
            assert!(!data.shuffled.iter().is_sorted());
        }
    }

    #[test]
    fn probes_hit_or_miss_as_named() {
        for shape in KeyShape::MATRIX {
            let data = Data::new(500, shape, 0, 2);
            let set: BTreeSet<&[u8]> = data.sorted.iter().collect();
            assert!(data.zipfian.iter().all(|key| set.contains(key)));
            assert_eq!(data.zipfian.len(), 500);
            assert!(data.absent.iter().all(|key| !set.contains(key)));
            assert_eq!(data.absent.iter().collect::<BTreeSet<_>>().len(), 500);
        }
    }

    #[test]
    fn batches_are_sorted_runs() {
        let data = Data::new(1050, KeyShape::Random(16), 0, 3);
        for start in (0..1050).step_by(BATCH) {
            assert!(
                data.batches
                    .range(start, (start + BATCH).min(1050))
                    .is_sorted()
            );
        }
        assert!(!data.batches.iter().is_sorted());
    }

    #[test]
    fn the_first_half_is_what_was_inserted_first() {
        let data = Data::new(101, KeyShape::Random(16), 0, 3);
        let first: BTreeSet<&[u8]> = data.shuffled.range(0, 50).collect();
        assert_eq!(data.first_half.iter().collect::<BTreeSet<_>>(), first);
    }

    #[test]
    fn every_key_has_its_versions() {
        let data = Data::new(100, KeyShape::Random(16), 0, 3);
        let keys: Vec<&[u8]> = data.versions.iter().collect();
        let distinct: BTreeSet<&[u8]> = keys.iter().copied().collect();
        assert_eq!((keys.len(), distinct.len()), (100, 13));
        let of = |wanted| keys.iter().filter(|&&key| key == wanted).count();
        assert!(distinct.iter().all(|key| of(*key) == 8 || of(*key) == 4));
        assert!(data.versioned.iter().all(|key| distinct.contains(key)));
    }

    #[test]
    fn values_have_the_length_and_differ() {
        let data = Data::new(10, KeyShape::Seq8, 100, 4);
        assert_eq!(data.values.get(1).len(), 100);
        assert_ne!(data.values.get(1), data.values.get(2));
        assert_eq!(data.payload(), 108);
        assert_eq!(Data::new(10, KeyShape::Seq8, 0, 4).values.get(7), b"");
    }
}
