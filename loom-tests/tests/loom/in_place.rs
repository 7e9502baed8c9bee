//! Models of values that are updated in place (SPEC W4).

use std::sync::Arc;

use verimem::in_place::{Decision, OwnedLookup, Updated};
use verimem::{Error, InPlaceTable, Kind, Lookup};
use verimem_loom_tests::loom_model::{Model, check};

use crate::support::{builder, spawn};

const KEY: &[u8] = b"k1";

/// A table whose values share one lock.
fn table() -> Arc<InPlaceTable> {
    Arc::new(builder().in_place().locks(1).build().expect("a table"))
}

/// The same with a value of the key.
fn table_with(value: &[u8]) -> Arc<InPlaceTable> {
    let table = table();
    table.add(1, Kind::VALUE, KEY, value).expect("a new key");
    table
}

/// The value at a snapshot.
fn value(table: &InPlaceTable, snapshot: u64) -> String {
    let answer = table.get(KEY, snapshot).expect("no corruption");
    let value = answer.into_value().expect("there is a value");
    String::from_utf8(value).expect("letters")
}

/// Appends a letter to the value of the key.
fn append(table: &InPlaceTable, letter: u8) -> Updated {
    let mut writer = table.writer().expect("the table is open");
    let updated = writer.update_with(2, KEY, |existing, value| {
        if let Lookup::Found { value: old, .. } = existing {
            value.extend_from_slice(old);
        }
        value.push(letter);
        Decision::Replace
    });
    updated.expect("there is room")
}

/// U1: a reader copies the old value or the new one.
#[test]
fn update_against_get() {
    let model = Model::unbounded("in_place::update_against_get", 4, &["old", "new"]);
    check(model, |outcomes| {
        let table = table_with(b"old");
        let reader = spawn(&table, |table| value(table, 2));
        assert_eq!(table.update(2, KEY, b"new"), Ok(Updated::InPlace));
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(value(&table, 2), "new");
    });
}

/// U1: an iterator that stands at the entry while it is updated.
#[test]
fn update_against_iterator() {
    let model = Model::unbounded("in_place::update_against_iterator", 4, &["old", "new"]);
    check(model, |outcomes| {
        let table = table_with(b"old");
        let reader = spawn(&table, |table| {
            let (mut keys, mut buffer) = (table.visible(2), Vec::new());
            keys.seek_to_first().expect("no corruption");
            let entry = keys.entry(&mut buffer).expect("no corruption");
            let entry = entry.expect("the key is there");
            assert_eq!(entry.sequence, 1, "W4: it keeps its number");
            String::from_utf8(entry.value.to_vec()).expect("letters")
        });
        assert_eq!(table.update(2, KEY, b"new"), Ok(Updated::InPlace));
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// U2: two callbacks that append to a value. Neither letter is lost.
#[test]
fn two_callbacks() {
    let model = Model::unbounded("in_place::two_callbacks", 4, &["-ab", "-ba"]);
    check(model, |outcomes| {
        let table = table_with(b"-");
        let other = spawn(&table, |table| append(table, b'b'));
        assert_eq!(append(&table, b'a'), Updated::InPlace);
        assert_eq!(other.join().expect("no panic"), Updated::InPlace);
        outcomes.note(value(&table, 2));
    });
}

/// U2: the same where there is no value yet: the second finds what the first added.
#[test]
fn callbacks_of_a_new_key() {
    let outcomes = &["ab", "ba"];
    let model = Model::unbounded("in_place::callbacks_of_a_new_key", 4, outcomes);
    check(model, |outcomes| {
        let table = table();
        let other = spawn(&table, |table| append(table, b'b'));
        let mine = append(&table, b'a');
        let pair = (mine, other.join().expect("no panic"));
        let added = Updated::Added;
        assert!(pair == (added, Updated::InPlace) || pair == (Updated::InPlace, added));
        outcomes.note(value(&table, 2));
        assert_eq!(
            table.stats().data_size,
            12,
            "W4: two letters, the key and the tag"
        );
    });
}

/// U4: two updates at a time. Whichever comes first, the larger number stays.
#[test]
fn two_updates() {
    let outcomes = &["late", "in order"];
    let model = Model::unbounded("in_place::two_updates", 4, outcomes);
    check(model, |outcomes| {
        let table = table_with(b"old");
        let newer = spawn(&table, |table| table.update(3, KEY, b"b"));
        let older = table.update(2, KEY, b"aa").expect("no corruption");
        assert_eq!(newer.join().expect("no panic"), Ok(Updated::InPlace));
        assert_eq!(value(&table, 3), "b", "U4");
        assert_eq!(table.stats().data_size, 11, "M3");
        outcomes.note(match older {
            Updated::Superseded => "late",
            Updated::InPlace => "in order",
            other => panic!("{other:?}"),
        });
    });
}

/// W4: an update while another thread adds a version of the key: it takes the place of one
/// of the two values, whole.
#[test]
fn update_against_add() {
    let outcomes = &["new added", "old new"];
    let model = Model::unbounded("in_place::update_against_add", 4, outcomes);
    check(model, |outcomes| {
        let table = table_with(b"old");
        let updater = spawn(&table, |table| table.update(3, KEY, b"new"));
        let added = table.add(2, Kind::VALUE, KEY, b"added");
        assert_eq!(added, Ok(()));
        assert_eq!(updater.join().expect("no panic"), Ok(Updated::InPlace));
        outcomes.note(value(&table, 1) + " " + &value(&table, 2));
    });
}

/// W4, S4: a reader that finds an entry finds its value filled.
#[test]
fn add_against_get() {
    let model = Model::unbounded("in_place::add_against_get", 4, &["-", "value"]);
    check(model, |outcomes| {
        let table = table();
        let reader = spawn(&table, |table| {
            match table.get(KEY, 1).expect("no corruption") {
                OwnedLookup::NotFound => "-".to_owned(),
                answer => {
                    String::from_utf8(answer.into_value().expect("a value")).expect("letters")
                }
            }
        });
        table.add(1, Kind::VALUE, KEY, b"value").expect("a new key");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// M2, M3: an update is done and counted in the sealed table, or refused.
#[test]
fn update_against_seal() {
    let model = Model::unbounded("in_place::update_against_seal", 4, &["updated", "sealed"]);
    check(model, |outcomes| {
        let table = table_with(b"old");
        let updater = spawn(&table, |table| table.update(2, KEY, b"m"));
        table.seal().expect("not from inside");
        let (size, seen) = (table.stats().data_size, value(&table, 2));
        match updater.join().expect("no panic") {
            Ok(Updated::InPlace) => {
                assert_eq!((size, &seen[..]), (11, "m"), "M2, M3");
                outcomes.note("updated");
            }
            Err(Error::Sealed) => {
                assert_eq!((size, &seen[..]), (13, "old"), "M2, M3");
                outcomes.note("sealed");
            }
            other => panic!("{other:?}"),
        }
    });
}
