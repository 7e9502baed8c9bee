//! Each difference that is explained (docs/oracle.md), pinned: what RocksDB says, and what verimem
//! says. If RocksDB changes its mind, the test fails and the explanation goes.

use std::sync::Arc;

use verimem::in_place::{OwnedLookup, Updated};
use verimem::merge::StringAppend;
use verimem::{EntryRef, Error, Kind, Lookup, MemTable, Protection, TimestampedComparator};
use verimem_driver::{Config, Rep, Subject, open};
use verimem_model::{
    Answer, Base, Duplicates, Entry, Hidden, MAX_SEQUENCE, Merging, Pattern, Sight, kind,
};
use verimem_oracle::{Code, Extras, Reply, Rocks, Seen, Way, entity, folded, revised, theirs};

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
        timestamp: u64::MAX,
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
fn r4_a_vector_drops_a_duplicate_that_is_refused_there() {
    let config = Config {
        rep: Rep::Vector,
        duplicates: Duplicates::KeepFirst,
        ..Config::default()
    };
    let mut pair = Pair::new(Merging::Nothing);
    pair.ours = open(&config).expect("a table");
    pair.add(b"a", 5, kind::VALUE, b"first");
    let second = entry(b"a", 5, kind::VALUE, b"second");
    assert_eq!(pair.ours.add(&second), Ok(()));
    assert!(!pair.there(&second));
    let (ours, theirs) = pair.get(b"a", 9);
    assert!(
        matches!(
            ours,
            Answer::Found {
                value: b"first",
                ..
            }
        ),
        "{ours:?}"
    );
    assert_eq!(theirs.code, Code::Value);
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

/// Both tables, with timestamps behind the keys.
fn stamped() -> (MemTable<TimestampedComparator>, Rocks) {
    let config = Config {
        merging: Merging::Append,
        ..Config::default()
    };
    let extras = Extras {
        timestamps: true,
        ..Extras::default()
    };
    let keys = TimestampedComparator::bytewise().expect("an order");
    let ours =
        MemTable::with_comparator(keys).merge_operator(Arc::new(StringAppend { delimiter: b',' }));
    (ours.build().expect("a table"), Rocks::new(&config, extras))
}

fn at(key: &[u8], timestamp: u64) -> Vec<u8> {
    [key, &timestamp.to_le_bytes()].concat()
}

#[test]
fn e9_range_deletions_are_compared_by_their_numbers_alone() {
    let (ours, rocks) = stamped();
    let (key, begin, end) = (at(b"b", 9), at(b"a", 4), at(b"c", 4));
    // The older timestamp has the larger number.
    ours.add(1, Kind::VALUE, &key, b"v").expect("room");
    ours.delete_range(2, &begin, &end).expect("room");
    assert!(rocks.add(&entry(&key, 1, kind::VALUE, b"v"), Way::Among));
    assert!(rocks.add(&entry(&begin, 2, kind::RANGE_DELETION, &end), Way::Among));
    rocks.finish();
    let reader = ours.reader(9).expect("a reader").at_timestamp(9);
    let (found, timestamp) = reader.get_with_timestamp(b"b").expect("an answer");
    assert!(matches!(found, Lookup::Found { sequence: 1, .. }) && timestamp == Some(9));
    let reply = rocks.get_at(b"b", &Sight::at(9), 9, false);
    assert_eq!(
        (reply.code, reply.covering, reply.timestamp),
        (Code::Deleted, 2, Some(4))
    );
}

#[test]
fn e9_the_largest_timestamp_is_taken_for_none() {
    let (ours, rocks) = stamped();
    for (sequence, timestamp) in [(1, 7), (2, u64::MAX)] {
        let key = at(b"k", timestamp);
        ours.add(sequence, Kind::MERGE, &key, b"m").expect("room");
        assert!(rocks.add(&entry(&key, sequence, kind::MERGE, b"m"), Way::Among));
    }
    rocks.finish();
    let reader = ours.reader(9).expect("a reader");
    let (_, timestamp) = reader.get_with_timestamp(b"k").expect("an answer");
    assert_eq!(timestamp, Some(u64::MAX));
    let reply = rocks.get_at(b"k", &Sight::at(9), u64::MAX, false);
    assert_eq!((reply.operands.len(), reply.timestamp), (2, Some(7)));
}

/// RocksDB finds the checksum by the very length that is damaged: if what lies there happens to
/// fit, it returns what nobody wrote. A length of a key leads it further, out of its memory.
#[test]
fn e10_damaged_lengths_are_believed() {
    let config = Config {
        protection_bytes: 1,
        ..Config::default()
    };
    let mut believed = 0;
    for last in 0..=u8::MAX {
        let value = [b'v', b'w', last];
        let ours = MemTable::builder().protection(Protection::One).build();
        let ours = ours.expect("a table");
        let rocks = Rocks::new(&config, Extras::default());
        ours.add(1, Kind::VALUE, b"key", &value).expect("room");
        assert!(rocks.add(&entry(b"key", 1, kind::VALUE, &value), Way::Alone));
        let mut iter = rocks.iter();
        iter.seek_to_end(true);
        let there = iter.place().expect("an entry");
        let here = ours
            .get_entry(b"key", 1)
            .expect("an answer")
            .expect("an entry");
        let here = std::ptr::with_exposed_provenance_mut(here.user_key.as_ptr().addr());
        for key in [here, there] {
            // SAFETY: the length of the value lies behind the key and its tag.
            let length: *mut u8 = unsafe { key.add(b"key".len() + 8) };
            // SAFETY: nobody else uses the tables.
            assert_eq!(unsafe { length.read() }, 3);
            // SAFETY: as above.
            unsafe { length.write(2) };
        }
        let noticed = ours.get(b"key", 9);
        assert!(matches!(noticed, Err(Error::Corruption(_))), "{noticed:?}");
        let reply = rocks.get(b"key", &Sight::at(9), true);
        if reply.code == Code::Value {
            assert_eq!(reply.value, b"vw");
            believed += 1;
        }
    }
    assert!(believed > 0, "RocksDB noticed all of them");
}

#[test]
fn e10_a_damaged_length_of_a_key_is_noticed_here() {
    let ours = MemTable::builder().protection(Protection::Eight).build();
    let ours = ours.expect("a table");
    let (user_key, value) = (&b"key"[..], &b"value"[..]);
    let kind = Kind::VALUE;
    let stored = EntryRef {
        user_key,
        sequence: 1,
        kind,
        value,
    };
    ours.add(1, kind, user_key, value).expect("room");
    let here = ours.get_entry(user_key, 1).expect("an answer");
    assert_eq!(here, Some(stored));
    let address = here.expect("an entry").user_key.as_ptr().addr() - 1;
    let length = std::ptr::with_exposed_provenance_mut::<u8>(address);
    for wrong in 1..=u8::MAX {
        // SAFETY: the length of the key lies before it, and nobody else uses the table.
        unsafe { length.write(11 ^ wrong) };
        let noticed = ours.get(user_key, 9);
        assert!(
            matches!(noticed, Err(Error::Corruption(_))),
            "{wrong}: {noticed:?}"
        );
    }
}

/// A table of RocksDB's whose values can be updated where they are.
fn updatable() -> Rocks {
    let extras = Extras {
        in_place: true,
        ..Extras::default()
    };
    Rocks::new(&Config::default(), extras)
}

#[test]
fn w4_the_room_that_a_shorter_value_leaves_is_forgotten() {
    let ours = MemTable::builder().in_place().build().expect("a table");
    let rocks = updatable();
    ours.add(1, Kind::VALUE, b"k", b"12345678").expect("room");
    assert!(rocks.add(&entry(b"k", 1, kind::VALUE, b"12345678"), Way::Alone));
    for (sequence, value, entries) in [(2, &b"1"[..], 1), (3, b"12345678", 2)] {
        assert_eq!(ours.update(sequence, b"k", value), Ok(Updated::InPlace));
        assert_eq!(rocks.update(sequence, b"k", value), Ok(()));
        assert_eq!(
            (ours.stats().entries, rocks.counters().entries),
            (1, entries)
        );
    }
    // A callback is told the same: the value that is there now.
    let delta = [1, 8, b'x'];
    let mut writer = ours.writer().expect("a writer");
    let updated = writer.update_with(4, b"k", |lookup, out| {
        let Lookup::Found { value, .. } = lookup else {
            panic!("{lookup:?}");
        };
        let (decision, made) = revised(Some(value), &delta);
        out.extend_from_slice(&made);
        decision
    });
    assert_eq!(updated, Ok(Updated::InPlace));
    assert_eq!(rocks.update_with(4, b"k", &delta), Ok(true));
    assert_eq!((ours.stats().entries, rocks.counters().entries), (1, 3));
    drop(writer);
    let answer = ours.get(b"k", 9).expect("an answer").into_value();
    assert_eq!(answer.as_deref(), Some(&b"x12345678"[..]));
    assert_eq!(rocks.get(b"k", &Sight::at(9), true).value, b"x12345678");
}

#[test]
fn w4_a_value_that_a_range_deletion_hides_is_updated() {
    let ours = MemTable::builder().in_place().build().expect("a table");
    let rocks = updatable();
    ours.add(1, Kind::VALUE, b"k", b"old").expect("room");
    ours.delete_range(2, b"a", b"z").expect("room");
    assert!(rocks.add(&entry(b"k", 1, kind::VALUE, b"old"), Way::Alone));
    assert!(rocks.add(&entry(b"a", 2, kind::RANGE_DELETION, b"z"), Way::Alone));
    rocks.finish();
    assert_eq!(ours.update(3, b"k", b"new"), Ok(Updated::Added));
    assert_eq!(rocks.update(3, b"k", b"new"), Ok(()));
    let answer = ours.get(b"k", 9).expect("an answer");
    assert!(matches!(answer, OwnedLookup::Found { sequence: 3, .. }));
    let reply = rocks.get(b"k", &Sight::at(9), true);
    assert_eq!((reply.code, reply.covering), (Code::Deleted, 2));
}
