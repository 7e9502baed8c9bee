//! A Bloom filter that any number of threads fill and ask (SPEC B1).
//!
//! All bits of a key lie in one cache line, so that adding or asking costs one miss
//! (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters",
//! 2007). The probes within the line are those of RocksDB's `FastLocalBloom`: the
//! top bits of a product that is multiplied on.

use core::fmt;
use core::ptr::NonNull;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::arena::boxed_slice;
use crate::error::{Error, Result};
use crate::sync::ledger::FAULT_BLOOM_LOAD_STORE;
use crate::sync::{AtomicU64, fault, ord, prefetch};

/// Bits of a line.
const LINE_BITS: u32 = 512;
/// Most probes that make sense in a line.
const MAX_PROBES: u32 = 16;

/// The hash of some bytes, which nobody foresees who does not know the seed (SPEC X4).
#[inline]
pub(crate) fn seeded_hash(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// Which of so many places a hash has: its upper bits, scaled, with no division and no
/// wrapping at any size.
#[inline]
pub(crate) fn place(hash: u64, places: usize) -> usize {
    let scaled = u128::from(hash) * places as u128;
    (scaled >> 64) as usize
}

/// One cache line of bits.
#[repr(align(64))]
struct Line([AtomicU64; 8]);

/// A set of keys that answers "no" for certain, or "perhaps".
///
/// A key that was added before, in the sense of happens-before, is always answered
/// "perhaps". With 10 bits per key and 6 probes, about 1 in 100 other keys is, too.
///
/// ```
/// use verimem::bloom::Bloom;
///
/// let bloom = Bloom::new(10 * 1000, 6, 0)?;
/// bloom.add(b"apple");
/// assert!(bloom.may_contain(b"apple"));
/// assert!(!bloom.may_contain(b"pear"));
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct Bloom {
    lines: Box<[Line]>,
    probes: u32,
    seed: u64,
}

impl Bloom {
    /// An empty filter of at least so many bits, in whole cache lines. Hashes depend on
    /// `seed`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for probes out of 1 to 16; [`Error::OutOfMemory`].
    pub fn new(bits: usize, probes: u32, seed: u64) -> Result<Self> {
        if !(1..=MAX_PROBES).contains(&probes) {
            return Err(Error::InvalidOption {
                option: "probes",
                reason: "not in 1..=16",
            });
        }
        let lines = bits.div_ceil(LINE_BITS as usize).max(1);
        let line = || Line(core::array::from_fn(|_| AtomicU64::new(0)));
        Ok(Self {
            lines: boxed_slice(lines, line)?,
            probes,
            seed,
        })
    }

    /// Bytes that the filter takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.lines)
    }

    /// Adds a key. Wait-free.
    #[inline]
    pub fn add(&self, key: &[u8]) {
        self.add_hash(self.hash(key));
    }

    /// False if the key was certainly not added. Wait-free.
    #[must_use]
    #[inline]
    pub fn may_contain(&self, key: &[u8]) -> bool {
        self.may_contain_hash(self.hash(key))
    }

    /// The hash of a key, and asks for its line: by the time that other keys are hashed,
    /// it is there.
    #[inline]
    pub(crate) fn ask(&self, key: &[u8]) -> u64 {
        let hash = self.hash(key);
        prefetch(NonNull::from(self.line(hash)).cast(), 0);
        hash
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        seeded_hash(key, self.seed)
    }

    #[inline]
    fn line(&self, hash: u64) -> &Line {
        &self.lines[place(hash, self.lines.len())]
    }

    /// The words and masks of a hash: its lower bits decide.
    #[inline]
    fn probes(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let mut state = hash as u32;
        (0..self.probes).map(move |_| {
            state = state.wrapping_mul(0x9E37_79B9);
            let bit = state >> (u32::BITS - LINE_BITS.ilog2());
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn add_hash(&self, hash: u64) {
        let line = self.line(hash);
        for (word, mask) in self.probes(hash) {
            let word = &line.0[word];
            // A bit that is set already needs no write to a line that others read.
            let bits = word.load(ord!(BLOOM_PEEK, Relaxed));
            if bits & mask != 0 {
                continue;
            }
            if fault(&FAULT_BLOOM_LOAD_STORE) {
                word.store(bits | mask, ord!(BLOOM_FAULT_STORE, Relaxed));
            } else {
                word.fetch_or(mask, ord!(BLOOM_SET, Relaxed));
            }
        }
    }

    pub(crate) fn may_contain_hash(&self, hash: u64) -> bool {
        let line = self.line(hash);
        self.probes(hash)
            .all(|(word, mask)| line.0[word].load(ord!(BLOOM_TEST, Relaxed)) & mask != 0)
    }
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bloom")
            .field("bytes", &self.bytes())
            .field("probes", &self.probes)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn filled(keys: u64, bits_per_key: usize, probes: u32) -> Bloom {
        let bloom = Bloom::new(keys as usize * bits_per_key, probes, 7).unwrap();
        (0..keys).for_each(|key| bloom.add(&key.to_be_bytes()));
        bloom
    }

    /// The share of keys that were not added and are answered "perhaps".
    fn false_positives(bloom: &Bloom, keys: u64) -> f64 {
        let others = keys..keys + 200_000;
        let hits = others
            .filter(|key| bloom.may_contain(&key.to_be_bytes()))
            .count();
        hits as f64 / 200_000.0
    }

    #[test]
    fn b1_what_was_added_is_never_denied() {
        for (keys, bits) in [(1, 1), (100, 1), (5_000, 4), (50_000, 10)] {
            let bloom = filled(keys, bits, 6);
            assert!((0..keys).all(|key| bloom.may_contain(&key.to_be_bytes())));
        }
    }

    #[test]
    fn b1_few_others_are_admitted() {
        for keys in [10_000, 300_000] {
            let share = false_positives(&filled(keys, 10, 6), keys);
            assert!(share <= 0.0125, "{keys}: {share}");
            assert!(share > 0.001, "{keys}: {share} is too good to be true");
        }
        assert!(false_positives(&filled(100_000, 20, 6), 100_000) < 0.002);
    }

    #[test]
    fn b1_sizes_and_probes_at_the_limits() {
        for probes in [0, 17] {
            assert!(matches!(
                Bloom::new(64, probes, 0),
                Err(Error::InvalidOption { .. })
            ));
        }
        assert!(matches!(
            Bloom::new(usize::MAX, 6, 0),
            Err(Error::OutOfMemory { .. })
        ));
        let smallest = Bloom::new(0, 16, 0).unwrap();
        assert_eq!(smallest.bytes(), 64);
        assert!(!smallest.may_contain(b""));
        smallest.add(b"");
        assert!(smallest.may_contain(b""));
        assert_eq!(Bloom::new(513, 1, 0).unwrap().bytes(), 128);
    }

    #[test]
    fn b1_large_filters_use_all_of_themselves() {
        // As many lines as 64 GiB have, far more than 32 bits can count the bits of.
        let lines = 1u128 << 30;
        let bloom = Bloom::new(64, 6, 1).unwrap();
        let place = |key: u64| (u128::from(bloom.hash(&key.to_be_bytes())) * lines) >> 64;
        let upper = (0..1000).filter(|&key| place(key) >= lines / 2).count();
        assert!((400..600).contains(&upper));
    }

    #[test]
    fn b1_seeds_change_the_hashes() {
        let admitted = |seed| {
            let bloom = Bloom::new(2_000, 2, seed).unwrap();
            (0..500u32).for_each(|key| bloom.add(&key.to_be_bytes()));
            let others = 500..5_000u32;
            let hits = others.filter(|key| bloom.may_contain(&key.to_be_bytes()));
            hits.collect::<Vec<_>>()
        };
        assert_ne!(admitted(1), admitted(2));
        assert_eq!(admitted(1), admitted(1));
    }
}
