//! Keys, values and the orders in which they are used, all made before a clock starts.
//!
//! Keys lie end to end in the order of use, so that reading the next one costs the harness no cache
//! miss. Values are slices of a small pool that stays in the cache; which slice is a function of
//! the sequence number.

use crate::random::{Random, Zipfian, mix};

/// How many entries a batch holds.
pub const BATCH: usize = 100;

/// The shape of the keys. All keys of one table have the same length, and bytewise order is the
/// order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyShape {
    /// 16 random bytes.
    Random16,
    /// 24 bytes that all keys share, then 8 random ones.
    Shared32,
    /// Big-endian even numbers of 8 bytes (the odd ones are the misses).
    Seq8,
}

impl KeyShape {
    /// The shape's name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random16 => "random16",
            Self::Shared32 => "shared32",
            Self::Seq8 => "seq8",
        }
    }

    /// The length of each key, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Random16 => 16,
            Self::Shared32 => 32,
            Self::Seq8 => 8,
        }
    }

    /// Appends the key with number `id`. Distinct numbers give distinct keys: [`mix`] is a
    /// bijection.
    fn push(self, id: u64, bytes: &mut Vec<u8>) {
        match self {
            Self::Random16 => {
                bytes.extend_from_slice(&mix(id.wrapping_add(0x5EED)).to_be_bytes());
                bytes.extend_from_slice(&mix(id ^ 0xF00D_0000_0000).to_be_bytes());
            }
            Self::Shared32 => {
                bytes.extend_from_slice(b"tenant-0042/table-000007");
                bytes.extend_from_slice(&mix(id.wrapping_add(0x5EED)).to_be_bytes());
            }
            Self::Seq8 => bytes.extend_from_slice(&id.to_be_bytes()),
        }
    }
}

/// Keys of one length, end to end.
#[derive(Debug, Clone)]
pub struct Keys {
    bytes: Vec<u8>,
    key_len: usize,
}

impl Keys {
    fn of(shape: KeyShape, ids: impl IntoIterator<Item = u64>) -> Self {
        let mut bytes = Vec::new();
        for id in ids {
            shape.push(id, &mut bytes);
        }
        Self {
            bytes,
            key_len: shape.key_len(),
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.key_len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The keys, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.bytes.chunks_exact(self.key_len)
    }

    /// The keys from place `from` up to place `to`.
    #[inline]
    pub fn range(&self, from: usize, to: usize) -> impl Iterator<Item = &[u8]> {
        self.bytes[from * self.key_len..to * self.key_len].chunks_exact(self.key_len)
    }

    /// Sorts each run of `run` keys.
    fn sort_runs(&mut self, run: usize) {
        for chunk in self.bytes.chunks_mut(run * self.key_len) {
            let mut keys: Vec<Vec<u8>> = chunk
                .chunks_exact(self.key_len)
                .map(<[u8]>::to_vec)
                .collect();
            keys.sort_unstable();
            for (place, key) in chunk.chunks_exact_mut(self.key_len).zip(&keys) {
                place.copy_from_slice(key);
            }
        }
    }
}

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
    /// Keys to look up: stored ones, uniform, in another random order.
    pub present: Keys,
    /// Keys to look up: like the stored ones, but none of them.
    pub absent: Keys,
    /// Keys to look up: stored ones, a few of them again and again.
    pub zipfian: Keys,
    /// The first half of `shuffled`, in another random order: what the reader beside a writer looks
    /// up.
    pub first_half: Keys,
    /// The values.
    pub values: Values,
}

impl Data {
    /// Makes everything from `seed`.
    #[must_use]
    pub fn new(entries: usize, shape: KeyShape, value_len: usize, seed: u64) -> Self {
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

        let mut order: Vec<u64> = (0..entries as u64).collect();
        let mut sorted = Keys::of(shape, order.iter().map(|&index| stored(index)));
        sorted.sort_runs(entries.max(1));
        random.shuffle(&mut order);
        let shuffled = Keys::of(shape, order.iter().map(|&index| stored(index)));
        let mut batches = shuffled.clone();
        batches.sort_runs(BATCH);

        let ranks = Zipfian::new(entries);
        let zipfian = Keys::of(
            shape,
            (0..entries).map(|_| stored(order[ranks.rank(&mut random)])),
        );
        let mut half = order[..entries / 2].to_vec();
        random.shuffle(&mut half);
        let first_half = Keys::of(shape, half.iter().map(|&index| stored(index)));
        random.shuffle(&mut order);
        let present = Keys::of(shape, order.iter().map(|&index| stored(index)));
        random.shuffle(&mut order);
        let absent = Keys::of(shape, order.iter().map(|&index| missing(index)));
        let values = Values::new(value_len, &mut random);
        Self {
            entries,
            shape,
            value_len,
            sorted,
            shuffled,
            batches,
            present,
            absent,
            zipfian,
            first_half,
            values,
        }
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

    const SHAPES: [KeyShape; 3] = [KeyShape::Random16, KeyShape::Shared32, KeyShape::Seq8];

    #[test]
    fn orders_hold_the_same_distinct_keys() {
        for shape in SHAPES {
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
        for shape in SHAPES {
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
        let data = Data::new(1050, KeyShape::Random16, 0, 3);
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
        let data = Data::new(101, KeyShape::Random16, 0, 3);
        let first: BTreeSet<&[u8]> = data.shuffled.range(0, 50).collect();
        assert_eq!(data.first_half.iter().collect::<BTreeSet<_>>(), first);
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
