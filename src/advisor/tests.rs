//! Tests of the advice: each rule, nonsense, and observed against described workloads.

use proptest::prelude::*;

use super::*;
use crate::key::{BytewiseComparator, Comparator, Kind, SharedPrefixComparator};
use crate::lookup::Lookup;

fn advise(workload: &Workload) -> Advice {
    workload.advise().expect("it makes sense")
}

/// Lookups by known prefixes.
fn lookups() -> Workload {
    Workload {
        writes: 1.0,
        gets: 9.0,
        reads_beside_writes: true,
        prefix_length: Some(8),
        entries_per_prefix: 16.0,
        ..Workload::default()
    }
}

/// Writes, then a seal.
fn load() -> Workload {
    Workload {
        writes: 1.0,
        ..Workload::default()
    }
}

#[test]
fn r7_the_representation_is_the_fastest_that_is_possible() {
    assert_eq!(advise(&lookups()).name(), "hash_skiplist");
    let unknown = Workload {
        prefix_length: None,
        ..lookups()
    };
    let advice = advise(&unknown);
    assert_eq!((advice.name(), advice.estimates.len()), ("skiplist", 1));
    assert!(advice.representation.because.contains("prefix to hash"));
    assert_eq!(advise(&load()).name(), "vector");
    for needs in [
        Workload {
            needs_duplicates: true,
            ..load()
        },
        Workload {
            gets: 0.1,
            reads_beside_writes: true,
            ..load()
        },
    ] {
        assert_eq!(advise(&needs).name(), "skiplist");
    }
    let scans = Workload {
        gets: 0.0,
        seeks: 1.0,
        steps: 100.0,
        ..lookups()
    };
    assert_eq!(advise(&scans).name(), "skiplist");
    let advice = advise(&lookups());
    assert!(advice.estimates.is_sorted_by(|a, b| a.1 <= b.1));
    assert!(advice.representation.because.contains("90 % lookups"));
}

#[test]
fn r7_what_is_not_worth_it_stays_a_skiplist() {
    let mut promised = false;
    for steps in 0..400 {
        let mixed = Workload {
            entries: 100_000,
            steps: f64::from(steps),
            ..lookups()
        };
        let advice = advise(&mixed);
        let (best, least) = advice.estimates[0];
        let skiplist = advice.estimates.iter().find(|one| one.0 == "skiplist");
        let gain = skiplist.expect("always possible").1 / least;
        assert_eq!(advice.name() == "skiplist", gain < WORTHWHILE, "{advice}");
        promised |= best != "skiplist" && advice.name() == "skiplist";
    }
    assert!(promised, "none was a little better");
}

#[test]
fn r7_a_filter_is_for_misses() {
    let with_misses = |get_hits| Workload {
        get_hits,
        ..lookups()
    };
    let bits = |get_hits| advise(&with_misses(get_hits)).bloom_bits.choice;
    assert_eq!(
        (bits(1.0), bits(0.99), bits(0.5), bits(0.0)),
        (0, 0, 10, 10)
    );
    let texts = [1.0, 0.99, 0.5].map(|hits| advise(&with_misses(hits)).bloom_bits.because);
    assert!(texts[0].contains("no lookup") && texts[1].contains("only"));
    assert!(texts[2].contains("45 %"), "{texts:?}");
}

#[test]
fn r7_hints_writers_and_buffers() {
    let sequential = Workload {
        sequential: 0.9,
        shared_prefix: 5,
        writers: 3,
        memory: 1 << 30,
        ..load()
    };
    let advice = advise(&sequential);
    assert_eq!(advice.hint.choice, InsertHint::Position);
    assert_eq!(advice.shared_prefix.choice, 5);
    assert_eq!(advice.writers.choice, Writers::Concurrent);
    assert_eq!(advice.write_buffer_size.choice, (1 << 30) / 5);
    let text = advice.to_string();
    for part in [
        "90 %",
        "same 5 bytes",
        "3 threads",
        "a fifth of the memory",
        "204 MiB",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let plain = advise(&load());
    assert_eq!(plain.hint.choice, InsertHint::None);
    assert_eq!(plain.writers.choice, Writers::Exclusive);
    let buffer = |memory| {
        advise(&Workload { memory, ..load() })
            .write_buffer_size
            .choice
    };
    assert_eq!(
        [0, 100 << 20, 1 << 40].map(buffer),
        [64 << 20, 64 << 20, 512 << 20]
    );
    let text = advise(&lookups()).to_string();
    assert!(
        text.contains("exclusive") && text.contains("not known"),
        "{text}"
    );
}

#[test]
fn r7_nonsense_is_refused_by_name() {
    let refused = |workload: Workload| match workload.advise() {
        Err(Error::InvalidOption { option, .. }) => option,
        other => panic!("{other:?}"),
    };
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            refused(Workload {
                gets: bad,
                ..load()
            }),
            "gets"
        );
        let hits = Workload {
            get_hits: bad,
            ..load()
        };
        assert_eq!(refused(hits), "get_hits");
    }
    let none = Workload {
        entries: 0,
        ..load()
    };
    assert_eq!(refused(none), "entries");
    assert_eq!(
        refused(Workload {
            writers: 0,
            ..load()
        }),
        "writers"
    );
    let prefix = Workload {
        prefix_length: Some(0),
        ..load()
    };
    assert_eq!(refused(prefix), "prefix_length");
    assert_eq!(refused(Workload::default()), "writes");
}

fn any_workload() -> impl Strategy<Value = Workload> {
    let amounts = (0.0..1e9f64, 0.0..1e9f64, 0.0..1e9f64, 1.0..1e9f64);
    let shares = (0.0..=1.0f64, 0.0..=1.0f64, any::<bool>(), any::<bool>());
    let sizes = (1..u64::MAX, 0.0..1e6f64, 0.0..1e6f64, 1.0..1e9f64);
    let rest = (
        1..100u32,
        0..100usize,
        prop::option::of(1..300usize),
        any::<u64>(),
    );
    (amounts, shares, sizes, rest).prop_map(|(amounts, shares, sizes, rest)| Workload {
        writes: amounts.0,
        gets: amounts.1,
        seeks: amounts.2,
        steps: amounts.3,
        get_hits: shares.0,
        sequential: shares.1,
        reads_beside_writes: shares.2,
        needs_duplicates: shares.3,
        entries: sizes.0,
        key_size: sizes.1,
        value_size: sizes.2,
        entries_per_prefix: sizes.3,
        writers: rest.0,
        shared_prefix: rest.1,
        prefix_length: rest.2,
        memory: rest.3,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 64 }))]

    /// Whatever is described, the advice makes a table, and says why.
    #[test]
    fn r7_all_advice_makes_a_table(workload in any_workload()) {
        let advice = advise(&workload);
        prop_assert!(!advice.to_string().contains("NaN"));
        prop_assert!(advice.estimates.iter().all(|one| one.1 > 0.0));
        let table = advice.builder(BytewiseComparator).build().expect("a table");
        table.add(1, Kind::VALUE, b"k", b"v").expect("room");
        let found = table.get(b"k", 1).expect("sound");
        let is_found = matches!(found, Lookup::Found { value: b"v", .. });
        prop_assert!(is_found);
        prop_assert!(!workload.needs_duplicates || advice.name() != "vector");
    }
}

/// A table that had a workload like the described one.
fn lived(count: u64, in_order: bool, described: &Workload) -> Workload {
    let order = SharedPrefixComparator::new(b"user").expect("a prefix");
    let table = crate::memtable::MemTable::with_comparator(order).track_reads(true);
    let table = table.build().expect("a table");
    let key = |number: u64| {
        let number = if in_order {
            number
        } else {
            number * 7919 % count
        };
        [&b"user"[..], &number.to_be_bytes()].concat()
    };
    for number in 0..count {
        let value = vec![0; described.value_size as usize];
        table
            .add(number, Kind::VALUE, &key(number), &value)
            .expect("room");
    }
    for number in 0..described.gets as u64 {
        let is_hit = (number as f64) < described.gets * described.get_hits;
        let asked = key(if is_hit {
            number % count
        } else {
            count + number
        });
        let asked = if is_hit {
            asked
        } else {
            [&asked[..], b"x"].concat()
        };
        let _ = table.get(&asked, count).expect("sound");
    }
    for _ in 0..described.seeks as u64 {
        let mut cursor = table.iter();
        cursor.seek_to_first();
        for _ in 0..(described.steps / described.seeks) as u64 {
            cursor.next();
        }
    }
    let seen = Workload::observed(&table, Some(&FixedPrefix(11))).expect("sound");
    let again = Workload::observed(&table, Some(&FixedPrefix(11))).expect("sound");
    assert_eq!(
        (seen.gets, seen.seeks, seen.steps),
        (again.gets, again.seeks, again.steps)
    );
    seen
}

#[test]
fn r7_what_was_described_is_observed() {
    let described = Workload {
        value_size: 40.0,
        gets: 1000.0,
        get_hits: 0.25,
        seeks: 10.0,
        steps: 500.0,
        ..Workload::default()
    };
    for in_order in [true, false] {
        let seen = lived(10_000, in_order, &described);
        assert_eq!((seen.entries, seen.writes), (10_000, 10_000.0));
        assert_eq!((seen.key_size, seen.value_size), (12.0, 40.0));
        assert_eq!((seen.gets, seen.get_hits), (1000.0, 0.25));
        assert_eq!((seen.seeks, seen.steps), (10.0, 500.0));
        assert!(seen.reads_beside_writes);
        assert_eq!(seen.prefix_length, Some(11));
        // All keys with the same byte before the last; up to 64 of them on each side are counted.
        assert!(
            (64.0..=129.0).contains(&seen.entries_per_prefix),
            "{seen:?}"
        );
        assert_eq!(seen.shared_prefix, 10);
        match in_order {
            true => assert_eq!(seen.sequential, 1.0),
            false => assert!(seen.sequential < 0.3, "{}", seen.sequential),
        }
        assert_eq!(advise(&seen).hint.choice == InsertHint::Position, in_order);
    }
}

#[test]
fn r7_observations_come_together() {
    let (few, many) = (
        Workload {
            entries: 100,
            gets: 10.0,
            get_hits: 1.0,
            shared_prefix: 9,
            ..lookups()
        },
        Workload {
            entries: 300,
            gets: 30.0,
            get_hits: 0.0,
            prefix_length: Some(4),
            writers: 5,
            ..lookups()
        },
    );
    let both = few.and(&many);
    assert_eq!((both.entries, both.gets, both.get_hits), (250, 40.0, 0.25));
    assert_eq!((both.writers, both.shared_prefix), (5, 0));
    assert_eq!(both.prefix_length, None, "two tables, two prefixes");
    assert_eq!(few.and(&few).prefix_length, Some(8));
    let nothing = Workload::default().and(&Workload::default());
    assert_eq!(nothing.get_hits, 1.0);
}

#[test]
fn r7_who_counts_no_reads_shows_none() {
    let table = crate::memtable::MemTable::builder()
        .build()
        .expect("a table");
    let refused = Workload::observed(&table, None);
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    let table = crate::memtable::MemTable::builder().track_reads(true);
    let table = table.build().expect("a table");
    let empty = Workload::observed(&table, Some(&FixedPrefix(3))).expect("sound");
    assert_eq!((empty.shared_prefix, empty.prefix_length), (0, None));
    assert!(empty.advise().is_err(), "nothing was done");
}

#[test]
fn r7_each_representation_has_a_factory_and_its_name() {
    for name in ["skiplist", "hash_skiplist", "hash_linklist", "vector"] {
        assert_eq!(name_of(&lookups().factory(name)), name);
    }
}

/// Calls keys equal that differ in the case of letters.
#[derive(Debug, Clone)]
struct AnyCase;

impl Comparator for AnyCase {
    fn name(&self) -> &str {
        "any case"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> core::cmp::Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }
}

#[test]
fn r7_an_order_that_cannot_have_a_filter_is_given_none() {
    let misses = Workload {
        get_hits: 0.0,
        ..lookups()
    };
    let advice = advise(&misses);
    assert!(advice.bloom_size_ratio() > 0.0);
    let table = advice.builder(AnyCase).build().expect("no filter");
    table.add(1, Kind::VALUE, b"Key", b"").expect("room");
    assert!(matches!(table.get(b"kEY", 1), Ok(Lookup::Found { .. })));
}

#[test]
fn r7_keys_without_prefix_say_nothing_of_prefixes() {
    let table = crate::memtable::MemTable::builder().track_reads(true);
    let table = table.build().expect("a table");
    for key in [&b"a"[..], b"abc1", b"abc2"] {
        table.add(1, Kind::VALUE, key, b"").expect("room");
    }
    let unknown = Workload::observed(&table, None).expect("sound");
    assert_eq!(unknown.prefix_length, None);
    let seen = Workload::observed(&table, Some(&FixedPrefix(3))).expect("sound");
    assert_eq!(
        (seen.prefix_length, seen.entries_per_prefix),
        (Some(3), 2.0)
    );
}
