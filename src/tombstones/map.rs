//! Which number covers a key.

use crate::error::{Error, Result};
use crate::key::{Comparator, SequenceNumber};

/// Keys that are deleted by one range deletion, or by several with this one the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'t> {
    /// The first key.
    pub begin: &'t [u8],
    /// The first key behind it.
    pub end: &'t [u8],
    /// The largest sequence number that covers it.
    pub sequence: SequenceNumber,
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
        }
    }
}

/// What covers keys from some key on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    key: *const [u8],
    /// All ones where nothing does: no sequence number has more than 56 bits.
    sequence: u64,
}

const NOTHING: u64 = u64::MAX;

impl Bound {
    pub(super) fn new(key: *const [u8], sequence: Option<SequenceNumber>) -> Self {
        Self {
            key,
            sequence: sequence.unwrap_or(NOTHING),
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        // SAFETY: a bound's key is in the store that its map is in, and stays there.
        unsafe { &*self.key }
    }

    pub(super) fn sequence(&self) -> Option<SequenceNumber> {
        (self.sequence != NOTHING).then_some(self.sequence)
    }
}

/// Bounds with ascending keys, of which the last covers nothing.
#[derive(Debug)]
pub(super) struct Map(Vec<Bound>);

/// What covers a key, and from where to where that is so.
pub(super) struct Stretch<'m> {
    pub(super) sequence: Option<SequenceNumber>,
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

impl Map {
    pub(super) fn with_room(bounds: usize) -> Result<Self> {
        let mut room = Vec::new();
        room.try_reserve_exact(bounds)
            .map_err(|_| Error::OutOfMemory {
                requested: bounds.saturating_mul(size_of::<Bound>()),
            })?;
        Ok(Self(room))
    }

    /// Adds a bound behind the others; there must be room for it.
    pub(super) fn push(&mut self, bound: Bound) {
        self.0.push(bound);
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Bound>()
    }

    /// What covers `key`; O(log n). `near` is where that was for another key, and is moved:
    /// O(log d) when that is `d` bounds away.
    pub(super) fn find(
        &self,
        comparator: &impl Comparator,
        key: &[u8],
        near: Option<&mut usize>,
    ) -> Stretch<'_> {
        let passes = |bound: &Bound| comparator.compare(bound.key(), key).is_le();
        let bounds = &self.0;
        let after = match near {
            None => bounds.partition_point(passes),
            Some(near) => {
                let (low, high) = gallop(bounds, *near, passes);
                *near = low + bounds[low..high].partition_point(passes);
                *near
            }
        };
        let bound = after.checked_sub(1).map(|index| &self.0[index]);
        Stretch {
            sequence: bound.and_then(Bound::sequence),
            begin: bound.map(Bound::key),
            end: self.0.get(after).map(Bound::key),
        }
    }

    /// The map that covers each key with the largest number of all maps; linear.
    pub(super) fn merged(comparator: &impl Comparator, maps: &[&Self]) -> Result<Self> {
        let mut merged = Self::with_room(maps.iter().map(|map| map.0.len()).sum())?;
        // For each map, how many of its bounds are behind.
        let mut behind = smallvec::SmallVec::<[usize; 8]>::from_elem(0, maps.len());
        let mut last = None;
        loop {
            let next = maps.iter().zip(&behind);
            let keys = next.filter_map(|(map, &behind)| map.0.get(behind).map(Bound::key));
            let Some(key) = keys.min_by(|a, b| comparator.compare(a, b)) else {
                return Ok(merged);
            };
            let mut covering = None;
            let mut at = None;
            for (map, behind) in maps.iter().zip(&mut behind) {
                let reached = |bound: &&Bound| comparator.compare(bound.key(), key).is_le();
                if let Some(bound) = map.0.get(*behind).filter(reached) {
                    *behind += 1;
                    at = Some(bound.key);
                }
                let current = behind
                    .checked_sub(1)
                    .and_then(|index| map.0[index].sequence());
                covering = covering.max(current);
            }
            let Some(at) = at else {
                // A comparator that takes the least key for larger than itself.
                return Ok(merged);
            };
            if covering != last {
                merged.push(Bound::new(at, covering));
                last = covering;
            }
        }
    }

    /// The stretches that are covered.
    pub(super) fn fragments(&self) -> impl Iterator<Item = Fragment<'_>> {
        self.0.windows(2).filter_map(|pair| {
            Some(Fragment {
                begin: pair[0].key(),
                end: pair[1].key(),
                sequence: pair[0].sequence()?,
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
