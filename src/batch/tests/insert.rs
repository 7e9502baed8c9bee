//! Insertion into tables: what is known before, what is said, and who gets which number.

use core::cell::Cell;
use std::vec::Vec;

use super::*;
use crate::key::TimestampedComparator;
use crate::lookup::Lookup;
use crate::memtable::MemTable;
use crate::merge::{Associative, UInt64Add};
use crate::rep::SkipListRep;
use crate::sync::Arc;
use crate::visibility::{Everything, Visibility};

/// Each column family's table; counts how often it is asked for one.
struct Families<C: crate::key::Comparator> {
    tables: Vec<(u32, Arc<MemTable<C>>)>,
    asked: Cell<usize>,
}

impl<C: crate::key::Comparator> Families<C> {
    fn new(tables: Vec<(u32, Arc<MemTable<C>>)>) -> Self {
        let asked = Cell::new(0);
        Self { tables, asked }
    }
}

impl<C: crate::key::Comparator> ColumnFamilyMemTables for Families<C> {
    type Comparator = C;
    type Rep = SkipListRep<C>;

    fn table(&self, column_family: u32) -> Option<&MemTable<C>> {
        self.asked.set(self.asked.get() + 1);
        let mut tables = self.tables.iter();
        let found = tables.find(|(id, _)| *id == column_family);
        found.map(|(_, table)| &**table)
    }
}

fn table() -> Arc<MemTable> {
    Arc::new(MemTable::builder().build().unwrap())
}

fn refused(result: Result<Inserted, InsertError>) -> (Error, Inserted) {
    let InsertError { done, error } = result.unwrap_err();
    (error, done)
}

/// The keys and numbers of a table's entries.
fn entries<C: crate::key::Comparator>(table: &MemTable<C>) -> Vec<(Vec<u8>, u64, Kind)> {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut entries = vec![];
    while let Some(entry) = cursor.entry().unwrap() {
        entries.push((entry.user_key.to_vec(), entry.sequence, entry.kind));
        cursor.next();
    }
    entries
}

#[test]
fn w3_numbers_are_taken_by_entries_alone() {
    let mut batch = WriteBatch::new();
    batch.set_sequence(10).unwrap();
    batch.add(&Record::BeginPrepare).unwrap();
    batch.put(b"a", b"").unwrap();
    batch.put_log_data(b"data").unwrap();
    batch.put_cf(9, b"b", b"").unwrap(); // ignored, with a number
    batch.delete_range(b"x", b"x").unwrap(); // of no keys, with a number
    batch.add(&Record::EndPrepare { xid: b"t" }).unwrap();
    batch.delete_range_cf(0, b"x", b"z").unwrap();
    batch.single_delete(b"a").unwrap();
    batch.add(&Record::Noop).unwrap();
    let table = table();
    let inserter = BatchInserter::new().ignore_missing_column_families(true);
    let inserted = inserter.insert(&batch, &table).unwrap();
    let expected = Inserted {
        added: 4,
        ignored: 1,
        next_sequence: 15,
    };
    assert_eq!(inserted, expected);
    let expected = [
        (b"a".to_vec(), 14, Kind::SINGLE_DELETION),
        (b"a".to_vec(), 10, Kind::VALUE),
    ];
    assert_eq!(entries(&table), expected);
    let ranges = table.range_deletions(0..=20).unwrap();
    let numbers: Vec<u64> = ranges.iter().map(|range| range.sequence).collect();
    assert_eq!(numbers, [13]);
}

#[test]
fn w3_a_batch_without_entries_asks_for_no_table() {
    let families: Families<crate::key::BytewiseComparator> = Families::new(vec![]);
    let mut batch = WriteBatch::new();
    batch.put_log_data(b"data").unwrap();
    batch.set_sequence(MAX_SEQUENCE_NUMBER).unwrap();
    let inserted = batch.insert_into(&families).unwrap();
    assert_eq!((inserted.added, inserted.ignored), (0, 0));
    assert_eq!(inserted.next_sequence, MAX_SEQUENCE_NUMBER);
    assert_eq!(families.asked.get(), 0);
}

#[test]
fn w3_each_column_family_is_asked_for_once_and_entered_once() {
    let shared = table();
    let tables = vec![(300, table()), (1, shared.clone()), (2, shared.clone())];
    let families = Families::new(tables);
    let mut batch = WriteBatch::new();
    for number in 0..40u8 {
        for id in [300, 1, 7, 2] {
            batch.put_cf(id, &[number], &[id as u8]).unwrap();
        }
    }
    let inserter = BatchInserter::new().ignore_missing_column_families(true);
    // Alone, or the second family of one table would find the first inside.
    let inserter = inserter.exclusive(true).hint_per_batch(true);
    let inserted = inserter.insert(&batch, &families).unwrap();
    assert_eq!((inserted.added, inserted.ignored), (120, 40));
    assert_eq!(families.asked.get(), 4);
    let [apart, shared] = [0, 1].map(|index| entries(&families.tables[index].1));
    assert_eq!((apart.len(), shared.len()), (40, 80));
    for (number, (key, sequence, _)) in apart.iter().enumerate() {
        assert_eq!((key[0] as usize, *sequence), (number, 4 * number as u64));
    }
}

/// All of it is known before anything is added, to whichever table.
#[test]
fn w3_what_is_known_before_changes_nothing() {
    let [first, second] = [table(), table()];
    let families = Families::new(vec![(0, first.clone()), (1, second.clone())]);
    let with = |add: &dyn Fn(&mut WriteBatch)| {
        let mut batch = WriteBatch::new();
        batch.set_sequence(5).unwrap();
        batch.put(b"a", b"").unwrap();
        add(&mut batch);
        batch
    };
    let try_it = |batch: &WriteBatch, error| {
        for hint in [false, true] {
            let inserter = BatchInserter::new().hint_per_batch(hint);
            let (said, done) = refused(inserter.insert(batch, &families));
            assert_eq!(said, error);
            assert_eq!((done.added, done.ignored), (0, 0));
            assert!(first.is_empty() && second.is_empty());
            assert_eq!(first.stats().entries + second.stats().entries, 0);
        }
    };
    let missing = with(&|batch| batch.delete_cf(3, b"").unwrap());
    try_it(&missing, Error::UnknownColumnFamily { id: 3 });
    let inverted = with(&|batch| batch.delete_range_cf(1, b"b", b"a").unwrap());
    try_it(&inverted, Error::InvertedRange);
    let mut late = with(&|batch| batch.put(b"b", b"").unwrap());
    late.set_sequence(MAX_SEQUENCE_NUMBER).unwrap();
    let sequence = MAX_SEQUENCE_NUMBER + 1;
    try_it(&late, Error::SequenceTooLarge { sequence });
    let both = with(&|batch| batch.put_cf(1, b"b", b"").unwrap());
    let alone = second.exclusive_writer().unwrap();
    try_it(&both, Error::Busy);
    drop(alone);
    second.seal().unwrap();
    try_it(&both, Error::Sealed);
    // Nobody stayed inside.
    drop(first.exclusive_writer().unwrap());
}

#[test]
fn w3_an_exclusive_insertion_is_alone() {
    let table = table();
    let mut batch = WriteBatch::new();
    batch.put(b"a", b"").unwrap();
    let beside = table.writer().unwrap();
    let exclusive = BatchInserter::new().exclusive(true);
    assert_eq!(refused(exclusive.insert(&batch, &table)).0, Error::Busy);
    assert!(batch.insert_into(&table).is_ok());
    drop(beside);
    batch.set_sequence(1).unwrap();
    assert!(exclusive.insert(&batch, &table).is_ok());
    assert_eq!(table.stats().entries, 2);
}

/// The last number that there is can be used.
#[test]
fn w3_up_to_the_last_number() {
    let table = table();
    let mut batch = WriteBatch::new();
    batch.put(b"a", b"").unwrap();
    batch.put(b"b", b"").unwrap();
    batch.set_sequence(MAX_SEQUENCE_NUMBER - 1).unwrap();
    let inserted = batch.insert_into(&table).unwrap();
    assert_eq!(inserted.next_sequence, MAX_SEQUENCE_NUMBER + 1);
    assert!(table.contains(b"b", MAX_SEQUENCE_NUMBER));
    // What is ignored has a number, too, and there is none for it.
    batch.put_cf(9, b"c", b"").unwrap();
    let inserter = BatchInserter::new().ignore_missing_column_families(true);
    let (error, _) = refused(inserter.insert(&batch, &table));
    let sequence = MAX_SEQUENCE_NUMBER + 1;
    assert_eq!(error, Error::SequenceTooLarge { sequence });
}

/// A table that is too small takes a part of the batch, or, where memory is set aside first,
/// nothing.
#[test]
fn w3_a_full_table_takes_all_or_nothing_when_asked() {
    let mut batch = WriteBatch::new();
    for number in 0..400u32 {
        batch.put(&number.to_be_bytes(), &[7; 1000]).unwrap();
    }
    for reserve in [false, true] {
        let builder = MemTable::builder().capacity(Some(256 << 10));
        let table = builder.build().unwrap();
        let inserter = BatchInserter::new().reserve(reserve);
        let (error, done) = refused(inserter.insert(&batch, &table));
        assert!(matches!(error, Error::Full { .. }), "{error:?}");
        assert_eq!(u64::from(done.added), table.stats().entries);
        assert_eq!(done.next_sequence, u64::from(done.added));
        assert_eq!(done.added > 0, !reserve);
        assert_eq!(entries(&table).len() as u32, done.added);
        if reserve {
            table.add(1000, Kind::VALUE, b"k", b"v").unwrap();
        }
    }
    let table = table();
    let inserter = BatchInserter::new().reserve(true);
    assert_eq!(inserter.insert(&batch, &table).unwrap().added, 400);
}

/// What was added before a duplicate stays, in all tables.
#[test]
fn w3_a_refused_entry_is_told_by_what_is_done() {
    let families = Families::new(vec![(0, table()), (1, table())]);
    let mut batch = WriteBatch::new();
    batch.set_sequence(5).unwrap();
    batch.put(b"a", b"").unwrap();
    batch.put_cf(7, b"ignored", b"").unwrap();
    batch.put_cf(1, b"b", b"").unwrap();
    batch.put_cf(1, b"twice", b"").unwrap();
    batch.put_cf(7, b"not reached", b"").unwrap();
    batch.put(b"c", b"").unwrap();
    families.tables[1]
        .1
        .add(8, Kind::VALUE, b"twice", b"")
        .unwrap();
    let inserter = BatchInserter::new().ignore_missing_column_families(true);
    let (error, done) = refused(inserter.insert(&batch, &families));
    let expected = Inserted {
        added: 2,
        ignored: 1,
        next_sequence: 8,
    };
    assert_eq!((error, done), (Error::Duplicate, expected));
    assert_eq!(entries(&families.tables[0].1).len(), 1);
    assert_eq!(entries(&families.tables[1].1).len(), 2);
    let message = "a write batch was refused, after 2 of its entries were added";
    let error = inserter.insert(&batch, &families).unwrap_err();
    assert_eq!(
        (error.done.added, error.done.next_sequence),
        (0, 5),
        "again"
    );
    let error = InsertError { done, ..error };
    assert_eq!(error.to_string(), message);
    assert!(core::error::Error::source(&error).is_some());
}

#[test]
fn w3_deletions_have_a_timestamp_where_keys_have_one() {
    let comparator = TimestampedComparator::bytewise().unwrap();
    let table = MemTable::with_comparator(comparator).build().unwrap();
    let key = |time: u64| [&b"k"[..], &time.to_le_bytes()].concat();
    let mut batch = WriteBatch::new();
    batch.put(&key(1), b"v").unwrap();
    batch.delete(&key(2)).unwrap();
    batch.single_delete(&key(3)).unwrap();
    batch.insert_into(&table).unwrap();
    let kinds: Vec<Kind> = entries(&table).into_iter().map(|entry| entry.2).collect();
    assert_eq!(
        kinds,
        [
            Kind::SINGLE_DELETION,
            Kind::DELETION_WITH_TIMESTAMP,
            Kind::VALUE
        ]
    );
    batch.clear();
    batch.set_sequence(10).unwrap();
    batch.put(&key(4), b"").unwrap();
    batch.put(b"short", b"").unwrap();
    let (error, done) = refused(batch.insert_into(&table));
    assert_eq!(
        (error, done.added),
        (Error::InvalidTimestamp { length: 5 }, 0)
    );
    assert_eq!(table.stats().entries, 3);
}

/// Operands are folded for who is alone, with what the visibility shows.
#[test]
fn w3_operands_are_folded_with_what_is_visible() {
    struct Nothing;
    impl Visibility for Nothing {
        fn is_visible(&self, _sequence: u64) -> bool {
            false
        }
    }
    let seven = 7u64.to_le_bytes();
    let folds = |visibility: &dyn Visibility| {
        let table = MemTable::builder()
            .merge_operator(Arc::new(Associative(UInt64Add)))
            .max_successive_merges(1)
            .build()
            .unwrap();
        let mut batch = WriteBatch::new();
        batch.put(b"sum", &seven).unwrap();
        batch.merge(b"sum", &seven).unwrap();
        batch.merge(b"sum", &seven).unwrap();
        let inserter = BatchInserter::new().exclusive(true).fold_with(visibility);
        inserter.insert(&batch, &table).unwrap();
        let newest = table.get(b"sum", 2).unwrap();
        match newest {
            Lookup::Found { value, .. } => Some(value.to_vec()),
            _ => None,
        }
    };
    assert_eq!(folds(&Everything), Some(21u64.to_le_bytes().to_vec()));
    assert_eq!(folds(&Nothing), None);
}
