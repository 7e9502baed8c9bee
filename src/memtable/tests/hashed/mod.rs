//! Hashed tables beside a `BTreeMap`, at their limits, and with extractors that misbehave.

mod hostile;

use core::cmp::Reverse;
use std::collections::BTreeMap;
use std::prelude::v1::*;

use super::*;
use crate::key::{
    BytewiseComparator, CappedPrefix, FixedPrefix, PrefixExtractor, ReverseBytewiseComparator,
    TimestampedComparator,
};
use crate::memtable::PrefixHints;
use crate::rep::{
    BucketDistribution, Fallback, HashLinkListFactory, HashRep, HashSkipListFactory,
    MemTableRepFactory,
};
use crate::skiplist::{HeightSource, Hint};
use crate::sync::{random_u64, seed_thread_rng};

type Table<C = BytewiseComparator> = MemTable<C, HashRep<C>>;

/// The last two bytes: not in the order of keys at all.
#[derive(Debug)]
struct Suffix;

impl PrefixExtractor for Suffix {
    fn name(&self) -> String {
        "suffix".into()
    }

    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        user_key.last_chunk::<2>().map(|bytes| &bytes[..])
    }
}

/// Letters are equal whatever their case is.
#[derive(Debug)]
struct AnyCase;

impl Comparator for AnyCase {
    fn compare(&self, a: &[u8], b: &[u8]) -> core::cmp::Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn name(&self) -> &str {
        "any case"
    }
}

fn skiplists(bucket_count: usize) -> HashSkipListFactory {
    HashSkipListFactory {
        bucket_count,
        ..HashSkipListFactory::default()
    }
}

fn lists(bucket_count: usize, threshold_use_skiplist: u32) -> HashLinkListFactory {
    HashLinkListFactory {
        bucket_count,
        threshold_use_skiplist,
        ..HashLinkListFactory::default()
    }
}

fn builder<C: Comparator>(comparator: C) -> MemTableBuilder<C> {
    MemTable::with_comparator(comparator).write_buffer_size(256 << 10)
}

fn table<F>(extractor: impl PrefixExtractor, factory: F) -> Table
where
    F: MemTableRepFactory<BytewiseComparator, Rep = HashRep<BytewiseComparator>>,
{
    let builder = builder(BytewiseComparator).prefix_extractor(Arc::new(extractor));
    builder.representation(factory).build().unwrap()
}

fn below(bound: u64) -> usize {
    (random_u64() % bound) as usize
}

/// Few different keys, part of them too short for a prefix.
fn random_key() -> Vec<u8> {
    let alphabet = b"abc\xff\0";
    (0..below(6)).map(|_| alphabet[below(5)]).collect()
}

type Model = BTreeMap<(Vec<u8>, Reverse<u64>), Vec<u8>>;

/// Compares all reads of a key with those of the model, whose order is that of bytes.
fn compare_reads(table: &Table, model: &Model, key: &[u8], sequence: u64) {
    let wanted = (key.to_vec(), Reverse(sequence));
    let newest = model.range(wanted.clone()..).next();
    let newest = newest.filter(|((found, _), _)| found == key);
    let entry = table.get_entry(key, sequence).unwrap();
    assert_eq!(
        entry.map(|entry| (entry.sequence, entry.value.to_vec())),
        newest.map(|((_, Reverse(sequence)), value)| (*sequence, value.clone())),
        "{key:?} {sequence}"
    );
    assert_eq!(table.contains(key, sequence), model.contains_key(&wanted));
    let at = |cursor: &Cursor<&Table>| {
        let (key, sequence) = cursor.key()?;
        Some((key.to_vec(), Reverse(sequence)))
    };
    let mut cursor = table.iter();
    cursor.seek(key, sequence);
    let mut following = model.range(wanted.clone()..).map(|(key, _)| key.clone());
    for _ in 0..40 {
        assert_eq!(at(&cursor), following.next(), "{key:?} {sequence}");
        cursor.next();
    }
    let up_to = |range: Vec<_>| range.into_iter().rev();
    cursor.seek_for_prev(key, sequence);
    let before = model.range(..=wanted.clone()).map(|(key, _)| key.clone());
    let mut before = up_to(before.collect());
    for _ in 0..6 {
        assert_eq!(at(&cursor), before.next());
        cursor.prev();
    }
    cursor.seek_before(key, sequence);
    let last = model
        .range(..wanted)
        .next_back()
        .map(|(key, _)| key.clone());
    assert_eq!(at(&cursor), last);
}

fn compare_walks(table: &Table, model: &Model) {
    let mut cursor = table.iter();
    let mut forward = Vec::new();
    cursor.seek_to_first();
    while let Some((key, sequence)) = cursor.key() {
        forward.push((key.to_vec(), Reverse(sequence)));
        cursor.next();
    }
    assert!(forward.iter().eq(model.keys()));
    cursor.seek_to_last();
    while let Some((key, sequence)) = cursor.key() {
        assert_eq!(forward.pop(), Some((key.to_vec(), Reverse(sequence))));
        cursor.prev();
    }
    assert_eq!(forward, []);
    let keys: Vec<Vec<u8>> = (0..100).map(|_| random_key()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let answers = table.multi_get(&keys, 50).unwrap();
    for (key, answer) in keys.iter().zip(answers) {
        assert_eq!(answer, table.get(key, 50), "{key:?}");
    }
    let counted = table.approximate_range(b"a", b"b").entries;
    let from = (b"a".to_vec(), Reverse(MAX_SEQUENCE_NUMBER));
    let until = (b"b".to_vec(), Reverse(MAX_SEQUENCE_NUMBER));
    assert_eq!(counted as usize, model.range(from..until).count());
    assert_eq!(table.stats().entries as usize, model.len());
}

fn compare_with_the_model(extractor: &dyn PrefixExtractor, table: &Table, adds: usize) {
    let mut model = Model::new();
    let mut hint = Hint::new();
    let mut in_domain = 0;
    for add in 0..adds {
        let (key, sequence) = (random_key(), random_u64() % 100);
        let value = add.to_be_bytes();
        let mut writer = match add % 3 {
            0 => table.exclusive_writer().unwrap(),
            _ => table.writer().unwrap(),
        };
        let added = if add % 5 == 0 {
            writer.add_with_hint(&mut hint, sequence, Kind::VALUE, &key, &value)
        } else {
            writer.add(sequence, Kind::VALUE, &key, &value)
        };
        drop(writer);
        let place = (key.clone(), Reverse(sequence));
        if let std::collections::btree_map::Entry::Vacant(vacant) = model.entry(place) {
            assert_eq!(added, Ok(()));
            vacant.insert(value.to_vec());
            in_domain += u64::from(extractor.in_domain(&key));
        } else {
            assert_eq!(added, Err(Error::Duplicate));
        }
        compare_reads(table, &model, &key, sequence);
        compare_reads(table, &model, &random_key(), random_u64() % 100);
    }
    compare_walks(table, &model);
    let distribution = table.representation().bucket_distribution().unwrap();
    assert_eq!(distribution.entries, in_domain);
}

#[test]
fn r2_r6_hash_skiplists_answer_as_a_map_does() {
    seed_thread_rng(1);
    for slots in [1, 2, 7, 1_000] {
        compare_with_the_model(
            &FixedPrefix(2),
            &table(FixedPrefix(2), skiplists(slots)),
            1_500,
        );
        compare_with_the_model(
            &CappedPrefix(1),
            &table(CappedPrefix(1), skiplists(slots)),
            600,
        );
        compare_with_the_model(&Suffix, &table(Suffix, skiplists(slots)), 600);
    }
    // One bucket for all, crowded after a few entries, and towers of one level.
    for (height, max_height) in [(1, 12), (2, 12), (4, 2), (4, 1), (16, 20)] {
        let factory = HashSkipListFactory {
            bucket_count: 3,
            height,
            branching: 2,
        };
        let builder = builder(BytewiseComparator).max_height(max_height);
        let builder = builder.prefix_extractor(Arc::new(CappedPrefix(0)));
        let table = builder.representation(factory).build().unwrap();
        compare_with_the_model(&CappedPrefix(0), &table, 600);
    }
}

#[test]
fn r3_r6_hash_linked_lists_answer_as_a_map_does() {
    seed_thread_rng(2);
    for (slots, threshold) in [(1, 0), (2, 1), (7, 3), (2, 1_000)] {
        compare_with_the_model(
            &FixedPrefix(2),
            &table(FixedPrefix(2), lists(slots, threshold)),
            1_500,
        );
        compare_with_the_model(
            &CappedPrefix(0),
            &table(CappedPrefix(0), lists(slots, threshold)),
            600,
        );
    }
}

#[test]
fn r2_batches_and_hints_per_prefix() {
    seed_thread_rng(4);
    let table = table(FixedPrefix(1), skiplists(2));
    let keys: Vec<[u8; 3]> = (0..300u16)
        .map(|key| key.wrapping_mul(7_919).to_be_bytes())
        .map(|[high, low]| [low % 5, high, low])
        .collect();
    let entries: Vec<EntryRef<'_>> = keys
        .iter()
        .map(|key| EntryRef {
            user_key: key,
            sequence: 1,
            kind: Kind::VALUE,
            value: key,
        })
        .collect();
    let mut writer = table.writer().unwrap();
    writer.add_batch(&entries[..200]).unwrap();
    let again = writer.add_batch(&entries[199..]).unwrap_err();
    assert_eq!((again.added, again.error), (0, Error::Duplicate));
    let mut hints = PrefixHints::new(Arc::new(FixedPrefix(1)), 3).unwrap();
    for key in &keys[200..] {
        writer
            .add_with_prefix_hints(&mut hints, 1, Kind::VALUE, key, key)
            .unwrap();
    }
    let mut hint = Hint::new();
    writer
        .add_with_hint(&mut hint, 2, Kind::VALUE, b"x", b"")
        .unwrap();
    drop(writer);
    for key in &keys {
        assert!(table.contains(key, 1));
    }
    let other = self::table(FixedPrefix(1), skiplists(2));
    let refused = other
        .writer()
        .unwrap()
        .add_with_hint(&mut hint, 3, Kind::VALUE, b"y", b"");
    assert_eq!(refused, Err(Error::ForeignHint));
    assert_eq!(
        other
            .representation()
            .bucket_distribution()
            .unwrap()
            .buckets,
        0
    );
}

#[test]
fn r2_other_orders_and_timestamps() {
    let reverse = builder(ReverseBytewiseComparator)
        .prefix_extractor(Arc::new(FixedPrefix(1)))
        .representation(skiplists(1))
        .build()
        .unwrap();
    for key in [b"b2", b"b1", b"b3", b"a1", b"c1"] {
        reverse.add(1, Kind::VALUE, key, key).unwrap();
    }
    for key in [b"b2", b"b1", b"b3", b"a1", b"c1"] {
        assert!(reverse.contains(key, 1));
    }
    assert!(!reverse.contains(b"b4", 1) && !reverse.contains(b"b0", 1));

    // The prefix of a key is that of the key without its timestamp.
    let comparator = TimestampedComparator::bytewise().unwrap();
    let stamped = builder(comparator)
        .prefix_extractor(Arc::new(CappedPrefix(9)))
        .representation(skiplists(1))
        .build()
        .unwrap();
    for (sequence, time) in [(1, 20u64), (2, 30), (3, 10)] {
        let key = [&b"k"[..], &time.to_le_bytes()].concat();
        stamped
            .add(sequence, Kind::VALUE, &key, &[time as u8])
            .unwrap();
    }
    for (time, value) in [(9, None), (10, Some(10)), (25, Some(20)), (99, Some(30))] {
        let reader = stamped.reader(9).unwrap().at_timestamp(time);
        let found = reader.get(b"k").unwrap();
        let found = match found {
            crate::lookup::Lookup::Found { value, .. } => Some(value[0]),
            _ => None,
        };
        assert_eq!(found, value, "{time}");
    }
    let distribution = stamped.representation().bucket_distribution().unwrap();
    assert_eq!((distribution.buckets, distribution.entries), (1, 3));
}

#[test]
fn r2_overwritten_and_kept_duplicates_are_found_by_their_buckets() {
    for policy in [DuplicatePolicy::Overwrite, DuplicatePolicy::KeepFirst] {
        let table = builder(BytewiseComparator)
            .prefix_extractor(Arc::new(FixedPrefix(1)))
            .representation(skiplists(1))
            .duplicates(policy)
            .build()
            .unwrap();
        for value in [b"1", b"2"] {
            for key in [&b"b"[..], b"b1", b"a", b"b0"] {
                table.add(1, Kind::VALUE, key, value).unwrap();
            }
        }
        let last: &[u8] = if policy == DuplicatePolicy::Overwrite {
            b"2"
        } else {
            b"1"
        };
        for key in [&b"b"[..], b"b1", b"a", b"b0"] {
            let entry = table.get_entry(key, 1).unwrap().unwrap();
            assert_eq!(entry.value, last);
        }
        assert_eq!(table.stats().entries, 4);
    }
}

/// A writer that meets an entry which its own writer has not published yet, as another thread
/// would: here the entry is added past the index.
#[test]
fn r6_a_duplicate_makes_the_bucket_lead_to_the_entry() {
    for before in [None, Some(&b"aa"[..])] {
        let table = builder(BytewiseComparator)
            .prefix_extractor(Arc::new(FixedPrefix(1)))
            .representation(skiplists(1))
            .heights(HeightSource::Scripted(|_| 8))
            .build()
            .unwrap();
        for key in before.into_iter().chain([&b"bz"[..]]) {
            table.add(1, Kind::VALUE, key, key).unwrap();
        }
        for key in [b"ba", b"ca"] {
            let entry = EntryRef {
                user_key: key,
                sequence: 1,
                kind: Kind::VALUE,
                value: key,
            };
            table.representation().list().insert(&entry).unwrap();
            assert!(!table.contains(key, 1), "not blind");
            let refused = table.add(1, Kind::VALUE, key, b"");
            assert_eq!(refused, Err(Error::Duplicate));
            assert!(table.contains(key, 1));
            // What comes before it is found by the same anchor.
            let smaller = &key[..1];
            assert!(!table.contains(smaller, 1));
            table.add(1, Kind::VALUE, smaller, b"").unwrap();
            assert!(table.contains(smaller, 1) && table.contains(key, 1));
        }
        assert!(table.contains(b"bz", 1));
    }
}

#[test]
fn r5_a_table_without_prefixes_is_a_plain_one_and_says_so() {
    let table = builder(BytewiseComparator)
        .representation(skiplists(1_000_000))
        .build()
        .unwrap();
    let rep = table.representation();
    assert_eq!(MemTableRep::name(rep), "skiplist");
    assert_eq!(rep.fell_back(), Some(Fallback::NoPrefixExtractor));
    assert_eq!(rep.bucket_distribution(), None);
    assert!(table.memory_usage().allocated < 100 << 10, "no index");
    assert!(
        Fallback::NoPrefixExtractor
            .to_string()
            .contains("extractor")
    );
    let mut hint = Hint::new();
    let mut writer = table.writer().unwrap();
    writer.add(1, Kind::VALUE, b"a", b"").unwrap();
    writer
        .add_with_hint(&mut hint, 1, Kind::VALUE, b"b", b"")
        .unwrap();
    let entry = EntryRef {
        user_key: b"c",
        sequence: 1,
        kind: Kind::VALUE,
        value: b"",
    };
    writer.add_batch(&[entry]).unwrap();
    drop(writer);
    for key in [b"a", b"b", b"c"] {
        assert!(table.contains(key, 1));
    }
    assert!(table.multi_get(&[b"a", b"d"], 1).unwrap()[1] == Ok(crate::lookup::Lookup::NotFound));
    let plain = MemTable::builder().build().unwrap();
    assert_eq!(table.max_entry_size(3, 3), plain.max_entry_size(3, 3));

    let table = builder(AnyCase)
        .prefix_extractor(Arc::new(FixedPrefix(1)))
        .representation(lists(10, 1))
        .build()
        .unwrap();
    let rep = table.representation();
    assert_eq!(rep.fell_back(), Some(Fallback::EqualKeysDiffer));
    assert!(
        Fallback::EqualKeysDiffer
            .to_string()
            .contains("EQUAL_BYTES")
    );
    table.add(1, Kind::VALUE, b"A", b"1").unwrap();
    assert!(table.contains(b"a", 1));
}
