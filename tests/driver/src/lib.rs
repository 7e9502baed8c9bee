//! The differential driver: one operation sequence on a table and on the
//! reference model, every answer and every cursor compared.
//!
//! - [`run`] is what proptest, the fuzzer and the `volume` program call;
//! - [`Subject`] is the table behind a trait, [`Real`] the table itself,
//!   [`Faulty`] one with a planted bug;
//! - [`hostile`] holds what the fuzz targets do, so that tests can replay their
//!   corpora;
//! - [`write_batch`] is a write batch as plain as it can be;
//! - [`seeds`] makes the corpora.
#![cfg(not(any(loom, shuttle)))]

mod any_order;
mod batches;
mod candidate;
mod config;
mod cursors;
mod decode;
mod divergence;
mod fault;
mod faulty;
pub mod hostile;
mod knobs;
mod operator;
mod prefixes;
mod reads;
mod real;
mod reduce;
mod run;
pub mod seeds;
mod slots;
mod subject;
pub mod write_batch;
mod writes;

pub use candidate::{Abilities, Candidate};
pub use config::{Coarse, Compare, Config, Filtering, Plain, Rep, Towers, extractor};
pub use decode::{decode, ops_from_bytes};
pub use divergence::Divergence;
pub(crate) use divergence::same;
pub use fault::Fault;
pub use faulty::Faulty;
pub use knobs::{KNOBS, Knob};
pub use real::Real;
pub use reduce::reduce;
pub use run::{open, open_on, run, run_on, run_with_fault};
pub use subject::{Answers, BatchWriter, Stored, Subject, TableCursor};
pub use verimem_model::Prefixes;
