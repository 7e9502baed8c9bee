//! Models of the vector, with several appenders and readers. Invariants are those of
//! `src/rep/vector/mod.rs`.

use std::sync::Arc;

use verimem::memtable::DuplicatePolicy;
use verimem::rep::{VectorFactory, VectorRep};
use verimem::{BytewiseComparator, Error, Kind, MAX_SEQUENCE_NUMBER, MemTable};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{builder, spawn};
use crate::skiplist::join;

type Table = MemTable<BytewiseComparator, VectorRep>;

fn table() -> Arc<Table> {
    let builder = builder().duplicates(DuplicatePolicy::KeepFirst);
    let table = builder.representation(VectorFactory::default()).build();
    Arc::new(table.expect("a table"))
}

/// The keys in order; checks that entries are whole and ascend.
fn scan(table: &Table) -> Vec<Vec<u8>> {
    let mut cursor = table.iter();
    let mut keys: Vec<Vec<u8>> = Vec::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("no corruption") {
        assert_eq!(entry.value[..2], entry.user_key[..2], "V2");
        assert!(
            keys.last().is_none_or(|last| &last[..] < entry.user_key),
            "S2"
        );
        keys.push(entry.user_key.to_vec());
        cursor.next();
    }
    keys
}

/// V1, V4, V5: appenders, of which two add the same keys, singly and in batches, and readers. Who
/// added a key finds it, what was seen stays, and each key is there and counted once.
#[test]
fn appenders_and_readers() {
    let model = Model {
        name: "vector::appenders_and_readers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table();
        let writers = (0..3u8)
            .map(|writer| {
                spawn(&table, usize::from(writer), move |table| {
                    for round in 0..3u8 {
                        let key = [b'a' + round, b'0' + writer % 2];
                        let value = [key[0], key[1], writer];
                        let added = table.add(1, Kind::VALUE, &key, &value);
                        added.expect("kept or not");
                        if round == 1 {
                            assert!(table.contains(&key, 1), "V1");
                        }
                    }
                })
            })
            .collect();
        let readers = (0..2)
            .map(|reader| {
                spawn(&table, reader, |table| {
                    let before = scan(table);
                    let after = scan(table);
                    assert!(before.iter().all(|key| after.contains(key)), "S5");
                })
            })
            .collect();
        join(writers);
        join(readers);
        table.seal().expect("nobody is inside");
        assert_eq!((scan(&table).len(), table.stats().entries), (6, 6), "V5");
        assert_eq!(table.stats().data_size, 6 * (2 + 3 + 8), "V5");
    });
}

/// M2: a seal and two readers beside appenders. What was added is there, and nothing else.
#[test]
fn seal_beside_appenders() {
    let model = Model {
        name: "vector::seal_beside_appenders",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table();
        let writers = (0..2u8)
            .map(|writer| {
                spawn(&table, usize::from(writer), move |table| {
                    let add = |round| table.add(1, Kind::VALUE, &[round, writer], &[round, writer]);
                    let added = (0..3)
                        .map(add)
                        .take_while(|added| *added != Err(Error::Sealed));
                    added.map(|added| added.expect("there is room")).count()
                })
            })
            .collect();
        let reader = spawn(&table, 0, |table| {
            let _ = table
                .get(&[1, 1], MAX_SEQUENCE_NUMBER)
                .expect("no corruption");
            scan(table).len()
        });
        table.seal().expect("nobody is inside");
        let found = scan(&table).len();
        assert_eq!(table.stats().entries, found as u64, "M2");
        let added: usize = join(writers).into_iter().sum();
        assert_eq!((found, scan(&table).len()), (added, added), "M2");
        assert!(join(vec![reader])[0] <= added);
    });
}
