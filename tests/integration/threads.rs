//! Real threads, self-checking keys.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use verimem::{Error, Kind, MemTable, seed_thread_rng};
use verimem_driver::seeds::Random;

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

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// A table, and how many entries each writer has published.
struct Harness {
    table: MemTable,
    published: Vec<AtomicU64>,
    stop: AtomicBool,
}

impl Harness {
    fn new(writers: usize) -> Self {
        let table = MemTable::builder().arena_block_size(4096).build();
        Self {
            table: table.unwrap_or_else(|error| panic!("{error}")),
            published: (0..writers).map(|_| AtomicU64::new(0)).collect(),
            stop: AtomicBool::new(false),
        }
    }

    fn sequence(&self, writer: u64, index: u64) -> u64 {
        index * self.published.len() as u64 + writer
    }

    fn write(&self, writer: u64, indices: std::ops::Range<u64>) {
        for index in indices {
            let (key, sequence) = (key(writer, index), self.sequence(writer, index));
            let added = self
                .table
                .add(sequence, Kind::VALUE, &key, &value(&key, sequence));
            assert_eq!(added, Ok(()));
            self.published[writer as usize].store(index + 1, Ordering::Release);
        }
    }

    /// All that was published before is found, in order, and whole.
    fn read(&self, random: &mut Random) {
        let before: Vec<_> = self
            .published
            .iter()
            .map(|count| count.load(Ordering::Acquire))
            .collect();
        let mut seen = vec![0; before.len()];
        let mut cursor = self.table.iter();
        let mut last: Option<(Vec<u8>, u64)> = None;
        cursor.seek_to_first();
        while let Some(entry) = cursor.entry().unwrap_or_else(|error| panic!("{error}")) {
            assert_eq!(entry.value, value(entry.user_key, entry.sequence));
            let (writer, index) = (
                number(&entry.user_key[1..9]),
                number(&entry.user_key[9..17]),
            );
            assert_eq!(
                (key(writer, index), self.sequence(writer, index)),
                (entry.user_key.to_vec(), entry.sequence)
            );
            assert!(
                last.is_none_or(|last| last.0.as_slice() < entry.user_key),
                "out of order"
            );
            seen[writer as usize] += u64::from(index < before[writer as usize]);
            last = Some((entry.user_key.to_vec(), entry.sequence));
            cursor.next();
        }
        assert_eq!(seen, before, "everything published was seen, once");
        for _ in 0..20 {
            let writer = random.below(before.len());
            if before[writer] > 0 {
                let index = random.below(before[writer] as usize) as u64;
                self.look_up(writer as u64, index);
            }
        }
    }

    fn look_up(&self, writer: u64, index: u64) {
        let (key, sequence) = (key(writer, index), self.sequence(writer, index));
        assert!(self.table.contains(&key, sequence));
        let found = self.table.get_entry(&key, sequence);
        assert!(found.is_ok_and(|entry| entry.is_some_and(|entry| entry.sequence == sequence)));
        let mut cursor = self.table.iter();
        cursor.seek_for_prev(&key, sequence);
        assert_eq!(cursor.key(), Some((&key[..], sequence)));
        cursor.prev();
        assert!(cursor.key().is_none_or(|(before, _)| before < &key[..]));
    }
}

/// As LevelDB's harness: first with one thread, which shows that it is right.
#[test]
fn s1_readers_and_writers_in_one_thread() {
    let harness = Harness::new(3);
    let mut random = Random(1);
    for round in 0..40 {
        for writer in 0..3 {
            harness.write(writer, round * 10..round * 10 + 10);
            harness.read(&mut random);
        }
    }
    assert_eq!(harness.table.stats().entries, 1200);
}

#[test]
fn s2_concurrent_writers_and_readers_check_themselves() {
    const WRITERS: u64 = 3;
    const ENTRIES: u64 = 4000;
    let harness = Harness::new(WRITERS as usize);
    thread::scope(|scope| {
        let harness = &harness;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    seed_thread_rng(writer);
                    harness.write(writer, 0..ENTRIES);
                })
            })
            .collect();
        for reader in 0..2 {
            scope.spawn(move || {
                let mut random = Random(reader);
                while !harness.stop.load(Ordering::Acquire) {
                    harness.read(&mut random);
                }
                harness.read(&mut random);
            });
        }
        let failed = writers.into_iter().any(|writer| writer.join().is_err());
        harness.stop.store(true, Ordering::Release);
        assert!(!failed);
    });
    assert_eq!(harness.table.stats().entries, WRITERS * ENTRIES);
}

/// W7: an entry is in the sealed table, or its writer got `Sealed`.
#[test]
fn w7_seal_against_writers_neither_loses_nor_leaks() {
    const WRITERS: u64 = 3;
    for round in 0..100u64 {
        let table = MemTable::builder()
            .build()
            .unwrap_or_else(|error| panic!("{error}"));
        let start = Barrier::new(WRITERS as usize + 1);
        let (at_seal, added) = thread::scope(|scope| {
            let (table, start) = (&table, &start);
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| scope.spawn(move || write_until_sealed(table, start, writer)))
                .collect();
            start.wait();
            for _ in 0..round * 20 {
                std::hint::spin_loop();
            }
            assert_eq!(table.seal(), Ok(()));
            let at_seal = (table.stats(), count(table));
            let added: Vec<_> = writers
                .into_iter()
                .map(|writer| writer.join().unwrap_or(u64::MAX))
                .collect();
            (at_seal, added)
        });
        let total: u64 = added.iter().sum();
        assert_eq!(
            (at_seal.0.entries, at_seal.1),
            (total, total),
            "round {round}"
        );
        assert_eq!(
            (table.stats().entries, count(&table)),
            (total, total),
            "round {round}"
        );
        for (writer, count) in (0..).zip(added) {
            for index in 0..count {
                assert!(table.contains(&key(writer, index), index * WRITERS + writer));
            }
        }
    }
}

/// How many entries were added before the table was sealed; batches of three.
fn write_until_sealed(table: &MemTable, start: &Barrier, writer: u64) -> u64 {
    start.wait();
    let mut index = 0;
    loop {
        let mut batch = match table.writer() {
            Ok(batch) => batch,
            Err(error) => {
                assert_eq!(error, Error::Sealed);
                return index;
            }
        };
        for _ in 0..3 {
            // Who is inside is never refused half-way.
            let added = batch.add(index * 3 + writer, Kind::VALUE, &key(writer, index), b"");
            assert_eq!(added, Ok(()));
            index += 1;
        }
    }
}

fn count(table: &MemTable) -> u64 {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut count = 0;
    while cursor.valid() {
        count += 1;
        cursor.next();
    }
    count
}

/// S2, S7: of all that add one entry, one succeeds.
#[test]
fn s2_one_of_many_duplicates_is_added() {
    const THREADS: usize = 4;
    let table = MemTable::builder()
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    let start = Barrier::new(THREADS);
    let added: u64 = thread::scope(|scope| {
        let (table, start) = (&table, &start);
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(move || {
                    start.wait();
                    let outcomes = (0..2000).map(|index| {
                        let key = key(0, index % 500);
                        match table.add(index / 500, Kind::VALUE, &key, b"") {
                            Ok(()) => 1,
                            Err(error) => {
                                assert_eq!(error, Error::Duplicate);
                                0
                            }
                        }
                    });
                    outcomes.sum::<u64>()
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or(0))
            .sum()
    });
    assert_eq!(
        (added, table.stats().entries, count(&table)),
        (2000, 2000, 2000)
    );
}

/// M1: exclusive and concurrent writers take turns, and nothing is lost.
#[test]
fn w1_exclusive_writers_are_alone() {
    const THREADS: u64 = 4;
    let table = MemTable::builder()
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    let inside = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (table, inside) = (&table, &inside);
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
        (table.stats().entries, count(&table)),
        (THREADS * 1000, THREADS * 1000)
    );
}

/// S7: owned iterators outlive every handle and move between threads.
#[test]
fn s7_owned_iterators_travel() -> Result<(), Error> {
    let table = Arc::new(MemTable::builder().build()?);
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
