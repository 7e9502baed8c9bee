//! Places for values, and the locks that say who may touch their bytes.
//!
//! ```text
//! [shadow] · fixed32(length) · fixed64(number of the last update)
//!   · checksum[0, 1, 2, 4 or 8] · [capacity bytes, the value in front]
//! ```

use core::slice;

use crossbeam_utils::CachePadded;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::arena::{Allocate, ConcurrentArena, Offset, UNIT, boxed_slice};
use crate::codec::{decode_fixed32, decode_fixed64};
use crate::entry::Protection;
use crate::error::{Corruption, Error, Result};
use crate::key::SequenceNumber;
use crate::sync::ledger::{
    FAULT_IN_PLACE_LATE_UPDATE, FAULT_IN_PLACE_READ_UNLOCKED, FAULT_IN_PLACE_UPDATES_TOGETHER,
    FAULT_IN_PLACE_WRITE_UNLOCKED,
};
use crate::sync::{Mutex, RwLock, Shadow, fault, random_u64, with_entered};

/// Bytes of a length.
const LENGTH_LEN: usize = 4;
/// Bytes in front of the checksum.
const NUMBERS_LEN: usize = LENGTH_LEN + 8;

const _: () = assert!(
    align_of::<Shadow>() <= UNIT,
    "a shadow lies at the front of an allocation"
);

/// Where a slot is, and how much room it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    offset: Offset,
    capacity: u32,
}

/// Bytes of a place.
const PLACE_LEN: usize = 8;

impl Place {
    fn encode(self) -> [u8; PLACE_LEN] {
        (u64::from(self.capacity) << 32 | u64::from(self.offset)).to_le_bytes()
    }

    pub(super) fn capacity(self) -> usize {
        self.capacity as usize
    }

    /// For one of the two given, one-to-one in the other: damage to one of the three is
    /// noticed for certain, and any other but once in 2^32, however short the checksum of
    /// the entry is. So no damage leads a reader out of a slot.
    fn mix(self) -> u32 {
        let capacity = self.capacity.wrapping_mul(0xC2B2_AE35).rotate_left(15);
        self.offset.wrapping_mul(0x9E37_79B9) ^ capacity ^ 0x5BD1_E995
    }
}

/// What an entry holds in place of its value: it never changes.
///
/// ```text
/// fixed32(offset) · fixed32(capacity) · with checksums: fixed32(mix of both)
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reference {
    bytes: [u8; PLACE_LEN + 4],
    length: u8,
}

impl Reference {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// What became of a value that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// It is there, in place of one of so many bytes.
    Done { before: usize },
    /// It does not fit.
    TooLong,
    /// A later update was first.
    Superseded,
}

/// What to do with an update that comes after one with a larger number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Its value would have been replaced: nothing.
    Drop,
    /// It was made of what is there now.
    Write,
}

/// Two locks on one cache line: threads meet on lines, not on locks.
#[derive(Debug)]
struct Stripe {
    /// Of the bytes of slots. The innermost lock, and no code of a user runs with it held.
    bytes: RwLock<()>,
    /// Of the turns of updates, by key.
    turns: Mutex<()>,
}

/// The locks of a table, and how its slots are laid out.
#[derive(Debug)]
pub(super) struct Slots {
    /// A power of two of them.
    stripes: Box<[CachePadded<Stripe>]>,
    seed: u64,
    protection: Protection,
}

impl Slots {
    pub(super) fn new(locks: usize, protection: Protection) -> Result<Self> {
        let refused = Error::InvalidOption {
            option: "locks",
            reason: "not from 1 to 1048576",
        };
        if !(1..=1 << 20).contains(&locks) {
            return Err(refused);
        }
        let stripe = || {
            CachePadded::new(Stripe {
                bytes: RwLock::new(()),
                turns: Mutex::new(()),
            })
        };
        Ok(Self {
            stripes: boxed_slice(locks.next_power_of_two(), stripe)?,
            // One lock is everybody's.
            seed: if locks > 1 { random_u64() } else { 0 },
            protection,
        })
    }

    /// Bytes that the locks take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.stripes)
    }

    /// Bytes of a reference.
    pub(super) fn reference_len(&self) -> usize {
        if self.protection.is_empty() {
            PLACE_LEN
        } else {
            PLACE_LEN + 4
        }
    }

    /// What an entry is to hold.
    pub(super) fn refer_to(&self, place: Place) -> Reference {
        let mut bytes = [0; PLACE_LEN + 4];
        bytes[..PLACE_LEN].copy_from_slice(&place.encode());
        bytes[PLACE_LEN..].copy_from_slice(&place.mix().to_le_bytes());
        Reference {
            bytes,
            length: self.reference_len() as u8,
        }
    }

    /// The place that an entry holds a reference to.
    pub(super) fn place(&self, stored: &[u8]) -> Result<Place, Corruption> {
        if stored.len() != self.reference_len() {
            return Err(Corruption::BadLength {
                what: "reference to a value",
                length: stored.len(),
            });
        }
        let (offset, rest) = decode_fixed32(stored)?;
        let (capacity, mix) = decode_fixed32(rest)?;
        let place = Place { offset, capacity };
        if !mix.is_empty() && *mix != place.mix().to_le_bytes() {
            return Err(Corruption::Lengths);
        }
        Ok(place)
    }

    /// Bytes of everything in front of the value.
    fn front(&self) -> usize {
        size_of::<Shadow>() + NUMBERS_LEN + self.protection.len()
    }

    /// Bytes to allocate for a value of `length`: what is left of the last unit is room to
    /// grow. `length` is within the limits of an entry.
    pub(super) fn allocated(&self, length: usize) -> usize {
        (self.front() + length).next_multiple_of(UNIT)
    }

    /// The longest value that a slot made for one of `length` takes.
    pub(super) fn capacity_for(&self, length: usize) -> usize {
        self.allocated(length) - self.front()
    }

    /// The stripe of a slot depends on where the slot is and on nothing that a comparator
    /// or a caller says: who agrees on the slot agrees on the lock.
    fn stripe_of_slot(&self, place: Place) -> &Stripe {
        let spread = u64::from(place.offset).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.stripe(spread >> 32)
    }

    fn stripe(&self, hash: u64) -> &Stripe {
        let mask = self.stripes.len() as u64 - 1;
        &self.stripes[(hash & mask) as usize]
    }

    /// Runs `f` while no other update of the same key does. `hashed` is the key, or `None`
    /// where equal keys may be different bytes: then all take turns.
    ///
    /// # Errors
    ///
    /// [`Error::Reentrant`] when this thread is inside of an update, of whatever table;
    /// [`Error::OutOfMemory`].
    pub(super) fn in_turn<R>(
        &self,
        hashed: Option<&[u8]>,
        f: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let _inside = Updating::begin()?;
        let hash = hashed.map_or(0, |key| xxh3_64_with_seed(key, self.seed));
        let _turn =
            (!fault(&FAULT_IN_PLACE_UPDATES_TOGETHER)).then(|| self.stripe(hash).turns.lock());
        f()
    }

    /// Makes a slot that holds `value`, for nobody else yet.
    pub(super) fn create(
        &self,
        memory: &mut impl Allocate,
        sequence: SequenceNumber,
        value: &[u8],
    ) -> Result<Place> {
        let length = self.allocated(value.len());
        let allocation = memory.allocate(length)?;
        let place = Place {
            offset: allocation.offset,
            capacity: self.capacity_for(value.len()) as u32,
        };
        // SAFETY: at the front of the allocation, aligned to `UNIT`, and nobody else's.
        unsafe { allocation.ptr.cast().write(Shadow::new()) };
        // SAFETY: just written.
        unsafe { allocation.ptr.cast::<Shadow>().as_ref() }.write();
        // SAFETY: the shadow is inside of the allocation.
        let start = unsafe { allocation.ptr.add(size_of::<Shadow>()) };
        let length = length - size_of::<Shadow>();
        // SAFETY: the rest of the allocation; arenas hand out initialised bytes, and
        // nobody else has access to them before the slot is published.
        let slot = unsafe { slice::from_raw_parts_mut(start.as_ptr(), length) };
        self.fill(slot, place, sequence, value);
        Ok(place)
    }

    /// Writes everything behind the shadow.
    fn fill(&self, slot: &mut [u8], place: Place, last: SequenceNumber, value: &[u8]) {
        let (numbers, rest) = slot.split_at_mut(NUMBERS_LEN);
        numbers[..LENGTH_LEN].copy_from_slice(&(value.len() as u32).to_le_bytes());
        numbers[LENGTH_LEN..].copy_from_slice(&last.to_le_bytes());
        let checksum = self.checksum(place, numbers, value);
        let (stored, room) = rest.split_at_mut(self.protection.len());
        stored.copy_from_slice(&checksum[..stored.len()]);
        room[..value.len()].copy_from_slice(value);
    }

    /// Covers the value, both numbers, and where they lie: the checksum of the entry
    /// covers the key, and the reference to here.
    fn checksum(&self, place: Place, numbers: &[u8], value: &[u8]) -> [u8; 8] {
        if self.protection.is_empty() {
            return [0; 8];
        }
        let mut fixed = [0; PLACE_LEN + NUMBERS_LEN];
        fixed[..PLACE_LEN].copy_from_slice(&place.encode());
        fixed[PLACE_LEN..].copy_from_slice(numbers);
        (xxh3_64_with_seed(value, 4) ^ xxh3_64_with_seed(&fixed, 5)).to_le_bytes()
    }

    /// Where a slot is: its shadow, and everything behind that.
    ///
    /// # Safety
    ///
    /// `arena` made the slot, by [`create`](Self::create), which happens before.
    unsafe fn locate<'a>(
        &self,
        arena: &'a ConcurrentArena,
        place: Place,
    ) -> (&'a Shadow, *mut u8, usize) {
        // SAFETY: the arena handed the offset out.
        let front = unsafe { arena.view().resolve(place.offset) };
        // SAFETY: `create` made a shadow there; only shared references to it exist.
        let shadow = unsafe { front.cast::<Shadow>().as_ref() };
        // SAFETY: inside of the allocation.
        let start = unsafe { front.add(size_of::<Shadow>()) };
        let length = NUMBERS_LEN + self.protection.len() + place.capacity();
        (shadow, start.as_ptr(), length)
    }

    /// The bytes of a slot, to be damaged.
    ///
    /// # Safety
    ///
    /// As for [`locate`](Self::locate).
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) unsafe fn bytes_of(
        &self,
        arena: &ConcurrentArena,
        place: Place,
    ) -> (*mut u8, usize) {
        // SAFETY: passed on from the caller.
        let (_, start, length) = unsafe { self.locate(arena, place) };
        (start, length)
    }

    /// Appends a slot's value to `out`; `None` where the checksum differs.
    ///
    /// # Safety
    ///
    /// As for [`locate`](Self::locate), of the only `Slots` that touch this arena.
    pub(super) unsafe fn read(
        &self,
        arena: &ConcurrentArena,
        place: Place,
        out: &mut Vec<u8>,
    ) -> Result<Option<()>> {
        // Nobody allocates with the lock held.
        reserve(out, place.capacity())?;
        let begin = out.len();
        // SAFETY: passed on from the caller.
        let (shadow, start, length) = unsafe { self.locate(arena, place) };
        let mut front = [0; NUMBERS_LEN + 8];
        let front = &mut front[..NUMBERS_LEN + self.protection.len()];
        {
            let _lock = (!fault(&FAULT_IN_PLACE_READ_UNLOCKED))
                .then(|| self.stripe_of_slot(place).bytes.read());
            shadow.read();
            // SAFETY: the slot's bytes, which nobody writes while the lock is held.
            let slot = unsafe { slice::from_raw_parts(start, length) };
            let (ahead, room) = slot.split_at(front.len());
            front.copy_from_slice(ahead);
            let value = room.get(..length_in(ahead)?).ok_or(Corruption::Lengths)?;
            out.extend_from_slice(value);
        }
        let (numbers, stored) = front.split_at(NUMBERS_LEN);
        let checksum = self.checksum(place, numbers, &out[begin..]);
        Ok((checksum[..stored.len()] == *stored).then_some(()))
    }

    /// Writes a value where another one is, if it fits.
    ///
    /// # Safety
    ///
    /// As for [`read`](Self::read).
    pub(super) unsafe fn rewrite(
        &self,
        arena: &ConcurrentArena,
        place: Place,
        sequence: SequenceNumber,
        value: &[u8],
        late: Late,
    ) -> Result<Rewritten> {
        // SAFETY: passed on from the caller.
        let (shadow, start, length) = unsafe { self.locate(arena, place) };
        let _lock = (!fault(&FAULT_IN_PLACE_WRITE_UNLOCKED))
            .then(|| self.stripe_of_slot(place).bytes.write());
        shadow.write();
        // SAFETY: the slot's bytes, which nobody else reads or writes while the lock is held.
        let slot = unsafe { slice::from_raw_parts_mut(start, length) };
        let before = length_in(slot)?;
        if before > place.capacity() {
            return Err(Corruption::Lengths.into());
        }
        let (last, _) = decode_fixed64(&slot[LENGTH_LEN..])?;
        let is_late = last > sequence && !fault(&FAULT_IN_PLACE_LATE_UPDATE);
        if is_late && late == Late::Drop {
            return Ok(Rewritten::Superseded);
        }
        if value.len() > place.capacity() {
            return Ok(Rewritten::TooLong);
        }
        self.fill(slot, place, last.max(sequence), value);
        Ok(Rewritten::Done { before })
    }
}

/// The length that a slot says its value has.
fn length_in(slot: &[u8]) -> Result<usize> {
    let (length, _) = decode_fixed32(slot)?;
    Ok(length as usize)
}

/// Makes room behind what is there.
pub(super) fn reserve<T>(out: &mut Vec<T>, more: usize) -> Result<()> {
    out.try_reserve_exact(more).map_err(|_| Error::OutOfMemory {
        requested: more.saturating_mul(size_of::<T>()),
    })
}

/// Says that this thread is inside of an update, for as long as it lives. Two threads that
/// each waited for the other's turn inside of their own would wait for ever.
struct Updating;

impl Updating {
    /// No table has this id.
    const ID: u64 = 0;

    fn begin() -> Result<Self> {
        with_entered(|entered| {
            if entered.contains(&Self::ID) {
                return Err(Error::Reentrant);
            }
            entered
                .try_reserve(1)
                .map_err(|_| Error::OutOfMemory { requested: 8 })?;
            entered.push(Self::ID);
            Ok(Self)
        })
    }
}

impl Drop for Updating {
    fn drop(&mut self) {
        with_entered(|entered| entered.retain(|&id| id != Self::ID));
    }
}
