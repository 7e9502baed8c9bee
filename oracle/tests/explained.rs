//! Each difference that is explained (docs/oracle.md), pinned: what RocksDB says, and what verimem
//! says. If RocksDB changes its mind, the test fails and the explanation goes.

use verimem_driver::{Config, Subject, open};
use verimem_model::{Answer, Base, Entry, Hidden, MAX_SEQUENCE, Merging, Pattern, Sight, kind};
use verimem_oracle::{Code, Extras, Reply, Rocks, Seen, Way, entity, folded, theirs};

/// Both tables, with the same options.
struct Pair {
    ours: Box<dyn Subject>,
    rocks: Rocks,
    merging: Merging,
}

impl Pair {
    fn new(merging: Merging) -> Self {
        let config = Config {
            merging,
            ..Config::default()
        };
        Self {
            ours: open(&config).expect("a table"),
            rocks: Rocks::new(&config, Extras::default()),
            merging,
        }
    }

    /// Adds an entry to both.
    fn add(&self, key: &[u8], sequence: u64, kind: u8, value: &[u8]) {
        let entry = entry(key, sequence, kind, value);
        assert_eq!(self.ours.add(&entry), Ok(()));
        assert!(self.there(&entry));
    }

    /// Adds an entry to RocksDB's.
    fn there(&self, entry: &Entry<'_>) -> bool {
        let added = self.rocks.add(entry, Way::Among);
        self.rocks.finish();
        added
    }

    fn get(&self, key: &[u8], snapshot: u64) -> (Answer<'_>, Reply) {
        let sight = Sight::at(snapshot);
        let answer = self.ours.get(key, &sight).expect("an answer");
        (answer, self.rocks.get(key, &sight, false))
    }

    fn folded(&self, key: &[u8], snapshot: u64) -> Seen {
        theirs(
            self.rocks.get(key, &Sight::at(snapshot), true),
            true,
            self.merging,
        )
    }
}

fn entry<'a>(user_key: &'a [u8], sequence: u64, kind: u8, value: &'a [u8]) -> Entry<'a> {
    Entry {
        user_key,
        sequence,
        kind,
        value,
    }
}

#[test]
fn e3_a_table_whose_last_least_number_is_0_reads_as_empty() {
    let pair = Pair::new(Merging::Nothing);
    pair.add(b"a", 0, kind::VALUE, b"v");
    let (ours, theirs) = pair.get(b"a", 9);
    assert!(matches!(ours, Answer::Found { sequence: 0, .. }));
    assert_eq!(theirs.code, Code::Missing);
    assert!(pair.rocks.counters().is_empty && !pair.ours.is_empty());
    // Another entry brings it back.
    pair.add(b"b", 5, kind::VALUE, b"v");
    assert_eq!(pair.get(b"a", 9).1.code, Code::Value);
    assert_eq!(pair.rocks.counters().first_sequence, 5);
    assert_eq!(pair.ours.stats().0.first_sequence, Some(0));
}

#[test]
fn e3_a_range_deletion_with_number_0_is_taken_for_none() {
    let pair = Pair::new(Merging::Append);
    pair.add(b"z", 7, kind::VALUE, b"v");
    pair.add(b"c", 3, kind::MERGE, b"m");
    pair.add(b"a", 0, kind::RANGE_DELETION, b"m");
    pair.add(b"z", 8, kind::VALUE, b"v");
    let (ours, theirs) = pair.get(b"b", 9);
    assert!(matches!(ours, Answer::Deleted { sequence: 0, .. }));
    assert_eq!((theirs.code, theirs.covering), (Code::Missing, 0));
    let (ours, theirs) = pair.get(b"c", 9);
    let base = Base::Deleted { sequence: 0 };
    assert!(matches!(ours, Answer::Merge { base: found, .. } if found == base));
    assert_eq!((theirs.code, theirs.covering), (Code::Operands, 0));
}

#[test]
fn e3_the_largest_number_is_taken_for_none() {
    let pair = Pair::new(Merging::Append);
    pair.add(b"a", 5, kind::VALUE, b"v");
    pair.add(b"a", MAX_SEQUENCE, kind::MERGE, b"m");
    let (ours, theirs) = pair.get(b"a", MAX_SEQUENCE);
    assert!(matches!(
        ours,
        Answer::Merge {
            sequence: MAX_SEQUENCE,
            ..
        }
    ));
    assert_eq!((theirs.code, theirs.sequence), (Code::Value, 5));
}

#[test]
fn e3_numbers_that_are_too_large_wrap() {
    let pair = Pair::new(Merging::Nothing);
    let wrapped = entry(b"a", MAX_SEQUENCE + 1 + 5, kind::VALUE, b"v");
    assert!(pair.ours.add(&wrapped).is_err());
    assert!(pair.there(&wrapped));
    assert_eq!(pair.get(b"a", 5).0, Answer::NotFound);
    assert_eq!(pair.get(b"a", 5).1.sequence, 5);
}

#[test]
fn e4_kinds_of_the_engine_are_taken_for_corruption() {
    let pair = Pair::new(Merging::Nothing);
    pair.add(b"a", 5, 0x40, b"v");
    let (ours, theirs) = pair.get(b"a", 9);
    assert!(matches!(ours, Answer::Found { kind: 0x40, .. }));
    assert_eq!(theirs.code, Code::Corruption);
    // Also under a range deletion.
    pair.add(b"a", 7, kind::RANGE_DELETION, b"b");
    let (ours, theirs) = pair.get(b"a", 9);
    assert!(matches!(ours, Answer::Deleted { sequence: 7, .. }));
    assert_eq!((theirs.code, theirs.covering), (Code::Corruption, 7));
}

#[test]
fn g2_operands_are_not_gathered_without_an_operator() {
    let pair = Pair::new(Merging::Nothing);
    pair.add(b"a", 5, kind::MERGE, b"m");
    let (ours, theirs) = pair.get(b"a", 9);
    assert!(matches!(ours, Answer::Merge { sequence: 5, .. }));
    assert_eq!(theirs.code, Code::InvalidArgument);
    assert!(theirs.operands.is_empty());
}

#[test]
fn g4_range_deletions_are_applied_though_they_are_hidden() {
    let pair = Pair::new(Merging::Nothing);
    pair.add(b"a", 5, kind::VALUE, b"v");
    pair.add(b"a", 7, kind::RANGE_DELETION, b"b");
    let sight = Sight {
        snapshot: 9,
        hidden: Hidden {
            pattern: Pattern::Between(7, 7),
            min_uncommitted: 6,
        },
    };
    let ours = pair.ours.get(b"a", &sight).expect("an answer");
    assert!(matches!(ours, Answer::Found { sequence: 5, .. }));
    let theirs = pair.rocks.get(b"a", &sight, false);
    assert_eq!((theirs.code, theirs.covering), (Code::Deleted, 7));
}

#[test]
fn g6_blob_indexes_are_not_gathered() {
    let pair = Pair::new(Merging::Append);
    pair.add(b"a", 5, kind::BLOB_INDEX, b"v");
    let (ours, theirs) = pair.get(b"a", 9);
    assert!(matches!(
        ours,
        Answer::Found {
            kind: kind::BLOB_INDEX,
            value: b"v",
            ..
        }
    ));
    assert_eq!(theirs.code, Code::NotSupported);
}

#[test]
fn g6_operands_are_folded_into_the_default_column_of_an_entity() {
    let pair = Pair::new(Merging::Append);
    pair.add(b"a", 5, kind::WIDE_COLUMN_ENTITY, &entity(b"v"));
    pair.add(b"a", 6, kind::MERGE, b"m");
    assert!(pair.ours.get_merged(b"a", &Sight::at(9)).is_err());
    let expected = Seen::Value {
        sequence: 6,
        parts: vec![b"v,m".to_vec()],
    };
    assert_eq!(pair.folded(b"a", 9), expected);
    // The operands and the entity are there for a caller to do so.
    let (ours, _) = pair.get(b"a", 9);
    assert_eq!(folded(&ours, Merging::Append), expected);
}

#[test]
fn d1_range_deletions_of_nothing_are_counted() {
    let pair = Pair::new(Merging::Nothing);
    pair.add(b"a", 5, kind::RANGE_DELETION, b"a");
    assert_eq!(pair.ours.stats().0.range_deletions, 0);
    assert_eq!(pair.rocks.counters().range_deletions, 1);
    let inverted = entry(b"b", 6, kind::RANGE_DELETION, b"a");
    assert!(pair.ours.add(&inverted).is_err());
    assert!(pair.there(&inverted));
    assert_eq!(pair.rocks.counters().range_deletions, 2);
}

#[test]
fn d1_a_range_deletion_with_begin_and_number_of_another_is_refused() {
    let pair = Pair::new(Merging::Nothing);
    pair.add(b"a", 5, kind::RANGE_DELETION, b"b");
    let longer = entry(b"a", 5, kind::RANGE_DELETION, b"m");
    assert_eq!(pair.ours.add(&longer), Ok(()));
    assert!(!pair.there(&longer));
    let (ours, theirs) = pair.get(b"c", 9);
    assert!(matches!(ours, Answer::Deleted { sequence: 5, .. }));
    assert_eq!((theirs.code, theirs.covering), (Code::Missing, 0));
}

#[test]
fn w7_a_sealed_table_takes_entries() {
    let pair = Pair::new(Merging::Nothing);
    assert_eq!(pair.ours.seal(), Ok(()));
    pair.rocks.seal();
    let late = entry(b"a", 5, kind::VALUE, b"v");
    assert!(pair.ours.add(&late).is_err());
    assert!(pair.there(&late));
    assert_eq!(pair.get(b"a", 9).0, Answer::NotFound);
    assert_eq!(pair.get(b"a", 9).1.code, Code::Value);
}
