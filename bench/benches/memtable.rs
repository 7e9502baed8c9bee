//! Daily figures of verimem's memtable alone: 100 000 random 16-byte keys, values of 100 bytes.
//! `compare` sets them beside the peers.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

use verimem_bench::data::{Data, KeyShape};
use verimem_bench::digest::Digest;
use verimem_bench::heap::Pages;
use verimem_bench::subject::{Plan, Subject};
use verimem_bench::subjects::MemTable;

const ENTRIES: usize = 100_000;

fn plan(data: &Data) -> Plan {
    Plan {
        entries: ENTRIES,
        payload: data.payload(),
        shared_prefix: &[],
        huge_pages: false,
        pages: Pages::Cold,
        linear_fill_limit: 0,
        bloom: false,
    }
}

fn fill(data: &Data, table: &mut MemTable) {
    let entry = |(sequence, key)| (sequence, key, data.values.get(sequence));
    table.add_exclusive((1..).zip(data.shuffled.iter()).map(entry));
}

fn writes(criterion: &mut Criterion, data: &Data) {
    let mut group = criterion.benchmark_group("memtable");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("add", |bencher| {
        let empty = || MemTable::new(&plan(data), &Default::default());
        let filled = |mut table: MemTable| {
            fill(data, &mut table);
            table
        };
        bencher.iter_batched(empty, filled, BatchSize::PerIteration);
    });
    group.finish();
}

/// One lookup per iteration; the probes go round.
fn lookups(criterion: &mut Criterion, data: &Data, table: &MemTable) {
    let mut group = criterion.benchmark_group("memtable");
    group.throughput(Throughput::Elements(1));
    for (name, keys) in [("get-hit", &data.present), ("get-miss", &data.absent)] {
        group.bench_function(name, |bencher| {
            let (mut probes, mut digest) = (keys.iter().cycle(), Digest::default());
            bencher.iter(|| {
                probes
                    .next()
                    .map(|key| table.get(black_box(key), &mut digest))
            });
            black_box(digest);
        });
    }
    group.bench_function("seek", |bencher| {
        let (mut probes, mut digest) = (data.present.iter().cycle(), Digest::default());
        bencher.iter(|| {
            probes
                .next()
                .map(|key| table.seek(black_box(key), 0, &mut digest))
        });
        black_box(digest);
    });
    group.finish();
}

fn scans(criterion: &mut Criterion, table: &MemTable) {
    let mut group = criterion.benchmark_group("memtable");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("scan-forward", |bencher| {
        bencher.iter(|| table.scan_forward(&mut Digest::default()));
    });
    group.bench_function("scan-backward", |bencher| {
        bencher.iter(|| table.scan_backward(ENTRIES, &mut Digest::default()));
    });
    group.finish();
}

/// What a call into C++ costs, as the comparison with RocksDB makes one or more per operation.
#[cfg(target_os = "linux")]
fn calls(criterion: &mut Criterion) {
    let place = 0u8;
    criterion.bench_function("call-into-c++", |bencher| {
        bencher.iter(|| verimem_bench::subjects::inlineskiplist::nothing(black_box(&place)));
    });
}

#[cfg(not(target_os = "linux"))]
const fn calls(_criterion: &mut Criterion) {}

fn all(criterion: &mut Criterion) {
    let data = Data::new(ENTRIES, KeyShape::Random(16), 100, 42);
    writes(criterion, &data);
    let mut table = MemTable::new(&plan(&data), &Default::default());
    fill(&data, &mut table);
    lookups(criterion, &data, &table);
    scans(criterion, &table);
    calls(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
