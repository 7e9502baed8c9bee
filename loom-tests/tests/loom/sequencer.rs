//! Models of the sequencer. Invariants are those of `src/sequencer/mod.rs`.
//!
//! What writers add are entries of a list whose keys are their numbers, and towards the
//! end entries and range deletions of a table.

use std::sync::Arc;

use verimem::rep::Cursor;
use verimem::sequencer::{ReadView, Sequencer, Snapshots};
use verimem::{Error, Kind, Lookup, MemTable, Visibility, checker};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{self, ENTRY_BYTES, List, add, entry, list, spawn};

/// A sequencer and the list that its batches go to.
struct Table {
    sequencer: Sequencer,
    list: Arc<List>,
}

fn table() -> Arc<Table> {
    Arc::new(Table {
        sequencer: Sequencer::new(0).expect("a sequencer"),
        list: list(),
    })
}

const KEYS: [&[u8]; 3] = [b"a1", b"b1", b"c1"];

impl Table {
    /// Adds the entry of a number.
    fn add(&self, sequence: u64) {
        let mut ticket = self.list.arena().reserve(ENTRY_BYTES).expect("room");
        let key = KEYS[usize::try_from(sequence).expect("small") - 1];
        checker::insert(&self.list, &mut ticket, &entry(key, sequence, key)).expect("new");
    }

    /// The numbers of all entries in the list.
    fn entries(&self) -> Vec<u64> {
        let mut cursor = Cursor::new(&*self.list);
        let mut entries = Vec::new();
        cursor.seek_to_first();
        while let Some((_, sequence)) = cursor.key() {
            entries.push(sequence);
            cursor.next();
        }
        entries
    }

    /// Checks that all entries up to the published number are there, and returns it.
    fn look(&self) -> String {
        let published = self.sequencer.published();
        let entries = self.entries();
        for sequence in 1..=published {
            assert!(entries.contains(&sequence), "Q2: {sequence} of {published}");
        }
        published.to_string()
    }
}

/// Q1, Q2: two batches, the second of two entries, end in any order; a reader sees
/// all of what is published.
#[test]
fn reader_sees_whole_batches() {
    let model = Model::new(
        "sequencer::reader_sees_whole_batches",
        Bound::Preemptions(3),
        100,
        &["0", "1", "3"],
    );
    check(model, |outcomes| {
        let table = table();
        let first = table.sequencer.reserve(1).expect("room");
        let reader = spawn(&table, Table::look);
        let other = spawn(&table, |table| {
            let second = table.sequencer.reserve(2).expect("room");
            table.add(second.first());
            table.add(second.last());
            second.publish();
        });
        table.add(first.first());
        first.publish();
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        assert_eq!(table.look(), "3", "Q3");
    });
}

/// Q1, Q2: as above with one writer, who ends its batches in reverse.
#[test]
fn reader_and_one_writer() {
    let model = Model::unbounded("sequencer::reader_and_one_writer", 4, &["0", "3"]);
    check(model, |outcomes| {
        let table = table();
        let first = table.sequencer.reserve(1).expect("room");
        let second = table.sequencer.reserve(2).expect("room");
        let reader = spawn(&table, Table::look);
        table.add(second.first());
        table.add(second.last());
        second.publish();
        table.add(first.first());
        first.publish();
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(table.look(), "3", "Q3");
    });
}

/// Q3: two owners that are done at the same time.
#[test]
fn nobody_is_forgotten() {
    let model = Model::new(
        "sequencer::nobody_is_forgotten",
        Bound::Unbounded,
        4,
        &["done"],
    );
    check(model, |outcomes| {
        let table = table();
        let first = table.sequencer.reserve(1).expect("room");
        let other = spawn(&table, |table| {
            table.sequencer.reserve(1).expect("room").publish();
        });
        first.publish();
        other.join().expect("no panic");
        assert_eq!(table.sequencer.published(), 2, "Q3");
        outcomes.note("done");
    });
}

/// Q4: two writers race for the last slot while the first reservation is held.
#[test]
fn race_for_the_last_slot() {
    let model = Model::new(
        "sequencer::race_for_the_last_slot",
        Bound::Unbounded,
        4,
        &["mine", "theirs"],
    );
    check(model, |outcomes| {
        let table = table();
        let held = table.sequencer.reserve(1).expect("room");
        let other = spawn(&table, attempt);
        let mine = attempt(&table);
        outcomes.note(match (mine, other.join().expect("no panic")) {
            (2, 0) => "mine",
            (0, 2) => "theirs",
            other => panic!("Q4: {other:?}"),
        });
        held.publish();
        assert_eq!(table.sequencer.published(), 2, "Q3");
        assert_eq!(attempt(&table), 3);
    });
}

/// Reserves and publishes one number; 0 when there is no slot.
fn attempt(table: &Table) -> u64 {
    match table.sequencer.try_reserve(1) {
        Ok(reservation) => {
            let number = reservation.first();
            reservation.publish();
            number
        }
        Err(Error::Busy) => 0,
        Err(other) => panic!("{other}"),
    }
}

/// Q5: a writer fails after adding half of its batch; the next one is published, and
/// no view sees the half.
#[test]
fn failed_writer() {
    let model = Model::new(
        "sequencer::failed_writer",
        Bound::Preemptions(3),
        10,
        &["0", "2", "3"],
    );
    check(model, |outcomes| {
        let table = table();
        let failing = table.sequencer.reserve(2).expect("room");
        let reader = spawn(&table, |table| {
            let view = table.sequencer.view();
            for sequence in 1..=2 {
                assert!(!view.is_visible(sequence), "Q5: {sequence}");
            }
            assert_eq!(view.is_visible(3), view.sequence() == 3);
            assert_eq!(view.is_plain(), view.sequence() == 0);
            view.sequence().to_string()
        });
        let other = spawn(&table, |table| {
            let next = table.sequencer.reserve(1).expect("room");
            table.add(next.first());
            next.publish();
        });
        table.add(failing.first());
        drop(failing);
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        assert_eq!(table.sequencer.published(), 3);
    });
}

/// Q1, Q3, Q4: slots are used again while those who published before are still at it.
#[test]
fn slots_are_used_again() {
    let model = Model::new(
        "sequencer::slots_are_used_again",
        Bound::Preemptions(4),
        100,
        &["3", "4"],
    );
    check(model, |outcomes| {
        let table = table();
        let held = table.sequencer.reserve(1).expect("room");
        let other = spawn(&table, |table| {
            let numbers = [attempt(table), attempt(table)];
            assert!(numbers[1] == 0 || numbers[0] < numbers[1], "Q1");
            numbers
        });
        held.publish();
        let mine = attempt(&table);
        let theirs = other.join().expect("no panic");
        let given = [mine, theirs[0], theirs[1]].map(|number| u64::from(number > 0));
        let last = 1 + given.iter().sum::<u64>();
        assert_eq!(table.sequencer.published(), last, "Q3");
        outcomes.note(last.to_string());
        assert_eq!(attempt(&table), last + 1, "Q4: all slots are free");
    });
}

/// Q4: who waits for a slot gets the first that is free, and waits until its number is
/// published.
#[test]
fn waiting_for_a_slot() {
    let model = Model::unbounded("sequencer::waiting_for_a_slot", 2, &["done"]);
    check(model, |outcomes| {
        let table = table();
        let first = table.sequencer.reserve(1).expect("room");
        let second = table.sequencer.reserve(1).expect("room");
        let other = spawn(&table, |table| {
            let third = table.sequencer.reserve(1).expect("room for its number");
            assert_eq!(third.first(), 3, "Q1");
            third.publish_and_wait();
            assert_eq!(table.sequencer.published(), 3, "Q2");
        });
        second.publish();
        first.publish();
        other.join().expect("no panic");
        assert_eq!(table.sequencer.published(), 3, "Q3");
        outcomes.note("done");
    });
}

/// Q5: as above with one writer, whose other batch is published.
#[test]
fn view_and_one_failing_writer() {
    let model = Model::unbounded(
        "sequencer::view_and_one_failing_writer",
        4,
        &["0", "1", "3"],
    );
    check(model, |outcomes| {
        let table = table();
        let reader = spawn(&table, |table| {
            let view = table.sequencer.view();
            let seen = [1, 2, 3].map(|sequence| view.is_visible(sequence));
            assert_eq!(seen, [view.sequence() > 0, false, false], "Q5");
            view.sequence().to_string()
        });
        table.sequencer.reserve(1).expect("room").publish();
        drop(table.sequencer.reserve(2).expect("room"));
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// A sequencer and a table that its batches go to.
struct Store {
    sequencer: Sequencer,
    table: Arc<MemTable>,
}

impl Store {
    /// A store that has published `a` and `b` with number 1, in one batch.
    fn new() -> Arc<Self> {
        let store = Self {
            sequencer: Sequencer::new(1).expect("a sequencer"),
            table: support::table(),
        };
        for key in [A, B] {
            add(&store.table, 1, Kind::VALUE, key, b"old");
        }
        Arc::new(store)
    }

    /// What a view says of both keys: for each the number that decides, and `-` behind
    /// the number of a deletion.
    fn read(&self, view: &ReadView) -> String {
        let reader = self.table.reader(view.sequence()).expect("a snapshot");
        let reader = reader.with_visibility(view);
        let answers = reader.multi_get(&[A, B]).expect("memory");
        let words = answers
            .iter()
            .map(|answer| match answer.as_ref().expect("no corruption") {
                Lookup::Found { sequence, .. } => format!("{sequence}"),
                Lookup::Deleted { sequence, .. } => format!("{sequence}-"),
                other => panic!("C1: {other:?}"),
            });
        words.collect::<Vec<_>>().join(" ")
    }
}

const A: &[u8] = b"a1";
const B: &[u8] = b"b1";

/// Q1, Q2 (SPEC C1): two batches of a table, the second with a range deletion, end in
/// any order. A reader that acquires S sees exactly the entries up to S, whole batches
/// only.
#[test]
fn batches_of_a_table() {
    let model = Model::new(
        "sequencer::batches_of_a_table",
        Bound::Preemptions(2),
        100,
        &["1: 1 1", "3: 2 3", "5: 4- 5"],
    );
    check(model, |outcomes| {
        let store = Store::new();
        let first = store.sequencer.reserve(2).expect("room");
        let reader = spawn(&store, |store| {
            let view = store.sequencer.view();
            assert!(view.is_plain(), "nobody failed");
            let seen = store.read(&view);
            format!("{}: {seen}", view.sequence())
        });
        let other = spawn(&store, |store| {
            let second = store.sequencer.reserve(2).expect("room");
            checker::delete_range(&store.table, second.first(), A, b"c").expect("memory");
            add(&store.table, second.last(), Kind::VALUE, B, b"new");
            second.publish();
        });
        add(&store.table, first.first(), Kind::VALUE, A, b"mid");
        add(&store.table, first.last(), Kind::VALUE, B, b"mid");
        first.publish();
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        assert_eq!(store.read(&store.sequencer.view()), "4- 5", "Q3");
    });
}

/// Q5 (SPEC C1, G4): a writer fails after it deleted a range and wrote one of its two
/// keys; the next one is published. What the first left in the table stays hidden.
#[test]
fn failed_batch_of_a_table() {
    let model = Model::new(
        "sequencer::failed_batch_of_a_table",
        Bound::Preemptions(2),
        100,
        &["1: 1 1", "4: 1 1", "5: 1 5"],
    );
    check(model, |outcomes| {
        let store = Store::new();
        let failing = store.sequencer.reserve(3).expect("room");
        let reader = spawn(&store, |store| {
            let view = store.sequencer.view();
            format!("{}: {}", view.sequence(), store.read(&view))
        });
        let other = spawn(&store, |store| {
            let next = store.sequencer.reserve(1).expect("room");
            add(&store.table, next.first(), Kind::VALUE, B, b"new");
            next.publish();
        });
        let first = failing.first();
        checker::delete_range(&store.table, first, A, b"c").expect("memory");
        add(&store.table, first + 1, Kind::VALUE, A, b"half");
        drop(failing);
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        let view = store.sequencer.view();
        assert_eq!(store.read(&view), "1 5", "Q5");
        assert!(store.table.contains(A, 3), "it is there, and hidden");
    });
}

/// C2: what a flush may drop by the boundaries that it saw is seen by no snapshot.
#[test]
fn snapshot_beside_a_flush() {
    let model = Model::unbounded(
        "sequencer::snapshot_beside_a_flush",
        10,
        &["1 kept", "2 dropped", "2 kept"],
    );
    check(model, |outcomes| {
        let shared = Arc::new((
            Sequencer::new(1).expect("a sequencer"),
            Arc::new(Snapshots::new()),
        ));
        let flusher = spawn(&shared, |(sequencer, snapshots)| {
            let boundaries = snapshots.boundaries(sequencer).expect("memory");
            boundaries.may_see_apart(1, 2)
        });
        let reader = spawn(&shared, |(sequencer, snapshots)| {
            // Held for as long as the model runs, so that it counts.
            snapshots.take(sequencer)
        });
        shared.0.reserve(1).expect("room").publish();
        let is_kept = flusher.join().expect("no panic");
        let snapshot = reader.join().expect("no panic").sequence();
        assert!(
            is_kept || snapshot != 1,
            "C2: the snapshot sees what was dropped"
        );
        let kept = if is_kept { "kept" } else { "dropped" };
        outcomes.note(format!("{snapshot} {kept}"));
    });
}
