//! Real threads, self-checking keys: what the conformance kit does not race.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use verimem::{Error, Kind};
use verimem_driver::seeds::Random;

use crate::reps::{self, ALL, AnyTable};

/// Entry `index` of writer `writer`: the key says who wrote it and when, the
/// value can be computed from key and sequence number.
fn key(writer: u64, index: u64) -> Vec<u8> {
    let spread = Random(writer << 32 | index).draw() % 64;
    let mut key = vec![spread as u8];
    key.extend_from_slice(&writer.to_be_bytes());
    key.extend_from_slice(&index.to_be_bytes());
    key
}

fn value(key: &[u8], sequence: u64) -> [u8; 8] {
    let hash = key.iter().fold(sequence, |hash, &byte| {
        Random(hash ^ u64::from(byte)).draw()
    });
    hash.to_le_bytes()
}

fn count(table: &AnyTable) -> u64 {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut count = 0;
    while cursor.valid() {
        count += 1;
        cursor.next();
    }
    count
}

/// M1: exclusive and concurrent writers take turns, and nothing is lost.
#[test]
fn w1_exclusive_writers_are_alone() {
    for rep in ALL {
        exclusive_writers_are_alone(&reps::table(rep));
    }
}

fn exclusive_writers_are_alone(table: &AnyTable) {
    const THREADS: u64 = 4;
    let inside = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let inside = &inside;
            scope.spawn(move || {
                let mut index = 0;
                while index < 1000 {
                    let exclusive = (thread + index) % 2 == 0;
                    let writer = if exclusive {
                        table.exclusive_writer()
                    } else {
                        table.writer()
                    };
                    let Ok(mut writer) = writer else {
                        thread::yield_now();
                        continue;
                    };
                    let weight = if exclusive { 1 << 32 } else { 1 };
                    let others = inside.fetch_add(weight, Ordering::AcqRel);
                    assert!(
                        others >> 32 == 0 && (!exclusive || others == 0),
                        "{others:#x}"
                    );
                    let key = key(thread, index);
                    assert_eq!(writer.add(index, Kind::VALUE, &key, b""), Ok(()));
                    inside.fetch_sub(weight, Ordering::AcqRel);
                    index += 1;
                }
            });
        }
    });
    assert_eq!(
        (table.stats().entries, count(table)),
        (THREADS * 1000, THREADS * 1000)
    );
}

/// S7: owned iterators outlive every handle and move between threads.
#[test]
fn s7_owned_iterators_travel() -> Result<(), Error> {
    ALL.iter()
        .try_for_each(|rep| owned_iterators_travel(Arc::new(reps::table(rep))))
}

fn owned_iterators_travel(table: Arc<AnyTable>) -> Result<(), Error> {
    for index in 0..100 {
        table.add(
            index,
            Kind::VALUE,
            &key(0, index),
            &value(&key(0, index), index),
        )?;
    }
    let gone = Arc::downgrade(&table);
    let mut all = table.owned_iter();
    let (from, to) = (vec![0], vec![32]);
    let bounds = (
        std::ops::Bound::Included(&from[..]),
        std::ops::Bound::Excluded(&to[..]),
    );
    let mut some = table.owned_visible(50, bounds.0, bounds.1);
    all.seek_to_first();
    some.seek_to_last()?;
    drop((from, to, table));
    for _ in 0..3 {
        let travelled = thread::spawn(move || {
            all.next();
            some.prev().map(|()| (all, some))
        });
        (all, some) = travelled
            .join()
            .unwrap_or_else(|_| panic!("a traveller was lost"))?;
        let entry = all.entry()?.map(|entry| {
            (
                entry.user_key.to_vec(),
                entry.sequence,
                entry.value.to_vec(),
            )
        });
        assert!(entry.is_some_and(|(key, sequence, found)| found == value(&key, sequence)));
        assert!(some.key().is_some_and(|key| key[0] < 32));
    }
    assert!(gone.upgrade().is_some());
    drop(all);
    assert!(some.valid() && gone.upgrade().is_some());
    drop(some);
    assert!(gone.upgrade().is_none());
    Ok(())
}
