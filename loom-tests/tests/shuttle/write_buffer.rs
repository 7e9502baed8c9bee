//! Models of the write-buffer manager. Invariants are those of `src/write_buffer/mod.rs`.
//!
//! A waiter that is stranded shows as a deadlock, which shuttle reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;
use verimem::arena::{Budget, BudgetFactory};
use verimem::write_buffer::{
    CACHE_STEP, CacheReservation, StallOutcome, WriteBufferManager, WriteBufferOptions,
};
use verimem::{Kind, checker};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{builder, spawn};
use crate::skiplist::join;

fn manager(
    buffer_size: usize,
    cache: Option<Arc<dyn CacheReservation>>,
) -> Arc<WriteBufferManager> {
    checker::reset_clock();
    WriteBufferManager::with_options(WriteBufferOptions {
        buffer_size,
        allow_stall: true,
        cache,
    })
}

fn budget(manager: &Arc<WriteBufferManager>) -> Arc<dyn Budget> {
    Arc::clone(manager).open()
}

/// W1, W2: nothing is in use, and nobody waits.
fn assert_idle(manager: &WriteBufferManager) {
    let stats = manager.stats();
    assert_eq!(
        (stats.memory_usage, stats.mutable_memory_usage),
        (0, 0),
        "W1"
    );
    assert_eq!(stats.waiting, 0, "W2");
}

/// Stalls that ended while somebody waited, in all executions: a model without any would
/// pass for the wrong reason.
struct Stalls(AtomicU64);

impl Stalls {
    fn note(&self, manager: &WriteBufferManager) {
        self.0.fetch_add(manager.stats().stalls, Ordering::Relaxed);
    }

    fn assert_seen(&self) {
        assert_ne!(self.0.load(Ordering::Relaxed), 0, "WITNESS: nobody waited");
    }
}

/// Remembers the last that it was told.
#[derive(Debug, Default)]
struct Cache {
    inside: shuttle::sync::atomic::AtomicUsize,
    last: AtomicUsize,
}

impl CacheReservation for Cache {
    fn update(&self, bytes: usize) {
        assert_eq!(
            self.inside.fetch_add(1, Ordering::SeqCst),
            0,
            "W5: one at a time"
        );
        self.last.store(bytes, Ordering::Relaxed);
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// W1 to W5: tables come and go, writers wait by thread and by future, and the limit is
/// changed, lifted and set again meanwhile.
#[test]
fn tables_and_writers() {
    static STALLS: Stalls = Stalls(AtomicU64::new(0));
    let model = Model {
        name: "write_buffer::tables_and_writers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let cache = Arc::new(Cache::default());
        let manager = manager(2 * CACHE_STEP, Some(cache.clone()));
        let work = |writer: usize| {
            let shared = Arc::new(Arc::clone(&manager));
            spawn(&shared, writer, move |manager| {
                for round in 0..2 {
                    let _ = if (writer + round) % 2 == 0 {
                        manager.stall(None)
                    } else {
                        block_on(manager.stall_async())
                    };
                    let held = budget(manager);
                    held.charge(CACHE_STEP);
                    held.charge(CACHE_STEP / 2);
                    let _ = manager.should_flush();
                    held.begin_release(0);
                    held.release(CACHE_STEP);
                }
            })
        };
        let writers = (0..3).map(work).collect();
        let resizer = spawn(&manager, 3, |manager| {
            for size in [CACHE_STEP, 0, 2 * CACHE_STEP] {
                manager.set_buffer_size(size);
                assert!(manager.memory_usage() <= 6 * CACHE_STEP, "W1");
            }
            manager.set_allow_stall(false);
            manager.set_allow_stall(true);
        });
        join(writers);
        resizer.join().expect("no panic");
        STALLS.note(&manager);
        assert_idle(&manager);
        assert_eq!(cache.last.load(Ordering::Relaxed), 0, "W5");
        assert_eq!(manager.stats().given_up, 0, "W3");
    });
    STALLS.assert_seen();
}

/// W2, W3: all memory is held by those who wait, each with a deadline.
#[test]
fn holders_with_deadlines() {
    static STALLS: Stalls = Stalls(AtomicU64::new(0));
    let model = Model {
        name: "write_buffer::holders_with_deadlines",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let manager = manager(3, None);
        let done = Arc::new(AtomicUsize::new(0));
        let budgets = [(); 3].map(|()| budget(&manager));
        budgets.iter().for_each(|held| held.charge(2));
        let holders: Vec<_> = (0..)
            .zip(budgets)
            .map(|(writer, held)| {
                let done = Arc::clone(&done);
                spawn(&manager, writer, move |manager| {
                    let deadline = checker::Instant::now().checked_add(Duration::from_secs(1));
                    let outcome = manager.stall(deadline);
                    held.release(2);
                    done.fetch_add(1, Ordering::Relaxed);
                    outcome
                })
            })
            .collect();
        while done.load(Ordering::Relaxed) < 3 {
            checker::tick(&manager);
            thread::yield_now();
        }
        let outcomes = join(holders);
        let count = |which| outcomes.iter().filter(|&&one| one == which).count() as u64;
        let stats = manager.stats();
        assert_eq!(stats.given_up, count(StallOutcome::TimedOut), "W3");
        assert!(
            stats.given_up >= 2,
            "two of them hold too much: two have to give up"
        );
        assert_eq!(stats.waits, 3 - count(StallOutcome::Clear), "W3");
        STALLS.note(&manager);
        assert_idle(&manager);
    });
    STALLS.assert_seen();
}

/// W1, W2 (SPEC L1): real tables are filled, sealed and dropped by writers who wait first.
#[test]
fn tables_are_sealed_and_dropped() {
    static STALLS: Stalls = Stalls(AtomicU64::new(0));
    let model = Model {
        name: "write_buffer::tables_are_sealed_and_dropped",
        iterations: 2_000,
        exhaust: false,
    };
    check(model, || {
        let manager = manager(1, None);
        let writers = (0..3)
            .map(|writer| {
                let builder = builder().write_buffer_manager(manager.clone());
                spawn(&manager, writer, move |manager| {
                    let _ = manager.stall(None);
                    let table = builder.build().expect("a table");
                    table.add(1, Kind::VALUE, b"a", b"v").expect("new");
                    assert!(manager.mutable_memory_usage() >= table.memory_usage().allocated);
                    table.seal().expect("not inside");
                    assert!(
                        manager.memory_usage() >= table.memory_usage().allocated,
                        "W1"
                    );
                })
            })
            .collect();
        join(writers);
        STALLS.note(&manager);
        assert_idle(&manager);
    });
    STALLS.assert_seen();
}

/// W2, W4, small enough to be exhausted: memory is freed while a thread is about to wait.
#[test]
fn waiters_exhausted() {
    static STALLS: Stalls = Stalls(AtomicU64::new(0));
    let model = Model {
        name: "write_buffer::waiters_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let manager = manager(1, None);
        let held = budget(&manager);
        held.charge(1);
        let waiter = spawn(&manager, 0, |manager| manager.stall(None));
        held.release(1);
        let _ = waiter.join().expect("no panic");
        STALLS.note(&manager);
        assert_idle(&manager);
    });
    STALLS.assert_seen();
}
