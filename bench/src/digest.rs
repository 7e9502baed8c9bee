//! The checksum that every byte a subject returns is folded into.
//!
//! It has two jobs: it makes each subject really read its keys and values inside the clock, and it
//! is compared across subjects, so that a fast wrong answer fails the run. It must cost little
//! beside the structures: bytes are summed word by word, without a dependency between the words,
//! and each entry adds one multiplication to the running chain.

/// A running checksum, sensitive to the order of entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest(u64);

/// The words of `bytes`, summed.
#[inline]
fn sum(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut total = words.iter().fold(0u64, |sum, word| {
        sum.wrapping_add(u64::from_le_bytes(*word))
    });
    let (halves, rest) = tail.as_chunks::<4>();
    for half in halves {
        total = total.wrapping_add(u64::from(u32::from_le_bytes(*half)));
    }
    rest.iter().fold(total, |sum, &byte| {
        sum.wrapping_add(u64::from(byte)).rotate_left(8)
    })
}

impl Digest {
    #[inline]
    fn fold(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// Folds a whole entry.
    #[inline]
    pub fn entry(&mut self, key: &[u8], sequence: u64, value: &[u8]) {
        self.fold(
            sum(key)
                .wrapping_add(sum(value).rotate_left(17))
                .wrapping_add(sequence << 40),
        );
    }

    /// Folds the answer to a point lookup.
    #[inline]
    pub fn found(&mut self, sequence: u64, value: &[u8]) {
        self.fold(sum(value).wrapping_add(sequence << 40));
    }

    /// Folds the absence of an answer.
    #[inline]
    pub fn missing(&mut self) {
        self.fold(1);
    }

    /// The checksum so far.
    #[must_use]
    pub const fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(&[u8], u64, &[u8])]) -> Digest {
        let mut digest = Digest::default();
        for (key, sequence, value) in entries {
            digest.entry(key, *sequence, value);
        }
        digest
    }

    #[test]
    fn every_part_counts() {
        let plain = of(&[(b"key-0001-and-more", 1, b"value")]);
        assert_ne!(plain, of(&[(b"key-0002-and-more", 1, b"value")]));
        assert_ne!(plain, of(&[(b"key-0001-and-morf", 1, b"value")]));
        assert_ne!(plain, of(&[(b"key-0001-and-more", 2, b"value")]));
        assert_ne!(plain, of(&[(b"key-0001-and-more", 1, b"valuf")]));
    }

    #[test]
    fn order_and_misses_count() {
        assert_ne!(
            of(&[(b"a", 1, b""), (b"b", 2, b"")]),
            of(&[(b"b", 2, b""), (b"a", 1, b"")])
        );
        let mut missing = Digest::default();
        missing.missing();
        assert_ne!(missing, Digest::default());
    }
}
