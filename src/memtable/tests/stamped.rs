//! What is promised of keys with timestamps (SPEC E9), one by one.

use super::timestamps::{Plain, at, stamped, write};
use super::*;
use crate::key::{FixedPrefix, TimestampedComparator};
use crate::lookup::MergeBase;
use crate::merge::{Merged, StringAppend};
use crate::sync::random_u64;

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
/// SPEC D2: the keys of fragments have no timestamps, so that none is taken off to cut them.
#[test]
fn e9_fragments_are_cut_by_keys_without_timestamps() {
    let table = stamped();
    let [from, to] = [b"a", b"m"].map(|key| at(table.comparator(), key, 10));
    table.delete_range(1, &from, &to).unwrap();
    let deletions = table.range_deletions(0..=9).unwrap();
    let cut = |begin, end| {
        let cut = deletions.truncated(Some(begin), Some(end));
        cut.map(|one| (one.begin, one.end)).collect::<Vec<_>>()
    };
    assert_eq!(cut(b"c", b"f"), [(&b"c"[..], &b"f"[..])]);
    assert_eq!(cut(b"", b"z"), [(&b"a"[..], &b"m"[..])]);
    assert_eq!(cut(b"f", b"c"), []);
}

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
    // What is older than the rest is folded with nothing that is newer.
    for table in [&folding, &plain] {
        let mut writer = table.exclusive_writer().unwrap();
        for (key, sequence, timestamp) in
            [(b"o", 30, 9), (b"o", 31, 9), (b"o", 32, 9), (b"o", 33, 3)]
        {
            let key = at(table.comparator(), key, timestamp);
            let kind = if sequence == 30 {
                Kind::VALUE
            } else {
                Kind::MERGE
            };
            writer.add(sequence, kind, &key, b"o").unwrap();
        }
        let reader = table.reader(40).unwrap().at_timestamp(3);
        let Lookup::Merge { operands, base, .. } = reader.get(b"o").unwrap() else {
            panic!("folded");
        };
        assert_eq!(
            (&operands[..], base),
            (&[&b"o"[..]][..], MergeBase::Missing)
        );
    }
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

/// Says anything at all about timestamps.
#[derive(Clone)]
struct Fickle<const N: usize>;

impl<const N: usize> Comparator for Fickle<N> {
    const TIMESTAMP_LEN: usize = N;

    fn compare(&self, a: &[u8], b: &[u8]) -> core::cmp::Ordering {
        a.cmp(b)
    }

    fn compare_without_timestamp(&self, a: &[u8], b: &[u8]) -> core::cmp::Ordering {
        if random_u64() % 3 == 0 {
            b.cmp(a)
        } else {
            a.cmp(b)
        }
    }

    fn timestamp(&self, _bytes: &[u8]) -> u64 {
        random_u64() >> (random_u64() % 64)
    }

    fn write_timestamp(&self, timestamp: u64, bytes: &mut [u8]) {
        let wrong = timestamp ^ (random_u64() % 4);
        bytes[0] = wrong as u8;
    }

    fn name(&self) -> &str {
        "test.Fickle"
    }
}

/// X1: a comparator that contradicts itself over timestamps gets wrong answers, and each
/// call returns.
#[test]
fn e9_every_call_returns_whatever_timestamps_are() {
    crate::sync::seed_thread_rng(5);
    let table = MemTable::with_comparator(Fickle::<2>).build().unwrap();
    for sequence in 0..300u64 {
        let key = |byte: u64| [byte as u8 % 5, byte as u8 % 7, sequence as u8];
        let _ = table.add(sequence, Kind::VALUE, &key(sequence), b"v");
        let _ = table.delete_range(sequence, &key(1), &key(6));
        let reader = table.reader(sequence).unwrap().at_timestamp(sequence << 7);
        let _ = reader.get_with_timestamp(&[1]);
        let keys: [&[u8]; 4] = [b"", &[1], &[2], &[1, 2, 3, 4]];
        assert_eq!(reader.multi_get(&keys).unwrap().len(), 4);
        let mut all = table.visible(sequence).at_timestamp(sequence << 6);
        let mut moves = || -> Result<()> {
            all.seek_to_first()?;
            all.next()?;
            all.seek(&[2])?;
            all.prev()?;
            all.seek_for_prev(&[3])?;
            all.seek_to_last()?;
            let _ = all.lookup()?;
            Ok(())
        };
        moves().unwrap();
        let _ = table.approximate_range(&[0], &[4]);
        let _ = table.get_entry(&[1], sequence).unwrap();
    }
    let stats = table.stats();
    assert!(stats.entries > 200 && stats.entries > stats.range_deletions);
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut linked = 0;
    while cursor.valid() {
        linked += 1;
        cursor.next();
    }
    assert_eq!(linked, stats.entries - stats.range_deletions);
}

/// X2: timestamps that do not fit into memory are refused, not asked for.
#[test]
fn e9_a_timestamp_without_end_is_refused() {
    let table = MemTable::with_comparator(Fickle::<{ usize::MAX }>)
        .build()
        .unwrap();
    let requested = usize::MAX;
    assert_eq!(
        table.add(1, Kind::VALUE, b"k", b""),
        Err(Error::InvalidTimestamp { length: 1 })
    );
    assert_eq!(table.get(b"k", 1), Err(Error::OutOfMemory { requested }));
    assert_eq!(
        table.multi_get(&[b"k", b"l"], 1),
        Err(Error::OutOfMemory { requested })
    );
    assert_eq!(
        table.visible(1).seek(b"k"),
        Err(Error::OutOfMemory { requested })
    );
    assert_eq!(table.approximate_range(b"a", b"b").entries, 0);
}
