//! Batches and several lookups at a time, in detail.

use std::error::Error as _;
use std::thread;

use verimem::rep::MemTableRep;
use verimem::{
    BatchError, Comparator, EntryRef, Error, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable,
    ReverseBytewiseComparator,
};
use verimem_driver::seeds::Random;
use verimem_driver::{Coarse, Plain};

use crate::reps::{self, ALL, AnyTable, REFUSING};

/// An entry of its own; the value follows from the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    user_key: Vec<u8>,
    sequence: u64,
    value: Vec<u8>,
}

fn row(user_key: impl Into<Vec<u8>>, sequence: u64) -> Row {
    let user_key = user_key.into();
    let length = 1 + (sequence as usize * 7 + user_key.len()) % 90;
    Row {
        value: vec![sequence as u8; length],
        user_key,
        sequence,
    }
}

impl Row {
    fn entry(&self) -> EntryRef<'_> {
        EntryRef {
            user_key: &self.user_key,
            sequence: self.sequence,
            kind: Kind::VALUE,
            value: &self.value,
        }
    }
}

fn refs(rows: &[Row]) -> Vec<EntryRef<'_>> {
    rows.iter().map(Row::entry).collect()
}

fn rows_of<C: Comparator, R: MemTableRep<Comparator = C>>(
    table: &MemTable<C, R>,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut cursor = table.iter();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry()? {
        rows.push(Row {
            user_key: entry.user_key.to_vec(),
            sequence: entry.sequence,
            value: entry.value.to_vec(),
        });
        cursor.next();
    }
    Ok(rows)
}

/// Keys of many shapes: empty, with long common prefixes, of the bytes at both
/// ends of the range, prefixes of one another; several versions of each.
fn many_shapes(count: usize) -> Vec<Row> {
    let mut random = Random(count as u64);
    let mut rows: Vec<Row> = Vec::new();
    for sequence in 0..count as u64 {
        let number = random.below(1 + count / 2) as u32;
        let key = match random.below(7) {
            0 => vec![],
            1 => [&[b'p'; 40][..], &number.to_be_bytes()].concat(),
            2 => vec![0x00; random.below(9)],
            3 => vec![0xFF; random.below(9)],
            4 => b"prefixed"[..random.below(9)].to_vec(),
            _ => number.to_be_bytes().to_vec(),
        };
        rows.push(row(key, sequence));
    }
    rows
}

/// The orders in which a batch may come.
fn orders(rows: &[Row]) -> Vec<Vec<Row>> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| (&a.user_key, b.sequence).cmp(&(&b.user_key, a.sequence)));
    let reversed = sorted.iter().rev().cloned().collect();
    vec![rows.to_vec(), sorted, reversed]
}

/// Adds one by one to one table, by batches to others, and compares.
fn batches_are_adds<C: Comparator, R: MemTableRep<Comparator = C>>(
    table: impl Fn() -> Result<MemTable<C, R>, Error>,
) -> Result<(), Error> {
    for count in [1, 2, 12, 13, 14, 24, 25, 100, 700] {
        for rows in orders(&many_shapes(count)) {
            let one_by_one = table()?;
            for row in &rows {
                one_by_one.add(row.sequence, Kind::VALUE, &row.user_key, &row.value)?;
            }
            let expected = rows_of(&one_by_one)?;
            assert_eq!(expected.len(), count);
            for exclusive in [false, true] {
                let batched = table()?;
                let mut writer = if exclusive {
                    batched.exclusive_writer()?
                } else {
                    batched.writer()?
                };
                assert_eq!(writer.add_batch(&refs(&rows)), Ok(()));
                if batched.representation().name() != "vector" {
                    // Everything is a duplicate now, at the first entry.
                    let again = writer.add_batch(&refs(&rows)).map_err(|again| again.added);
                    assert_eq!(again, Err(0));
                }
                drop(writer);
                assert_eq!(rows_of(&batched)?, expected, "{count}, {exclusive}");
                assert_eq!(batched.stats(), one_by_one.stats());
            }
        }
    }
    Ok(())
}

#[test]
fn w2_batches_are_as_good_as_single_adds() -> Result<(), Error> {
    batches_are_adds(|| MemTable::builder().build())?;
    ALL.iter()
        .try_for_each(|rep| batches_are_adds(|| Ok(reps::table(rep))))
}

#[test]
fn w2_e7_batches_by_other_comparators_are_as_good_as_single_adds() -> Result<(), Error> {
    batches_are_adds(|| MemTable::with_comparator(ReverseBytewiseComparator).build())?;
    batches_are_adds(|| MemTable::with_comparator(Plain).build())?;
    batches_are_adds(|| MemTable::with_comparator(Coarse).build())
}

/// An entry twice in one batch, everywhere relative to the groups' edges.
#[test]
fn s2_a_batch_says_how_far_it_came() -> Result<(), Error> {
    REFUSING
        .iter()
        .try_for_each(|rep| a_batch_says_how_far_it_came(rep))
}

fn a_batch_says_how_far_it_came(rep: &str) -> Result<(), Error> {
    for (first, second) in [(0, 1), (0, 11), (2, 3), (2, 13), (3, 14), (5, 39), (38, 39)] {
        for scattered in [false, true] {
            let mut rows: Vec<_> = (0..40u32)
                .map(|index| {
                    let number = if scattered { index * 17 % 40 } else { index };
                    row(number.to_be_bytes(), u64::from(index) + 1)
                })
                .collect();
            rows[second] = rows[first].clone();
            let table = reps::table(rep);
            let refused = table.writer()?.add_batch(&refs(&rows));
            let expected = BatchError {
                added: second,
                error: Error::Duplicate,
            };
            assert_eq!(refused, Err(expected), "{rep} {first} {second}");
            assert_eq!(rows_of(&table)?.len(), second);
            assert_eq!(table.stats().entries, second as u64);
            // The rest goes in after it.
            assert_eq!(
                table.writer()?.add_batch(&refs(&rows[second + 1..])),
                Ok(())
            );
            assert_eq!(table.stats().entries, 39);
        }
    }
    Ok(())
}

/// E3, W1: what an entry is refused for by itself.
#[test]
fn w2_refused_entries_end_a_batch() -> Result<(), Error> {
    let rows: Vec<_> = (0..20u8).map(|index| row([index * 7 % 20], 1)).collect();
    for (rep, place) in ALL
        .iter()
        .flat_map(|rep| [0, 1, 5, 13, 19].map(|place| (rep, place)))
    {
        let mut entries = refs(&rows);
        entries[place].sequence = MAX_SEQUENCE_NUMBER + 1;
        let too_large = Error::SequenceTooLarge {
            sequence: MAX_SEQUENCE_NUMBER + 1,
        };
        let mut range = refs(&rows);
        range[place].kind = Kind::RANGE_DELETION;
        (range[place].user_key, range[place].value) = (b"z", b"a");
        for (entries, error) in [(entries, too_large), (range, Error::InvertedRange)] {
            let table = reps::table(rep);
            let refused = table.writer()?.add_batch(&entries);
            let added = place;
            assert_eq!(refused, Err(BatchError { added, error }), "{rep}");
            assert_eq!(table.stats().entries, place as u64);
        }
    }
    Ok(())
}

/// A6: a batch that the memory does not suffice for is added as far as it goes.
#[test]
fn a6_a_full_table_ends_a_batch() -> Result<(), Error> {
    ALL.iter()
        .try_for_each(|rep| a_full_table_ends_a_batch(rep))
}

fn a_full_table_ends_a_batch(rep: &str) -> Result<(), Error> {
    let table = reps::builder(rep).capacity(Some(16 << 10)).build()?;
    let rows: Vec<_> = (0..400u32)
        .map(|index| row((index * 77 % 400).to_be_bytes(), 1 + u64::from(index)))
        .collect();
    let refused = table.writer()?.add_batch(&refs(&rows));
    let Err(BatchError { added, error }) = refused else {
        panic!("all of it went in");
    };
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert!(added > 20 && added < 400, "{rep}: {added}");
    let found = rows_of(&table)?;
    let mut expected = rows[..added].to_vec();
    expected.sort_by(|a, b| a.user_key.cmp(&b.user_key));
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn w2_a_batch_error_says_which_and_why() {
    let error = BatchError {
        added: 7,
        error: Error::Duplicate,
    };
    let text = error.to_string();
    assert!(text.contains("after 7 were added"), "{text}");
    // Whoever prints the chain of causes prints the reason once.
    assert!(!text.contains(&Error::Duplicate.to_string()), "{text}");
    let source = error.source().and_then(|source| source.downcast_ref());
    assert_eq!(source, Some(&Error::Duplicate));
}

fn lookups_are_gets<C: Comparator, R: MemTableRep<Comparator = C>>(
    table: &MemTable<C, R>,
) -> Result<(), Error> {
    let rows = many_shapes(900);
    assert_eq!(table.writer()?.add_batch(&refs(&rows)), Ok(()));
    let mut random = Random(9);
    let missing = [
        &b"missing"[..],
        b"p",
        b"\0\0\0\x01\x01",
        b"prefixed and more",
    ];
    for count in [0, 1, 2, 12, 13, 31, 32, 33, 64, 65, 1000] {
        let keys: Vec<&[u8]> = (0..count)
            .map(|_| match random.below(6) {
                0 => missing[random.below(missing.len())],
                _ => &rows[random.below(rows.len())].user_key[..],
            })
            .collect();
        for snapshot in [0, 450, MAX_SEQUENCE_NUMBER] {
            let answers = table.multi_get(&keys, snapshot)?;
            assert_eq!(answers.len(), count);
            for (key, answer) in keys.iter().zip(answers) {
                assert_eq!(answer, table.get(key, snapshot), "{key:?} at {snapshot}");
            }
        }
        let beyond = table.multi_get(&keys, MAX_SEQUENCE_NUMBER + 1);
        assert!(matches!(beyond, Err(Error::SequenceTooLarge { .. })));
    }
    let empty = MemTable::builder().build()?;
    let answers = empty.multi_get(&[b"a", b"", b"a"], 5)?;
    assert!(answers.iter().all(|answer| *answer == Ok(Lookup::NotFound)));
    Ok(())
}

#[test]
fn g3_several_lookups_are_as_good_as_single_ones() -> Result<(), Error> {
    lookups_are_gets(&MemTable::builder().build()?)?;
    ALL.iter()
        .try_for_each(|rep| lookups_are_gets(&reps::table(rep)))
}

#[test]
fn g3_e7_several_lookups_by_other_comparators() -> Result<(), Error> {
    lookups_are_gets(&MemTable::with_comparator(ReverseBytewiseComparator).build()?)?;
    lookups_are_gets(&MemTable::with_comparator(Plain).build()?)?;
    lookups_are_gets(&MemTable::with_comparator(Coarse).build()?)
}

/// I1: as many lookups are counted as there are keys.
#[test]
fn g3_several_lookups_are_counted_one_by_one() -> Result<(), Error> {
    ALL.iter()
        .try_for_each(|rep| several_lookups_are_counted_one_by_one(rep))
}

fn several_lookups_are_counted_one_by_one(rep: &str) -> Result<(), Error> {
    let table = reps::builder(rep).track_reads(true).build()?;
    table.add(1, Kind::VALUE, b"a", b"")?;
    let answers = table.multi_get(&[b"a", b"b", b"a"], 1)?;
    assert_eq!(answers.len(), 3);
    let stats = table.read_stats().map(|stats| format!("{stats:?}"));
    let single = reps::builder(rep).track_reads(true).build()?;
    single.add(1, Kind::VALUE, b"a", b"")?;
    for key in [b"a", b"b", b"a"] {
        let _ = single.get(key, 1)?;
    }
    assert_eq!(stats, single.read_stats().map(|stats| format!("{stats:?}")));
    Ok(())
}

/// S2: batches of several threads into the same gaps; each entry once.
#[test]
fn s2_batches_of_many_threads() -> Result<(), Error> {
    REFUSING
        .iter()
        .try_for_each(|rep| batches_of_many_threads(&reps::table(rep)))
}

fn batches_of_many_threads(table: &AnyTable) -> Result<(), Error> {
    const THREADS: u32 = 4;
    const EACH: u32 = 3000;
    let added: u64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut random = Random(u64::from(thread));
                    let mut added = 0;
                    for _ in 0..EACH / 30 {
                        // From a small world, so that threads collide.
                        let rows: Vec<_> = (0..30)
                            .map(|_| row((random.below(6000) as u32).to_be_bytes(), 1))
                            .collect();
                        let rows = refs(&rows);
                        let mut left = &rows[..];
                        let mut writer = table.writer()?;
                        while let Err(refused) = writer.add_batch(left) {
                            assert_eq!(refused.error, Error::Duplicate);
                            added += refused.added as u64;
                            left = &left[refused.added + 1..];
                        }
                        added += left.len() as u64;
                    }
                    Ok::<_, Error>(added)
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| {
                writer
                    .join()
                    .unwrap_or_else(|_| panic!("a writer panicked"))
            })
            .sum::<Result<u64, Error>>()
    })?;
    let found = rows_of(table)?;
    assert!(found.is_sorted_by(|a, b| a.user_key < b.user_key));
    assert_eq!((found.len() as u64, table.stats().entries), (added, added));
    Ok(())
}
