//! Operation sequences beside the reference model.

use verimem_driver::seeds::Random;
use verimem_driver::{Candidate, Config, Divergence, decode, open_on, reduce, run_on};
use verimem_model::{Histogram, Op};

use crate::{Failure, Kit};

/// Bytes that a sequence is made of: some operations, or many.
const BYTES: std::ops::Range<usize> = 64..4000;

/// The options that are asked of the candidate.
fn asked(candidate: &impl Candidate, config: &Config) -> Config {
    candidate.abilities().of(config)
}

/// Runs one sequence on a new table.
fn run(candidate: &impl Candidate, config: &Config, ops: &[Op]) -> Result<Histogram, Divergence> {
    let config = asked(candidate, config);
    run_on(&*open_on(candidate, &config)?, &config, ops)
}

pub(crate) fn check(kit: &Kit, candidate: &impl Candidate) -> Result<Histogram, Failure> {
    let (mut random, mut bytes) = (Random(kit.seed), Vec::new());
    let mut histogram = Histogram::default();
    for sequence in 0..kit.sequences {
        let length = BYTES.start + random.below(BYTES.len());
        random.fill(length, &mut bytes);
        let (config, ops) = decode(&bytes);
        match run(candidate, &config, &ops) {
            Ok(done) => histogram.merge(&done),
            Err(divergence) => {
                let ops = reduce(&ops, |ops| run(candidate, &config, ops).is_err());
                let again = run(candidate, &config, &ops).err().unwrap_or(divergence);
                return Err(Failure::Sequence {
                    sequence,
                    operations: ops.len(),
                    what: format!("{again}\n{ops:#?}\non {:?}", asked(candidate, &config)),
                });
            }
        }
    }
    Ok(histogram)
}
