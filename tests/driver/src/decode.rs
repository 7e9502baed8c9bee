//! Runs out of bytes.

use arbitrary::{Arbitrary, Unstructured};
use verimem_model::Op;

use crate::Config;

/// The most operations of one run: the model's counters and final scans are
/// linear in the number of entries.
const MAX_OPS: usize = 4096;

/// A configuration and operations, for as long as the bytes last.
#[must_use]
pub fn decode(bytes: &[u8]) -> (Config, Vec<Op>) {
    let mut u = Unstructured::new(bytes);
    let config = Config::arbitrary(&mut u).unwrap_or_default();
    (config, rest_of(&mut u))
}

/// Operations, for as long as the bytes last.
#[must_use]
pub fn ops_from_bytes(bytes: &[u8]) -> Vec<Op> {
    rest_of(&mut Unstructured::new(bytes))
}

fn rest_of(u: &mut Unstructured<'_>) -> Vec<Op> {
    let mut ops = Vec::new();
    while !u.is_empty() && ops.len() < MAX_OPS {
        match Op::arbitrary(u) {
            Ok(op) => ops.push(op),
            Err(_) => break,
        }
    }
    ops
}
