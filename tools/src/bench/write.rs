//! Workloads that only write: fills, range deletions, merge operands.

use std::time::Instant;

use rand::RngExt;
use verimem::merge::Merged;
use verimem::{EntryRef, Kind, Lookup, MAX_SEQUENCE_NUMBER};

use super::check::{self, equal};
use super::choose::{Ranks, random};
use super::ground::{Ground, Space};
use super::keys::{Keys, push, range_end};
use super::plan::OPERAND_BYTES;
use super::probe::EVERY;
use super::table::Table;
use super::team::{Done, Job, Sum, race, sum};
use crate::outcome::Problem;

/// Adds the entries of `order` one by one, each thread its part of them.
pub fn fill(ground: &Ground, table: &Table, order: &[u32]) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    let jobs = (0..plan.threads).map(|thread| -> Job<'_> {
        let (start, part) = plan.part(order, thread);
        let keys = ground.keys(part);
        Box::new(move |probe| {
            let mut writer = table.writer()?;
            let mut done = Done::default();
            let sequences = start as u64 + 1..;
            for (sequence, (key, &index)) in sequences.zip(keys.iter().zip(part)) {
                let value = ground.values.of(index);
                probe.time(|| writer.add(sequence, Kind::VALUE, key, value))?;
                done.operations += 1;
            }
            Ok(written(ground, done))
        })
    });
    let total = sum(race(jobs.collect(), EVERY, plan.seed)?)?;
    filled(ground, table, order, total)
}

/// Adds them in batches.
pub fn fill_batches(ground: &Ground, table: &Table, order: &[u32]) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    let jobs = (0..plan.threads).map(|thread| -> Job<'_> {
        let (start, part) = plan.part(order, thread);
        let keys = ground.keys(part);
        Box::new(move |probe| {
            let mut done = Done::default();
            let mut sequence = start as u64;
            let mut keys = keys.iter();
            let mut batch = Vec::with_capacity(plan.batch_size);
            for some in part.chunks(plan.batch_size) {
                probe.time(|| {
                    batch.clear();
                    batch.extend(keys.by_ref().zip(some).map(|(user_key, &index)| {
                        sequence += 1;
                        EntryRef {
                            user_key,
                            sequence,
                            kind: Kind::VALUE,
                            value: ground.values.of(index),
                        }
                    }));
                    table.writer()?.add_batch(&batch).map_err(|e| e.error)
                })?;
                done.operations += some.len() as u64;
            }
            Ok(written(ground, done))
        })
    });
    // A batch is long enough for each of them to be timed, unless it is next to nothing.
    let every = if plan.batch_size >= EVERY as usize {
        1
    } else {
        EVERY
    };
    let total = sum(race(jobs.collect(), every, plan.seed)?)?;
    filled(ground, table, order, total)
}

fn written(ground: &Ground, done: Done) -> Done {
    let payload = (ground.plan.key_size + ground.values.size()) as u64;
    Done {
        added: done.operations,
        bytes: done.operations * payload,
        ..done
    }
}

/// Seals the table, if it is to be, and counts the time.
fn sealed(ground: &Ground, table: &Table, mut total: Sum) -> Result<Sum, Problem> {
    if ground.plan.seal {
        let started = Instant::now();
        let sealed = table.seal();
        sealed.map_err(|error| Problem::Failure(error.to_string()))?;
        total.time += started.elapsed();
    }
    Ok(total)
}

fn filled(ground: &Ground, table: &Table, order: &[u32], total: Sum) -> Result<Sum, Problem> {
    let total = sealed(ground, table, total)?;
    let entries = order.len() as u64;
    equal("entries added", entries, total.done.operations)
        .and_then(|()| check::table(ground, table, entries, order))
        .map_err(Problem::Failure)?;
    Ok(total)
}

/// Deletes ranges of entries that begin anywhere.
pub fn delete_ranges(ground: &Ground, table: &Table, space: &Space) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    ground.load(table, space.present())?;
    let width = plan.tombstone_width;
    let count = plan.num.div_ceil(width);
    let mut covered = vec![false; plan.num as usize];
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for thread in 0..plan.threads {
        let mut random = random(plan.seed, "deleterange", thread);
        let begins: Vec<u32> = (0..plan.share(count, thread))
            .map(|_| random.random_range(0..plan.num))
            .collect();
        for &begin in &begins {
            let end = begin.saturating_add(width).min(plan.num);
            covered[begin as usize..end as usize].fill(true);
        }
        let keys = ground.keys(&begins);
        let ends = begins.iter().map(|&begin| range_end(begin, width));
        let ends = Keys::of(plan.key_size, ends);
        jobs.push(Box::new(move |probe| {
            let mut writer = table.writer()?;
            let mut done = Done::default();
            let sequences = ground.first_sequence(thread)..;
            for (sequence, (begin, end)) in sequences.zip(keys.iter().zip(ends.iter())) {
                probe.time(|| writer.delete_range(sequence, begin, end))?;
                done.operations += 1;
            }
            done.added = done.operations;
            done.bytes = done.operations * 2 * plan.key_size as u64;
            Ok(done)
        }));
    }
    let total = sum(race(jobs, EVERY, plan.seed)?)?;
    equal(
        "range deletions",
        u64::from(count),
        table.stats().range_deletions,
    )
    .and_then(|()| deleted(ground, table, &covered))
    .map_err(Problem::Failure)?;
    Ok(total)
}

/// Sees that what a range covers is deleted, and the rest is there.
fn deleted(ground: &Ground, table: &Table, covered: &[bool]) -> Result<(), String> {
    table.seal().map_err(|error| error.to_string())?;
    let all: Vec<u32> = (0..ground.plan.num).collect();
    let some: Vec<u32> = check::sample(&all).collect();
    for (key, &index) in ground.keys(&some).iter().zip(&some) {
        let answer = table.get(key, MAX_SEQUENCE_NUMBER);
        let answer = answer.map_err(|error| error.to_string())?;
        let gone = matches!(answer, Lookup::Deleted { .. });
        let there =
            matches!(answer, Lookup::Found { value, .. } if value == ground.values.of(index));
        if gone != covered[index as usize] || there == gone {
            return Err(format!(
                "entry {index}: {answer:?}, deleted or not, is wrong"
            ));
        }
    }
    Ok(())
}

/// Adds operands, each a 1, to sums that begin at 0.
pub fn merge(ground: &Ground, table: &Table, space: &Space) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    ground.load_with(table, space.present(), |_| &[0; OPERAND_BYTES])?;
    // What was loaded is in its place before the clock starts, also where a read puts it there.
    let first = table.get(b"", MAX_SEQUENCE_NUMBER);
    let _ = first.map_err(|error| Problem::Failure(error.to_string()))?;
    let ranks = Ranks::uniform(plan.num);
    let jobs = (0..plan.threads).map(|thread| -> Job<'_> {
        let mut random = random(plan.seed, "mergerandom", thread);
        let entries: Vec<u32> = (0..plan.share(plan.reads, thread))
            .map(|_| ranks.next(&mut random))
            .collect();
        let keys = ground.keys(&entries);
        Box::new(move |probe| {
            let mut writer = table.writer()?;
            let operand = 1u64.to_le_bytes();
            let mut done = Done::default();
            let sequences = ground.first_sequence(thread)..;
            for (sequence, key) in sequences.zip(keys.iter()) {
                probe.time(|| writer.add(sequence, Kind::MERGE, key, &operand))?;
                done.operations += 1;
            }
            done.added = done.operations;
            done.bytes = done.operations * (plan.key_size + OPERAND_BYTES) as u64;
            Ok(done)
        })
    });
    let total = sealed(ground, table, sum(race(jobs.collect(), EVERY, plan.seed)?)?)?;
    merged(ground, table)
        .and_then(|sums| equal("the sum of all operands", total.done.operations, sums))
        .and_then(|()| equal("operands", total.done.operations, table.stats().merges))
        .map_err(Problem::Failure)?;
    Ok(total)
}

/// The sum of what all keys are merged into.
fn merged(ground: &Ground, table: &Table) -> Result<u64, String> {
    table.seal().map_err(|error| error.to_string())?;
    let reader = table.reader(MAX_SEQUENCE_NUMBER);
    let reader = reader.map_err(|error| error.to_string())?;
    let mut sums = 0u64;
    let mut key = Vec::new();
    for index in 0..ground.plan.num {
        key.clear();
        push(super::keys::present(index), ground.plan.key_size, &mut key);
        match reader.get_merged(&key).map_err(|error| error.to_string())? {
            Merged::Found { value, .. } => {
                let number = value.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
                sums = sums.wrapping_add(number.unwrap_or(u64::MAX / 2));
            }
            other => return Err(format!("entry {index} is merged into {other:?}")),
        }
    }
    Ok(sums)
}
