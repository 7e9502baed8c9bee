//! What cursors over hashed tables visit ahead of time. What is read is tested in
//! `memtable/tests/hashed`.

use std::vec::Vec;

use super::*;
use crate::arena::{ArenaOptions, ConcurrentArena, Memory};
use crate::entry::EntryRef;
use crate::key::{FixedPrefix, Kind, MAX_SEQUENCE_NUMBER};
use crate::rep::{Cursor, MemTableRep, MemTableRepFactory, RepContext};
use crate::skiplist::{InsertContext, Sharing, SkipListOptions};
use crate::sync::{Arc, seed_thread_rng, visits_of};

const VALUE: [u8; 120] = [7; 120];
/// Entries of a table: far apart in memory, since they are added in no order.
const ENTRIES: u32 = 8_000;

fn key(number: u32, prefix_of: fn(u32) -> u32) -> Vec<u8> {
    [prefix_of(number), number].map(u32::to_be_bytes).concat()
}

/// The numbers up to [`ENTRIES`], with prefixes of four bytes that grow with them.
fn filled<F>(factory: F, prefix_of: fn(u32) -> u32) -> HashRep
where
    F: MemTableRepFactory<BytewiseComparator, Rep = HashRep>,
{
    seed_thread_rng(7);
    let arena = Arc::new(ConcurrentArena::new(ArenaOptions::default()).unwrap());
    let context = RepContext {
        arena: Arc::clone(&arena),
        comparator: BytewiseComparator,
        list: SkipListOptions::default(),
        overwrites: false,
        keeps_first: false,
        prefix_extractor: Some(Arc::new(FixedPrefix(4))),
    };
    let rep = factory.create(context).unwrap();
    let mut memory = Memory {
        arena: &arena,
        ticket: None,
    };
    let mut context = InsertContext::new();
    for index in 0..ENTRIES {
        let entry = EntryRef {
            user_key: &key(index * 2_039 % ENTRIES, prefix_of),
            sequence: 1,
            kind: Kind::VALUE,
            value: &VALUE,
        };
        let shared = Sharing::Concurrent;
        // SAFETY: concurrent inserts need no exclusivity; memory and context are its own.
        unsafe { rep.insert(shared, &mut memory, &mut context, &entry, || ()) }.unwrap();
    }
    rep
}

/// How many nodes a cursor visits ahead of time that goes forward from a number on, or backward;
/// and at how many times.
fn walk(rep: &HashRep, prefix_of: fn(u32) -> u32, from: u32, forward: bool) -> (usize, usize) {
    let ((), visits) = visits_of(|| {
        let mut cursor = Cursor::new(rep);
        cursor.seek(&key(from, prefix_of), MAX_SEQUENCE_NUMBER);
        let mut number = from;
        while let Some((user_key, _)) = cursor.key() {
            assert_eq!(user_key, key(number, prefix_of));
            if forward {
                number += 1;
                cursor.next();
            } else {
                number = number.wrapping_sub(1);
                cursor.prev();
            }
        }
        let end = if forward { ENTRIES } else { u32::MAX };
        assert_eq!(number, end);
    });
    (visits.ahead + visits.behind, visits.times)
}

/// Nearly all entries are visited ahead of time, and many at a time, though each prefix, at
/// which towers are tall, has few.
#[test]
fn r6_walks_look_ahead_beyond_a_prefix() {
    let prefixes: [fn(u32) -> u32; 3] = [|number| number, |number| number / 10, |_| 0];
    for prefix_of in prefixes {
        for rep in [
            filled(HashSkipListFactory::default(), prefix_of),
            filled(HashLinkListFactory::default(), prefix_of),
        ] {
            let name = rep.name;
            let ahead = walk(&rep, prefix_of, 0, true);
            let behind = walk(&rep, prefix_of, ENTRIES - 1, false);
            for (nodes, times) in [ahead, behind] {
                assert!(nodes > ENTRIES as usize * 3 / 4, "{name}: {nodes}");
                assert!(times < ENTRIES as usize / 24, "{name}: {times}");
            }
        }
    }
}

/// What was learnt where prefixes have one entry each is unlearnt where one has very many.
#[test]
fn r6_walks_get_used_to_large_prefixes() {
    let behind: fn(u32) -> u32 = |number| number.min(ENTRIES / 2);
    let rep = filled(HashSkipListFactory::default(), behind);
    let visits = walk(&rep, behind, 0, true);
    assert!(visits.0 > ENTRIES as usize * 3 / 4, "{visits:?}");

    let before: fn(u32) -> u32 = |number| number.max(ENTRIES / 2);
    let rep = filled(HashSkipListFactory::default(), before);
    let visits = walk(&rep, before, ENTRIES - 1, false);
    assert!(visits.0 < ENTRIES as usize * 3 / 2, "{visits:?}");
}

/// A cursor that makes few steps after a seek visits few nodes.
#[test]
fn r6_few_steps_need_no_zones() {
    let prefix_of: fn(u32) -> u32 = |number| number / 10;
    let rep = filled(HashSkipListFactory::default(), prefix_of);
    let ((), visits) = visits_of(|| {
        let mut cursor = Cursor::new(&rep);
        cursor.seek(&key(4_000, prefix_of), MAX_SEQUENCE_NUMBER);
        (0..10).for_each(|_| cursor.next());
    });
    assert!(visits.ahead < 8, "{visits:?}");
}
