//! Long walks of cursors, alone and beside a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use verimem::arena::{ArenaOptions, ConcurrentArena};
use verimem::rep::Cursor;
use verimem::skiplist::{HeightSource, SkipList, SkipListOptions};
use verimem::{BytewiseComparator, EntryRef, Error, Kind};
use verimem_driver::seeds::Random;

use crate::reps::{self, ALL, AnyTable};

/// Shapes of lists on which a cursor finds its way in different manners.
fn shapes() -> Vec<SkipListOptions> {
    let shape = |max_height, branching, heights| SkipListOptions {
        max_height,
        branching,
        heights,
        ..SkipListOptions::default()
    };
    let random = HeightSource::Random;
    vec![
        SkipListOptions::default(),
        shape(1, 2, random),
        shape(12, 4, random),
        shape(32, 1024, random),
        shape(6, 2, HeightSource::Scripted(|_| 1)),
        shape(6, 2, HeightSource::Scripted(|_| 6)),
        shape(
            12,
            64,
            HeightSource::Scripted(|entry| 1 + usize::from(entry.sequence % 9 == 0) * 11),
        ),
    ]
}

/// S5: to and fro over thousands of entries that lie apart in memory, on lists of
/// all shapes, with entries added beside the cursor.
#[test]
fn s5_long_walks_on_lists_of_all_shapes() -> Result<(), Error> {
    for options in shapes() {
        let arena = Arc::new(ConcurrentArena::new(ArenaOptions::default())?);
        let list = SkipList::new(arena, BytewiseComparator, options)?;
        let count = if options.max_height == 1 { 800 } else { 4000 };
        let value = [7; 120];
        let mut keys: Vec<Vec<u8>> = Vec::new();
        let insert = |key: &[u8]| {
            list.insert(&EntryRef {
                user_key: key,
                sequence: key.iter().map(|&byte| u64::from(byte)).sum(),
                kind: Kind::VALUE,
                value: &value,
            })
        };
        for index in 0..count {
            let key = (index * 2039 % 4001 * 2u32).to_be_bytes().to_vec();
            insert(&key)?;
            keys.push(key);
        }
        keys.sort();
        let mut random = Random(3);
        let mut cursor = Cursor::new(&list);
        cursor.seek_to_last();
        let mut at = keys.len() - 1;
        for _ in 0..300 {
            let forward = random.below(2) == 0;
            for _ in 0..random.below(100) {
                // One more entry right after the cursor, or before it.
                if random.below(8) == 0 {
                    let mut key = keys[at].clone();
                    key.push(0);
                    if insert(&key).is_ok() {
                        keys.insert(at + 1, key);
                    }
                }
                if forward && at + 1 < keys.len() {
                    cursor.next();
                    at += 1;
                } else if at > 0 {
                    cursor.prev();
                    at -= 1;
                }
                let found = cursor.key().map(|(key, _)| key);
                assert_eq!(found, Some(&keys[at][..]), "{options:?}");
            }
            // Every entry right before the cursor lies behind a remembered one.
            if at > 0 && keys[at - 1].len() < 60 {
                let mut key = keys[at - 1].clone();
                key.push(0);
                if insert(&key).is_ok() {
                    keys.insert(at, key);
                    at += 1;
                }
            }
        }
    }
    Ok(())
}

/// Keys of four bytes, the old ones even, the new ones odd.
fn number(key: &[u8]) -> u32 {
    key.iter()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// Walks while another thread inserts between; nothing old is skipped, the order
/// is strict, and what was added before a step is not passed over by it.
fn walk_beside_a_writer(table: &AnyTable, forward: bool) -> Result<(), Error> {
    const OLD: u32 = 10_000;
    let value = [1; 40];
    for index in 0..OLD {
        let key = (index * 7919 % OLD * 2).to_be_bytes();
        table.add(1, Kind::VALUE, &key, &value)?;
    }
    let (stop, added) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        let (stop, added) = (&stop, &added);
        let writer = scope.spawn(move || {
            for index in 0..OLD {
                let key = (index * 6007 % OLD * 2 + 1).to_be_bytes();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                table.add(2, Kind::VALUE, &key, &value)?;
                added.store(index + 1, Ordering::Relaxed);
            }
            Ok::<_, Error>(())
        });
        let mut walks = 0;
        while walks < 4 || added.load(Ordering::Relaxed) < OLD / 2 && !writer.is_finished() {
            walks += 1;
            let mut cursor = table.iter();
            if forward {
                cursor.seek_to_first();
            } else {
                cursor.seek_to_last();
            }
            let (mut old, mut last) = (0, None);
            while let Some((key, _)) = cursor.key() {
                let here = number(key);
                if let Some(last) = last {
                    assert_eq!(last < here, forward, "{last} and {here}");
                    assert!(here.abs_diff(last) <= 2, "skipped from {last} to {here}");
                }
                (old, last) = (old + u32::from(here % 2 == 0), Some(here));
                if forward {
                    cursor.next();
                } else {
                    cursor.prev();
                }
            }
            assert_eq!(old, OLD, "each of them once");
        }
        stop.store(true, Ordering::Relaxed);
        writer
            .join()
            .unwrap_or_else(|_| panic!("the writer panicked"))?;
        let added = added.load(Ordering::Relaxed);
        assert!(added > 0);
        assert_eq!(table.stats().entries, u64::from(OLD + added));
        Ok(())
    })
}

fn walks_beside_a_writer(forward: bool) -> Result<(), Error> {
    for rep in ALL {
        let builder = reps::builder(rep);
        walk_beside_a_writer(&builder.build()?, forward)?;
        let builder = reps::builder(rep).max_height(4).branching(16);
        walk_beside_a_writer(&builder.build()?, forward)?;
    }
    Ok(())
}

#[test]
fn s5_nothing_is_skipped_backward_beside_a_writer() -> Result<(), Error> {
    walks_beside_a_writer(false)
}

#[test]
fn s5_nothing_is_skipped_forward_beside_a_writer() -> Result<(), Error> {
    walks_beside_a_writer(true)
}
