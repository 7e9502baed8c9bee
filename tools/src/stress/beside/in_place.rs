//! Values that several threads update where they are.
//!
//! Two sorts of keys. *Moving* keys are given values, each with the number of its update: whoever
//! has seen a number never finds a smaller one, also when updates come late. *Counters* are
//! increased by a callback: none of the increments may be lost.
//!
//! Every value says who wrote it, and the rest of its bytes follows from that: a value of
//! which some bytes are another's does not.

use std::sync::atomic::{AtomicU64, Ordering};

use verimem::in_place::{Decision, InPlaceTable, InPlaceWriter, OwnedLookup, Updated};
use verimem::{EntryRef, Error, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, Protection};

use super::super::audit::Seen;
use super::super::fault::Fault;
use super::super::oracle::Check;
use super::super::rng::{Rng, hash};
use super::super::tally::Op;
use super::{Side, Turn, accepted};
use crate::rep::Rep;

/// Moving keys; the first ones are hot.
const MOVING: u64 = 24;
const COUNTERS: u64 = 4;
/// Bytes in front of a value's pattern: number, writer and key.
const HEAD: usize = 20;

/// A table whose values move, and what is known of it.
pub struct InPlace<F> {
    table: InPlaceTable,
    fault: F,
    seed: u64,
    /// Updates after which it is full.
    limit: u64,
    /// The next sequence number.
    next: AtomicU64,
    /// Of each moving key, the largest number that somebody has seen or has written.
    floors: [AtomicU64; MOVING as usize],
    /// Entries that updates added.
    added: AtomicU64,
    /// Of each counter, increments begun.
    begun: [AtomicU64; COUNTERS as usize],
    /// Of each counter, increments done.
    counted: [AtomicU64; COUNTERS as usize],
}

fn moving(rank: u64) -> [u8; 2] {
    [b'm', rank as u8]
}

fn counter(rank: u64) -> [u8; 2] {
    [b'c', rank as u8]
}

fn count_value(count: u64) -> [u8; 16] {
    (u128::from(hash(&[count])) << 64 | u128::from(count)).to_le_bytes()
}

fn count_of(value: &[u8]) -> Check<u64> {
    let count = value.first_chunk().map(|count| u64::from_le_bytes(*count));
    let whole = count.filter(|count| count_value(*count) == value);
    whole.ok_or_else(|| format!("a torn count: {value:02x?}"))
}

impl<F: Fault> InPlace<F> {
    /// The value that `writer` writes to a moving key with this number.
    fn value(&self, number: u64, writer: u64, rank: u64) -> Vec<u8> {
        let mut rng = Rng::new(hash(&[self.seed, number, writer, rank]));
        let length = match rng.below(64) {
            0 => rng.below(800),
            _ => rng.below(40),
        };
        let mut value = Vec::with_capacity(HEAD + length as usize + 8);
        value.extend_from_slice(&number.to_le_bytes());
        value.extend_from_slice(&writer.to_le_bytes());
        value.extend_from_slice(&(rank as u32).to_le_bytes());
        while value.len() < HEAD + length as usize {
            value.extend_from_slice(&rng.next().to_le_bytes());
        }
        value.truncate(HEAD + length as usize);
        value
    }

    /// The number of a moving key's value, which must be one that somebody wrote.
    fn genuine(&self, rank: u64, value: &[u8]) -> Check<u64> {
        let read = |at: usize| {
            let bytes = value.get(at..)?.first_chunk();
            bytes.map(|bytes| u64::from_le_bytes(*bytes))
        };
        let (Some(number), Some(writer)) = (read(0), read(8)) else {
            return Err(format!("a torn value of key {rank}: {value:02x?}"));
        };
        if self.value(number, writer, rank) != value {
            return Err(format!("a torn value of key {rank}: {value:02x?}"));
        }
        if number >= self.next.load(Ordering::Acquire) {
            return Err(format!("nobody has number {number}"));
        }
        Ok(number)
    }

    fn raise(&self, rank: u64, number: u64) {
        // Release: who learns of the number reads after it was there.
        self.floors[rank as usize].fetch_max(number, Ordering::Release);
    }

    fn take_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn update(
        &self,
        writer: &mut InPlaceWriter<'_>,
        turn: &mut Turn<'_>,
        rank: u64,
        number: u64,
    ) -> Check<bool> {
        let value = self.value(number, turn.thread, rank);
        if self.fault.forgets_update(number) {
            self.raise(rank, number);
            return Ok(true);
        }
        let sequence = self.fault.update_number(number);
        let updated = writer.update(sequence, &moving(rank), &value);
        let Some(updated) = accepted(updated, "an update")? else {
            return Ok(false);
        };
        let op = match updated {
            Updated::InPlace => Op::UpdateInPlace,
            Updated::Added => Op::UpdateAdded,
            Updated::Superseded => Op::UpdateSuperseded,
            other => return Err(format!("an update is answered {other:?}")),
        };
        self.added
            .fetch_add(u64::from(op == Op::UpdateAdded), Ordering::Relaxed);
        self.raise(rank, number);
        turn.tally.add(turn.rep, op, 1);
        Ok(true)
    }

    /// Updates a key, or several within one batch; some numbers come late.
    fn updates(&self, turn: &mut Turn<'_>) -> Check<bool> {
        let Some(mut writer) = accepted(self.table.writer(), "writer")? else {
            return Ok(false);
        };
        for _ in 0..=turn.rng.below(4) {
            let rank = turn.rng.below(MOVING).min(turn.rng.below(MOVING));
            let mut numbers = [self.take_number(), self.take_number()];
            if turn.rng.one_in(4) {
                numbers.reverse();
            }
            for number in numbers {
                if !self.update(&mut writer, turn, rank, number)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Increases counters by a callback, which sometimes takes its time.
    fn increase(&self, turn: &mut Turn<'_>) -> Check<bool> {
        let Some(mut writer) = accepted(self.table.writer(), "writer")? else {
            return Ok(false);
        };
        for _ in 0..=turn.rng.below(4) {
            let (rank, slowly) = (turn.rng.below(COUNTERS), turn.rng.one_in(8));
            let number = self.take_number();
            self.begun[rank as usize].fetch_add(1, Ordering::Relaxed);
            let mut seen = Err("the callback was not called".to_owned());
            let updated = writer.update_with(number, &counter(rank), |existing, value| {
                seen = self.present(rank, &existing, slowly);
                let Ok(count) = seen else {
                    return Decision::Keep;
                };
                value.extend_from_slice(&count_value(count + 1));
                Decision::Replace
            });
            match (accepted(updated, "update_with")?, seen) {
                (None, _) => return Ok(false),
                (Some(Updated::InPlace), Ok(_)) => {}
                (Some(other), seen) => {
                    return seen.and_then(|_| Err(format!("an increment is {other:?}")));
                }
            }
            // Release: who learns of the increment reads after it.
            self.counted[rank as usize].fetch_add(1, Ordering::Release);
            turn.tally.add(turn.rep, Op::UpdateWith, 1);
        }
        Ok(true)
    }

    /// The count that an increment meets; while its turn lasts, nobody changes it.
    fn present(&self, rank: u64, existing: &Lookup<'_>, slowly: bool) -> Check<u64> {
        let Lookup::Found { value, .. } = existing else {
            return Err(format!("an increment meets {existing:?}"));
        };
        let count = count_of(value)?;
        if slowly {
            std::thread::yield_now();
            let again = self.count(rank)?;
            if again != count {
                return Err(format!(
                    "counter {rank} is {again}, {count} when the turn began"
                ));
            }
        }
        Ok(count)
    }

    /// The value of an answer, as the fault leaves it.
    fn found(&self, answer: OwnedLookup) -> Check<Option<(u64, Vec<u8>)>> {
        match answer {
            OwnedLookup::NotFound => Ok(None),
            OwnedLookup::Found {
                mut value,
                sequence,
                kind: Kind::VALUE,
            } => {
                self.fault.copied(&mut value);
                Ok(Some((sequence, value)))
            }
            other => Err(format!("an answer that nobody wrote: {other:?}")),
        }
    }

    /// That the newest value of a key is genuine, and not older than what was seen.
    fn newest(&self, rank: u64, floor: u64, answer: OwnedLookup) -> Check<u64> {
        let number = match self.found(answer)? {
            Some((_, value)) => self.genuine(rank, &value)?,
            None => 0,
        };
        if number < floor {
            return Err(format!(
                "key {rank} went back: number {number}, {floor} was there before"
            ));
        }
        self.raise(rank, number);
        Ok(number)
    }

    fn floor(&self, turn: &mut Turn<'_>, rank: u64) -> u64 {
        // Without one the reader has no order with the writer but the table's.
        if turn.rng.one_in(2) {
            return 0;
        }
        self.floors[rank as usize].load(Ordering::Acquire)
    }

    fn get(&self, turn: &mut Turn<'_>) -> Check {
        let rank = turn.rng.below(MOVING).min(turn.rng.below(MOVING));
        let mut floor = self.floor(turn, rank);
        for _ in 0..2 {
            let answer = self.table.get(&moving(rank), MAX_SEQUENCE_NUMBER);
            floor = self.newest(rank, floor, answer.map_err(fails("get"))?)?;
        }
        let snapshot = turn.rng.below(self.next.load(Ordering::Relaxed));
        let answer = self.table.get(&moving(rank), snapshot);
        if let Some((sequence, value)) = self.found(answer.map_err(fails("get"))?)? {
            let number = self.genuine(rank, &value)?;
            if sequence > snapshot || number < sequence {
                return Err(format!(
                    "get at {snapshot} finds number {number} in entry {sequence}"
                ));
            }
        }
        Ok(())
    }

    fn several(&self, turn: &mut Turn<'_>) -> Check {
        let keys: Vec<_> = (0..MOVING).map(moving).collect();
        let keys: Vec<_> = keys.iter().map(<[u8; 2]>::as_slice).collect();
        let floors: Vec<_> = (0..MOVING).map(|rank| self.floor(turn, rank)).collect();
        let answers = self.table.multi_get(&keys, MAX_SEQUENCE_NUMBER);
        for (rank, answer) in (0..MOVING).zip(answers.map_err(fails("multi_get"))?) {
            let answer = answer.map_err(fails("multi_get"))?;
            self.newest(rank, floors[rank as usize], answer)?;
        }
        Ok(())
    }

    fn count(&self, rank: u64) -> Check<u64> {
        let floor = self.counted[rank as usize].load(Ordering::Acquire);
        let answer = self.table.get(&counter(rank), MAX_SEQUENCE_NUMBER);
        let found = self.found(answer.map_err(fails("get"))?)?;
        let (_, value) = found.ok_or("a counter is missing")?;
        let count = count_of(&value)?;
        let most = self.begun[rank as usize].load(Ordering::Acquire);
        if !(floor..=most).contains(&count) {
            return Err(format!(
                "counter {rank} is {count}: {floor} increments were done, {most} begun"
            ));
        }
        Ok(count)
    }

    /// Reads every entry in order.
    fn scan(&self) -> Check<Seen> {
        let floors = [(); MOVING as usize];
        let mut rank = 0;
        let floors = floors.map(|()| {
            rank += 1;
            self.floors[rank - 1].load(Ordering::Acquire)
        });
        let mut seen = Seen::default();
        let mut last: Option<([u8; 2], u64)> = None;
        let (mut cursor, mut buffer) = (self.table.iter(), Vec::new());
        cursor.seek_to_first();
        while let Some(entry) = cursor.entry(&mut buffer).map_err(fails("a cursor"))? {
            let EntryRef {
                user_key,
                sequence,
                kind,
                value,
            } = entry;
            let key = *user_key.first_chunk().ok_or("a key that nobody writes")?;
            seen.count(sequence, kind, user_key.len() + value.len());
            let first = last.is_none_or(|(last, _)| last != key);
            if last.is_some_and(|(last, number)| (last, sequence) >= (key, number) && last >= key) {
                return Err(format!("entry {sequence} of {key:?} follows {last:?}"));
            }
            last = Some((key, sequence));
            if key[0] == b'c' {
                count_of(value)?;
            } else {
                let rank = u64::from(key[1]);
                let number = self.genuine(rank, value)?;
                let floor = floors.get(rank as usize).filter(|_| first);
                if number < sequence.max(floor.copied().unwrap_or(0)) {
                    return Err(format!(
                        "key {rank} went back: number {number} in entry {sequence}, {floor:?} was there before"
                    ));
                }
            }
            cursor.next();
        }
        Ok(seen)
    }
}

fn fails(what: &str) -> impl Fn(Error) -> String {
    move |error| format!("{what} fails: {error}")
}

impl<F: Fault> Side for InPlace<F> {
    const TABLES: Op = Op::InPlaceTable;

    /// Such a table is a skiplist, whatever is asked for.
    fn new(seed: u64, number: u64, _rep: Rep) -> Result<Self, Error> {
        let h = hash(&[seed, number, 20]);
        let protections = [Protection::None, Protection::One, Protection::Eight];
        let table = MemTable::builder()
            .protection(protections[(h % 3) as usize])
            .arena_block_size([4096, 65_536][(h >> 8 & 1) as usize])
            .in_place()
            .locks([1, 4, 64, 1024][(h >> 16 & 3) as usize])
            .build()?;
        for rank in 0..COUNTERS {
            table.add(rank + 1, Kind::VALUE, &counter(rank), &count_value(0))?;
        }
        Ok(Self {
            table,
            fault: F::default(),
            seed: h,
            limit: if number < 4 { 400 } else { 400 + h % 20_000 },
            next: AtomicU64::new(COUNTERS + 1),
            floors: Default::default(),
            added: AtomicU64::new(0),
            begun: Default::default(),
            counted: Default::default(),
        })
    }

    fn representation(&self) -> &'static str {
        "skiplist"
    }

    fn write(&self, turn: &mut Turn<'_>) -> Check<bool> {
        if turn.rng.one_in(2) {
            return self.increase(turn);
        }
        self.updates(turn)
    }

    fn read(&self, turn: &mut Turn<'_>) -> Check {
        match turn.rng.below(16) {
            0 => {
                self.scan()?;
            }
            1..3 => self.several(turn)?,
            3..6 => {
                let rank = turn.rng.below(COUNTERS);
                let (first, again) = (self.count(rank)?, self.count(rank)?);
                if again < first {
                    return Err(format!("counter {rank} went back: {again} after {first}"));
                }
            }
            _ => self.get(turn)?,
        }
        turn.tally.add(turn.rep, Op::InPlaceRead, 1);
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
        let entries = self.added.load(Ordering::Relaxed) + COUNTERS;
        let stats = self.table.stats();
        if stats.entries != entries {
            return Err(format!("{entries} entries were added, {stats:?}"));
        }
        for rank in 0..COUNTERS {
            let (count, done) = (self.count(rank)?, &self.counted[rank as usize]);
            if count != done.load(Ordering::Relaxed) {
                return Err(format!("counter {rank} is {count}, of {done:?} increments"));
            }
        }
        for rank in 0..MOVING {
            let floor = self.floors[rank as usize].load(Ordering::Relaxed);
            let answer = self.table.get(&moving(rank), MAX_SEQUENCE_NUMBER);
            let number = self.newest(rank, floor, answer.map_err(fails("get"))?)?;
            if number != floor {
                return Err(format!(
                    "key {rank} has number {number}, the last was {floor}"
                ));
            }
        }
        Ok(())
    }
}
