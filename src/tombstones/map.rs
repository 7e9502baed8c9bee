//! Which number covers a key.

use crate::error::{Error, Result};
use crate::key::{Comparator, SequenceNumber, Timestamp, Version};

/// Keys that are deleted by one range deletion, or by several with this one the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'t> {
    /// The first key.
    pub begin: &'t [u8],
    /// The first key behind it.
    pub end: &'t [u8],
    /// The sequence number of the newest that covers it.
    pub sequence: SequenceNumber,
    /// Its timestamp; 0 where keys have none.
    pub timestamp: Timestamp,
}

impl Fragment<'_> {
    /// The same for as long as the store lives.
    ///
    /// # Safety
    ///
    /// The keys stay where they are for the whole of `'t`.
    pub(super) unsafe fn detach<'t>(self) -> Fragment<'t> {
        let [begin, end] = [self.begin, self.end].map(|key| key as *const [u8]);
        Fragment {
            // SAFETY: passed on from the caller.
            begin: unsafe { &*begin },
            // SAFETY: as above.
            end: unsafe { &*end },
            sequence: self.sequence,
            timestamp: self.timestamp,
        }
    }
}

/// What covers keys from some key on.
#[derive(Debug, Clone, Copy)]
struct Bound {
    key: *const [u8],
    /// All ones where nothing does: no sequence number has more than 56 bits.
    sequence: u64,
}

const NOTHING: u64 = u64::MAX;

impl Bound {
    fn new(key: *const [u8], sequence: Option<SequenceNumber>) -> Self {
        Self {
            key,
            sequence: sequence.unwrap_or(NOTHING),
        }
    }

    fn key(&self) -> &[u8] {
        // SAFETY: a bound's key is in the store that its map is in, and stays there.
        unsafe { &*self.key }
    }

    fn sequence(&self) -> Option<SequenceNumber> {
        (self.sequence != NOTHING).then_some(self.sequence)
    }
}

/// Bounds with ascending keys, of which the last covers nothing. Keys have no timestamps.
#[derive(Debug)]
pub(super) struct Map {
    bounds: Vec<Bound>,
    /// One for each bound, where keys have timestamps: apart, so that they cost nothing
    /// where keys have none.
    timestamps: Vec<Timestamp>,
}

/// What covers a key, and from where to where that is so.
pub(super) struct Stretch<'m> {
    pub(super) version: Option<Version>,
    pub(super) begin: Option<&'m [u8]>,
    pub(super) end: Option<&'m [u8]>,
}

/// Between which places the first item lies that does not pass, and no further from `near`
/// than twice as far as it is (Bentley and Yao's unbounded search, 1976).
fn gallop<T>(items: &[T], near: usize, passes: impl Fn(&T) -> bool) -> (usize, usize) {
    let (mut low, mut high, mut step) = (near, near.min(items.len()), 1);
    if items.get(near).is_some_and(&passes) {
        loop {
            low += 1;
            match items.get(low + step - 1) {
                None => return (low, items.len()),
                Some(item) if !passes(item) => return (low, low + step - 1),
                Some(_) => low += step - 1,
            }
            step *= 2;
        }
    }
    while let Some(before) = high.checked_sub(step) {
        if passes(&items[before]) {
            return (before + 1, high);
        }
        high = before;
        step *= 2;
    }
    (0, high)
}

/// An empty list with room for so many.
fn room<T>(count: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(count)
        .map_err(|_| Error::OutOfMemory {
            requested: count.saturating_mul(size_of::<T>()),
        })?;
    Ok(room)
}

impl Map {
    pub(super) fn with_room<C: Comparator>(bounds: usize) -> Result<Self> {
        let timestamps = if C::TIMESTAMP_LEN == 0 { 0 } else { bounds };
        Ok(Self {
            bounds: room(bounds)?,
            timestamps: room(timestamps)?,
        })
    }

    /// Adds a bound behind the others; there must be room for it.
    pub(super) fn push<C: Comparator>(&mut self, key: *const [u8], version: Option<Version>) {
        let sequence = version.map(|version| version.sequence);
        self.bounds.push(Bound::new(key, sequence));
        if C::TIMESTAMP_LEN != 0 {
            let timestamp = version.map_or(0, |version| version.timestamp);
            self.timestamps.push(timestamp);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let timestamps = self.timestamps.capacity() * size_of::<Timestamp>();
        self.bounds.capacity() * size_of::<Bound>() + timestamps
    }

    /// What covers keys from a bound on.
    #[inline(always)]
    fn version<C: Comparator>(&self, index: usize) -> Option<Version> {
        let sequence = self.bounds[index].sequence()?;
        let timestamp = if C::TIMESTAMP_LEN == 0 {
            0
        } else {
            self.timestamps[index]
        };
        Some(Version {
            timestamp,
            sequence,
        })
    }

    /// What covers `key`; O(log n). `near` is where that was for another key, and is moved:
    /// O(log d) when that is `d` bounds away.
    pub(super) fn find<C: Comparator>(
        &self,
        comparator: &C,
        key: &[u8],
        near: Option<&mut usize>,
    ) -> Stretch<'_> {
        let passes = |bound: &Bound| {
            comparator
                .compare_without_timestamp(bound.key(), key)
                .is_le()
        };
        let bounds = &self.bounds;
        let after = match near {
            None => bounds.partition_point(passes),
            Some(near) => {
                let (low, high) = gallop(bounds, *near, passes);
                *near = low + bounds[low..high].partition_point(passes);
                *near
            }
        };
        let at = after.checked_sub(1);
        Stretch {
            version: at.and_then(|index| self.version::<C>(index)),
            begin: at.map(|index| bounds[index].key()),
            end: bounds.get(after).map(Bound::key),
        }
    }

    /// The map that covers each key with the newest of all maps; linear.
    pub(super) fn merged<C: Comparator>(comparator: &C, maps: &[&Self]) -> Result<Self> {
        let bounds = maps.iter().map(|map| map.bounds.len()).sum();
        let mut merged = Self::with_room::<C>(bounds)?;
        // For each map, how many of its bounds are behind.
        let mut behind = smallvec::SmallVec::<[usize; 8]>::from_elem(0, maps.len());
        let mut last = None;
        loop {
            let next = maps.iter().zip(&behind);
            let keys = next.filter_map(|(map, &behind)| map.bounds.get(behind).map(Bound::key));
            let order = |a: &&[u8], b: &&[u8]| comparator.compare_without_timestamp(a, b);
            let Some(key) = keys.min_by(order) else {
                return Ok(merged);
            };
            let mut covering = None;
            let mut at = None;
            for (map, behind) in maps.iter().zip(&mut behind) {
                let reached = |bound: &&Bound| order(&bound.key(), &key).is_le();
                if let Some(bound) = map.bounds.get(*behind).filter(reached) {
                    *behind += 1;
                    at = Some(bound.key);
                }
                let index = behind.checked_sub(1);
                let current = index.and_then(|index| map.version::<C>(index));
                covering = Version::newest::<C>(covering, current);
            }
            let Some(at) = at else {
                // A comparator that takes the least key for larger than itself.
                return Ok(merged);
            };
            if covering != last {
                merged.push::<C>(at, covering);
                last = covering;
            }
        }
    }

    /// The stretches that are covered.
    pub(super) fn fragments<C: Comparator>(&self) -> impl Iterator<Item = Fragment<'_>> {
        let pairs = self.bounds.windows(2).enumerate();
        pairs.filter_map(|(index, pair)| {
            let version = self.version::<C>(index)?;
            Some(Fragment {
                begin: pair[0].key(),
                end: pair[1].key(),
                sequence: version.sequence,
                timestamp: version.timestamp,
            })
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::gallop;

    #[test]
    fn d2_a_search_from_anywhere_finds_the_same() {
        for length in 0..40 {
            let items: Vec<usize> = (0..length).collect();
            for wanted in 0..=length {
                for near in 0..=length + 3 {
                    let (low, high) = gallop(&items, near, |&item| item < wanted);
                    assert!(low <= wanted && wanted <= high, "{length} {wanted} {near}");
                    let far = near.min(length).abs_diff(wanted);
                    assert!(high - low <= 2 * far + 1, "{length} {wanted} {near}");
                }
            }
        }
    }

    /// X1: whatever the comparator says, the places lie inside.
    #[test]
    fn x1_a_search_stays_inside() {
        for answers in 0..1u32 << 12 {
            for near in [0, 1, 5, 11, 12, 99] {
                let items: Vec<u32> = (0..12).collect();
                let (low, high) = gallop(&items, near, |item| answers >> item & 1 == 1);
                assert!(low <= high && high <= items.len());
            }
        }
    }
}
