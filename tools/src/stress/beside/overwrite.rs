//! Entries that are added again, with another kind and value, and take the place of the first.
//!
//! An entry has *versions*, of which kind and value follow from their number. Mostly one
//! thread at a time writes an entry: what is read then is at least the version that was there
//! before the read, and at most the one begun by its end. Some entries are *contested*: which
//! of their versions is the last one is nobody's choice, but one it must be, and whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use verimem::FixedPrefix;
use verimem::rep::MemTableRep;
use verimem::{EntryRef, Error, Hint, Kind, MAX_SEQUENCE_NUMBER, MemTable, MergeBase};
use verimem::{Lookup, Protection};

use super::super::audit::Seen;
use super::super::fault::Fault;
use super::super::oracle::Check;
use super::super::rng::{Rng, hash};
use super::super::shape::factory;
use super::super::subject::Table;
use super::super::tally::Op;
use super::{Side, Turn, accepted};
use crate::rep::Rep;

const ENTRIES: u64 = 256;
const KEYS: u64 = 16;
/// Bytes in front of a value's pattern: sequence number and version.
const HEAD: usize = 16;

/// How far an entry came.
#[derive(Default)]
struct State {
    /// The last version that somebody began to write.
    begun: AtomicU64,
    /// The last version that is written; of a contested entry, the first.
    done: AtomicU64,
}

/// A table that overwrites, and what is known of it.
pub struct Overwritten<F> {
    table: Table,
    fault: F,
    seed: u64,
    /// Versions after which it is full.
    limit: u64,
    written: AtomicU64,
    /// By sequence number, less one.
    states: Vec<State>,
}

fn key(sequence: u64) -> [u8; 2] {
    [b'o', (sequence % KEYS) as u8]
}

fn is_contested(sequence: u64) -> bool {
    (sequence / KEYS).is_multiple_of(4)
}

impl<F: Fault> Overwritten<F> {
    fn state(&self, sequence: u64) -> &State {
        &self.states[sequence as usize - 1]
    }

    fn kind(&self, sequence: u64, version: u64) -> Kind {
        let kinds = [
            Kind::VALUE,
            Kind::VALUE,
            Kind::MERGE,
            Kind::DELETION,
            Kind::SINGLE_DELETION,
            Kind::BLOB_INDEX,
        ];
        kinds[(hash(&[self.seed, sequence, version]) % 6) as usize]
    }

    /// Tombstones have values, too: they tell versions apart.
    fn value(&self, sequence: u64, version: u64) -> Vec<u8> {
        let mut rng = Rng::new(hash(&[self.seed, sequence, version, 1]));
        let length = HEAD + rng.below(48) as usize;
        let mut value = Vec::with_capacity(length + 8);
        value.extend_from_slice(&sequence.to_le_bytes());
        value.extend_from_slice(&version.to_le_bytes());
        while value.len() < length {
            value.extend_from_slice(&rng.next().to_le_bytes());
        }
        value.truncate(length);
        value
    }

    /// The next version of an entry, if it is this thread's turn.
    fn begin(&self, sequence: u64) -> Option<u64> {
        let State { begun, done } = self.state(sequence);
        if is_contested(sequence) {
            return Some(begun.fetch_add(1, Ordering::AcqRel) + 1);
        }
        let last = done.load(Ordering::Acquire);
        begun
            .compare_exchange(last, last + 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
            .then_some(last + 1)
    }

    fn end(&self, sequence: u64, version: u64) {
        let first = is_contested(sequence);
        let done = if first { 1 } else { version };
        // Release: who learns of the version reads after it was there.
        self.state(sequence).done.store(done, Ordering::Release);
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    /// That an entry is one whole version, and not one from before `low`.
    fn genuine(&self, entry: &EntryRef<'_>, low: u64) -> Check<u64> {
        let EntryRef {
            user_key,
            sequence,
            kind,
            value,
        } = *entry;
        if !(1..=ENTRIES).contains(&sequence) || key(sequence) != user_key {
            return Err(format!("nobody writes entry {sequence} of {user_key:?}"));
        }
        let head = value.get(8..).and_then(<[u8]>::first_chunk);
        let Some(version) = head.map(|head| u64::from_le_bytes(*head)) else {
            return Err(format!("entry {sequence} has a value that nobody wrote"));
        };
        if value != self.value(sequence, version) {
            return Err(format!("entry {sequence} has a value that nobody wrote"));
        }
        if kind != self.kind(sequence, version) {
            return Err(format!(
                "entry {sequence} has the value of version {version}, and kind {kind:?}"
            ));
        }
        let most = self.state(sequence).begun.load(Ordering::Acquire);
        if !(low.max(1)..=most).contains(&version) {
            return Err(format!(
                "entry {sequence} is version {version}: {low} was written, {most} begun"
            ));
        }
        Ok(version)
    }

    fn done(&self, sequence: u64) -> u64 {
        self.state(sequence).done.load(Ordering::Acquire)
    }

    /// What was written of a key up to a snapshot, newest first, with the versions.
    fn floor(&self, rank: u64, snapshot: u64) -> Vec<(u64, u64)> {
        let numbers = (1..=ENTRIES.min(snapshot)).rev();
        let of_key = numbers.filter(|sequence| sequence % KEYS == rank);
        of_key.map(|one| (one, self.done(one))).collect()
    }

    /// One key as of a snapshot.
    fn look_up(&self, turn: &mut Turn<'_>) -> Check {
        let rank = turn.rng.below(KEYS);
        let snapshot = match turn.rng.below(3) {
            0 => MAX_SEQUENCE_NUMBER,
            _ => turn.rng.below(ENTRIES + 1),
        };
        let floor = self.floor(rank, snapshot);
        let low = |sequence: u64| {
            let known = floor.iter().find(|(one, _)| *one == sequence);
            known.map_or(0, |(_, done)| *done)
        };
        let user_key = &key(rank);
        let newest = if turn.rng.one_in(2) {
            let entry = self.table.get_entry(user_key, snapshot);
            let entry = entry.map_err(fails("get_entry"))?;
            let entry = entry.map(|entry| self.fault.overwritten(entry));
            if let Some(entry) = &entry {
                self.genuine(entry, low(entry.sequence))?;
            }
            entry.map(|entry| entry.sequence)
        } else {
            let answer = self.table.get(user_key, snapshot).map_err(fails("get"))?;
            self.answer(user_key, &answer, low)?
        };
        let least = floor.iter().find(|(_, done)| *done > 0);
        if newest < least.map(|(sequence, _)| *sequence) || newest > Some(snapshot) {
            return Err(format!(
                "key {rank} at {snapshot}: entry {newest:?}, {least:?} was written"
            ));
        }
        Ok(())
    }

    /// The newest entry of an answer all of which is genuine.
    fn answer(
        &self,
        user_key: &[u8],
        answer: &Lookup<'_>,
        low: impl Fn(u64) -> u64,
    ) -> Check<Option<u64>> {
        let genuine = |sequence, kind, value| {
            let entry = EntryRef {
                user_key,
                sequence,
                kind,
                value,
            };
            self.genuine(&entry, low(sequence))
        };
        let deleted = |sequence: u64, kind: Option<Kind>| {
            let most = self.state(sequence).begun.load(Ordering::Acquire);
            let fits = |version| match kind {
                None => self.kind(sequence, version).is_tombstone(),
                Some(kind) => self.kind(sequence, version) == kind,
            };
            if (low(sequence).max(1)..=most).any(fits) {
                return Ok(());
            }
            Err(format!("no version of {sequence} is now {kind:?}"))
        };
        Ok(match answer {
            Lookup::NotFound => None,
            Lookup::Deleted { sequence, kind } => {
                deleted(*sequence, Some(*kind))?;
                Some(*sequence)
            }
            Lookup::Found {
                value,
                sequence,
                kind,
            } => {
                genuine(*sequence, *kind, value)?;
                Some(*sequence)
            }
            Lookup::Merge {
                operands,
                sequence,
                base,
            } => {
                let mut last = *sequence + 1;
                for operand in operands {
                    let head = operand.first_chunk().ok_or("a short operand")?;
                    let one = u64::from_le_bytes(*head);
                    if one >= last {
                        return Err(format!("operand {one} follows {last}"));
                    }
                    genuine(one, Kind::MERGE, operand)?;
                    last = one;
                }
                match base {
                    MergeBase::Value {
                        value,
                        sequence,
                        kind,
                    } => {
                        genuine(*sequence, *kind, value)?;
                    }
                    MergeBase::Deleted { sequence } => deleted(*sequence, None)?,
                    _ => {}
                }
                Some(*sequence)
            }
            other => return Err(format!("an unknown answer: {other:?}")),
        })
    }

    /// Reads every entry in order; what was there before is not passed over.
    fn scan(&self, mut visit: impl FnMut(u64, u64) -> Check) -> Check<Seen> {
        let written = (1..=ENTRIES).filter(|one| self.done(*one) > 0).count() as u64;
        let mut seen = Seen::default();
        let mut last: Option<([u8; 2], u64)> = None;
        let mut cursor = self.table.iter();
        cursor.seek_to_first();
        while let Some((_, sequence)) = cursor.key() {
            let low = match sequence {
                1..=ENTRIES => self.done(sequence),
                _ => 0,
            };
            let entry = cursor.entry().map_err(fails("a cursor"))?;
            let entry = self.fault.overwritten(entry.ok_or("a cursor at no entry")?);
            let version = self.genuine(&entry, low)?;
            let at = key(sequence);
            if last.is_some_and(|(key, newer)| (key, sequence) >= (at, newer) && key >= at) {
                return Err(format!("entry {sequence} follows {last:?}"));
            }
            last = Some((at, sequence));
            let bytes = entry.user_key.len() + entry.value.len();
            seen.count(sequence, entry.kind, bytes);
            visit(sequence, version)?;
            cursor.next();
        }
        if seen.entries < written {
            return Err(format!("{written} entries were written, {seen:?}"));
        }
        Ok(seen)
    }
}

fn fails(what: &str) -> impl Fn(Error) -> String {
    move |error| format!("{what} fails: {error}")
}

impl<F: Fault> Side for Overwritten<F> {
    const TABLES: Op = Op::OverwriteTable;

    fn new(seed: u64, number: u64, rep: Rep) -> Result<Self, Error> {
        let h = hash(&[seed, number, 21]);
        let fault = F::default();
        let protections = [Protection::None, Protection::One, Protection::Eight];
        let (height, branching) = [(12, 4), (4, 4), (1, 4)][(h >> 8) as usize % 3];
        let table = MemTable::builder()
            .protection(protections[(h % 3) as usize])
            .max_height(height)
            .branching(branching)
            .duplicates(fault.overwriting())
            // All keys in one bucket, or each in its own.
            .prefix_extractor(Arc::new(FixedPrefix([2, 1][(h >> 16 & 1) as usize])))
            .representation(factory(rep, seed, number))
            .build()?;
        Ok(Self {
            table,
            fault,
            seed: h,
            limit: if number < 4 { 800 } else { 800 + h % 16_000 },
            written: AtomicU64::new(0),
            states: (0..ENTRIES).map(|_| State::default()).collect(),
        })
    }

    fn representation(&self) -> &'static str {
        self.table.representation().name()
    }

    fn write(&self, turn: &mut Turn<'_>) -> Check<bool> {
        let count = 1 + turn.rng.below(8);
        let mut versions: Vec<(u64, u64)> = Vec::new();
        for _ in 0..count {
            let sequence = 1 + turn.rng.below(ENTRIES);
            // A batch may well have the same one twice, if anybody may write it.
            versions.extend(self.begin(sequence).map(|version| (sequence, version)));
        }
        let Some(mut writer) = accepted(self.table.writer(), "writer")? else {
            return Ok(false);
        };
        let values: Vec<_> = versions
            .iter()
            .map(|(sequence, version)| (key(*sequence), self.value(*sequence, *version)))
            .collect();
        let entries = versions.iter().zip(&values);
        let entries: Vec<_> = entries
            .map(|((sequence, version), (user_key, value))| EntryRef {
                user_key,
                sequence: *sequence,
                kind: self.kind(*sequence, *version),
                value,
            })
            .collect();
        if turn.rng.one_in(2) {
            let added = writer.add_batch(&entries);
            added.map_err(|refused| format!("an overwriting batch fails: {}", refused.error))?;
        } else {
            let mut hint = Hint::new();
            for entry in &entries {
                let EntryRef {
                    user_key,
                    sequence,
                    kind,
                    value,
                } = *entry;
                let added = if turn.rng.one_in(2) {
                    writer.add(sequence, kind, user_key, value)
                } else {
                    writer.add_with_hint(&mut hint, sequence, kind, user_key, value)
                };
                added.map_err(|error| format!("an overwriting add fails: {error}"))?;
            }
        }
        // Others may well learn of it while the writer is inside.
        for (sequence, version) in &versions {
            self.end(*sequence, *version);
        }
        turn.tally
            .add(turn.rep, Op::OverwriteWrite, versions.len() as u64);
        Ok(true)
    }

    fn read(&self, turn: &mut Turn<'_>) -> Check {
        if turn.rng.one_in(16) {
            self.scan(|_, _| Ok(()))?;
        } else {
            self.look_up(turn)?;
        }
        turn.tally.add(turn.rep, Op::OverwriteRead, 1);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.written.load(Ordering::Relaxed) > self.limit
    }

    fn seal(&self) -> Result<(), Error> {
        self.table.seal()
    }

    fn counts(&self) -> Check {
        let mut stats = self.table.stats();
        stats.data_size = self.fault.counted(stats.data_size);
        self.scan(|_, _| Ok(()))?.agrees(&stats)
    }

    fn finish(&self) -> Check {
        self.counts()?;
        let seen = self.scan(|sequence, version| {
            let done = self.done(sequence);
            if done == 0 || (version != done && !is_contested(sequence)) {
                return Err(format!(
                    "entry {sequence} is version {version}, the last was {done}"
                ));
            }
            Ok(())
        })?;
        let written = (1..=ENTRIES).filter(|one| self.done(*one) > 0).count() as u64;
        if seen.entries != written {
            return Err(format!("{written} entries were written, {seen:?}"));
        }
        Ok(())
    }
}
