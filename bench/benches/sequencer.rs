//! What ordering costs a batch: verimem's sequencer beside a plain mutex.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use verimem::sequencer::Sequencer;
use verimem::{Kind, MemTable};

/// Entries of a batch where batches have some.
const BATCH: u64 = 10;

/// Runs `commit` so many times on each thread; the time of the slowest, per commit of one thread.
fn on_threads(threads: u64, commits: u64, commit: impl Fn(u64) + Sync) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let commit = &commit;
            scope.spawn(move || (0..commits).for_each(|one| commit(one * threads + thread)));
        }
    });
    start.elapsed()
}

/// Adds a batch whose first sequence number is `first`, with keys that lie apart.
fn add(table: &MemTable, first: u64) {
    let mut writer = table.writer().expect("not sealed");
    for sequence in first..first + BATCH {
        let key = sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
        let added = writer.add(sequence, Kind::VALUE, &key, &key);
        added.expect("a fresh entry");
    }
}

fn empty_batches(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("commit-nothing/{threads}"));
        group.bench_function("sequencer", |bencher| {
            let sequencer = Sequencer::new(0).expect("memory");
            bencher.iter_custom(|commits| {
                on_threads(threads, commits, |_| {
                    sequencer.reserve(BATCH).expect("room").publish();
                })
            });
        });
        group.bench_function("mutex", |bencher| {
            let last = Mutex::new(0u64);
            bencher.iter_custom(|commits| {
                on_threads(threads, commits, |_| {
                    *last.lock().expect("no panic") += BATCH;
                })
            });
        });
        group.finish();
    }
}

fn batches_of_ten(criterion: &mut Criterion) {
    for threads in [1, 2] {
        let mut group = criterion.benchmark_group(format!("commit-ten/{threads}"));
        group.sample_size(10);
        let table = || MemTable::builder().write_buffer_size(256 << 20).build();
        group.bench_function("sequencer", |bencher| {
            bencher.iter_custom(|commits| {
                let sequencer = Sequencer::new(0).expect("memory");
                let table = table().expect("memory");
                on_threads(threads, commits, |_| {
                    let batch = sequencer.reserve(BATCH).expect("room");
                    add(&table, batch.first());
                    batch.publish();
                })
            });
        });
        group.bench_function("mutex", |bencher| {
            bencher.iter_custom(|commits| {
                let last = Mutex::new(0u64);
                let table = table().expect("memory");
                on_threads(threads, commits, |_| {
                    let mut last = last.lock().expect("no panic");
                    add(&table, *last + 1);
                    *last += BATCH;
                })
            });
        });
        group.finish();
    }
}

criterion_group!(benches, empty_batches, batches_of_ten);
criterion_main!(benches);
