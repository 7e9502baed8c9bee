//! Workloads that read and write at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use verimem::rep::Cursor;
use verimem::{Kind, MAX_SEQUENCE_NUMBER};

use super::check::{self, equal};
use super::choose::{Ranks, random};
use super::ground::{Ground, Space};
use super::probe::{EVERY, Probe};
use super::read::{choices, get_all, get_one, walk};
use super::script::{Script, Step};
use super::table::{Table, TableReader, TableWriter};
use super::team::{Done, Job, Sum, race, sum};
use super::workload::Workload;
use crate::outcome::Problem;

/// What the script of a thread works with.
struct Actor<'t> {
    ground: &'t Ground,
    reader: TableReader<'t>,
    cursor: Cursor<&'t Table>,
    writer: Option<TableWriter<'t>>,
    sequence: u64,
    /// What a read-modify-write carries from one to the other.
    copy: Vec<u8>,
    done: Done,
}

impl Actor<'_> {
    /// One operation; counts it as right if it reads what it has to.
    #[inline(always)]
    fn act(&mut self, step: Step, index: u32, key: &[u8], least: u64) -> verimem::Result<()> {
        match step {
            Step::Get => get_one(&self.reader, key, &mut self.done),
            Step::Update | Step::Insert => {
                self.write(key, self.ground.values.of(index))?;
                self.done.right += 1;
                Ok(())
            }
            Step::Scan(length) => {
                self.cursor.seek(key, MAX_SEQUENCE_NUMBER);
                let met = walk(&mut self.cursor, u64::from(length), &mut self.done)?;
                self.done.right += u64::from(met >= least);
                Ok(())
            }
            Step::ReadModifyWrite => {
                if let verimem::Lookup::Found { value, .. } = self.reader.get(key)? {
                    self.copy.clear();
                    self.copy.extend_from_slice(value);
                    self.done.bytes += (key.len() + value.len()) as u64;
                    self.done.right += 1;
                }
                let copy = std::mem::take(&mut self.copy);
                let written = self.write(key, &copy);
                self.copy = copy;
                written
            }
        }
    }

    #[inline(always)]
    fn write(&mut self, key: &[u8], value: &[u8]) -> verimem::Result<()> {
        let sequence = self.sequence;
        if let Some(writer) = &mut self.writer {
            writer.add(sequence, Kind::VALUE, key, value)?;
            self.sequence += 1;
            self.done.added += 1;
            self.done.bytes += (key.len() + value.len()) as u64;
        }
        Ok(())
    }
}

/// The fewest entries that a scan from `index` on may meet, others being inserted meanwhile.
fn least(space: &Space, step: Step, index: u32) -> u64 {
    let Step::Scan(length) = step else {
        return 0;
    };
    let beyond = space.order.len() - index as usize;
    let there = beyond.saturating_sub(space.absent().len());
    u64::from(length).min(there as u64)
}

/// Runs scripts of reads and writes on a table that is loaded first.
pub fn run(
    ground: &Ground,
    table: &Table,
    space: &Space,
    workload: Workload,
) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    ground.load(table, space.present())?;
    let jobs = (0..plan.threads).map(|thread| -> Job<'_> {
        let script = Script::new(ground, space, workload, thread);
        Box::new(move |probe| {
            let mut actor = Actor {
                ground,
                reader: table.reader(MAX_SEQUENCE_NUMBER)?,
                cursor: table.iter(),
                writer: match workload.writes_from_all() {
                    true => Some(table.writer()?),
                    false => None,
                },
                sequence: ground.first_sequence(thread),
                copy: Vec::new(),
                done: Done::default(),
            };
            for (&(step, index), key) in script.steps.iter().zip(script.keys.iter()) {
                let least = least(space, step, index);
                probe.time(|| actor.act(step, index, key, least))?;
                actor.done.operations += 1;
            }
            Ok(actor.done)
        })
    });
    let total = sum(race(jobs.collect(), EVERY, plan.seed)?)?;
    let entries = u64::from(plan.num) + total.done.added;
    equal(
        "operations that read what they should",
        total.done.operations,
        total.done.right,
    )
    .and_then(|()| equal("operations", plan.reads.into(), total.done.operations))
    .and_then(|()| check::table(ground, table, entries, space.present()))
    .map_err(Problem::Failure)?;
    Ok(total)
}

/// What the readers and the extra writer know of one another. Relaxed is enough for all of it: it
/// has to be learnt some time, and says nothing about entries.
#[derive(Default)]
struct Beside {
    /// Readers that are still at it.
    reading: AtomicUsize,
    /// Whether the writer has begun.
    writing: AtomicBool,
}

/// A reader that is at it until this is dropped. So a writer does not go on for one that failed.
struct Reading<'b>(&'b Beside);

impl<'b> Reading<'b> {
    /// Waits for the writer: there is nothing to measure before it writes.
    fn start(beside: &'b Beside, probe: &mut Probe) -> Self {
        while !beside.writing.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        probe.start();
        Self(beside)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A writer that has begun when this is dropped. So readers do not wait for one that failed.
struct Begun<'b>(&'b Beside);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.writing.store(true, Ordering::Relaxed);
    }
}

/// Overwrites entries while anybody reads, and the most that it may have not reached.
fn overwrite<'k>(
    ground: &Ground,
    table: &Table,
    beside: &Beside,
    entries: impl Iterator<Item = (&'k [u8], u32)>,
    probe: &mut Probe,
) -> verimem::Result<Done> {
    let mut begins = Some(Begun(beside));
    let mut writer = table.writer()?;
    let mut done = Done::default();
    let sequences = ground.first_sequence(0)..;
    for (sequence, (key, index)) in sequences.zip(entries) {
        if beside.reading.load(Ordering::Relaxed) == 0 {
            break;
        }
        let value = ground.values.of(index);
        probe.time(|| writer.add(sequence, Kind::VALUE, key, value))?;
        done.added += 1;
        if let Some(begun) = begins.take() {
            drop(begun);
        }
    }
    Ok(done)
}

/// The readers' sum, and the writer's.
pub fn read_while_writing(
    ground: &Ground,
    table: &Table,
    space: &Space,
) -> Result<(Sum, Sum), Problem> {
    let plan = &ground.plan;
    ground.load(table, space.present())?;
    let beside = &Beside {
        reading: AtomicUsize::new(plan.threads),
        ..Beside::default()
    };
    let ranks = Ranks::uniform(space.loaded);
    let salt = Workload::Readwhilewriting.name();
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for thread in 0..plan.threads {
        let keys = ground.keys(&choices(ground, space, &salt, &ranks, thread));
        jobs.push(Box::new(move |probe| {
            let _here = Reading::start(beside, probe);
            probe.limit(plan.duration);
            Ok(get_all(table, &keys, probe)?)
        }));
    }
    let mut random = random(plan.seed, "writer", plan.threads);
    let entries: Vec<u32> = (0..plan.writes).map(|_| ranks.next(&mut random)).collect();
    let keys = ground.keys(&entries);
    jobs.push(Box::new(move |probe| {
        let entries = keys.iter().zip(entries.iter().copied());
        Ok(overwrite(ground, table, beside, entries, probe)?)
    }));
    let mut laps = race(jobs, EVERY, plan.seed)?;
    let writer = sum(laps.split_off(plan.threads))?;
    let total = sum(laps)?;
    let held = u64::from(plan.num) + writer.done.added;
    equal("keys found", total.done.operations, total.done.right)
        .and_then(|()| check::table(ground, table, held, space.present()))
        .map_err(Problem::Failure)?;
    Ok((total, writer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_at_the_end_may_be_short() {
        let space = Space {
            order: (0..100).collect(),
            loaded: 90,
        };
        let least = |length, index| least(&space, Step::Scan(length), index);
        assert_eq!((least(50, 0), least(50, 60)), (50, 30));
        assert_eq!((least(50, 95), least(5, 85)), (0, 5));
        assert_eq!(super::least(&space, Step::Get, 0), 0);
    }
}
