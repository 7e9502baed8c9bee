//! Keys with timestamps, read at a snapshot and at a timestamp.
//!
//! Key, timestamp, kind and value follow from the sequence number. Timestamps are in an order of
//! their own: old ones are written late. A read at a timestamp finds the version with the largest
//! timestamp up to it, and of several with the same one the newest; at the least the best of
//! those that were written before the read.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use verimem::rep::{AnyRep, MemTableRep};
use verimem::{BytewiseComparator, CappedPrefix, TimestampedComparator};
use verimem::{EntryRef, Error, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, Protection};

use super::super::audit::Seen;
use super::super::fault::Fault;
use super::super::oracle::Check;
use super::super::rng::{Rng, hash};
use super::super::shape::factory;
use super::super::tally::Op;
use super::{Side, Turn, accepted};
use crate::rep::Rep;

const ENTRIES: u64 = 2048;
const KEYS: u64 = 24;
/// Timestamps are below this one.
const TIMES: u64 = 200;

/// By key, then by timestamp, newest first.
type Order = TimestampedComparator<BytewiseComparator>;

/// A version's age: by timestamp, then by sequence number.
type Age = (u64, u64);

/// Nobody writes this number yet.
const FREE: u8 = 0;
/// Somebody is writing it.
const BEGUN: u8 = 1;
/// It is written.
const DONE: u8 = 2;

/// A table with timestamps, and what is known of it.
pub struct Stamped<F> {
    table: MemTable<Order, AnyRep<Order>>,
    fault: F,
    seed: u64,
    limit: u64,
    /// The next sequence number.
    next: AtomicU64,
    /// By sequence number.
    states: Vec<AtomicU8>,
    /// The sequence numbers of each key, rising.
    of_key: Vec<Vec<u64>>,
}

/// When a read takes place.
#[derive(Debug, Clone, Copy)]
struct When {
    snapshot: u64,
    timestamp: u64,
}

impl<F: Fault> Stamped<F> {
    fn draw(&self, sequence: u64, what: u64) -> u64 {
        hash(&[self.seed, sequence, what])
    }

    fn rank(&self, sequence: u64) -> u64 {
        self.draw(sequence, 0) % KEYS
    }

    /// Rising with the number, more or less.
    fn timestamp(&self, sequence: u64) -> u64 {
        match self.draw(sequence, 1) % 4 {
            0 => self.draw(sequence, 2) % TIMES,
            _ => sequence * TIMES / (ENTRIES + 1),
        }
    }

    fn age(&self, sequence: u64) -> Age {
        (self.timestamp(sequence), sequence)
    }

    fn kind(&self, sequence: u64) -> Kind {
        match self.draw(sequence, 3) % 8 {
            0 => Kind::DELETION_WITH_TIMESTAMP,
            1 => Kind::DELETION,
            2 => Kind::WIDE_COLUMN_ENTITY,
            _ => Kind::VALUE,
        }
    }

    fn value(&self, sequence: u64) -> Vec<u8> {
        if self.kind(sequence).is_tombstone() {
            return Vec::new();
        }
        let mut rng = Rng::new(self.draw(sequence, 4));
        let mut value = sequence.to_le_bytes().to_vec();
        value.resize_with(8 + rng.below(30) as usize, || rng.next() as u8);
        value
    }

    /// The key without its timestamp; some are a prefix of another.
    fn key(rank: u64) -> Vec<u8> {
        let mut key = b"stamped/".to_vec();
        key.extend_from_slice(&(rank / 2).to_be_bytes());
        key.resize(key.len() + (rank % 2) as usize, 0);
        key
    }

    fn stamped_key(&self, sequence: u64) -> Vec<u8> {
        let mut key = Self::key(self.rank(sequence));
        key.extend_from_slice(&self.timestamp(sequence).to_le_bytes());
        key
    }

    fn sees(&self, when: When, rank: u64, sequence: u64) -> bool {
        let timely = self.timestamp(sequence) <= when.timestamp;
        timely && sequence <= when.snapshot && self.rank(sequence) == rank
    }

    /// The best version that was written before now.
    fn best(&self, when: When, rank: u64) -> Option<Age> {
        let done = self.of_key[rank as usize].iter().filter(|one| {
            self.states[**one as usize].load(Ordering::Acquire) == DONE
                && self.sees(when, rank, **one)
        });
        done.map(|one| self.age(*one)).max()
    }

    /// That an answer is a version that may be seen, as good as `least` or better.
    fn check(
        &self,
        when: When,
        rank: u64,
        least: Option<Age>,
        found: Option<(u64, Kind, Option<&[u8]>)>,
    ) -> Check {
        if let Some((sequence, kind, value)) = found {
            let state = self.states.get(sequence as usize);
            let state = state.map_or(FREE, |state| state.load(Ordering::Acquire));
            if state == FREE || self.rank(sequence) != rank {
                return Err(format!("nobody writes entry {sequence} of key {rank}"));
            }
            if !self.sees(when, rank, sequence) {
                return Err(format!(
                    "key {rank} at {when:?}: {:?} is newer",
                    self.age(sequence)
                ));
            }
            if kind != self.kind(sequence) {
                return Err(format!("entry {sequence} is of kind {kind:?}"));
            }
            if value.is_some_and(|value| value != self.value(sequence)) {
                return Err(format!("entry {sequence} has another value"));
            }
        }
        let age = found.map(|(sequence, ..)| self.age(sequence));
        if age < least {
            return Err(format!(
                "key {rank} at {when:?}: {age:?}, {least:?} was written before"
            ));
        }
        Ok(())
    }

    fn when(turn: &mut Turn<'_>) -> When {
        let snapshot = match turn.rng.below(3) {
            0 => turn.rng.below(ENTRIES),
            _ => MAX_SEQUENCE_NUMBER,
        };
        let timestamp = match turn.rng.below(4) {
            0 => u64::MAX,
            _ => turn.rng.below(TIMES + 1),
        };
        When {
            snapshot,
            timestamp,
        }
    }

    fn get(&self, when: When, rank: u64) -> Check {
        let least = self.best(when, rank);
        let reader = self.table.reader(when.snapshot).map_err(fails("reader"))?;
        let reader = reader.at_timestamp(self.fault.timestamp(when.timestamp));
        let answer = reader.get_with_timestamp(&Self::key(rank));
        let (answer, timestamp) = answer.map_err(fails("get"))?;
        let found = match answer {
            Lookup::NotFound => None,
            Lookup::Found {
                value,
                sequence,
                kind,
            } => Some((sequence, kind, Some(value))),
            Lookup::Deleted { sequence, kind } => Some((sequence, kind, None)),
            other => return Err(format!("an answer that nobody wrote: {other:?}")),
        };
        let expected = found.map(|(sequence, ..)| self.timestamp(sequence));
        if timestamp != expected {
            return Err(format!("timestamp {timestamp:?}, {expected:?} was written"));
        }
        self.check(when, rank, least, found)
    }

    /// Walks over the visible keys; `exact` when nobody writes.
    fn walk(&self, when: When, exact: bool) -> Check {
        let least: Vec<_> = (0..KEYS).map(|rank| self.best(when, rank)).collect();
        let all = Bound::Unbounded;
        let mut keys = self
            .table
            .visible_range(when.snapshot, all, all)
            .at_timestamp(self.fault.timestamp(when.timestamp));
        keys.seek_to_first().map_err(fails("a walk"))?;
        let mut from = 0;
        while let Some(entry) = keys.entry().map_err(fails("a walk"))? {
            let (user_key, sequence) = (entry.user_key, entry.sequence);
            let rank = match sequence {
                1..=ENTRIES => self.rank(sequence),
                _ => return Err(format!("nobody writes entry {sequence}")),
            };
            if user_key != self.stamped_key(sequence) && user_key != Self::key(rank) {
                return Err(format!("entry {sequence} has key {user_key:02x?}"));
            }
            if rank < from {
                return Err(format!("key {rank} where {from} is the least"));
            }
            self.passed(when, from..rank, &least, exact)?;
            let found = Some((sequence, entry.kind, Some(entry.value)));
            self.check(when, rank, least[rank as usize], found)?;
            from = rank + 1;
            keys.next().map_err(fails("a walk"))?;
        }
        self.passed(when, from..KEYS, &least, exact)
    }

    /// That keys which a walk passed over may be deleted, or are for certain.
    fn passed(
        &self,
        when: When,
        mut ranks: std::ops::Range<u64>,
        least: &[Option<Age>],
        exact: bool,
    ) -> Check {
        let wrong = ranks.find(|rank| {
            let Some((timestamp, sequence)) = least[*rank as usize] else {
                return false;
            };
            // Somebody may have deleted it since, with the same timestamp or a larger one.
            let may_be_deleted = self.of_key[*rank as usize].iter().any(|one| {
                self.sees(when, *rank, *one)
                    && self.age(*one) >= (timestamp, sequence)
                    && self.kind(*one).is_tombstone()
                    && self.states[*one as usize].load(Ordering::Acquire) != FREE
            });
            let deleted = self.kind(sequence).is_tombstone();
            !deleted && (exact || !may_be_deleted)
        });
        match wrong {
            Some(rank) => Err(format!(
                "a walk at {when:?} passes over key {rank}, {:?} was written",
                least[rank as usize]
            )),
            None => Ok(()),
        }
    }

    /// Every entry, in order: by key, then by age, newest first.
    fn scan(&self) -> Check<Seen> {
        let mut seen = Seen::default();
        let mut last: Option<(u64, Age)> = None;
        let mut cursor = self.table.iter();
        cursor.seek_to_first();
        while let Some(entry) = cursor.entry().map_err(fails("a cursor"))? {
            let EntryRef {
                user_key,
                sequence,
                kind,
                value,
            } = entry;
            if !(1..=ENTRIES).contains(&sequence) || self.stamped_key(sequence) != user_key {
                return Err(format!("nobody writes entry {sequence} of {user_key:02x?}"));
            }
            let (rank, age) = (self.rank(sequence), self.age(sequence));
            let always = When {
                snapshot: MAX_SEQUENCE_NUMBER,
                timestamp: u64::MAX,
            };
            self.check(always, rank, None, Some((sequence, kind, Some(value))))?;
            if last.is_some_and(|(key, newer)| key > rank || (key == rank && newer <= age)) {
                return Err(format!("key {rank} of {age:?} follows {last:?}"));
            }
            last = Some((rank, age));
            seen.count(sequence, kind, user_key.len() + value.len());
            cursor.next();
        }
        Ok(seen)
    }
}

fn fails(what: &str) -> impl Fn(Error) -> String {
    move |error| format!("{what} fails: {error}")
}

impl<F: Fault> Side for Stamped<F> {
    const TABLES: Op = Op::StampedTable;

    fn new(seed: u64, number: u64, rep: Rep) -> Result<Self, Error> {
        let h = hash(&[seed, number, 22]);
        let protections = [Protection::None, Protection::One, Protection::Eight];
        let table = MemTable::with_comparator(TimestampedComparator::bytewise()?)
            .protection(protections[(h % 3) as usize])
            .arena_block_size([4096, 65_536][(h >> 8 & 1) as usize])
            .duplicates(rep.strictest())
            // All keys in one bucket, or two in each, or each in its own.
            .prefix_extractor(Arc::new(CappedPrefix([16, 8, 17][(h >> 16) as usize % 3])))
            .representation(factory(rep, seed, number))
            .build()?;
        let mut side = Self {
            table,
            fault: F::default(),
            seed: h,
            limit: if number < 4 {
                200
            } else {
                200 + h % (ENTRIES - 200)
            },
            next: AtomicU64::new(1),
            states: (0..=ENTRIES).map(|_| AtomicU8::new(FREE)).collect(),
            of_key: vec![Vec::new(); KEYS as usize],
        };
        for sequence in 1..=ENTRIES {
            let rank = side.rank(sequence) as usize;
            side.of_key[rank].push(sequence);
        }
        Ok(side)
    }

    fn representation(&self) -> &'static str {
        self.table.representation().name()
    }

    fn write(&self, turn: &mut Turn<'_>) -> Check<bool> {
        let count = 1 + turn.rng.below(6);
        let first = self.next.fetch_add(count, Ordering::AcqRel);
        let numbers = first..(first + count).min(ENTRIES + 1);
        let Some(mut writer) = accepted(self.table.writer(), "writer")? else {
            return Ok(false);
        };
        for sequence in numbers {
            let state = &self.states[sequence as usize];
            state.store(BEGUN, Ordering::Release);
            let (key, value) = (self.stamped_key(sequence), self.value(sequence));
            let added = writer.add(sequence, self.kind(sequence), &key, &value);
            added.map_err(|error| format!("an add with a timestamp fails: {error}"))?;
            // Release: who learns of the entry reads after it was there.
            state.store(DONE, Ordering::Release);
            turn.tally.add(turn.rep, Op::StampedWrite, 1);
        }
        Ok(true)
    }

    fn read(&self, turn: &mut Turn<'_>) -> Check {
        let when = Self::when(turn);
        match turn.rng.below(16) {
            0 => {
                self.scan()?;
            }
            1 => self.walk(when, false)?,
            _ => self.get(when, turn.rng.below(KEYS))?,
        }
        turn.tally.add(turn.rep, Op::StampedRead, 1);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.next.load(Ordering::Relaxed) > self.limit
    }

    fn seal(&self) -> Result<(), Error> {
        self.table.seal()
    }

    fn counts(&self) -> Check {
        let mut stats = self.table.stats();
        stats.data_size = self.fault.counted(stats.data_size);
        self.scan()?.agrees(&stats)
    }

    fn finish(&self) -> Check {
        self.counts()?;
        let done = |one: &u64| self.states[*one as usize].load(Ordering::Acquire) == DONE;
        let written = (1..=ENTRIES).filter(done);
        let (entries, newest) = written.fold((0, None), |(entries, newest), one| {
            (entries + 1, newest.max(Some(self.timestamp(one))))
        });
        let stats = self.table.stats();
        // Of an empty table there is nothing to say.
        if stats.entries != entries || (entries > 0 && stats.newest_timestamp != newest) {
            return Err(format!(
                "{entries} entries were written, the newest at {newest:?}, {stats:?}"
            ));
        }
        for timestamp in (0..TIMES).step_by(41) {
            let snapshot = self.draw(timestamp, 5) % ENTRIES;
            for snapshot in [snapshot, MAX_SEQUENCE_NUMBER] {
                let when = When {
                    snapshot,
                    timestamp,
                };
                self.walk(when, true)?;
                for rank in 0..KEYS {
                    self.get(when, rank)?;
                }
            }
        }
        Ok(())
    }
}
