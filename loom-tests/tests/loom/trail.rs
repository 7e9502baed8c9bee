//! Models of cursors that look ahead and remember. Invariants are those of
//! `src/skiplist/mod.rs`.
//!
//! At this branching a trail works from level 1 on, and entries lie so far apart
//! in memory that it does. The last character of a key is its height.

use verimem::MAX_SEQUENCE_NUMBER;
use verimem::arena::Ticket;
use verimem::checker::{self, FAR_BYTES, visits_of};
use verimem::rep::Cursor;
use verimem_loom_tests::loom_model::{self, Model, Outcomes};

use crate::support::{ENTRY_BYTES, List, entry, insert, note_whole, scan, seek, spawn, wide_list};

/// Where the cursors of a model visit nodes ahead of time.
#[derive(Clone, Copy, PartialEq)]
enum Looks {
    Ahead,
    Behind,
    Both,
}

/// Checks a model, and that its cursors did visit nodes ahead of time, there and not
/// elsewhere.
fn check(model: Model, looks: Looks, body: impl Fn(&Outcomes) + Send + Sync + 'static) {
    let ((), visits) = visits_of(|| loom_model::check(model, body));
    let expected = (looks != Looks::Behind, looks != Looks::Ahead);
    assert_eq!(
        (visits.ahead > 0, visits.behind > 0),
        expected,
        "WITNESS: {}: {visits:?}",
        model.name
    );
    println!("{visits:?}");
}

fn add(list: &List, key: &'static [u8]) {
    insert(list, key).expect("no duplicate");
}

/// Memory for entries that lie far from those before, and far from the next.
fn far_away(list: &List) -> Ticket<'_> {
    let bytes = FAR_BYTES + 8 * ENTRY_BYTES;
    let mut ticket = list.arena().reserve(bytes).expect("there is room");
    ticket.allocate(FAR_BYTES).expect("it was reserved");
    ticket
}

fn add_from(ticket: &mut Ticket<'_>, list: &List, key: &'static [u8]) {
    checker::insert(list, ticket, &entry(key, 1, key)).expect("no duplicate");
}

/// The first letter of the entry at the cursor, or `-`.
fn at(cursor: &Cursor<&List>) -> String {
    let mut seen = String::new();
    match cursor.entry().expect("no checksum, no corruption") {
        Some(entry) => note_whole(&entry, &mut seen),
        None => seen.push('-'),
    }
    seen
}

/// S2, S3, S4: a cursor enters zones while a tall node is linked in one of them;
/// the look ahead goes through the node on both levels.
#[test]
fn look_ahead_beside_an_insert() {
    let model = Model::unbounded(
        "trail::look_ahead_beside_an_insert",
        10,
        &["abd", "abcd", "abde", "abcde"],
    );
    check(model, Looks::Ahead, |outcomes| {
        let list = wide_list();
        add(&list, b"a1");
        let mut ticket = far_away(&list);
        add_from(&mut ticket, &list, b"b2");
        add_from(&mut ticket, &list, b"d1");
        let reader = spawn(&list, scan);
        add_from(&mut ticket, &list, b"c2");
        add_from(&mut ticket, &list, b"e2");
        drop(ticket);
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// S2, S3, S4: before zones pay, the towers that a seek came by are asked for what
/// they link to, while another one appears before them.
#[test]
fn rungs_beside_an_insert() {
    let model = Model::unbounded("trail::rungs_beside_an_insert", 10, &["ac", "abc"]);
    check(model, Looks::Ahead, |outcomes| {
        let list = wide_list();
        add(&list, b"a1");
        let mut ticket = far_away(&list);
        add_from(&mut ticket, &list, b"c2");
        let reader = spawn(&list, scan);
        add_from(&mut ticket, &list, b"b2");
        drop(ticket);
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// S2, S5: a node that a cursor remembers gets another successor. What was in
/// the list before the step is not skipped.
#[test]
fn remembered_node_gets_a_successor() {
    let model = Model::unbounded(
        "trail::remembered_node_gets_a_successor",
        10,
        &["- a", "- b", "b b"],
    );
    check(model, Looks::Behind, |outcomes| {
        let list = wide_list();
        for key in [&b"a1"[..], b"c1", b"d1"] {
            add(&list, key);
        }
        let reader = spawn(&list, |list| {
            let mut cursor = Cursor::new(list);
            cursor.seek_to_last();
            cursor.prev();
            assert_eq!(at(&cursor), "c");
            // `a` is remembered now.
            let before = seek(list, b"b").replace('c', "-");
            cursor.prev();
            let found = at(&cursor);
            assert!(before == "-" || found == "b", "b was there and was skipped");
            let seen = format!("{before} {found}");
            if found == "b" {
                cursor.prev();
            }
            assert_eq!(at(&cursor), "a");
            seen
        });
        add(&list, b"b1");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// S2 to S5: as above, with the tower that the search backward begins at new.
#[test]
fn tower_appears_behind_the_cursor() {
    let model = Model::unbounded(
        "trail::tower_appears_behind_the_cursor",
        10,
        &["dca", "dcba"],
    );
    check(model, Looks::Behind, |outcomes| {
        let list = wide_list();
        for key in [&b"a1"[..], b"c1", b"d1"] {
            add(&list, key);
        }
        let reader = spawn(&list, |list| {
            let mut cursor = Cursor::new(list);
            let mut seen = String::new();
            cursor.seek(b"d1", MAX_SEQUENCE_NUMBER);
            while cursor.valid() {
                seen += &at(&cursor);
                cursor.prev();
            }
            seen
        });
        add(&list, b"b2");
        outcomes.note(reader.join().expect("no panic"));
        assert_eq!(scan(&list), "abcd");
    });
}

/// A cursor turns round in the middle of a zone while the zone grows.
#[test]
fn turning_round_beside_an_insert() {
    let model = Model::unbounded(
        "trail::turning_round_beside_an_insert",
        10,
        &["abcbab", "acdcab", "acdcac", "acdcbc"],
    );
    check(model, Looks::Both, |outcomes| {
        let list = wide_list();
        add(&list, b"a1");
        let mut ticket = far_away(&list);
        add_from(&mut ticket, &list, b"c2");
        add_from(&mut ticket, &list, b"d1");
        let reader = spawn(&list, |list| {
            let mut cursor = Cursor::new(list);
            let mut seen = String::new();
            cursor.seek_to_first();
            for forward in [true, true, false, false, true] {
                seen += &at(&cursor);
                if forward {
                    cursor.next();
                } else {
                    cursor.prev();
                }
            }
            seen + &at(&cursor)
        });
        add_from(&mut ticket, &list, b"b2");
        drop(ticket);
        outcomes.note(reader.join().expect("no panic"));
    });
}
