//! Counts and samples.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::skiplist::HeightSource;

fn key(one: u32) -> [u8; 4] {
    one.to_be_bytes()
}

fn filled(builder: MemTableBuilder, entries: u32) -> MemTable {
    crate::sync::seed_thread_rng(7);
    let table = builder.write_buffer_size(8 << 20).build().unwrap();
    let mut writer = table.writer().unwrap();
    for one in 0..entries {
        // Not in the order of the keys.
        let one = one.wrapping_mul(7_919) % entries;
        let added = writer.add(1, Kind::VALUE, &key(one), b"value");
        added.unwrap();
    }
    drop(writer);
    table
}

fn sampled(table: &MemTable, count: usize) -> Vec<u32> {
    let sample = table.sample(count).unwrap();
    let number = |entry: &EntryRef<'_>| u32::from_be_bytes(entry.user_key.try_into().unwrap());
    sample.iter().map(number).collect()
}

#[test]
fn g7_samples_are_different_entries_in_order() {
    let table = filled(small(), 3_000);
    table.delete_range(9, &key(1), &key(2)).unwrap();
    for count in [0, 1, 5, 93, 94, 95, 2_999, 3_000, 3_001, usize::MAX] {
        let sample = sampled(&table, count);
        assert_eq!(sample.len(), count.min(3_000), "{count}");
        assert!(sample.is_sorted_by(|a, b| a < b));
        assert!(sample.iter().all(|&one| one < 3_000));
    }
    assert!(small().build().unwrap().sample(9).unwrap().is_empty());
}

#[test]
fn g7_every_entry_is_about_as_likely() {
    let table = filled(small(), 20_000);
    for count in [20, 200, 5_000] {
        let mut tenths = [0f64; 10];
        let rounds = 20_000 / count;
        for _ in 0..rounds {
            for one in sampled(&table, count) {
                tenths[one as usize / 2_000] += 1.0;
            }
        }
        let expected = (rounds * count) as f64 / 10.0;
        for (tenth, &seen) in tenths.iter().enumerate() {
            let ratio = seen / expected;
            assert!((0.75..1.33).contains(&ratio), "{count}, {tenth}: {ratio}");
        }
    }
}

#[test]
fn g7_where_towers_tell_nothing_samples_are_complete_all_the_same() {
    let low = HeightSource::Scripted(|_| 1);
    let table = filled(small().heights(low), 600);
    assert_eq!(sampled(&table, 50).len(), 50);
    // One tower as tall as can be: all chances lead there.
    let single = HeightSource::Scripted(|entry| {
        if entry.user_key == [0, 0, 0, 9] {
            usize::MAX
        } else {
            1
        }
    });
    let table = filled(small().heights(single), 600);
    assert_eq!(sampled(&table, 70).len(), 70);
}

#[test]
fn g7_counts_are_exact_for_few_and_close_for_many() {
    let table = filled(small(), 50_000);
    let count = |begin, end| {
        let stats = table.approximate_range(&key(begin), &key(end));
        assert_eq!(stats.bytes, stats.entries * (4 + 5 + 8));
        stats.entries
    };
    for (begin, end) in [
        (0, 0),
        (10, 10),
        (10, 11),
        (100, 164),
        (49_990, 60_000),
        (60_000, 70_000),
    ] {
        let exact = u64::from(end.min(50_000) - begin.min(50_000));
        assert_eq!(count(begin, end), exact, "{begin} to {end}");
    }
    assert_eq!(count(20, 10), 0, "inverted");
    for (begin, end) in [
        (0, 50_000),
        (1_000, 2_000),
        (5_000, 25_000),
        (40_000, 41_000),
        (3, 300),
    ] {
        let ratio = count(begin, end) as f64 / f64::from(end - begin);
        assert!((0.4..2.5).contains(&ratio), "{begin} to {end}: {ratio}");
    }
}

fn few(builder: MemTableBuilder, entries: u8) -> MemTable {
    let table = builder.build().unwrap();
    for number in 0..entries {
        table.add(1, Kind::VALUE, &[number], b"").unwrap();
    }
    table
}

/// The first has the tallest tower, the next one a level less, and so on: a random place is
/// the first or the second nearly always.
fn descending() -> MemTableBuilder {
    let heights = HeightSource::Scripted(|entry| 32usize.saturating_sub(entry.user_key[0].into()));
    small().max_height(32).heights(heights)
}

#[test]
fn s6_a_sample_is_as_large_as_asked_for() {
    for count in [0, 1, 2, 12, 20, 100, 200, 201, 1_000] {
        for table in [few(descending(), 200), few(small(), 200)] {
            let sample = table.sample(count).unwrap();
            assert_eq!(sample.len(), count.min(200));
            let rising = sample
                .windows(2)
                .all(|pair| pair[0].user_key < pair[1].user_key);
            assert!(rising, "{sample:?}");
        }
    }
}

#[test]
fn g7_an_estimate_is_no_more_than_there_is() {
    let high = small().heights(HeightSource::Scripted(|_| usize::MAX));
    for table in [few(high, 200), few(descending(), 200), few(small(), 200)] {
        for end in 0..200 {
            let entries = table.approximate_range(&[0], &[end]).entries;
            if end <= 64 {
                assert_eq!(entries, end.into());
            } else {
                assert!((64..=200).contains(&entries), "{entries} for {end}");
            }
        }
    }
}

#[test]
fn g7_few_entries_are_counted_exactly_beside_a_writer() {
    const VERSIONS: u64 = 60_000;
    let table = MemTable::builder().build().unwrap();
    for sequence in 1..=3 {
        table.add(sequence, Kind::VALUE, b"a", b"").unwrap();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Each new version lies at the very end of the range, before all others.
            for sequence in 4..VERSIONS {
                table.add(sequence, Kind::VALUE, b"c", b"").unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            assert_eq!(table.approximate_range(b"a", b"c").entries, 3);
            assert_eq!(table.approximate_range(b"b", b"c").entries, 0);
        }
    });
}
