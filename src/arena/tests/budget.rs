//! Whoever is told of blocks: balanced, and free to do what it likes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::*;
use crate::arena::{BlockArena, Budget, ConcurrentArena};

/// Counts, and does what it was told to on each charge.
#[derive(Default)]
struct Recorder {
    held: AtomicIsize,
    begun: AtomicUsize,
    charges: AtomicUsize,
    panics: AtomicBool,
    /// Called back in every charge but those that the call itself causes.
    arena: Mutex<Option<Weak<ConcurrentArena>>>,
    inside: AtomicBool,
}

impl core::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // As a manager's might, it prints the arenas that it manages.
        write!(
            f,
            "{:?}",
            self.arena.lock().unwrap().as_ref().and_then(Weak::upgrade)
        )
    }
}

impl Recorder {
    fn held(&self) -> usize {
        usize::try_from(self.held.load(Ordering::SeqCst)).expect("never released before charged")
    }
}

impl Budget for Recorder {
    fn charge(&self, bytes: usize) {
        assert!(!self.panics.load(Ordering::SeqCst), "planted");
        self.charges.fetch_add(1, Ordering::SeqCst);
        self.held.fetch_add(bytes as isize, Ordering::SeqCst);
        let arena = self.arena.lock().unwrap().as_ref().and_then(Weak::upgrade);
        let Some(arena) = arena else { return };
        if !self.inside.swap(true, Ordering::SeqCst) {
            assert!(arena.usage().allocated <= self.held());
            arena.allocate(100).unwrap();
            drop(arena.reserve(10_000));
            self.inside.store(false, Ordering::SeqCst);
        }
    }

    fn begin_release(&self, bytes: usize) {
        assert_eq!(bytes, self.held());
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes as isize, Ordering::SeqCst);
        self.held();
    }
}

fn with_budget(block_size: usize, capacity: Option<usize>) -> (ArenaOptions, Arc<Recorder>) {
    let budget = Arc::new(Recorder::default());
    let mut options = options(block_size, capacity, 2);
    options.budget = Some(budget.clone());
    (options, budget)
}

#[test]
fn a5_one_thread_s_blocks_are_charged_and_released() {
    let (options, budget) = with_budget(12 * KIB, Some(200_000));
    let mut arena = BlockArena::new(options).unwrap();
    let mut rng = Rng(1);
    for _ in 0..200 {
        // Some of these are refused.
        let _ = arena.allocate_aligned(rng.size(40 * KIB));
        assert_eq!(budget.held(), arena.usage().allocated);
    }
    drop(arena);
    assert_eq!(budget.held(), 0);
}

#[test]
fn a5_many_threads_blocks_are_charged_and_released() {
    let (options, budget) = with_budget(64 * KIB, Some(3 * MIB));
    let arena = ConcurrentArena::new(options).unwrap();
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let arena = &arena;
            scope.spawn(move || {
                let mut rng = Rng(seed);
                for _ in 0..2_000 {
                    let _ = arena.allocate(rng.size(30 * KIB));
                    if let Ok(mut ticket) = arena.reserve(rng.size(30 * KIB)) {
                        let _ = ticket.allocate(rng.below(1_000));
                    }
                }
            });
        }
    });
    assert_balanced(arena.usage());
    assert_eq!(budget.held(), arena.usage().allocated);
    arena.begin_release();
    arena.begin_release();
    assert_eq!(budget.begun.load(Ordering::SeqCst), 1);
    drop(arena);
    assert_eq!(budget.held(), 0);
}

#[test]
fn x1_a_panicking_charge_leaves_the_arena_as_it_was() {
    let (options, budget) = with_budget(64 * KIB, None);
    let arena = ConcurrentArena::new(options).unwrap();
    arena.allocate(100).unwrap();
    let before = arena.usage();
    budget.panics.store(true, Ordering::SeqCst);
    let refused = catch_unwind(AssertUnwindSafe(|| arena.allocate(100_000).map(|_| ())));
    assert!(refused.is_err());
    assert_eq!(arena.usage(), before);
    budget.panics.store(false, Ordering::SeqCst);
    arena.allocate(100_000).unwrap();
    assert_eq!(budget.held(), arena.usage().allocated);
    drop(arena);
    assert_eq!(budget.held(), 0);
}

#[test]
fn x1_a_budget_may_allocate_from_the_arena_that_charges_it() {
    let (options, budget) = with_budget(64 * KIB, None);
    let arena = Arc::new(ConcurrentArena::new(options).unwrap());
    *budget.arena.lock().unwrap() = Some(Arc::downgrade(&arena));
    for _ in 0..200 {
        arena.allocate(3_000).unwrap();
        arena.allocate(20_000).unwrap();
        assert_balanced(arena.usage());
    }
    assert!(budget.charges.load(Ordering::SeqCst) > 10);
    assert_eq!(budget.held(), arena.usage().allocated);
    assert!(
        format!("{arena:?}").len() < 1_000,
        "printing does not recur"
    );
    drop(arena);
    assert_eq!(budget.held(), 0);
}
