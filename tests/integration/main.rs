//! What users see, checked from outside: laws, operation sequences against the
//! reference model, real threads, limits, and hostile input.
//!
//! Environment:
//! - `VERIMEM_CASES`: sequences per configuration test (default 256);
//! - `VERIMEM_OPERATIONS`: the most operations of such a sequence (default 120);
//! - `VERIMEM_SECONDS`: how long the volume test runs (default 1);
//! - `VERIMEM_HISTOGRAM`: a file to append the histograms of operations to;
//! - `VERIMEM_VARINT32=all`: every varint32, not one in some.
#![cfg(not(any(loom, shuttle)))]

mod bytes_feature;
mod comparators;
mod conformance;
mod corpus;
mod in_place;
mod laws;
mod limits;
mod many;
mod nonsense;
mod pairs;
mod plain;
mod planted;
mod pool;
mod reps;
mod sequences;
mod threads;
mod varint;
mod walks;
mod write_batch;
mod write_buffer;
