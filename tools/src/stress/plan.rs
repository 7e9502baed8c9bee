//! What every sequence number writes: a pure function of the seed.
//!
//! Key, kind and value of an entry follow from its sequence number alone, so
//! anything read back certifies itself: whoever reads sequence number `s`
//! computes what the writer of `s` must have written and compares. The
//! function can be turned round as well: [`Plan::newest_first`] lists the
//! sequence numbers that write a given key, without any shared record of them.
//!
//! Sequence numbers come in epochs of [`SLOTS`]. Each epoch permutes the slots
//! its own way, and each slot belongs to one key: a few hot keys own many
//! slots each, all others one. Some keys own none and must never be found.

use std::ops::Range;

use verimem::Kind;

use super::features::{Feature, Features};
use super::rng::{Rng, hash};

const SLOT_BITS: u32 = 12;
/// Writes per epoch.
pub const SLOTS: u64 = 1 << SLOT_BITS;
const MASK: u64 = SLOTS - 1;
const HOT_SLOTS: u64 = 1024;
const HOT_KEYS: u64 = 64;
const WRITTEN_KEYS: u64 = HOT_KEYS + SLOTS - HOT_SLOTS;
const ABSENT_KEYS: u64 = 512;
/// Keys of the plan, those that nobody writes included.
pub const KEYS: u64 = WRITTEN_KEYS + ABSENT_KEYS;
/// Identity and hash at the end of each key but the empty one.
const TAIL: usize = 8;

/// Position of a key in the order of all keys of the plan.
pub type Rank = u32;

/// The permutation of one epoch: slot = scramble((position ^ flip) * factor + offset).
struct Shuffle {
    flip: u64,
    factor: u64,
    inverse: u64,
    offset: u64,
    straight: bool,
}

impl Shuffle {
    fn new(seed: u64, epoch: u64) -> Self {
        let h = hash(&[seed, epoch, 0x5EED]);
        // Every fourth epoch writes in slot order, which is what hints and
        // sequential splices are good at.
        if h >> 62 == 0 {
            return Self {
                flip: 0,
                factor: 1,
                inverse: 1,
                offset: 0,
                straight: true,
            };
        }
        let factor = (h & MASK) | 1;
        // Newton's iteration doubles the number of right bits of an odd
        // number's inverse, starting from three: 3, 6, 12.
        let mut inverse = factor;
        for _ in 0..2 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(factor.wrapping_mul(inverse)));
        }
        let (flip, offset) = ((h >> 12) & MASK, (h >> 24) & MASK);
        Self {
            flip,
            factor,
            inverse: inverse & MASK,
            offset,
            straight: false,
        }
    }

    fn slot(&self, position: u64) -> u64 {
        if self.straight {
            return position;
        }
        let x = ((position ^ self.flip) * self.factor + self.offset) & MASK;
        x ^ (x >> (SLOT_BITS / 2))
    }

    fn position(&self, slot: u64) -> u64 {
        if self.straight {
            return slot;
        }
        // Shifting by half the width twice leaves nothing: its own inverse.
        let x = slot ^ (slot >> (SLOT_BITS / 2));
        (((x.wrapping_sub(self.offset) & MASK) * self.inverse) & MASK) ^ self.flip
    }
}

/// Keys of the plan, and the function from sequence numbers to entries.
pub struct Plan {
    seed: u64,
    range_deletions: bool,
    /// All keys, ascending.
    keys: Vec<Box<[u8]>>,
    rank_of_id: Vec<Rank>,
    /// Slots that write a key, by rank.
    slots: Vec<Vec<u16>>,
}

impl Plan {
    /// The plan of `seed`.
    pub fn new(seed: u64, features: Features) -> Self {
        let mut sorted: Vec<(Box<[u8]>, u64)> = (0..KEYS)
            .map(|id| (key_of_id(seed, id).into(), id))
            .collect();
        sorted.sort();
        let mut rank_of_id = vec![0; KEYS as usize];
        let mut slots = vec![Vec::new(); KEYS as usize];
        for (rank, (_, id)) in sorted.iter().enumerate() {
            rank_of_id[*id as usize] = rank as Rank;
            slots[rank] = slots_of_id(*id);
        }
        let keys = sorted.into_iter().map(|(key, _)| key).collect();
        Self {
            seed,
            range_deletions: features.has(Feature::RangeDeletions),
            keys,
            rank_of_id,
            slots,
        }
    }

    /// The key of that rank.
    pub fn key(&self, rank: Rank) -> &[u8] {
        &self.keys[rank as usize]
    }

    /// The rank of a key; `None` for bytes that are no key of the plan.
    pub fn rank_of(&self, key: &[u8]) -> Option<Rank> {
        let id = match key.len().checked_sub(TAIL) {
            None if key.is_empty() => 0,
            None => return None,
            Some(start) => {
                let tail = key[start..].first_chunk::<4>()?;
                u64::from(u32::from_be_bytes(*tail))
            }
        };
        let rank = *self.rank_of_id.get(id as usize)?;
        (self.key(rank) == key).then_some(rank)
    }

    /// The key that `sequence` writes.
    pub fn rank(&self, sequence: u64) -> Rank {
        let slot = Shuffle::new(self.seed, sequence >> SLOT_BITS).slot(sequence & MASK);
        let id = if slot < HOT_SLOTS {
            slot % HOT_KEYS
        } else {
            slot - HOT_SLOTS + HOT_KEYS
        };
        self.rank_of_id[id as usize]
    }

    /// The kind that `sequence` writes.
    pub fn kind(&self, sequence: u64) -> Kind {
        let h = hash(&[self.seed, sequence, 1]);
        if self.range_deletions
            && (h >> 32).is_multiple_of(self.between_ranges(sequence >> SLOT_BITS))
        {
            return Kind::RANGE_DELETION;
        }
        match h % 64 {
            0..8 => Kind::DELETION,
            8..11 => Kind::SINGLE_DELETION,
            11 => Kind::DELETION_WITH_TIMESTAMP,
            12..28 => Kind::MERGE,
            28 => Kind::BLOB_INDEX,
            29 => Kind::WIDE_COLUMN_ENTITY,
            30 => Kind::VALUE_PREFERRED_SEQNO,
            // A kind that nobody has defined is stored like any other.
            31 => Kind(0x55),
            _ => Kind::VALUE,
        }
    }

    /// One in so many writes of an epoch deletes a range. Some epochs have none.
    fn between_ranges(&self, epoch: u64) -> u64 {
        [32, 128, 512, u64::MAX][(hash(&[self.seed, epoch, 7]) % 4) as usize]
    }

    /// The keys that `sequence` deletes if it deletes a range, the end excluded. A
    /// range may be empty.
    pub fn range(&self, sequence: u64) -> Range<Rank> {
        let h = hash(&[self.seed, sequence, 8]);
        let most = match h % 64 {
            0 => KEYS,
            1..8 => 256,
            _ => 16,
        };
        let begin = self.rank(sequence);
        let end = (u64::from(begin) + (h >> 8) % most).min(KEYS);
        begin..end as Rank
    }

    /// Where the range ends: at the key that is not part of it any more, or just
    /// behind the last one that is.
    fn push_end(&self, sequence: u64, out: &mut Vec<u8>) {
        let range = self.range(sequence);
        let behind = hash(&[self.seed, sequence, 9]).is_multiple_of(2);
        if u64::from(range.end) == KEYS || (behind && !range.is_empty()) {
            out.extend_from_slice(self.key(range.end - 1));
            out.push(0);
        } else {
            out.extend_from_slice(self.key(range.end));
        }
    }

    /// Appends the value that `sequence` writes. Values of merges begin with
    /// the sequence number, because operands are lent without theirs.
    pub fn value(&self, sequence: u64, out: &mut Vec<u8>) {
        let kind = self.kind(sequence);
        if kind == Kind::RANGE_DELETION {
            return self.push_end(sequence, out);
        }
        if is_tombstone(kind) {
            return;
        }
        let mut rng = Rng::new(hash(&[self.seed, sequence, u64::from(kind.0)]));
        let length = match rng.below(4096) {
            0 => rng.below(20_000),
            1..64 => rng.below(1_000),
            _ => rng.below(64),
        };
        let start = out.len();
        out.reserve(length as usize + 8);
        if kind == Kind::MERGE {
            out.extend_from_slice(&sequence.to_le_bytes());
        }
        let end = start + length as usize;
        while out.len() < end {
            out.extend_from_slice(&rng.next().to_le_bytes());
        }
        out.truncate(end.max(start + if kind == Kind::MERGE { 8 } else { 0 }));
    }

    /// Calls `visit` with the sequence numbers in `from..below` that write the
    /// key, newest first, until it answers false.
    pub fn newest_first(
        &self,
        rank: Rank,
        from: u64,
        below: u64,
        mut visit: impl FnMut(u64) -> bool,
    ) {
        let slots = &self.slots[rank as usize];
        if slots.is_empty() || from >= below {
            return;
        }
        let mut found = [0; (HOT_SLOTS / HOT_KEYS) as usize];
        for epoch in (from >> SLOT_BITS..=(below - 1) >> SLOT_BITS).rev() {
            let shuffle = Shuffle::new(self.seed, epoch);
            let mut count = 0;
            for slot in slots {
                let sequence = (epoch << SLOT_BITS) | shuffle.position(u64::from(*slot));
                if (from..below).contains(&sequence) {
                    found[count] = sequence;
                    count += 1;
                }
            }
            found[..count].sort_unstable();
            if !found[..count].iter().rev().all(|sequence| visit(*sequence)) {
                return;
            }
        }
    }
}

/// Whether the kind hides what is older.
pub fn is_tombstone(kind: Kind) -> bool {
    [
        Kind::DELETION,
        Kind::SINGLE_DELETION,
        Kind::DELETION_WITH_TIMESTAMP,
        Kind::RANGE_DELETION,
    ]
    .contains(&kind)
}

/// Whether the operand that `sequence` writes stands for everything below it.
pub fn resets(sequence: u64) -> bool {
    sequence % 8 == 5
}

fn slots_of_id(id: u64) -> Vec<u16> {
    let slots = if id < HOT_KEYS {
        (id..HOT_SLOTS).step_by(HOT_KEYS as usize).collect()
    } else if id < WRITTEN_KEYS {
        vec![id - HOT_KEYS + HOT_SLOTS]
    } else {
        Vec::new()
    };
    slots.into_iter().map(|slot: u64| slot as u16).collect()
}

/// Keys are of many lengths, share long prefixes, and some are a prefix of
/// another; one is empty. Each ends in its identity and a hash.
fn key_of_id(seed: u64, id: u64) -> Vec<u8> {
    if id == 0 {
        return Vec::new();
    }
    // One level deep only: the neighbour of a multiple of five is none.
    let mut key = if id.is_multiple_of(5) {
        key_of_id(seed, id - 1)
    } else {
        Vec::new()
    };
    let h = hash(&[seed, id, 2]);
    let shared = *Rng::new(h).choose(&[0, 0, 3, 4, 8, 13, 40]);
    key.extend(std::iter::repeat_n(b'p', shared));
    let filler = [0x00, 0xFF, b'p', (h >> 8) as u8, (h >> 16) as u8];
    key.extend_from_slice(&filler[..(h >> 32) as usize % (filler.len() + 1)]);
    key.extend_from_slice(&(id as u32).to_be_bytes());
    key.extend_from_slice(&(h as u32).to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Plan {
        Plan::new(seed, Features::without(&[]))
    }

    #[test]
    fn each_epoch_is_a_permutation() {
        for epoch in 0..64 {
            let shuffle = Shuffle::new(3, epoch);
            let mut seen = vec![false; SLOTS as usize];
            for position in 0..SLOTS {
                let slot = shuffle.slot(position);
                assert!(!std::mem::replace(&mut seen[slot as usize], true));
                assert_eq!(shuffle.position(slot), position);
            }
        }
    }

    #[test]
    fn keys_are_distinct_and_know_themselves() {
        let plan = plan(1);
        for rank in 0..KEYS as Rank {
            assert_eq!(plan.rank_of(plan.key(rank)), Some(rank));
            assert!(rank == 0 || plan.key(rank - 1) < plan.key(rank));
        }
        assert_eq!(plan.rank_of(b"stranger"), None);
        assert_eq!(plan.rank_of(b"no"), None);
        assert_eq!(plan.rank_of(&[0xFF; 12]), None);
    }

    #[test]
    fn history_is_the_inverse_of_rank() {
        let plan = plan(9);
        let (from, below) = (100, 4 * SLOTS + 17);
        let mut total = 0;
        for rank in 0..KEYS as Rank {
            let mut last = below;
            plan.newest_first(rank, from, below, |sequence| {
                assert!(sequence < last && sequence >= from);
                assert_eq!(plan.rank(sequence), rank);
                last = sequence;
                total += 1;
                true
            });
        }
        assert_eq!(total, below - from);
    }

    #[test]
    fn values_differ_and_merges_name_themselves() {
        let plan = plan(1);
        let (mut value, mut merges) = (Vec::new(), 0);
        for sequence in 0..10_000u64 {
            value.clear();
            plan.value(sequence, &mut value);
            let kind = plan.kind(sequence);
            assert!(!is_tombstone(kind) || kind == Kind::RANGE_DELETION || value.is_empty());
            if plan.kind(sequence) == Kind::MERGE {
                assert_eq!(value[..8], sequence.to_le_bytes());
                merges += 1;
            }
        }
        assert!(merges > 1_000);
    }
    #[test]
    fn d1_ranges_end_where_they_say() {
        let (mut end, mut ranges, mut empty) = (Vec::new(), 0, 0);
        let plan = plan(1);
        for sequence in (0..40 * SLOTS).filter(|one| plan.kind(*one) == Kind::RANGE_DELETION) {
            end.clear();
            plan.value(sequence, &mut end);
            let range = plan.range(sequence);
            assert_eq!(range.start, plan.rank(sequence));
            let covered = (0..KEYS as Rank)
                .filter(|rank| (plan.key(range.start)..&end[..]).contains(&plan.key(*rank)));
            assert!(covered.eq(range.clone()), "{sequence}: {range:?}");
            ranges += 1;
            empty += u64::from(range.is_empty());
        }
        assert!(ranges > 500 && empty > 5, "{ranges} {empty}");
        let none = Plan::new(1, Features::without(&[Feature::RangeDeletions]));
        assert!((0..4 * SLOTS).all(|sequence| none.kind(sequence) != Kind::RANGE_DELETION));
    }
}
