//! What `cargo xtask counts` runs under valgrind: one workload of memtables, the
//! same to the last instruction in each run. The task tells valgrind to count
//! inside of [`verimem_counts_measured`] only, so making keys and filling a table
//! that is to be read are not counted.
//!
//! `counts WORKLOAD` prints the number of operations.

use std::hint::black_box;
use std::process::ExitCode;

use verimem::{EntryRef, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, seed_thread_rng};

/// One table more or less lucky with its towers takes 15 % more or fewer
/// instructions. Several tables make up for it: what draws heights in another way
/// should not look like a change of speed.
const TABLES: usize = 16;
/// Entries of each.
const ENTRIES: usize = 20_000;
const VALUE_BYTES: usize = 100;
/// Keys of a batch, or of several lookups at a time.
const AT_A_TIME: usize = 100;
/// Entries that are read after a seek.
const SHORT: usize = 10;

type Key = [u8; 16];

#[derive(Clone, Copy, PartialEq)]
enum Workload {
    FillRandom,
    FillSequential,
    FillBatches,
    GetHit,
    MultiGetHit,
    ScanForward,
    ScanBackward,
    ScanShort,
    Zigzag,
}

const WORKLOADS: [(&str, Workload); 9] = [
    ("fill-random", Workload::FillRandom),
    ("fill-sequential", Workload::FillSequential),
    ("fill-batches", Workload::FillBatches),
    ("get-hit", Workload::GetHit),
    ("multi-get-hit", Workload::MultiGetHit),
    ("scan-forward", Workload::ScanForward),
    ("scan-backward", Workload::ScanBackward),
    ("scan-short", Workload::ScanShort),
    ("zigzag", Workload::Zigzag),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, workload)) = WORKLOADS.into_iter().find(|(known, _)| *known == name) else {
        let names = WORKLOADS.map(|(known, _)| known).join(", ");
        eprintln!("error: no workload `{name}`; there are: {names}");
        return ExitCode::FAILURE;
    };
    match run(workload) {
        Ok(operations) if operations == TABLES * ENTRIES => {
            println!("{operations}");
            ExitCode::SUCCESS
        }
        Ok(operations) => {
            eprintln!("error: {operations} operations in place of {TABLES} times {ENTRIES}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An empty or a filled table, and the keys to fill it with or to look up.
struct Subject {
    table: MemTable,
    keys: Vec<Key>,
}

fn run(workload: Workload) -> verimem::Result<usize> {
    // Heights are drawn from it.
    seed_thread_rng(1);
    // All of them live to the end, so that none gets memory that is in the caches.
    let subjects: Vec<_> = (0..TABLES as u64)
        .map(|seed| subject(workload, seed))
        .collect::<Result<_, _>>()?;
    verimem_counts_measured(workload, &subjects)
}

fn subject(workload: Workload, seed: u64) -> verimem::Result<Subject> {
    let mut keys = keys(seed);
    if workload == Workload::FillSequential {
        keys.sort_unstable();
    }
    // As many shards as this thread needs, whatever the machine.
    let table = MemTable::builder().arena_shards(1).build()?;
    let fills = [
        Workload::FillRandom,
        Workload::FillSequential,
        Workload::FillBatches,
    ];
    if !fills.contains(&workload) {
        fill(&table, &keys)?;
        // Not in the order in which they lie in the table's memory.
        shuffle(&mut keys);
    }
    Ok(Subject { table, keys })
}

/// Everything in here is counted.
#[unsafe(no_mangle)]
#[inline(never)]
fn verimem_counts_measured(workload: Workload, subjects: &[Subject]) -> verimem::Result<usize> {
    let mut operations = 0;
    for Subject { table, keys } in subjects {
        operations += match workload {
            Workload::FillRandom | Workload::FillSequential => fill(table, keys)?,
            Workload::FillBatches => fill_batches(table, keys)?,
            Workload::GetHit => get(table, keys)?,
            Workload::MultiGetHit => multi_get(table, keys)?,
            Workload::ScanForward => scan(table, true)?,
            Workload::ScanBackward => scan(table, false)?,
            Workload::ScanShort => scan_short(table, keys)?,
            Workload::Zigzag => zigzag(table)?,
        };
    }
    Ok(operations)
}

#[inline(never)]
fn fill(table: &MemTable, keys: &[Key]) -> verimem::Result<usize> {
    let value = [0xAB; VALUE_BYTES];
    for (sequence, key) in (1..).zip(keys) {
        table.add(sequence, Kind::VALUE, key, black_box(&value))?;
    }
    Ok(keys.len())
}

fn fill_batches(table: &MemTable, keys: &[Key]) -> verimem::Result<usize> {
    let value = [0xAB; VALUE_BYTES];
    let mut added = 0;
    let mut sequence = 0;
    for keys in keys.chunks(AT_A_TIME) {
        let entry = |user_key| {
            sequence += 1;
            EntryRef {
                user_key,
                sequence,
                kind: Kind::VALUE,
                value: black_box(&value),
            }
        };
        let entries: Vec<_> = keys.iter().map(|key| &key[..]).map(entry).collect();
        let done = table.writer()?.add_batch(&entries);
        done.map_err(|refused| refused.error)?;
        added += entries.len();
    }
    Ok(added)
}

fn get(table: &MemTable, keys: &[Key]) -> verimem::Result<usize> {
    let mut hits = 0;
    for key in keys {
        if let Lookup::Found { value, .. } = table.get(key, MAX_SEQUENCE_NUMBER)? {
            hits += usize::from(consume(value));
        }
    }
    Ok(hits)
}

fn multi_get(table: &MemTable, keys: &[Key]) -> verimem::Result<usize> {
    let mut hits = 0;
    for keys in keys.chunks(AT_A_TIME) {
        let keys: Vec<_> = keys.iter().map(|key| &key[..]).collect();
        for answer in table.multi_get(&keys, MAX_SEQUENCE_NUMBER)? {
            if let Lookup::Found { value, .. } = answer? {
                hits += usize::from(consume(value));
            }
        }
    }
    Ok(hits)
}

fn scan(table: &MemTable, forward: bool) -> verimem::Result<usize> {
    let mut entries = 0;
    let mut cursor = table.iter();
    if forward {
        cursor.seek_to_first();
    } else {
        cursor.seek_to_last();
    }
    while let Some(entry) = cursor.entry()? {
        entries += usize::from(consume(entry.user_key) && consume(entry.value));
        if forward {
            cursor.next();
        } else {
            cursor.prev();
        }
    }
    Ok(entries)
}

/// Seeks, and reads a few entries from there on.
fn scan_short(table: &MemTable, keys: &[Key]) -> verimem::Result<usize> {
    let mut found = 0;
    let mut cursor = table.iter();
    for key in keys {
        cursor.seek(key, MAX_SEQUENCE_NUMBER);
        found += usize::from(cursor.valid());
        for _ in 0..SHORT {
            if let Some(entry) = cursor.entry()? {
                black_box(consume(entry.value));
            }
            cursor.next();
        }
    }
    Ok(found)
}

/// Two steps backward for each step forward.
fn zigzag(table: &MemTable) -> verimem::Result<usize> {
    let mut steps = 0;
    let mut cursor = table.iter();
    cursor.seek_to_last();
    while steps < ENTRIES {
        if steps % 3 == 1 {
            cursor.next();
        } else {
            cursor.prev();
        }
        if let Some(entry) = cursor.entry()? {
            steps += usize::from(consume(entry.value));
        } else {
            break;
        }
    }
    Ok(steps)
}

/// Reads the ends, so that every line but those between is touched.
fn consume(bytes: &[u8]) -> bool {
    black_box(bytes.first()).is_some() && black_box(bytes.last()).is_some()
}

/// The numbers of SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

fn keys(seed: u64) -> Vec<Key> {
    let mut numbers = Numbers(seed);
    let mut key = || (u128::from(numbers.next()) << 64 | u128::from(numbers.next())).to_be_bytes();
    (0..ENTRIES).map(|_| key()).collect()
}

/// Fisher and Yates.
fn shuffle(keys: &mut [Key]) {
    let mut numbers = Numbers(2);
    for last in (1..keys.len()).rev() {
        keys.swap(last, (numbers.next() % (last as u64 + 1)) as usize);
    }
}
