//! Models of the memtable. Invariants are those of `src/memtable/mod.rs`.

use std::sync::Arc;

use verimem::checker::set_shard_index;
use verimem::{Error, Hint, Kind, Lookup, MemTable};
use verimem_loom_tests::loom_model::{Model, check};

use crate::support::{filtered_table, spawn, table};

fn put(table: &MemTable, sequence: u64, key: &[u8]) -> Result<(), Error> {
    table.add(sequence, Kind::VALUE, key, key)
}

/// Brings a chunk to both shards, so that models are about something else.
fn warm_table() -> Arc<MemTable> {
    let table = table();
    put(&table, 1, b"a1").expect("a new key");
    set_shard_index(1);
    put(&table, 2, b"a1").expect("a new version");
    set_shard_index(0);
    table
}

/// M5: a get at a snapshot sees the version below it, whole, and never one above.
#[test]
fn add_against_get_at_a_snapshot() {
    let model = Model::unbounded("memtable::add_against_get_at_a_snapshot", 3, &["2", "3"]);
    check(model, |outcomes| {
        let table = warm_table();
        let reader = spawn(&table, |table| {
            let answer = table.get(b"a1", 3).expect("no corruption");
            let Lookup::Found {
                value, sequence, ..
            } = answer
            else {
                panic!("version 2 was there before: {answer:?}");
            };
            assert_eq!(value, b"a1");
            sequence
        });
        put(&table, 4, b"a1").expect("a new version");
        put(&table, 3, b"a1").expect("a new version");
        outcomes.note(reader.join().expect("no panic").to_string());
        assert_eq!(table.stats().entries, 4);
    });
}

/// M2, M3: an entry is in the sealed table or its writer got `Sealed`.
#[test]
fn add_against_seal() {
    let model = Model::unbounded("memtable::add_against_seal", 3, &["added", "sealed"]);
    check(model, |outcomes| {
        let table = warm_table();
        let writer = spawn(&table, |table| put(table, 3, b"b1"));
        table.seal().expect("not inside");
        // Not `is_sealed` first: that would acquire what `seal` has to.
        let found = table.contains(b"b1", 3);
        let entries = table.stats().entries;
        assert_eq!(
            entries,
            if found { 3 } else { 2 },
            "M3: exact after the seal"
        );
        match writer.join().expect("no panic") {
            Ok(()) => {
                assert!(found, "M2: an acknowledged entry is in the sealed table");
                outcomes.note("added");
            }
            Err(Error::Sealed) => {
                assert!(!found, "M2: a refused entry is not");
                outcomes.note("sealed");
            }
            Err(other) => panic!("unexpected: {other}"),
        }
        assert_eq!(
            table.stats().entries,
            entries,
            "nothing changes after the seal"
        );
    });
}

/// M2: who sees the table sealed sees all of its entries and counters.
#[test]
fn sealed_is_complete() {
    let model = Model::unbounded("memtable::sealed_is_complete", 3, &["open", "sealed"]);
    check(model, |outcomes| {
        let table = warm_table();
        let reader = spawn(&table, |table| {
            if table.is_sealed() {
                assert!(table.contains(b"b2", 3), "M2: all entries");
                assert_eq!(table.stats().entries, 3, "M2: all counters");
                "sealed"
            } else {
                "open"
            }
        });
        put(&table, 3, b"b2").expect("a new key");
        table.seal().expect("not inside");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// M1: exclusive writers exclude each other, and each sees what the one before did.
#[test]
fn exclusive_writers_take_turns() {
    let model = Model::unbounded(
        "memtable::exclusive_writers_take_turns",
        3,
        &["both", "main", "other"],
    );
    check(model, |outcomes| {
        let table = warm_table();
        let write = |table: &MemTable, key: &[u8]| -> Result<(), Error> {
            table.exclusive_writer()?.add(3, Kind::VALUE, key, key)
        };
        let other = spawn(&table, move |table| write(table, b"c1"));
        let mine = write(&table, b"b1");
        let theirs = other.join().expect("no panic");
        let entries = table.stats().entries;
        outcomes.note(match (mine, theirs) {
            (Ok(()), Ok(())) => {
                assert_eq!(entries, 4, "nobody's link was overwritten, nor count lost");
                "both"
            }
            (Ok(()), Err(Error::Busy)) => "main",
            (Err(Error::Busy), Ok(())) => "other",
            neither => panic!("somebody gets in: {neither:?}"),
        });
        let mut found = 0;
        let mut cursor = table.iter();
        cursor.seek_to_first();
        while cursor.valid() {
            found += 1;
            cursor.next();
        }
        assert_eq!(found, entries, "M3: every entry is linked and counted");
    });
}

/// M1: a concurrent writer and an exclusive one never are inside together.
#[test]
fn exclusive_against_concurrent() {
    let model = Model::unbounded(
        "memtable::exclusive_against_concurrent",
        3,
        &["both", "concurrent", "exclusive"],
    );
    check(model, |outcomes| {
        let table = warm_table();
        let other = spawn(&table, |table| {
            table.exclusive_writer()?.add(3, Kind::VALUE, b"c1", b"c1")
        });
        let mine = put(&table, 3, b"b1");
        let theirs = other.join().expect("no panic");
        // The counters alone would not notice a link that was overwritten.
        assert_eq!(table.contains(b"b1", 3), mine.is_ok(), "M1: concurrent");
        assert_eq!(table.contains(b"c1", 3), theirs.is_ok(), "M1: exclusive");
        let added = u64::from(mine.is_ok()) + u64::from(theirs.is_ok());
        assert_eq!(table.stats().entries, 2 + added);
        outcomes.note(match (mine, theirs) {
            (Ok(()), Ok(())) => "both",
            (Ok(()), Err(Error::Busy)) => "concurrent",
            (Err(Error::Busy), Ok(())) => "exclusive",
            neither => panic!("somebody gets in: {neither:?}"),
        });
    });
}

/// M3: the counts of two writers add up.
#[test]
fn counters_of_two_writers() {
    let model = Model::unbounded("memtable::counters_of_two_writers", 10, &["done"]);
    check(model, |outcomes| {
        let table = warm_table();
        let other = spawn(&table, |table| put(table, 4, b"c1"));
        table.add(3, Kind::DELETION, b"b1", b"").expect("a new key");
        other.join().expect("no panic").expect("a new key");
        let stats = table.stats();
        assert_eq!((stats.entries, stats.deletions), (4, 1));
        assert_eq!(stats.data_size, 3 * (2 + 2 + 8) + (2 + 8));
        assert_eq!(stats.first_sequence, Some(1));
        assert_eq!(stats.largest_sequence, Some(4));
        outcomes.note("done");
    });
}

/// M4: of two equal entries one is stored and counted, the other is neither.
#[test]
fn duplicate_race() {
    let model = Model::unbounded("memtable::duplicate_race", 4, &["main", "other"]);
    check(model, |outcomes| {
        let table = warm_table();
        let other = spawn(&table, |table| put(table, 3, b"b1"));
        let mine = put(&table, 3, b"b1");
        let theirs = other.join().expect("no panic");
        outcomes.note(match (mine, theirs) {
            (Ok(()), Err(Error::Duplicate)) => "main",
            (Err(Error::Duplicate), Ok(())) => "other",
            both => panic!("exactly one wins: {both:?}"),
        });
        let stats = table.stats();
        assert_eq!((stats.entries, stats.data_size), (3, 3 * (2 + 2 + 8)));
    });
}

/// SPEC A6: what a writer reserved is there for it, whatever others take.
#[test]
fn reserved_memory_against_add() {
    let model = Model::unbounded("memtable::reserved_memory_against_add", 3, &["done"]);
    check(model, |outcomes| {
        let table = warm_table();
        let size = table.max_entry_size(2, 2).expect("within the limits");
        let other = spawn(&table, |table| put(table, 3, b"c1"));
        let mut writer = table.writer().expect("an open table");
        writer.reserve(size).expect("there is room");
        writer.add(3, Kind::VALUE, b"b2", b"b2").expect("reserved");
        drop(writer);
        other.join().expect("no panic").expect("there is room");
        assert_eq!(table.stats().entries, 4);
        assert!(table.contains(b"b2", 3) && table.contains(b"c1", 3));
        outcomes.note("done");
    });
}

/// M5 and the filter: who has seen an entry finds it by its key, too.
#[test]
fn filter_against_publication() {
    let model = Model::unbounded("memtable::filter_against_publication", 4, &["-", "b"]);
    check(model, |outcomes| {
        let table = filtered_table();
        put(&table, 1, b"a1").expect("a new key");
        let reader = spawn(&table, |table| {
            let mut cursor = table.iter();
            cursor.seek(b"b1", 2);
            if !cursor.valid() {
                return "-";
            }
            let found = table.get(b"b1", 2).expect("no corruption");
            assert!(
                matches!(found, Lookup::Found { .. }),
                "it was seen: {found:?}"
            );
            "b"
        });
        put(&table, 2, b"b1").expect("a new key");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// D4: a range deletion hides keys that the filter denies, too, for who gets one of
/// them and for who gets several.
#[test]
fn filter_and_range_deletion() {
    let model = Model::unbounded(
        "memtable::filter_and_range_deletion",
        4,
        &["- -", "- 3", "b -", "b 3"],
    );
    check(model, |outcomes| {
        let table = filtered_table();
        let reader = spawn(&table, |table| {
            let mut cursor = table.iter();
            cursor.seek_to_first();
            let entry = cursor.valid();
            let deletion = !table.range_deletions(0..=9).expect("memory").is_empty();
            let keys: [&[u8]; 3] = [b"a1", b"b1", b"c1"];
            let several = table.multi_get(&keys, 9).expect("memory");
            let one = table.get(b"c1", 9).expect("no corruption");
            let [before, written, denied] =
                [0, 1, 2].map(|key| several[key].clone().expect("no corruption"));
            assert_eq!(before, Lookup::NotFound);
            if entry {
                assert_ne!(written, Lookup::NotFound, "B1: it was seen");
            }
            if deletion {
                let by = Lookup::Deleted {
                    sequence: 3,
                    kind: Kind::RANGE_DELETION,
                };
                assert_eq!([&written, &denied, &one], [&by; 3], "D4: it was seen");
            }
            let seen = |seen, name| if seen { name } else { "-" };
            format!("{} {}", seen(entry, "b"), seen(deletion, "3"))
        });
        put(&table, 2, b"b1").expect("a new key");
        table.delete_range(3, b"b", b"d").expect("memory");
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// M1 and hints (SPEC S3): two exclusive writers use copies of one hint, which says to
/// both of them the same place. The second to come in has to see that it is taken.
#[test]
fn hints_of_exclusive_writers() {
    let model = Model::unbounded(
        "memtable::hints_of_exclusive_writers",
        3,
        &["both", "main", "other"],
    );
    check(model, |outcomes| {
        let table = warm_table();
        let write = |table: &MemTable, hint: &mut Hint, key: &[u8]| -> Result<(), Error> {
            let mut writer = table.exclusive_writer()?;
            writer.add_with_hint(hint, 3, Kind::VALUE, key, key)
        };
        let mut hint = Hint::new();
        write(&table, &mut hint, b"b2").expect("nobody else writes");
        let mut copy = hint.clone();
        let other = spawn(&table, move |table| write(table, &mut copy, b"d2"));
        let mine = write(&table, &mut hint, b"c2");
        let theirs = other.join().expect("no panic");
        assert_eq!(table.contains(b"c2", 3), mine.is_ok(), "M1: main");
        assert_eq!(table.contains(b"d2", 3), theirs.is_ok(), "M1: other");
        outcomes.note(match (mine, theirs) {
            (Ok(()), Ok(())) => "both",
            (Ok(()), Err(Error::Busy)) => "main",
            (Err(Error::Busy), Ok(())) => "other",
            neither => panic!("somebody gets in: {neither:?}"),
        });
    });
}
