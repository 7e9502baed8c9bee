//! The oracle notices: what it says is the same is compared, and what differs is said.

use verimem_driver::seeds::Random;
use verimem_driver::{Config, Fault, Faulty, decode, open};
use verimem_model::{
    Add, Key, KeyChoice, Op, SequenceChoice, SightChoice, SnapshotChoice, TimeChoice, Value,
};
use verimem_oracle::{
    Extras, Slip, Totals, Why, any, fitting, one_damaged, one_in_place, one_stamped, run, run_on,
};

fn add(key: &[u8], kind: u8) -> Op {
    Op::Add(Add {
        key: Key(key.to_vec()),
        time: TimeChoice::Missing,
        sequence: SequenceChoice::Next(0),
        kind,
        value: Value {
            length: 3,
            start: b'x',
        },
    })
}

/// Random runs agree (G1, G2, G3, S5, D1, E9, E10, W3, W4), with all sorts of operations among them.
#[test]
fn g1_random_runs_agree() {
    let mut totals = Totals::default();
    for seed in 0..2000 {
        match any(seed, 2048) {
            Ok(found) => totals.merge(&found),
            Err(difference) => panic!("{difference}"),
        }
    }
    for name in [
        "add",
        "add_again",
        "add_with_hint",
        "batch.add",
        "batch.at_once",
        "bulk.add",
        "delete_range",
        "get",
        "get_merged",
        "get_entry",
        "multi_get",
        "cursor.move",
        "cursor.walk",
        "cursor.scan",
        "range_deletions",
        "counters",
        "seal",
        "stamped.add",
        "stamped.add_again",
        "stamped.delete_range",
        "stamped.get",
        "stamped.get_merged",
        "stamped.multi_get",
        "stamped.cursor",
        "stamped.scan",
        "stamped.stripped",
        "stamped.counters",
        "damage.add",
        "damage.byte",
        "damage.get",
        "damage.multi_get",
        "damage.scan",
        "in_place.add",
        "in_place.update",
        "in_place.update_with",
        "in_place.delete_range",
        "in_place.get",
        "in_place.multi_get",
        "in_place.counters",
        "in_place.scan",
        "write_batch.add",
        "write_batch.append",
        "write_batch.read",
        "write_batch.read_damaged",
    ] {
        let count = totals.operations.get(name).copied().unwrap_or(0);
        assert!(count > 20, "{name}: {count}");
    }
}

/// Operations are counted, and so is what is explained (G2): all reads of one key here.
#[test]
fn g2_what_is_explained_is_counted() {
    let sight = SightChoice {
        snapshot: SnapshotChoice::Back(0),
        time: None,
        hidden: verimem_model::HiddenChoice::Nothing,
        min_uncommitted: None,
    };
    let ops = [
        add(b"a", 1),
        add(b"b", 2),
        Op::Get(KeyChoice::Added(0), sight),
        Op::Get(KeyChoice::Added(1), sight),
    ];
    let totals = run(&Config::default(), Extras::default(), &ops).expect("the same");
    assert_eq!(totals.operations["add"], 2);
    assert!(totals.explained() > 0);
    assert_eq!(totals.explained[&Why::NoOperator], totals.explained());
}

/// Planted bugs of operations that are not compared with RocksDB's: bounds, prefixes, samples, estimates,
/// folding while writing, other policies for duplicates, and what a configuration plants; or of
/// those that have runs of their own: timestamps, and checksums that are handed in.
const NOT_COMPARED: [Fault; 19] = [
    Fault::PrefixLeft,
    Fault::AutoKeepsToPrefix,
    Fault::InclusiveBound,
    Fault::FoldsLate,
    Fault::RangeCountsEnd,
    Fault::SampledTwice,
    Fault::FilterHidesTombstone,
    Fault::TimestampIgnored,
    Fault::TimestampEchoed,
    Fault::NewestTimestampLost,
    Fault::RangeTimesIgnored,
    Fault::StrippedBySequence,
    Fault::ChecksumIgnored,
    Fault::ChecksumLate,
    Fault::KeyShownOtherwise,
    Fault::KeepFirstRefuses,
    Fault::KeptIsCounted,
    Fault::OverwriteKeepsFirst,
    Fault::OverwriteCountsTag,
];

/// A bug planted in our table is a difference, whatever it is (E2, S2, G1 to G4, D2, W7, I1).
#[test]
fn g1_planted_bugs_are_differences() {
    for fault in Fault::ALL {
        if NOT_COMPARED.contains(&fault) {
            continue;
        }
        let is_found = (0..3_000).any(|seed| {
            let mut bytes = Vec::new();
            Random(seed).fill(1024, &mut bytes);
            let (config, ops) = decode(&bytes);
            let config = fitting(&config);
            let ours = Faulty::new(open(&config).expect("a table"), fault);
            run_on(&ours, &config, Extras::default(), &ops).is_err()
        });
        assert!(is_found, "{fault:?} was not noticed");
    }
}

/// So are bugs with timestamps (E9).
#[test]
fn e9_planted_slips_with_timestamps_are_differences() {
    for slip in [
        Slip::ReadsEarlier,
        Slip::DeletesLater,
        Slip::SeeksOlder,
        Slip::TellsNewer,
    ] {
        let is_found = (0..300).any(|seed| one_stamped(seed, slip).is_err());
        assert!(is_found, "{slip:?} was not noticed");
    }
}

/// So is damage that one table alone has, and a checksum that one alone believes (E10).
#[test]
fn e10_planted_slips_with_checksums_are_differences() {
    for slip in [Slip::ChangesNothing, Slip::TrustsHanded] {
        let is_found = (0..300).any(|seed| one_damaged(seed, slip).is_err());
        assert!(is_found, "{slip:?} was not noticed");
    }
}

/// So is an update that is not what was asked for, or not where (W4).
#[test]
fn w4_planted_slips_of_updates_are_differences() {
    for slip in [Slip::CutsUpdates, Slip::AddsAlways, Slip::ForgetsValue] {
        let is_found = (0..300).any(|seed| one_in_place(seed, slip).is_err());
        assert!(is_found, "{slip:?} was not noticed");
    }
}
