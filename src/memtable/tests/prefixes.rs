//! Prefix modes, and seeks that begin where the cursor is: how much is compared on the way.

use std::cmp::Ordering;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::key::{Comparator, FixedPrefix, PrefixMode};
use crate::rep::{HashSkipListFactory, MemTableRepFactory, SkipListFactory};

/// The bytewise order, which counts comparisons of keys.
#[derive(Default)]
struct Counting(Arc<AtomicUsize>);

impl Comparator for Counting {
    const EQUAL_BYTES: bool = true;

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        self.0.fetch_add(1, Relaxed);
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "test.Counting"
    }

    fn is_prefix_successor(&self, prefix: &[u8], next: &[u8]) -> bool {
        BytewiseComparator.is_prefix_successor(prefix, next)
    }
}

/// A table of keys `aa00` to `aa99` and `cc00` to `cc99`, and what counts its comparisons.
fn counted<F: MemTableRepFactory<Counting>>(
    factory: F,
    options: impl FnOnce(MemTableBuilder<Counting>) -> MemTableBuilder<Counting>,
) -> (MemTable<Counting, F::Rep>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let builder = options(MemTable::with_comparator(Counting(Arc::clone(&count))));
    let table = builder.representation(factory).build().unwrap();
    for prefix in ["aa", "cc"] {
        for number in 0..100 {
            let key = format!("{prefix}{number:02}");
            table.add(1, Kind::VALUE, key.as_bytes(), b"").unwrap();
        }
    }
    (table, count)
}

fn with_prefixes(builder: MemTableBuilder<Counting>) -> MemTableBuilder<Counting> {
    builder.prefix_extractor(Arc::new(FixedPrefix(2)))
}

/// How many comparisons something takes.
fn cost(count: &AtomicUsize, work: impl FnOnce()) -> usize {
    count.store(0, Relaxed);
    work();
    count.load(Relaxed)
}

/// What no entry has the prefix of is not searched for, where that is known.
fn absent_prefix_costs_nothing<F: MemTableRepFactory<Counting>>(
    (table, count): (MemTable<Counting, F::Rep>, Arc<AtomicUsize>),
) {
    let mut cursor = table.iter().with_prefix_mode(PrefixMode::SameAsStart);
    let sought = cost(&count, || {
        cursor.seek(b"bb", 1);
        assert!(!cursor.valid());
        cursor.seek_for_prev(b"bb", 1);
        assert!(!cursor.valid());
    });
    assert_eq!(sought, 0);
    let upper = Bound::Excluded(&b"bc"[..]);
    let keys = || table.visible_range(1, Bound::Unbounded, upper);
    let auto = cost(&count, || {
        let mut keys = keys().with_prefix_mode(PrefixMode::Auto);
        keys.seek(b"bb").unwrap();
        assert!(!keys.valid());
    });
    assert_eq!(auto, 0);
    let total = cost(&count, || {
        let mut keys = keys();
        keys.seek(b"bb").unwrap();
        assert!(!keys.valid());
    });
    assert!(total > 0);
}

#[test]
fn g5_filters_and_buckets_spare_searches() {
    let filtered = counted(SkipListFactory, |builder| {
        with_prefixes(builder).bloom_size_ratio(0.1)
    });
    absent_prefix_costs_nothing::<SkipListFactory>(filtered);
    let hashed = counted(HashSkipListFactory::default(), with_prefixes);
    absent_prefix_costs_nothing::<HashSkipListFactory>(hashed);
}

/// The first entry of a prefix is its bucket's anchor: one look tells that the key lies before.
#[test]
fn g5_buckets_lead_to_their_first_entry() {
    let (table, count) = counted(HashSkipListFactory::default(), with_prefixes);
    let mut cursor = table.iter().with_prefix_mode(PrefixMode::SameAsStart);
    let first = cost(&count, || cursor.seek(b"cc", 1));
    assert_eq!(cursor.key(), Some((&b"cc00"[..], 1)));
    assert_eq!(first, 1);
    let steps = std::iter::from_fn(|| {
        cursor.next();
        cursor.valid().then_some(())
    });
    assert_eq!(steps.count(), 99);
    let mut cursor = table.iter();
    assert!(cost(&count, || cursor.seek(b"cc", 1)) > 1);
}

#[test]
fn g5_without_an_extractor_all_modes_are_total_order() {
    let (table, _) = counted(SkipListFactory, |builder| builder);
    assert!(table.prefix_extractor().is_none());
    for mode in [PrefixMode::SameAsStart, PrefixMode::Auto] {
        let mut cursor = table.iter().with_prefix_mode(mode);
        cursor.seek(b"aa99", 1);
        cursor.next();
        assert_eq!(cursor.key(), Some((&b"cc00"[..], 1)));
        let mut keys = table.visible(1).with_prefix_mode(mode);
        keys.seek(b"bb").unwrap();
        assert_eq!(keys.key(), Some(&b"cc00"[..]));
    }
}

/// A move without a key keeps to the prefix of where it led; a key without a prefix to nothing.
#[test]
fn g5_moves_without_a_prefix() {
    let (table, _) = counted(SkipListFactory, with_prefixes);
    let mut keys = table.visible(1).with_prefix_mode(PrefixMode::SameAsStart);
    keys.seek_to_first().unwrap();
    (0..99).for_each(|_| keys.next().unwrap());
    assert_eq!(keys.key(), Some(&b"aa99"[..]));
    keys.next().unwrap();
    assert!(!keys.valid());
    keys.seek_to_last().unwrap();
    (0..100).for_each(|_| keys.prev().unwrap());
    assert!(!keys.valid());
    keys.seek(b"b").unwrap();
    assert_eq!(keys.key(), Some(&b"cc00"[..]));
    keys.prev().unwrap();
    assert_eq!(keys.key(), Some(&b"aa99"[..]));
}

#[test]
fn g5_modes_of_tables_that_are_updated_in_place() {
    let builder = MemTable::builder().prefix_extractor(Arc::new(FixedPrefix(1)));
    let table = builder.bloom_size_ratio(0.1).in_place().build().unwrap();
    table.add(1, Kind::VALUE, b"a1", b"").unwrap();
    table.add(2, Kind::VALUE, b"b1", b"").unwrap();
    let mut cursor = table.iter().with_prefix_mode(PrefixMode::SameAsStart);
    cursor.seek(b"a", 2);
    assert_eq!(cursor.key(), Some((&b"a1"[..], 1)));
    cursor.next();
    assert!(!cursor.valid());
    let mut keys = table.visible(2).with_prefix_mode(PrefixMode::SameAsStart);
    keys.seek_for_prev(b"b9").unwrap();
    assert_eq!(keys.key(), Some(&b"b1"[..]));
    keys.prev().unwrap();
    assert!(!keys.valid());
    keys.seek(b"c").unwrap();
    assert!(!keys.valid());
}

/// Only what differs by one in the last byte has nothing shorter in between.
#[test]
fn g5_successors_of_prefixes() {
    let keys: Vec<Vec<u8>> = [0, 1, 254, 255].iter().fold(vec![vec![]], |mut all, _| {
        let longer = |key: &Vec<u8>| [0, 1, 254, 255].map(|byte| [&key[..], &[byte]].concat());
        let more: Vec<_> = all
            .iter()
            .filter(|key| key.len() < 3)
            .flat_map(longer)
            .collect();
        all.extend(more);
        all.sort();
        all.dedup();
        all
    });
    for prefix in &keys {
        for next in &keys {
            let between = keys.iter().filter(|key| (prefix..next).contains(key));
            let begin = keys.iter().filter(|key| key.starts_with(prefix));
            let is_successor = BytewiseComparator.is_prefix_successor(prefix, next);
            assert!(!is_successor || between.eq(begin), "{prefix:?} {next:?}");
        }
    }
    assert!(BytewiseComparator.is_prefix_successor(b"a", b"b"));
    assert!(!BytewiseComparator.is_prefix_successor(b"a\xFF", b"b\0"));
}

/// Short jumps compare less with lookahead, and lead to the same entries; so do steps and turns
/// in between, which leave the cursor elsewhere than its last search did.
#[test]
fn s5_short_jumps_begin_where_the_cursor_is() {
    let tables = [0, 16].map(|lookahead| {
        crate::sync::seed_thread_rng(7);
        counted(SkipListFactory, |builder| builder.lookahead(lookahead))
    });
    let [from_head, from_here] = tables.each_ref().map(|(table, count)| {
        let mut cursor = table.iter();
        cost(count, || {
            for number in (0..100).step_by(3) {
                let key = format!("aa{number:02}");
                cursor.seek(key.as_bytes(), 1);
                assert_eq!(cursor.key(), Some((key.as_bytes(), 1)));
            }
        })
    });
    assert!(from_here * 4 < from_head * 3, "{from_here} of {from_head}");
    let (table, _) = &tables[1];
    let mut cursor = table.iter();
    for start in (0..90).step_by(7) {
        for target in 0..100 {
            cursor.seek(format!("aa{start:02}").as_bytes(), 1);
            match target % 4 {
                0 => cursor.next(),
                1 => cursor.prev(),
                2 => cursor.seek_for_prev(b"cc50", 1),
                _ => {}
            }
            let key = format!("aa{target:02}");
            cursor.seek(key.as_bytes(), 1);
            assert_eq!(cursor.key(), Some((key.as_bytes(), 1)));
        }
    }
}
