//! Seeded generators: a run is a function of its seed, on every machine.

/// The finalizer of SplitMix64: a bijection on `u64`, so distinct inputs give distinct outputs.
#[must_use]
pub const fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that always yields the same words for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound`, by multiplication: the bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.word()) * bound as u128) >> 64) as usize
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Fisher and Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Zipfian ranks by the method of Gray and others, as YCSB draws them: rank 0 is the most frequent.
#[derive(Debug, Clone)]
pub struct Zipfian {
    ranks: f64,
    theta: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipfian {
    /// YCSB's skew.
    pub const THETA: f64 = 0.99;

    /// Ranks below `ranks`, with the skew [`Self::THETA`].
    #[must_use]
    pub fn new(ranks: usize) -> Self {
        let theta = Self::THETA;
        let zeta = |count: usize| (1..=count).map(|i| (i as f64).powf(-theta)).sum::<f64>();
        let (zeta_all, zeta_two) = (zeta(ranks), zeta(2));
        let base = 1.0 - (2.0 / ranks as f64).powf(1.0 - theta);
        Self {
            ranks: ranks as f64,
            theta,
            zeta: zeta_all,
            alpha: 1.0 / (1.0 - theta),
            eta: base / (1.0 - zeta_two / zeta_all),
        }
    }

    /// The next rank.
    pub fn rank(&self, random: &mut Random) -> usize {
        let unit = random.unit();
        let scaled = unit * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5f64.powf(self.theta) {
            return 1;
        }
        let rank = self.ranks * (self.eta * (unit - 1.0) + 1.0).powf(self.alpha);
        (rank as usize).min(self.ranks as usize - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_sequence() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| one.word() == two.word()));
    }

    #[test]
    fn below_and_unit_stay_in_range() {
        let mut random = Random::new(1);
        for bound in 1..200 {
            assert!(random.below(bound) < bound);
            assert!((0.0..1.0).contains(&random.unit()));
        }
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<usize> = (0..1000).collect();
        Random::new(3).shuffle(&mut items);
        assert!(items.iter().enumerate().any(|(place, &item)| place != item));
        items.sort_unstable();
        assert!(items.iter().enumerate().all(|(place, &item)| place == item));
    }

    #[test]
    fn zipfian_ranks_are_in_range_and_skewed() {
        const DRAWS: usize = 100_000;
        let (zipfian, mut random) = (Zipfian::new(10_000), Random::new(5));
        let mut counts = vec![0usize; 10_000];
        for _ in 0..DRAWS {
            counts[zipfian.rank(&mut random)] += 1;
        }
        // 1 / zeta(10 000, 0.99) is about 0.0998.
        let first = counts[0] as f64 / DRAWS as f64;
        assert!((0.09..0.11).contains(&first), "share of rank 0: {first}");
        assert!(counts[0] > counts[1] && counts[1] > counts[10] && counts[10] > counts[1000]);
    }

    #[test]
    fn zipfian_tolerates_tiny_sets() {
        let mut random = Random::new(5);
        for ranks in 1..5 {
            let zipfian = Zipfian::new(ranks);
            assert!(
                (0..1000).all(|_| zipfian.rank(&mut random) < ranks),
                "{ranks} ranks"
            );
        }
    }
}
