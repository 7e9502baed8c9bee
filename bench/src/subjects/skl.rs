//! skl's arena skiplist with versions, in its concurrent form.

use skl::Arena as _;
use skl::dynamic::Builder;
use skl::dynamic::multiple_version::Map as _;
use skl::dynamic::multiple_version::sync::SkipMap;
use std::ops::Bound;

use crate::digest::Digest;
use crate::subject::{Entry, Live, Plan, Subject};

/// Sees every version.
const NEWEST: u64 = u64::MAX;

/// `skl::dynamic::multiple_version::sync::SkipMap`: versions play the part of sequence numbers,
/// keys and values lie in the arena. The list has no growing arena, so its capacity is sized from
/// the plan; the heap arena clears all of it at birth.
///
/// Its insertion searches each level from the head again (`find_splice` never moves `prev`; the
/// same in 0.20 and 0.21), so it walks the whole of level 0 up to the place: linear time, except
/// for descending keys.
pub struct Skl(SkipMap, Live);

impl Subject for Skl {
    const NAME: &'static str = "skl";
    const OURS: bool = false;
    const LINEAR_FILL: bool = true;
    const ABOUT: &'static str = concat!(
        "skl 0.22 dynamic::multiple_version::sync::SkipMap, heap arena sized to payload + ",
        "72 B per entry and cleared at birth, defaults otherwise; its insertion takes ",
        "linear time, so above --linear-fill-limit its tables are filled off the clock in ",
        "descending order",
    );

    type Stock = ();

    fn new(plan: &Plan, (): &()) -> Self {
        // A node takes about 24 + 8 * 1.6 bytes and alignment, well below what the plan allows.
        let capacity = u32::try_from(plan.bytes()).expect("skl's arena ends at 4 GiB");
        let map = Builder::new().with_capacity(capacity).alloc();
        Self(map.expect("the arena fits the memory"), Live::default())
    }

    #[inline]
    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        for (sequence, key, value) in entries {
            let old = self.0.insert(sequence, key, value);
            let old = old.expect("the arena was sized for every entry");
            debug_assert!(old.is_none());
        }
    }

    #[inline]
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        match self.0.get(NEWEST, key) {
            Some(entry) => {
                digest.found(entry.version(), entry.value());
                true
            }
            None => {
                digest.missing();
                false
            }
        }
    }

    #[inline]
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        let mut iter = self.0.iter_all(NEWEST);
        let mut at = iter.seek_lower_bound(Bound::Included(key));
        let mut read = 0;
        while let Some(entry) = at {
            digest.entry(
                entry.key(),
                entry.version(),
                entry.value().unwrap_or_default(),
            );
            read += 1;
            if read > nexts {
                break;
            }
            at = iter.next();
        }
        read
    }

    #[inline]
    fn scan_forward(&self, digest: &mut Digest) -> usize {
        let mut read = 0;
        for entry in self.0.iter_all(NEWEST) {
            digest.entry(
                entry.key(),
                entry.version(),
                entry.value().unwrap_or_default(),
            );
            read += 1;
        }
        read
    }

    #[inline]
    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        let mut read = 0;
        for entry in self.0.iter_all(NEWEST).rev().take(most) {
            digest.entry(
                entry.key(),
                entry.version(),
                entry.value().unwrap_or_default(),
            );
            read += 1;
        }
        read
    }

    fn bytes_held(&self) -> Option<usize> {
        // What was handed out: the unused rest of the arena is the harness's head room, not skl's.
        Some(self.0.allocated())
    }
}
