//! Keys and values that tests like.

use std::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::answer::Escaped;

/// Bytes that short keys are made of: few, so that keys collide, and both ends
/// of the range, where comparisons of padded or signed bytes go wrong.
const ALPHABET: [u8; 4] = [b'a', b'b', 0x00, 0xFF];

/// A user key from a small world: short ones over a tiny alphabet, ones that
/// agree in their first 4, 8 or 12 bytes, prefixes of one another, runs of the
/// smallest and largest byte, the empty one, and now and then a long one.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Key(pub Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

/// Appends up to `most` bytes of the alphabet.
fn letters(u: &mut Unstructured<'_>, most: u8, key: &mut Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(0..=most)? {
        key.push(*u.choose(&ALPHABET)?);
    }
    Ok(())
}

impl<'a> Arbitrary<'a> for Key {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut key = Vec::new();
        match u.int_in_range(0..=15u8)? {
            0..=5 => letters(u, 3, &mut key)?,
            6..=7 => key.push(u.int_in_range(b'a'..=b'p')?),
            // One byte beyond what fits a prefix of four, and of eight.
            8..=9 => {
                key.extend_from_slice(b"four");
                letters(u, 2, &mut key)?;
            }
            10..=11 => {
                key.extend_from_slice(b"eight---");
                letters(u, 2, &mut key)?;
            }
            12 => {
                key.extend_from_slice(b"twelve------");
                letters(u, 2, &mut key)?;
            }
            13 => {
                let byte = if u.arbitrary()? { 0x00 } else { 0xFF };
                key.resize(u.int_in_range(0..=9)?, byte);
            }
            14 => key.extend_from_slice(&b"eight---tail"[..u.int_in_range(0..=12)?]),
            _ => {
                key.resize(u.int_in_range(40..=297)?, b'l');
                letters(u, 3, &mut key)?;
            }
        }
        Ok(Self(key))
    }
}

/// A value, told by its length and where its byte pattern starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Value {
    /// Length in bytes.
    pub length: u16,
    /// The first byte; the others count up from it.
    pub start: u8,
}

impl Value {
    /// The bytes.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        (0..self.length)
            .map(|index| self.start.wrapping_add(index as u8))
            .collect()
    }
}

impl<'a> Arbitrary<'a> for Value {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let length = match u.int_in_range(0..=63u8)? {
            0..=9 => 0,
            10..=54 => u.int_in_range(1..=12)?,
            55..=62 => u.int_in_range(13..=300)?,
            _ => u.int_in_range(301..=5000)?,
        };
        Ok(Self {
            length,
            start: u.arbitrary()?,
        })
    }
}
