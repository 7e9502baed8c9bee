//! Bad input, and what each gets: a table that `docs/limits.md` shows, row by row.
//!
//! A row is tried on a table with some of everything in it. Afterwards the table is what it
//! was: the same entries, the same counters, the same answers; and it works.

mod batches;
mod keys;
mod memory;
mod panics;

use std::ops::Bound;
use std::sync::Arc;

use verimem::merge::{Associative, MergeFailure, MergeOperator, UInt64Add};
use verimem::sequencer::Sequencer;
use verimem::{
    Comparator, DeletionRuns, EntryRef, Error, FixedPrefix, Hint, Kind, MAX_SEQUENCE_NUMBER,
    MemTable, PrefixHints, TimedValue, Visibility,
};

const NEXT: u64 = MAX_SEQUENCE_NUMBER + 1;

/// An input, and what it gets.
type Row = (&'static str, &'static str, fn(&MemTable) -> String);

/// Some of everything.
pub fn filled<C: Comparator>(comparator: C) -> MemTable<C> {
    let table = MemTable::with_comparator(comparator)
        .write_buffer_size(64 << 10)
        .merge_operator(Arc::new(Associative(UInt64Add)))
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    let one = 1u64.to_le_bytes();
    for byte in b'b'..b'p' {
        let add = |sequence, kind, value: &[u8]| table.add(sequence, kind, &[byte], value);
        assert_eq!(add(1, Kind::VALUE, &one), Ok(()));
        assert_eq!(add(5, Kind::MERGE, &one), Ok(()));
    }
    assert_eq!(table.add(6, Kind::DELETION, b"c", b""), Ok(()));
    assert_eq!(table.add(6, Kind::BLOB_INDEX, b"q", b"blob"), Ok(()));
    assert_eq!(table.add(7, Kind::MERGE, b"q", &one), Ok(()));
    assert_eq!(table.add(7, Kind::MERGE, b"d", b"no number"), Ok(()));
    assert_eq!(
        table.add(6, Kind::VALUE_PREFERRED_SEQNO, b"r", b"short"),
        Ok(())
    );
    assert_eq!(table.add(7, Kind::MERGE, b"r", &one), Ok(()));
    for (sequence, begin, end) in [(2, b"e", b"k"), (7, b"g", b"h"), (3, b"f", b"z")] {
        assert_eq!(table.delete_range(sequence, begin, end), Ok(()));
    }
    table
}

/// All that a table says, but for what its memory is.
pub fn contents<C: Comparator>(table: &MemTable<C>) -> String {
    let mut said = format!("{:?}", table.stats());
    let mut cursor = table.iter();
    cursor.seek_to_first();
    while cursor.valid() {
        said += &format!("{:?}", cursor.entry());
        cursor.next();
    }
    let deletions = table.range_deletions(0..=MAX_SEQUENCE_NUMBER);
    said += &format!("{:?}", deletions.map(|all| all.to_vec()));
    for snapshot in [1, 3, 6, 9] {
        for byte in b'a'..=b'z' {
            said += &format!("{:?}", table.get(&[byte], snapshot));
        }
    }
    said
}

/// The table works: an entry goes in and comes out, and it is sealed.
pub fn works<C: Comparator>(table: &MemTable<C>) {
    let before = table.stats();
    let newest = MAX_SEQUENCE_NUMBER;
    assert_eq!(table.add(newest, Kind::VALUE, b"i", b"new"), Ok(()));
    assert_eq!(table.delete_range(newest - 1, b"a", b"j"), Ok(()));
    let exclusive = table.exclusive_writer();
    assert_eq!(
        exclusive.map(|mut writer| writer.add(newest, Kind::VALUE, b"j", b"")),
        Ok(Ok(()))
    );
    let found = table.get(b"i", newest).map(|found| format!("{found:?}"));
    assert!(found.is_ok_and(|found| found.contains("Found")));
    let stats = table.stats();
    assert_eq!(stats.entries, before.entries + 3);
    assert_eq!(stats.range_deletions, before.range_deletions + 1);
    assert_eq!(table.seal(), Ok(()));
}

/// The name of an error.
pub fn said<T>(result: Result<T, Error>) -> String {
    let Err(error) = result else {
        return "no error".to_owned();
    };
    let all = format!("{error:?}");
    let name = all.split(|letter: char| !letter.is_alphanumeric()).next();
    name.unwrap_or(&all).to_owned()
}

/// Rows that stand in `docs/limits.md`, as they are told here.
pub fn documented(rows: impl IntoIterator<Item = (&'static str, String)>) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}"));
    let missing: Vec<_> = rows
        .into_iter()
        .map(|(input, gets)| format!("| {input} | {gets} |"))
        .filter(|row| !text.lines().any(|line| line == row))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/limits.md:\n{}",
        missing.join("\n")
    );
}

/// What is called an error by its name is code in the document.
fn as_shown(gets: &str) -> String {
    let is_name = gets.chars().next().is_some_and(char::is_uppercase);
    if is_name {
        format!("`{gets}`")
    } else {
        gets.to_owned()
    }
}

fn check(rows: &[Row]) {
    for (input, gets, give) in rows {
        let table = filled(verimem::BytewiseComparator);
        let (before, memory) = (contents(&table), table.memory_usage());
        assert_eq!(give(&table), *gets, "{input}");
        assert_eq!(contents(&table), before, "{input}: something has changed");
        assert_eq!(table.memory_usage(), memory, "{input}: memory was taken");
        works(&table);
    }
    documented(rows.iter().map(|(input, gets, _)| (*input, as_shown(gets))));
}

/// Who reads at a number that is none.
fn read_beyond(table: &MemTable) -> String {
    let all = [
        said(table.reader(NEXT)),
        said(table.get(b"b", NEXT)),
        said(table.multi_get(&[b"b"], u64::MAX)),
        said(table.get_entry(b"b", NEXT)),
    ];
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    all[0].clone()
}

/// E3, C1: 56 bits.
#[test]
fn e3_numbers_that_are_none() {
    check(&[
        (
            "sequence number over 56 bits, to write",
            "SequenceTooLarge",
            |table| {
                let mut hints = Hint::new();
                let Ok(mut writer) = table.writer() else {
                    panic!("no writer")
                };
                let hinted = writer.add_with_hint(&mut hints, u64::MAX, Kind::MERGE, b"b", b"");
                assert_eq!(hinted, Err(Error::SequenceTooLarge { sequence: u64::MAX }));
                said(writer.add(NEXT, Kind::VALUE, b"b", b""))
            },
        ),
        (
            "the same in a batch, as entry `n`",
            "SequenceTooLarge",
            |table| {
                let entry = |sequence| EntryRef {
                    user_key: b"b",
                    sequence,
                    kind: Kind::VALUE,
                    value: b"",
                };
                let batch = [entry(NEXT), entry(20)];
                let added = table.writer().map(|mut writer| writer.add_batch(&batch));
                let Ok(Err(refused)) = added else {
                    panic!("{added:?}")
                };
                assert_eq!(refused.added, 0);
                said::<()>(Err(refused.error))
            },
        ),
        ("the same to delete a range", "SequenceTooLarge", |table| {
            let by_kind = table.add(NEXT, Kind::RANGE_DELETION, b"a", b"b");
            assert_eq!(by_kind, Err(Error::SequenceTooLarge { sequence: NEXT }));
            said(table.delete_range(NEXT, b"a", b"b"))
        }),
        (
            "the same to read at: `reader`, `get`, `multi_get`, `get_entry`",
            "SequenceTooLarge",
            read_beyond,
        ),
        (
            "the same as a sequencer's start",
            "SequenceTooLarge",
            |_| said(Sequencer::new(NEXT)),
        ),
        (
            "a reservation that would go beyond",
            "SequenceTooLarge",
            |_| {
                let sequencer =
                    Sequencer::new(MAX_SEQUENCE_NUMBER - 1).unwrap_or_else(|e| panic!("{e}"));
                let beyond = said(sequencer.reserve(2));
                assert_eq!(said(sequencer.reserve(u64::MAX)), beyond);
                // The one number that is left is still there.
                let last = sequencer
                    .reserve(1)
                    .map(|reservation| reservation.publish());
                assert_eq!((last, sequencer.published()), (Ok(()), MAX_SEQUENCE_NUMBER));
                beyond
            },
        ),
        ("a reservation of no numbers", "InvalidOption", |_| {
            let sequencer = Sequencer::new(5).unwrap_or_else(|error| panic!("{error}"));
            let none = said(sequencer.reserve(0));
            assert_eq!(sequencer.reserve(1).map(|one| one.first()), Ok(6));
            none
        }),
        (
            "`earliest_sequence` over 56 bits",
            "SequenceTooLarge",
            |_| said(MemTable::builder().earliest_sequence(NEXT).build()),
        ),
    ]);
}

/// G2, G6: operands that cannot be folded.
#[test]
fn g2_merges_that_make_no_sense() {
    check(&[
        (
            "operands that the operator refuses, read folded",
            "MergeFailed",
            |table| said(table.reader(9).and_then(|reader| reader.get_merged(b"d"))),
        ),
        (
            "operands upon a kind that is no value, read folded",
            "Unsupported",
            |table| said(table.reader(9).and_then(|reader| reader.get_merged(b"q"))),
        ),
        (
            "operands upon a timed value of less than eight bytes",
            "Corruption",
            |table| {
                let short = TimedValue::unpack(b"short");
                assert_eq!(said(short), "Corruption");
                said(table.reader(9).and_then(|reader| reader.get_merged(b"r")))
            },
        ),
        (
            "operands in a table without an operator, read folded",
            "Unsupported",
            |_| {
                let table = MemTable::builder()
                    .build()
                    .unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(table.add(1, Kind::MERGE, b"k", b""), Ok(()));
                said(table.reader(1).and_then(|reader| reader.get_merged(b"k")))
            },
        ),
        (
            "an operand that the operator refuses as it is written",
            "stored as it is",
            |_| {
                let folding = MemTable::builder()
                    .merge_operator(Arc::new(Associative(UInt64Add)))
                    .max_successive_merges(1);
                let table = folding.build().unwrap_or_else(|error| panic!("{error}"));
                let mut writer = table
                    .exclusive_writer()
                    .unwrap_or_else(|error| panic!("{error}"));
                for (sequence, kind) in [(1, Kind::VALUE), (2, Kind::MERGE), (3, Kind::MERGE)] {
                    assert_eq!(writer.add(sequence, kind, b"k", b"none"), Ok(()));
                }
                drop(writer);
                assert_eq!((table.stats().entries, table.stats().merges), (3, 2));
                "stored as it is".to_owned()
            },
        ),
    ]);
}

/// An order in which keys that differ may be equal.
struct Loose;

impl Comparator for Loose {
    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        a.len().cmp(&b.len())
    }

    fn name(&self) -> &str {
        "test.Loose"
    }
}

/// Options that make no table, or nothing else that is made.
#[test]
fn x1_options_that_make_nothing() {
    check(&[
        (
            "`bloom_size_ratio` below 0, or no number",
            "InvalidOption",
            |_| {
                assert_eq!(
                    said(MemTable::builder().bloom_size_ratio(f64::NAN).build()),
                    "InvalidOption"
                );
                said(MemTable::builder().bloom_size_ratio(-0.1).build())
            },
        ),
        (
            "a filter of neither keys nor prefixes",
            "InvalidOption",
            |_| {
                let builder = MemTable::builder().bloom_size_ratio(0.1);
                said(builder.whole_key_filtering(false).build())
            },
        ),
        (
            "a filter and an order whose equal keys may differ",
            "InvalidOption",
            |_| {
                assert!(MemTable::with_comparator(Loose).build().is_ok());
                said(
                    MemTable::with_comparator(Loose)
                        .bloom_size_ratio(0.1)
                        .build(),
                )
            },
        ),
        (
            "`max_successive_merges` without an operator",
            "InvalidOption",
            |_| said(MemTable::builder().max_successive_merges(1).build()),
        ),
        ("`PrefixHints` for no prefix", "InvalidOption", |_| {
            said(PrefixHints::new(Arc::new(FixedPrefix(1)), 0))
        }),
        (
            "`DeletionRuns` of less than two keys",
            "InvalidOption",
            |_| said(DeletionRuns::new(1)),
        ),
    ]);
}

/// Never lets the same be seen twice.
struct Fickle(std::cell::Cell<u64>);

impl Visibility for Fickle {
    fn is_visible(&self, _sequence: u64) -> bool {
        self.0.set(
            self.0
                .get()
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        );
        self.0.get() >> 60 & 1 == 1
    }
}

/// An operator whose answers depend on nothing that it is told.
#[derive(Debug)]
pub struct Panicking;

impl MergeOperator for Panicking {
    fn name(&self) -> &str {
        "test.Panicking"
    }

    fn full_merge(
        &self,
        _user_key: &[u8],
        _existing: Option<&[u8]>,
        _operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        result.extend_from_slice(b"half");
        panic!("planted");
    }
}

/// G4, G5: readers that contradict themselves, and bounds the wrong way round.
#[test]
fn g5_readers_that_make_no_sense() {
    check(&[
        (
            "a `Visibility` that changes its mind",
            "some answer",
            |table| {
                let fickle = Fickle(std::cell::Cell::new(7));
                let reader = table
                    .reader(9)
                    .map(|reader| reader.with_visibility(&fickle));
                let reader = reader.unwrap_or_else(|error| panic!("{error}"));
                let mut keys = table.visible(9).with_visibility(&fickle);
                for byte in b'a'..=b'z' {
                    assert!(reader.get(&[byte]).is_ok());
                    assert!(reader.multi_get(&[&[byte], b"b"]).is_ok());
                    assert_eq!(keys.seek(&[byte]).and_then(|()| keys.next()), Ok(()));
                    assert_eq!(
                        keys.prev().and_then(|()| keys.seek_for_prev(&[byte])),
                        Ok(())
                    );
                    let _ = keys.lookup();
                }
                "some answer".to_owned()
            },
        ),
        (
            "an iterator whose lower bound is above the upper",
            "no keys",
            |table| {
                let (lower, upper) = (Bound::Included(&b"f"[..]), Bound::Excluded(&b"c"[..]));
                let mut keys = table.visible_range(9, lower, upper);
                for key in [&b"a"[..], b"c", b"d", b"f", b"z"] {
                    assert_eq!(keys.seek(key), Ok(()));
                    assert!(!keys.valid());
                    assert_eq!(keys.seek_for_prev(key), Ok(()));
                    assert!(!keys.valid());
                }
                assert_eq!((keys.seek_to_first(), keys.key()), (Ok(()), None));
                assert_eq!((keys.seek_to_last(), keys.key()), (Ok(()), None));
                "no keys".to_owned()
            },
        ),
        ("a sample of more than there is", "all entries", |table| {
            let all = table.stats().entries - table.stats().range_deletions;
            for count in [all as usize, usize::MAX] {
                assert_eq!(table.sample(count).map(|all| all.len() as u64), Ok(all));
            }
            assert_eq!(table.sample(0), Ok(Vec::new()));
            "all entries".to_owned()
        }),
    ]);
}
