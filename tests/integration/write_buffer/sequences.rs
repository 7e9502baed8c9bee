//! Sequences of operations beside a reference model (SPEC Q1 to Q3).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use proptest::prelude::*;
use verimem::arena::{Budget, BudgetFactory};
use verimem::write_buffer::{
    CACHE_STEP, CacheReservation, StallFuture, StallOutcome, WriteBufferManager, WriteBufferOptions,
};

use crate::sequences::{cases, runner};

/// A manager as a plain sequential struct, by the words of the specification.
#[derive(Debug, Default)]
struct Reference {
    size: usize,
    allow_stall: bool,
    /// What each table holds, and whether it is sealed; `None` when it was dropped.
    tables: Vec<Option<(usize, bool)>>,
    futures: Vec<Fate>,
    waits: u64,
    given_up: u64,
    stalls: u64,
    reserved: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    New,
    Waiting,
    /// Its stall has ended since: it was woken.
    Woken,
    Ready(StallOutcome),
    Dropped {
        woken: bool,
    },
}

impl Fate {
    /// Whether its waker was called: once, if at all.
    fn is_woken(self) -> bool {
        match self {
            Self::New | Self::Waiting => false,
            Self::Woken => true,
            Self::Ready(outcome) => outcome == StallOutcome::Released,
            Self::Dropped { woken } => woken,
        }
    }
}

impl Reference {
    fn held(&self, mutable_only: bool) -> usize {
        let tables = self.tables.iter().flatten();
        let counted = tables.filter(|(_, sealed)| !(mutable_only && *sealed));
        counted.map(|(held, _)| held).sum()
    }

    fn should_flush(&self) -> bool {
        let (all, mutable) = (self.held(false), self.held(true));
        self.size > 0
            && (8 * mutable > 7 * self.size || (all >= self.size && mutable >= self.size / 2))
    }

    fn should_stall(&self) -> bool {
        self.size > 0 && self.allow_stall && self.held(false) >= self.size
    }

    fn waiting(&self) -> usize {
        let waiting = |future: &&Fate| **future == Fate::Waiting;
        self.futures.iter().filter(waiting).count()
    }

    /// After each step: a stall that is over releases all, and the cache is told.
    fn settle(&mut self) {
        if !self.should_stall() && self.waiting() > 0 {
            self.stalls += 1;
            for future in &mut self.futures {
                if *future == Fate::Waiting {
                    *future = Fate::Woken;
                }
            }
        }
        let used = self.held(false);
        if used > self.reserved || 4 * used < 3 * self.reserved {
            self.reserved = used.div_ceil(CACHE_STEP) * CACHE_STEP;
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Open,
    Charge(prop::sample::Index, usize),
    Seal(prop::sample::Index),
    Release(prop::sample::Index, usize),
    Drop(prop::sample::Index),
    Resize(usize),
    AllowStall(bool),
    StallPastDeadline,
    NewFuture,
    Poll(prop::sample::Index),
    DropFuture(prop::sample::Index),
}

/// Sizes around those of the steps of a cache and of limits.
fn bytes() -> impl Strategy<Value = usize> {
    let step = CACHE_STEP;
    prop_oneof![0..4usize, step - 1..=step + 1, 0..4 * step]
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        2 => Just(Step::Open),
        6 => (at(), bytes()).prop_map(|(at, bytes)| Step::Charge(at, bytes)),
        2 => at().prop_map(Step::Seal),
        4 => (at(), bytes()).prop_map(|(at, bytes)| Step::Release(at, bytes)),
        2 => at().prop_map(Step::Drop),
        2 => prop_oneof![Just(0), bytes()].prop_map(Step::Resize),
        1 => any::<bool>().prop_map(Step::AllowStall),
        1 => Just(Step::StallPastDeadline),
        3 => Just(Step::NewFuture),
        6 => at().prop_map(Step::Poll),
        1 => at().prop_map(Step::DropFuture),
    ]
}

/// A waker that counts, and a cache that remembers.
#[derive(Debug, Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl CacheReservation for Counter {
    fn update(&self, bytes: usize) {
        assert_ne!(
            self.0.swap(bytes, Ordering::SeqCst),
            bytes,
            "told of changes only"
        );
    }
}

/// The real thing, driven beside the reference.
struct Subject {
    manager: Arc<WriteBufferManager>,
    cache: Arc<Counter>,
    tables: Vec<Option<Arc<dyn Budget>>>,
    futures: Vec<(Option<StallFuture>, Arc<Counter>)>,
}

impl Subject {
    fn new() -> Self {
        let cache = Arc::new(Counter::default());
        Self {
            manager: WriteBufferManager::with_options(WriteBufferOptions {
                cache: Some(cache.clone()),
                ..WriteBufferOptions::default()
            }),
            cache,
            tables: Vec::new(),
            futures: Vec::new(),
        }
    }

    fn tables(&mut self, reference: &mut Reference, step: &Step) {
        let index = match step {
            Step::Charge(at, _) | Step::Seal(at) | Step::Release(at, _) | Step::Drop(at) => at,
            _ => return,
        };
        if self.tables.is_empty() {
            return;
        }
        let at = index.index(self.tables.len());
        let (Some(table), Some((held, sealed))) = (&self.tables[at], &mut reference.tables[at])
        else {
            return;
        };
        match *step {
            Step::Charge(_, bytes) => {
                table.charge(bytes);
                *held += bytes;
            }
            Step::Seal(_) => {
                table.begin_release(*held);
                *sealed = true;
            }
            Step::Release(_, bytes) => {
                table.release(bytes);
                *held = held.saturating_sub(bytes);
            }
            _ => {
                self.tables[at] = None;
                reference.tables[at] = None;
            }
        }
    }

    fn futures(&mut self, reference: &mut Reference, step: &Step) {
        let (Step::Poll(index) | Step::DropFuture(index)) = step else {
            return;
        };
        if self.futures.is_empty() {
            return;
        }
        let at = index.index(self.futures.len());
        let (future, counter) = &mut self.futures[at];
        let stalled = reference.should_stall();
        let expected = &mut reference.futures[at];
        let Some(polled) = future else { return };
        if matches!(step, Step::DropFuture(_)) {
            *future = None;
            reference.given_up += u64::from(*expected == Fate::Waiting);
            *expected = Fate::Dropped {
                woken: expected.is_woken(),
            };
            return;
        }
        let waker = Waker::from(counter.clone());
        let answer = Pin::new(polled).poll(&mut Context::from_waker(&waker));
        *expected = match *expected {
            Fate::New if stalled => {
                reference.waits += 1;
                Fate::Waiting
            }
            Fate::New => Fate::Ready(StallOutcome::Clear),
            Fate::Woken => Fate::Ready(StallOutcome::Released),
            as_it_is => as_it_is,
        };
        match (answer, *expected) {
            (Poll::Pending, Fate::Waiting) => {}
            (Poll::Ready(outcome), Fate::Ready(due)) => assert_eq!(outcome, due),
            other => panic!("{other:?}"),
        }
    }

    fn run(&mut self, reference: &mut Reference, step: &Step) {
        match *step {
            Step::Open => {
                self.tables.push(Some(Arc::clone(&self.manager).open()));
                reference.tables.push(Some((0, false)));
            }
            Step::Resize(size) => {
                self.manager.set_buffer_size(size);
                reference.size = size;
            }
            Step::AllowStall(allow) => {
                self.manager.set_allow_stall(allow);
                reference.allow_stall = allow;
            }
            Step::StallPastDeadline => {
                let outcome = self.manager.stall(Some(Instant::now()));
                if reference.should_stall() {
                    assert_eq!(outcome, StallOutcome::TimedOut);
                    reference.waits += 1;
                    reference.given_up += 1;
                } else {
                    assert_eq!(outcome, StallOutcome::Clear);
                }
            }
            Step::NewFuture => {
                let future = self.manager.stall_async();
                self.futures.push((Some(future), Arc::default()));
                reference.futures.push(Fate::New);
            }
            _ => {
                self.tables(reference, step);
                self.futures(reference, step);
            }
        }
        reference.settle();
    }

    fn assert_same(&self, reference: &Reference) {
        let (manager, stats) = (&self.manager, self.manager.stats());
        assert_eq!(stats.buffer_size, reference.size);
        assert_eq!(stats.memory_usage, reference.held(false));
        assert_eq!(stats.mutable_memory_usage, reference.held(true));
        assert_eq!(manager.should_flush(), reference.should_flush());
        assert_eq!(manager.should_stall(), reference.should_stall());
        assert_eq!(stats.waiting, reference.waiting());
        assert_eq!(stats.waits, reference.waits);
        assert_eq!(stats.given_up, reference.given_up);
        assert_eq!(stats.stalls, reference.stalls);
        assert_eq!(self.cache.0.load(Ordering::SeqCst), reference.reserved);
        assert_eq!(manager.cache_reservation(), Some(reference.reserved));
        for ((_, counter), future) in self.futures.iter().zip(&reference.futures) {
            let wakes = counter.0.load(Ordering::SeqCst);
            assert_eq!(wakes, usize::from(future.is_woken()), "{future:?}");
        }
    }
}

#[test]
fn sequences_agree_with_the_reference() {
    let steps = prop::collection::vec(step(), 1..80);
    runner(b'Q', cases(), 20_000)
        .run(&(bytes(), steps), |(size, steps)| {
            let (mut subject, mut reference) = (Subject::new(), Reference::default());
            let before = [Step::Resize(size), Step::AllowStall(true)];
            for step in before.iter().chain(&steps) {
                subject.run(&mut reference, step);
                subject.assert_same(&reference);
            }
            subject.tables.clear();
            prop_assert_eq!(subject.manager.memory_usage(), 0);
            prop_assert_eq!(subject.manager.stats().waiting, 0);
            Ok(())
        })
        .unwrap();
}
