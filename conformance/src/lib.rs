//! What a representation has to do, as checks that anybody's can be put to.
//!
//! [`Kit::check`] takes a [`Candidate`], which makes representations, and puts tables on them to
//!
//! - random operation sequences beside the reference model: adds, batches, hints, merges, range
//!   deletions, reads at snapshots, and every cursor law (seeks both ways, direction changes,
//!   entries added while a cursor stands somewhere), on random options;
//! - threads that check themselves: writers beside readers that see all that was published, whole
//!   and in order; a seal that loses nothing; one of many equal adds that succeeds.
//!
//! What a representation cannot do, by its [`Abilities`], is not asked of it.
//!
//! ```
//! use verimem::Comparator;
//! use verimem::rep::SkipListFactory;
//! use verimem_conformance::{Candidate, Kit};
//!
//! struct Mine;
//!
//! impl Candidate for Mine {
//!     type Factory<C: Comparator> = SkipListFactory;
//!
//!     fn factory<C: Comparator>(&self) -> SkipListFactory {
//!         SkipListFactory
//!     }
//! }
//!
//! let report = Kit { sequences: 20, ..Kit::default() }.check(&Mine)?;
//! assert!(report.operations > 0 && report.races > 0);
//! # Ok::<(), verimem_conformance::Failure>(())
//! ```
#![cfg(not(any(loom, shuttle)))]

mod races;
mod sequences;

use std::fmt;

use verimem::BytewiseComparator;
pub use verimem_driver::{Abilities, Candidate, Config};
use verimem_model::Histogram;

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Kit {
    /// Operation sequences, of up to some hundred operations each.
    pub sequences: u32,
    /// Rounds of each race of threads.
    pub rounds: u32,
    /// What the sequences are drawn from.
    pub seed: u64,
}

impl Default for Kit {
    fn default() -> Self {
        Self {
            sequences: 300,
            rounds: 3,
            seed: 1,
        }
    }
}

/// What was tried, with success.
#[derive(Debug, Clone)]
pub struct Report {
    /// Operations beside the model.
    pub operations: u64,
    /// Which, and how they ended.
    pub histogram: Histogram,
    /// Races of threads.
    pub races: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations, {} races", self.operations, self.races)
    }
}

/// What a representation did wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A table answered otherwise than the model.
    #[error("sequence {sequence}, after {operations} operations: {what}")]
    Sequence {
        /// Which sequence of the seed.
        sequence: u32,
        /// How many operations show it, after as many as possible were taken away.
        operations: usize,
        /// The operations, the options, and both answers.
        what: String,
    },
    /// Threads saw what must not be.
    #[error("race `{race}`: {what}")]
    Race {
        /// Which race.
        race: &'static str,
        /// What was seen.
        what: String,
    },
}

impl Kit {
    /// Puts a representation to all checks.
    ///
    /// # Errors
    ///
    /// The first [`Failure`]. A panic of the representation is one of a race, and passes through
    /// from a sequence.
    pub fn check(&self, candidate: &(impl Candidate + Sync)) -> Result<Report, Failure> {
        let histogram = sequences::check(self, candidate)?;
        let make = || candidate.factory::<BytewiseComparator>();
        Ok(Report {
            operations: histogram.total(),
            histogram,
            races: races::check(self, candidate.abilities(), &make)?,
        })
    }
}
