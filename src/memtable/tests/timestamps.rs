//! Keys with timestamps (SPEC E9) against a plain list of what was written.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::key::{
    FixedPrefix, ReverseBytewiseComparator, TimestampedComparator, split_timestamp, with_timestamp,
};
use crate::lookup::MergeBase;
use crate::merge::{Merged, StringAppend};
use crate::sync::random_u64;
use crate::visibility::Visibility;

fn random(below: u64) -> u64 {
    random_u64() % below
}

/// Hides some numbers.
#[derive(Clone)]
struct Without(BTreeSet<u64>);

impl Visibility for Without {
    fn is_visible(&self, sequence: u64) -> bool {
        !self.0.contains(&sequence)
    }
}

/// A key with a timestamp behind it.
fn at<C: Comparator>(comparator: &C, user_key: &[u8], timestamp: u64) -> Vec<u8> {
    with_timestamp(comparator, user_key, timestamp, |key| Ok(key.to_vec())).unwrap()
}

fn stamped() -> MemTable<TimestampedComparator> {
    let keys = TimestampedComparator::bytewise().unwrap();
    MemTable::with_comparator(keys).build().unwrap()
}

/// Who reads, and as of when.
#[derive(Clone)]
struct View {
    snapshot: u64,
    timestamp: u64,
    hidden: BTreeSet<u64>,
}

impl View {
    fn sees(&self, (timestamp, sequence): (u64, u64)) -> bool {
        timestamp <= self.timestamp && sequence <= self.snapshot && !self.hidden.contains(&sequence)
    }
}

/// Timestamp and sequence number.
type Age = (u64, u64);

/// What was written, as a list.
#[derive(Default)]
struct Plain {
    entries: BTreeMap<Vec<u8>, BTreeMap<Age, (Kind, Vec<u8>)>>,
    ranges: Vec<(Vec<u8>, Vec<u8>, Age)>,
}

impl Plain {
    fn get(&self, comparator: &impl Comparator, user_key: &[u8], view: &View) -> Answer<'_> {
        let order = |a: &[u8], b: &[u8]| comparator.compare_without_timestamp(a, b);
        let covers = |(begin, end, age): &&(Vec<u8>, Vec<u8>, Age)| {
            view.sees(*age) && order(begin, user_key).is_le() && order(user_key, end).is_lt()
        };
        let covering = self.ranges.iter().filter(covers).map(|one| one.2).max();
        let all = self.entries.get(user_key);
        let mut seen = all
            .into_iter()
            .flatten()
            .rev()
            .filter(|(age, _)| view.sees(**age) && covering.is_none_or(|range| range < **age));
        let Some((&(timestamp, sequence), (kind, value))) = seen.next() else {
            let kind = Kind::RANGE_DELETION;
            return covering.map_or((Lookup::NotFound, None), |(timestamp, sequence)| {
                (Lookup::Deleted { sequence, kind }, Some(timestamp))
            });
        };
        let (kind, value) = (*kind, &value[..]);
        let lookup = if kind.is_tombstone() {
            Lookup::Deleted { sequence, kind }
        } else if kind != Kind::MERGE {
            Lookup::Found {
                value,
                sequence,
                kind,
            }
        } else {
            let mut operands = vec![value];
            let deleted = covering.map(|(_, sequence)| MergeBase::Deleted { sequence });
            let mut base = deleted.unwrap_or(MergeBase::Missing);
            for (&(_, sequence), (kind, value)) in seen {
                if *kind == Kind::MERGE {
                    operands.push(value);
                    continue;
                }
                base = if kind.is_tombstone() {
                    MergeBase::Deleted { sequence }
                } else {
                    let kind = *kind;
                    MergeBase::Value {
                        value,
                        sequence,
                        kind,
                    }
                };
                break;
            }
            Lookup::Merge {
                operands,
                sequence,
                base,
            }
        };
        (lookup, Some(timestamp))
    }
}

type Answer<'a> = (Lookup<'a>, Option<u64>);

const KEYS: usize = 12;
const TIMES: u64 = 30;

/// Keys of which some are others with what could be a timestamp behind them.
fn keys() -> Vec<Vec<u8>> {
    let ends = [&b""[..], b"\0", b"\0\0\0\0\0\0\0\0", b"\x05\0\0\0\0\0\0\0"];
    let all = [&b""[..], b"key", b"other"].map(|begin| ends.map(|end| [begin, end].concat()));
    let mut all = all.concat();
    all.sort();
    all
}

/// Writes something to both.
fn write<C: Comparator>(table: &MemTable<C>, plain: &mut Plain, sequence: u64, ordered: bool) {
    let comparator = table.comparator();
    let time = match ordered {
        true => sequence / 8,
        false => random(TIMES),
    };
    let keys = keys();
    let user_key = &keys[random(KEYS as u64) as usize];
    if random(12) == 0 {
        let other = &keys[random(KEYS as u64) as usize];
        let (begin, end) = match comparator.compare_without_timestamp(user_key, other) {
            core::cmp::Ordering::Less => (user_key, other),
            _ => (other, user_key),
        };
        let [from, to] = [begin, end].map(|key| at(comparator, key, time));
        table.delete_range(sequence, &from, &to).unwrap();
        if begin != end {
            let age = (time, sequence);
            plain.ranges.push((begin.clone(), end.clone(), age));
        }
        return;
    }
    let kind = match random(8) {
        0 => Kind::DELETION_WITH_TIMESTAMP,
        1 => Kind::DELETION,
        2..=4 => Kind::MERGE,
        5 => Kind::BLOB_INDEX,
        _ => Kind::VALUE,
    };
    let value = format!("{sequence}").into_bytes();
    let stamped = at(comparator, user_key, time);
    match random(3) {
        0 => table.add(sequence, kind, &stamped, &value).unwrap(),
        1 => {
            let mut writer = table.exclusive_writer().unwrap();
            writer.add(sequence, kind, &stamped, &value).unwrap();
        }
        _ => {
            let (user_key, value) = (&stamped[..], &value[..]);
            let entry = EntryRef {
                user_key,
                sequence,
                kind,
                value,
            };
            table.writer().unwrap().add_batch(&[entry]).unwrap();
        }
    }
    let versions = plain.entries.entry(user_key.clone()).or_default();
    versions.insert((time, sequence), (kind, value));
}

fn random_view(most: u64) -> View {
    let some = |below: u64, all: u64| if random(3) == 0 { all } else { random(below) };
    let hidden = (0..random(2) * 6).map(|_| random(most + 1)).collect();
    View {
        snapshot: some(most + 2, MAX_SEQUENCE_NUMBER),
        timestamp: some(TIMES + 1, u64::MAX),
        hidden,
    }
}

/// Every way to read a key says what the list says.
fn compare_lookups<C: Comparator>(table: &MemTable<C>, plain: &Plain, view: &View) {
    let comparator = table.comparator();
    let mut keys = keys();
    keys.push(b"absent".to_vec());
    let reader = table.reader(view.snapshot).unwrap();
    let reader = reader.at_timestamp(view.timestamp);
    let reader = reader.with_visibility(Without(view.hidden.clone()));
    let expected: Vec<_> = keys
        .iter()
        .map(|key| plain.get(comparator, key, view))
        .collect();
    for (user_key, expected) in keys.iter().zip(&expected) {
        assert_eq!(reader.get_with_timestamp(user_key).as_ref(), Ok(expected));
        assert_eq!(reader.get(user_key).as_ref(), Ok(&expected.0));
    }
    let asked: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let answers = reader.multi_get_with_timestamps(&asked).unwrap();
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, expected);
    if view.hidden.is_empty() && view.timestamp == u64::MAX {
        for (user_key, expected) in keys.iter().zip(&expected) {
            assert_eq!(table.get(user_key, view.snapshot).as_ref(), Ok(&expected.0));
            let entry = table.get_entry(user_key, view.snapshot).unwrap();
            let newest = plain.entries.get(user_key).and_then(|versions| {
                let seen = versions.iter().rev().find(|(age, _)| view.sees(**age));
                seen.map(|(age, _)| *age)
            });
            let found = entry.map(|entry| {
                let (_, timestamp) = split_timestamp(comparator, entry.user_key);
                (timestamp.unwrap(), entry.sequence)
            });
            assert_eq!(found, newest, "{user_key:?} at {}", view.snapshot);
        }
    }
}

/// An iterator stands where the list says, in both directions.
fn compare_iterators<C: Comparator>(table: &MemTable<C>, plain: &Plain, view: &View) {
    let comparator = table.comparator();
    let keys = keys();
    let order = |a: &[u8], b: &[u8]| comparator.compare_without_timestamp(a, b);
    let bound = || {
        let key = keys[random(KEYS as u64) as usize].clone();
        match random(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(key),
            _ => Bound::Excluded(key),
        }
    };
    let (lower, upper) = (bound(), bound());
    let above = |key: &[u8]| match &lower {
        Bound::Unbounded => true,
        Bound::Included(bound) => order(bound, key).is_le(),
        Bound::Excluded(bound) => order(bound, key).is_lt(),
    };
    let below = |key: &[u8]| match &upper {
        Bound::Unbounded => true,
        Bound::Included(bound) => order(key, bound).is_le(),
        Bound::Excluded(bound) => order(key, bound).is_lt(),
    };
    let mut expected: Vec<(&[u8], Answer<'_>)> = keys
        .iter()
        .filter(|key| above(key) && below(key))
        .map(|key| (&key[..], plain.get(comparator, key, view)))
        .filter(|(_, (lookup, _))| matches!(lookup, Lookup::Found { .. } | Lookup::Merge { .. }))
        .collect();
    expected.sort_by(|a, b| order(a.0, b.0));
    let [lower, upper] = [&lower, &upper].map(|bound| bound.as_ref().map(Vec::as_slice));
    let keys_seen = table.visible_range(view.snapshot, lower, upper);
    let keys_seen = keys_seen.at_timestamp(view.timestamp);
    let mut keys_seen = keys_seen.with_visibility(Without(view.hidden.clone()));
    let mut place = None;
    for step in 0..40 {
        let wanted = &keys[random(KEYS as u64) as usize][..];
        place = match (if step == 0 { 2 } else { random(12) }, place) {
            (0, _) => {
                keys_seen.seek_to_last().unwrap();
                expected.len().checked_sub(1)
            }
            (1 | 2, _) => {
                keys_seen.seek_to_first().unwrap();
                Some(0)
            }
            (3, _) => {
                keys_seen.seek(wanted).unwrap();
                expected.iter().position(|one| order(one.0, wanted).is_ge())
            }
            (4, _) => {
                keys_seen.seek_for_prev(wanted).unwrap();
                expected
                    .iter()
                    .rposition(|one| order(one.0, wanted).is_le())
            }
            (5..=8, place) => {
                keys_seen.next().unwrap();
                place.map(|place| place + 1)
            }
            (_, place) => {
                keys_seen.prev().unwrap();
                place.and_then(|place: usize| place.checked_sub(1))
            }
        };
        place = place.filter(|&place| place < expected.len());
        let wanted = place.map(|place| expected[place].clone());
        let lookup = keys_seen.lookup().unwrap();
        let found = keys_seen
            .key()
            .map(|key| (key, (lookup, keys_seen.timestamp())));
        assert_eq!(found, wanted);
    }
}

fn compare_with_list<C: Comparator + Clone>(comparator: &C, filtered: bool) {
    crate::sync::seed_thread_rng(7);
    for round in 0..40 {
        let mut builder = MemTable::with_comparator(comparator.clone()).write_buffer_size(64 << 10);
        if filtered {
            let prefixes = Arc::new(FixedPrefix(4));
            builder = builder.bloom_size_ratio(0.1).prefix_extractor(prefixes);
            builder = builder.whole_key_filtering(round % 4 != 0);
        }
        let table = builder.build().unwrap();
        let mut plain = Plain::default();
        for sequence in 1..=150 {
            write(&table, &mut plain, sequence, round % 2 == 0);
            if sequence % 10 == 0 {
                let view = random_view(sequence);
                compare_lookups(&table, &plain, &view);
                compare_iterators(&table, &plain, &view);
            }
        }
        let ages = plain.entries.values().flat_map(BTreeMap::keys);
        let ages = ages.chain(plain.ranges.iter().map(|one| &one.2));
        assert_eq!(table.stats().newest_timestamp, ages.map(|age| age.0).max());
        table.seal().unwrap();
        for _ in 0..20 {
            let view = random_view(150);
            compare_lookups(&table, &plain, &view);
            compare_iterators(&table, &plain, &view);
        }
    }
}

#[test]
fn e9_every_read_at_every_timestamp() {
    compare_with_list(&TimestampedComparator::bytewise().unwrap(), false);
}

#[test]
fn e9_in_reverse_order_and_with_short_timestamps() {
    let keys = TimestampedComparator::<_, 3>::new(ReverseBytewiseComparator).unwrap();
    compare_with_list(&keys, false);
}

/// SPEC B1, E8: filters know keys and prefixes without timestamps.
#[test]
fn e9_filters_see_no_timestamps() {
    compare_with_list(&TimestampedComparator::bytewise().unwrap(), true);
}

/// A filter of whole keys would deny every lookup, had it seen timestamps, and one of
/// prefixes those of keys that are shorter than the prefix.
#[test]
fn e9_a_prefix_reaches_into_no_timestamp() {
    let keys = TimestampedComparator::bytewise().unwrap();
    let table = MemTable::with_comparator(keys)
        .write_buffer_size(64 << 10)
        .bloom_size_ratio(0.1)
        .whole_key_filtering(false)
        .prefix_extractor(Arc::new(FixedPrefix(4)))
        .build()
        .unwrap();
    let mut hints = PrefixHints::new(Arc::new(FixedPrefix(4)), 10).unwrap();
    let mut writer = table.writer().unwrap();
    for (sequence, user_key) in [(1, &b"abc"[..]), (2, b"abcd"), (3, b"abcde")] {
        let key = at(table.comparator(), user_key, sequence);
        writer
            .add_with_prefix_hints(&mut hints, sequence, Kind::VALUE, &key, b"")
            .unwrap();
    }
    assert_eq!(hints.len(), 1, "one key has no prefix, two have the same");
    for user_key in [&b"abc"[..], b"abcd", b"abcde"] {
        assert!(matches!(table.get(user_key, 9), Ok(Lookup::Found { .. })));
    }
}

#[test]
fn e9_a_key_without_a_timestamp_is_refused() {
    let table = stamped();
    let refused = |length| Err(Error::InvalidTimestamp { length });
    let whole = at(table.comparator(), b"", 3);
    for length in 0..8 {
        let key = &whole[..length];
        assert_eq!(table.add(1, Kind::VALUE, key, b""), refused(length));
        let mut writer = table.writer().unwrap();
        let mut hint = crate::skiplist::Hint::new();
        let hinted = writer.add_with_hint(&mut hint, 1, Kind::VALUE, key, b"");
        assert_eq!(hinted, refused(length));
        assert_eq!(writer.delete_range(1, key, &whole), refused(length));
        assert_eq!(writer.delete_range(1, &whole, key), refused(length));
        let entry = |user_key| EntryRef {
            user_key,
            sequence: length as u64,
            kind: Kind::VALUE,
            value: b"",
        };
        let batch = writer.add_batch(&[entry(&whole), entry(key), entry(&whole)]);
        let batch = batch.unwrap_err();
        assert_eq!((batch.added, Err(batch.error)), (1, refused(length)));
    }
    let [begin, end] = [(b"a", 3), (b"b", 4)].map(|(key, time)| at(table.comparator(), key, time));
    assert_eq!(table.delete_range(1, &begin, &end), refused(9));
    let inverted = at(table.comparator(), b"0", 3);
    let refusal = table.delete_range(1, &begin, &inverted);
    assert_eq!(refusal, Err(Error::InvertedRange));
    assert_eq!(table.delete_range(1, &begin, &begin), Ok(()));
    let stats = table.stats();
    assert_eq!((stats.entries, stats.range_deletions), (8, 0));
    // The empty key is a key.
    assert!(matches!(table.get(b"", 9), Ok(Lookup::Found { .. })));
}

/// SPEC E2: the same key and number with another timestamp is another entry.
#[test]
fn e9_a_timestamp_is_part_of_the_key() {
    let table = stamped();
    let key = |time| at(table.comparator(), b"k", time);
    table.add(1, Kind::VALUE, &key(5), b"five").unwrap();
    table.add(1, Kind::VALUE, &key(6), b"six").unwrap();
    let again = table.add(1, Kind::DELETION, &key(6), b"");
    assert_eq!(again, Err(Error::Duplicate));
    assert!(table.contains(&key(5), 1) && table.contains(&key(6), 1));
    assert!(!table.contains(&key(7), 1) && !table.contains(&key(6), 2));
    let stats = table.stats();
    assert_eq!((stats.entries, stats.newest_timestamp), (2, Some(6)));
    let range = table.approximate_range(b"a", b"z");
    assert_eq!(range.entries, 2);
    assert_eq!(table.approximate_range(b"k", b"k").entries, 0);
}

#[test]
fn e9_there_is_no_newest_timestamp_without_entries_or_timestamps() {
    assert_eq!(stamped().stats().newest_timestamp, None);
    let table = small().build().unwrap();
    table.add(1, Kind::VALUE, b"0123456789", b"").unwrap();
    assert_eq!(table.stats().newest_timestamp, None);
    let table = stamped();
    let key = at(table.comparator(), b"k", 0);
    table.add(1, Kind::VALUE, &key, b"").unwrap();
    assert_eq!(table.stats().newest_timestamp, Some(0));
    let ends = [b"a", b"b"].map(|key| at(table.comparator(), key, u64::MAX));
    table.delete_range(2, &ends[0], &ends[1]).unwrap();
    assert_eq!(table.stats().newest_timestamp, Some(u64::MAX));
}

/// SPEC E9: what a flush that strips timestamps writes.
#[test]
fn e9_stripped_entries_are_the_entries_without_timestamps() {
    crate::sync::seed_thread_rng(3);
    let table = stamped();
    let mut plain = Plain::default();
    for sequence in 1..=200 {
        write(&table, &mut plain, sequence, true);
    }
    let mut expected = Vec::new();
    for (user_key, versions) in &plain.entries {
        for (&(_, sequence), (kind, value)) in versions.iter().rev() {
            expected.push((user_key.clone(), sequence, *kind, value.clone()));
        }
    }
    let mut found = Vec::new();
    let mut stripped = table.stripped();
    while let Some(entry) = stripped.next().unwrap() {
        let (user_key, value) = (entry.user_key.to_vec(), entry.value.to_vec());
        found.push((user_key, entry.sequence, entry.kind, value));
    }
    assert_eq!(found, expected);
    assert!(stripped.next().unwrap().is_none());
    let in_order = |pair: &[(Vec<u8>, u64, Kind, Vec<u8>)]| {
        (&pair[0].0, u64::MAX - pair[0].1) < (&pair[1].0, u64::MAX - pair[1].1)
    };
    assert!(
        found.windows(2).all(in_order),
        "a table could be made of it"
    );
}

/// SPEC W5: folding at write time changes no answer, at any timestamp.
#[test]
fn e9_folding_is_as_of_the_timestamp() {
    let build = |most| {
        let keys = TimestampedComparator::bytewise().unwrap();
        MemTable::with_comparator(keys)
            .merge_operator(Arc::new(StringAppend { delimiter: b',' }))
            .max_successive_merges(most)
            .build()
            .unwrap()
    };
    let (folding, plain) = (build(2), build(0));
    for table in [&folding, &plain] {
        let mut writer = table.exclusive_writer().unwrap();
        for sequence in 1..=20u64 {
            let key = at(table.comparator(), b"k", sequence / 2);
            let kind = if sequence == 1 {
                Kind::VALUE
            } else {
                Kind::MERGE
            };
            let value = format!("{sequence}");
            writer.add(sequence, kind, &key, value.as_bytes()).unwrap();
        }
    }
    assert!(4 * folding.stats().merges < 3 * plain.stats().merges);
    for (snapshot, timestamp) in (0..=20).flat_map(|one| (0..=11).map(move |two| (one, two))) {
        let [one, two] = [&folding, &plain].map(|table| {
            let reader = table.reader(snapshot).unwrap();
            match reader.at_timestamp(timestamp).get_merged(b"k").unwrap() {
                Merged::Found { value, .. } => Some(value.into_owned()),
                Merged::NotFound => None,
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(one, two, "{snapshot} {timestamp}");
    }
}

/// SPEC E9, M3: the newest timestamp of concurrent batches is the largest.
#[test]
fn e9_writers_track_the_newest_timestamp_together() {
    let table = stamped();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let table = &table;
            scope.spawn(move || {
                for one in 0..500 {
                    let timestamp = one * 4 + thread;
                    let key = at(table.comparator(), &[thread as u8], timestamp);
                    table.add(timestamp, Kind::VALUE, &key, b"").unwrap();
                    assert!(table.stats().newest_timestamp >= Some(timestamp));
                }
            });
        }
    });
    assert_eq!(table.stats().newest_timestamp, Some(1999));
}
