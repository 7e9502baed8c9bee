//! Workloads that only read.

use verimem::{Kind, Lookup, MAX_SEQUENCE_NUMBER};

use super::check::equal;
use super::choose::{Ranks, random};
use super::ground::{Ground, Space};
use super::keys::{Keys, missing};
use super::probe::{EVERY, EVERY_STEP, Probe};
use super::table::{Table, TableReader};
use super::team::{Done, Job, Sum, race, sum};
use super::values::fold;
use super::workload::Workload;
use crate::outcome::Problem;

/// Runs a workload on a table that has the entries of the space, and nothing else.
pub fn run(
    ground: &Ground,
    table: &Table,
    space: &Space,
    workload: Workload,
) -> Result<Sum, Problem> {
    match workload {
        Workload::Seekrandom => seek(ground, table),
        Workload::Readseq => scan(ground, table, false),
        Workload::Readreverse => scan(ground, table, true),
        _ => get(ground, table, space, workload),
    }
}

/// Gets a key; counts what it finds, and reads it.
#[inline(always)]
pub fn get_one(reader: &TableReader<'_>, key: &[u8], done: &mut Done) -> verimem::Result<()> {
    if let Lookup::Found {
        value,
        kind: Kind::VALUE,
        ..
    } = reader.get(key)?
    {
        done.right += 1;
        done.bytes += (key.len() + value.len()) as u64;
        done.sum = fold(done.sum, value);
    }
    Ok(())
}

/// Gets all keys in turn, over and over if there is a time for that.
pub fn get_all(table: &Table, keys: &Keys, probe: &mut Probe) -> verimem::Result<Done> {
    let reader = table.reader(MAX_SEQUENCE_NUMBER)?;
    let mut done = Done::default();
    loop {
        for key in keys.iter() {
            probe.time(|| get_one(&reader, key, &mut done))?;
            done.operations += 1;
            if probe.over() {
                return Ok(done);
            }
        }
        if keys.is_empty() || !probe.again() {
            return Ok(done);
        }
    }
}

/// The entries that a thread looks up, few of them often with zipfian ranks.
pub fn choices(
    ground: &Ground,
    space: &Space,
    salt: &str,
    ranks: &Ranks,
    thread: usize,
) -> Vec<u32> {
    let mut random = random(ground.plan.seed, salt, thread);
    let count = ground.plan.share(ground.plan.reads, thread);
    let ranks = (0..count).map(|_| ranks.next(&mut random));
    // Through the random order, or the frequent ones would be neighbours.
    ranks.map(|rank| space.order[rank as usize]).collect()
}

fn get(ground: &Ground, table: &Table, space: &Space, workload: Workload) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    let ranks = match workload {
        Workload::Readzipfian => Ranks::zipfian(space.loaded),
        _ => Ranks::uniform(space.loaded),
    };
    let absent = workload == Workload::Readmissing;
    let jobs = (0..plan.threads).map(|thread| -> Job<'_> {
        let entries = choices(ground, space, &workload.name(), &ranks, thread);
        let keys = match absent {
            true => Keys::of(plan.key_size, entries.iter().map(|&index| missing(index))),
            false => ground.keys(&entries),
        };
        Box::new(move |probe| {
            probe.limit(plan.duration);
            Ok(get_all(table, &keys, probe)?)
        })
    });
    let total = sum(race(jobs.collect(), EVERY, plan.seed)?)?;
    let found = if absent { 0 } else { total.done.operations };
    equal("keys found", found, total.done.right)
        .and_then(|()| equal("bytes read", found * payload(ground), total.done.bytes))
        .map_err(Problem::Failure)?;
    Ok(total)
}

fn payload(ground: &Ground) -> u64 {
    (ground.plan.key_size + ground.values.size()) as u64
}

fn seek(ground: &Ground, table: &Table) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    let ranks = Ranks::uniform(plan.num);
    let jobs = (0..plan.threads).map(|thread| -> Job<'_> {
        let mut random = random(plan.seed, "seekrandom", thread);
        let entries: Vec<u32> = (0..plan.share(plan.reads, thread))
            .map(|_| ranks.next(&mut random))
            .collect();
        let keys = ground.keys(&entries);
        Box::new(move |probe| {
            probe.limit(plan.duration);
            let mut cursor = table.iter();
            let mut done = Done::default();
            loop {
                for (key, &index) in keys.iter().zip(&entries) {
                    let most = u64::from(plan.seek_nexts) + 1;
                    let before = done.bytes;
                    let met = probe.time(|| -> verimem::Result<u64> {
                        cursor.seek(key, MAX_SEQUENCE_NUMBER);
                        walk(&mut cursor, most, &mut done)
                    })?;
                    // All entries from this one on are there, up to the last.
                    let expected = most.min(u64::from(plan.num - index));
                    let whole = done.bytes - before == met * payload(ground);
                    done.right += u64::from(met == expected && whole);
                    done.operations += 1;
                    if probe.over() {
                        return Ok(done);
                    }
                }
                if keys.is_empty() || !probe.again() {
                    return Ok(done);
                }
            }
        })
    });
    let total = sum(race(jobs.collect(), EVERY, plan.seed)?)?;
    equal(
        "seeks that met what they should",
        total.done.operations,
        total.done.right,
    )
    .map_err(Problem::Failure)?;
    Ok(total)
}

/// Reads up to `most` entries from where the cursor is; answers how many there were.
#[inline(always)]
pub fn walk(
    cursor: &mut verimem::rep::Cursor<&Table>,
    most: u64,
    done: &mut Done,
) -> verimem::Result<u64> {
    let mut met = 0;
    while met < most {
        let Some(entry) = cursor.entry()? else {
            break;
        };
        done.bytes += (entry.user_key.len() + entry.value.len()) as u64;
        done.sum = fold(fold(done.sum, entry.user_key), entry.value);
        met += 1;
        if met < most {
            cursor.next();
        }
    }
    Ok(met)
}

fn scan(ground: &Ground, table: &Table, reverse: bool) -> Result<Sum, Problem> {
    let plan = &ground.plan;
    let jobs = (0..plan.threads).map(|_| -> Job<'_> {
        Box::new(move |probe| {
            probe.limit(plan.duration);
            let mut cursor = table.iter();
            let mut done = Done::default();
            loop {
                let before = done.operations;
                match reverse {
                    true => cursor.seek_to_last(),
                    false => cursor.seek_to_first(),
                }
                while cursor.valid() {
                    probe.time(|| -> verimem::Result<()> {
                        if let Some(entry) = cursor.entry()? {
                            done.bytes += (entry.user_key.len() + entry.value.len()) as u64;
                            done.sum = fold(fold(done.sum, entry.user_key), entry.value);
                        }
                        match reverse {
                            true => cursor.prev(),
                            false => cursor.next(),
                        }
                        Ok(())
                    })?;
                    done.operations += 1;
                    if probe.over() {
                        return Ok(done);
                    }
                }
                cursor.status()?;
                let entries = done.operations - before;
                equal("entries that a scan finds", u64::from(plan.num), entries)?;
                done.right += 1;
                if !probe.again() {
                    return Ok(done);
                }
            }
        })
    });
    let total = sum(race(jobs.collect(), EVERY_STEP, plan.seed)?)?;
    let expected = total.done.operations * payload(ground);
    equal("bytes that scans read", expected, total.done.bytes).map_err(Problem::Failure)?;
    Ok(total)
}
