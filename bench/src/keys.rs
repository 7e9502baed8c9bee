//! Shapes of keys, and keys end to end.

use std::fmt;
use std::str::FromStr;

use crate::random::mix;

/// The prefix of [`KeyShape::Shared32`].
const TENANT: &[u8] = b"tenant-42/tab-07";

/// The shape of the keys. All keys of one table have the same length, and bytewise order is the
/// order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyShape {
    /// So many random bytes.
    Random(usize),
    /// 16 bytes that all keys share, then 16 random ones.
    Shared32,
    /// Big-endian even numbers of 8 bytes (the odd ones are the misses).
    Seq8,
}

impl KeyShape {
    /// The shapes of the matrix.
    pub const MATRIX: [Self; 3] = [Self::Random(16), Self::Shared32, Self::Seq8];
    /// The shortest random key: its first word makes it unique.
    pub const SHORTEST: usize = 8;
    /// The longest random key.
    pub const LONGEST: usize = 256;

    /// The length of each key, in bytes.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Random(length) => length,
            Self::Shared32 => 32,
            Self::Seq8 => 8,
        }
    }

    /// What all keys of a table of so many entries share: what an engine would know from the table
    /// before.
    #[must_use]
    pub const fn shared_prefix(self, entries: usize) -> &'static [u8] {
        match self {
            Self::Random(_) => &[],
            Self::Shared32 => TENANT,
            // The largest key, stored or not, is below twice the number of entries.
            Self::Seq8 => {
                let zeroes = (2 * entries as u64).leading_zeros() / 8;
                const ZEROES: &[u8] = &[0; 8];
                ZEROES.split_at(zeroes as usize).0
            }
        }
    }

    /// Appends the key with number `id`. Distinct numbers give distinct keys: [`mix`] is a
    /// bijection.
    fn push(self, id: u64, bytes: &mut Vec<u8>) {
        match self {
            Self::Random(length) => push_random(id, length, bytes),
            Self::Shared32 => {
                bytes.extend_from_slice(TENANT);
                push_random(id, 16, bytes);
            }
            Self::Seq8 => bytes.extend_from_slice(&id.to_be_bytes()),
        }
    }
}

/// Appends `length` random bytes, at least a word of them.
fn push_random(id: u64, length: usize, bytes: &mut Vec<u8>) {
    let end = bytes.len() + length;
    bytes.extend_from_slice(&mix(id.wrapping_add(0x5EED)).to_be_bytes());
    for place in 1.. {
        if bytes.len() >= end {
            break;
        }
        let salt = 0xF00D_0000_0000_u64.wrapping_mul(place);
        bytes.extend_from_slice(&mix(id ^ salt).to_be_bytes());
    }
    bytes.truncate(end);
}

impl fmt::Display for KeyShape {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random(length) => write!(to, "random{length}"),
            Self::Shared32 => to.write_str("shared32"),
            Self::Seq8 => to.write_str("seq8"),
        }
    }
}

impl FromStr for KeyShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (shortest, longest) = (Self::SHORTEST, Self::LONGEST);
        let unknown =
            || format!("not `randomN` (N from {shortest} to {longest}), `shared32` or `seq8`");
        match text {
            "shared32" => Ok(Self::Shared32),
            "seq8" => Ok(Self::Seq8),
            _ => {
                let length = text.strip_prefix("random").and_then(|n| n.parse().ok());
                let fits = length.filter(|length| (shortest..=longest).contains(length));
                fits.map(Self::Random).ok_or_else(unknown)
            }
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
    /// The keys with these numbers, in their order.
    pub fn of(shape: KeyShape, ids: impl IntoIterator<Item = u64>) -> Self {
        let ids = ids.into_iter();
        let mut bytes = Vec::with_capacity(ids.size_hint().0 * shape.key_len());
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
    pub fn sort_runs(&mut self, run: usize) {
        for chunk in self.bytes.chunks_mut(run * self.key_len) {
            let copy = chunk.to_vec();
            let mut keys: Vec<&[u8]> = copy.chunks_exact(self.key_len).collect();
            keys.sort_unstable();
            for (place, key) in chunk.chunks_exact_mut(self.key_len).zip(keys) {
                place.copy_from_slice(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_read_back() {
        for shape in KeyShape::MATRIX
            .into_iter()
            .chain([8, 9, 256].map(KeyShape::Random))
        {
            assert_eq!(shape.to_string().parse(), Ok(shape));
            let keys = Keys::of(shape, 0..100);
            assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 100);
            assert!(keys.iter().all(|key| key.len() == shape.key_len()));
        }
        for bad in ["random7", "random257", "random", "random-1", "seq", ""] {
            assert!(bad.parse::<KeyShape>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shared_keys_share_half() {
        let keys = Keys::of(KeyShape::Shared32, 0..10);
        let halves: BTreeSet<&[u8]> = keys.iter().map(|key| &key[..16]).collect();
        assert_eq!(halves.len(), 1);
    }
}
