//! Keys and tags that are wrong, and nobody says so: without checksums, or with one that
//! misses it (SPEC E10, X1). Answers are wrong then; that each call returns is shown here.

use core::cmp::Ordering as Order;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use super::*;
use crate::entry::Protection;
use crate::key::TimestampedComparator;
use crate::skiplist::HeightSource;
use crate::sync::random_u64;

/// Comparisons of the call that is under way.
static COMPARED: AtomicU64 = AtomicU64::new(0);
/// Held by the test that counts.
static COUNTING: Mutex<()> = Mutex::new(());

/// More than any call on such a table needs: a walk over all of it, with a search for each
/// entry, is below a tenth.
const MOST: u64 = 50_000;
const VERSIONS: u64 = 14;

/// Bytewise, and panics in a call that goes on without end.
#[derive(Clone)]
struct Counting;

impl Comparator for Counting {
    fn compare(&self, a: &[u8], b: &[u8]) -> Order {
        let compared = COMPARED.fetch_add(1, Ordering::Relaxed);
        assert!(compared < MOST, "a call goes round in circles");
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "test.Counting"
    }
}

/// Counts anew for one call.
fn call<T>(call: impl FnOnce() -> T) -> T {
    COMPARED.store(0, Ordering::Relaxed);
    call()
}

/// Keeps the other test from counting.
fn alone() -> MutexGuard<'static, ()> {
    COUNTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Five keys, each with more versions than are stepped over, of which most are deletions.
fn filled<C: Comparator>(comparator: C, protection: Protection, paranoid: bool) -> MemTable<C> {
    let table = MemTable::with_comparator(comparator)
        .write_buffer_size(64 << 10)
        .protection(protection)
        .paranoid_checks(paranoid)
        .max_height(4)
        .heights(HeightSource::Scripted(|entry| {
            1 + entry.sequence.trailing_zeros() as usize
        }))
        .build()
        .unwrap();
    for sequence in 1..=5 * VERSIONS {
        let kind = match sequence % 7 {
            0 => Kind::MERGE,
            1 => Kind::VALUE,
            _ => Kind::DELETION,
        };
        // The last eight bytes are a timestamp, if keys have one; old and new lie side by side.
        let mut key = [b'0' + sequence as u8 % 5; 10];
        key[2..].copy_from_slice(&(sequence * 37 % 64).to_le_bytes());
        table.add(sequence, kind, &key, b"v").unwrap();
    }
    table
}

/// Changes a byte of the key or tag of some entries, at random.
fn damage<C: Comparator>(table: &MemTable<C>, guard: usize) {
    let mut cursor = table.iter();
    let mut places = Vec::new();
    cursor.seek_to_first();
    while let Some((key, sequence)) = cursor.key() {
        places.extend(ReadRep::find(&table.rep, key, sequence));
        cursor.next();
    }
    for _ in 0..=random_u64() % 4 {
        let place = places[random_u64() as usize % places.len()];
        let (start, _) = table.rep.stored(place);
        // One byte of length, ten of key, and eight of tag.
        let at = guard + 1 + random_u64() as usize % 18;
        let wrong = 1u8 << (random_u64() % 8);
        // SAFETY: the byte is inside of the record.
        let byte = unsafe { start.add(at) };
        // SAFETY: as before; nobody reads it meanwhile.
        unsafe { *byte ^= wrong };
    }
}

/// Every call that searches or walks.
fn exercise<C: Comparator>(table: &MemTable<C>) {
    let keys: Vec<Vec<u8>> = (0..6u8).map(|key| [b'0' + key; 2].to_vec()).collect();
    let whole: Vec<Vec<u8>> = keys
        .iter()
        .map(|key| [&key[..], &[7; 8]].concat())
        .collect();
    let asked: Vec<&[u8]> = keys.iter().chain(&whole).map(Vec::as_slice).collect();
    for snapshot in [0, 20, 65, MAX_SEQUENCE_NUMBER] {
        let reader = table.reader(snapshot).unwrap().at_timestamp(snapshot / 5);
        let _ = call(|| reader.multi_get(&asked));
        let bounds = (Bound::Included(&keys[1][..]), Bound::Excluded(&keys[4][..]));
        let all = table.visible(snapshot);
        let some = table.visible_range(snapshot, bounds.0, bounds.1);
        for mut keys in [all, some.at_timestamp(snapshot / 5)] {
            for key in &asked {
                let _ = call(|| keys.seek(key));
                let _ = call(|| keys.next());
                let _ = call(|| keys.lookup());
                let _ = call(|| keys.seek_for_prev(key));
                let _ = call(|| keys.prev());
                let _ = call(|| keys.next());
            }
            let _ = call(|| keys.seek_to_first());
            let _ = call(|| keys.prev());
            let _ = call(|| keys.seek_to_last());
            let _ = call(|| keys.next());
        }
        let mut cursor = table.iter();
        for key in &asked {
            let _ = call(|| reader.get(key));
            let _ = call(|| reader.get_merged(key));
            let _ = call(|| table.get_entry(key, snapshot));
            let _ = call(|| table.contains(key, snapshot));
            let _ = call(|| table.approximate_range(key, asked[3]));
            call(|| cursor.seek(key, snapshot));
            call(|| cursor.prev());
            call(|| cursor.seek_for_prev(key, snapshot));
            call(|| cursor.next());
        }
        let _ = call(|| table.sample(9));
        for key in &whole {
            let _ = call(|| table.add(random_u64() % 99, Kind::VALUE, key, b"new"));
        }
    }
}

/// Without checksums, and with one of which the damage is made anew: in a table whose guard is
/// right, a checksum of one byte misses one damage of 256.
#[test]
fn e10_each_call_returns_whatever_keys_have_become() {
    let _alone = alone();
    crate::sync::seed_thread_rng(11);
    let stamped = || TimestampedComparator::<_, 8>::new(Counting).unwrap();
    for round in 0..24 {
        let paranoid = round % 4 == 3;
        for (protection, guard) in [(Protection::None, 0), (Protection::One, 8)] {
            let table = call(|| filled(Counting, protection, paranoid));
            call(|| damage(&table, guard));
            exercise(&table);
            let table = call(|| filled(stamped(), protection, paranoid));
            call(|| damage(&table, guard));
            exercise(&table);
        }
    }
}

/// `3`, which is newer than the snapshot, becomes `1`: an iterator that comes there from a
/// deleted key seeks past it, and so is back at `1`, from where it goes on.
#[test]
fn x1_a_key_that_became_smaller_leads_into_no_circle() {
    let _alone = alone();
    let table = MemTable::with_comparator(Counting).build().unwrap();
    for (sequence, key) in [(1, b"1"), (2, b"2"), (100, b"3"), (3, b"4")] {
        table.add(sequence, Kind::DELETION, key, b"").unwrap();
    }
    let place = ReadRep::find(&table.rep, b"3", 100).unwrap();
    let (start, _) = table.rep.stored(place);
    // SAFETY: the first byte of the key, behind that of the length.
    let byte = unsafe { start.add(1) };
    // SAFETY: as before; nobody reads it meanwhile.
    let byte = unsafe { &mut *byte };
    assert_eq!(*byte, b'3');
    *byte = b'1';
    let mut keys = table.visible(50);
    call(|| keys.seek_to_first()).unwrap();
    assert!(!keys.valid());
    call(|| keys.seek_to_last()).unwrap();
    assert!(!keys.valid());
}
