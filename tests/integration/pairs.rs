//! Every value of every option, together with every value of every other one.
//!
//! Rows of options are made such that each pair of values is in one of them: rows at random
//! that have the next missing pair, of which the one with the most missing pairs is taken.

use std::collections::BTreeSet;
use std::time::Instant;

use verimem_driver::seeds::Random;
use verimem_driver::{Config, KNOBS, ops_from_bytes, reduce, run};
use verimem_model::Histogram;

/// The place of an option, and that of its value.
type Value = (usize, usize);

/// The value of each option.
type Row = [usize; KNOBS.len()];

/// So many rows are tried for each that is taken.
const TRIED: usize = 200;
/// Operation sequences of each row, and the bytes that each is made of.
const SEQUENCES: u64 = 3;
const BYTES: usize = 2_000;

fn config(row: &Row) -> Config {
    let mut config = Config::default();
    for (knob, place) in KNOBS.iter().zip(row) {
        knob.turn(&mut config, *place);
    }
    config
}

fn values() -> impl Iterator<Item = Value> {
    let places = |option: usize| (0..KNOBS[option].values).map(move |place| (option, place));
    (0..KNOBS.len()).flat_map(places)
}

/// All pairs of values of different options.
fn all_pairs() -> BTreeSet<(Value, Value)> {
    let pairs = values().flat_map(|one| values().map(move |other| (one, other)));
    pairs.filter(|(one, other)| one.0 < other.0).collect()
}

fn pairs_of(row: &Row) -> impl Iterator<Item = (Value, Value)> + '_ {
    let place = |option: usize| (option, row[option]);
    let behind =
        move |one: usize| (one + 1..row.len()).map(move |other| (place(one), place(other)));
    (0..row.len()).flat_map(behind)
}

/// A row at random that has two values.
fn random_row(random: &mut Random, (one, other): (Value, Value)) -> Row {
    let mut row = std::array::from_fn(|option| random.below(KNOBS[option].values));
    for (option, place) in [one, other] {
        row[option] = place;
    }
    row
}

/// Rows that make tables, and pairs that no table can have.
fn rows() -> (Vec<Row>, Vec<(Value, Value)>) {
    let (mut missing, mut random) = (all_pairs(), Random(7));
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    while let Some(&pair) = missing.first() {
        let tried: Vec<Row> = (0..TRIED).map(|_| random_row(&mut random, pair)).collect();
        let allowed = tried.iter().filter(|row| config(row).refused().is_none());
        let new = |row: &Row| pairs_of(row).filter(|pair| missing.contains(pair)).count();
        match allowed.max_by_key(|row| new(row)) {
            Some(row) => {
                missing = missing
                    .difference(&pairs_of(row).collect())
                    .copied()
                    .collect();
                rows.push(*row);
            }
            None => {
                missing.remove(&pair);
                refused.push(pair);
            }
        }
    }
    (rows, refused)
}

fn name((option, place): Value) -> String {
    format!("{}[{place}]", KNOBS[option].name)
}

/// Runs operations on a row; says what they were if table and model part.
fn agree(row: &Row, seed: u64) -> Histogram {
    let (config, mut bytes) = (config(row), Vec::new());
    Random(seed).fill(BYTES, &mut bytes);
    let ops = ops_from_bytes(&bytes);
    run(&config, &ops).unwrap_or_else(|divergence| {
        let ops = reduce(&ops, |ops| run(&config, ops).is_err());
        panic!("{divergence}\nreduced to {ops:#?}\non {config:?}")
    })
}

#[test]
fn every_pair_of_options_agrees_with_the_model() {
    let (begun, (rows, refused)) = (Instant::now(), rows());
    let mut done = Histogram::default();
    for (seed, row) in (0..).zip(&rows) {
        for sequence in 0..SEQUENCES {
            done.merge(&agree(row, seed * SEQUENCES + sequence));
        }
    }
    let covered: BTreeSet<_> = rows.iter().flat_map(pairs_of).collect();
    assert_eq!(covered.len() + refused.len(), all_pairs().len());
    println!(
        "PAIRS options={} pairs={} refused={} rows={} operations={} seconds={:.1}",
        KNOBS.len(),
        covered.len(),
        refused.len(),
        rows.len(),
        done.total(),
        begun.elapsed().as_secs_f64(),
    );
}

/// The builder refuses what no table can have, and nothing else: `run` asks it.
#[test]
fn pairs_that_no_table_can_have_are_refused() {
    let (_, refused) = rows();
    let names: BTreeSet<_> = refused
        .iter()
        .map(|(one, other)| (name(*one), name(*other)))
        .collect();
    let expected = [
        // An order that may take different bytes for the same key, and a filter.
        ("compare[2]", "filtering[1]"),
        ("compare[2]", "filtering[2]"),
        // No checksums to verify.
        ("protection_bytes[0]", "verify_checksums_on_seek[1]"),
        // Nothing to fold with.
        ("merging[0]", "max_successive_merges[1]"),
        ("merging[0]", "max_successive_merges[2]"),
        ("merging[0]", "max_successive_merges[3]"),
        // A vector notices duplicates late.
        ("rep[5]", "duplicates[0]"),
        ("rep[5]", "duplicates[2]"),
    ];
    assert_eq!(
        names,
        expected
            .map(|(one, other)| (one.to_owned(), other.to_owned()))
            .into()
    );
    for pair in refused {
        let row = random_row(&mut Random(1), pair);
        assert!(config(&row).refused().is_some(), "{pair:?}");
        agree(&row, 1);
    }
}

/// Each option is in the table, and each of its values is another one.
#[test]
fn the_options_are_all_there() {
    let Config {
        rep: _,
        compare: _,
        max_height: _,
        branching: _,
        towers: _,
        protection_bytes: _,
        write_buffer_size: _,
        arena_block_size: _,
        capacity: _,
        exclusive: _,
        track_reads: _,
        arena_shards: _,
        seed: _,
        earliest_sequence: _,
        filtering: _,
        whole_keys: _,
        prefixes: _,
        merging: _,
        max_successive_merges: _,
        timestamp_len: _,
        duplicates: _,
        paranoid_checks: _,
        verify_checksums_on_seek: _,
        show_corrupt_keys: _,
        lookahead: _,
        abilities: _, // not an option
    } = Config::default();
    // One more than these does not compile; one less than these in the table:
    assert_eq!(KNOBS.len(), 24, "all but the seed");
    for (option, knob) in KNOBS.iter().enumerate() {
        let mut row = [0; KNOBS.len()];
        let mut configs = BTreeSet::new();
        for place in 0..knob.values {
            row[option] = place;
            assert!(
                configs.insert(format!("{:?}", config(&row))),
                "{}[{place}]",
                knob.name
            );
        }
        row[option] = 0;
        assert_eq!(config(&row), Config::default(), "{}", knob.name);
    }
}
