//! Write batches (W3): each damage to their bytes, and insertion on each representation.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use arbitrary::Unstructured;
use proptest::collection::vec;
use proptest::prelude::*;
use verimem::batch::{BatchInserter, ColumnFamilyMemTables};
use verimem::sequencer::Sequencer;
use verimem::{Corruption, Damage, Error, MAX_SEQUENCE_NUMBER, WriteBatch, WriteBatchRef};
use verimem_driver::hostile::{check_batch_bytes, check_insertion, check_write_batch, dump};
use verimem_driver::seeds::Random;
use verimem_driver::write_batch::{ENTRIES, OTHERS, Plain, any, bytes_of};

use crate::reps::{self, ALL, AnyTable, REFUSING};

/// One of each record, in the default column family and in another.
fn all_records() -> Vec<Plain> {
    let mut records = Vec::new();
    for column_family in [0, 300] {
        for (kind, _, has_value) in ENTRIES {
            let value: &[u8] = if has_value {
                b"zz-and-8-bytes-more"
            } else {
                b""
            };
            let key = format!("key-{column_family}-{kind:02}").into_bytes();
            records.push(Plain::Entry(column_family, kind, key, value.to_vec()));
        }
    }
    for (record_type, strings) in OTHERS {
        records.push(Plain::Other(record_type, vec![b"xid".to_vec(); strings]));
    }
    records
}

/// W3: a batch that ends early is refused, but where only markers are cut off.
#[test]
fn w3_every_truncation() {
    let records = all_records();
    let whole = bytes_of(9, &records);
    // After so many bytes, so many records.
    let mut ends = BTreeMap::from([(12, 0)]);
    for count in 1..=records.len() {
        ends.insert(bytes_of(9, &records[..count]).len(), count);
    }
    let entries = ENTRIES.len() * 2;
    for length in 0..=whole.len() {
        let cut = &whole[..length];
        check_batch_bytes(cut);
        let read = WriteBatchRef::from_bytes(cut).map(|batch| batch.records().count());
        let damage = read.as_ref().err().cloned();
        match (ends.get(&length), damage) {
            (Some(&count), None) => assert!(count >= entries && read == Ok(count)),
            (Some(&count), Some(Error::Corruption(Corruption::BadCount { claimed, found }))) => {
                assert!(count < entries, "{length}");
                assert_eq!((claimed as usize, found as usize), (entries, count));
            }
            (None, Some(Error::Corruption(Corruption::Truncated { .. }))) => assert!(length < 12),
            (None, Some(Error::Corruption(Corruption::BadRecord { offset, damage, .. }))) => {
                assert_eq!(damage, Damage::Truncated, "{length}");
                let begins = ends.range(..length).next_back().map(|(begins, _)| *begins);
                assert_eq!(begins, Some(offset), "{length}");
            }
            other => panic!("{length}: {other:?}"),
        }
    }
}

/// W3: each byte, changed to each other value, gives an error or another batch.
#[test]
fn w3_every_changed_byte() {
    let whole = bytes_of(9, &all_records());
    let mut unknown = 0;
    for at in 0..whole.len() {
        for change in 1..=u8::MAX {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            check_batch_bytes(&bytes);
            match WriteBatchRef::from_bytes(&bytes) {
                Ok(batch) => {
                    assert!(!(8..12).contains(&at), "the count was believed");
                    assert_eq!(batch.as_bytes(), bytes);
                }
                Err(Error::SequenceTooLarge { .. }) => assert_eq!(at, 7),
                Err(Error::Corruption(Corruption::UnknownRecord {
                    record_type,
                    offset,
                })) => {
                    unknown += 1;
                    assert_eq!(bytes[offset], record_type);
                    assert!(at >= 12, "the header has no records");
                    assert!(
                        record_type == 0x14 || record_type > 0x19,
                        "{record_type:#x}"
                    );
                }
                Err(Error::Corruption(_)) => {}
                Err(other) => panic!("{at} {change}: {other}"),
            }
        }
    }
    assert!(unknown > 1000, "{unknown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(reps_cases()))]

    /// W3: the builder beside a list of records, and what it makes in tables.
    #[test]
    fn w3_builder_and_bytes(bytes in vec(any_byte(), 0..1500)) {
        check_write_batch(&bytes);
    }

    /// W3: a batch is its entries, one by one, on each representation.
    #[test]
    fn w3_a_batch_is_its_entries(bytes in vec(any_byte(), 64..3000), ways in 0..16u8) {
        let records = long_keys(&bytes);
        let batch = bytes_of(u64::from(ways), &records);
        let batch = WriteBatchRef::from_bytes(&batch).map_err(|error| {
            TestCaseError::fail(format!("{error}"))
        })?;
        let [exclusive, ignore, hint, reserve] = [1, 2, 4, 8].map(|bit| ways & bit != 0);
        let inserter = BatchInserter::new()
            .exclusive(exclusive)
            .ignore_missing_column_families(ignore)
            .hint_per_batch(hint)
            .reserve(reserve);
        for rep in ALL {
            let done = check_insertion(&inserter, ignore, batch, || {
                reps::builder(rep).build().map(Arc::new)
            });
            prop_assert_eq!(done, Ok(()), "{}", rep);
        }
    }
}

fn any_byte() -> impl Strategy<Value = u8> {
    proptest::num::u8::ANY
}

fn reps_cases() -> u32 {
    let cases = std::env::var("VERIMEM_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

/// Records whose keys are long enough to be hashed, and whose ranges end behind their begin.
fn long_keys(bytes: &[u8]) -> Vec<Plain> {
    let mut u = Unstructured::new(bytes);
    let mut records = Vec::new();
    while !u.is_empty() {
        let Ok(mut record) = any(&mut u) else { break };
        if let Plain::Entry(column_family, kind, key, value) = &mut record {
            *key = [b"key", &key[..]].concat();
            *column_family %= 301; // few of none, unless it is ignored
            if *kind == 0x0F {
                *value = [b"l", &value[..]].concat();
            }
        }
        records.push(record);
    }
    records
}

struct Tables([AnyTable; 2]);

impl ColumnFamilyMemTables for Tables {
    type Comparator = verimem::BytewiseComparator;
    type Rep = verimem::rep::AnyRep;

    fn table(&self, column_family: u32) -> Option<&AnyTable> {
        self.0.get(column_family as usize)
    }
}

/// A batch of any entries but range deletions for two tables.
fn batch(random: &mut Random) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for _ in 0..1 + random.below(120) {
        let key = format!("k{:03}", random.below(500));
        let family = random.below(2) as u32;
        let value = random.draw().to_le_bytes();
        let added = match random.below(5) {
            0 => batch.delete_cf(family, key.as_bytes()),
            1 => batch.merge_cf(family, key.as_bytes(), &value),
            2 => batch.put_log_data(&value),
            _ => batch.put_cf(family, key.as_bytes(), &value),
        };
        assert_eq!(added, Ok(()));
    }
    batch
}

/// W3, W2: threads that insert batches at the same time leave what one thread would have,
/// whatever ways they take. Exclusive ones wait for their turn.
#[test]
fn w3_threads_insert_batches() -> Result<(), Error> {
    const THREADS: u64 = 4;
    const BATCHES: u64 = 60;
    for rep in ALL {
        let tables = Tables([reps::table(rep), reps::table(rep)]);
        let sequencer = Sequencer::new(0)?;
        let committed: Vec<Vec<Vec<u8>>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (tables, sequencer) = (&tables, &sequencer);
                    scope.spawn(move || insert_batches(thread, BATCHES, tables, sequencer))
                })
                .collect();
            let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
            joined.map(|batches| batches.unwrap_or_default()).collect()
        });
        let ones = Tables([reps::table(rep), reps::table(rep)]);
        let mut entries = 0;
        for bytes in committed.iter().flatten() {
            let batch = WriteBatchRef::from_bytes(bytes)?;
            let added = one_by_one(batch, &ones)?;
            assert_eq!(added, batch.sequence() + u64::from(batch.count()));
            entries += u64::from(batch.count());
        }
        assert_eq!(committed.iter().flatten().count() as u64, THREADS * BATCHES);
        assert_eq!(sequencer.published(), entries, "{rep}");
        for (table, one) in tables.0.iter().zip(&ones.0) {
            table.seal()?;
            one.seal()?;
            assert_eq!(dump(table), dump(one), "{rep}");
        }
    }
    Ok(())
}

fn insert_batches(
    thread: u64,
    batches: u64,
    tables: &Tables,
    sequencer: &Sequencer,
) -> Vec<Vec<u8>> {
    let mut random = Random(thread);
    let mut committed = Vec::new();
    for number in 0..batches {
        let mut batch = batch(&mut random);
        if batch.is_empty() {
            assert_eq!(batch.put(b"kkk", b""), Ok(()));
        }
        let reservation = match sequencer.reserve(u64::from(batch.count())) {
            Ok(reservation) => reservation,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(batch.set_sequence(reservation.first()), Ok(()));
        let inserter = BatchInserter::new()
            .exclusive(number % 4 == 3)
            .hint_per_batch(number % 2 == 1)
            .reserve(number % 3 == 1);
        loop {
            match inserter.insert(&batch, tables) {
                Ok(inserted) => {
                    assert_eq!(inserted.added, batch.count());
                    break;
                }
                Err(refused) => {
                    assert_eq!(refused.error, Error::Busy);
                    assert_eq!(refused.done.added, 0, "nothing, before all are entered");
                    thread::yield_now();
                }
            }
        }
        reservation.publish();
        committed.push(batch.as_bytes().to_vec());
    }
    committed
}

/// Returns the number behind the last one.
fn one_by_one(batch: WriteBatchRef<'_>, tables: &Tables) -> Result<u64, Error> {
    let mut sequence = batch.sequence();
    for record in batch.records() {
        if let verimem::batch::Record::Entry(entry) = record {
            let table = &tables.0[entry.column_family as usize];
            table.add(sequence, entry.kind, entry.user_key, entry.value)?;
            sequence += 1;
        }
    }
    Ok(sequence)
}

/// W3, W6: what was added before a duplicate is said, and stays; nothing behind it is added.
#[test]
fn w3_a_duplicate_ends_a_batch() -> Result<(), Error> {
    for rep in REFUSING {
        for hint in [false, true] {
            let table = reps::table(rep);
            table.add(104, verimem::Kind::VALUE, b"key4", b"there")?;
            let mut batch = WriteBatch::new();
            for digit in b'0'..=b'9' {
                batch.put(&[b'k', b'e', b'y', digit], b"new")?;
                batch.put_log_data(b"no number")?;
            }
            batch.set_sequence(100)?;
            let inserter = BatchInserter::new().hint_per_batch(hint);
            let refused = inserter.insert(&batch, &table).err();
            let refused = refused.unwrap_or_else(|| panic!("{rep}: not refused"));
            assert_eq!(refused.error, Error::Duplicate);
            assert_eq!((refused.done.added, refused.done.next_sequence), (4, 104));
            assert_eq!(table.stats().entries, 5);
            assert!(!table.contains(b"key5", 105));
            assert!(table.contains(b"key3", 103));
            assert!(matches!(
                table.get(b"key4", MAX_SEQUENCE_NUMBER)?,
                verimem::Lookup::Found {
                    value: b"there",
                    ..
                }
            ));
        }
    }
    Ok(())
}
