//! Write batches: hostile bytes, the builder beside a list of records, and insertion beside
//! adding one by one (W3).

use std::collections::BTreeMap;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use verimem::batch::{BatchInserter, Inserted, Record};
use verimem::rep::MemTableRep;
use verimem::{
    Comparator, Corruption, Error, Kind, MAX_SEQUENCE_NUMBER, MemTable, WriteBatch, WriteBatchRef,
};

use crate::write_batch::{Plain, any, bytes_of};

/// The most steps of the builder for one input.
const STEPS: usize = 200;

/// The same bytes as a batch, as the records of one, and as what to do with a builder.
pub fn check_write_batch(bytes: &[u8]) {
    check_bytes(bytes);
    let mut batch = vec![0; 12];
    batch.extend_from_slice(bytes);
    check_bytes(&batch);
    let mut u = Unstructured::new(bytes);
    let mut model = Model::default();
    for _ in 0..STEPS {
        if u.is_empty() || model.step(&mut u).is_err() {
            break;
        }
        model.compare();
    }
    check_bytes(model.batch.as_bytes());
    model.insert(&mut u);
}

/// Whatever the bytes are, they are refused or they are a batch.
///
/// # Panics
///
/// Where they are neither, or the batch cannot be written again.
pub fn check_bytes(bytes: &[u8]) {
    let owned = WriteBatch::from_bytes(bytes.to_vec());
    match WriteBatchRef::from_bytes(bytes) {
        Ok(batch) => {
            let owned = owned
                .as_ref()
                .map(|owned| (owned.as_bytes(), owned.contents()));
            assert_eq!(owned, Ok((bytes, batch.contents())));
            check_batch(batch);
        }
        Err(error) => {
            assert_eq!(owned.err(), Some(error.clone()));
            if let Error::Corruption(Corruption::BadCount { claimed, found }) = error {
                assert_ne!(u64::from(claimed), found);
                let mut right = bytes.to_vec();
                right[8..12].copy_from_slice(&(found as u32).to_le_bytes());
                match WriteBatchRef::from_bytes(&right) {
                    Ok(batch) => check_batch(batch),
                    Err(error) => panic!("the count alone was wrong: {error}"),
                }
            }
        }
    }
}

/// What was read can be written again.
fn check_batch(batch: WriteBatchRef<'_>) {
    let mut again = WriteBatch::new();
    assert_eq!(again.set_sequence(batch.sequence()), Ok(()));
    for record in batch.records() {
        assert_eq!(again.add(&record), Ok(()), "{record:?}");
    }
    assert_eq!(again.count(), batch.count());
    assert_eq!(again.contents(), batch.contents());
    assert!(again.records().eq(batch.records()));
    if again.data_size() == batch.data_size() {
        assert_eq!(again.as_bytes(), batch.as_bytes());
    } else {
        assert!(again.data_size() < batch.data_size(), "longer varints");
    }
}

#[derive(Default)]
struct Model {
    batch: WriteBatch,
    records: Vec<Plain>,
    sequence: u64,
    save_points: Vec<usize>,
    /// Bytes, when there is a limit.
    limit: Option<usize>,
}

impl Model {
    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=19u8)? {
            0 => {
                assert_eq!(self.batch.set_save_point(), Ok(()));
                self.save_points.push(self.records.len());
            }
            1 => match (self.batch.rollback_to_save_point(), self.save_points.pop()) {
                (Ok(()), Some(length)) => self.records.truncate(length),
                (Err(Error::NoSavePoint), None) => {}
                other => panic!("{other:?}"),
            },
            2 => {
                let popped = self.batch.pop_save_point();
                let some = self.save_points.pop();
                assert_eq!(popped, some.map(|_| ()).ok_or(Error::NoSavePoint));
            }
            3 if u.ratio(1, 8)? => {
                self.batch.clear();
                self.records.clear();
                self.save_points.clear();
                self.sequence = 0;
            }
            4 => {
                let sequence = u.int_in_range(0..=MAX_SEQUENCE_NUMBER + 1)?;
                if self.batch.set_sequence(sequence).is_ok() {
                    self.sequence = sequence;
                }
                assert_eq!(self.sequence == sequence, sequence <= MAX_SEQUENCE_NUMBER);
            }
            5 => {
                let limit = self.batch.data_size() + u.int_in_range(0..=400usize)?;
                self.limit = u.ratio(1, 2)?.then_some(limit);
                self.batch.set_max_bytes(self.limit.unwrap_or(usize::MAX));
            }
            6 => {
                let count = u.int_in_range(0..=4usize)?;
                let records: Vec<Plain> = (0..count).map(|_| any(u)).collect::<Result<_>>()?;
                let other = bytes_of(7, &records);
                match WriteBatchRef::from_bytes(&other) {
                    Ok(other) => {
                        let added = self.batch.append(other);
                        self.added(records, added);
                    }
                    Err(error) => panic!("{error}: {records:?}"),
                }
            }
            _ => {
                let record = any(u)?;
                let added = self.add(&record);
                self.added(vec![record], added);
            }
        }
        Ok(())
    }

    /// By the method of that name.
    fn add(&mut self, record: &Plain) -> verimem::Result<()> {
        let batch = &mut self.batch;
        let Record::Entry(entry) = record.record() else {
            return match record.record() {
                Record::LogData(data) => batch.put_log_data(data),
                other => batch.add(&other),
            };
        };
        let (id, key, value) = (entry.column_family, entry.user_key, entry.value);
        match (entry.kind, id) {
            (Kind::DELETION, 0) => batch.delete(key),
            (Kind::DELETION, _) => batch.delete_cf(id, key),
            (Kind::VALUE, 0) => batch.put(key, value),
            (Kind::VALUE, _) => batch.put_cf(id, key, value),
            (Kind::MERGE, 0) => batch.merge(key, value),
            (Kind::MERGE, _) => batch.merge_cf(id, key, value),
            (Kind::SINGLE_DELETION, 0) => batch.single_delete(key),
            (Kind::SINGLE_DELETION, _) => batch.single_delete_cf(id, key),
            (Kind::RANGE_DELETION, 0) => batch.delete_range(key, value),
            (Kind::RANGE_DELETION, _) => batch.delete_range_cf(id, key, value),
            (Kind::BLOB_INDEX, 0) => batch.put_blob_index(key, value),
            (Kind::BLOB_INDEX, _) => batch.put_blob_index_cf(id, key, value),
            (Kind::WIDE_COLUMN_ENTITY, 0) => batch.put_entity(key, value),
            (Kind::WIDE_COLUMN_ENTITY, _) => batch.put_entity_cf(id, key, value),
            _ => match value.split_last_chunk() {
                Some((_, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])) => {
                    batch.add(&record.record()) // no time: the method makes it a put
                }
                Some((value, time)) if id == 0 => {
                    batch.timed_put(key, value, u64::from_le_bytes(*time))
                }
                Some((value, time)) => {
                    batch.timed_put_cf(id, key, value, u64::from_le_bytes(*time))
                }
                None => panic!("{record:?} has no time"),
            },
        }
    }

    fn added(&mut self, records: Vec<Plain>, added: verimem::Result<()>) {
        let mut more = Vec::new();
        records.iter().for_each(|record| record.encode(&mut more));
        let length = self.batch_len() + more.len();
        match self.limit {
            Some(limit) if length > limit => {
                assert_eq!(added, Err(Error::BatchTooLarge { length, limit }));
            }
            _ => {
                assert_eq!(added, Ok(()));
                self.records.extend(records);
            }
        }
    }

    fn batch_len(&self) -> usize {
        bytes_of(0, &self.records).len()
    }

    fn compare(&self) {
        let bytes = bytes_of(self.sequence, &self.records);
        assert_eq!(self.batch.as_bytes(), bytes);
        assert_eq!(self.batch.data_size(), bytes.len());
        assert!(
            self.batch
                .records()
                .eq(self.records.iter().map(Plain::record))
        );
        let entries = self.records.iter().filter(|record| record.is_entry());
        assert_eq!(self.batch.count() as usize, entries.clone().count());
        assert_eq!(self.batch.is_empty(), entries.clone().next().is_none());
        let mut kinds = [false; 256];
        for record in &self.records {
            if let Plain::Entry(_, kind, ..) = record {
                kinds[usize::from(*kind)] = true;
            }
        }
        for (kind, has) in (0..=u8::MAX).map(Kind).zip(kinds) {
            assert_eq!(self.batch.contents().has(kind), has, "{kind:?}");
        }
        let has = |types: &[u8]| {
            let is = |one: &Plain| matches!(one, Plain::Other(of, _) if types.contains(of));
            self.records.iter().any(is)
        };
        let contents = self.batch.contents();
        assert_eq!(contents.has_begin_prepare(), has(&[0x09, 0x12, 0x13]));
        assert_eq!(contents.has_begin_unprepare(), has(&[0x13]));
        assert_eq!(contents.has_end_prepare(), has(&[0x0A]));
        assert_eq!(contents.has_commit(), has(&[0x0B, 0x15]));
        assert_eq!(contents.has_rollback(), has(&[0x0C]));
    }

    /// Into two tables, in a quarter of the ways, beside the same entries one by one.
    fn insert(mut self, u: &mut Unstructured<'_>) {
        let sequence = u.int_in_range(0..=1000).unwrap_or(0);
        assert_eq!(self.batch.set_sequence(sequence), Ok(()));
        for ways in (self.records.len() % 4..16).step_by(4) {
            let [exclusive, ignore, hint, reserve] = [1, 2, 4, 8].map(|bit| ways & bit != 0);
            let inserter = BatchInserter::new()
                .exclusive(exclusive)
                .ignore_missing_column_families(ignore)
                .hint_per_batch(hint)
                .reserve(reserve);
            let new = || {
                MemTable::builder()
                    .write_buffer_size(1)
                    .build()
                    .map(Arc::new)
            };
            if let Err(error) = check_insertion(&inserter, ignore, self.batch.view(), new) {
                panic!("{error}");
            }
        }
    }
}

/// Inserts a batch into new tables of column families 0 and 300, and its entries one by one
/// into others, and compares what they say.
///
/// # Errors
///
/// Those of making tables.
///
/// # Panics
///
/// Where the two differ.
pub fn check_insertion<C: Comparator, R: MemTableRep<Comparator = C>>(
    inserter: &BatchInserter<'_>,
    ignore: bool,
    batch: WriteBatchRef<'_>,
    new: impl Fn() -> verimem::Result<Arc<MemTable<C, R>>>,
) -> verimem::Result<()> {
    let tables = BTreeMap::from([(0, new()?), (300, new()?)]);
    let ones = BTreeMap::from([(0, new()?), (300, new()?)]);
    let (mut expected, mut refused) = (Inserted::default(), None);
    expected.next_sequence = batch.sequence();
    for record in batch.records() {
        let Record::Entry(entry) = record else {
            continue;
        };
        let sequence = expected.next_sequence;
        match ones.get(&entry.column_family) {
            Some(table) => {
                refused = table
                    .add(sequence, entry.kind, entry.user_key, entry.value)
                    .err();
                expected.added += 1;
            }
            None if ignore => expected.ignored += 1,
            None => {
                let id = entry.column_family;
                refused = Some(Error::UnknownColumnFamily { id });
            }
        }
        if refused.is_some() {
            break;
        }
        expected.next_sequence += 1;
    }
    let inserted = inserter.insert(batch, &tables);
    match (inserted, refused) {
        (Ok(inserted), None) => {
            assert_eq!(inserted, expected);
            for id in [0, 300] {
                assert_eq!(dump(&tables[&id]), dump(&ones[&id]));
            }
        }
        // Both can be known before anything is added.
        (Err(refused), Some(error)) => {
            assert_eq!(refused.error, error);
            assert_eq!((refused.done.added, refused.done.ignored), (0, 0));
            assert_eq!(refused.done.next_sequence, batch.sequence());
            assert!(tables.values().all(|table| table.is_empty()));
            assert!(tables.values().all(|table| table.stats().entries == 0));
        }
        other => panic!("{other:?}"),
    }
    for table in tables.values() {
        assert_eq!(table.seal(), Ok(()), "nobody is inside");
    }
    Ok(())
}

/// All that a table says: its entries, range deletions, and counters.
#[must_use]
pub fn dump<C: Comparator, R: MemTableRep<Comparator = C>>(table: &MemTable<C, R>) -> String {
    let mut said = format!("{:?}", table.stats());
    let mut cursor = table.iter();
    cursor.seek_to_first();
    while cursor.valid() {
        said += &format!("\n{:?}", cursor.entry());
        cursor.next();
    }
    let ranges = table.range_deletions(0..=MAX_SEQUENCE_NUMBER);
    said + &format!("\n{:?}", ranges.map(|all| all.to_vec()))
}
