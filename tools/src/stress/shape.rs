//! What the tables of a run look like.

use std::sync::Arc;

use verimem::Protection;
use verimem::{CappedPrefix, Error, FixedPrefix, MemTable, MemTableBuilder};

use super::fault::Fault;
use super::features::{Feature, Features};
use super::ledger::Ledger;
use super::rng::hash;
use super::subject::Subject;
use super::world::Generation;

/// Entries after which a table is rotated out.
fn limit(seed: u64, number: u64) -> u64 {
    let h = hash(&[seed, number, 4]);
    // The first ones are small, so that short runs rotate too.
    match number {
        0..4 => 1_000,
        _ if h.is_multiple_of(8) => 60_000,
        _ => 2_000 + h % 20_000,
    }
}

/// Choices for one table.
struct Choice(u64);

impl Choice {
    fn pick(&self, shift: u32, count: u64) -> usize {
        ((self.0 >> shift) % count) as usize
    }
}

/// Tables come in many shapes: each number has its own.
pub fn generation<F: Fault>(
    seed: u64,
    features: Features,
    number: u64,
    first: u64,
) -> Result<Generation<F>, Error> {
    let choice = Choice(hash(&[seed, number, 5]));
    let protections = [
        Protection::None,
        Protection::One,
        Protection::Two,
        Protection::Four,
        Protection::Eight,
    ];
    let (height, branching) = [(12, 4), (20, 2), (4, 4), (1, 4)][choice.pick(8, 4)];
    // A list without upper levels is searched from end to end: keep it short.
    let limit = if height == 1 {
        400
    } else {
        limit(seed, number)
    };
    let protection = protections[choice.pick(0, 5)];
    let mut builder = MemTable::builder()
        .protection(protection)
        .arena_block_size([4096, 16_384, 65_536, 1 << 20][choice.pick(16, 4)])
        .max_height(height)
        .branching(branching)
        .earliest_sequence(first)
        .track_reads(choice.pick(24, 2) == 0);
    if choice.pick(32, 4) == 0 {
        builder = builder.capacity(Some(1 << 20));
    }
    if features.has(Feature::Filter) {
        builder = filtered(builder, &choice);
    }
    let checks = features.has(Feature::Checks);
    if checks {
        let closely = choice.pick(48, 2) == 0;
        builder = builder
            .paranoid_checks(choice.pick(50, 2) == 0)
            .verify_checksums_on_seek(closely && !protection.is_empty());
    }
    let fault = F::default();
    // The first one does, so that short runs see some kept.
    let keeps = features.has(Feature::Duplicates) && (number == 0 || choice.pick(52, 2) == 0);
    if keeps {
        builder = builder.duplicates(fault.policy());
    }
    let mut folds = 0;
    if features.has(Feature::Merges) {
        builder = builder.merge_operator(fault.operator());
        // The first one folds, so that short runs fold too.
        folds = match number {
            0 => 1,
            _ => [0, 1, 2, 5][choice.pick(44, 4)],
        };
        builder = builder.max_successive_merges(folds);
    }
    Ok(Generation {
        subject: Subject::new(builder.build()?, fault, checks, keeps),
        ledger: Arc::new(Ledger::new(number, first, limit, folds)),
    })
}

/// Some tables have a filter: of whole keys, of prefixes, or of both; one that tells
/// most keys apart, or one so small that it soon denies nothing.
fn filtered(builder: MemTableBuilder, choice: &Choice) -> MemTableBuilder {
    let size = [0.0, 0.002, 0.000_02][choice.pick(36, 3)];
    let builder = builder.bloom_size_ratio(size);
    match choice.pick(40, 4) {
        0 | 1 => builder,
        2 => builder.prefix_extractor(Arc::new(FixedPrefix(6))),
        _ => builder
            .prefix_extractor(Arc::new(CappedPrefix(9)))
            .whole_key_filtering(false),
    }
}
