//! The timed loops, compiled once per subject, behind one virtual call per measurement.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::counting;
use crate::data::{BATCH, Data, Keys, MULTI_GET, Values};
use crate::digest::Digest;
use crate::subject::{Entry, Plan, Subject};
use crate::workload::Read;

/// How a table is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// In ascending order.
    Sequential,
    /// In random order, by so many threads.
    Random(usize),
    /// In random order, in sorted batches.
    Batches,
    /// In random order, each key several times.
    Versions,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Operations per second: entries for fills and scans, calls for lookups and seeks.
    pub rate: f64,
    /// What was read, to be compared with the other subjects; fills have none.
    pub answer: u64,
}

impl Sample {
    fn new(operations: usize, elapsed: Duration, answer: u64) -> Self {
        Self {
            rate: operations as f64 / elapsed.as_secs_f64().max(1e-9),
            answer,
        }
    }
}

/// A subject with the table it holds at the moment.
pub trait Lane {
    /// [`Subject::NAME`].
    fn name(&self) -> &'static str;
    /// [`Subject::OURS`].
    fn ours(&self) -> bool;
    /// [`Subject::ABOUT`].
    fn about(&self) -> &'static str;
    /// Makes a table and fills it; the clock covers both, so that an arena cleared at birth and one
    /// that is cleared page by page are measured alike. The table is kept. No sample where
    /// [`Subject::LINEAR_FILL`] forbids one.
    fn fill(&mut self, fill: Fill, data: &Data, plan: &Plan) -> Option<Sample>;
    /// Whether a table of this size is filled in another order than was asked for, because of
    /// [`Subject::LINEAR_FILL`].
    fn reordered(&self, plan: &Plan) -> bool;
    /// [`Subject::FILTERS`].
    fn filters(&self) -> bool;
    /// Runs one reading loop over the table that is kept. Several threads share the keys of a
    /// lookup, and each makes a scan of its own.
    fn read(&self, read: Read, threads: usize, data: &Data) -> Sample;
    /// Fills half a table off the clock, then the rest beside a reader: the writer's sample, then
    /// the reader's. The table is kept.
    fn mixed(&mut self, data: &Data, plan: &Plan) -> Option<[Sample; 2]>;
    /// Frees the table, off the clock.
    fn free(&mut self);
    /// [`Subject::foreign_live`].
    fn live(&self) -> usize;
    /// Lets go of what the subject keeps from one table to the next.
    fn forget(&mut self);
    /// The bytes that a randomly filled table takes, if it can be told. Frees the table.
    fn bytes(&mut self, data: &Data, plan: &Plan) -> Option<usize>;
}

/// All subjects of a run.
pub type Lanes = [Box<dyn Lane>];

/// The lane of subject `S`.
pub struct Runner<S: Subject> {
    table: Option<S>,
    stock: S::Stock,
}

impl<S: Subject + 'static> Runner<S> {
    /// An empty lane.
    #[must_use]
    pub fn boxed() -> Box<dyn Lane> {
        Box::new(Self {
            table: None,
            stock: S::Stock::default(),
        })
    }

    fn table(&self) -> &S {
        self.table
            .as_ref()
            .expect("a table is filled before it is read")
    }
}

impl<S: Subject> Runner<S> {
    /// A table with the entries that adding `keys` in their order makes, added in descending order.
    fn descending(&self, keys: &Keys, data: &Data, plan: &Plan) -> S {
        let mut entries: Vec<(&[u8], u64)> = keys.iter().zip(1..).collect();
        entries.sort_unstable();
        let mut table = S::new(plan, &self.stock);
        let entry = |(key, sequence)| (sequence, key, data.values.get(sequence));
        table.add_exclusive(entries.into_iter().rev().map(entry));
        table
    }
}

impl<S: Subject + 'static> Lane for Runner<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn ours(&self) -> bool {
        S::OURS
    }

    fn about(&self) -> &'static str {
        S::ABOUT
    }

    fn fill(&mut self, fill: Fill, data: &Data, plan: &Plan) -> Option<Sample> {
        self.free();
        if self.reordered(plan) {
            let keys = match fill {
                Fill::Sequential => &data.sorted,
                Fill::Random(_) => &data.shuffled,
                Fill::Batches => &data.batches,
                Fill::Versions => &data.versions,
            };
            self.table = Some(self.descending(keys, data, plan));
            return None;
        }
        let start = Instant::now();
        let mut table = S::new(plan, &self.stock);
        let made = start.elapsed();
        let all = |keys| entries(keys, 0, data.entries, &data.values);
        let filled = match fill {
            Fill::Sequential => timed(|| table.add_exclusive(all(&data.sorted))),
            Fill::Random(1) => timed(|| table.add_exclusive(all(&data.shuffled))),
            Fill::Random(threads) => add_in_parallel(&table, threads, data),
            Fill::Batches => timed(|| table.add_batches(batches(data))),
            Fill::Versions => timed(|| table.add_exclusive(all(&data.versions))),
        };
        self.table = Some(table);
        Some(Sample::new(data.entries, made + filled, 0))
    }

    fn reordered(&self, plan: &Plan) -> bool {
        S::LINEAR_FILL && plan.entries > plan.linear_fill_limit
    }

    fn filters(&self) -> bool {
        S::FILTERS
    }

    fn read(&self, read: Read, threads: usize, data: &Data) -> Sample {
        let table = self.table();
        let probes = read.share(probes(read, data).len());
        let place = |share: usize| share * probes / threads;
        let (elapsed, shares) = in_parallel(threads, |worker| {
            read_share(table, read, data, place(worker), place(worker + 1))
        });
        let operations: usize = shares.iter().map(|share| share.0).sum();
        let expected = match read {
            Read::Forward => data.entries * threads,
            Read::Backward => data.probes * threads,
            _ => probes,
        };
        let name = S::NAME;
        assert_eq!(
            operations, expected,
            "{name}: a read lost or invented entries"
        );
        let answer = shares
            .iter()
            .fold(0u64, |answer, share| answer.rotate_left(1) ^ share.1);
        Sample::new(operations, elapsed, answer)
    }

    fn mixed(&mut self, data: &Data, plan: &Plan) -> Option<[Sample; 2]> {
        self.free();
        if self.reordered(plan) {
            return None;
        }
        let mut table = S::new(plan, &self.stock);
        let half = data.half();
        table.add_exclusive(entries(&data.shuffled, 0, half, &data.values));
        let (barrier, done) = (Barrier::new(2), AtomicBool::new(false));
        let samples = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                barrier.wait();
                let rest = entries(&data.shuffled, half, data.entries, &data.values);
                // SAFETY: this thread is the only one that adds; the other one reads.
                let elapsed = timed(|| unsafe { table.add_alone(rest) });
                done.store(true, Ordering::Relaxed);
                Sample::new(data.entries - half, elapsed, 0)
            });
            barrier.wait();
            let reads = read_until(&table, &data.first_half, &done);
            [
                writer.join().expect("the writer adds all its entries"),
                reads,
            ]
        });
        self.table = Some(table);
        Some(samples)
    }

    fn free(&mut self) {
        self.table = None;
    }

    fn live(&self) -> usize {
        S::foreign_live()
    }

    fn forget(&mut self) {
        self.free();
        self.stock = S::Stock::default();
    }

    fn bytes(&mut self, data: &Data, plan: &Plan) -> Option<usize> {
        self.free();
        let (table, counted) = counting::live_bytes(|| {
            if self.reordered(plan) {
                return self.descending(&data.shuffled, data, plan);
            }
            let mut table = S::new(plan, &self.stock);
            table.add_exclusive(entries(&data.shuffled, 0, data.entries, &data.values));
            table
        });
        table.bytes_held().or((counted > 0).then_some(counted))
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The entries of the keys from place `from` up to place `to`; the i-th has the sequence number i + 1.
fn entries<'a>(
    keys: &'a Keys,
    from: usize,
    to: usize,
    values: &'a Values,
) -> impl Iterator<Item = Entry<'a>> {
    let entry = |(sequence, key)| (sequence, key, values.get(sequence));
    (from as u64 + 1..).zip(keys.range(from, to)).map(entry)
}

fn batches(data: &Data) -> impl Iterator<Item = impl Iterator<Item = Entry<'_>>> {
    (0..data.entries).step_by(BATCH).map(|from| {
        let to = (from + BATCH).min(data.entries);
        entries(&data.batches, from, to, &data.values)
    })
}

/// Each thread adds its share of the random order.
fn add_in_parallel<S: Subject>(table: &S, threads: usize, data: &Data) -> Duration {
    let place = |share: usize| share * data.entries / threads;
    let (elapsed, _) = in_parallel(threads, |worker| {
        let (from, to) = (place(worker), place(worker + 1));
        table.add_shared(entries(&data.shuffled, from, to, &data.values));
    });
    elapsed
}

/// Runs `work` on so many threads, or on this one if it is alone. The clock runs from the first
/// start to the last end; all threads stand ready before any starts.
fn in_parallel<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> (Duration, Vec<T>) {
    if threads == 1 {
        let start = Instant::now();
        let result = work(0);
        return (start.elapsed(), vec![result]);
    }
    let (barrier, work) = (&Barrier::new(threads), &work);
    let spans: Vec<(Instant, Instant, T)> = std::thread::scope(|scope| {
        let run = move |worker: usize| {
            barrier.wait();
            let start = Instant::now();
            let result = work(worker);
            (start, Instant::now(), result)
        };
        let workers: Vec<_> = (0..threads)
            .map(|worker| scope.spawn(move || run(worker)))
            .collect();
        workers
            .into_iter()
            .map(|one| one.join().expect("a worker does all its work"))
            .collect()
    });
    let start = spans.iter().map(|span| span.0).min();
    let end = spans.iter().map(|span| span.1).max();
    let elapsed = start
        .zip(end)
        .map_or(Duration::ZERO, |(start, end)| end - start);
    (elapsed, spans.into_iter().map(|span| span.2).collect())
}

/// The keys that a lookup uses; a scan uses none of them.
const fn probes(read: Read, data: &Data) -> &Keys {
    match read {
        Read::Hit | Read::Multi | Read::Seek(_) => &data.present,
        Read::Miss => &data.absent,
        Read::Zipfian => &data.zipfian,
        Read::Versioned => &data.versioned,
        Read::Forward | Read::Backward => &data.sorted,
    }
}

/// What one thread reads: the keys from place `from` up to place `to`, or the whole table. Returns
/// how many operations that were, and the checksum.
fn read_share<S: Subject>(
    table: &S,
    read: Read,
    data: &Data,
    from: usize,
    to: usize,
) -> (usize, u64) {
    let mut digest = Digest::default();
    let keys = probes(read, data).range(from, to);
    let operations = match read {
        Read::Forward => table.scan_forward(&mut digest),
        Read::Backward => table.scan_backward(data.probes, &mut digest),
        Read::Seek(nexts) => keys.fold(0, |operations, key| {
            table.seek(key, nexts, &mut digest);
            operations + 1
        }),
        Read::Multi => multi_get(table, keys, &mut digest),
        Read::Hit | Read::Miss | Read::Zipfian | Read::Versioned => {
            keys.fold(0, |operations, key| {
                table.get(key, &mut digest);
                operations + 1
            })
        }
    };
    (operations, digest.finish())
}

/// Looks `keys` up, so many in one call. Returns how many there were.
fn multi_get<'a, S: Subject>(
    table: &S,
    mut keys: impl Iterator<Item = &'a [u8]>,
    digest: &mut Digest,
) -> usize {
    let mut operations = 0;
    loop {
        let mut batch = [&[][..]; MULTI_GET];
        let mut count = 0;
        for (place, key) in batch.iter_mut().zip(&mut keys) {
            *place = key;
            count += 1;
        }
        if count == 0 {
            return operations;
        }
        table.multi_get(&batch[..count], digest);
        operations += count;
    }
}

/// Looks `keys` up again and again until the writer is done. All of them are there, so all must be
/// found.
fn read_until<S: Subject>(table: &S, keys: &Keys, done: &AtomicBool) -> Sample {
    let mut digest = Digest::default();
    let (mut reads, mut hits) = (0usize, 0usize);
    let start = Instant::now();
    for key in keys.iter().cycle() {
        hits += usize::from(table.get(key, &mut digest));
        reads += 1;
        if reads % 16 == 0 && done.load(Ordering::Relaxed) {
            break;
        }
    }
    let elapsed = start.elapsed();
    assert_eq!(
        reads,
        hits,
        "{}: a stored key was not found beside a writer",
        S::NAME
    );
    std::hint::black_box(digest);
    Sample::new(reads, elapsed, 0)
}
