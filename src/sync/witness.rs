//! What tests and models see of the inside: the nodes that cursors visit ahead of
//! time, and switches that no user has. All of it is each system thread's own, and
//! no schedule point; a model runs on one system thread.

use core::cell::Cell;

use super::Way;

/// How many nodes cursors have visited ahead of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Visits {
    /// On the way forward.
    pub ahead: usize,
    /// On the way back.
    pub behind: usize,
    /// How many times it was some.
    pub times: usize,
}

std::thread_local! {
    static VISITS: Cell<Visits> = const { Cell::new(Visits { ahead: 0, behind: 0, times: 0 }) };
}

/// Counts nodes visited ahead of time.
pub(crate) fn note_visits(way: Way, nodes: usize) {
    let mut visits = VISITS.get();
    visits.times += 1;
    match way {
        Way::Ahead => visits.ahead += nodes,
        Way::Behind => visits.behind += nodes,
    }
    VISITS.set(visits);
}

/// The nodes visited while `f` runs. A test or model of looking ahead shows with it
/// that it is not blind, and one of its cost that there are not too many.
pub fn visits_of<R>(f: impl FnOnce() -> R) -> (R, Visits) {
    let before = VISITS.get();
    let result = f();
    let after = VISITS.get();
    let visits = Visits {
        ahead: after.ahead - before.ahead,
        behind: after.behind - before.behind,
        times: after.times - before.times,
    };
    (result, visits)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod refusal {
    use core::cell::Cell;

    std::thread_local! {
        static REFUSED: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs `f` while cursors, and lists to sort in, are refused memory.
    pub(crate) fn without_memory<R>(f: impl FnOnce() -> R) -> R {
        REFUSED.set(true);
        let result = f();
        REFUSED.set(false);
        result
    }

    pub(crate) fn is_memory_refused() -> bool {
        REFUSED.get()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) use refusal::{is_memory_refused, without_memory};
