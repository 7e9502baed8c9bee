//! The write-buffer manager: sequences beside a reference model, tables and lists, and real threads.

mod sequences;
mod tables;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use verimem::write_buffer::{StallFuture, StallOutcome, WriteBufferManager, WriteBufferOptions};
use verimem::{Kind, MemTable};
use verimem_driver::seeds::Random;

/// Runs a future on this thread, by parking.
fn block_on(mut future: StallFuture) -> StallOutcome {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match Pin::new(&mut future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// What the writers of the stress test share.
struct Stress {
    manager: Arc<WriteBufferManager>,
    until: Instant,
    /// Sealed tables, which a flusher drops.
    sealed: Mutex<Vec<Arc<MemTable>>>,
    writers: AtomicUsize,
    outcomes: [AtomicU64; 3],
    /// Futures that were pending when they were dropped, or released just before.
    dropped: AtomicU64,
}

/// A writer that ends, be it by a panic: the others do not wait for it.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stress {
    fn note(&self, outcome: StallOutcome) {
        let at = match outcome {
            StallOutcome::Clear => 0,
            StallOutcome::Released => 1,
            StallOutcome::TimedOut => 2,
        };
        self.outcomes[at].fetch_add(1, Ordering::Relaxed);
    }

    fn table(&self) -> Arc<MemTable> {
        let builder = MemTable::builder()
            .arena_block_size(16 << 10)
            .bloom_size_ratio(0.001)
            .write_buffer_manager(self.manager.clone());
        Arc::new(builder.build().expect("memory"))
    }

    /// Fills a table at a time, waits as told, and hands full tables to the flusher.
    fn write(&self, seed: u64) {
        let _leaving = Leaving(&self.writers);
        let mut random = Random(seed);
        let mut table = self.table();
        let mut sequence = 0_u64;
        while Instant::now() < self.until {
            match random.below(4) {
                // The only ones without a deadline; their table is the flusher's first.
                0 => {
                    let full = core::mem::replace(&mut table, self.table());
                    self.seal(full);
                    self.note(block_on(self.manager.stall_async()));
                }
                1 => {
                    let soon = Instant::now() + Duration::from_micros(random.below(500) as u64);
                    self.note(self.manager.stall(Some(soon)));
                }
                2 => {
                    let mut future = self.manager.stall_async();
                    let mut context = Context::from_waker(Waker::noop());
                    match Pin::new(&mut future).poll(&mut context) {
                        Poll::Ready(outcome) => self.note(outcome),
                        Poll::Pending => {
                            self.dropped.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                _ => {}
            }
            for _ in 0..random.below(60) {
                sequence += 1;
                let key = sequence.to_be_bytes();
                table
                    .add(sequence, Kind::VALUE, &key, &[7; 500])
                    .expect("memory");
            }
            if random.below(8) == 0 {
                table
                    .delete_range(sequence + 1, b"a", b"b")
                    .expect("memory");
                sequence += 1;
            }
            if self.manager.should_flush() || random.below(16) == 0 {
                let full = core::mem::replace(&mut table, self.table());
                self.seal(full);
            }
        }
    }

    /// Hands a table to the flusher, or drops it where so many wait already that another one
    /// might get no addresses.
    fn seal(&self, table: Arc<MemTable>) {
        table.seal().expect("not inside");
        let mut sealed = self.sealed.lock().unwrap();
        if sealed.len() < 100 {
            sealed.push(table);
        }
    }

    /// Drops sealed tables until all writers are gone.
    fn flush(&self) {
        while self.writers.load(Ordering::Relaxed) > 0 {
            let table = self.sealed.lock().unwrap().pop();
            if table.is_none() {
                std::thread::yield_now();
            }
        }
        self.sealed.lock().unwrap().clear();
    }

    /// Changes the limit, lifts it, and forbids stalls, until all writers are gone.
    fn resize(&self, seed: u64) {
        let mut random = Random(seed);
        while self.writers.load(Ordering::Relaxed) > 0 {
            match random.below(8) {
                0 => self.manager.set_buffer_size(0),
                1 => self.manager.set_allow_stall(false),
                2..4 => self.manager.set_allow_stall(true),
                _ => self.manager.set_buffer_size(random.below(1 << 20)),
            }
            let stats = self.manager.stats();
            assert!(stats.memory_usage < 1 << 40, "below zero: {stats:?}");
            assert!(
                stats.mutable_memory_usage < 1 << 40,
                "below zero: {stats:?}"
            );
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

#[test]
fn many_tables_and_writers_that_wait() {
    const WRITERS: usize = 4;
    let stress = Stress {
        manager: WriteBufferManager::with_options(WriteBufferOptions {
            buffer_size: 256 << 10,
            allow_stall: true,
            ..WriteBufferOptions::default()
        }),
        until: Instant::now() + Duration::from_millis(1500),
        sealed: Mutex::default(),
        writers: AtomicUsize::new(WRITERS),
        outcomes: Default::default(),
        dropped: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        for seed in 0..WRITERS as u64 {
            let stress = &stress;
            scope.spawn(move || stress.write(seed));
        }
        scope.spawn(|| stress.flush());
        scope.spawn(|| stress.resize(99));
    });
    let stats = stress.manager.stats();
    let [clear, released, timed_out] = stress.outcomes.map(AtomicU64::into_inner);
    assert_eq!(
        (stats.memory_usage, stats.mutable_memory_usage),
        (0, 0),
        "{stats:?}"
    );
    assert_eq!(stats.waiting, 0, "{stats:?}");
    let dropped = stress.dropped.into_inner();
    let counts = format!("{clear} {released} {timed_out} {dropped} {stats:?}");
    assert_eq!(stats.waits, released + timed_out + dropped, "{counts}");
    let given_up = timed_out..=timed_out + dropped;
    assert!(given_up.contains(&stats.given_up), "{counts}");
    for count in [clear, released, timed_out, dropped, stats.stalls] {
        assert!(count > 0, "{counts}");
    }
}

/// Who waits holds the last handle of the table that has to go.
#[test]
fn the_holder_of_the_last_handle_has_a_deadline() {
    let manager = WriteBufferManager::with_options(WriteBufferOptions {
        buffer_size: 1 << 12,
        allow_stall: true,
        ..WriteBufferOptions::default()
    });
    let builder = MemTable::builder().write_buffer_manager(manager.clone());
    let clone = builder.clone();
    let table = Arc::new(builder.build().expect("memory"));
    table.add(1, Kind::VALUE, b"k", b"v").expect("memory");
    let cursor = table.owned_iter();
    table.seal().expect("not inside");
    drop(table);
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let outcome = manager.stall(None);
            released.store(true, Ordering::SeqCst);
            outcome
        });
        while manager.stats().waiting == 0 {
            std::thread::yield_now();
        }
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(manager.stall(Some(soon)), StallOutcome::TimedOut);
        assert!(!released.load(Ordering::SeqCst));
        drop(cursor);
        assert_eq!(other.join().unwrap(), StallOutcome::Released);
    });
    assert_eq!(manager.memory_usage(), 0);

    // A copy of the builder makes a table with a budget of its own.
    let (one, other) = (clone.clone().build().unwrap(), clone.build().unwrap());
    for table in [&one, &other] {
        table.add(1, Kind::VALUE, b"k", b"v").expect("memory");
    }
    one.seal().expect("not inside");
    assert_eq!(
        manager.mutable_memory_usage(),
        other.memory_usage().allocated
    );
}
