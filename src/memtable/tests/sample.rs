//! Ranges and samples (SPEC G7, S6).

use super::*;
use crate::skiplist::HeightSource;

fn filled(builder: MemTableBuilder, entries: u8) -> MemTable {
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
        for table in [filled(descending(), 200), filled(small(), 200)] {
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
    for table in [
        filled(high, 200),
        filled(descending(), 200),
        filled(small(), 200),
    ] {
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
