//! The clock of a model: it stands still until the model moves it.
//!
//! Neither loom nor shuttle lets time pass. A model that wants a deadline to come calls
//! [`advance_clock`] in one of its threads and then wakes those who wait, as the end of a
//! timed wait would; to others that is a wake-up for no reason, which they must bear. When
//! it comes is up to the checker. Each system thread has a clock of its own, and reading it
//! is no schedule point; a model runs on one system thread.

use core::cell::Cell;
use core::time::Duration;

std::thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// A point in the model's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// What the clock shows.
    #[must_use]
    pub fn now() -> Self {
        Self(NOW.get())
    }

    /// The time from `earlier` on; zero if that is later.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// So much later, to the second.
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration.as_secs()).map(Self)
    }
}

/// Sets the clock to zero, as each execution of a model that moves it must.
pub fn reset_clock() {
    NOW.set(0);
}

/// Lets so many seconds pass.
pub fn advance_clock(seconds: u64) {
    NOW.set(NOW.get() + seconds);
}
