//! What user code and threads do to a manager; sequences against a reference model are in
//! `tests/integration/write_buffer.rs`.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::*;
use crate::sync::without_memory;

/// A manager of 100 bytes with stalls.
fn manager() -> Arc<WriteBufferManager> {
    manager_with(None)
}

fn manager_with(cache: Option<Arc<dyn CacheReservation>>) -> Arc<WriteBufferManager> {
    WriteBufferManager::with_options(WriteBufferOptions {
        buffer_size: 100,
        allow_stall: true,
        cache,
    })
}

fn budget(manager: &Arc<WriteBufferManager>) -> Arc<dyn Budget> {
    Arc::clone(manager).open()
}

/// Polls once.
fn poll(future: &mut StallFuture, waker: &Waker) -> Poll<StallOutcome> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// Counts how often it wakes.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counting() -> (Arc<Counting>, Waker) {
    let counting = Arc::new(Counting::default());
    (counting.clone(), Waker::from(counting))
}

#[test]
fn q1_flush_is_due_where_rocksdb_says_so() {
    let manager = WriteBufferManager::new(0);
    let open = budget(&manager);
    let sealed = budget(&manager);
    open.charge(1 << 40);
    assert!(!manager.should_flush() && !manager.is_enabled());
    open.release((1 << 40) - 70);
    manager.set_buffer_size(80);
    assert!(!manager.should_flush(), "7/8 is not above 7/8");
    open.charge(1);
    assert!(manager.should_flush());
    open.release(31);
    sealed.charge(39);
    sealed.begin_release(39);
    assert!(!manager.should_flush(), "79 in use");
    sealed.charge(1);
    assert_eq!(
        (manager.memory_usage(), manager.mutable_memory_usage()),
        (80, 40)
    );
    assert!(manager.should_flush(), "all in use, half of it mutable");
    open.release(1);
    sealed.charge(1);
    assert!(!manager.should_flush(), "less than half is mutable");
    for size in [usize::MAX, usize::MAX - 1] {
        manager.set_buffer_size(size);
        assert!(!manager.should_flush(), "{size}: nothing overflows");
    }
}

#[test]
fn q1_no_budget_releases_more_than_it_holds() {
    let manager = manager();
    let (one, other) = (budget(&manager), budget(&manager));
    one.charge(10);
    other.charge(5);
    one.release(usize::MAX);
    assert_eq!(manager.memory_usage(), 5);
    one.begin_release(77);
    one.begin_release(77);
    one.release(1);
    one.charge(usize::MAX);
    one.charge(1);
    one.release(usize::MAX);
    assert_eq!(
        (manager.memory_usage(), manager.mutable_memory_usage()),
        (5, 5)
    );
    assert!(format!("{one:?} {manager:?}").contains("sealed: true"));
    other.begin_release(0);
    drop(other); // with what it holds
    assert_eq!(
        (manager.memory_usage(), manager.mutable_memory_usage()),
        (0, 0)
    );
}

#[test]
fn q3_a_deadline_ends_a_wait_whatever_is_held() {
    let manager = manager();
    let mine = budget(&manager);
    mine.charge(100);
    let soon = Instant::now() + Duration::from_millis(5);
    assert_eq!(manager.stall(Some(soon)), StallOutcome::TimedOut);
    assert!(Instant::now() >= soon);
    assert_eq!(
        manager.stall(Some(soon)),
        StallOutcome::TimedOut,
        "it is past"
    );
    let stats = manager.stats();
    assert_eq!(
        (stats.waiting, stats.waits, stats.given_up, stats.stalls),
        (0, 2, 2, 0)
    );
    assert!(stats.wait_time >= Duration::from_millis(3));
    drop(mine);
    assert_eq!(manager.stall(None), StallOutcome::Clear);
}

impl WriteBufferManager {
    /// No stall, and nobody waits.
    fn is_idle(&self) -> bool {
        !self.should_stall() && self.stats().waiting == 0
    }
}

#[test]
fn q3_every_way_out_of_a_stall_releases_threads_and_futures() {
    type Way = fn(&WriteBufferManager, &dyn Budget);
    let ways: [Way; 4] = [
        |_, budget| budget.release(1),
        |manager, _| manager.set_buffer_size(101),
        |manager, _| manager.set_buffer_size(0),
        |manager, _| manager.set_allow_stall(false),
    ];
    for way in ways {
        let manager = manager();
        let held = budget(&manager);
        held.charge(100);
        let mut future = manager.stall_async();
        let (wakes, waker) = counting();
        assert_eq!(poll(&mut future, &waker), Poll::Pending);
        let outcomes = std::thread::scope(|scope| {
            let threads = [(); 3].map(|()| scope.spawn(|| manager.stall(None)));
            while manager.stats().waiting < 4 {
                std::thread::yield_now();
            }
            manager.set_buffer_size(99); // no way out
            manager.set_buffer_size(100);
            assert_eq!(manager.stats().waiting, 4);
            way(&manager, &*held);
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(outcomes, [StallOutcome::Released; 3]);
        assert_eq!(wakes.0.load(SeqCst), 1);
        assert_eq!(
            poll(&mut future, &waker),
            Poll::Ready(StallOutcome::Released)
        );
        assert_eq!(
            poll(&mut future, &waker),
            Poll::Ready(StallOutcome::Released)
        );
        let stats = manager.stats();
        assert_eq!(
            (stats.waiting, stats.waits, stats.given_up, stats.stalls),
            (0, 4, 0, 1)
        );
        assert!(stats.wait_time > Duration::ZERO);
    }
}

#[test]
fn q3_a_future_is_woken_by_its_last_waker_and_not_after_its_drop() {
    let manager = manager();
    let held = budget(&manager);
    held.charge(100);
    let mut futures = [(); 3].map(|()| manager.stall_async());
    let wakers = [(); 3].map(|()| counting());
    for (future, (_, waker)) in futures.iter_mut().zip(&wakers) {
        assert_eq!(poll(future, waker), Poll::Pending);
    }
    assert!(format!("{:?}", futures[0]).contains("Waiting"));
    let (last, waker) = counting();
    assert_eq!(poll(&mut futures[0], &waker), Poll::Pending);
    let [first, second, third] = futures;
    drop(second);
    let mut again = manager.stall_async(); // in the slot of the second
    let (reused, waker) = counting();
    assert_eq!(poll(&mut again, &waker), Poll::Pending);
    drop(third);
    assert_eq!(manager.stats().waiting, 2);
    held.release(1);
    let woken = wakers.map(|(counts, _)| counts.0.load(SeqCst));
    assert_eq!(
        (woken, last.0.load(SeqCst), reused.0.load(SeqCst)),
        ([0, 0, 0], 1, 1)
    );
    drop((first, again)); // released, and not given up
    let stats = manager.stats();
    assert_eq!(
        (stats.waiting, stats.waits, stats.given_up, stats.stalls),
        (0, 4, 2, 1)
    );
    held.charge(1); // the slot of the third is as new
    let mut next = manager.stall_async();
    assert_eq!(poll(&mut next, &waker), Poll::Pending);
    held.release(1);
    assert_eq!(reused.0.load(SeqCst), 2);
    assert_eq!(poll(&mut next, &waker), Poll::Ready(StallOutcome::Released));
}

#[test]
fn x2_without_memory_a_future_asks_to_be_polled_again() {
    let manager = manager();
    let held = budget(&manager);
    held.charge(100);
    let mut future = manager.stall_async();
    let (wakes, waker) = counting();
    assert_eq!(without_memory(|| poll(&mut future, &waker)), Poll::Pending);
    assert_eq!((wakes.0.load(SeqCst), manager.stats().waiting), (1, 0));
    assert_eq!(poll(&mut future, &waker), Poll::Pending);
    assert_eq!((wakes.0.load(SeqCst), manager.stats().waiting), (1, 1));
    held.release(1);
    assert_eq!(wakes.0.load(SeqCst), 2);
}

/// Panics when it wakes.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("planted");
    }
}

#[test]
fn x1_a_waker_that_panics_strands_nobody() {
    let manager = manager();
    let held = budget(&manager);
    held.charge(100);
    let wakers = [(); 4].map(|()| counting());
    let bad = Waker::from(Arc::new(Panicking));
    let mut futures: [_; 6] = core::array::from_fn(|_| manager.stall_async());
    for (at, future) in futures.iter_mut().enumerate() {
        let waker = wakers
            .get(at.wrapping_sub(1))
            .map_or(&bad, |(_, waker)| waker);
        assert_eq!(poll(future, waker), Poll::Pending);
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| held.release(1)));
    assert!(panicked.is_err());
    assert!(wakers.iter().all(|(counts, _)| counts.0.load(SeqCst) == 1));
    assert_eq!((manager.memory_usage(), manager.stats().waiting), (99, 0));
}

/// Owns what it calls back into, when it is woken and when it is dropped.
struct Nosy {
    manager: Arc<WriteBufferManager>,
    other: Mutex<Option<StallFuture>>,
    held: Arc<dyn Budget>,
}

impl Nosy {
    fn look(&self) {
        self.held.charge(1);
        self.held.release(1);
        self.manager.set_buffer_size(self.manager.buffer_size());
        drop(self.other.lock().unwrap().take());
        assert!(self.manager.stats().waits > 0);
    }
}

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.look();
    }
}

#[test]
fn x1_wakers_may_call_back_when_they_are_woken_replaced_and_dropped() {
    let manager = manager();
    let held = budget(&manager);
    held.charge(100);
    let nosy = || {
        let mut other = manager.stall_async();
        assert_eq!(poll(&mut other, Waker::noop()), Poll::Pending);
        Waker::from(Arc::new(Nosy {
            manager: manager.clone(),
            other: Mutex::new(Some(other)),
            held: held.clone(),
        }))
    };
    let mut futures = [(); 3].map(|()| manager.stall_async());
    for future in &mut futures {
        // The one replaced lives in its slot only.
        assert_eq!(poll(future, &nosy()), Poll::Pending);
        assert_eq!(poll(future, &nosy()), Poll::Pending);
    }
    let [first, ..] = futures;
    drop(first);
    held.release(1);
    assert!(manager.is_idle());
}

/// What a cache calls back into.
type Owned = (Weak<WriteBufferManager>, Arc<dyn Budget>);

/// Writes down what it is told; panics or calls back if it was told to.
#[derive(Debug, Default)]
struct Recorder {
    told: Mutex<Vec<usize>>,
    panics: AtomicBool,
    calls_back: Mutex<Option<Owned>>,
    inside: AtomicUsize,
}

impl CacheReservation for Recorder {
    fn update(&self, bytes: usize) {
        assert_eq!(self.inside.fetch_add(1, SeqCst), 0, "one at a time");
        let calls_back = self.calls_back.lock().unwrap().take();
        if let Some((manager, budget)) = calls_back {
            budget.charge(2 * CACHE_STEP);
            let manager = manager.upgrade().unwrap();
            manager.set_buffer_size(1);
            assert!(manager.memory_usage() >= 2 * CACHE_STEP);
        }
        self.inside.fetch_sub(1, SeqCst);
        assert!(!self.panics.load(SeqCst), "planted");
        self.told.lock().unwrap().push(bytes);
    }
}

#[test]
fn q2_a_cache_is_told_in_steps_and_late_of_what_was_freed() {
    let cache = Arc::new(Recorder::default());
    let manager = manager_with(Some(cache.clone()));
    assert_eq!(manager.cache_reservation(), Some(0));
    let held = budget(&manager);
    for bytes in [1, CACHE_STEP - 1, 1, 7 * CACHE_STEP] {
        held.charge(bytes);
    }
    // 8 steps and a byte are in use, 9 reserved: down to three quarters nothing happens.
    held.release(CACHE_STEP);
    held.release(CACHE_STEP / 4);
    assert_eq!(manager.cache_reservation(), Some(9 * CACHE_STEP));
    held.release(2);
    held.charge(1);
    manager.set_buffer_size(0); // charged all the same
    held.charge(CACHE_STEP);
    drop(held);
    let steps: Vec<_> = cache
        .told
        .lock()
        .unwrap()
        .iter()
        .map(|bytes| bytes / CACHE_STEP)
        .collect();
    assert_eq!(steps, [1, 2, 9, 7, 8, 0]);
    assert_eq!(WriteBufferManager::new(1).cache_reservation(), None);
}

#[test]
fn x1_a_cache_that_panics_leaves_everything_balanced_and_is_told_again() {
    let cache = Arc::new(Recorder::default());
    let manager = manager_with(Some(cache.clone()));
    let held = budget(&manager);
    held.charge(50);
    cache.panics.store(true, SeqCst);
    let charged = catch_unwind(AssertUnwindSafe(|| held.charge(CACHE_STEP)));
    assert!(charged.is_err());
    assert_eq!(
        (manager.memory_usage(), manager.mutable_memory_usage()),
        (50, 50)
    );
    cache.panics.store(false, SeqCst);
    held.charge(1); // the same as before the panic, but who knows what was heard
    assert_eq!(*cache.told.lock().unwrap(), [CACHE_STEP; 2]);
    held.charge(1);
    assert_eq!(cache.told.lock().unwrap().len(), 2);

    // A release that panics has released memory and whoever waits.
    held.charge(48);
    let (wakes, waker) = counting();
    let mut future = manager.stall_async();
    assert_eq!(poll(&mut future, &waker), Poll::Pending);
    cache.panics.store(true, SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| held.release(100))).is_err());
    assert_eq!((wakes.0.load(SeqCst), manager.memory_usage()), (1, 0));
    cache.panics.store(false, SeqCst);
    held.release(0);
    assert_eq!(manager.cache_reservation(), Some(0));
}

#[test]
fn x1_a_cache_may_take_memory_while_it_is_told() {
    let cache = Arc::new(Recorder::default());
    let manager = manager_with(Some(cache.clone()));
    let (held, other) = (budget(&manager), budget(&manager));
    *cache.calls_back.lock().unwrap() = Some((Arc::downgrade(&manager), other.clone()));
    held.charge(1);
    assert_eq!(*cache.told.lock().unwrap(), [CACHE_STEP, 3 * CACHE_STEP]);
    drop((held, other));
    assert_eq!(cache.told.lock().unwrap().last(), Some(&0));
}
