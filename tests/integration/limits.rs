//! Limits and nonsense.

use verimem::skiplist::HeightSource;
use verimem::{
    Error, Hint, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, Protection, Stats, encoded_len,
};

use crate::reps::{self, ALL, AnyTable, REFUSING};

const NEXT: u64 = MAX_SEQUENCE_NUMBER + 1;

/// E3: 56 bits, an error beyond and never a wrap; 0 is ordinary.
#[test]
fn e3_sequence_numbers_have_56_bits_and_zero_is_one() -> Result<(), Error> {
    ALL.iter()
        .try_for_each(|rep| sequence_numbers_have_56_bits(&reps::table(rep)))
}

fn sequence_numbers_have_56_bits(table: &AnyTable) -> Result<(), Error> {
    assert!(table.is_empty());
    table.add(0, Kind::VALUE, b"k", b"zero")?;
    assert!(
        !table.is_empty(),
        "an entry with sequence number 0 is an entry"
    );
    assert!(matches!(
        table.get(b"k", 0)?,
        Lookup::Found { sequence: 0, .. }
    ));
    assert_eq!(
        (table.stats().first_sequence, table.stats().largest_sequence),
        (Some(0), Some(0))
    );
    table.add(MAX_SEQUENCE_NUMBER, Kind::DELETION, b"k", b"")?;
    assert!(matches!(
        table.get(b"k", MAX_SEQUENCE_NUMBER)?,
        Lookup::Deleted { .. }
    ));
    for sequence in [NEXT, NEXT + 1, u64::MAX] {
        let refused = Error::SequenceTooLarge { sequence };
        assert_eq!(
            table.add(sequence, Kind::VALUE, b"k", b""),
            Err(refused.clone())
        );
        assert_eq!(table.get(b"k", sequence), Err(refused.clone()));
        assert_eq!(table.get_entry(b"k", sequence), Err(refused));
        assert!(!table.contains(b"k", sequence));
        let mut cursor = table.iter();
        cursor.seek(b"k", sequence);
        assert_eq!(cursor.key(), Some((&b"k"[..], MAX_SEQUENCE_NUMBER)));
    }
    assert_eq!(table.stats().entries, 2);
    Ok(())
}

/// E5: each limit and their sum, without the memory: the bytes are refused by
/// their length, so the pages of a zeroed vector are never touched.
#[test]
#[cfg(all(target_pointer_width = "64", target_os = "linux"))]
fn e5_lengths_over_the_limits_are_named_and_leave_no_trace() {
    let huge = vec![0u8; (1 << 32) + 1];
    for rep in ALL {
        lengths_over_the_limits_are_named(&reps::table(rep), &huge);
    }
}

#[cfg(all(target_pointer_width = "64", target_os = "linux"))]
fn lengths_over_the_limits_are_named(table: &AnyTable, huge: &[u8]) {
    let add = |key: usize, value: usize| table.add(1, Kind::VALUE, &huge[..key], &huge[..value]);
    let (max_key, max_value) = (u32::MAX as usize - 8, u32::MAX as usize);
    for key in [max_key + 1, 1 << 32, huge.len()] {
        assert_eq!(
            add(key, 0),
            Err(Error::KeyTooLarge {
                length: key,
                limit: max_key
            })
        );
        assert_eq!(
            add(key, huge.len()),
            Err(Error::KeyTooLarge {
                length: key,
                limit: max_key
            })
        );
    }
    for value in [max_value + 1, huge.len()] {
        let refused = Error::ValueTooLarge {
            length: value,
            limit: max_value,
        };
        assert_eq!(add(0, value), Err(refused));
    }
    for (key, value) in [
        (max_key, 0),
        (0, max_value),
        (1 << 31, 1 << 31),
        (max_key, max_value),
    ] {
        let refused = add(key, value);
        assert!(
            matches!(refused, Err(Error::EntryTooLarge { .. })),
            "{refused:?}"
        );
        let length = encoded_len(key, value, Protection::None);
        assert_eq!(length.err(), refused.err());
    }
    assert_eq!(table.stats(), Stats::default());
    assert!(table.is_empty());
    assert!(
        table.memory_usage().allocated < 64 << 20,
        "{:?}",
        table.memory_usage()
    );
}

/// The order of checks: sealed, sequence number, lengths, range, duplicate.
#[test]
fn w1_the_first_reason_is_the_one_that_is_given() -> Result<(), Error> {
    REFUSING
        .iter()
        .try_for_each(|rep| the_first_reason_is_given(&reps::table(rep)))
}

fn the_first_reason_is_given(table: &AnyTable) -> Result<(), Error> {
    table.add(1, Kind::VALUE, b"k", b"")?;
    for kind in [Kind::VALUE, Kind::RANGE_DELETION] {
        let sequence = table.add(NEXT, kind, b"k", b"");
        assert!(
            matches!(sequence, Err(Error::SequenceTooLarge { .. })),
            "{sequence:?}"
        );
    }
    let range = table.add(1, Kind::RANGE_DELETION, b"k", b"");
    assert_eq!(range, Err(Error::InvertedRange));
    for kind in 0..=u8::MAX {
        let again = table.add(1, Kind(kind), b"k", b"k");
        let expected = if Kind(kind) == Kind::RANGE_DELETION {
            Ok(()) // of nothing
        } else {
            Err(Error::Duplicate)
        };
        assert_eq!(again, expected, "E2: kind {kind} takes no part");
    }
    table.seal()?;
    assert_eq!(
        table.add(NEXT, Kind::RANGE_DELETION, b"k", b""),
        Err(Error::Sealed)
    );
    assert_eq!(table.stats().entries, 1);
    Ok(())
}

/// S3: a hint belongs to one list; refused by another, it is as good as before.
#[test]
fn s3_foreign_hints_are_refused_and_do_no_harm() -> Result<(), Error> {
    // A vector searches nothing when it adds, so that it needs no hint.
    REFUSING
        .iter()
        .try_for_each(|rep| foreign_hints_are_refused(rep))
}

fn foreign_hints_are_refused(rep: &str) -> Result<(), Error> {
    let (home, abroad) = (reps::table(rep), reps::table(rep));
    let mut hint = Hint::new();
    home.writer()?
        .add_with_hint(&mut hint, 1, Kind::VALUE, b"m", b"")?;
    for exclusive in [false, true] {
        let mut writer = if exclusive {
            abroad.exclusive_writer()?
        } else {
            abroad.writer()?
        };
        let refused = writer.add_with_hint(&mut hint, 2, Kind::VALUE, b"n", b"");
        assert_eq!(refused, Err(Error::ForeignHint));
        let mut copy = hint.clone();
        let refused = writer.add_with_hint(&mut copy, 2, Kind::VALUE, b"n", b"");
        assert_eq!(refused, Err(Error::ForeignHint));
    }
    assert!(abroad.is_empty() && abroad.stats().entries == 0);
    // Stale: the neighbourhood changed since; far away: at both ends.
    for (sequence, key) in (10..).zip([b"l", b"n", b"a", b"z", b"m"]) {
        home.add(sequence, Kind::VALUE, b"mm", b"")?;
        home.writer()?
            .add_with_hint(&mut hint, sequence, Kind::VALUE, key, b"")?;
    }
    assert_eq!(home.stats().entries, 11);
    // A table at the address of one that is gone is still another table.
    drop(home);
    let refused = reps::table(rep)
        .writer()?
        .add_with_hint(&mut hint, 1, Kind::VALUE, b"m", b"");
    assert_eq!(refused, Err(Error::ForeignHint));
    Ok(())
}

/// A6: `Full` says so before anything is written, and room for less may be left.
#[test]
fn a6_a_full_table_refuses_and_stays_as_it_is() -> Result<(), Error> {
    ALL.iter()
        .try_for_each(|rep| a_full_table_refuses_and_stays_as_it_is(rep))
}

fn a_full_table_refuses_and_stays_as_it_is(rep: &str) -> Result<(), Error> {
    let table = reps::builder(rep)
        .capacity(Some(64 << 10))
        .arena_shards(1)
        // Equal towers: where a tall node is refused, a short one might still fit.
        .heights(HeightSource::Scripted(|_| 1))
        .build()?;
    let mut added = 0;
    let full = loop {
        match table.add(added, Kind::VALUE, b"key", &[0; 1000]) {
            Ok(()) => added += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::Full { .. }), "{full:?}");
    assert!((16..=65).contains(&added), "{added} kilobytes fit 64");
    let before = table.stats();
    assert_eq!(before.entries, added);
    for sequence in added..added + 100 {
        assert!(matches!(
            table.add(sequence, Kind::VALUE, b"key", &[0; 1000]),
            Err(Error::Full { .. })
        ));
    }
    assert!(matches!(
        table.add(added, Kind::VALUE, b"k", &[0; 1 << 20]),
        Err(Error::Full { .. })
    ));
    assert_eq!(table.stats(), before);
    assert!(table.memory_usage().allocated <= 64 << 10);
    assert!(matches!(
        table.get(b"key", added - 1)?,
        Lookup::Found { .. }
    ));
    table.seal()
}

/// A6: what was reserved is there, whoever else fills the table; what cannot be
/// reserved is refused as a whole.
#[test]
fn a6_a_reserved_batch_is_never_half_written() -> Result<(), Error> {
    ALL.iter()
        .try_for_each(|rep| a_reserved_batch_is_never_half_written(rep))
}

fn a_reserved_batch_is_never_half_written(rep: &str) -> Result<(), Error> {
    let table = reps::builder(rep)
        .capacity(Some(64 << 10))
        .arena_shards(1)
        .build()?;
    let mut batch = table.writer()?;
    let size = table.max_entry_size(4, 100)?;
    batch.reserve(50 * size)?;
    let mut filler = table.writer()?;
    let mut sequence = 1000;
    while filler
        .add(sequence, Kind::VALUE, b"fill", &[1; 500])
        .is_ok()
    {
        sequence += 1;
    }
    for number in 0..50 {
        batch.add(number, Kind::VALUE, b"keyk", &[2; 100])?;
    }
    assert!(matches!(batch.reserve(1 << 20), Err(Error::Full { .. })));
    drop((batch, filler));
    assert_eq!(table.stats().entries, 50 + (sequence - 1000));
    Ok(())
}

/// A1: values far larger than a block.
#[test]
fn a1_large_values_get_blocks_of_their_own() -> Result<(), Error> {
    ALL.iter()
        .try_for_each(|rep| large_values_get_blocks_of_their_own(rep))
}

fn large_values_get_blocks_of_their_own(rep: &str) -> Result<(), Error> {
    let table = reps::builder(rep).arena_block_size(4096).build()?;
    for (sequence, megabytes) in (1..).zip([0, 1, 3, 8]) {
        let value = vec![sequence as u8; megabytes << 20];
        table.add(sequence, Kind::VALUE, b"k", &value)?;
        let found = table.get_entry(b"k", sequence)?;
        assert_eq!(found.map(|entry| entry.value.to_vec()), Some(value));
    }
    Ok(())
}

#[test]
fn options_that_make_no_table_are_refused_by_name() {
    let invalid = [
        ("max_height", MemTable::builder().max_height(0)),
        ("max_height", MemTable::builder().max_height(33)),
        ("branching", MemTable::builder().branching(0)),
        ("branching", MemTable::builder().branching(1)),
        ("capacity", MemTable::builder().capacity(Some(0))),
        (
            "arena_block_size",
            MemTable::builder().arena_block_size(usize::MAX),
        ),
        ("shards", MemTable::builder().arena_shards(usize::MAX)),
    ];
    for (name, builder) in invalid {
        match builder.build() {
            Err(Error::InvalidOption { option, .. }) => assert!(option.contains(name), "{option}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let beyond = MemTable::builder().earliest_sequence(NEXT).build();
    assert!(matches!(beyond, Err(Error::SequenceTooLarge { .. })));
    assert!(
        MemTable::builder()
            .write_buffer_size(usize::MAX)
            .build()
            .is_ok()
    );
    assert!(MemTable::builder().write_buffer_size(0).build().is_ok());
}
