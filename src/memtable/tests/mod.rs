//! What a table promises on real threads and to hostile users; the models have
//! the rest.

mod checksums;
mod damage;
mod filter;
mod hashed;
mod hints;
mod hostile;
mod kinds;
#[cfg(target_os = "linux")]
mod memory;
pub(super) mod merges;
mod overwrite;
mod prefixes;
mod ranges;
mod sample;
mod silent;
mod stamped;
mod timestamps;
mod vector;
mod visibility;
mod visible;

use super::*;

fn small() -> MemTableBuilder {
    MemTable::builder().write_buffer_size(64 << 10)
}

#[test]
fn e3_the_ends_of_the_sequence_numbers_are_ordinary() {
    let table = small().build().unwrap();
    table.add(0, Kind::VALUE, b"k", b"zero").unwrap();
    assert!(!table.is_empty());
    let stats = table.stats();
    assert_eq!(stats.first_sequence, Some(0));
    assert_eq!(stats.largest_sequence, Some(0));
    table
        .add(MAX_SEQUENCE_NUMBER, Kind::DELETION, b"k", b"")
        .unwrap();
    let zero = Lookup::Found {
        value: b"zero",
        sequence: 0,
        kind: Kind::VALUE,
    };
    assert_eq!(table.get(b"k", 0), Ok(zero.clone()));
    assert_eq!(table.get(b"k", MAX_SEQUENCE_NUMBER - 1), Ok(zero));
    let deleted = Lookup::Deleted {
        sequence: MAX_SEQUENCE_NUMBER,
        kind: Kind::DELETION,
    };
    assert_eq!(table.get(b"k", MAX_SEQUENCE_NUMBER), Ok(deleted));
    assert!(table.contains(b"k", 0) && !table.contains(b"k", 1));
    assert_eq!(table.stats().largest_sequence, Some(MAX_SEQUENCE_NUMBER));
    let over = MAX_SEQUENCE_NUMBER + 1;
    let refusal = Error::SequenceTooLarge { sequence: over };
    assert_eq!(table.get(b"k", over), Err(refusal.clone()));
    assert_eq!(table.add(over, Kind::VALUE, b"k", b""), Err(refusal));
    assert_eq!(table.stats().entries, 2);
}

#[test]
fn w2_refused_adds_are_not_counted() {
    let table = small().capacity(Some(16 << 10)).build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"v").unwrap();
    let before = (table.stats(), table.memory_usage());
    let mut writer = table.writer().unwrap();
    assert_eq!(writer.add(1, Kind::MERGE, b"k", b""), Err(Error::Duplicate));
    let large = std::vec![0; 20 << 10];
    assert!(matches!(
        writer.add(2, Kind::VALUE, b"k", &large),
        Err(Error::Full { .. })
    ));
    assert!(writer.add(3, Kind::RANGE_DELETION, b"b", b"a").is_err());
    drop(writer);
    assert_eq!((table.stats(), table.memory_usage()), before);
}

#[test]
fn w6_the_first_of_two_duplicates_is_kept_if_that_is_asked_for() {
    let entry = |sequence, user_key, value| EntryRef {
        user_key,
        sequence,
        kind: Kind::VALUE,
        value,
    };
    for policy in [DuplicatePolicy::Reject, DuplicatePolicy::KeepFirst] {
        let keeps = policy == DuplicatePolicy::KeepFirst;
        for exclusive in [false, true] {
            let table = small().duplicates(policy).build().unwrap();
            table.add(1, Kind::VALUE, b"b", b"first").unwrap();
            let stats = table.stats();
            let mut writer = if exclusive {
                table.exclusive_writer().unwrap()
            } else {
                table.writer().unwrap()
            };
            let expected = if keeps { Ok(()) } else { Err(Error::Duplicate) };
            assert_eq!(writer.add(1, Kind::VALUE, b"b", b"second"), expected);
            assert_eq!(writer.add(1, Kind::DELETION, b"b", b""), expected);
            let mut hint = crate::skiplist::Hint::new();
            let hinted = writer.add_with_hint(&mut hint, 1, Kind::MERGE, b"b", b"second");
            assert_eq!(hinted, expected);
            drop(writer);
            assert_eq!(table.stats(), stats);
            // Duplicates of the table, of one another, next to each other and at the ends.
            let batch = [
                entry(1, &b"b"[..], &b"second"[..]),
                entry(1, b"a", b"first"),
                entry(1, b"b", b"third"),
                entry(1, b"b", b"fourth"),
                entry(1, b"c", b"first"),
                entry(1, b"a", b"second"),
            ];
            let mut writer = if exclusive {
                table.exclusive_writer().unwrap()
            } else {
                table.writer().unwrap()
            };
            let refused = writer.add_batch(&batch).map_err(|refused| refused.added);
            assert_eq!(refused, if keeps { Ok(()) } else { Err(0) });
            if keeps {
                // What is refused for another reason is counted from the start of the batch.
                let over = entry(MAX_SEQUENCE_NUMBER + 1, b"d", b"");
                let refused = writer.add_batch(&[batch[0], batch[1], over]).unwrap_err();
                let error = Error::SequenceTooLarge {
                    sequence: MAX_SEQUENCE_NUMBER + 1,
                };
                assert_eq!((refused.added, refused.error), (2, error));
            }
            drop(writer);
            assert_eq!(table.stats().entries, if keeps { 3 } else { 1 });
            for key in [b"a", b"b", b"c"] {
                let found = table.get_entry(key, 9).unwrap();
                assert!(found.is_none_or(|found| found.value == b"first"));
            }
        }
    }
}

#[test]
fn a6_a_reservation_bounds_its_writer() {
    let table = small().capacity(Some(64 << 10)).build().unwrap();
    let size = table.max_entry_size(1, 1).unwrap();
    let mut writer = table.writer().unwrap();
    writer.reserve(10 * size).unwrap();
    for sequence in 0..10 {
        writer.add(sequence, Kind::VALUE, b"k", b"v").unwrap();
    }
    assert!(writer.reserve(1 << 20).is_err());
    // A refused reservation leaves none behind.
    writer.add(10, Kind::VALUE, b"k", b"v").unwrap();
    drop(writer);
    assert_eq!(table.stats().entries, 11);
}

#[test]
fn i1_reads_are_counted_as_the_caller_made_them() {
    let table = small().track_reads(true).build().unwrap();
    for sequence in 0..20 {
        table.add(sequence, Kind::VALUE, b"k", b"v").unwrap();
    }
    let _ = table.get(b"k", 5).unwrap();
    let _ = table.get(b"x", 5).unwrap();
    let _ = table.get_entry(b"k", 3).unwrap();
    let reads = table.read_stats().unwrap();
    assert_eq!((reads.gets, reads.get_hits, reads.seeks), (3, 2, 0));
    let mut cursor = table.iter();
    cursor.seek_to_first();
    cursor.next();
    cursor.prev();
    let reads = table.read_stats().unwrap();
    assert_eq!((reads.gets, reads.seeks, reads.steps), (3, 1, 2));
    assert_eq!(small().build().unwrap().read_stats(), None);
}

#[test]
fn descriptions_are_short() {
    let table = small().track_reads(true).build().unwrap();
    let value = std::vec![0; 100_000];
    table.add(1, Kind::VALUE, b"k", &value).unwrap();
    let writer = table.writer().unwrap();
    let described = std::format!("{table:?} {writer:?} {:?} {:?}", table.rep, table.iter());
    assert!(described.len() < 3_000, "{described}");
}
