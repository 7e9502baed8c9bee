//! Laws of the codec, of entries, of keys (quickcheck, and by hand).

use quickcheck::quickcheck;
use verimem::codec::{
    decode_fixed32, decode_fixed64, decode_length_prefixed, decode_varint32, decode_varint64,
    put_fixed32, put_fixed64, put_length_prefixed, put_varint32, put_varint64, varint_length,
};
use verimem::{
    CappedPrefix, Corruption, EntryRef, FixedPrefix, Kind, MAX_SEQUENCE_NUMBER, PrefixExtractor,
    Protection, decode, encode,
};
use verimem_driver::hostile;
use verimem_driver::seeds::Random;

fn written(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes);
    bytes
}

quickcheck! {
    fn varint64_makes_the_round_trip(value: u64, rest: Vec<u8>) -> bool {
        let mut bytes = written(|out| put_varint64(out, value));
        let length = bytes.len();
        bytes.extend_from_slice(&rest);
        length == varint_length(value) && decode_varint64(&bytes) == Ok((value, &rest[..]))
    }

    fn varint_lengths_grow_with_values(a: u64, b: u64) -> bool {
        varint_length(a.min(b)) <= varint_length(a.max(b))
    }

    fn cut_varints_are_truncated(value: u64) -> bool {
        let wide = written(|out| put_varint64(out, value));
        let narrow = written(|out| put_varint32(out, value as u32));
        let truncated = |cut: Result<(), Corruption>| matches!(cut, Err(Corruption::Truncated { .. }));
        (0..wide.len()).all(|end| truncated(decode_varint64(&wide[..end]).map(drop)))
            && (0..narrow.len()).all(|end| truncated(decode_varint32(&narrow[..end]).map(drop)))
    }

    fn fixed_makes_the_round_trip(a: u32, b: u64) -> bool {
        let bytes = written(|out| { put_fixed32(out, a); put_fixed64(out, b); });
        let Ok((first, rest)) = decode_fixed32(&bytes) else { return false };
        bytes.len() == 12 && first == a && decode_fixed64(rest) == Ok((b, &[][..]))
    }

    fn prefixed_strings_can_be_chained(strings: Vec<Vec<u8>>) -> bool {
        let bytes = written(|out| strings.iter().for_each(|string| {
            assert_eq!(put_length_prefixed(out, string), Ok(()));
        }));
        let mut rest = &bytes[..];
        strings.iter().all(|string| match decode_length_prefixed(rest) {
            Ok((found, after)) => { rest = after; found == string }
            Err(_) => false,
        }) && rest.is_empty()
    }

    /// Tags order entries of one key: a newer one is larger, whatever the kinds.
    fn tags_order_by_sequence_number_first(a: u64, b: u64, kinds: (u8, u8)) -> bool {
        let (a, b) = (a & MAX_SEQUENCE_NUMBER, b & MAX_SEQUENCE_NUMBER);
        let tag = |sequence, kind| {
            let key = EntryRef { user_key: b"", sequence, kind: Kind(kind), value: b"" };
            let bytes = written(|out| assert_eq!(encode(&key, Protection::None, out), Ok(())));
            decode_fixed64(&bytes[1..]).map(|(tag, _)| tag)
        };
        let (Ok(first), Ok(second)) = (tag(a, kinds.0), tag(b, kinds.1)) else { return false };
        a == b || (a < b) == (first < second)
    }

    fn hostile_bytes_harm_no_decoder(bytes: Vec<u8>) -> bool {
        hostile::TARGETS[..4].iter().for_each(|(_, check)| check(&bytes));
        true
    }

    fn e8_prefixes_are_prefixes(key: Vec<u8>, length: u8) -> bool {
        let length = usize::from(length % 12);
        let capped = CappedPrefix(length).transform(&key);
        let fixed = FixedPrefix(length).transform(&key);
        capped.is_some_and(|prefix| key.starts_with(prefix) && prefix.len() == key.len().min(length))
            && fixed.is_some() == (key.len() >= length)
            && fixed.is_none_or(|prefix| Some(prefix) == capped)
            && FixedPrefix(length).in_domain(&key) == fixed.is_some()
    }
}

/// E7: the laws of order for all triples of a small world of keys.
#[test]
fn comparators_are_total_orders_and_prefixes_follow() {
    let mut keys: Vec<Vec<u8>> = vec![vec![]];
    for byte in [0x00, 0x01, b'a', 0x7F, 0x80, 0xFF] {
        for length in 1..=5 {
            keys.push(vec![byte; length]);
        }
        keys.push([b"four", &[byte][..]].concat());
        keys.push([b"eight---", &[byte][..]].concat());
    }
    for a in &keys {
        for b in &keys {
            for c in &keys {
                hostile::check_order(&verimem::BytewiseComparator, a, b, c);
                hostile::check_order(&verimem::ReverseBytewiseComparator, a, b, c);
            }
        }
    }
}

/// E1, E10: round trips, truncations, and every flip of one bit of every byte.
#[test]
fn entries_survive_the_trip_and_detect_every_flip() {
    let all = [
        Protection::None,
        Protection::One,
        Protection::Two,
        Protection::Four,
        Protection::Eight,
    ];
    let mut random = Random(7);
    for protection in all {
        for (key, value) in [
            (0, 0),
            (1, 0),
            (0, 1),
            (7, 9),
            (119, 127),
            (120, 128),
            (300, 40),
        ] {
            let (mut user_key, mut bytes) = (Vec::new(), Vec::new());
            random.fill(key, &mut user_key);
            random.fill(value, &mut bytes);
            let entry = EntryRef {
                user_key: &user_key,
                sequence: random.draw() >> 8,
                kind: Kind(random.draw() as u8),
                value: &bytes,
            };
            for bit in 0..8 {
                hostile::check_round_trip(&entry, protection, 1 << bit);
            }
        }
    }
}

/// E10: a checksum of `n` bytes misses about one flip in 256 to the power of `n`.
#[test]
fn short_checksums_miss_as_little_as_they_must() {
    for (protection, most) in [(Protection::One, 120), (Protection::Two, 4)] {
        let entry = EntryRef {
            user_key: b"key",
            sequence: 9,
            kind: Kind::VALUE,
            value: &[5; 1000],
        };
        let mut record = written(|out| assert_eq!(encode(&entry, protection, out), Ok(())));
        let (mut missed, mut flips) = (0, 0);
        for index in 20..1000 {
            for bit in 0..8 {
                record[index] ^= 1 << bit;
                missed += u32::from(decode(&record, protection).is_ok());
                flips += 1;
                record[index] ^= 1 << bit;
            }
        }
        assert!(missed <= most, "{protection:?} missed {missed} of {flips}");
    }
}

/// E4: kinds are open, and their numbers are RocksDB's.
#[test]
fn kinds_are_open_and_numbered() {
    let named = [
        (Kind::DELETION, 0x00, true),
        (Kind::VALUE, 0x01, false),
        (Kind::MERGE, 0x02, false),
        (Kind::SINGLE_DELETION, 0x07, true),
        (Kind::RANGE_DELETION, 0x0F, false),
        (Kind::BLOB_INDEX, 0x11, false),
        (Kind::DELETION_WITH_TIMESTAMP, 0x14, true),
        (Kind::WIDE_COLUMN_ENTITY, 0x16, false),
        (Kind::VALUE_PREFERRED_SEQNO, 0x18, false),
    ];
    for (kind, number, tombstone) in named {
        assert_eq!(
            (kind.0, kind.is_tombstone()),
            (number, tombstone),
            "{kind:?}"
        );
        assert!(kind.name().is_some());
    }
    let unnamed = (0..=u8::MAX).filter(|&number| Kind(number).name().is_none());
    assert_eq!(
        unnamed
            .filter(|&number| !Kind(number).is_tombstone())
            .count(),
        256 - named.len()
    );
}
