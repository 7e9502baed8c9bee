//! Operation sequences on a table and on the reference model.
//!
//! With `VERIMEM_HISTOGRAM=PATH` the operations done so far are written to that
//! file now and then, as one line: `sequences=N` and the counts per operation
//! and outcome. Several jobs at once write to `PATH.PID` if `PATH` is a folder.
#![no_main]

use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use verimem_model::Histogram;

/// How often the file is written; a fuzzer ends without notice.
const INTERVAL: Duration = Duration::from_secs(1);

struct Tally {
    path: PathBuf,
    sequences: u64,
    histogram: Histogram,
    written: Instant,
}

static TALLY: LazyLock<Option<Mutex<Tally>>> = LazyLock::new(|| {
    let path = PathBuf::from(env::var_os("VERIMEM_HISTOGRAM")?);
    let path = if path.is_dir() {
        path.join(process::id().to_string())
    } else {
        path
    };
    Some(Mutex::new(Tally {
        path,
        sequences: 0,
        histogram: Histogram::default(),
        written: Instant::now(),
    }))
});

fn tally(done: &Histogram) {
    let Some(tally) = &*TALLY else { return };
    let Ok(mut tally) = tally.lock() else { return };
    tally.sequences += 1;
    tally.histogram.merge(done);
    if tally.written.elapsed() >= INTERVAL {
        let line = format!("sequences={} {}\n", tally.sequences, tally.histogram);
        if let Err(error) = fs::write(&tally.path, line) {
            eprintln!("{}: {error}", tally.path.display());
        }
        tally.written = Instant::now();
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tally(&verimem_driver::hostile::check_ops(bytes)));
