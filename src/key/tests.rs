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
