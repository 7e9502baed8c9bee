//! What the tables of a run look like.

use std::sync::Arc;

use verimem::Protection;
use verimem::rep::{AnyFactory, HashLinkListFactory, HashSkipListFactory, VectorFactory};
use verimem::{CappedPrefix, Error, FixedPrefix, MemTable, MemTableBuilder};

use super::fault::Fault;
use super::features::Feature;
use super::ledger::Ledger;
use super::rng::hash;
use super::scope::{Scope, in_turn};
use super::subject::Subject;
use super::world::Generation;
use crate::rep::Rep;

/// Entries after which a table is rotated out.
fn limit(seed: u64, number: u64, reps: u64) -> u64 {
    // As many for each representation, so that each has its share of the run.
    let h = hash(&[seed, number / reps, 4]);
    // The first ones are small, so that short runs rotate too.
    match number {
        0..8 => 1_000,
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
    scope: &Scope,
    number: u64,
    first: u64,
) -> Result<Generation<F>, Error> {
    let rep = in_turn(scope.reps(), number);
    let reps = scope.reps().len() as u64;
    let choice = Choice(hash(&[seed, number, 5]));
    let protections = [
        Protection::None,
        Protection::One,
        Protection::Two,
        Protection::Four,
        Protection::Eight,
    ];
    let (height, branching) = [(12, 4), (20, 2), (4, 4), (1, 4)][choice.pick(8, 4)];
    // A list without upper levels is searched from end to end: keep it short. So is that of the
    // first entries of buckets, where they are as tall as can be; and readers that verify
    // go through the few levels of a large bucket.
    let limit = match height {
        1 => 400,
        4 if rep.has_buckets() => limit(seed, number, reps).min(2_000),
        _ if rep.has_buckets() => limit(seed, number, reps).min(8_000),
        _ => limit(seed, number, reps),
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
    builder = with_prefixes(builder, rep, &choice);
    if scope.has(Feature::Filter) {
        builder = filtered(builder, &choice);
    }
    let checks = scope.has(Feature::Checks);
    if checks {
        let closely = choice.pick(48, 2) == 0;
        builder = builder
            .paranoid_checks(choice.pick(50, 2) == 0)
            .verify_checksums_on_seek(closely && !protection.is_empty());
    }
    let fault = F::default();
    // The first one does, and the second does not, so that short runs see both.
    let may_keep = match number {
        0 | 1 => number == 0,
        _ => choice.pick(52, 2) == 0,
    };
    let keeps = scope.has(Feature::Duplicates) && may_keep || rep.only_keeps_first();
    if rep.only_keeps_first() {
        builder = builder.duplicates(rep.strictest());
    } else if keeps {
        builder = builder.duplicates(fault.policy());
    }
    let mut folds = 0;
    if scope.has(Feature::Merges) {
        builder = builder.merge_operator(fault.operator());
        // The first of each representation folds, so that short runs fold too.
        folds = match number / reps {
            0 => 1,
            _ => [0, 1, 2, 5][choice.pick(44, 4)],
        };
        builder = builder.max_successive_merges(folds);
    }
    let table = builder.representation(factory(rep, seed, number)).build()?;
    Ok(Generation {
        subject: Subject::new(table, fault, checks, keeps),
        ledger: Arc::new(Ledger::new(number, rep, first, limit, folds)),
    })
}

/// What makes a table's representation. Those with buckets have few slots, so that several
/// prefixes come to share one.
pub fn factory(rep: Rep, seed: u64, number: u64) -> AnyFactory {
    let choice = Choice(hash(&[seed, number, 7]));
    let height = [4, 2, 6][choice.pick(8, 3)];
    let branching = [4, 2][choice.pick(16, 2)];
    match rep.factory([64, 8, 1024][choice.pick(0, 3)]) {
        AnyFactory::HashSkipList(one) => AnyFactory::HashSkipList(HashSkipListFactory {
            height,
            branching,
            ..one
        }),
        AnyFactory::HashLinkList(one) => AnyFactory::HashLinkList(HashLinkListFactory {
            // So short that most lists become skiplists, and as it is by default.
            threshold_use_skiplist: [8, 64, one.threshold_use_skiplist][choice.pick(24, 3)],
            height,
            branching,
            ..one
        }),
        AnyFactory::Vector(_) => AnyFactory::Vector(VectorFactory {
            count: [0, 100, 10_000][choice.pick(32, 3)],
        }),
        plain => plain,
    }
}

/// Tables with buckets have prefixes, others some of them: short ones that most keys share, or
/// long ones that a few do. The empty key is too short to have any of a fixed length.
fn with_prefixes(builder: MemTableBuilder, rep: Rep, choice: &Choice) -> MemTableBuilder {
    match choice.pick(40, 4) {
        0 if rep.has_buckets() => builder.prefix_extractor(Arc::new(FixedPrefix(8))),
        1 if rep.has_buckets() => builder.prefix_extractor(Arc::new(CappedPrefix(3))),
        0 | 1 => builder,
        2 => builder.prefix_extractor(Arc::new(FixedPrefix(6))),
        _ => builder.prefix_extractor(Arc::new(CappedPrefix(9))),
    }
}

/// Some tables have a filter: of whole keys, of prefixes, or of both; one that tells
/// most keys apart, or one so small that it soon denies nothing.
fn filtered(builder: MemTableBuilder, choice: &Choice) -> MemTableBuilder {
    let size = [0.0, 0.002, 0.000_02][choice.pick(36, 3)];
    let whole_keys = choice.pick(40, 4) != 3;
    builder
        .bloom_size_ratio(size)
        .whole_key_filtering(whole_keys)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use verimem::rep::{AnyRep, BucketDistribution, MemTableRep};

    use super::super::fault::NoFault;
    use super::super::plan::Plan;
    use super::*;
    use crate::rep::Reps;

    /// That keys share prefixes, prefixes share slots, and tables are what they should be.
    #[test]
    fn r2_buckets_have_several_entries_and_slots_several_buckets() {
        let scope = Scope::new(&Reps(Rep::value_variants().to_vec()), &[]).unwrap();
        let plan = Plan::new(3, scope.features());
        let mut spreads = Vec::new();
        for number in 0..32 {
            let generation = generation::<NoFault>(3, &scope, number, 0).unwrap();
            let (rep, table) = (generation.ledger.rep, generation.subject.table());
            rep.check(table.representation().name()).unwrap();
            assert!(rep.check("btree").is_err());
            let AnyRep::Hash(hashed) = table.representation() else {
                continue;
            };
            for sequence in (0..8000).step_by(8) {
                let (rank, kind) = (plan.rank(sequence), plan.kind(sequence));
                if kind != verimem::Kind::RANGE_DELETION {
                    table.add(sequence, kind, plan.key(rank), b"").unwrap();
                }
            }
            spreads.push(hashed.bucket_distribution().unwrap());
        }
        assert_eq!(spreads.len(), 16);
        for one in &spreads {
            assert!(one.buckets > 4 && one.largest > 100, "{one:?}");
        }
        let chained = spreads.iter().filter(|one| one.longest_chain > 1).count();
        let small = |one: &&BucketDistribution| one.sizes[..4].iter().sum::<usize>() > 100;
        let small = spreads.iter().filter(small).count();
        assert!(chained > 4 && small > 2, "{chained} {small}");
    }
}
