//! Values: stretches of one pool of random bytes, each told by its entry.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// Where values may begin; small enough for a second-level cache.
const STARTS: usize = 1 << 20;

/// Spreads neighbours: odd, so that no two of [`STARTS`] entries in a row begin at one place.
const SPREAD: usize = 0x9E37_79B1;

/// The values of all entries.
#[derive(Debug)]
pub struct Values {
    pool: Vec<u8>,
    size: usize,
}

impl Values {
    /// Values of `size` bytes.
    pub fn new(size: usize, seed: u64) -> Self {
        let mut pool = vec![0; size.saturating_add(STARTS)];
        SmallRng::seed_from_u64(seed).fill_bytes(&mut pool);
        Self { pool, size }
    }

    /// The value of an entry, the same in all of its versions.
    #[inline]
    pub fn of(&self, index: u32) -> &[u8] {
        let start = (index as usize).wrapping_mul(SPREAD) % STARTS;
        &self.pool[start..start + self.size]
    }

    /// The length of each.
    pub const fn size(&self) -> usize {
        self.size
    }
}

/// Adds bytes to a checksum: all of them have to be read for that.
#[inline]
pub fn fold(sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut sum = sum.rotate_left(5);
    for word in words {
        sum = sum.wrapping_add(u64::from_le_bytes(*word));
    }
    for &byte in rest {
        sum = sum.wrapping_add(u64::from(byte));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_value_and_its_neighbours_others() {
        let values = Values::new(100, 1);
        assert_eq!(values.of(7), Values::new(100, 1).of(7));
        assert!((0..1_000).all(|i| values.of(i).len() == 100 && values.of(i) != values.of(i + 1)));
        assert!(Values::new(0, 1).of(u32::MAX).is_empty());
    }

    #[test]
    fn every_byte_counts() {
        let bytes = [1u8; 19];
        for place in 0..bytes.len() {
            let mut other = bytes;
            other[place] = 2;
            assert_ne!(fold(3, &bytes), fold(3, &other), "{place}");
        }
    }
}
