//! The random source behind node heights and random seeks.

/// Marsaglia's xorshift64* generator (Vigna, "An experimental exploration of
/// Marsaglia's xorshift generators, scrambled", 2016): small, fast, and good
/// enough for heights, which need a dozen fair bits.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(any(loom, shuttle), allow(dead_code))]
pub(super) struct Xorshift(u64);

#[cfg_attr(any(loom, shuttle), allow(dead_code))]
impl Xorshift {
    pub(super) fn new(seed: u64) -> Self {
        // SplitMix64's finaliser spreads small seeds; zero is the one bad state.
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((z ^ (z >> 31)).max(1))
    }

    /// Seeds from the standard library's per-process hash keys.
    pub(super) fn from_entropy() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self::new(RandomState::new().hash_one(0u8))
    }

    #[inline]
    pub(super) fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// Seeds the calling thread's random source, from which node heights are drawn.
///
/// Two threads that insert the same entries in the same order after the same
/// seed build the same towers; tests and benchmarks rely on it. Under a checker
/// this does nothing: heights are scripted there.
///
/// ```
/// verimem::seed_thread_rng(42);
/// ```
pub fn seed_thread_rng(seed: u64) {
    super::backend::seed_random(seed);
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_sequences_and_zero_is_a_seed() {
        let draw = |seed| {
            let mut source = Xorshift::new(seed);
            [source.next_u64(), source.next_u64(), source.next_u64()]
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
        assert!(draw(0).iter().all(|&value| value != 0));
    }

    #[test]
    fn bits_are_fair() {
        let mut source = Xorshift::new(7);
        let mut ones = [0u32; 64];
        for _ in 0..10_000 {
            let value = source.next_u64();
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::try_from(value >> bit & 1).unwrap();
            }
        }
        assert!(ones.iter().all(|&count| (4_700..5_300).contains(&count)));
    }
}
