//! Prefixes of keys, and what they are to iterators (SPEC E8, G5).

use arbitrary::{Arbitrary, Result, Unstructured};

/// What the prefix of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Prefixes {
    /// Keys have none.
    #[default]
    Nothing,
    /// So many bytes; shorter keys have none.
    Fixed(usize),
    /// So many bytes, or the key.
    Capped(usize),
}

impl Prefixes {
    /// The prefix of a key without a timestamp.
    #[must_use]
    pub fn of(self, bare: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Nothing => None,
            Self::Fixed(bytes) => bare.get(..bytes),
            Self::Capped(bytes) => Some(bare.get(..bytes).unwrap_or(bare)),
        }
    }
}

/// Which entries a cursor goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PrefixMode {
    /// All.
    #[default]
    TotalOrder,
    /// Those with the prefix of the key that it was sent to, or else of the entry that it was
    /// on first; all, where that has none.
    SameAsStart,
    /// All: how they are found makes no difference.
    Auto,
}

impl<'a> Arbitrary<'a> for PrefixMode {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=7u8)? {
            0..=2 => Self::TotalOrder,
            3..=5 => Self::SameAsStart,
            _ => Self::Auto,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_by_hand() {
        assert_eq!(Prefixes::Nothing.of(b"abc"), None);
        assert_eq!(Prefixes::Fixed(2).of(b"abc"), Some(&b"ab"[..]));
        assert_eq!(Prefixes::Fixed(2).of(b"a"), None);
        assert_eq!(Prefixes::Capped(2).of(b"abc"), Some(&b"ab"[..]));
        assert_eq!(Prefixes::Capped(2).of(b"a"), Some(&b"a"[..]));
    }
}
