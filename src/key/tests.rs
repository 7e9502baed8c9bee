//! Orders and prefixes.

use super::*;

const KEYS: [&[u8]; 12] = [
    b"",
    b"\0",
    b"\0\0\0\0",
    b"\0\0\0\0\0",
    b"\0\x01",
    b"a",
    b"a\0",
    b"ab",
    b"abcd",
    b"abcde",
    b"\xFF\xFF\xFF\xFF",
    b"\xFF\xFF\xFF\xFF\0",
];

fn prefixes_follow_the_order<C: Comparator>(comparator: C) {
    assert!(C::BYTE_PREFIX);
    for a in KEYS {
        for b in KEYS {
            let order = comparator.compare(a, b);
            assert_eq!(order, comparator.compare(b, a).reverse());
            assert_eq!(order.is_eq(), a == b);
            if order.is_lt() {
                assert!(comparator.prefix(a) <= comparator.prefix(b), "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn e7_prefixes_follow_the_order_that_they_shorten() {
    prefixes_follow_the_order(BytewiseComparator);
    prefixes_follow_the_order(ReverseBytewiseComparator);
    for shared in KEYS {
        prefixes_follow_the_order(SharedPrefixComparator::new(shared).unwrap());
    }
}

#[test]
fn e7_a_shared_prefix_is_passed_over() {
    let keys = SharedPrefixComparator::between(b"shared/aXYZW", b"shared/b").unwrap();
    assert_eq!(keys.shared_prefix(), b"shared/");
    assert_eq!(keys.prefix(b"shared/abcde"), u32::from_be_bytes(*b"abcd"));
    assert_eq!(keys.prefix(b"shared/"), 0);
    assert_eq!(
        (keys.prefix(b"share"), keys.prefix(b"shared0")),
        (0, u32::MAX)
    );
    assert_eq!(keys.name(), BytewiseComparator.name());
    let apart = SharedPrefixComparator::between(b"a", b"b").unwrap();
    assert_eq!(
        (apart.shared_prefix(), apart.prefix(b"abcd")),
        (&b""[..], BytewiseComparator.prefix(b"abcd"))
    );
}

#[test]
fn e7_a_comparator_has_no_prefix_unless_it_says_so() {
    struct Plain;
    impl Comparator for Plain {
        fn compare(&self, a: &[u8], b: &[u8]) -> core::cmp::Ordering {
            a.cmp(b)
        }
        fn name(&self) -> &str {
            "plain"
        }
    }
    const { assert!(!Plain::BYTE_PREFIX) };
    assert_eq!(Plain.prefix(b"abcd"), 0);
    assert_eq!(BytewiseComparator.name(), "leveldb.BytewiseComparator");
    let reverse = ReverseBytewiseComparator;
    assert_eq!(reverse.name(), "rocksdb.ReverseBytewiseComparator");
}

#[test]
fn e8_fixed_and_capped_prefixes() {
    let cases = [
        (0, &b"ab"[..], Some(&b""[..]), &b""[..]),
        (2, b"ab", Some(b"ab"), b"ab"),
        (2, b"abc", Some(b"ab"), b"ab"),
        (3, b"ab", None, b"ab"),
        (usize::MAX, b"", None, b""),
    ];
    for (length, key, fixed, capped) in cases {
        assert_eq!(FixedPrefix(length).transform(key), fixed);
        assert_eq!(FixedPrefix(length).in_domain(key), fixed.is_some());
        assert_eq!(CappedPrefix(length).transform(key), Some(capped));
        assert!(CappedPrefix(length).in_domain(key));
    }
    assert_eq!(FixedPrefix(4).name(), "rocksdb.FixedPrefix.4");
    assert_eq!(CappedPrefix(4).name(), "rocksdb.CappedPrefix.4");
}

#[test]
fn e8_a_domain_of_one_s_own() {
    #[derive(Debug)]
    struct UpToColon;
    impl PrefixExtractor for UpToColon {
        fn name(&self) -> String {
            "up to colon".into()
        }
        fn transform<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
            let colon = user_key.iter().position(|&byte| byte == b':')?;
            Some(&user_key[..colon])
        }
    }
    let extractor: &dyn PrefixExtractor = &UpToColon;
    assert_eq!(extractor.transform(b"user:1"), Some(&b"user"[..]));
    assert!(!extractor.in_domain(b"user"));
    assert_eq!(
        extractor.full_length(),
        None,
        "its prefixes have no one length"
    );
}

#[test]
fn e4_kinds_are_an_open_set() {
    assert!(Kind::DELETION.is_tombstone() && Kind::SINGLE_DELETION.is_tombstone());
    assert!(Kind::DELETION_WITH_TIMESTAMP.is_tombstone());
    let names = (0..=u8::MAX).filter_map(|kind| Kind(kind).name()).count();
    assert_eq!(names, 9);
    assert_eq!(
        format!("{:?} {:?}", Kind::MERGE, Kind(0x7F)),
        "Merge Kind(0x7f)"
    );
    for kind in 0..=u8::MAX {
        let tag = pack_tag(MAX_SEQUENCE_NUMBER, Kind(kind));
        assert_eq!(
            (tag_sequence(tag), tag_kind(tag)),
            (MAX_SEQUENCE_NUMBER, Kind(kind))
        );
    }
}

/// E9: keys ascend, and the timestamps of one key descend.
fn timestamps_order<C: Comparator, const N: usize>(keys: C) {
    let stamped = TimestampedComparator::<C, N>::new(keys).unwrap();
    let largest = u64::MAX >> (64 - 8 * N);
    let times = [0, 1, 255, largest / 3, largest - 1, largest];
    for a in KEYS {
        for b in KEYS {
            for (s, t) in times.iter().flat_map(|s| times.map(|t| (*s, t))) {
                let order = with_timestamp(&stamped, a, s, |a| {
                    assert_eq!(
                        a.len() - N,
                        without_timestamp::<TimestampedComparator<C, N>>(a).len()
                    );
                    assert_eq!(split_timestamp(&stamped, a).1, Some(s));
                    with_timestamp(&stamped, b, t, |b| {
                        let order = stamped.compare(a, b);
                        if order.is_lt() && C::BYTE_PREFIX {
                            assert!(stamped.prefix(a) <= stamped.prefix(b));
                        }
                        assert_eq!(order.is_eq(), a == b);
                        Ok(order)
                    })
                });
                let expected = stamped.keys().compare(a, b).then(t.cmp(&s));
                assert_eq!(order, Ok(expected), "{a:?} {s} {b:?} {t}");
            }
        }
        let most = with_timestamp(
            &stamped,
            a,
            u64::MAX,
            |a| Ok(split_timestamp(&stamped, a).1),
        );
        assert_eq!(most, Ok(Some(largest)), "no less than any other");
    }
}

#[test]
fn e9_newer_timestamps_come_first() {
    timestamps_order::<_, 8>(BytewiseComparator);
    timestamps_order::<_, 8>(ReverseBytewiseComparator);
    timestamps_order::<_, 3>(SharedPrefixComparator::new(b"a").unwrap());
    timestamps_order::<_, 1>(BytewiseComparator);
}

#[test]
fn e9_names_and_bytes_are_those_of_rocksdb() {
    let bytewise = TimestampedComparator::bytewise().unwrap();
    assert_eq!(bytewise.name(), "leveldb.BytewiseComparator.u64ts");
    let reverse = TimestampedComparator::<_, 8>::new(ReverseBytewiseComparator).unwrap();
    assert_eq!(reverse.name(), "rocksdb.ReverseBytewiseComparator.u64ts");
    let short = TimestampedComparator::<_, 2>::new(BytewiseComparator).unwrap();
    assert_eq!(short.name(), "leveldb.BytewiseComparator.u16ts");
    let little_endian = with_timestamp(&bytewise, b"k", 0x0102, |key| Ok(key.to_vec()));
    assert_eq!(little_endian.unwrap(), b"k\x02\x01\0\0\0\0\0\0");
}

/// X1: a key that is too short for a timestamp is ordered somehow.
#[test]
fn e9_short_keys_are_ordered_all_the_same() {
    let stamped = TimestampedComparator::bytewise().unwrap();
    for a in KEYS {
        for b in KEYS {
            assert_eq!(stamped.compare(a, b), stamped.compare(b, a).reverse());
        }
    }
    assert_eq!(split_timestamp(&stamped, b"\x07"), (&b""[..], Some(7)));
}

#[test]
fn e9_versions_are_compared_by_timestamp_first() {
    type Stamped = TimestampedComparator;
    let version = |timestamp, sequence| Version {
        timestamp,
        sequence,
    };
    for (a, b) in [((2, 1), (1, 9)), ((2, 2), (2, 1))] {
        let (a, b) = (version(a.0, a.1), version(b.0, b.1));
        assert!(a.is_newer::<Stamped>(b) && !b.is_newer::<Stamped>(a) && !a.is_newer::<Stamped>(a));
        assert_eq!(Version::newest::<Stamped>(Some(a), Some(b)), Some(a));
        assert_eq!(Version::newest::<Stamped>(Some(b), Some(a)), Some(a));
        assert_eq!(Version::newest::<Stamped>(None, Some(b)), Some(b));
    }
}
