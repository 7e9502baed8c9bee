//! Models of hashed representations (SPEC R2, R3, R6), with several writers and readers.
//! Invariants are those of `src/rep/hash/mod.rs` (H).

use std::sync::Arc;

use verimem::checker::{self, set_shard_index};
use verimem::rep::{HashLinkListFactory, HashRep, ReadRep};
use verimem::{BytewiseComparator, EntryRef, Error, FixedPrefix, Kind, MemTable};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{builder, spawn};
use crate::skiplist::join;

type Table = MemTable<BytewiseComparator, HashRep<BytewiseComparator>>;

/// Two prefixes in one slot; what comes first of each is added last by some writer.
const KEYS: [&[u8]; 6] = [b"p5", b"q4", b"p3", b"q3", b"p2", b"q0"];

fn table(threshold_use_skiplist: u32) -> Arc<Table> {
    let factory = HashLinkListFactory {
        bucket_count: 1,
        height: 2,
        threshold_use_skiplist,
        ..HashLinkListFactory::default()
    };
    let builder = builder().prefix_extractor(Arc::new(FixedPrefix(1)));
    Arc::new(builder.representation(factory).build().expect("a table"))
}

fn insert(table: &Table, key: &[u8]) -> Result<(), Error> {
    let entry = EntryRef {
        user_key: key,
        sequence: 1,
        kind: Kind::VALUE,
        value: key,
    };
    checker::insert_hashed(table.representation(), 256, &entry)
}

fn finds(table: &Table, key: &[u8]) -> bool {
    let rep = table.representation();
    let Some(found) = ReadRep::find(rep, key, 1) else {
        return false;
    };
    // SAFETY: the representation returned the position.
    let entry = unsafe { rep.entry(found) }.expect("no corruption");
    assert_eq!((entry.user_key, entry.value), (key, key), "whole");
    true
}

/// All keys are in the table, once each, and found both ways.
fn assert_complete(table: &Table, keys: &[&[u8]], buckets: usize) {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut met = Vec::new();
    while let Some((key, _)) = cursor.key() {
        met.push(key.to_vec());
        cursor.next();
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(met, sorted);
    assert!(keys.iter().all(|key| finds(table, key)), "H4");
    let distribution = table.representation().bucket_distribution();
    let distribution = distribution.expect("it is hashed");
    let counted = (distribution.buckets, distribution.entries);
    assert_eq!(counted, (buckets, keys.len() as u64), "H2");
}

/// H1 to H4: three writers add the same keys in three orders, beside readers: whoever added
/// one, or was refused, finds it at once, and what a reader found stays.
#[test]
fn writers_of_the_same_buckets() {
    let model = Model {
        name: "hash::writers_of_the_same_buckets",
        iterations: 3_000,
        exhaust: false,
    };
    check(model, || {
        let table = table(2);
        let writers = (0..3)
            .map(|writer| {
                spawn(&table, writer, move |table| {
                    for step in 0..KEYS.len() {
                        let key = KEYS[(writer * 2 + step * (2 * writer + 1)) % KEYS.len()];
                        let inserted = insert(table, key);
                        assert!(matches!(inserted, Ok(()) | Err(Error::Duplicate)));
                        assert!(finds(table, key), "H4: {inserted:?}");
                    }
                })
            })
            .collect();
        let reader = spawn(&table, 0, |table| {
            for key in KEYS {
                let first = finds(table, key);
                assert!(!first || finds(table, key), "H3, H4");
            }
        });
        join(writers);
        reader.join().expect("no panic");
        // A writer whose stride shares a factor with the number of keys adds some twice.
        assert_complete(&table, &KEYS, 2);
    });
}

/// H2 to H4: two writers lower an anchor. Not exhausted: a table draws the seed of its hashes.
#[test]
fn two_writers_lower_an_anchor() {
    let model = Model {
        name: "hash::two_writers_lower_an_anchor",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table(0);
        // Both shards have a chunk, so that allocation adds little.
        for (shard, key) in [(1, b"p9"), (0, b"p7")] {
            set_shard_index(shard);
            insert(&table, key).expect("there is room");
        }
        let add = |table: &Table, key: &'static [u8]| {
            insert(table, key).expect("there is room");
            assert!(finds(table, key), "H4: its own");
        };
        let other = spawn(&table, 1, move |table| add(table, b"p3"));
        add(&table, b"p5");
        other.join().expect("no panic");
        assert_complete(&table, &[b"p3", b"p5", b"p7", b"p9"], 1);
    });
}
