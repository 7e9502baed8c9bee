//! Range deletions: what one costs to add, and what they cost reads, by how many there
//! are and how they lie.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use verimem::{Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable};

const COUNTS: [u32; 4] = [1, 100, 10_000, 100_000];
/// Point entries that gets and scans come by, under the range deletions in age.
const ENTRIES: u32 = 100_000;
/// Keys are spread over this many places.
const PLACES: u32 = 1 << 30;

/// How the range deletions of a table lie: the range of the `one`-th of `count`.
type Shape = fn(one: u32, count: u32) -> (u32, u32);

const SHAPES: [(&str, Shape); 3] = [
    ("disjoint", |one, count| {
        let step = PLACES / count;
        (one * step, one * step + step / 2)
    }),
    // Each covers the begin of the ten that follow.
    ("overlapping", |one, count| {
        let step = PLACES / (count + 10);
        (one * step, (one + 10) * step)
    }),
    ("nested", |one, count| {
        let step = PLACES / (2 * count + 1);
        (one * step, PLACES - one * step)
    }),
];

fn key(place: u32) -> [u8; 16] {
    let mut key = [b'k'; 16];
    key[..4].copy_from_slice(&place.to_be_bytes());
    key
}

/// A place that looks random.
fn place(one: u32) -> u32 {
    one.wrapping_mul(0x9E37_79B1) % PLACES
}

fn empty() -> MemTable {
    let builder = MemTable::builder().write_buffer_size(64 << 20);
    builder.build().expect("memory")
}

/// Adds the range deletions of a shape: from the outside in, so that each one shows, and others
/// in an order that is not that of their keys.
fn delete(table: &MemTable, shape: Shape, count: u32, first: u64) {
    let (nested, outer) = (shape(count - 1, count), shape(0, count));
    let is_nested = count > 1 && nested.1 < outer.1;
    // Prime to all counts.
    let stride = if is_nested { 1 } else { 7_919 };
    let mut writer = table.writer().expect("not sealed");
    for turn in 0..count {
        let one = (u64::from(turn) * stride % u64::from(count)) as u32;
        let (begin, end) = shape(one, count);
        let sequence = first + u64::from(turn);
        let added = writer.delete_range(sequence, &key(begin), &key(end));
        added.expect("memory");
    }
}

/// A table with point entries, every other one of them newer than all range deletions.
fn table(shape: Shape, count: u32) -> MemTable {
    let table = empty();
    let newer = u64::from(count) + 2;
    let mut writer = table.writer().expect("not sealed");
    for one in 0..ENTRIES {
        let sequence = if one % 2 == 0 { 1 } else { newer };
        let added = writer.add(sequence, Kind::VALUE, &key(place(one)), b"value");
        added.expect("a fresh entry");
    }
    drop(writer);
    delete(&table, shape, count, 2);
    table
}

fn add(criterion: &mut Criterion) {
    for (name, shape) in SHAPES {
        let mut group = criterion.benchmark_group(format!("tombstones/add/{name}"));
        for count in COUNTS {
            // Time per range deletion, on average over all of a table.
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut elapsed = Duration::ZERO;
                    let mut done = 0;
                    while done < iterations {
                        let table = empty();
                        let start = Instant::now();
                        delete(&table, shape, count, 1);
                        elapsed += start.elapsed();
                        done += u64::from(count);
                    }
                    elapsed.mul_f64(iterations as f64 / done as f64)
                });
            });
        }
        group.finish();
    }
}

fn get(criterion: &mut Criterion) {
    for sealed in [false, true] {
        for (name, shape) in SHAPES {
            let state = if sealed { "sealed" } else { "mutable" };
            let mut group = criterion.benchmark_group(format!("tombstones/get-{state}/{name}"));
            for count in COUNTS {
                let table = table(shape, count);
                if sealed {
                    table.seal().expect("no writer");
                }
                let mut one = 0u32;
                group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                    bencher.iter(|| {
                        one = one.wrapping_add(1);
                        let key = key(place(one % ENTRIES));
                        let answer = table.get(&key, MAX_SEQUENCE_NUMBER).expect("sound");
                        matches!(answer, Lookup::Found { .. })
                    });
                });
            }
            group.finish();
        }
    }
}

fn scan(criterion: &mut Criterion) {
    for (name, shape) in SHAPES {
        let mut group = criterion.benchmark_group(format!("tombstones/scan/{name}"));
        group.throughput(Throughput::Elements(u64::from(ENTRIES)));
        for count in COUNTS {
            let table = table(shape, count);
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| {
                    let mut keys = 0;
                    let mut visible = table.visible(MAX_SEQUENCE_NUMBER);
                    visible.seek_to_first().expect("sound");
                    while visible.valid() {
                        keys += 1;
                        visible.next().expect("sound");
                    }
                    keys
                });
            });
        }
        group.finish();
    }
}

fn configuration() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = configuration();
    targets = add, get, scan
}
criterion_main!(benches);
