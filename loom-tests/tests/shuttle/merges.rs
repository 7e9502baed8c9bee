//! Models of merge operands (SPEC G2, W5) with several writers and readers.

use std::sync::Arc;

use shuttle::thread;
use verimem::merge::{Merged, StringAppend};
use verimem::{Error, Kind, Lookup, MergeBase};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{builder, spawn};
use crate::published::Store;
use crate::skiplist::join;

const KEY: &[u8] = b"key";

/// A table whose operands are words.
fn words(successive: usize) -> Arc<Store> {
    let operator = Arc::new(StringAppend { delimiter: b' ' });
    let options = builder()
        .merge_operator(operator)
        .max_successive_merges(successive);
    let store = Store::new(options.build().expect("a table"));
    let base = store.sequencer.reserve(1).expect("room");
    store
        .table
        .add(base.first(), Kind::VALUE, KEY, b"base")
        .expect("a new key");
    store.commit(base, b'-');
    store
}

/// The words of what was committed up to a number.
fn expected(store: &Store, sequence: u64) -> String {
    let committed = store.committed(sequence);
    let words = committed.iter().map(|&(first, ..)| match first {
        1 => "base".to_owned(),
        number => number.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// G2, C1: writers add operands, some of which fail, while readers collect them. At a
/// view it is all that were committed, newest first, down to the base.
#[test]
fn operands_of_several_writers() {
    let model = Model {
        name: "merges::operands_of_several_writers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let store = words(0);
        let writers = (0..3)
            .map(|writer| {
                spawn(&store, usize::from(writer), move |store| {
                    for round in 0..2 {
                        let batch = store.sequencer.reserve(1).expect("room for a number");
                        let (number, word) = (batch.first(), batch.first().to_string());
                        store
                            .table
                            .add(number, Kind::MERGE, KEY, word.as_bytes())
                            .expect("a new version");
                        if writer == 0 && round == 0 {
                            drop(batch);
                        } else {
                            store.commit(batch, writer);
                        }
                    }
                })
            })
            .collect();
        let readers = (0..2).map(|reader| spawn(&store, reader, look)).collect();
        join(writers);
        join(readers);
        look(&store);
        assert_eq!(store.committed(7).len(), 6);
    });
}

/// Checks what a view sees of the key, as operands and merged.
fn look(store: &Store) {
    let view = store.sequencer.view();
    let reader = store.table.reader(view.sequence()).expect("a snapshot");
    let reader = reader.with_visibility(&view);
    let mut parts = match reader.get(KEY).expect("no corruption") {
        Lookup::Found { value, .. } => vec![value],
        Lookup::Merge {
            mut operands,
            base: MergeBase::Value { value, .. },
            ..
        } => {
            operands.push(value);
            operands
        }
        other => panic!("G2: {other:?}"),
    };
    parts.reverse();
    let merged = reader.get_merged(KEY).expect("words can be merged");
    let Merged::Found { value, .. } = merged else {
        panic!("G2: {merged:?}");
    };
    let expected = expected(store, view.sequence());
    assert_eq!(parts.join(&b' '), expected.as_bytes(), "G2");
    assert_eq!(*value, *expected.as_bytes(), "G2, merged");
}

/// W5, M1: exclusive writers fold in turns while readers look.
#[test]
fn folds_of_several_writers() {
    let model = Model {
        name: "merges::folds_of_several_writers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let store = words(1);
        let writers = (0..2)
            .map(|writer| {
                spawn(&store, usize::from(writer), move |store| {
                    for _ in 0..2 {
                        let mut inside = loop {
                            match store.table.exclusive_writer() {
                                Ok(inside) => break inside,
                                Err(Error::Busy) => thread::yield_now(),
                                Err(other) => panic!("{other}"),
                            }
                        };
                        // Inside, so that numbers are added in their order.
                        let batch = store.sequencer.reserve(1).expect("room for a number");
                        let (number, word) = (batch.first(), batch.first().to_string());
                        inside
                            .add(number, Kind::MERGE, KEY, word.as_bytes())
                            .expect("a new version");
                        drop(inside);
                        store.commit(batch, writer);
                    }
                })
            })
            .collect();
        let readers = (0..2).map(|reader| spawn(&store, reader, look)).collect();
        join(writers);
        join(readers);
        look(&store);
        let merges = store.table.stats().merges;
        assert_eq!(merges, 2, "W5: every second operand was folded");
    });
}
