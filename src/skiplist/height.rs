//! How tall nodes are.

use crate::entry::EntryRef;
use crate::sync::random_u64;

/// The tallest a tower can be.
pub const MAX_HEIGHT: usize = 32;

/// Where the heights of nodes come from (SPEC S4).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub enum HeightSource {
    /// Geometric with `1 / branching`, from the calling thread's random source
    /// (seed it with [`seed_thread_rng`](crate::seed_thread_rng)).
    #[default]
    Random,
    /// Whatever the function says of an entry, clamped to `1..=max_height`: the
    /// same towers whatever the schedule, as tests and model checkers need.
    Scripted(fn(&EntryRef<'_>) -> usize),
}

/// Draws heights for one list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heights {
    source: HeightSource,
    max_height: usize,
    branching: u64,
    /// The base-2 logarithm of the branching where that is a power of two, else 0.
    bits: u32,
    /// A uniform 64-bit draw below this goes one level up.
    threshold: u64,
}

impl Heights {
    pub(crate) fn new(source: HeightSource, max_height: usize, branching: u32) -> Self {
        Self {
            source,
            max_height,
            branching: u64::from(branching),
            bits: if branching.is_power_of_two() {
                branching.ilog2()
            } else {
                0
            },
            threshold: u64::MAX / u64::from(branching),
        }
    }

    /// One in so many nodes goes up a level.
    pub(super) fn branching(&self) -> u64 {
        self.branching
    }

    #[inline]
    pub(crate) fn draw(&self, entry: &EntryRef<'_>) -> usize {
        match self.source {
            HeightSource::Random => self.climb(random_u64()),
            HeightSource::Scripted(script) => script(entry).clamp(1, self.max_height),
        }
    }

    /// One draw serves all levels: what is below the threshold is again uniform
    /// once it is scaled up.
    #[inline]
    fn climb(&self, mut draw: u64) -> usize {
        // No branch depends on the draw: a mispredicted one costs as much as a
        // good part of an append.
        match self.bits {
            0 => {}
            1 => return (1 + draw.leading_zeros() as usize).min(self.max_height),
            bits => return (1 + (draw.leading_zeros() / bits) as usize).min(self.max_height),
        }
        let mut height = 1;
        while height < self.max_height && draw < self.threshold {
            draw *= self.branching;
            height += 1;
        }
        height
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn s4_heights_are_geometric_and_bounded() {
        const DRAWS: usize = 100_000;
        crate::sync::seed_thread_rng(1);
        for branching in [2, 3, 4, 8] {
            let heights = Heights::new(HeightSource::Random, 12, branching);
            let mut at_least = [0usize; MAX_HEIGHT + 1];
            for _ in 0..DRAWS {
                let height = heights.climb(random_u64());
                assert!((1..=12).contains(&height));
                at_least[1..=height]
                    .iter_mut()
                    .for_each(|count| *count += 1);
            }
            for level in 2..6 {
                let ratio = at_least[level - 1] as f64 / at_least[level].max(1) as f64;
                let expected = f64::from(branching);
                if at_least[level] > 1_000 {
                    assert!(
                        (ratio - expected).abs() < expected * 0.15,
                        "{branching} {level} {ratio}"
                    );
                }
            }
        }
    }

    #[test]
    fn s4_a_script_is_clamped() {
        let entry = EntryRef {
            user_key: b"",
            sequence: 0,
            kind: crate::key::Kind::VALUE,
            value: b"",
        };
        let scripted = |script| Heights::new(HeightSource::Scripted(script), 4, 2).draw(&entry);
        assert_eq!(
            [scripted(|_| 0), scripted(|_| 3), scripted(|_| 99)],
            [1, 3, 4]
        );
    }
}
