//! crossbeam-skiplist's `SkipMap`, holding encoded entries in the internal order.

use crossbeam_skiplist::SkipMap;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Bound;

use crate::digest::Digest;
use crate::subject::{Entry, Live, Plan, Subject};

/// A value's kind in the tag's low byte, as in an LSM tree.
const KIND_VALUE: u64 = 1;
/// The bytes before the user key: its length, then the tag.
const HEADER: usize = 4 + 8;
/// The longest user key that a lookup encodes without allocating.
const STACK_KEY: usize = 64;

/// `length u32 | tag u64 | user key | value`, one heap block per entry. Ordered by user key, then
/// tag descending; the value takes no part.
#[repr(transparent)]
struct Encoded([u8]);

impl Encoded {
    #[inline]
    fn from_bytes(bytes: &[u8]) -> &Self {
        // SAFETY: `Encoded` is a transparent wrapper of `[u8]`, so the two references have one
        // layout, and every byte string is a valid `Encoded` (its methods check lengths).
        unsafe { &*(std::ptr::from_ref(bytes) as *const Self) }
    }

    #[inline]
    fn parts(&self) -> (&[u8], u64, &[u8]) {
        let (length, rest) = self.0.split_first_chunk::<4>().expect("a header");
        let (tag, rest) = rest.split_first_chunk::<8>().expect("a header");
        let (key, value) = rest.split_at(u32::from_ne_bytes(*length) as usize);
        (key, u64::from_ne_bytes(*tag), value)
    }

    #[inline]
    fn fold(&self, digest: &mut Digest) {
        let (key, tag, value) = self.parts();
        digest.entry(key, tag >> 8, value);
    }
}

impl PartialEq for Encoded {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Encoded {}

impl PartialOrd for Encoded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Encoded {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let ((key, tag, _), (other_key, other_tag, _)) = (self.parts(), other.parts());
        key.cmp(other_key).then_with(|| other_tag.cmp(&tag))
    }
}

/// An owned entry. It is the map's key; the map's value is `()`, so that an entry costs one block,
/// not two or three.
struct Block(Box<[u8]>);

impl Block {
    #[inline]
    fn encoded(&self) -> &Encoded {
        Encoded::from_bytes(&self.0)
    }
}

impl Borrow<Encoded> for Block {
    #[inline]
    fn borrow(&self) -> &Encoded {
        self.encoded()
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.encoded() == other.encoded()
    }
}

impl Eq for Block {}

impl PartialOrd for Block {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Block {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.encoded().cmp(other.encoded())
    }
}

/// Calls `search` with the least internal key of `key`: no tag is larger, so no version comes
/// before it.
#[inline]
fn with_lookup_key<R>(key: &[u8], search: impl FnOnce(&Encoded) -> R) -> R {
    let mut stack = [0u8; HEADER + STACK_KEY];
    let mut heap;
    let bytes = if key.len() <= STACK_KEY {
        &mut stack[..HEADER + key.len()]
    } else {
        heap = vec![0u8; HEADER + key.len()];
        &mut heap[..]
    };
    let length = u32::try_from(key.len()).expect("short keys");
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..HEADER].copy_from_slice(&u64::MAX.to_ne_bytes());
    bytes[HEADER..].copy_from_slice(key);
    search(Encoded::from_bytes(bytes))
}

/// `SkipMap<Block, ()>`.
pub struct Crossbeam(SkipMap<Block, ()>, Live);

impl Subject for Crossbeam {
    const NAME: &'static str = "crossbeam";
    const OURS: bool = false;
    const ABOUT: &'static str = concat!(
        "crossbeam-skiplist 0.1.3 SkipMap<Box<[u8]>, ()>, each entry one block: key ",
        "length, tag (sequence and kind), key, value",
    );

    type Stock = ();

    fn new(_plan: &Plan, (): &()) -> Self {
        Self(SkipMap::new(), Live::default())
    }

    #[inline]
    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        for (sequence, key, value) in entries {
            let mut bytes = Vec::with_capacity(HEADER + key.len() + value.len());
            let length = u32::try_from(key.len()).expect("short keys");
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.extend_from_slice(&(sequence << 8 | KIND_VALUE).to_ne_bytes());
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
            self.0.insert(Block(bytes.into_boxed_slice()), ());
        }
    }

    #[inline]
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        let at = with_lookup_key(key, |lookup| self.0.lower_bound(Bound::Included(lookup)));
        if let Some(entry) = at {
            let (found, tag, value) = entry.key().encoded().parts();
            if found == key {
                digest.found(tag >> 8, value);
                return true;
            }
        }
        digest.missing();
        false
    }

    #[inline]
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        let at = with_lookup_key(key, |lookup| self.0.lower_bound(Bound::Included(lookup)));
        let Some(mut entry) = at else { return 0 };
        entry.key().encoded().fold(digest);
        let mut read = 1;
        while read <= nexts && entry.move_next() {
            entry.key().encoded().fold(digest);
            read += 1;
        }
        read
    }

    #[inline]
    fn scan_forward(&self, digest: &mut Digest) -> usize {
        let mut read = 0;
        for entry in self.0.iter() {
            entry.key().encoded().fold(digest);
            read += 1;
        }
        read
    }

    #[inline]
    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        let mut read = 0;
        for entry in self.0.iter().rev().take(most) {
            entry.key().encoded().fold(digest);
            read += 1;
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Pages;

    #[test]
    fn versions_come_newest_first_and_prefixes_before_longer_keys() {
        let plan = Plan {
            entries: 4,
            payload: 4,
            shared_prefix: &[],
            huge_pages: false,
            pages: Pages::Cold,
            linear_fill_limit: 0,
            bloom: false,
        };
        let map = Crossbeam::new(&plan, &());
        let entries = [(1, "ab"), (2, "a"), (3, "ab"), (4, "b")];
        map.add_shared(
            entries
                .map(|(n, key)| (n, key.as_bytes(), &b""[..]))
                .into_iter(),
        );
        let order: Vec<(Vec<u8>, u64)> = map
            .0
            .iter()
            .map(|entry| {
                let (key, tag, _) = entry.key().encoded().parts();
                (key.to_vec(), tag >> 8)
            })
            .collect();
        let wanted = [("a", 2), ("ab", 3), ("ab", 1), ("b", 4)];
        assert!(
            order
                .iter()
                .zip(wanted)
                .all(|(got, want)| got.0 == want.0.as_bytes() && got.1 == want.1)
        );

        let (mut got, mut want) = (Digest::default(), Digest::default());
        assert!(map.get(b"ab", &mut got));
        want.found(3, b"");
        assert_eq!(got, want);
        assert!(!map.get(b"aa", &mut got));

        let long = vec![b'c'; 3 * STACK_KEY];
        map.add_shared([(5, &long[..], &b"v"[..])].into_iter());
        assert!(map.get(&long, &mut got));
        assert!(!map.get(&long[1..], &mut got));
    }
}
