//! Visible iteration against a sorted list, bounds in all combinations.

use core::ops::RangeBounds;
use std::collections::BTreeMap;

use super::*;

const NUMBERS: [SequenceNumber; 6] = [0, 1, 2, 7, MAX_SEQUENCE_NUMBER - 1, MAX_SEQUENCE_NUMBER];
const KINDS: [Kind; 3] = [Kind::VALUE, Kind::DELETION, Kind::MERGE];

/// A table over few keys with few numbers, so that everything meets everything.
fn table(seed: u64) -> (MemTable, BTreeMap<Vec<u8>, BTreeMap<SequenceNumber, Kind>>) {
    let table = small().build().unwrap();
    let mut model: BTreeMap<Vec<u8>, BTreeMap<_, _>> = BTreeMap::new();
    let mut state = seed;
    let mut below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    for _ in 0..below(30) {
        let key = std::vec![b'b' + below(6) as u8];
        let sequence = NUMBERS[below(6)];
        let kind = KINDS[below(3)];
        let versions = model.entry(key.clone()).or_default();
        if table.add(sequence, kind, &key, b"").is_ok() {
            versions.insert(sequence, kind);
        }
    }
    // Many versions of one key, so that stepping gives way to seeking.
    if seed % 3 == 0 {
        let versions = model.entry(std::vec![b'e']).or_default();
        for sequence in 10..40 {
            table.add(sequence, Kind::VALUE, b"e", b"").unwrap();
            versions.insert(sequence, Kind::VALUE);
        }
    }
    (table, model)
}

fn bounds() -> Vec<Bound<&'static [u8]>> {
    let keys: [&[u8]; 5] = [b"", b"b", b"d", b"da", b"z"];
    let mut bounds = std::vec![Bound::Unbounded];
    for key in keys {
        bounds.extend([Bound::Included(key), Bound::Excluded(key)]);
    }
    bounds
}

fn key_of<H: crate::rep::Handle>(keys: &VisibleIter<H>) -> Option<Vec<u8>> {
    keys.key().map(<[u8]>::to_vec)
}

#[test]
fn g5_every_move_agrees_with_a_sorted_list() {
    for seed in 0..40 {
        let (table, model) = table(seed);
        for snapshot in NUMBERS {
            for lower in bounds() {
                for upper in bounds() {
                    let inside = |key: &[u8]| RangeBounds::<[u8]>::contains(&(lower, upper), key);
                    let visible: Vec<Vec<u8>> = model
                        .iter()
                        .filter(|(key, _)| inside(key))
                        .filter(|(_, versions)| {
                            let newest = versions.range(..=snapshot).next_back();
                            newest.is_some_and(|(_, kind)| !kind.is_tombstone())
                        })
                        .map(|(key, _)| key.clone())
                        .collect();
                    check(&mut table.visible_range(snapshot, lower, upper), &visible);
                }
            }
        }
    }
}

fn check(keys: &mut VisibleIter<&MemTable>, visible: &[Vec<u8>]) {
    keys.next().unwrap();
    keys.prev().unwrap();
    assert!(!keys.valid(), "moving from nowhere does nothing");
    keys.seek_to_first().unwrap();
    for key in visible {
        assert_eq!(keys.key(), Some(&key[..]));
        keys.next().unwrap();
    }
    assert!(!keys.valid());
    keys.seek_to_last().unwrap();
    for key in visible.iter().rev() {
        assert_eq!(keys.key(), Some(&key[..]));
        keys.prev().unwrap();
    }
    assert!(!keys.valid());
    for target in [&b""[..], b"b", b"c", b"cc", b"g", b"z"] {
        let at = visible.partition_point(|key| &key[..] < target);
        keys.seek(target).unwrap();
        assert_eq!(key_of(keys).as_ref(), visible.get(at));
        if keys.valid() {
            keys.prev().unwrap();
            assert_eq!(
                key_of(keys).as_ref(),
                at.checked_sub(1).map(|at| &visible[at])
            );
        }
        let after = visible.partition_point(|key| &key[..] <= target);
        keys.seek_for_prev(target).unwrap();
        assert_eq!(
            key_of(keys).as_ref(),
            after.checked_sub(1).map(|at| &visible[at])
        );
        if keys.valid() {
            assert_ne!(keys.lookup(), Ok(Lookup::NotFound));
            keys.next().unwrap();
            assert_eq!(key_of(keys).as_ref(), visible.get(after));
        }
    }
}

#[test]
fn g5_long_keys_and_bounds_are_kept() {
    let table = small().build().unwrap();
    let long = |byte: u8| std::vec![byte; 500];
    for byte in b'a'..b'f' {
        table.add(1, Kind::VALUE, &long(byte), b"").unwrap();
        table.add(2, Kind::DELETION, &long(byte), b"").unwrap();
        table.add(3, Kind::VALUE, &long(byte), b"").unwrap();
    }
    let (lower, upper) = (long(b'b'), long(b'd'));
    let bounds = (Bound::Excluded(&lower[..]), Bound::Included(&upper[..]));
    let mut keys = Arc::new(table).owned_visible(3, bounds.0, bounds.1);
    keys.seek_to_first().unwrap();
    assert_eq!(keys.key(), Some(&long(b'c')[..]));
    keys.next().unwrap();
    keys.next().unwrap();
    assert!(!keys.valid());
    keys.seek_to_last().unwrap();
    assert_eq!(keys.key(), Some(&long(b'd')[..]));
}
