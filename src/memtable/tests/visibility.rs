//! Visibility beyond a snapshot.

use std::collections::BTreeSet;

use super::*;
use crate::lookup::MergeBase;
use crate::sequencer::Sequencer;
use crate::visibility::Visibility;

/// Hides some numbers.
struct Without(BTreeSet<u64>);

impl Visibility for Without {
    fn is_visible(&self, sequence: u64) -> bool {
        !self.0.contains(&sequence)
    }

    fn min_uncommitted(&self) -> u64 {
        self.0.first().copied().unwrap_or(u64::MAX)
    }
}

fn without(hidden: &[u64]) -> Without {
    Without(hidden.iter().copied().collect())
}

#[test]
fn g4_hidden_versions_are_as_if_they_did_not_exist() {
    let table = small().build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"1").unwrap();
    table.add(2, Kind::MERGE, b"k", b"2").unwrap();
    table.add(3, Kind::MERGE, b"k", b"3").unwrap();
    table.add(4, Kind::DELETION, b"k", b"").unwrap();
    let get = |hidden: &[u64], snapshot| {
        let reader = table
            .reader(snapshot)
            .unwrap()
            .with_visibility(without(hidden));
        let single = reader.get(b"k").unwrap();
        let many = reader.multi_get(&[b"j", b"k"]).unwrap();
        assert_eq!(many[1].as_ref(), Ok(&single));
        single
    };
    assert_eq!(get(&[], 4), table.get(b"k", 4).unwrap());
    assert_eq!(get(&[4], 4), table.get(b"k", 3).unwrap());
    let Lookup::Merge { operands, base, .. } = get(&[4, 3], 4) else {
        panic!("an operand is left");
    };
    assert_eq!(operands, [b"2"]);
    assert!(matches!(base, MergeBase::Value { sequence: 1, .. }));
    let Lookup::Merge { operands, base, .. } = get(&[4, 2, 1], 4) else {
        panic!("an operand is left");
    };
    assert_eq!((operands, base), (vec![&b"3"[..]], MergeBase::Missing));
    assert!(matches!(
        get(&[2, 3, 4], 4),
        Lookup::Found { sequence: 1, .. }
    ));
    assert_eq!(get(&[1, 2, 3, 4], 4), Lookup::NotFound);
    assert_eq!(get(&[1], 1), Lookup::NotFound);
}

#[test]
fn g4_iterators_hide_the_same_as_gets() {
    const KEYS: u64 = 7;
    let table = small().build().unwrap();
    for sequence in 0..60u64 {
        let key = [(sequence * 5 % KEYS) as u8];
        let kind = [Kind::VALUE, Kind::VALUE, Kind::DELETION][(sequence % 3) as usize];
        table.add(sequence, kind, &key, &[sequence as u8]).unwrap();
    }
    crate::sync::seed_thread_rng(5);
    for round in 0..200u64 {
        let hidden: Vec<u64> = (0..60)
            .filter(|one| (one * 31 + round * 17) % 11 < round % 12)
            .collect();
        let snapshot = round % 64;
        let reader = table
            .reader(snapshot)
            .unwrap()
            .with_visibility(without(&hidden));
        let expected: Vec<(u8, u64)> = (0..KEYS as u8)
            .filter_map(|key| match reader.get(&[key]).unwrap() {
                Lookup::Found { sequence, .. } => Some((key, sequence)),
                _ => None,
            })
            .collect();
        let mut keys = table.visible(snapshot).with_visibility(without(&hidden));
        let mut forward = Vec::new();
        keys.seek_to_first().unwrap();
        while let Some(entry) = keys.entry().unwrap() {
            forward.push((entry.user_key[0], entry.sequence));
            keys.next().unwrap();
        }
        assert_eq!(forward, expected, "{snapshot} without {hidden:?}");
        let mut backward = Vec::new();
        keys.seek_to_last().unwrap();
        while let Some(entry) = keys.entry().unwrap() {
            backward.insert(0, (entry.user_key[0], entry.sequence));
            // Turn round once on the way.
            keys.next().unwrap();
            if keys.valid() {
                keys.prev().unwrap();
            } else {
                keys.seek(&[backward[0].0]).unwrap();
            }
            keys.prev().unwrap();
        }
        assert_eq!(
            backward, expected,
            "{snapshot} without {hidden:?}, backward"
        );
    }
}

#[test]
fn c1_a_failed_batch_is_hidden_from_views() {
    let table = small().build().unwrap();
    let sequencer = Sequencer::new(0).unwrap();
    let first = sequencer.reserve(1).unwrap();
    table.add(first.first(), Kind::VALUE, b"k", b"old").unwrap();
    first.publish();
    let failed = sequencer.reserve(2).unwrap();
    table
        .add(failed.first(), Kind::VALUE, b"k", b"half")
        .unwrap();
    drop(failed);
    let view = sequencer.view();
    assert_eq!(view.sequence(), 3);
    let reader = table
        .reader(view.sequence())
        .unwrap()
        .with_visibility(&view);
    assert!(matches!(
        reader.get(b"k"),
        Ok(Lookup::Found { value: b"old", .. })
    ));
}
