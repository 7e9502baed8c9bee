//! Lengths, ranges, hints, and lists of keys.

use std::sync::Arc;

use verimem::{CappedPrefix, EntryRef, Error, Hint, Kind, Lookup, MemTable, PrefixHints};

use super::{check, said};

/// The longest key, and the longest value.
const MAX_KEY: usize = u32::MAX as usize - 8;
const MAX_VALUE: usize = u32::MAX as usize;

/// Bytes that nobody looks at: their pages are never touched.
fn huge() -> Vec<u8> {
    vec![0; MAX_VALUE + 2]
}

/// What every way to add says of a key and a value of these lengths.
fn added(table: &MemTable, key: usize, value: usize) -> String {
    let huge = huge();
    let (key, value) = (&huge[..key], &huge[..value]);
    let Ok(mut writer) = table.exclusive_writer() else {
        panic!("no writer");
    };
    let mut hints = PrefixHints::new(Arc::new(CappedPrefix(1)), 1);
    let batch = [EntryRef {
        user_key: key,
        sequence: 9,
        kind: Kind::VALUE,
        value,
    }];
    let batch = writer.add_batch(&batch).map_err(|refused| refused.error);
    let all = [
        said(batch),
        said(writer.add_with_hint(&mut Hint::new(), 9, Kind::VALUE, key, value)),
        said(
            hints
                .as_mut()
                .map_err(|error| error.clone())
                .and_then(|hints| writer.add_with_prefix_hints(hints, 9, Kind::VALUE, key, value)),
        ),
        said(writer.add(9, Kind::MERGE, key, value)),
        said(writer.add(9, Kind::VALUE, key, value)),
    ];
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    all[0].clone()
}

fn deleted(table: &MemTable, begin: usize, end: usize) -> String {
    let huge = huge();
    said(table.delete_range(9, &huge[..begin], &huge[..end]))
}

/// E5: each limit, and their sum, by every way to write. What is refused is refused by its
/// length, so it takes no memory.
#[test]
#[cfg(all(target_pointer_width = "64", target_os = "linux"))]
fn e5_lengths_over_the_limits() {
    check(&[
        ("a key of 2^32 − 8 bytes or more", "KeyTooLarge", |table| {
            assert_eq!(added(table, MAX_VALUE + 2, 0), "KeyTooLarge");
            added(table, MAX_KEY + 1, MAX_VALUE + 2)
        }),
        ("a value of 2^32 bytes or more", "ValueTooLarge", |table| {
            added(table, 3, MAX_VALUE + 1)
        }),
        (
            "a key, or a value, as long as it may be, or both long",
            "EntryTooLarge",
            |table| {
                assert_eq!(added(table, MAX_KEY, 0), "EntryTooLarge");
                assert_eq!(added(table, 0, MAX_VALUE), "EntryTooLarge");
                added(table, 1 << 31, 1 << 31)
            },
        ),
        (
            "a range that begins with too long a key",
            "KeyTooLarge",
            |table| deleted(table, MAX_KEY + 1, 1),
        ),
        (
            "a range that ends with too long a key",
            "ValueTooLarge",
            |table| deleted(table, 1, MAX_VALUE + 1),
        ),
        (
            "a range between two keys that are too long together",
            "EntryTooLarge",
            |table| deleted(table, 1 << 31, 1 << 31),
        ),
    ]);
}

/// D1: ranges the wrong way round.
#[test]
fn d1_ranges_that_are_none() {
    check(&[
        (
            "a range that ends before it begins, to delete",
            "InvertedRange",
            |table| {
                let by_kind = table.add(9, Kind::RANGE_DELETION, b"m", b"l");
                assert_eq!(by_kind, Err(Error::InvertedRange));
                said(table.delete_range(9, b"b", b""))
            },
        ),
        (
            "a range that ends where it begins, to delete",
            "nothing",
            |table| {
                for key in [&b""[..], b"c"] {
                    assert_eq!(table.delete_range(9, key, key), Ok(()));
                }
                "nothing".to_owned()
            },
        ),
        ("either, to ask how much lies in it", "0", |table| {
            let counts = [("c", "b"), ("c", "c"), ("", "")].map(|(begin, end)| {
                let stats = table.approximate_range(begin.as_bytes(), end.as_bytes());
                stats.entries + stats.bytes
            });
            assert_eq!(counts, [0; 3]);
            "0".to_owned()
        }),
        (
            "`range_deletions` of numbers that end before they begin",
            "none",
            |table| {
                let all = table.range_deletions(std::ops::RangeInclusive::new(9, 1));
                assert!(all.is_ok_and(|all| all.is_empty()));
                "none".to_owned()
            },
        ),
    ]);
}

/// S3: hints of another table, plain and per prefix.
#[test]
fn s3_hints_of_another_table() {
    check(&[
        ("a hint of another table", "ForeignHint", |table| {
            let other = super::filled(verimem::BytewiseComparator);
            let mut hint = Hint::new();
            let added = |table: &MemTable, hint: &mut Hint| {
                let mut writer = table.writer()?;
                writer.add_with_hint(hint, 99, Kind::VALUE, b"n", b"")
            };
            assert_eq!(added(&other, &mut hint), Ok(()));
            drop(other);
            said(added(table, &mut hint))
        }),
        (
            "hints per prefix of another table, for a prefix that they know",
            "ForeignHint",
            |table| {
                let other = super::filled(verimem::BytewiseComparator);
                let hints = PrefixHints::new(Arc::new(CappedPrefix(1)), 9);
                let mut hints = hints.unwrap_or_else(|error| panic!("{error}"));
                let mut added = |table: &MemTable| {
                    let mut writer = table.exclusive_writer()?;
                    writer.add_with_prefix_hints(&mut hints, 99, Kind::VALUE, b"n", b"")
                };
                assert_eq!(added(&other), Ok(()));
                said(added(table))
            },
        ),
        (
            "the same entry again, also as a merge or with a hint",
            "Duplicate",
            |table| {
                let Ok(mut writer) = table.exclusive_writer() else {
                    panic!("no writer")
                };
                assert_eq!(writer.add(5, Kind::MERGE, b"b", b""), Err(Error::Duplicate));
                said(writer.add_with_hint(&mut Hint::new(), 5, Kind::VALUE, b"b", b""))
            },
        ),
    ]);
}

/// G3: keys in any order, more than once, or none.
#[test]
fn g3_lists_of_keys_that_are_no_order() {
    check(&[
        (
            "`multi_get` of keys in any order",
            "the answers in that order",
            |table| {
                let mut keys: Vec<Vec<u8>> = (b'a'..=b'z').map(|byte| vec![byte]).collect();
                for round in 0..keys.len() {
                    keys.rotate_left(round);
                    keys.reverse();
                    let sought: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                    same_as_gets(table, &sought);
                }
                "the answers in that order".to_owned()
            },
        ),
        (
            "`multi_get` of a key more than once",
            "the answer each time",
            |table| {
                same_as_gets(table, &[&b"b"[..]; 70]);
                same_as_gets(table, &[b"b", b"a", b"b", b"e", b"e"]);
                "the answer each time".to_owned()
            },
        ),
        (
            "`multi_get` of no key, or of the empty one",
            "no answer, or its answer",
            |table| {
                same_as_gets(table, &[]);
                same_as_gets(table, &[b""]);
                assert_eq!(table.get(b"", 9), Ok(Lookup::NotFound));
                "no answer, or its answer".to_owned()
            },
        ),
    ]);
}

fn same_as_gets(table: &MemTable, keys: &[&[u8]]) {
    for snapshot in [0, 4, 9] {
        let each: Vec<_> = keys.iter().map(|key| table.get(key, snapshot)).collect();
        assert_eq!(table.multi_get(keys, snapshot), Ok(each));
    }
}
