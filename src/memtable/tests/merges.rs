//! Merges: folding at read time and at write time.

use std::borrow::Cow;

use super::*;
use crate::merge::{Associative, MergeFailure, Merged, Merger, StringAppend, UInt64Add};
use crate::sequencer::Sequencer;

fn appending() -> MemTableBuilder {
    small().merge_operator(Arc::new(StringAppend { delimiter: b',' }))
}

fn merged(table: &MemTable, snapshot: u64) -> Result<Merged<'_>> {
    table.reader(snapshot)?.get_merged(b"k")
}

/// The value that the key has, as text.
fn value(table: &MemTable, snapshot: u64) -> String {
    match merged(table, snapshot) {
        Ok(Merged::Found { value, .. }) => String::from_utf8(value.into_owned()).unwrap(),
        other => format!("{other:?}"),
    }
}

/// Adds entries of one key, with sequence numbers from 1 on.
fn fill(table: &MemTable, entries: &[(Kind, &[u8])]) {
    let mut writer = table.writer().unwrap();
    for (sequence, (kind, value)) in (1..).zip(entries) {
        writer.add(sequence, *kind, b"k", value).unwrap();
    }
}

#[test]
fn g2_operands_are_folded_with_what_lies_below() {
    let table = appending().build().unwrap();
    fill(
        &table,
        &[
            (Kind::MERGE, b"a"),
            (Kind::MERGE, b"b"),
            (Kind::VALUE, b"c"),
            (Kind::MERGE, b"d"),
            (Kind::DELETION, b""),
            (Kind::MERGE, b"e"),
            (Kind::MERGE, b"f"),
        ],
    );
    assert_eq!(merged(&table, 0), Ok(Merged::NotFound));
    let operands = vec![&b"b"[..], b"a"];
    assert_eq!(
        merged(&table, 2),
        Ok(Merged::Operands {
            operands,
            sequence: 2
        })
    );
    assert_eq!(value(&table, 3), "c");
    assert!(matches!(
        merged(&table, 3),
        Ok(Merged::Found {
            value: Cow::Borrowed(_),
            ..
        })
    ));
    assert_eq!(value(&table, 4), "c,d");
    let deleted = Merged::Deleted {
        sequence: 5,
        kind: Kind::DELETION,
    };
    assert_eq!(merged(&table, 5), Ok(deleted));
    assert_eq!(value(&table, 7), "e,f");
}

#[test]
fn g2_without_an_operator_only_operands_are_refused() {
    let table = small().build().unwrap();
    fill(&table, &[(Kind::VALUE, b"a"), (Kind::MERGE, b"b")]);
    assert_eq!(value(&table, 1), "a");
    assert!(matches!(merged(&table, 2), Err(Error::Unsupported(_))));
    assert!(matches!(table.get(b"k", 2), Ok(Lookup::Merge { .. })));
    let refusal = small().max_successive_merges(1).build();
    assert!(matches!(refusal, Err(Error::InvalidOption { .. })));
}

#[test]
fn g2_a_failing_merge_is_reported_and_changes_nothing() {
    let table = small()
        .merge_operator(Arc::new(Associative(UInt64Add)))
        .max_successive_merges(1)
        .build()
        .unwrap();
    let mut writer = table.exclusive_writer().unwrap();
    let one = 1u64.to_le_bytes();
    writer.add(1, Kind::VALUE, b"k", b"no number").unwrap();
    writer.add(2, Kind::MERGE, b"k", &one).unwrap();
    writer.add(3, Kind::MERGE, b"k", &one).unwrap();
    drop(writer);
    // Not folded, not lost.
    assert_eq!((table.stats().entries, table.stats().merges), (3, 2));
    for snapshot in [2, 3] {
        assert!(matches!(
            merged(&table, snapshot),
            Err(Error::MergeFailed(_))
        ));
    }
    assert_eq!(value(&table, 1), "no number");
}

/// Says that one operand is enough, and counts what it is given.
#[derive(Debug)]
pub(in crate::memtable) struct Latest;

impl MergeOperator for Latest {
    fn name(&self) -> &str {
        "test.Latest"
    }

    fn full_merge(
        &self,
        _user_key: &[u8],
        existing: Option<&[u8]>,
        operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> core::result::Result<(), MergeFailure> {
        if existing.is_some() || operands.len() != 1 {
            return Err(MergeFailure::new("more than asked for"));
        }
        result.extend_from_slice(operands[0]);
        Ok(())
    }

    fn is_enough(&self, _user_key: &[u8], newest_first: &[&[u8]]) -> bool {
        newest_first.len() == 1
    }
}

#[test]
fn g2_an_operator_can_stop_early() {
    let table = small().merge_operator(Arc::new(Latest)).build().unwrap();
    fill(
        &table,
        &[
            (Kind::VALUE, b"a"),
            (Kind::MERGE, b"b"),
            (Kind::MERGE, b"c"),
        ],
    );
    assert_eq!(value(&table, 3), "c");
    let mut merger = Merger::new(b"k", &Latest);
    merger.add(table.get(b"k", 2).unwrap()).unwrap();
    assert!(!merger.needs_older());
    // What lies below makes no difference, whoever reads it.
    let mut merger = Merger::new(b"k", &Latest);
    merger.add(table.get(b"k", 3).unwrap()).unwrap();
    assert_eq!(merger.finish(), merged(&table, 3));
    // All operands are collected by a get that folds nothing.
    let Ok(Lookup::Merge { operands, .. }) = table.get(b"k", 3) else {
        panic!("operands");
    };
    assert_eq!(operands, [b"c", b"b"]);
}

#[test]
fn g2_tables_are_folded_together() {
    let tables: Vec<_> = (0..3).map(|_| appending().build().unwrap()).collect();
    let operator = StringAppend { delimiter: b',' };
    tables[0].add(1, Kind::VALUE, b"k", b"a").unwrap();
    tables[1].add(2, Kind::MERGE, b"k", b"b").unwrap();
    tables[2].add(3, Kind::MERGE, b"k", b"c").unwrap();
    tables[2].add(4, Kind::MERGE, b"k", b"d").unwrap();
    let ask = |places: &[usize]| {
        let mut merger = Merger::new(b"k", &operator);
        for &place in places {
            merger.add(tables[place].get(b"k", 9).unwrap()).unwrap();
        }
        merger.finish().unwrap()
    };
    let found = |text: &str, sequence| Merged::Found {
        value: Cow::Owned(text.as_bytes().to_vec()),
        sequence,
        kind: Kind::VALUE,
    };
    assert_eq!(ask(&[2, 1, 0]), found("a,b,c,d", 4));
    // Nothing older exists.
    assert_eq!(ask(&[2, 1]), found("b,c,d", 4));
    assert_eq!(ask(&[0]), found("a", 1));
    assert_eq!(ask(&[]), Merged::NotFound);
}

#[test]
fn w5_an_exclusive_writer_folds_long_chains() {
    let table = appending().max_successive_merges(2).build().unwrap();
    let mut writer = table.exclusive_writer().unwrap();
    writer.add(1, Kind::VALUE, b"k", b"0").unwrap();
    for (sequence, operand) in (2..).zip(b"1234567") {
        writer
            .add(sequence, Kind::MERGE, b"k", &[*operand])
            .unwrap();
    }
    drop(writer);
    // Two operands upon the base, and the third is folded with them.
    let kinds: Vec<Kind> = (1..=8)
        .map(|sequence| table.get_entry(b"k", sequence).unwrap().unwrap().kind)
        .collect();
    let (value_kind, merge) = (Kind::VALUE, Kind::MERGE);
    assert_eq!(
        kinds,
        [
            value_kind, merge, merge, value_kind, merge, merge, value_kind, merge
        ]
    );
    assert_eq!(value(&table, 3), "0,1,2");
    assert_eq!(value(&table, 4), "0,1,2,3");
    assert_eq!(value(&table, 8), "0,1,2,3,4,5,6,7");
    assert_eq!(table.stats().merges, 5);
}

#[test]
fn w5_batches_and_hints_fold_alike() {
    let table = appending().max_successive_merges(1).build().unwrap();
    let entry = |sequence, kind, value| EntryRef {
        sequence,
        kind,
        user_key: b"k",
        value,
    };
    let entries = [
        entry(1, Kind::DELETION, &b""[..]),
        entry(2, Kind::MERGE, b"a"),
        entry(3, Kind::MERGE, b"b"),
        entry(3, Kind::MERGE, b"again"),
    ];
    let mut writer = table.exclusive_writer().unwrap();
    let refused = writer.add_batch(&entries).unwrap_err();
    assert_eq!((refused.added, refused.error), (3, Error::Duplicate));
    let mut hint = crate::skiplist::Hint::new();
    for (sequence, operand) in [(4, b"c"), (5, b"d")] {
        writer
            .add_with_hint(&mut hint, sequence, Kind::MERGE, b"k", operand)
            .unwrap();
    }
    drop(writer);
    assert_eq!(value(&table, 3), "a,b");
    assert_eq!(value(&table, 5), "a,b,c,d");
    assert_eq!(table.stats().merges, 2);
}

#[test]
fn w5_nothing_is_folded_beside_others_or_without_a_base() {
    let table = appending().max_successive_merges(1).build().unwrap();
    let mut shared = table.writer().unwrap();
    shared.add(1, Kind::VALUE, b"k", b"0").unwrap();
    for sequence in 2..5 {
        shared.add(sequence, Kind::MERGE, b"k", b"x").unwrap();
    }
    drop(shared);
    assert_eq!(table.stats().merges, 3);

    let table = appending().max_successive_merges(1).build().unwrap();
    let mut writer = table.exclusive_writer().unwrap();
    for sequence in 0..20 {
        writer.add(sequence, Kind::MERGE, b"k", b"x").unwrap();
    }
    drop(writer);
    assert_eq!(table.stats().merges, 20);
    assert!(
        matches!(merged(&table, 19), Ok(Merged::Operands { operands, .. }) if operands.len() == 20)
    );
}

#[test]
fn w5_what_was_aborted_is_folded_into_nothing() {
    let table = appending().max_successive_merges(1).build().unwrap();
    let sequencer = Sequencer::new(0).unwrap();
    let batch = sequencer.reserve(2).unwrap();
    fill(&table, &[(Kind::VALUE, b"0"), (Kind::MERGE, b"1")]);
    batch.publish();
    let aborted = sequencer.reserve(3).unwrap();
    table.add(3, Kind::MERGE, b"k", b"never").unwrap();
    table.delete_range(4, b"a", b"z").unwrap();
    table.add(5, Kind::VALUE, b"k", b"never").unwrap();
    drop(aborted);

    let batch = sequencer.reserve(2).unwrap();
    let view = batch.view();
    let mut writer = table.exclusive_writer().unwrap();
    writer.fold_with(&view);
    for (sequence, operand) in [(6, b"6"), (7, b"7")] {
        writer.add(sequence, Kind::MERGE, b"k", operand).unwrap();
    }
    drop(writer);
    batch.publish();
    // The sixth is folded, and is what the seventh lies upon.
    assert_eq!(table.stats().merges, 3);
    assert_eq!(value(&table, 7), "0,1,6,7");
    let view = sequencer.view();
    let reader = table.reader(6).unwrap().with_visibility(&view);
    let found = reader.get_merged(b"k").unwrap();
    assert!(matches!(found, Merged::Found { value, .. } if *value == *b"0,1,6"));
}
