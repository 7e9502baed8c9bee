//! Models of the write-buffer manager. Invariants are those of `src/write_buffer/mod.rs`.
//!
//! A waiter that is stranded shows as a deadlock, which loom reports.

use std::future::Future;
use std::sync::Arc;
use std::task::Wake;
use std::time::Duration;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};
use verimem::arena::{Budget, BudgetFactory};
use verimem::write_buffer::{
    CACHE_STEP, CacheReservation, StallFuture, StallOutcome, WriteBufferManager, WriteBufferOptions,
};
use verimem::{Kind, checker};
use verimem_loom_tests::loom_model::{Model, check};

use crate::support::{self, spawn};

/// A manager of 100 bytes, and a budget of it that holds some.
struct Shared {
    manager: Arc<WriteBufferManager>,
    held: Arc<dyn Budget>,
}

fn shared(held: usize) -> Arc<Shared> {
    checker::reset_clock();
    let manager = WriteBufferManager::with_options(WriteBufferOptions {
        buffer_size: 100,
        allow_stall: true,
        ..WriteBufferOptions::default()
    });
    let budget = Arc::clone(&manager).open();
    budget.charge(held);
    Arc::new(Shared {
        manager,
        held: budget,
    })
}

impl Shared {
    fn stall(&self) -> String {
        name(self.manager.stall(None))
    }

    /// W1, W2, W3: so much is in use, and nobody waits.
    fn assert_quiet(&self, used: usize) {
        let stats = self.manager.stats();
        assert_eq!(stats.memory_usage, used, "W1");
        assert_eq!(stats.waiting, 0, "W2");
    }
}

fn name(outcome: StallOutcome) -> String {
    format!("{outcome:?}")
}

/// What a task's executor does when it is woken.
#[derive(Default)]
struct Task {
    wakes: Mutex<usize>,
    woken: Condvar,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        *self.wakes.lock().expect("no panic") += 1;
        self.woken.notify_all();
    }
}

impl Task {
    fn poll(self: &Arc<Self>, future: &mut StallFuture) -> Option<StallOutcome> {
        let waker = Arc::clone(self).into();
        let mut context = std::task::Context::from_waker(&waker);
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(outcome) => Some(outcome),
            std::task::Poll::Pending => None,
        }
    }

    fn wakes(&self) -> usize {
        *self.wakes.lock().expect("no panic")
    }

    /// Waits to be woken, and polls again: as a task that was pending does.
    fn finish(self: &Arc<Self>, future: &mut StallFuture) -> String {
        let mut wakes = self.wakes.lock().expect("no panic");
        while *wakes == 0 {
            wakes = self.woken.wait(wakes).expect("no panic");
        }
        drop(wakes);
        name(self.poll(future).expect("W3: woken, so released"))
    }
}

/// Runs one future to its end.
fn block_on(manager: &Arc<WriteBufferManager>) -> String {
    let task = Arc::new(Task::default());
    let mut future = manager.stall_async();
    match task.poll(&mut future) {
        Some(outcome) => name(outcome),
        None => task.finish(&mut future),
    }
}

const BOTH: &[&str] = &["Clear", "Released"];

/// W2: memory is freed while somebody is about to wait.
#[test]
fn free_against_stall() {
    let model = Model::unbounded("write_buffer::free_against_stall", 4, BOTH);
    check(model, |outcomes| {
        let shared = shared(100);
        let waiter = spawn(&shared, Shared::stall);
        shared.held.release(1);
        outcomes.note(waiter.join().expect("no panic"));
        shared.assert_quiet(99);
    });
}

/// W2: the size is raised while somebody is about to wait.
#[test]
fn resize_against_stall() {
    let model = Model::unbounded("write_buffer::resize_against_stall", 4, BOTH);
    check(model, |outcomes| {
        let shared = shared(100);
        let waiter = spawn(&shared, Shared::stall);
        shared.manager.set_buffer_size(101);
        outcomes.note(waiter.join().expect("no panic"));
        shared.assert_quiet(100);
    });
}

/// W2: stalls are forbidden while somebody is about to wait.
#[test]
fn forbid_against_stall() {
    let model = Model::unbounded("write_buffer::forbid_against_stall", 4, BOTH);
    check(model, |outcomes| {
        let shared = shared(100);
        let waiter = spawn(&shared, Shared::stall);
        shared.manager.set_allow_stall(false);
        outcomes.note(waiter.join().expect("no panic"));
        shared.assert_quiet(100);
    });
}

/// W2, W4: two wait, or are about to.
#[test]
fn two_waiters() {
    let model = Model::unbounded(
        "write_buffer::two_waiters",
        20,
        &[
            "Clear Clear",
            "Clear Released",
            "Released Clear",
            "Released Released",
        ],
    );
    check(model, |outcomes| {
        let shared = shared(100);
        let waiters = [(); 2].map(|()| spawn(&shared, Shared::stall));
        shared.held.release(1);
        outcomes.note(waiters.map(|one| one.join().expect("no panic")).join(" "));
        shared.assert_quiet(99);
    });
}

/// W2: two tables are freed at the same time, and only both of them are enough.
#[test]
fn two_frees() {
    let model = Model::unbounded("write_buffer::two_frees", 20, BOTH);
    check(model, |outcomes| {
        let shared = shared(50);
        let other = Arc::clone(&shared.manager).open();
        other.charge(51);
        let waiter = spawn(&shared, Shared::stall);
        let freed = Arc::clone(&other);
        let freer = spawn(&shared, move |_| freed.release(1));
        shared.held.release(1);
        freer.join().expect("no panic");
        outcomes.note(waiter.join().expect("no panic"));
        shared.assert_quiet(99);
    });
}

/// W1, W2: another table grows and shrinks meanwhile.
#[test]
fn free_beside_a_charge() {
    let model = Model::unbounded("write_buffer::free_beside_a_charge", 20, BOTH);
    check(model, |outcomes| {
        let shared = shared(100);
        let waiter = spawn(&shared, Shared::stall);
        let other = spawn(&shared, |shared| {
            let other = Arc::clone(&shared.manager).open();
            other.charge(2);
            other.release(2);
        });
        shared.held.release(1);
        other.join().expect("no panic");
        outcomes.note(waiter.join().expect("no panic"));
        shared.assert_quiet(99);
    });
}

/// W3: a deadline comes while memory is freed.
#[test]
fn deadline_against_free() {
    let model = Model::unbounded(
        "write_buffer::deadline_against_free",
        20,
        &["Clear", "Released", "TimedOut"],
    );
    check(model, |outcomes| {
        let shared = shared(100);
        let deadline = checker::Instant::now().checked_add(Duration::from_secs(1));
        let waiter = spawn(&shared, move |shared| shared.manager.stall(deadline));
        let timer = spawn(&shared, |shared| checker::tick(&shared.manager));
        shared.held.release(1);
        timer.join().expect("no panic");
        let outcome = waiter.join().expect("no panic");
        let stats = shared.manager.stats();
        assert_eq!(
            stats.given_up,
            u64::from(outcome == StallOutcome::TimedOut),
            "W3"
        );
        assert_eq!(
            stats.stalls,
            u64::from(outcome == StallOutcome::Released),
            "W3"
        );
        outcomes.note(name(outcome));
        shared.assert_quiet(99);
    });
}

/// W2, W3: who holds the memory waits, with a deadline; another one, woken for no reason by
/// the clock, waits until that memory is free.
#[test]
fn deadline_of_the_holder() {
    let model = Model::unbounded("write_buffer::deadline_of_the_holder", 10, BOTH);
    check(model, |outcomes| {
        let shared = shared(100);
        let deadline = checker::Instant::now().checked_add(Duration::from_secs(1));
        let other = spawn(&shared, Shared::stall);
        let timer = spawn(&shared, |shared| checker::tick(&shared.manager));
        assert_eq!(shared.manager.stall(deadline), StallOutcome::TimedOut);
        shared.held.release(100);
        timer.join().expect("no panic");
        outcomes.note(other.join().expect("no panic"));
        shared.assert_quiet(0);
    });
}

/// W2: memory is freed while a future is about to wait.
#[test]
fn free_against_future() {
    let model = Model::unbounded("write_buffer::free_against_future", 4, BOTH);
    check(model, |outcomes| {
        let shared = shared(100);
        let task = spawn(&shared, |shared| block_on(&shared.manager));
        shared.held.release(1);
        outcomes.note(task.join().expect("no panic"));
        shared.assert_quiet(99);
    });
}

/// W2: the limit is lifted while a future is about to wait.
#[test]
fn disable_against_future() {
    let model = Model::unbounded("write_buffer::disable_against_future", 4, BOTH);
    check(model, |outcomes| {
        let shared = shared(100);
        let task = spawn(&shared, |shared| block_on(&shared.manager));
        shared.manager.set_buffer_size(0);
        outcomes.note(task.join().expect("no panic"));
        shared.assert_quiet(100);
    });
}

/// W2, W4: a future goes to another task while a thread waits beside it.
#[test]
fn future_changes_its_task() {
    let model = Model::unbounded(
        "write_buffer::future_changes_its_task",
        20,
        &["moved", "ready"],
    );
    check(model, |outcomes| {
        let shared = shared(100);
        let (first, second) = (Arc::new(Task::default()), Arc::new(Task::default()));
        let mut future = shared.manager.stall_async();
        assert!(first.poll(&mut future).is_none());
        let waiter = spawn(&shared, Shared::stall);
        let mover = spawn(&shared, move |_| match second.poll(&mut future) {
            Some(outcome) => {
                assert_eq!((outcome, second.wakes()), (StallOutcome::Released, 0));
                "ready"
            }
            None => {
                assert_eq!(second.finish(&mut future), "Released");
                assert_eq!(first.wakes(), 0, "W3");
                "moved"
            }
        });
        shared.held.release(1);
        outcomes.note(mover.join().expect("no panic"));
        waiter.join().expect("no panic");
        shared.assert_quiet(99);
    });
}

/// W3: one of two futures is dropped while memory is freed.
#[test]
fn dropped_future() {
    let model = Model::unbounded("write_buffer::dropped_future", 4, &["given up", "released"]);
    check(model, |outcomes| {
        let shared = shared(100);
        let tasks = [(); 2].map(|()| Arc::new(Task::default()));
        let mut futures = [(); 2].map(|()| shared.manager.stall_async());
        for (task, future) in tasks.iter().zip(&mut futures) {
            assert!(task.poll(future).is_none());
        }
        let [kept, dropped] = futures;
        let dropper = spawn(&shared, move |_| drop(dropped));
        shared.held.release(1);
        dropper.join().expect("no panic");
        let given_up = shared.manager.stats().given_up;
        let wakes = tasks.map(|task| task.wakes());
        assert_eq!(wakes[0], 1, "W4");
        assert_eq!(wakes[1] as u64 + given_up, 1, "W3");
        outcomes.note(["released", "given up"][given_up as usize]);
        drop(kept);
        shared.assert_quiet(99);
    });
}

/// W1: a limit is set and lifted while memory that was there before is freed.
#[test]
fn enabled_while_held() {
    let model = Model::unbounded(
        "write_buffer::enabled_while_held",
        20,
        &["0 0", "10 0", "10 10"],
    );
    check(model, |outcomes| {
        let manager = WriteBufferManager::new(0);
        let held = Arc::clone(&manager).open();
        held.charge(4);
        let freer = spawn(&manager, move |_| {
            held.charge(6);
            held.release(10);
        });
        let look = |size| {
            manager.set_buffer_size(size);
            let (used, mutable) = (manager.memory_usage(), manager.mutable_memory_usage());
            assert!([0, 4, 10].contains(&used), "W1: {used}");
            assert!([0, 4, 10].contains(&mutable), "W1: {mutable}");
            used
        };
        let seen = [look(5), look(0)];
        freer.join().expect("no panic");
        assert_eq!(
            [manager.memory_usage(), manager.mutable_memory_usage()],
            [0, 0],
            "W1"
        );
        if !seen.contains(&4) {
            outcomes.note(seen.map(|used| used.to_string()).join(" "));
        }
    });
}

/// W1: a table is sealed while it is charged, beside another table.
#[test]
fn charge_against_seal() {
    let model = Model::unbounded("write_buffer::charge_against_seal", 4, &["7", "9"]);
    check(model, |outcomes| {
        let shared = shared(3);
        let table = Arc::clone(&shared.manager).open();
        let sealed = Arc::clone(&table);
        let charger = spawn(&shared, move |_| table.charge(2));
        let other = Arc::clone(&shared.manager).open();
        other.charge(4);
        outcomes.note(shared.manager.mutable_memory_usage().to_string());
        sealed.begin_release(0);
        assert_eq!(shared.manager.mutable_memory_usage(), 7, "W1");
        charger.join().expect("no panic");
        assert_eq!(shared.manager.mutable_memory_usage(), 7, "W1");
        sealed.release(2);
        assert_eq!(shared.manager.mutable_memory_usage(), 7, "W1");
        shared.assert_quiet(7);
    });
}

/// Told by one thread at a time; notes what.
#[derive(Debug, Default)]
struct Cache {
    inside: AtomicUsize,
    told: Mutex<Vec<usize>>,
}

impl CacheReservation for Cache {
    fn update(&self, bytes: usize) {
        assert_eq!(
            self.inside.fetch_add(1, Ordering::Relaxed),
            0,
            "W5: one at a time"
        );
        self.told.lock().expect("no panic").push(bytes / CACHE_STEP);
        self.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

/// W5: two tables grow at the same time, and one of them is dropped.
#[test]
fn cache_follows() {
    let model = Model::unbounded(
        "write_buffer::cache_follows",
        20,
        &["[1, 0, 1]", "[1, 2, 1]", "[1]", "[2, 1]"],
    );
    check(model, |outcomes| {
        let cache = Arc::new(Cache::default());
        let manager = WriteBufferManager::with_options(WriteBufferOptions {
            cache: Some(cache.clone()),
            ..WriteBufferOptions::default()
        });
        let other = Arc::clone(&manager).open();
        let other = spawn(&manager, move |_| other.charge(CACHE_STEP));
        let held = Arc::clone(&manager).open();
        held.charge(CACHE_STEP);
        other.join().expect("no panic");
        let told = cache.told.lock().expect("no panic").clone();
        assert_eq!(told.last(), Some(&1), "W5");
        assert_eq!(manager.cache_reservation(), Some(CACHE_STEP), "W5");
        outcomes.note(format!("{told:?}"));
    });
}

/// W1, W2 (SPEC L1): a table takes a block, is sealed and dropped, and a waiter is released.
#[test]
fn table_against_stall() {
    let model = Model::unbounded("write_buffer::table_against_stall", 20, BOTH);
    check(model, |outcomes| {
        let shared = shared(0);
        let builder = support::builder().write_buffer_manager(shared.manager.clone());
        let table = builder.build().expect("a table");
        table.add(1, Kind::VALUE, b"a1", b"v").expect("memory");
        shared.manager.set_buffer_size(1);
        assert!(shared.manager.should_stall());
        let waiter = spawn(&shared, Shared::stall);
        table.seal().expect("not inside");
        assert_eq!(shared.manager.mutable_memory_usage(), 0, "W1");
        drop(table);
        outcomes.note(waiter.join().expect("no panic"));
        shared.assert_quiet(0);
    });
}
