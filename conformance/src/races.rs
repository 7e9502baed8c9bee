//! Threads that check themselves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use verimem::memtable::DuplicatePolicy;
use verimem::rep::{MemTableRep, MemTableRepFactory};
use verimem::{BytewiseComparator, Error, FixedPrefix, Kind, MemTable, seed_thread_rng};
use verimem_driver::Abilities;
use verimem_driver::seeds::Random;

use crate::{Failure, Kit};

/// Threads that write.
const WRITERS: u64 = 3;
/// What each writes in a race, few enough for representations that insert slowly.
const ENTRIES: u64 = 1500;

type Table<F> = MemTable<BytewiseComparator, <F as MemTableRepFactory<BytewiseComparator>>::Rep>;

/// One race, in some round.
type Race<'a> = &'a dyn Fn(u64) -> Result<(), Error>;

/// Runs each race; returns how many were run.
pub(crate) fn check<F: MemTableRepFactory<BytewiseComparator>>(
    kit: &Kit,
    abilities: Abilities,
    make: &(impl Fn() -> F + Sync),
) -> Result<u64, Failure> {
    let races: [(&'static str, Race<'_>); 4] = [
        ("one thread after the other", &|round| {
            one_by_one(table(abilities, make)?, round)
        }),
        ("writers and readers", &|_| {
            writers_and_readers(table(abilities, make)?)
        }),
        ("writers and a seal", &|round| {
            seal_against_writers(table(abilities, make)?, round)
        }),
        ("equal adds", &|_| {
            equal_adds(table(abilities, make)?, abilities)
        }),
    ];
    let mut done = 0;
    for round in 0..u64::from(kit.rounds) {
        for (name, race) in races {
            let failed = |what| Failure::Race { race: name, what };
            match catch_unwind(AssertUnwindSafe(|| race(round))) {
                Ok(Ok(())) => done += 1,
                Ok(Err(error)) => return Err(failed(error.to_string())),
                Err(panic) => return Err(failed(message(&*panic))),
            }
        }
    }
    Ok(done)
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

fn table<F: MemTableRepFactory<BytewiseComparator>>(
    abilities: Abilities,
    make: impl Fn() -> F,
) -> Result<Table<F>, Error> {
    let duplicates = if abilities.refuses_duplicates {
        DuplicatePolicy::Reject
    } else {
        DuplicatePolicy::KeepFirst
    };
    MemTable::builder()
        .representation(make())
        .arena_block_size(4096)
        .prefix_extractor(std::sync::Arc::new(FixedPrefix(1)))
        .duplicates(duplicates)
        .build()
}

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

fn sequence(writer: u64, index: u64) -> u64 {
    index * WRITERS + writer
}

/// A table, and how many entries each writer has published.
struct Harness<R: MemTableRep<Comparator = BytewiseComparator>> {
    table: MemTable<BytewiseComparator, R>,
    published: [AtomicU64; WRITERS as usize],
    stop: AtomicBool,
}

impl<R: MemTableRep<Comparator = BytewiseComparator>> Harness<R> {
    fn new(table: MemTable<BytewiseComparator, R>) -> Self {
        Self {
            table,
            published: Default::default(),
            stop: AtomicBool::new(false),
        }
    }

    fn write(&self, writer: u64, indices: std::ops::Range<u64>) {
        for index in indices {
            let (key, sequence) = (key(writer, index), sequence(writer, index));
            let value = value(&key, sequence);
            let added = self.table.add(sequence, Kind::VALUE, &key, &value);
            assert_eq!(added, Ok(()), "an add");
            self.published[writer as usize].store(index + 1, Ordering::Release);
        }
    }

    /// All that was published before is found, in order, and whole; forward or backward.
    fn read(&self, random: &mut Random) {
        let before: Vec<_> = self
            .published
            .iter()
            .map(|count| count.load(Ordering::Acquire))
            .collect();
        let forward = random.draw() % 2 == 0;
        let mut seen = vec![0; before.len()];
        let mut cursor = self.table.iter();
        let mut last: Option<Vec<u8>> = None;
        if forward {
            cursor.seek_to_first();
        } else {
            cursor.seek_to_last();
        }
        while let Some(entry) = cursor.entry().unwrap_or_else(|error| panic!("{error}")) {
            let here = value(entry.user_key, entry.sequence);
            assert_eq!(entry.value, here, "the value of an entry");
            let numbers = [&entry.user_key[1..9], &entry.user_key[9..17]].map(number);
            let [writer, index] = numbers;
            assert_eq!(sequence(writer, index), entry.sequence, "whose it is");
            let ordered = last.is_none_or(|last| (*last < *entry.user_key) == forward);
            assert!(ordered, "entries out of order");
            seen[writer as usize] += u64::from(index < before[writer as usize]);
            last = Some(entry.user_key.to_vec());
            if forward {
                cursor.next();
            } else {
                cursor.prev();
            }
        }
        assert_eq!(seen, before, "what was published, and what of it was seen");
        for _ in 0..20 {
            let writer = random.below(before.len());
            if before[writer] > 0 {
                let index = random.below(before[writer] as usize) as u64;
                self.look_up(writer as u64, index);
            }
        }
    }

    fn look_up(&self, writer: u64, index: u64) {
        let (key, sequence) = (key(writer, index), sequence(writer, index));
        assert!(self.table.contains(&key, sequence), "a published entry");
        let found = self.table.get_entry(&key, sequence);
        assert!(
            found.is_ok_and(|entry| entry.is_some_and(|entry| entry.sequence == sequence)),
            "the number of a published entry"
        );
        let mut cursor = self.table.iter();
        cursor.seek_for_prev(&key, sequence);
        assert_eq!(cursor.key(), Some((&key[..], sequence)), "seek_for_prev");
        cursor.prev();
        let before = cursor.key().is_none_or(|(before, _)| before < &key[..]);
        assert!(before, "prev");
    }
}

/// As LevelDB's harness: first with one thread, which shows that the harness is right.
fn one_by_one<R: MemTableRep<Comparator = BytewiseComparator>>(
    table: MemTable<BytewiseComparator, R>,
    round: u64,
) -> Result<(), Error> {
    let harness = Harness::new(table);
    let mut random = Random(round);
    for step in 0..20 {
        for writer in 0..WRITERS {
            harness.write(writer, step * 10..step * 10 + 10);
            harness.read(&mut random);
        }
    }
    harness.table.seal()?;
    harness.read(&mut random);
    assert_eq!(harness.table.stats().entries, 200 * WRITERS, "entries");
    Ok(())
}

fn writers_and_readers<R: MemTableRep<Comparator = BytewiseComparator>>(
    table: MemTable<BytewiseComparator, R>,
) -> Result<(), Error> {
    let harness = Harness::new(table);
    thread::scope(|scope| {
        let harness = &harness;
        let writer = |writer| {
            move || {
                seed_thread_rng(writer);
                harness.write(writer, 0..ENTRIES);
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|one| scope.spawn(writer(one))).collect();
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
        assert!(!failed, "a writer failed");
    });
    harness.table.seal()?;
    harness.read(&mut Random(1));
    let entries = harness.table.stats().entries;
    assert_eq!(entries, WRITERS * ENTRIES, "entries");
    Ok(())
}

/// W7: an entry is in the sealed table, or its writer got `Sealed`.
fn seal_against_writers<R: MemTableRep<Comparator = BytewiseComparator>>(
    table: MemTable<BytewiseComparator, R>,
    round: u64,
) -> Result<(), Error> {
    let start = Barrier::new(WRITERS as usize + 1);
    let (sealed, at_seal, added) = thread::scope(|scope| {
        let (table, start) = (&table, &start);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write_until_sealed(table, start, writer)))
            .collect();
        start.wait();
        for _ in 0..round * 200 {
            std::hint::spin_loop();
        }
        let sealed = table.seal();
        let at_seal = (table.stats().entries, count(table));
        let added = writers.into_iter().map(thread::ScopedJoinHandle::join);
        let added: Result<Vec<u64>, _> = added.collect();
        (sealed, at_seal, added.expect("a writer failed"))
    });
    sealed?;
    let total = added.iter().sum();
    assert_eq!(at_seal, (total, total), "counted and found, and added");
    assert_eq!(count(&table), total, "found later, and added");
    for (writer, count) in (0..).zip(added) {
        for index in 0..count {
            let found = table.contains(&key(writer, index), sequence(writer, index));
            assert!(found, "an entry of a sealed table");
        }
    }
    Ok(())
}

/// How many entries were added before the table was sealed; batches of three.
fn write_until_sealed<R: MemTableRep<Comparator = BytewiseComparator>>(
    table: &MemTable<BytewiseComparator, R>,
    start: &Barrier,
    writer: u64,
) -> u64 {
    start.wait();
    let mut index = 0;
    while index < ENTRIES / 5 {
        let mut batch = match table.writer() {
            Ok(batch) => batch,
            Err(error) => {
                assert_eq!(error, Error::Sealed, "why a writer was refused");
                return index;
            }
        };
        for _ in 0..3 {
            // Who is inside is never refused half-way.
            let sequence = sequence(writer, index);
            let added = batch.add(sequence, Kind::VALUE, &key(writer, index), b"");
            assert_eq!(added, Ok(()), "an add inside");
            index += 1;
        }
    }
    index
}

fn count<R: MemTableRep<Comparator = BytewiseComparator>>(
    table: &MemTable<BytewiseComparator, R>,
) -> u64 {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut count = 0;
    while cursor.valid() {
        count += 1;
        cursor.next();
    }
    count
}

/// S2: of all that add one entry, one succeeds; where duplicates are kept out later, one is
/// left after the seal, and counted.
fn equal_adds<R: MemTableRep<Comparator = BytewiseComparator>>(
    table: MemTable<BytewiseComparator, R>,
    abilities: Abilities,
) -> Result<(), Error> {
    const KEYS: u64 = 100;
    const TIMES: u64 = 4;
    let start = Barrier::new(WRITERS as usize);
    let added: u64 = thread::scope(|scope| {
        let (table, start) = (&table, &start);
        let add = move || {
            start.wait();
            let outcomes = (0..KEYS * TIMES).map(|index| {
                let key = key(0, index % KEYS);
                match table.add(index / KEYS, Kind::VALUE, &key, b"") {
                    Ok(()) => 1,
                    Err(error) => {
                        assert_eq!(error, Error::Duplicate, "why an add was refused");
                        0
                    }
                }
            });
            outcomes.sum::<u64>()
        };
        let workers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(add)).collect();
        let sums = workers.into_iter().map(|worker| worker.join());
        sums.map(|sum| sum.expect("a writer failed")).sum()
    });
    if abilities.refuses_duplicates {
        assert_eq!(added, KEYS * TIMES, "adds that succeeded");
    }
    table.seal()?;
    let all = (table.stats().entries, count(&table));
    assert_eq!(all, (KEYS * TIMES, KEYS * TIMES), "counted, and found");
    Ok(())
}
