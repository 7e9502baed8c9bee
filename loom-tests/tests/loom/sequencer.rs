//! Models of the sequencer. Invariants are those of `src/sequencer/mod.rs`.
//!
//! What writers add are entries of a list whose keys are their numbers.

use std::sync::Arc;

use verimem::rep::Cursor;
use verimem::sequencer::Sequencer;
use verimem::{Error, Visibility, checker};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{ENTRY_BYTES, List, entry, list, spawn};

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
