//! Waiting while there is a stall (SPEC Q3).

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use super::wakers::{Wakers, Woken};
use super::{WriteBufferManager, WriteBufferStats};
use crate::sync::ledger::{
    FAULT_WRITE_BUFFER_CHECK_UNLOCKED, FAULT_WRITE_BUFFER_KEEP_WAKER, FAULT_WRITE_BUFFER_WAKE_ONE,
};
use crate::sync::{Arc, Condvar, Instant, Mutex, fault};

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "after a time-out there is no room"]
pub enum StallOutcome {
    /// There was no stall to wait for.
    Clear,
    /// There was a stall, and it ended.
    Released,
    /// The stall goes on, and the deadline has passed.
    TimedOut,
}

/// Those who wait.
#[derive(Debug)]
pub(super) struct Stalls {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    /// Stalls that ended while somebody waited. A wait is over when this has changed.
    stalls: u64,
    waiting: usize,
    waits: u64,
    given_up: u64,
    /// The time of all waits, up to `since`.
    wait_time: Duration,
    /// When `waiting` last changed.
    since: Instant,
    /// The wakers of the futures among those who wait.
    wakers: Wakers,
}

impl State {
    /// Another number waits from now on.
    fn set_waiting(&mut self, waiting: usize) {
        let now = Instant::now();
        self.wait_time = self.wait_time_at(now);
        (self.since, self.waiting) = (now, waiting);
    }

    fn wait_time_at(&self, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.since);
        let waiting = u32::try_from(self.waiting).unwrap_or(u32::MAX);
        self.wait_time
            .saturating_add(passed.saturating_mul(waiting))
    }

    /// One more waits; returns the number of the stall.
    fn begin(&mut self) -> u64 {
        self.set_waiting(self.waiting + 1);
        self.waits += 1;
        self.stalls
    }

    /// One waits no longer, though the stall goes on.
    fn give_up(&mut self) {
        self.set_waiting(self.waiting - 1);
        self.given_up += 1;
    }
}

/// What became of a future's wish to wait.
enum Registered {
    Clear,
    Waiting(Ticket),
    /// There is no memory to remember it in.
    Refused(Waker),
}

/// Which stall a future waits for the end of, and where its waker is.
#[derive(Debug, Clone, Copy)]
struct Ticket {
    stall: u64,
    slot: usize,
}

impl Stalls {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                stalls: 0,
                waiting: 0,
                waits: 0,
                given_up: 0,
                wait_time: Duration::ZERO,
                since: Instant::now(),
                wakers: Wakers::default(),
            }),
            ended: Condvar::new(),
        }
    }

    /// Waits until the stall ends, if `is_stalled` says that there is one.
    pub(super) fn wait(
        &self,
        deadline: Option<Instant>,
        is_stalled: impl Fn() -> bool,
    ) -> StallOutcome {
        let mut state = self.state.lock();
        if !fault(&FAULT_WRITE_BUFFER_CHECK_UNLOCKED) && !is_stalled() {
            return StallOutcome::Clear;
        }
        let stall = state.begin();
        loop {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                state.give_up();
                return StallOutcome::TimedOut;
            }
            state = self.ended.wait_until(state, deadline);
            if state.stalls != stall {
                return StallOutcome::Released;
            }
        }
    }

    /// Releases all who wait, unless there is a stall. Called after each change that can
    /// end one.
    pub(super) fn end_unless(&self, is_stalled: impl Fn() -> bool) -> Woken {
        let mut state = self.state.lock();
        if state.waiting == 0 || is_stalled() {
            return Woken::default();
        }
        state.stalls += 1;
        state.set_waiting(0);
        if fault(&FAULT_WRITE_BUFFER_WAKE_ONE) {
            self.ended.notify_one();
        } else {
            self.ended.notify_all();
        }
        state.wakers.take()
    }

    pub(super) fn figures(&self) -> WriteBufferStats {
        let state = self.state.lock();
        WriteBufferStats {
            waiting: state.waiting,
            waits: state.waits,
            given_up: state.given_up,
            stalls: state.stalls,
            wait_time: state.wait_time_at(Instant::now()),
            ..WriteBufferStats::default()
        }
    }

    fn register(&self, waker: Waker, is_stalled: impl Fn() -> bool) -> Registered {
        let mut state = self.state.lock();
        if !fault(&FAULT_WRITE_BUFFER_CHECK_UNLOCKED) && !is_stalled() {
            return Registered::Clear;
        }
        match state.wakers.insert(waker) {
            Ok(slot) => Registered::Waiting(Ticket {
                stall: state.begin(),
                slot,
            }),
            Err(waker) => Registered::Refused(waker),
        }
    }

    /// Puts another waker in place if the stall goes on. Returns that, and the waker that
    /// is of no use: dropping it may call back.
    fn renew(&self, ticket: Ticket, waker: Waker) -> (bool, Option<Waker>) {
        let mut state = self.state.lock();
        if state.stalls == ticket.stall {
            (true, state.wakers.replace(ticket.slot, waker))
        } else {
            (false, Some(waker))
        }
    }

    /// A future waits no longer. Returns its waker: dropping it may call back.
    fn forget(&self, ticket: Ticket) -> Option<Waker> {
        let mut state = self.state.lock();
        if state.stalls != ticket.stall {
            return None;
        }
        state.give_up();
        if fault(&FAULT_WRITE_BUFFER_KEEP_WAKER) {
            return None;
        }
        state.wakers.remove(ticket.slot)
    }

    /// Wakes threads that wait, for no reason but that a model has moved its clock.
    #[cfg(any(loom, shuttle))]
    pub(super) fn tick(&self) {
        let _state = self.state.lock();
        self.ended.notify_all();
    }
}

/// Waits while there is a stall; made by
/// [`stall_async`](WriteBufferManager::stall_async).
///
/// The wait begins when it is first polled. Dropped, it waits no longer, and its waker is
/// forgotten. Once ready, it stays so. When there is no memory to remember its waker in, it
/// asks to be polled again at once.
///
/// ```
/// use std::future::Future;
/// use std::pin::pin;
/// use std::task::{Context, Poll, Waker};
/// use verimem::write_buffer::{StallOutcome, WriteBufferManager};
///
/// let manager = WriteBufferManager::new(64 << 20);
/// let mut stall = pin!(manager.stall_async());
/// let mut context = Context::from_waker(Waker::noop());
/// assert_eq!(stall.as_mut().poll(&mut context), Poll::Ready(StallOutcome::Clear));
/// ```
#[must_use = "a future waits when it is polled"]
pub struct StallFuture {
    manager: Arc<WriteBufferManager>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    New,
    Waiting(Ticket),
    Done(StallOutcome),
}

impl StallFuture {
    pub(super) fn new(manager: Arc<WriteBufferManager>) -> Self {
        Self {
            manager,
            stage: Stage::New,
        }
    }

    /// The first poll, and those after it until there is memory to wait with.
    fn begin(&mut self, waker: Waker) -> Stage {
        let manager = &self.manager;
        match manager.stalls.register(waker, || manager.should_stall()) {
            Registered::Clear => Stage::Done(StallOutcome::Clear),
            Registered::Waiting(ticket) => Stage::Waiting(ticket),
            Registered::Refused(waker) => {
                waker.wake();
                Stage::New
            }
        }
    }
}

impl Future for StallFuture {
    type Output = StallOutcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<StallOutcome> {
        // Cloned here: no user code runs with the lock held.
        self.stage = match self.stage {
            Stage::New if !self.manager.should_stall() => Stage::Done(StallOutcome::Clear),
            Stage::New => self.begin(cx.waker().clone()),
            Stage::Waiting(ticket) => {
                let (goes_on, _old) = self.manager.stalls.renew(ticket, cx.waker().clone());
                if goes_on {
                    Stage::Waiting(ticket)
                } else {
                    Stage::Done(StallOutcome::Released)
                }
            }
            done @ Stage::Done(_) => done,
        };
        match self.stage {
            Stage::Done(outcome) => Poll::Ready(outcome),
            Stage::New | Stage::Waiting(_) => Poll::Pending,
        }
    }
}

impl Drop for StallFuture {
    fn drop(&mut self) {
        if let Stage::Waiting(ticket) = self.stage {
            drop(self.manager.stalls.forget(ticket));
        }
    }
}

impl fmt::Debug for StallFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallFuture")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
