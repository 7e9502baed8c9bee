//! Models of batches and of several lookups at a time. Invariants are those of
//! `src/skiplist/mod.rs`.
//!
//! Each batch is searched for as one group: its writer has inserted entries
//! before that do not follow upon one another, so it does not expect the next
//! one beside the last. The last character of a key is its height.

use verimem::{BatchError, EntryRef, Error, checker};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{ENTRY_BYTES, List, entry, list, scan, seek, spawn, spawn_insert};

/// Entries in such an order that no two in a row are neighbours.
const APART: [&[u8]; 3] = [b"m1", b"z1", b"a1"];

/// Inserts three entries that lie apart: their writer then searches in groups.
fn scattered(list: &List, keys: [&'static [u8]; 3]) -> checker::Context {
    let mut context = checker::Context::empty();
    let mut ticket = list
        .arena()
        .reserve(3 * ENTRY_BYTES)
        .expect("there is room");
    for key in keys {
        checker::insert_near(list, &mut ticket, &mut context, &entry(key, 1, key))
            .expect("no duplicate");
    }
    context
}

fn batch(
    list: &List,
    context: &mut checker::Context,
    keys: &[&'static [u8]],
) -> Result<(), BatchError> {
    let entries: Vec<EntryRef<'_>> = keys.iter().map(|key| entry(key, 1, key)).collect();
    let mut ticket = list
        .arena()
        .reserve(keys.len() * ENTRY_BYTES)
        .expect("there is room");
    checker::insert_batch(list, &mut ticket, context, &entries)
}

/// S2, S4: two entries of a group and one of another writer in the same gap. The
/// group's second splice is stale in any case.
#[test]
fn batch_and_writer_in_one_gap() {
    let model = Model::new(
        "batch::batch_and_writer_in_one_gap",
        Bound::Unbounded,
        10,
        &["done"],
    );
    check(model, |outcomes| {
        let list = list();
        let mut context = scattered(&list, APART);
        let other = spawn_insert(&list, b"c1");
        batch(&list, &mut context, &[b"b1", b"d1"]).expect("no duplicate");
        other.join().expect("no panic").expect("no duplicate");
        assert_eq!(scan(&list), "abcdmz");
        outcomes.note("done");
    });
}

/// As above, two levels tall: both levels are complete afterwards.
#[test]
fn tall_batch_and_tall_writer() {
    let model = Model::new(
        "batch::tall_batch_and_tall_writer",
        Bound::Preemptions(6),
        100,
        &["done"],
    );
    check(model, |outcomes| {
        let list = list();
        let mut context = scattered(&list, APART);
        let other = spawn_insert(&list, b"c2");
        batch(&list, &mut context, &[b"b2", b"d2"]).expect("no duplicate");
        other.join().expect("no panic").expect("no duplicate");
        assert_eq!(scan(&list), "abcdmz");
        // Searches come down from level 1: a lost link there shows as a wrong answer.
        assert_eq!(
            [
                seek(&list, b"b"),
                seek(&list, b"c"),
                seek(&list, b"d"),
                seek(&list, b"e")
            ],
            ["b", "c", "d", "m"]
        );
        outcomes.note("done");
    });
}

/// Three entries in falling order: each splice but the first is stale.
#[test]
fn falling_batch_and_reader() {
    let model = Model::new(
        "batch::falling_batch_and_reader",
        Bound::Unbounded,
        10,
        &["admz", "acdmz", "abcdmz", "amz"],
    );
    check(model, |outcomes| {
        let list = list();
        let mut context = scattered(&list, APART);
        let reader = spawn(&list, scan);
        batch(&list, &mut context, &[b"d1", b"c1", b"b1"]).expect("no duplicate");
        let seen = reader.join().expect("no panic");
        outcomes.note(seen);
        assert_eq!(scan(&list), "abcdmz");
    });
}

/// S2, S7: two batches share an entry. Whoever inserts it goes on; the other
/// says how far it came, and inserts nothing after it.
#[test]
fn batches_that_share_an_entry() {
    let model = Model::new(
        "batch::batches_that_share_an_entry",
        Bound::Unbounded,
        10,
        &["main", "other"],
    );
    check(model, |outcomes| {
        let list = list();
        let mut context = scattered(&list, APART);
        let mut theirs = scattered(&list, [b"n1", b"y1", b"l1"]);
        let other = spawn(&list, move |list| batch(list, &mut theirs, &[b"c1", b"d1"]));
        let mine = batch(&list, &mut context, &[b"b1", b"c1"]);
        let theirs = other.join().expect("no panic");
        let refused = |added| {
            Err(BatchError {
                added,
                error: Error::Duplicate,
            })
        };
        if mine.is_ok() {
            assert_eq!(theirs, refused(0));
            assert_eq!(scan(&list), "abclmnyz");
            outcomes.note("main");
        } else {
            assert_eq!((mine, theirs), (refused(1), Ok(())));
            assert_eq!(scan(&list), "abcdlmnyz");
            outcomes.note("other");
        }
    });
}

/// S7: an entry twice in one group, beside a writer in the same gap.
#[test]
fn duplicate_inside_of_a_batch() {
    let model = Model::new(
        "batch::duplicate_inside_of_a_batch",
        Bound::Unbounded,
        10,
        &["done"],
    );
    check(model, |outcomes| {
        let list = list();
        let mut context = scattered(&list, APART);
        let other = spawn_insert(&list, b"c1");
        let refused = batch(&list, &mut context, &[b"b1", b"b1", b"d1"]);
        assert_eq!(refused.map_err(|refused| refused.added), Err(1));
        other.join().expect("no panic").expect("no duplicate");
        assert_eq!(scan(&list), "abcmz");
        outcomes.note("done");
    });
}

/// S4: the only writer's batch, seen by a reader, in the order of the batch.
#[test]
fn exclusive_batch_and_reader() {
    let model = Model::new(
        "batch::exclusive_batch_and_reader",
        Bound::Unbounded,
        5,
        &["amz", "abmz", "abcmz"],
    );
    check(model, |outcomes| {
        let list = list();
        let mut ticket = list
            .arena()
            .reserve(5 * ENTRY_BYTES)
            .expect("there is room");
        for key in APART {
            // SAFETY: `main` is the only writer.
            unsafe { checker::insert_exclusive(&list, &mut ticket, &entry(key, 1, key)) }
                .expect("no duplicate");
        }
        let reader = spawn(&list, scan);
        let entries = [entry(b"b2", 1, b"b2"), entry(b"c1", 1, b"c1")];
        // SAFETY: as above.
        unsafe { checker::insert_batch_exclusive(&list, &mut ticket, &entries) }
            .expect("no duplicate");
        drop(ticket);
        let seen = reader.join().expect("no panic");
        outcomes.note(seen);
        assert_eq!(scan(&list), "abcmz");
    });
}

/// S1, S4: three lookups at a time beside an insert, through a tall node.
#[test]
fn lookups_beside_an_insert() {
    let model = Model::new(
        "batch::lookups_beside_an_insert",
        Bound::Unbounded,
        10,
        &["a-c", "abc"],
    );
    check(model, |outcomes| {
        let list = list();
        for key in [&b"a1"[..], b"c1"] {
            list.insert(&entry(key, 1, key)).expect("no duplicate");
        }
        let reader = spawn(&list, |list| {
            let mut seen = String::new();
            list.multi_get(&[b"a1", b"b2", b"c1"], 1, |index, found| {
                assert_eq!(index, seen.len(), "answers come in the order of the keys");
                match found.expect("no checksum, no corruption") {
                    Some(found) => crate::support::note_whole(&found, &mut seen),
                    None => seen.push('-'),
                }
            });
            seen
        });
        let mut ticket = list.arena().reserve(ENTRY_BYTES).expect("there is room");
        checker::insert(&list, &mut ticket, &entry(b"b2", 1, b"b2")).expect("no duplicate");
        drop(ticket);
        outcomes.note(reader.join().expect("no panic"));
    });
}
