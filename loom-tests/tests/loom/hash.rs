//! Models of hashed representations (SPEC R2, R3, R6). Invariants are those of
//! `src/rep/hash/mod.rs` (H).
//!
//! The first byte of a key is its prefix, the last one its height. All prefixes share one slot,
//! and buckets have two levels.

use std::sync::Arc;

use verimem::checker;
use verimem::rep::{Cursor, HashLinkListFactory, HashRep, HashSkipListFactory, ReadRep};
use verimem::{BytewiseComparator, Error, FixedPrefix, Kind, MemTable};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{ENTRY_BYTES, builder, entry, note_whole, spawn};

type Table = MemTable<BytewiseComparator, HashRep<BytewiseComparator>>;

fn table() -> Arc<Table> {
    let factory = HashSkipListFactory {
        bucket_count: 1,
        height: 2,
        ..HashSkipListFactory::default()
    };
    let builder = builder().prefix_extractor(Arc::new(FixedPrefix(1)));
    Arc::new(builder.representation(factory).build().expect("a table"))
}

/// A table whose buckets are lists up to so many entries.
fn lists(threshold_use_skiplist: u32) -> Arc<Table> {
    let factory = HashLinkListFactory {
        bucket_count: 1,
        height: 2,
        threshold_use_skiplist,
        ..HashLinkListFactory::default()
    };
    let builder = builder().prefix_extractor(Arc::new(FixedPrefix(1)));
    Arc::new(builder.representation(factory).build().expect("a table"))
}

/// Inserts a key whose value is the key, past the table's door and counters.
fn insert(table: &Table, key: &'static [u8]) -> Result<(), Error> {
    let rep = table.representation();
    checker::insert_hashed(rep, ENTRY_BYTES, &entry(key, 1, key))
}

fn add(table: &Table, key: &'static [u8]) {
    insert(table, key).expect("there is room, and no duplicate");
}

/// The second letter of a key that a lookup finds whole, or `-`.
fn get(table: &Table, key: &[u8]) -> char {
    let rep = table.representation();
    let Some(found) = ReadRep::find(rep, key, 1) else {
        return '-';
    };
    // SAFETY: the representation returned the position.
    let entry = unsafe { rep.entry(found) }.expect("no checksum, no corruption");
    assert_eq!((entry.user_key, entry.value), (key, key), "whole");
    char::from(key[1])
}

/// How many buckets there are, and of how many entries they know.
fn buckets(table: &Table) -> (usize, u64) {
    let distribution = table.representation().bucket_distribution();
    let distribution = distribution.expect("it is hashed");
    (distribution.buckets, distribution.entries)
}

/// The keys in order, all of them whole.
fn scan(table: &Table) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::new(table.representation());
    let mut keys = Vec::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("no corruption") {
        note_whole(&entry, &mut String::new());
        keys.push(entry.user_key.to_vec());
        cursor.next();
    }
    assert!(keys.is_sorted(), "in order");
    keys
}

/// H1, H4: a reader of a bucket that is being made finds nothing or a whole entry.
#[test]
fn seen_bucket_is_whole() {
    let model = Model::unbounded("hash::seen_bucket_is_whole", 2, &["-", "a"]);
    check(model, |outcomes| {
        let table = table();
        let reader = spawn(&table, |table| get(table, b"pa1"));
        add(&table, b"pa1");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(get(&table, b"pa1"), 'a');
    });
}

/// H2, H4: two writers make one bucket; both find what they added, at once and in the end.
#[test]
fn two_writers_of_one_bucket() {
    let model = Model::new(
        "hash::two_writers_of_one_bucket",
        Bound::Preemptions(4),
        100,
        &["one bucket"],
    );
    check(model, |outcomes| {
        let table = table();
        let other = spawn(&table, |table| {
            add(table, b"pb1");
            assert_eq!(get(table, b"pb1"), 'b', "H4: its own");
        });
        add(&table, b"pa1");
        assert_eq!(get(&table, b"pa1"), 'a', "H4: its own");
        other.join().expect("no panic");
        assert_eq!([get(&table, b"pa1"), get(&table, b"pb1")], ['a', 'b'], "H4");
        assert_eq!(buckets(&table), (1, 2), "H2");
        outcomes.note("one bucket");
    });
}

/// H2: two prefixes that share a slot: both buckets come to be in its chain.
#[test]
fn two_prefixes_in_one_slot() {
    let model = Model::new(
        "hash::two_prefixes_in_one_slot",
        Bound::Preemptions(3),
        100,
        &["--", "-b", "a-", "ab"],
    );
    check(model, |outcomes| {
        let table = table();
        let reader = spawn(&table, |table| {
            [get(table, b"pa1"), get(table, b"qb1")]
                .iter()
                .collect::<String>()
        });
        let other = spawn(&table, |table| add(table, b"qb1"));
        add(&table, b"pa1");
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        assert_eq!([get(&table, b"pa1"), get(&table, b"qb1")], ['a', 'b'], "H4");
        assert_eq!(buckets(&table), (2, 2), "H2");
    });
}

/// H1, H3, H4: a reader of a bucket whose anchor is being lowered always finds what was there,
/// and the new entry as a whole or not at all.
#[test]
fn reader_beside_a_lowered_anchor() {
    let model = Model::unbounded("hash::reader_beside_a_lowered_anchor", 10, &["-b", "ab"]);
    check(model, |outcomes| {
        let table = table();
        add(&table, b"pb1");
        let reader = spawn(&table, |table| {
            let seen = [get(table, b"pa1"), get(table, b"pb1")];
            assert_eq!(seen[1], 'b', "H4: it was there before");
            seen.iter().collect::<String>()
        });
        add(&table, b"pa1");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&table), [b"pa1", b"pb1"]);
    });
}

/// H1: what a bucket leads to is in the list: who finds an entry meets it on a walk.
#[test]
fn found_is_in_the_list() {
    let model = Model::unbounded("hash::found_is_in_the_list", 10, &["b", "ab"]);
    check(model, |outcomes| {
        let table = table();
        add(&table, b"pb1");
        let reader = spawn(&table, |table| {
            let found = get(table, b"pa1") == 'a';
            let met: String = scan(table).iter().map(|key| char::from(key[1])).collect();
            assert!(
                met == "ab" || met == "b" && !found,
                "H1: found: {found}, met: {met}"
            );
            met
        });
        add(&table, b"pa1");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// H1: a writer whose search begins at an anchor that another one has just published.
#[test]
fn writer_behind_a_new_anchor() {
    let model = Model::unbounded("hash::writer_behind_a_new_anchor", 100, &["done"]);
    check(model, |outcomes| {
        let table = table();
        add(&table, b"pd1");
        let other = spawn(&table, |table| {
            add(table, b"pc2");
            assert_eq!(get(table, b"pc2"), 'c', "H4: its own");
        });
        add(&table, b"pa1");
        other.join().expect("no panic");
        for key in [b"pa1", b"pc2", b"pd1"] {
            assert_eq!(get(&table, key), char::from(key[1]), "H4");
        }
        assert_eq!(scan(&table), [b"pa1", b"pc2", b"pd1"]);
        assert_eq!(buckets(&table), (1, 3));
        outcomes.note("done");
    });
}

/// H3, H4: two writers lower one anchor; it ends at the smaller key.
#[test]
fn two_writers_lower_an_anchor() {
    let model = Model::unbounded("hash::two_writers_lower_an_anchor", 100, &["done"]);
    check(model, |outcomes| {
        let table = table();
        add(&table, b"pd1");
        let other = spawn(&table, |table| {
            add(table, b"pa1");
            assert_eq!(get(table, b"pa1"), 'a', "H4: its own");
        });
        add(&table, b"pb1");
        assert_eq!(get(&table, b"pb1"), 'b', "H4: its own");
        other.join().expect("no panic");
        for key in [b"pa1", b"pb1", b"pd1"] {
            assert_eq!(get(&table, key), char::from(key[1]), "H3, H4");
        }
        outcomes.note("done");
    });
}

/// H4: who is refused as a duplicate finds the entry, published by its writer or not.
#[test]
fn duplicate_of_the_first() {
    let model = Model::new(
        "hash::duplicate_of_the_first",
        Bound::Preemptions(4),
        100,
        &["main", "other"],
    );
    check(model, |outcomes| {
        let table = table();
        let insert_and_find = |table: &Table| {
            let inserted = insert(table, b"pb1");
            assert_eq!(get(table, b"pb1"), 'b', "H4: whoever added it");
            inserted
        };
        let other = spawn(&table, insert_and_find);
        let mine = insert_and_find(&table);
        let theirs = other.join().expect("no panic");
        outcomes.note(match (mine, theirs) {
            (Ok(()), Err(Error::Duplicate)) => "main",
            (Err(Error::Duplicate), Ok(())) => "other",
            both => panic!("exactly one wins: {both:?}"),
        });
        // What comes before it is added and found as ever.
        add(&table, b"pa1");
        assert_eq!([get(&table, b"pa1"), get(&table, b"pb1")], ['a', 'b'], "H4");
        assert_eq!(buckets(&table), (1, 2), "H2");
    });
}

/// R3: a bucket grows from a list to a skiplist beside a reader, who goes through either.
#[test]
fn list_becomes_a_skiplist() {
    let model = Model::new(
        "hash::list_becomes_a_skiplist",
        Bound::Preemptions(4),
        100,
        &["d", "cd", "bcd"],
    );
    check(model, |outcomes| {
        let table = lists(1);
        add(&table, b"pa2");
        add(&table, b"pd2");
        let reader = spawn(&table, |table| {
            let mut seen: Vec<char> = Vec::new();
            for key in [b"pb2", b"pc2", b"pd2"] {
                seen.push(get(table, key));
            }
            assert_eq!(seen[2], 'd', "H4: it was there before");
            seen.retain(|&letter| letter != '-');
            seen.iter().collect::<String>()
        });
        add(&table, b"pc2");
        add(&table, b"pb2");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&table), [b"pa2", b"pb2", b"pc2", b"pd2"]);
    });
}

/// H1, H3, H4: a batch searches from an anchor for several entries at a time, while another writer
/// lowers that anchor and links an entry of its own between them.
#[test]
fn batch_beside_a_lowered_anchor() {
    let model = Model::new(
        "hash::batch_beside_a_lowered_anchor",
        Bound::Preemptions(2),
        100,
        &["done"],
    );
    check(model, |outcomes| {
        let table = table();
        add(&table, b"pb1");
        let mut writer = table.writer().expect("the table is open");
        // Neither is next to the one before: what follows is searched for as a group.
        for key in [b"pg1", b"pa1"] {
            writer.add(1, Kind::VALUE, key, key).expect("there is room");
        }
        let other = spawn(&table, |table| {
            for key in [b"p01", b"pd2"] {
                add(table, key);
                assert_eq!(get(table, key), char::from(key[1]), "H4: its own");
            }
        });
        let entries = [b"pe2", b"pc1"].map(|key| entry(key, 1, key));
        writer.add_batch(&entries).expect("there is room");
        drop(writer);
        for key in [b"pc1", b"pe2"] {
            assert_eq!(get(&table, key), char::from(key[1]), "H4: its own");
        }
        other.join().expect("no panic");
        let keys = [b"p01", b"pa1", b"pb1", b"pc1", b"pd2", b"pe2", b"pg1"];
        assert_eq!(scan(&table), keys);
        assert_eq!(buckets(&table), (1, 7));
        outcomes.note("done");
    });
}
