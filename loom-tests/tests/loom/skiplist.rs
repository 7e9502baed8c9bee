//! Models of the skiplist. Invariants are those of `src/skiplist/mod.rs`.
//!
//! Writers run in `main`, readers are spawned before: the order in which loom
//! sees both old and new values. The last character of a key is its height.

use verimem::rep::Cursor;
use verimem::{Error, Hint, checker};
use verimem_loom_tests::loom_model::{Bound, Model, Outcomes, check};

use crate::support::{
    ENTRY_BYTES, List, entry, insert, list, note_whole, scan, seek, spawn, spawn_insert,
};

/// S1, S4: a reader that finds an entry sees all of it.
#[test]
fn seen_entry_is_whole() {
    let model = Model::new(
        "skiplist::seen_entry_is_whole",
        Bound::Unbounded,
        2,
        &["-", "a"],
    );
    check(model, |outcomes| {
        let list = list();
        let reader = spawn(&list, |list| seek(list, b"a1"));
        insert(&list, b"a1").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&list), "a");
    });
}

/// S2, S4, S7: two writers between the same two nodes, nobody lost.
#[test]
fn two_writers_one_gap() {
    let model = Model::new(
        "skiplist::two_writers_one_gap",
        Bound::Unbounded,
        10,
        &["-", "a", "b"],
    );
    check(model, |outcomes| {
        let list = list();
        let reader = spawn(&list, |list| seek(list, b"a1"));
        let other = spawn_insert(&list, b"b1");
        insert(&list, b"a1").expect("no duplicate");
        other.join().expect("no panic").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&list), "ab");
    });
}

/// As above, two levels tall, with a scanning reader.
#[test]
fn two_tall_writers_one_gap() {
    let model = Model::new(
        "skiplist::two_tall_writers_one_gap",
        Bound::Preemptions(5),
        1_000,
        &["", "a", "b", "ab"],
    );
    check(model, |outcomes| {
        let list = list();
        let reader = spawn(&list, scan);
        let other = spawn_insert(&list, b"b2");
        insert(&list, b"a2").expect("no duplicate");
        other.join().expect("no panic").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&list), "ab");
        assert_eq!([seek(&list, b"a"), seek(&list, b"b")], ["a", "b"]);
    });
}

/// Two tall writers, exhausted: both levels are complete afterwards.
#[test]
fn two_tall_writers_both_levels() {
    let model = Model::new(
        "skiplist::two_tall_writers_both_levels",
        Bound::Unbounded,
        10,
        &["done"],
    );
    check(model, |outcomes| {
        let list = list();
        let other = spawn_insert(&list, b"b2");
        insert(&list, b"a2").expect("no duplicate");
        other.join().expect("no panic").expect("no duplicate");
        assert_eq!(scan(&list), "ab");
        // Searches come down from level 1: a lost link there shows as a wrong answer.
        assert_eq!(
            [seek(&list, b"a"), seek(&list, b"b"), seek(&list, b"c")],
            ["a", "b", "-"]
        );
        outcomes.note("done");
    });
}

/// As above with three writers, one of them tall.
#[test]
fn three_writers_one_gap() {
    let model = Model::new(
        "skiplist::three_writers_one_gap",
        Bound::Preemptions(2),
        100,
        &["done"],
    );
    check(model, |outcomes| {
        let list = list();
        let tall = spawn_insert(&list, b"b2");
        let last = spawn_insert(&list, b"c1");
        insert(&list, b"a1").expect("no duplicate");
        tall.join().expect("no panic").expect("no duplicate");
        last.join().expect("no panic").expect("no duplicate");
        assert_eq!(scan(&list), "abc");
        assert_eq!([seek(&list, b"b"), seek(&list, b"c")], ["b", "c"]);
        outcomes.note("done");
    });
}

/// S2, S7: of two inserts of one key and sequence number, exactly one wins.
#[test]
fn duplicate_race() {
    let model = Model::new(
        "skiplist::duplicate_race",
        Bound::Unbounded,
        4,
        &["main", "other"],
    );
    check(model, |outcomes| {
        let list = list();
        let other = spawn_insert(&list, b"a2");
        let mine = insert(&list, b"a2");
        let theirs = other.join().expect("no panic");
        assert_eq!(scan(&list), "a");
        outcomes.note(match (mine, theirs) {
            (Ok(()), Err(Error::Duplicate)) => "main",
            (Err(Error::Duplicate), Ok(())) => "other",
            both => panic!("exactly one wins: {both:?}"),
        });
    });
}

/// S3, S4, S6: a reader that comes down from level 1 of a node being linked.
#[test]
fn tall_node_and_reader() {
    let model = Model::new(
        "skiplist::tall_node_and_reader",
        Bound::Unbounded,
        5,
        &["-", "b"],
    );
    check(model, |outcomes| {
        let list = list();
        insert(&list, b"a1").expect("no duplicate");
        // Level 1 leads to just before `b2`, by its prefix alone.
        let reader = spawn(&list, |list| seek(list, b"b"));
        insert(&list, b"b2").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&list), "ab");
    });
}

/// As above, past the tall node: the search goes through its links.
#[test]
fn search_through_a_tall_node() {
    let model = Model::new(
        "skiplist::search_through_a_tall_node",
        Bound::Unbounded,
        5,
        &["c"],
    );
    check(model, |outcomes| {
        let list = list();
        insert(&list, b"c1").expect("no duplicate");
        let reader = spawn(&list, |list| seek(list, b"c1"));
        insert(&list, b"b2").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&list), "bc");
    });
}

/// As above, where the prefixes are equal, so the record found on level 1 is read.
#[test]
fn equal_prefixes_read_the_record() {
    let model = Model::new(
        "skiplist::equal_prefixes_read_the_record",
        Bound::Unbounded,
        5,
        &["k"],
    );
    check(model, |outcomes| {
        let list = list();
        insert(&list, b"kkkkz1").expect("no duplicate");
        let reader = spawn(&list, |list| seek(list, b"kkkkc"));
        insert(&list, b"kkkkb2").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// S3: two hints that remember the same gap, used at the same time (SPEC S3).
#[test]
fn hint_race() {
    let model = Model::new("skiplist::hint_race", Bound::Unbounded, 10, &["done"]);
    check(model, |outcomes| {
        let list = list();
        let hinted = |list: &List, hint: &mut Hint, key: &'static [u8]| {
            let mut ticket = list.arena().reserve(ENTRY_BYTES).expect("there is room");
            checker::insert_with_hint(list, &mut ticket, hint, &entry(key, 1, key))
        };
        let mut hint = Hint::new();
        hinted(&list, &mut hint, b"a2").expect("no duplicate");
        let mut copy = hint.clone();
        let other = spawn(&list, move |list| hinted(list, &mut copy, b"c2"));
        hinted(&list, &mut hint, b"b2").expect("no duplicate");
        other.join().expect("no panic").expect("no duplicate");
        assert_eq!(scan(&list), "abc");
        assert_eq!(
            [seek(&list, b"b"), seek(&list, b"c"), seek(&list, b"d")],
            ["b", "c", "-"]
        );
        // The hint saw a failed compare-exchange or a stale place: still usable.
        hinted(&list, &mut hint, b"d1").expect("no duplicate");
        assert_eq!(scan(&list), "abcd");
        outcomes.note("done");
    });
}

/// S2, S5: a cursor goes forward and back while entries are added around it.
#[test]
fn cursor_forward_and_back() {
    let model = Model::new(
        "skiplist::cursor_forward_and_back",
        Bound::Unbounded,
        10,
        &["b b", "c b", "c a"],
    );
    check(model, |outcomes| {
        let list = list();
        insert(&list, b"a2").expect("no duplicate");
        insert(&list, b"c1").expect("no duplicate");
        let reader = spawn(&list, |list| {
            let mut cursor = Cursor::new(list);
            let mut seen = String::new();
            cursor.seek_to_first();
            cursor.next();
            let at = cursor.entry().expect("no corruption").expect("an entry");
            note_whole(&at, &mut seen);
            seen.push(' ');
            let forward = seen.clone();
            cursor.seek(b"c1", 1);
            cursor.prev();
            let at = cursor.entry().expect("no corruption").expect("an entry");
            note_whole(&at, &mut seen);
            assert!(
                forward != "b " || seen == "b b",
                "what was seen stays: {seen}"
            );
            seen
        });
        insert(&list, b"b1").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// S3, S8: `last` comes down while a tall last node appears.
#[test]
fn last_while_appending() {
    let model = Model::new(
        "skiplist::last_while_appending",
        Bound::Unbounded,
        5,
        &["a", "b"],
    );
    check(model, |outcomes| {
        let list = list();
        insert(&list, b"a1").expect("no duplicate");
        let reader = spawn(&list, |list| {
            let mut cursor = Cursor::new(list);
            let mut seen = String::new();
            cursor.seek_to_last();
            let at = cursor.entry().expect("no corruption").expect("an entry");
            note_whole(&at, &mut seen);
            seen
        });
        insert(&list, b"b2").expect("no duplicate");
        outcomes.note(reader.join().expect("no panic"));
    });
}

fn exclusive(outcomes: &Outcomes, key: &'static [u8], sought: &'static [u8]) {
    let list = list();
    let mut ticket = list.arena().reserve(ENTRY_BYTES).expect("there is room");
    let reader = spawn(&list, move |list| seek(list, sought));
    // SAFETY: `main` is the only writer.
    unsafe { checker::insert_exclusive(&list, &mut ticket, &entry(key, 1, key)) }
        .expect("no duplicate");
    drop(ticket);
    outcomes.note(reader.join().expect("no panic"));
    assert_eq!(scan(&list).len(), 1);
}

/// S4: plain release stores of the only writer, seen by a reader.
#[test]
fn exclusive_writer_and_reader() {
    let model = Model::new(
        "skiplist::exclusive_writer_and_reader",
        Bound::Unbounded,
        2,
        &["-", "a"],
    );
    check(model, |outcomes| exclusive(outcomes, b"aaaaa1", b"aaaaa1"));
}

/// As above, two levels tall: the search goes past it, by its record.
#[test]
fn exclusive_tall_node_and_reader() {
    let model = Model::new(
        "skiplist::exclusive_tall_node_and_reader",
        Bound::Unbounded,
        3,
        &["-"],
    );
    check(model, |outcomes| exclusive(outcomes, b"aaaaa2", b"aaaab"));
}
