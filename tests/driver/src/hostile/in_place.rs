//! Values updated in place, against a model on a `BTreeMap` (W4).

mod model;

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use verimem::in_place::{Decision, InPlaceWriter, OwnedLookup};
use verimem::memtable::DuplicatePolicy;
use verimem::merge::StringAppend;
use verimem::{
    BytewiseComparator, Comparator, EntryRef, Error, InPlaceTable, Kind, Lookup, MemTable,
    Protection,
};

use model::{Model, Refused};

/// The most operations of one table.
const MOST: usize = 300;
/// Sequence numbers are few, so that updates are late and entries duplicates.
const NUMBERS: u64 = 50;

/// Operations on a table with updates in place and on the model; every answer is compared.
pub fn check_in_place(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let _ = if u.ratio(1, 4).unwrap_or(false) {
        // Equal keys can be different bytes.
        check(Caseless, |key| key.to_ascii_lowercase(), &mut u)
    } else {
        check(BytewiseComparator, <[u8]>::to_vec, &mut u)
    };
}

/// Letters count the same in both cases.
struct Caseless;

impl Comparator for Caseless {
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn name(&self) -> &str {
        "test.Caseless"
    }
}

/// What a batch is written with.
#[derive(Debug, Clone, Copy)]
struct Options {
    keeps_first: bool,
    successive: usize,
}

struct Run<C: Comparator> {
    table: InPlaceTable<C>,
    model: Model,
    options: Options,
    /// What the comparator takes for the same.
    normal: fn(&[u8]) -> Vec<u8>,
}

fn check<C: Comparator>(
    comparator: C,
    normal: fn(&[u8]) -> Vec<u8>,
    u: &mut Unstructured<'_>,
) -> Result<()> {
    let options = Options {
        keeps_first: u.ratio(1, 4)?,
        successive: *u.choose(&[0, 0, 1, 2])?,
    };
    let protection = *u.choose(&[Protection::None, Protection::One, Protection::Eight])?;
    let checked = u.ratio(1, 4)?;
    let filter = if C::EQUAL_BYTES && u.arbitrary()? {
        0.1
    } else {
        0.0
    };
    let builder = MemTable::with_comparator(comparator)
        .write_buffer_size(64 << 10)
        .protection(protection)
        .paranoid_checks(checked)
        .verify_checksums_on_seek(checked && !protection.is_empty())
        .bloom_size_ratio(filter)
        .merge_operator(Arc::new(StringAppend { delimiter: b'.' }))
        .max_successive_merges(options.successive)
        .duplicates(if options.keeps_first {
            DuplicatePolicy::KeepFirst
        } else {
            DuplicatePolicy::Reject
        });
    let built = builder.in_place().locks(*u.choose(&[1, 3, 64])?).build();
    let mut run = Run {
        table: built.unwrap_or_else(|error| panic!("{error}")),
        model: Model::new(options.keeps_first, protection.len()),
        options,
        normal,
    };
    let mut done = 0;
    while done < MOST && !u.is_empty() {
        done += run.batch(u)?;
        run.compare(u)?;
    }
    if u.ratio(1, 2)? {
        assert_eq!(run.table.seal(), Ok(()));
        assert_eq!(run.table.update(1, b"a", b""), Err(Error::Sealed));
    }
    run.compare_all(u64::MAX >> 8);
    Ok(())
}

fn key(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let letters = b"aAbBcC";
    let mut key = vec![*u.choose(letters)?];
    if u.ratio(1, 4)? {
        key.push(*u.choose(letters)?);
    }
    Ok(key)
}

fn value(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = *u.choose(&[0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 20, 40])?;
    Ok(vec![u.int_in_range(b'a'..=b'z')?; length])
}

const KINDS: [Kind; 5] = [
    Kind::VALUE,
    Kind::VALUE,
    Kind::DELETION,
    Kind::MERGE,
    Kind::BLOB_INDEX,
];

impl<C: Comparator> Run<C> {
    /// Some operations by one writer; returns how many.
    fn batch(&mut self, u: &mut Unstructured<'_>) -> Result<usize> {
        let exclusive = u.ratio(1, 3)?;
        let folds = if exclusive {
            self.options.successive
        } else {
            0
        };
        let Self {
            table,
            model,
            normal,
            ..
        } = self;
        let writer = if exclusive {
            table.exclusive_writer()
        } else {
            table.writer()
        };
        let mut writer = writer.unwrap_or_else(|error| panic!("{error}"));
        if u.ratio(1, 4)? {
            assert_eq!(writer.reserve(512), Ok(()));
        }
        let operations = u.int_in_range(1..=6)?;
        for _ in 0..operations {
            let sequence = u.int_in_range(0..=NUMBERS)?;
            let (key, value) = (key(u)?, value(u)?);
            let same = normal(&key);
            match u.int_in_range(0..=9u8)? {
                0..=2 => {
                    let kind = *u.choose(&KINDS)?;
                    let added = writer.add(sequence, kind, &key, &value);
                    let expected = model.add(sequence, kind, &same, &value, folds);
                    assert_same(added.map(|()| true), expected.map(|_| true));
                }
                3..=5 => {
                    let updated = writer.update(sequence, &key, &value);
                    assert_same(updated, model.update(sequence, &same, &value));
                }
                6 | 7 => {
                    let decision =
                        *u.choose(&[Decision::Keep, Decision::Replace, Decision::Add])?;
                    update_with(&mut writer, model, (sequence, &key, &same), decision);
                }
                8 => {
                    let end = [&key[..], b"b"].concat();
                    assert_eq!(writer.delete_range(sequence, &key, &end), Ok(()));
                    model.delete_range(sequence, same, normal(&end));
                }
                _ => {
                    let kind = *u.choose(&KINDS)?;
                    let other = [&key[..], b"c"].concat();
                    let entry = |user_key, kind| EntryRef {
                        user_key,
                        sequence,
                        kind,
                        value: &value,
                    };
                    let entries = [entry(&other, Kind::VALUE), entry(&key, kind)];
                    let added = writer.add_batch(&entries);
                    let mut expected = Ok(());
                    for (index, one) in entries.iter().enumerate() {
                        let same = normal(one.user_key);
                        if model.add(sequence, one.kind, &same, &value, folds).is_err() {
                            expected = Err(index);
                            break;
                        }
                    }
                    assert_eq!(added.map_err(|refused| refused.added), expected);
                }
            }
        }
        Ok(operations)
    }

    fn compare(&self, u: &mut Unstructured<'_>) -> Result<()> {
        let snapshot = u.int_in_range(0..=NUMBERS + 1)?;
        let keys = [key(u)?, key(u)?];
        self.compare_keys(&keys, snapshot);
        if u.ratio(1, 4)? {
            self.compare_all(snapshot);
        }
        Ok(())
    }

    fn compare_keys(&self, keys: &[Vec<u8>], snapshot: u64) {
        let slices: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let together = self.table.multi_get(&slices, snapshot);
        let together = together.unwrap_or_else(|error| panic!("{error}"));
        let reader = self.table.reader(snapshot);
        let reader = reader.unwrap_or_else(|error| panic!("{error}"));
        let mut buffer = b"left behind".to_vec();
        for (key, one_of_all) in keys.iter().zip(together) {
            let same = (self.normal)(key);
            let expected = self.model.get(&same, snapshot);
            assert_eq!(one_of_all.as_ref(), Ok(&expected), "multi_get");
            assert_eq!(reader.get(key).as_ref(), Ok(&expected), "get");
            let into = reader.get_into(key, &mut buffer);
            assert_eq!(into, Ok(expected.as_lookup()), "get_into");
            let merged = reader.get_merged(key);
            match self.model.merged(expected) {
                Some(expected) => assert_eq!(merged, Ok(expected), "get_merged"),
                None => assert!(matches!(merged, Err(Error::Unsupported(_)))),
            }
        }
    }

    /// Every key forward and back, every entry, and the counters.
    fn compare_all(&self, snapshot: u64) {
        let expected = self.model.visible(snapshot);
        let mut keys = self
            .table
            .visible_range(snapshot, Bound::Unbounded, Bound::Unbounded);
        let mut buffer = Vec::new();
        assert_eq!(keys.seek_to_first(), Ok(()));
        for (key, answer) in &expected {
            assert_eq!(keys.key().map(self.normal).as_ref(), Some(key));
            assert_eq!(keys.lookup().as_ref(), Ok(answer));
            assert_eq!(keys.lookup_into(&mut buffer), Ok(answer.as_lookup()));
            let entry = keys.entry(&mut buffer);
            let newest = match answer {
                OwnedLookup::Found { value, .. } => Some(value),
                OwnedLookup::Merge { operands, .. } => operands.first(),
                _ => None,
            };
            let value = entry.map(|entry| entry.map(|entry| entry.value.to_vec()));
            assert_eq!(value, Ok(newest.cloned()));
            assert_eq!(keys.next(), Ok(()));
        }
        assert!(!keys.valid());
        assert_eq!(keys.seek_to_last(), Ok(()));
        for (key, _) in expected.iter().rev() {
            assert_eq!(keys.key().map(self.normal).as_ref(), Some(key));
            assert_eq!(keys.prev(), Ok(()));
        }
        let mut cursor = self.table.iter();
        cursor.seek_to_first();
        for (key, sequence, kind, value) in self.model.entries() {
            let entry = cursor.entry(&mut buffer);
            let entry = entry.unwrap_or_else(|error| panic!("{error}"));
            let entry = entry.unwrap_or_else(|| panic!("an entry is missing"));
            let found = (&(self.normal)(entry.user_key)[..], entry.sequence);
            assert_eq!(found, (key, sequence));
            assert_eq!((entry.kind, entry.value), (kind, value));
            cursor.next();
        }
        assert!(!cursor.valid());
        let stats = self.table.stats();
        let counted = (stats.entries, stats.range_deletions, stats.data_size);
        assert_eq!(counted, self.model.counts());
    }
}

/// An update by a callback that appends a letter to what is there.
fn update_with<C: Comparator>(
    writer: &mut InPlaceWriter<'_, C>,
    model: &mut Model,
    (sequence, key, same): (u64, &[u8], &[u8]),
    decision: Decision,
) {
    let expected = model.get(same, sequence);
    let mut made = Vec::new();
    let updated = writer.update_with(sequence, key, |existing, value| {
        assert_eq!(existing, expected.as_lookup(), "what the callback is told");
        assert!(value.is_empty());
        if let Lookup::Found { value: old, .. } = existing {
            value.extend_from_slice(old);
        }
        value.push(b'+');
        made.clone_from(value);
        decision
    });
    assert_same(updated, model.update_with(sequence, same, &made, decision));
}

#[track_caller]
fn assert_same<T: PartialEq + std::fmt::Debug>(
    real: verimem::Result<T>,
    model: std::result::Result<T, Refused>,
) {
    match (&real, &model) {
        (Err(Error::Duplicate), Err(Refused)) => {}
        (Ok(real), Ok(model)) => assert_eq!(real, model),
        _ => panic!("the table says {real:?}, the model {model:?}"),
    }
}
