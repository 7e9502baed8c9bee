//! Which entry is next: uniform and zipfian choices, and the order in which keys come.

use rand::RngExt;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs};
use rand_distr::{Distribution, Zipf};

/// The skew of YCSB.
const THETA: f64 = 0.99;

/// A generator for one use of it: those of other threads and workloads are different.
pub fn random(seed: u64, salt: &str, thread: usize) -> SmallRng {
    // FNV-1a: not a good hash, but enough to tell the few uses apart.
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    let hash = salt.bytes().fold(0xCBF2_9CE4_8422_2325, mix);
    let thread = (thread as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    rngs::SmallRng::seed_from_u64(seed ^ hash ^ thread)
}

/// All entries below `count`, in random order.
pub fn shuffled(count: u32, mut random: SmallRng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    order.shuffle(&mut random);
    order
}

/// Ranks below a bound; all alike, or the first more often.
#[derive(Debug, Clone, Copy)]
pub enum Ranks {
    /// Each as often as any other.
    Uniform(u32),
    /// Rank 0 the most often.
    Zipfian(Zipf<f64>),
}

impl Ranks {
    /// Each rank below `count`, at least 1, as often as any other.
    pub fn uniform(count: u32) -> Self {
        Self::Uniform(count.max(1))
    }

    /// Zipfian ranks below `count`, at least 1.
    pub fn zipfian(count: u32) -> Self {
        match Zipf::new(f64::from(count.max(1)), THETA) {
            Ok(zipf) => Self::Zipfian(zipf),
            // Only for counts below 1 and exponents below 0.
            Err(_) => Self::uniform(count),
        }
    }

    /// The next rank.
    pub fn next(&self, random: &mut SmallRng) -> u32 {
        match self {
            Self::Uniform(count) => random.random_range(0..*count),
            // From 1 to the count, without a fraction.
            Self::Zipfian(zipf) => zipf.sample(random) as u32 - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_choice() {
        let draw = |seed, salt, thread| {
            let mut random = random(seed, salt, thread);
            Ranks::uniform(u32::MAX).next(&mut random)
        };
        assert_eq!(draw(1, "a", 0), draw(1, "a", 0));
        let others = [draw(2, "a", 0), draw(1, "b", 0), draw(1, "a", 1)];
        assert!(!others.contains(&draw(1, "a", 0)));
    }

    #[test]
    fn an_order_has_every_entry_once() {
        let mut order = shuffled(1_000, random(1, "", 0));
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1_000));
    }

    #[test]
    fn ranks_are_in_range_and_zipfian_ones_are_skewed() {
        let mut random = random(1, "", 0);
        for count in [1, 2, 3, 1_000] {
            for ranks in [Ranks::uniform(count), Ranks::zipfian(count)] {
                assert!((0..2_000).all(|_| ranks.next(&mut random) < count));
            }
        }
        let mut first = |ranks: Ranks| (0..10_000).filter(|_| ranks.next(&mut random) < 10).count();
        assert!(first(Ranks::zipfian(1_000)) > 3_000);
        assert!(first(Ranks::uniform(1_000)) < 300);
    }
}
