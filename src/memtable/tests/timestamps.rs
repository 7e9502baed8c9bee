//! Keys with timestamps (SPEC E9) against a plain list of what was written.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::key::{
    FixedPrefix, ReverseBytewiseComparator, TimestampedComparator, split_timestamp, with_timestamp,
};
use crate::lookup::MergeBase;
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
pub(super) fn at<C: Comparator>(comparator: &C, user_key: &[u8], timestamp: u64) -> Vec<u8> {
    with_timestamp(comparator, user_key, timestamp, |key| Ok(key.to_vec())).unwrap()
}

pub(super) fn stamped() -> MemTable<TimestampedComparator> {
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
pub(super) type Age = (u64, u64);

/// The versions of one key, oldest first.
type Ages = BTreeMap<Age, (Kind, Vec<u8>)>;

/// What was written, as a list.
#[derive(Default)]
pub(super) struct Plain {
    pub(super) entries: BTreeMap<Vec<u8>, Ages>,
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
pub(super) fn write<C: Comparator>(
    table: &MemTable<C>,
    plain: &mut Plain,
    sequence: u64,
    ordered: bool,
) {
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
