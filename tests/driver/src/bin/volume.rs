//! Random operation sequences against the model, as many as the time allows.
//!
//! `volume --seconds 60 --seed 1 [--threads 2] [--bytes 2048] [--histogram PATH]`
//!
//! Sequence `n` of a thread is made of bytes that depend on the seed, the thread
//! and `n` only, so a divergence can be repeated: `volume --repeat SEED`.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use verimem_driver::seeds::Random;
use verimem_driver::{decode, reduce, run};
use verimem_model::Histogram;

/// What to do.
#[derive(Debug, Clone)]
struct Arguments {
    seconds: u64,
    seed: u64,
    threads: u64,
    bytes: usize,
    histogram: Option<String>,
    repeat: Option<u64>,
}

/// What was done.
#[derive(Debug, Default)]
struct Outcome {
    sequences: u64,
    histogram: Histogram,
    hashes: HashSet<u64>,
    failure: Option<String>,
}

fn arguments() -> Result<Arguments, String> {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut arguments = Arguments {
        seconds: 10,
        seed: 1,
        threads,
        bytes: 2048,
        histogram: None,
        repeat: None,
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|error| format!("{word} {value}: {error}"))
        };
        match word.as_str() {
            "--seconds" => arguments.seconds = number()?,
            "--seed" => arguments.seed = number()?,
            "--threads" => arguments.threads = number()?.max(1),
            "--bytes" => arguments.bytes = number()?.max(2) as usize,
            "--histogram" => arguments.histogram = Some(value),
            "--repeat" => arguments.repeat = Some(number()?),
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    Ok(arguments)
}

/// One sequence; its seed says everything about it.
fn one(seed: u64, most_bytes: usize, outcome: &mut Outcome) -> bool {
    let mut random = Random(seed);
    // Lengths spread over the orders of magnitude: short sequences are many, long ones deep.
    let most = 1 << (5 + random.below(most_bytes.ilog2().saturating_sub(4).max(1) as usize));
    let length = most / 2 + random.below(most / 2);
    let mut bytes = Vec::new();
    random.fill(length, &mut bytes);
    let (config, ops) = decode(&bytes);
    let mut hasher = DefaultHasher::new();
    (&config, &ops).hash(&mut hasher);
    outcome.sequences += 1;
    outcome.hashes.insert(hasher.finish());
    let failure = match catch_unwind(AssertUnwindSafe(|| run(&config, &ops))) {
        Ok(Ok(histogram)) => {
            outcome.histogram.merge(&histogram);
            return true;
        }
        Ok(Err(divergence)) => {
            let ops = reduce(&ops, |ops| run(&config, ops).is_err());
            format!("{divergence}\nreduced to {ops:#?}")
        }
        Err(_) => "panicked, see above".to_owned(),
    };
    outcome.failure = Some(format!(
        "sequence of seed {seed} (--repeat {seed} --bytes {most_bytes}), {} operations, on {config:?}:\n{failure}",
        ops.len()
    ));
    false
}

fn worker(arguments: &Arguments, thread: u64, stop: &AtomicBool) -> Outcome {
    let mut outcome = Outcome::default();
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut seeds = Random(arguments.seed.wrapping_mul(1 << 16).wrapping_add(thread));
    // Relaxed: a worker that sees it late does some more work.
    while Instant::now() < end && !stop.load(Ordering::Relaxed) {
        if !one(seeds.draw(), arguments.bytes, &mut outcome) {
            stop.store(true, Ordering::Relaxed);
        }
    }
    outcome
}

fn all(arguments: &Arguments) -> Outcome {
    let stop = AtomicBool::new(false);
    let mut total = Outcome::default();
    if let Some(seed) = arguments.repeat {
        one(seed, arguments.bytes, &mut total);
        return total;
    }
    thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.threads)
            .map(|thread| {
                scope.spawn({
                    let stop = &stop;
                    move || worker(arguments, thread, stop)
                })
            })
            .collect();
        for worker in workers {
            let Ok(outcome) = worker.join() else {
                total.failure = Some("a worker panicked".to_owned());
                continue;
            };
            total.sequences += outcome.sequences;
            total.histogram.merge(&outcome.histogram);
            total.hashes.extend(outcome.hashes);
            total.failure = total.failure.take().or(outcome.failure);
        }
    });
    total
}

fn report(arguments: &Arguments, total: &Outcome, seconds: f64) -> std::io::Result<()> {
    let Outcome {
        sequences,
        histogram,
        hashes,
        ..
    } = total;
    println!(
        "VOLUME seed={} threads={} seconds={seconds:.1} sequences={sequences} distinct={} operations={} sequences_per_second={:.0} operations_per_second={:.0}",
        arguments.seed,
        arguments.threads,
        hashes.len(),
        histogram.total(),
        *sequences as f64 / seconds,
        histogram.total() as f64 / seconds,
    );
    println!("HISTOGRAM {histogram}");
    if let Some(path) = &arguments.histogram {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        writeln!(file, "{histogram}")?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let total = all(&arguments);
    if let Err(error) = report(&arguments, &total, start.elapsed().as_secs_f64()) {
        eprintln!("the histogram could not be written: {error}");
        return ExitCode::from(2);
    }
    match total.failure {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            eprintln!("DIVERGENCE {failure}");
            ExitCode::FAILURE
        }
    }
}
