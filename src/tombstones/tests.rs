//! Range deletions against a plain list of them.

use std::collections::BTreeSet;

use super::*;
use crate::key::{BytewiseComparator, ReverseBytewiseComparator, TimestampedComparator};
use crate::sync::random_u64;
use crate::visibility::Everything;

/// Begin and end without timestamps, and version.
type Plain = (Vec<u8>, Vec<u8>, Version);

/// Hides some numbers.
struct Without(BTreeSet<u64>);

impl Visibility for Without {
    fn is_visible(&self, sequence: u64) -> bool {
        !self.0.contains(&sequence)
    }

    fn min_uncommitted(&self) -> u64 {
        self.0.first().copied().unwrap_or(u64::MAX)
    }
}

/// Timestamps of the tests are below.
const TIMES: u64 = 20;

fn random(below: u64) -> u64 {
    random_u64() % below
}

fn expected<C: Comparator>(
    comparator: &C,
    plain: &[Plain],
    key: &[u8],
    (snapshot, timestamp): (u64, u64),
    hidden: &BTreeSet<u64>,
) -> Option<Version> {
    let order = |a: &[u8], b: &[u8]| comparator.compare_without_timestamp(a, b);
    let covers = |(begin, end, version): &&Plain| {
        version.sequence <= snapshot
            && version.timestamp <= timestamp
            && !hidden.contains(&version.sequence)
            && order(begin, key).is_le()
            && order(key, end).is_lt()
    };
    plain.iter().filter(covers).map(|one| one.2).max()
}

/// Adds ranges, and compares all answers now and then.
fn check<C: Comparator>(comparator: &C, ranges: &[Plain]) {
    let tombstones = Tombstones::new(None);
    let mut fingers = Fingers::default();
    for (added, (begin, end, version)) in ranges.iter().enumerate() {
        tombstones
            .add(comparator, begin, end, *version, || ())
            .unwrap();
        assert_eq!(tombstones.count(), added + 1);
        if added % 7 != 0 && added + 1 != ranges.len() {
            continue;
        }
        if random(8) == 0 || added + 1 == ranges.len() {
            tombstones.join_all(comparator).unwrap();
            assert_eq!(tombstones.list(tombstones.first()).count(), 1);
        }
        let plain = &ranges[..=added];
        let most = plain.iter().map(|one| one.2.sequence).max().unwrap_or(0);
        for _ in 0..30 {
            let key = match random(3) {
                0 => vec![random(256) as u8],
                place => {
                    let one = &plain[random(plain.len() as u64) as usize];
                    if place == 1 {
                        one.0.clone()
                    } else {
                        one.1.clone()
                    }
                }
            };
            let snapshot = random(most + 2);
            let timestamp = if random(3) == 0 {
                u64::MAX
            } else {
                random(TIMES + 1)
            };
            let at = (snapshot, timestamp);
            let hidden: BTreeSet<u64> = if random(2) == 0 {
                BTreeSet::new()
            } else {
                (0..random(6)).map(|_| random(most + 1)).collect()
            };
            let visibility = Without(hidden.clone());
            let sight = Sight {
                snapshot,
                timestamp,
                visibility: &visibility,
            };
            let cover = tombstones.cover(comparator, &key, &sight, Some(&mut fingers));
            let wanted = expected(comparator, plain, &key, at, &hidden);
            assert_eq!(
                cover.version, wanted,
                "{key:?} at {at:?} without {hidden:?}"
            );
            for other in 0..=255u8 {
                // SAFETY: the cover came from there.
                if unsafe { cover.holds(comparator, &tombstones, &[other]) } {
                    let wanted = expected(comparator, plain, &[other], at, &hidden);
                    assert_eq!(cover.version, wanted, "{other} as {key:?} at {at:?}");
                }
            }
        }
        check_fragments(comparator, &tombstones, plain, most);
    }
}

fn check_fragments<C: Comparator>(
    comparator: &C,
    tombstones: &Tombstones,
    plain: &[Plain],
    most: u64,
) {
    let first = random(most + 1);
    let last = first + random(most + 1);
    let since = random(2) * random(TIMES);
    let part = Part {
        sequences: first..=last,
        timestamps: since..=since + random(2 * TIMES),
    };
    let order = |a: &[u8], b: &[u8]| comparator.compare_without_timestamp(a, b);
    let version = |one: &Fragment<'_>| Version {
        timestamp: one.timestamp,
        sequence: one.sequence,
    };
    let fragments = tombstones.fragments(comparator, &part).unwrap();
    assert!(fragments.windows(2).all(|pair| {
        order(pair[0].end, pair[1].begin).is_le()
            && (pair[0].end != pair[1].begin || version(&pair[0]) != version(&pair[1]))
    }));
    let among: Vec<Plain> = plain
        .iter()
        .filter(|one| part.sequences.contains(&one.2.sequence))
        .filter(|one| part.timestamps.contains(&one.2.timestamp))
        .cloned()
        .collect();
    for key in 0..=255u8 {
        let inside = |one: &&Fragment<'_>| {
            order(one.begin, &[key]).is_le() && order(&[key], one.end).is_lt()
        };
        let found = fragments.iter().find(inside).map(version);
        assert_eq!(
            found,
            expected(
                comparator,
                &among,
                &[key],
                (u64::MAX, u64::MAX),
                &BTreeSet::new()
            )
        );
    }
}

fn range<C: Comparator>(comparator: &C, a: u8, b: u8, sequence: u64) -> Plain {
    let (begin, end) = (vec![a], vec![b]);
    // Mostly in the order of the numbers, as writers have it.
    let timestamp = match (C::TIMESTAMP_LEN, random(4)) {
        (0, _) => 0,
        (_, 0) => random(TIMES),
        _ => sequence / 5,
    };
    let version = Version {
        timestamp,
        sequence,
    };
    if comparator.compare_without_timestamp(&begin, &end).is_lt() {
        (begin, end, version)
    } else {
        (end, begin, version)
    }
}

fn shapes<C: Comparator>(comparator: &C) {
    crate::sync::seed_thread_rng(11);
    let some = |place: &dyn Fn(u64) -> (u8, u8)| -> Vec<Plain> {
        (0..100u64)
            .map(|one| {
                let (a, b) = place(one);
                range(comparator, a, b, one + 1)
            })
            .collect()
    };
    check(comparator, &some(&|one| (one as u8, 250 - one as u8)));
    check(comparator, &some(&|one| (100 - one as u8, 101 + one as u8)));
    check(comparator, &some(&|one| (2 * one as u8, 2 * one as u8 + 1)));
    check(comparator, &some(&|one| (one as u8, one as u8 + 20)));
    check(comparator, &some(&|_| (10, 20)));
    for _ in 0..10 {
        let mut ranges = some(&|_| {
            let a = random(255) as u8;
            (a, a + 1 + random(u64::from(255 - a)) as u8)
        });
        check(comparator, &ranges);
        // Numbers in any order.
        for place in (1..ranges.len()).rev() {
            let other = random(place as u64 + 1) as usize;
            let (a, b) = (ranges[place].2, ranges[other].2);
            (ranges[place].2.sequence, ranges[other].2.sequence) = (b.sequence, a.sequence);
        }
        check(comparator, &ranges);
    }
}

#[test]
fn d1_the_newest_visible_one_that_covers_a_key() {
    shapes(&BytewiseComparator);
}

#[test]
fn d1_in_reverse_order_too() {
    shapes(&ReverseBytewiseComparator);
}

/// SPEC E9: at any timestamp and any snapshot, whichever of the two come in order.
#[test]
fn e9_with_timestamps() {
    shapes(&TimestampedComparator::bytewise().unwrap());
    shapes(&TimestampedComparator::<_, 1>::new(ReverseBytewiseComparator).unwrap());
}

#[test]
fn d3_nesting_takes_no_more_memory_than_anything_else() {
    let bytes = |place: &dyn Fn(u32) -> (u32, u32), count: u32| {
        let tombstones = Tombstones::new(None);
        for one in 0..count {
            let (a, b) = place(one);
            let (begin, end) = (a.to_be_bytes(), b.to_be_bytes());
            let sequence = u64::from(one);
            tombstones
                .add(&BytewiseComparator, &begin, &end, sequence, || ())
                .unwrap();
        }
        tombstones.bytes() as f64 / f64::from(count)
    };
    const COUNT: u32 = 20_000;
    let disjoint = bytes(&|one| (2 * one, 2 * one + 1), COUNT);
    let nested = bytes(&|one| (one, 3 * COUNT - one), COUNT);
    assert!(nested < 1.2 * disjoint, "{nested} and {disjoint}");
    let few = bytes(&|one| (one, 3 * COUNT - one), 200);
    assert!(nested < 3.0 * few, "{nested} and {few}");
}

#[test]
fn d3_debug_says_how_much_there_is_and_shows_no_keys() {
    let tombstones = Tombstones::new(None);
    let shown = std::format!("{tombstones:?}");
    assert!(
        shown.starts_with("Tombstones { count: 0, bytes: "),
        "{shown}"
    );
}

#[test]
fn d3_memory_is_charged_and_released() {
    #[derive(Debug, Default)]
    struct Charged(Mutex<usize>);

    impl Budget for Charged {
        fn charge(&self, bytes: usize) {
            *self.0.lock() += bytes;
        }

        fn release(&self, bytes: usize) {
            *self.0.lock() -= bytes;
        }
    }

    let budget = Arc::new(Charged::default());
    let tombstones = Tombstones::new(Some(budget.clone()));
    for one in 0..100u8 {
        tombstones
            .add(&BytewiseComparator, &[one], &[one + 1], 1, || ())
            .unwrap();
    }
    assert_eq!(*budget.0.lock(), tombstones.bytes());
    assert!(tombstones.bytes() > 100 * 100);
    drop(tombstones);
    assert_eq!(*budget.0.lock(), 0);
}

#[test]
fn d1_many_threads_add_and_read() {
    const THREADS: u64 = 4;
    const EACH: u64 = 400;
    let tombstones = Tombstones::new(None);
    let sight = |snapshot| Sight {
        snapshot,
        timestamp: u64::MAX,
        visibility: &Everything,
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let tombstones = &tombstones;
            scope.spawn(move || {
                for one in 0..EACH {
                    let begin = [thread as u8, (one >> 8) as u8, one as u8];
                    let end = [thread as u8, 9];
                    let sequence = one * THREADS + thread;
                    tombstones
                        .add(&BytewiseComparator, &begin, &end, sequence, || ())
                        .unwrap();
                    let key = [thread as u8, 8];
                    let found =
                        tombstones.covering(&BytewiseComparator, &key, &sight(u64::MAX - 1));
                    assert_eq!(found, Some(sequence.into()), "its own is seen");
                    for other in 0..THREADS {
                        let key = [other as u8, 0, 0];
                        let found =
                            tombstones.covering(&BytewiseComparator, &key, &sight(sequence));
                        assert!(found.is_none_or(|found| found.sequence == other));
                    }
                }
            });
        }
    });
    assert_eq!(tombstones.count() as u64, THREADS * EACH);
    for thread in 0..THREADS {
        let key = [thread as u8, 8];
        let found = tombstones.covering(&BytewiseComparator, &key, &sight(u64::MAX - 1));
        assert_eq!(found, Some(((EACH - 1) * THREADS + thread).into()));
    }
}
