//! What cursors visit ahead of time: enough, and not too much. Where they lead is
//! tested in `tests/integration`.

use std::vec::Vec;

use super::*;
use crate::arena::{ArenaOptions, ConcurrentArena};
use crate::key::{BytewiseComparator, Kind, MAX_SEQUENCE_NUMBER};
use crate::skiplist::{SkipList, SkipListOptions};
use crate::sync::{Arc, visits_of, without_memory};

const VALUE: [u8; 120] = [7; 120];
/// Entries of a list: more than what is fetched without zones, and far apart in memory.
const ENTRIES: u32 = 8_000;

fn insert(list: &SkipList, key: u32) {
    list.insert(&EntryRef {
        user_key: &key.to_be_bytes(),
        sequence: 1,
        kind: Kind::VALUE,
        value: &VALUE,
    })
    .unwrap();
}

fn key(cursor: &Cursor<&SkipList>) -> Option<u32> {
    cursor
        .key()
        .map(|(key, _)| u32::from_be_bytes(key.try_into().unwrap()))
}

/// The keys 0, 10, 20 and so on, added in no order.
fn list(max_height: usize, branching: u32) -> SkipList {
    crate::sync::seed_thread_rng(5);
    let arena = Arc::new(ConcurrentArena::new(ArenaOptions::default()).unwrap());
    let options = SkipListOptions {
        max_height,
        branching,
        ..SkipListOptions::default()
    };
    let list = SkipList::new(arena, BytewiseComparator, options).unwrap();
    (0..ENTRIES).for_each(|index| insert(&list, index * 2_039 % ENTRIES * 10));
    list
}

/// A cursor half-way.
fn middle(list: &SkipList) -> Cursor<&SkipList> {
    let mut cursor = Cursor::new(list);
    cursor.seek(&(ENTRIES / 2 * 10).to_be_bytes(), MAX_SEQUENCE_NUMBER);
    cursor
}

#[test]
fn s5_low_towers_are_looked_ahead_from_as_well() {
    for (max_height, branching) in [(20, 2), (7, 2), (6, 2), (4, 2), (4, 4), (3, 4), (2, 16)] {
        let list = list(max_height, branching);
        let (met, visits) = visits_of(|| {
            let mut cursor = Cursor::new(&list);
            cursor.seek_to_first();
            let mut met = 0;
            while cursor.valid() {
                met += 1;
                cursor.next();
            }
            met
        });
        assert_eq!(met, ENTRIES);
        let few = ENTRIES as usize / 2;
        assert!(visits.ahead > few, "{max_height} {branching}: {visits:?}");
    }
    // Without towers there is nothing to look ahead from.
    let list = list(1, 2);
    let ((), visits) = visits_of(|| {
        let mut cursor = Cursor::new(&list);
        cursor.seek_to_first();
        while cursor.valid() {
            cursor.next();
        }
    });
    assert_eq!(visits.ahead, 0);
}

#[test]
fn s5_turning_round_is_no_search() {
    let list = list(20, 2);
    let mut cursor = middle(&list);
    let ((), visits) = visits_of(|| {
        for _ in 0..100 {
            cursor.prev();
            cursor.next();
        }
        for _ in 0..100 {
            cursor.prev();
            cursor.next();
            cursor.prev();
        }
    });
    assert_eq!(key(&cursor), Some((ENTRIES / 2 - 100) * 10));
    // Runs of about 4, 32 and 128, and no more than a few of each.
    assert!((1..600).contains(&visits.behind), "{visits:?}");
}

#[test]
fn s5_a_writer_before_the_cursor_causes_no_search() {
    let list = list(20, 2);
    let mut cursor = middle(&list);
    cursor.prev();
    let at = (ENTRIES / 2 - 1) * 10;
    assert_eq!(key(&cursor), Some(at));
    let ((), visits) = visits_of(|| {
        for step in 0..100 {
            let at = at - 10 * step;
            insert(&list, at - 5);
            cursor.prev();
            assert_eq!(key(&cursor), Some(at - 5));
            cursor.prev();
            assert_eq!(key(&cursor), Some(at - 10));
        }
    });
    assert!(visits.behind < 600, "{visits:?}");
}

#[test]
fn s5_a_cursor_that_went_far_begins_anew() {
    let list = list(20, 2);
    let mut cursor = middle(&list);
    let mut at = ENTRIES / 2;
    for _ in 0..50 {
        // Behind all that is remembered, and back by a little.
        for _ in 0..200 {
            cursor.next();
        }
        at += 200;
        let ((), visits) = visits_of(|| cursor.prev());
        at -= 1;
        assert_eq!(key(&cursor), Some(at * 10));
        assert!(visits.behind < 64, "a first search: {visits:?}");
        for _ in 0..150 {
            cursor.prev();
        }
        at -= 150;
        assert_eq!(key(&cursor), Some(at * 10));
    }
}

#[test]
fn x2_a_cursor_without_memory_searches_and_fetches_nothing() {
    let list = list(20, 2);
    let mut cursor = middle(&list);
    let ((), visits) = visits_of(|| {
        without_memory(|| {
            for step in 1..=200 {
                cursor.prev();
                assert_eq!(key(&cursor), Some((ENTRIES / 2 - step) * 10));
            }
        });
    });
    assert_eq!(visits.behind, 0);
    // As soon as there is memory, it is used.
    let (met, visits) = visits_of(|| {
        let mut met = Vec::new();
        for _ in 0..50 {
            cursor.prev();
            met.extend(key(&cursor));
        }
        met
    });
    assert!(
        met.iter()
            .copied()
            .eq((1..=50).map(|step| (ENTRIES / 2 - 200 - step) * 10))
    );
    assert!(visits.behind > 20, "{visits:?}");
}

#[test]
fn s5_a_cursor_that_goes_elsewhere_keeps_its_memory_and_nothing_else() {
    let list = list(20, 2);
    let mut cursor = middle(&list);
    let go: [fn(&mut Cursor<&SkipList>); 6] = [
        |cursor| cursor.seek_for_prev(&50_005u32.to_be_bytes(), 1),
        |cursor| cursor.seek_before(&50_005u32.to_be_bytes(), 1),
        |cursor| cursor.seek(&50_005u32.to_be_bytes(), 1),
        |cursor| cursor.seek_to_last(),
        |cursor| cursor.seek_random(),
        |cursor| cursor.seek_to_first(),
    ];
    for go in go {
        for _ in 0..200 {
            cursor.prev();
        }
        let (nodes, room) = cursor.trail().nodes_and_room();
        assert!(nodes > 0 && room >= 64, "{nodes} {room}");
        go(&mut cursor);
        assert_eq!(cursor.trail().nodes_and_room(), (0, room));
        // A first search, since nothing is remembered.
        let before = key(&cursor).unwrap();
        let ((), visits) = visits_of(|| cursor.prev());
        assert_eq!(key(&cursor), before.checked_sub(10));
        assert!(visits.behind < 64, "{visits:?}");
        cursor.seek_to_last();
    }
}
