//! Models of the sequencer. Invariants are those of `src/sequencer/mod.rs`.
//!
//! Two reservations are all that can be in flight under a checker, so that a third writer
//! waits for a slot.

use std::sync::Arc;

use shuttle::thread;
use verimem::sequencer::{ReadView, Sequencer};
use verimem::{Error, Kind, Lookup, Visibility};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{builder, spawn};
use crate::published::Store;
use crate::skiplist::join;

/// The keys that a writer writes in each of its batches.
fn keys(writer: u8) -> [[u8; 2]; 2] {
    [[b'a', writer], [b'b', writer]]
}

/// Two batches of a writer, of which the first fails half-way if the writer is the last.
fn write(store: &Store, writer: u8) {
    for round in 0..2 {
        let batch = store.sequencer.reserve(2).expect("room for numbers");
        let [first, second] = keys(writer);
        let add = |sequence, key: &[u8]| store.table.add(sequence, Kind::VALUE, key, b"v");
        add(batch.first(), &first).expect("a new version");
        if writer == 2 && round == 0 {
            // Dropped unpublished, as by an error or a panic.
            continue;
        }
        add(batch.last(), &second).expect("a new version");
        store.commit(batch, writer);
    }
}

/// Checks that a view sees what was committed up to its number, and no more.
fn look(store: &Store, view: &ReadView) {
    let committed = store.committed(view.sequence());
    let mut present = Vec::new();
    for writer in 0..3 {
        let newest = committed.iter().rfind(|&&(_, _, by)| by == writer);
        let numbers = newest.map(|&(first, last, _)| [first, last]);
        let reader = store.table.reader(view.sequence()).expect("a snapshot");
        let reader = reader.with_visibility(view);
        for (at, key) in keys(writer).iter().enumerate() {
            let found = match reader.get(key).expect("no corruption") {
                Lookup::Found { sequence, .. } => Some(sequence),
                Lookup::NotFound => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(found, numbers.map(|numbers| numbers[at]), "C1: {key:?}");
            present.extend(found.map(|_| key.to_vec()));
        }
    }
    present.sort_unstable();
    let mut iterator = store.table.visible(view.sequence()).with_visibility(view);
    iterator.seek_to_first().expect("no corruption");
    let mut seen = Vec::new();
    while let Some(key) = iterator.key() {
        seen.push(key.to_vec());
        iterator.next().expect("no corruption");
    }
    assert_eq!(seen, present, "C1, by iteration");
}

/// Q1 to Q5: three writers of two batches each wait for slots, one of them fails, and
/// readers compare what they see with a plain list of what was committed.
#[test]
fn writers_and_a_failing_one() {
    let model = Model {
        name: "sequencer::writers_and_a_failing_one",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let store = Store::new(builder().build().expect("a table"));
        let writers = (0..3)
            .map(|writer| {
                spawn(&store, usize::from(writer), move |store| {
                    write(store, writer);
                })
            })
            .collect();
        let readers = (0..2)
            .map(|reader| {
                spawn(&store, reader, |store| {
                    let mut before = 0;
                    for _ in 0..2 {
                        let view = store.sequencer.view();
                        assert!(view.sequence() >= before, "Q1");
                        before = view.sequence();
                        look(store, &view);
                    }
                    let view = store.sequencer.view();
                    thread::yield_now();
                    look(store, &view);
                })
            })
            .collect();
        join(writers);
        join(readers);
        assert_eq!(store.sequencer.published(), 12, "Q3");
        let view = store.sequencer.view();
        assert!(!view.is_plain(), "Q5");
        look(&store, &view);
    });
}

/// Q1, Q4: a full ring refuses, and numbers go to who got a slot only.
#[test]
fn full_ring() {
    let model = Model {
        name: "sequencer::full_ring",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let sequencer = Arc::new(Sequencer::new(0).expect("a sequencer"));
        let writers = (0..4)
            .map(|writer| {
                spawn(&sequencer, writer, move |sequencer| {
                    let mut given = 0;
                    for _ in 0..3 {
                        let batch = match sequencer.try_reserve(2) {
                            Ok(batch) => batch,
                            Err(Error::Busy) => continue,
                            Err(other) => panic!("{other}"),
                        };
                        given += 1;
                        let last = batch.last();
                        if writer == 0 {
                            drop(batch);
                        } else if writer == 1 {
                            batch.cancel();
                        } else {
                            batch.publish_and_wait();
                            assert!(sequencer.published() >= last, "Q2");
                        }
                    }
                    given
                })
            })
            .collect();
        let given: u64 = join(writers).into_iter().sum();
        assert!(given > 0, "somebody gets a slot");
        assert_eq!(sequencer.published(), 2 * given, "Q1, Q3");
        for _ in 0..2 {
            let both = [(); 2].map(|()| sequencer.try_reserve(1).expect("Q4: slots are free"));
            assert!(matches!(sequencer.try_reserve(1), Err(Error::Busy)), "Q4");
            drop(both);
        }
    });
}

/// Q3, Q5, small enough to be exhausted: two owners are done at the same time, one of
/// them by an abort.
#[test]
fn two_owners_exhausted() {
    let model = Model {
        name: "sequencer::two_owners_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let sequencer = Sequencer::new(0).expect("a sequencer");
        let first = sequencer.reserve(1).expect("room");
        let second = sequencer.reserve(1).expect("room");
        thread::scope(|scope| {
            scope.spawn(|| drop(second));
            first.publish();
        });
        assert_eq!(sequencer.published(), 2, "Q3");
        let view = sequencer.view();
        assert_eq!([1, 2].map(|number| view.is_visible(number)), [true, false]);
    });
}
