//! One thread of a run: its roles, and what it chooses to do next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use verimem::sequencer::ReadView;

use super::beside::{self, Hands};
use super::fault::Fault;
use super::oracle::Check;
use super::rng::{Rng, hash};
use super::tally::Tally;
use super::world::{Generation, World};
use super::{audit, read, scan, write};

/// What a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Writes, rotates, and checks sealed tables when too many wait.
    Write,
    /// Looks keys up.
    Read,
    /// Moves cursors.
    Scan,
}

/// The roles of thread `index` among `threads`; together they are all roles.
pub fn roles(index: usize, threads: usize) -> &'static [Role] {
    match (threads, index) {
        (1, _) => &[Role::Write, Role::Read, Role::Scan],
        (2, 0) | (_, 0) => &[Role::Write],
        (2, _) => &[Role::Read, Role::Scan],
        (_, index) => match index % 4 {
            1 => &[Role::Read],
            2 => &[Role::Scan],
            _ => &[Role::Write],
        },
    }
}

/// Operations between two looks for another table to read.
const VIEW_LIFE: u64 = 64;

/// One in so many turns goes to a table beside the row.
const BESIDE: u64 = 24;

/// The state of one thread.
pub struct Worker<'w, F> {
    /// What all threads share.
    pub world: &'w World<F>,
    /// This thread's choices.
    pub rng: Rng,
    /// What this thread did.
    pub tally: Tally,
    /// The current table, as far as this thread knows.
    pub current: Arc<Generation<F>>,
    /// The table that this thread reads.
    pub view: Arc<Generation<F>>,
    /// The last entry that this thread wrote, and where.
    pub last: Option<(Arc<Generation<F>>, u64)>,
    /// The newest number that this thread saw published.
    pub published: u64,
    /// Which thread this is.
    pub index: usize,
    /// The tables beside the row that this thread holds.
    pub hands: Hands<F>,
    /// Room for a batch's values.
    pub values: Vec<u8>,
}

impl<'w, F: Fault> Worker<'w, F> {
    /// Thread `index`.
    pub fn new(world: &'w World<F>, index: usize) -> Self {
        let current = world.current();
        Self {
            world,
            rng: Rng::new(hash(&[world.seed, index as u64, 6])),
            tally: Tally::default(),
            view: Arc::clone(&current),
            current,
            last: None,
            published: 0,
            index,
            hands: Hands::default(),
            values: Vec::new(),
        }
    }

    /// Works until the run ends or something is wrong; `progress` shows the
    /// number of operations so far to whoever watches.
    pub fn run(&mut self, roles: &[Role], progress: &AtomicU64) {
        let mut turn = 0u64;
        while !self.world.stopping() {
            if turn.is_multiple_of(VIEW_LIFE) {
                self.change_view();
                progress.store(self.tally.total().operations(), Ordering::Relaxed);
            }
            turn += 1;
            let role = *self.rng.choose(roles);
            if let Err(what) = self.step(role) {
                self.world.violate(format!("{role:?} thread: {what}"));
            }
        }
        if let Err(what) = beside::leave(self) {
            self.world.violate(what);
        }
        progress.store(self.tally.total().operations(), Ordering::Relaxed);
    }

    fn step(&mut self, role: Role) -> Check {
        if self.rng.one_in(BESIDE) {
            return beside::step(self, role == Role::Write);
        }
        match role {
            Role::Write if self.world.waiting() > 1 => audit::check_one(self),
            Role::Write => write::step(self),
            Role::Read => read::step(self),
            Role::Scan => scan::step(self),
        }
    }

    /// Mostly the current table, sometimes a retired one.
    fn change_view(&mut self) {
        self.world.refresh(&mut self.current);
        let retired = if self.rng.one_in(4) {
            self.world.some_retired(self.rng.next())
        } else {
            None
        };
        self.view = retired.unwrap_or_else(|| Arc::clone(&self.current));
    }

    /// What this thread sees of a table from now on.
    pub fn look(&mut self, generation: &Generation<F>) -> Check<Option<ReadView>> {
        self.world.view(generation, &mut self.published)
    }

    /// Lets go of every table.
    pub fn into_tally(self) -> Tally {
        self.tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_threads_covers_all_roles() {
        for threads in 1..40 {
            for role in [Role::Write, Role::Read, Role::Scan] {
                assert!(
                    (0..threads).any(|index| roles(index, threads).contains(&role)),
                    "{threads} {role:?}"
                );
            }
        }
    }
}
