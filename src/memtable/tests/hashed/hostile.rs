//! Limits, refused memory, damage, and extractors that misbehave.

use core::cmp::Ordering as Order;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::entry::Protection;
use crate::rep::ReadRep;

/// Never the same prefix twice.
#[derive(Debug)]
struct Fickle(AtomicU64);

impl PrefixExtractor for Fickle {
    fn name(&self) -> String {
        "fickle".into()
    }

    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed) as usize;
        user_key.get(turn % (user_key.len() + 2)..)
    }
}

/// Panics at a call.
#[derive(Debug)]
struct Panics {
    calls: AtomicU64,
    at: u64,
}

impl PrefixExtractor for Panics {
    fn name(&self) -> String {
        "panics".into()
    }

    fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(call != self.at, "a planned panic");
        user_key.get(..1)
    }
}

fn refused<F>(factory: F) -> &'static str
where
    F: MemTableRepFactory<BytewiseComparator, Rep = HashRep<BytewiseComparator>>,
{
    match builder(BytewiseComparator).representation(factory).build() {
        Err(Error::InvalidOption { option, reason }) => {
            assert!(!reason.is_empty());
            option
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn r2_r3_options_out_of_range_are_refused() {
    let options = HashSkipListFactory::default();
    assert_eq!(
        (options.bucket_count, options.height, options.branching),
        (1_000_000, 4, 4)
    );
    let lists = HashLinkListFactory::default();
    assert_eq!(
        (lists.bucket_count, lists.threshold_use_skiplist),
        (50_000, 256)
    );
    for bucket_count in [0, (1 << 28) + 1, usize::MAX] {
        assert_eq!(
            refused(HashSkipListFactory {
                bucket_count,
                ..options
            }),
            "bucket_count"
        );
        assert_eq!(
            refused(HashLinkListFactory {
                bucket_count,
                ..lists
            }),
            "bucket_count"
        );
    }
    for height in [0, 17] {
        assert_eq!(refused(HashSkipListFactory { height, ..options }), "height");
    }
    for branching in [0, 1, 1_025] {
        assert_eq!(
            refused(HashLinkListFactory { branching, ..lists }),
            "branching"
        );
    }
    // What the list refuses, and an index that does not fit.
    let crooked = builder(BytewiseComparator)
        .max_height(0)
        .representation(options);
    assert!(matches!(
        crooked.build(),
        Err(Error::InvalidOption {
            option: "max_height",
            ..
        })
    ));
    let small = builder(BytewiseComparator).capacity(Some(1 << 20));
    let small = small
        .prefix_extractor(Arc::new(FixedPrefix(1)))
        .representation(options);
    assert!(matches!(small.build(), Err(Error::Full { .. })));
}

/// A full table stores and counts nothing more, whichever part does not fit; and what was
/// reserved suffices.
#[test]
fn r6_x2_a_full_table_refuses_whole_entries() {
    for value in [0usize, 8, 100, 900] {
        let table = builder(BytewiseComparator)
            .capacity(Some(64 << 10))
            .prefix_extractor(Arc::new(FixedPrefix(2)))
            .representation(skiplists(16))
            .build()
            .unwrap();
        let value = vec![7; value];
        let mut added = Vec::new();
        for key in 0..20_000u16 {
            let key = key.to_be_bytes();
            match table.add(1, Kind::VALUE, &key, &value) {
                Ok(()) => added.push(key),
                Err(Error::Full { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!(table.contains(&key, 1), added.last() == Some(&key));
            if table.stats().entries + 50 < u64::from(u16::from_be_bytes(key)) {
                break;
            }
        }
        assert_eq!(table.stats().entries as usize, added.len());
        let distribution = table.representation().bucket_distribution().unwrap();
        assert_eq!(distribution.entries as usize, added.len());
        assert!(added.iter().all(|key| table.contains(key, 1)));
    }
    let table = table(FixedPrefix(2), skiplists(1));
    let size = table.max_entry_size(3, 5).unwrap();
    let mut writer = table.writer().unwrap();
    let used = |at: &Table| at.memory_usage().used;
    let mut most = 0;
    for key in 0..500u16 {
        writer.reserve(size).unwrap();
        let before = used(&table);
        let [high, low] = key.to_be_bytes();
        writer
            .add(1, Kind::VALUE, &[low, high, 0], b"value")
            .unwrap();
        most = most.max(used(&table) - before);
    }
    assert_eq!(most, 0, "an add takes no more than was set aside");
}

#[test]
fn r6_refused_entries_leave_no_bucket_and_no_memory() {
    let table = table(FixedPrefix(1), skiplists(4));
    let used = table.memory_usage().used;
    let add = |sequence, key: &[u8]| table.add(sequence, Kind::VALUE, key, b"");
    let largest = MAX_SEQUENCE_NUMBER;
    assert_eq!(
        add(largest + 1, b"a"),
        Err(Error::SequenceTooLarge {
            sequence: largest + 1
        })
    );
    let entry = EntryRef {
        user_key: b"a",
        sequence: largest + 1,
        kind: Kind::VALUE,
        value: b"",
    };
    let refused = table.writer().unwrap().add_batch(&[entry]).unwrap_err();
    assert_eq!(
        refused.error,
        Error::SequenceTooLarge {
            sequence: largest + 1
        }
    );
    let distribution = table.representation().bucket_distribution().unwrap();
    assert_eq!((distribution.buckets, distribution.entries), (0, 0));
    assert_eq!(table.memory_usage().used, used);
}

fn exercise(table: &Table) {
    for round in 0..3u64 {
        for byte in 0..40u8 {
            let key = [byte % 7, byte, byte % 3];
            let _ = table.add(round, Kind::VALUE, &key, b"v");
            let _ = table.get(&key, 9);
            let mut cursor = table.iter();
            cursor.seek(&key, 9);
            cursor.prev();
            cursor.seek_for_prev(&key, 9);
            cursor.seek_before(&key, 9);
            let _ = table.multi_get(&[&key, b"x"], 9);
        }
    }
}

/// The list is whole: in order, and with as many entries as were counted.
fn assert_whole(table: &Table) -> Stats {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut keys = Vec::new();
    while let Some((key, sequence)) = cursor.key() {
        keys.push((key.to_vec(), Reverse(sequence)));
        cursor.next();
    }
    assert!(keys.is_sorted());
    assert_eq!(table.stats().entries as usize, keys.len(), "M3");
    table.stats()
}

#[test]
fn x1_an_extractor_that_contradicts_itself() {
    for slots in [1, 5] {
        for threshold in [0, 2] {
            let table = table(Fickle(AtomicU64::new(0)), lists(slots, threshold));
            exercise(&table);
            let stats = assert_whole(&table);
            assert!(stats.entries >= 100, "{stats:?}");
        }
    }
}

#[test]
fn x1_an_extractor_that_panics_at_any_call() {
    let mut at = 0;
    loop {
        let extractor = Panics {
            calls: AtomicU64::new(0),
            at,
        };
        let table = table(extractor, skiplists(3));
        let panicked = catch_unwind(AssertUnwindSafe(|| exercise(&table))).is_err();
        let stats = assert_whole(&table);
        if !panicked {
            break;
        }
        exercise(&table);
        let whole = assert_whole(&table);
        assert_eq!(whole.entries, 120, "{stats:?}");
        for byte in 0..40u8 {
            assert!(table.contains(&[byte % 7, byte, byte % 3], 2));
        }
        at += 1 + at / 16;
    }
    assert!(at > 100);
}

/// Answers by bytes, but for every `n`th call, at which it says that everything is equal, or
/// panics.
struct Errs {
    calls: AtomicU64,
    panics: bool,
}

impl Comparator for Errs {
    const EQUAL_BYTES: bool = true;

    fn compare(&self, a: &[u8], b: &[u8]) -> Order {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if call % 23 == 22 {
            assert!(!self.panics, "a planned panic");
            return b.cmp(a);
        }
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "errs"
    }
}

#[test]
fn x1_a_comparator_that_errs_or_panics() {
    for panics in [false, true] {
        let comparator = Errs {
            calls: AtomicU64::new(0),
            panics,
        };
        let table = builder(comparator)
            .prefix_extractor(Arc::new(FixedPrefix(1)))
            .representation(skiplists(2))
            .build()
            .unwrap();
        for byte in 0..=255u8 {
            let key = [byte % 5, byte.wrapping_mul(77)];
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let _ = table.add(1, Kind::VALUE, &key, b"");
                let _ = table.get(&key, 1);
            }));
        }
        let mut cursor = table.iter();
        let mut met = 0;
        cursor.seek_to_first();
        while cursor.valid() {
            met += 1;
            cursor.next();
        }
        assert_eq!(table.stats().entries, met, "M3");
        assert!(met > 100);
    }
}

/// SPEC E10: damage to what a search comes by is an error, wherever the search begins.
#[test]
fn e10_damage_is_noticed_on_the_way_from_an_anchor() {
    seed_thread_rng(9);
    let keys: Vec<[u8; 3]> = (0..120u8).map(|key| [b'a' + key % 3, key, 0]).collect();
    for damaged in 0..keys.len() {
        let table = builder(BytewiseComparator)
            .prefix_extractor(Arc::new(FixedPrefix(1)))
            .representation(skiplists(1))
            .protection(Protection::Eight)
            .paranoid_checks(true)
            .verify_checksums_on_seek(true)
            .build()
            .unwrap();
        for key in &keys {
            table.add(1, Kind::VALUE, key, b"value").unwrap();
        }
        let list = table.representation().list();
        let at = ReadRep::find(table.representation(), &keys[damaged], 1).unwrap();
        let (start, len) = list.stored(at);
        let byte = below(len as u64);
        // SAFETY: inside of the record.
        let byte = unsafe { start.add(byte) };
        // SAFETY: as above, and nobody else reads it meanwhile.
        unsafe { *byte ^= 1 << below(8) };
        let mut noticed = 0;
        for key in &keys {
            match table.get(key, 1) {
                Ok(crate::lookup::Lookup::Found { value, .. }) => assert_eq!(value, b"value"),
                Err(Error::Corruption(_)) => noticed += 1,
                other => panic!("{key:?} with {damaged} damaged: {other:?}"),
            }
        }
        assert!(noticed > 0);
    }
}

#[test]
fn r2_the_distribution_says_where_entries_are() {
    let table = table(FixedPrefix(2), skiplists(1));
    for (prefix, entries) in [(1u8, 1u16), (2, 2), (3, 3), (4, 300), (5, 1)] {
        for entry in (0..entries).rev() {
            let [high, low] = entry.to_be_bytes();
            table
                .add(1, Kind::VALUE, &[0, prefix, high, low], b"")
                .unwrap();
        }
    }
    table.add(1, Kind::VALUE, b"-", b"").unwrap();
    let distribution = table.representation().bucket_distribution().unwrap();
    let mut expected = BucketDistribution {
        slots: 1,
        buckets: 5,
        entries: 307,
        largest: 300,
        longest_chain: 5,
        ..BucketDistribution::default()
    };
    expected.chains[4] = 1;
    (
        expected.sizes[0],
        expected.sizes[1],
        expected.sizes[2],
        expected.sizes[9],
    ) = (2, 1, 1, 1);
    assert_eq!(distribution, expected);
    expected.sizes[15] = 3;
    expected.chains[7] = 2;
    let text = expected.to_string();
    for part in [
        "slots: 1, empty: 0\n",
        "buckets: 5, longest chain: 5\n",
        "entries: 307, largest bucket: 300\n",
        "chains by buckets: 5: 1 8+: 2\n",
        "buckets by entries: <=1: 2 <=2: 1 <=4: 1 <=512: 1 >16384: 3",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(
        self::table(FixedPrefix(1), skiplists(9))
            .representation()
            .bucket_distribution()
            .unwrap()
            .empty_slots,
        9
    );
    assert!(format!("{:?}", table.representation()).contains("hash_skiplist"));
}

/// All entries that a thread added it finds at once, and all there are in the end.
#[test]
fn r6_threads_that_share_buckets() {
    for threshold in [0, 16] {
        let table = table(FixedPrefix(1), lists(3, threshold));
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let table = &table;
                scope.spawn(move || {
                    for step in 0..3_000u16 {
                        let [high, low] = (3_000 - step).wrapping_mul(40_503).to_be_bytes();
                        let key = [low % 11, high, low, thread];
                        table.add(1, Kind::VALUE, &key, &key).unwrap();
                        assert!(table.contains(&key, 1));
                    }
                });
            }
        });
        let stats = assert_whole(&table);
        assert_eq!(stats.entries, 12_000);
        let distribution = table.representation().bucket_distribution().unwrap();
        assert_eq!((distribution.buckets, distribution.entries), (11, 12_000));
    }
}

/// SPEC E10: a node that only the way from an anchor comes by, where the one from the head
/// passes it on a higher level, is looked at as well.
#[test]
fn e10_damage_off_the_way_from_the_head_is_noticed() {
    let height = |entry: &EntryRef<'_>| usize::from(entry.user_key[5] - b'0');
    let factory = HashSkipListFactory {
        height: 2,
        ..skiplists(1)
    };
    let table = builder(BytewiseComparator)
        .prefix_extractor(Arc::new(FixedPrefix(1)))
        .max_height(3)
        .heights(HeightSource::Scripted(height))
        .representation(factory)
        .protection(Protection::Eight)
        .verify_checksums_on_seek(true)
        .build()
        .unwrap();
    for key in [b"keysa2", b"keysb2", b"keysc3", b"keysd1"] {
        table.add(1, Kind::VALUE, key, b"value").unwrap();
    }
    let rep = table.representation();
    let damaged = ReadRep::find(rep, b"keysb2", 1).unwrap();
    let (start, len) = rep.list().stored(damaged);
    // SAFETY: all of it is the record's.
    let stored = unsafe { core::slice::from_raw_parts_mut(start, len) };
    let letter = stored.windows(6).position(|key| key == b"keysb2").unwrap();
    // The search from the anchor takes it for a key behind what it looks for.
    stored[letter + 4] = b'x';
    assert!(matches!(table.get(b"keysd1", 1), Err(Error::Corruption(_))));
}
