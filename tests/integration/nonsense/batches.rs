//! Write batches that make no sense (W3), and such without memory (X2).

use std::sync::Arc;

use verimem::batch::{BatchInserter, ColumnFamilyMemTables, Record};
use verimem::memtable::DuplicatePolicy;
use verimem::{BytewiseComparator, Error, MAX_SEQUENCE_NUMBER, MemTable, WriteBatch};

use super::memory::{each_refusal, out_of_memory};
use super::{check, documented, said};

/// A batch with something that no table has, and behind it what is not to be added.
fn batch(last: impl FnOnce(&mut WriteBatch) -> verimem::Result<()>) -> WriteBatch {
    let mut batch = WriteBatch::new();
    let made = batch
        .set_sequence(40)
        .and_then(|()| batch.put(b"new", b"value"))
        .and_then(|()| last(&mut batch));
    assert_eq!(made, Ok(()));
    batch
}

fn insert(batch: &WriteBatch, table: &MemTable) -> String {
    let inserted = batch.insert_into(table);
    said(inserted.map_err(|refused| {
        assert_eq!(refused.done.added, 0);
        refused.error
    }))
}

fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> Error {
    let mut bytes = batch(|batch| batch.delete(b"k")).as_bytes().to_vec();
    change(&mut bytes);
    match WriteBatch::from_bytes(bytes) {
        Ok(batch) => panic!("{batch:?}"),
        Err(error) => error,
    }
}

#[test]
fn w3_batches_that_are_none() {
    check(&[
        (
            "a write batch with an unknown record, cut short, or with another number of entries",
            "Corruption",
            |_| {
                let all = [
                    said::<()>(Err(damaged(|bytes| bytes[12] = 0x14))),
                    said::<()>(Err(damaged(|bytes| bytes.truncate(11)))),
                    said::<()>(Err(damaged(|bytes| bytes.truncate(bytes.len() - 1)))),
                    said::<()>(Err(damaged(|bytes| bytes[8] += 1))),
                ];
                assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
                all[0].clone()
            },
        ),
        (
            "a write batch with a sequence number over 56 bits",
            "SequenceTooLarge",
            |_| said::<()>(Err(damaged(|bytes| bytes[7] = 1))),
        ),
        (
            "a write batch whose last entry's number would be beyond",
            "SequenceTooLarge",
            |table| {
                let batch = batch(|batch| {
                    batch.delete(b"k")?;
                    batch.set_sequence(MAX_SEQUENCE_NUMBER)
                });
                insert(&batch, table)
            },
        ),
        (
            "an entry of a write batch for a column family without a table",
            "UnknownColumnFamily",
            |table| insert(&batch(|batch| batch.put_cf(7, b"k", b"")), table),
        ),
        (
            "a range in a write batch that ends before it begins",
            "InvertedRange",
            |table| insert(&batch(|batch| batch.delete_range(b"b", b"a")), table),
        ),
        (
            "a record for a write batch that is full",
            "BatchTooLarge",
            |_| {
                let mut batch = batch(|batch| batch.delete(b"k"));
                batch.set_max_bytes(batch.data_size() + 1);
                let before = batch.as_bytes().to_vec();
                let refused = batch.add(&Record::Commit { xid: b"" });
                assert_eq!(batch.as_bytes(), before);
                said(refused)
            },
        ),
        (
            "a save point to go back to, where there is none",
            "NoSavePoint",
            |_| said(WriteBatch::new().rollback_to_save_point()),
        ),
    ]);
}

/// The tables of many column families, all but one of which have none, or the same.
struct Families<'t>([&'t MemTable; 2]);

impl ColumnFamilyMemTables for Families<'_> {
    type Comparator = BytewiseComparator;
    type Rep = verimem::rep::SkipListRep<BytewiseComparator>;

    fn table(&self, column_family: u32) -> Option<&MemTable> {
        match column_family {
            0..10 => Some(self.0[0]),
            10 => Some(self.0[1]),
            _ => None,
        }
    }
}

#[test]
fn x2_a_batch_without_memory_is_refused() {
    let builder = MemTable::builder().duplicates(DuplicatePolicy::KeepFirst);
    let other = match builder.build() {
        Ok(other) => Arc::new(other),
        Err(error) => panic!("{error}"),
    };
    // What it has to allocate from is there.
    assert_eq!(other.add(1, verimem::Kind::VALUE, b"k", b""), Ok(()));
    for hint in [false, true] {
        each_refusal("write batch", 0, Some(out_of_memory), |table| {
            let mut batch = WriteBatch::new();
            batch.set_sequence(40)?;
            batch.set_save_point()?;
            for id in 0..20 {
                batch.put_cf(id, b"key", b"value")?;
            }
            for number in 0..100u8 {
                batch.put(&[number], b"")?; // more than one group
            }
            batch.set_save_point()?;
            let mut copy = WriteBatch::with_capacity(100)?;
            copy.append(&batch.try_clone()?)?;
            copy.set_sequence(40)?;
            let inserter = BatchInserter::new()
                .ignore_missing_column_families(true)
                .hint_per_batch(hint);
            let inserted = inserter.insert(&copy, &Families([table, &other]));
            inserted.map(drop).map_err(|refused| {
                assert_eq!(refused.done.added, 0, "known before");
                refused.error
            })
        });
    }
    let gets = "`OutOfMemory`".to_owned();
    documented([("no memory for a write batch, or to insert one", gets)]);
}
