//! The Bloom filter of a table.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::arena::Budget;
use crate::key::{Comparator, FixedPrefix, ReverseBytewiseComparator};

fn filtered() -> MemTableBuilder {
    MemTable::builder()
        .write_buffer_size(1 << 20)
        .bloom_size_ratio(0.02)
}

fn key(number: u64) -> [u8; 10] {
    let mut key = *b"0000000000";
    key[2..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Every way of adding, and every way of asking.
fn check(table: &MemTable) {
    let mut shared = table.writer().unwrap();
    let mut hint = crate::skiplist::Hint::new();
    for number in 0..100 {
        shared.add(number, Kind::VALUE, &key(number), b"").unwrap();
    }
    for number in 100..200 {
        shared
            .add_with_hint(&mut hint, number, Kind::VALUE, &key(number), b"")
            .unwrap();
    }
    let keys: Vec<_> = (200..400).map(key).collect();
    let entries: Vec<_> = (200..)
        .zip(&keys)
        .map(|(sequence, user_key)| EntryRef {
            user_key,
            sequence,
            kind: Kind::VALUE,
            value: b"",
        })
        .collect();
    shared.add_batch(&entries[..100]).unwrap();
    drop(shared);
    let mut alone = table.exclusive_writer().unwrap();
    alone.add_batch(&entries[100..]).unwrap();
    for number in 400..500 {
        alone.add(number, Kind::VALUE, &key(number), b"").unwrap();
    }
    drop(alone);

    let found = |answer: &Lookup<'_>, number: u64| match answer {
        Lookup::Found { sequence, .. } => *sequence == number,
        Lookup::NotFound => number >= 500,
        _ => false,
    };
    let numbers: Vec<u64> = (0..1_000).map(|one| one * 7 % 1_000).collect();
    let keys: Vec<_> = numbers.iter().map(|&number| key(number)).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let answers = table.multi_get(&keys, 1_000).unwrap();
    for ((&number, key), answer) in numbers.iter().zip(keys).zip(answers) {
        assert!(found(&table.get(key, 1_000).unwrap(), number), "{number}");
        assert!(found(&answer.unwrap(), number), "{number}");
    }
}

#[test]
fn b1_filtered_tables_answer_like_others() {
    check(&small().build().unwrap());
    check(&filtered().build().unwrap());
    // So small that it admits nearly everything.
    check(&filtered().bloom_size_ratio(1e-9).build().unwrap());
    let prefixes = || filtered().prefix_extractor(Arc::new(FixedPrefix(9)));
    check(&prefixes().build().unwrap());
    check(&prefixes().whole_key_filtering(false).build().unwrap());
    // No key is as long as that: none is filtered.
    let none = filtered().prefix_extractor(Arc::new(FixedPrefix(11)));
    check(&none.whole_key_filtering(false).build().unwrap());
}

#[test]
fn b1_absent_keys_are_denied_without_a_search() {
    let table = filtered().build().unwrap();
    (0..1_000).for_each(|one| table.add(one, Kind::VALUE, &key(one), b"").unwrap());
    let filter = table.filter.as_ref().unwrap();
    assert_eq!(filter.bytes(), 20_992);
    let admitted = (1_000..11_000).filter(|&one| !filter.rules_out(&key(one)));
    assert!(admitted.count() < 10);
    let prefixed = filtered()
        .whole_key_filtering(false)
        .prefix_extractor(Arc::new(FixedPrefix(3)))
        .build()
        .unwrap();
    prefixed.add(1, Kind::VALUE, b"abcd", b"").unwrap();
    let filter = prefixed.filter.as_ref().unwrap();
    assert!(!filter.rules_out(b"abcz") && filter.rules_out(b"abzz"));
    assert!(!filter.rules_out(b"zz"), "out of the domain");
}

#[test]
fn b1_ratios_are_checked_and_capped() {
    let ratio = |ratio| filtered().bloom_size_ratio(ratio).build();
    for nonsense in [-0.1, f64::NAN, f64::NEG_INFINITY] {
        assert!(matches!(ratio(nonsense), Err(Error::InvalidOption { .. })));
    }
    assert!(ratio(0.0).unwrap().filter.is_none());
    for large in [0.25, 0.5, f64::INFINITY] {
        let table = ratio(large).unwrap();
        assert_eq!(table.filter.as_ref().map(Filter::bytes), Some(1 << 18));
    }
    let neither = filtered().whole_key_filtering(false).build();
    assert!(matches!(neither, Err(Error::InvalidOption { .. })));
    let reverse = MemTable::with_comparator(ReverseBytewiseComparator).bloom_size_ratio(0.1);
    assert!(reverse.build().unwrap().filter.is_some());
}

/// Takes upper and lower case for the same.
pub(super) struct CaseBlind;

impl Comparator for CaseBlind {
    fn compare(&self, a: &[u8], b: &[u8]) -> core::cmp::Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn name(&self) -> &str {
        "test.CaseBlind"
    }
}

#[test]
fn b1_comparators_whose_equal_keys_differ_get_none() {
    let refused = MemTable::with_comparator(CaseBlind).bloom_size_ratio(0.1);
    assert!(matches!(refused.build(), Err(Error::InvalidOption { .. })));
    assert!(MemTable::with_comparator(CaseBlind).build().is_ok());
}

#[derive(Debug, Default)]
struct Charged(AtomicUsize);

impl Budget for Charged {
    fn charge(&self, bytes: usize) {
        self.0.fetch_add(bytes, Relaxed);
    }

    fn release(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Relaxed);
    }
}

#[test]
fn b1_filters_are_charged() {
    let budget = Arc::new(Charged::default());
    let table = filtered().budget(budget.clone()).build().unwrap();
    let usage = table.memory_usage();
    assert_eq!(usage.allocated, budget.0.load(Relaxed));
    assert!(usage.used >= table.filter.as_ref().unwrap().bytes());
    drop(table);
    assert_eq!(budget.0.load(Relaxed), 0);
}
