//! What the fuzz targets do with their bytes; each function panics when a law
//! is broken. Tests replay the corpora through the same functions.

mod in_place;
mod merges;
mod ranges;
mod write_batch;

use std::cmp::Ordering;

use arbitrary::{Arbitrary, Result, Unstructured};
use verimem::codec;
use verimem::{
    BytewiseComparator, Comparator, EntryRef, Error, Kind, LookupKey, MAX_SEQUENCE_NUMBER,
    Protection, ReverseBytewiseComparator, decode as decode_entry, encode, encoded_len,
};
use verimem_model::{Histogram, Key, Value};

pub use in_place::check_in_place;
pub use merges::check_merges;
pub use ranges::check_tombstones;
pub use write_batch::{check_bytes as check_batch_bytes, check_insertion, check_write_batch, dump};

/// A fuzz target: its name, which is that of its corpus folder, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All fuzz targets.
pub const TARGETS: [Target; 9] = [
    ("codec", check_codec),
    ("entry", check_entry),
    ("in_place", check_in_place),
    ("keys", check_keys),
    ("lookup_key", check_lookup_key),
    ("merge", check_merges),
    ("ops", |bytes| drop(check_ops(bytes))),
    ("tombstones", check_tombstones),
    ("write_batch", check_write_batch),
];

const PROTECTIONS: [Protection; 5] = [
    Protection::None,
    Protection::One,
    Protection::Two,
    Protection::Four,
    Protection::Eight,
];

/// Every decoder on the same bytes, from every start.
pub fn check_codec(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((_, shorter)) = rest.split_first() {
        check_varints(rest);
        check_fixed_and_prefixed(rest);
        rest = shorter;
    }
    assert!(
        codec::decode_varint32(rest).is_err(),
        "no bytes are no varint"
    );
    assert!(codec::decode_length_prefixed(rest).is_err());
}

fn check_varints(input: &[u8]) {
    let wide = codec::decode_varint64(input);
    if let Ok((value, rest)) = codec::decode_varint32(input) {
        assert_eq!(
            wide,
            Ok((u64::from(value), rest)),
            "a varint32 is a varint64"
        );
        let mut again = Vec::new();
        codec::put_varint32(&mut again, value);
        check_taken(input, rest, &again, 5);
    } else if let Ok((value, _)) = wide {
        let long = input.iter().take(5).all(|byte| byte & 0x80 != 0);
        assert!(value > u64::from(u32::MAX) || long, "{value} was refused");
    }
    if let Ok((value, rest)) = wide {
        let mut again = Vec::new();
        codec::put_varint64(&mut again, value);
        assert_eq!(again.len(), codec::varint_length(value));
        check_taken(input, rest, &again, 10);
    }
}

/// What was taken is the shortest encoding, or an overlong one of the same value.
fn check_taken(input: &[u8], rest: &[u8], shortest: &[u8], most: usize) {
    let taken = &input[..input.len() - rest.len()];
    assert!(input.ends_with(rest) && taken.len() <= most && taken.len() >= shortest.len());
    if taken.len() == shortest.len() {
        assert_eq!(taken, shortest, "one encoding of each length");
    } else {
        assert!(taken[shortest.len()..].iter().all(|byte| byte & 0x7F == 0));
    }
}

fn check_fixed_and_prefixed(input: &[u8]) {
    match codec::decode_fixed32(input) {
        Err(_) => assert!(input.len() < 4),
        Ok((value, rest)) => {
            assert_eq!((&input[..4], &input[4..]), (&value.to_le_bytes()[..], rest));
        }
    }
    match codec::decode_fixed64(input) {
        Err(_) => assert!(input.len() < 8),
        Ok((value, rest)) => {
            let mut again = Vec::new();
            codec::put_fixed64(&mut again, value);
            assert_eq!((&input[..8], &input[8..]), (&again[..], rest));
        }
    }
    if let Ok((bytes, rest)) = codec::decode_length_prefixed(input) {
        assert!(input.ends_with(rest) && bytes.len() + rest.len() < input.len());
        let mut again = Vec::new();
        assert_eq!(codec::put_length_prefixed(&mut again, bytes), Ok(()));
        assert_eq!(codec::decode_length_prefixed(&again), Ok((bytes, &[][..])));
    }
}

/// Hostile bytes as an entry; then an entry made of them: round trip, every
/// truncation, every byte flipped (E1, E5, E10).
pub fn check_entry(bytes: &[u8]) {
    for protection in PROTECTIONS {
        if let Ok((entry, rest)) = decode_entry(bytes, protection) {
            let mut again = Vec::new();
            assert_eq!(encode(&entry, protection, &mut again), Ok(()));
            assert!(bytes.ends_with(rest) && again.len() <= bytes.len() - rest.len());
            assert_eq!(decode_entry(&again, protection), Ok((entry, &[][..])));
        }
    }
    let mut u = Unstructured::new(bytes);
    if let Ok((key, value, tag, protection, flip)) = made_entry(&mut u) {
        let entry = EntryRef {
            user_key: &key,
            sequence: tag >> 8,
            kind: Kind(tag as u8),
            value: &value,
        };
        check_round_trip(&entry, protection, flip);
    }
}

type Made = (Vec<u8>, Vec<u8>, u64, Protection, u8);

fn made_entry(u: &mut Unstructured<'_>) -> Result<Made> {
    let key = Key::arbitrary(u)?.0;
    let mut value = Value::arbitrary(u)?;
    // Flipping every byte costs the square of the length.
    value.length %= 600;
    let protection = *u.choose(&PROTECTIONS)?;
    Ok((
        key,
        value.bytes(),
        u.arbitrary()?,
        protection,
        u.arbitrary()?,
    ))
}

/// Round trip, truncations and flips of one entry; `flip` is what each byte is
/// flipped with.
pub fn check_round_trip(entry: &EntryRef<'_>, protection: Protection, flip: u8) {
    let mut bytes = b"before".to_vec();
    assert_eq!(encode(entry, protection, &mut bytes), Ok(()));
    let (before, record) = bytes.split_at(6);
    assert_eq!(before, b"before", "encode appends");
    let length = encoded_len(entry.user_key.len(), entry.value.len(), protection);
    assert_eq!(length, Ok(record.len()));
    assert_eq!(decode_entry(record, protection), Ok((*entry, &[][..])));
    for end in 0..record.len() {
        let cut = decode_entry(&record[..end], protection);
        assert!(
            matches!(cut, Err(Error::Corruption(_))),
            "cut at {end}: {cut:?}"
        );
    }
    // Shorter checksums miss a flip now and then; that is what they are.
    let strong = matches!(protection, Protection::Four | Protection::Eight);
    let mut flipped = record.to_vec();
    for index in 0..record.len() {
        flipped[index] ^= flip.max(1);
        let result = decode_entry(&flipped, protection);
        assert!(!strong || result.is_err(), "flip at {index}: {result:?}");
        flipped[index] = record[index];
    }
    flipped.extend_from_slice(b"after");
    assert_eq!(
        decode_entry(&flipped, protection),
        Ok((*entry, &b"after"[..]))
    );
}

/// The laws of a total order, and of prefixes, for three keys (E7).
pub fn check_keys(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let mut keys = || Key::arbitrary(&mut u).unwrap_or_default().0;
    let (a, b, c) = (keys(), keys(), keys());
    check_order(&BytewiseComparator, &a, &b, &c);
    check_order(&ReverseBytewiseComparator, &a, &b, &c);
    check_order(&crate::Plain, &a, &b, &c);
    check_order(&crate::Coarse, &a, &b, &c);
    let reversed = ReverseBytewiseComparator.compare(&a, &b);
    assert_eq!(BytewiseComparator.compare(&a, &b), reversed.reverse());
    assert_eq!(BytewiseComparator.compare(&a, &b), a.cmp(&b));
}

/// Reflexive, antisymmetric, transitive; and prefixes follow the order.
pub fn check_order<C: Comparator>(comparator: &C, a: &[u8], b: &[u8], c: &[u8]) {
    let compare = |a: &[u8], b: &[u8]| comparator.compare(a, b);
    assert_eq!(compare(a, a), Ordering::Equal);
    assert_eq!(compare(a, b), compare(b, a).reverse());
    assert_eq!(
        compare(a, b).is_eq(),
        a == b,
        "keys that differ are told apart"
    );
    if compare(a, b).is_le() && compare(b, c).is_le() {
        assert!(compare(a, c).is_le());
    }
    if C::BYTE_PREFIX && compare(a, b).is_lt() {
        assert!(comparator.prefix(a) <= comparator.prefix(b), "{a:?} {b:?}");
    }
}

/// The three views of a lookup key (E6), and its limits (E3).
pub fn check_lookup_key(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let key = Key::arbitrary(&mut u).unwrap_or_default().0;
    let snapshot: u64 = u.arbitrary().unwrap_or_default();
    let snapshot = if u.ratio(7, 8).unwrap_or(true) {
        snapshot >> 8
    } else {
        snapshot
    };
    let lookup = LookupKey::new(&key, snapshot);
    let Ok(lookup) = lookup else {
        assert!(snapshot > MAX_SEQUENCE_NUMBER, "{lookup:?}");
        assert_eq!(
            lookup.err(),
            Some(Error::SequenceTooLarge { sequence: snapshot })
        );
        return;
    };
    assert!(snapshot <= MAX_SEQUENCE_NUMBER);
    assert_eq!(lookup.user_key(), key);
    let (user_key, tag) = lookup.internal_key().split_at(key.len());
    assert_eq!(user_key, key);
    let (tag, rest) = codec::decode_fixed64(tag).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((tag >> 8, rest), (snapshot, &[][..]));
    let view = codec::decode_length_prefixed(lookup.memtable_key());
    assert_eq!(view, Ok((lookup.internal_key(), &[][..])));
}

/// A run against the model.
///
/// # Panics
///
/// With the [`Divergence`](crate::Divergence), if there is one.
pub fn check_ops(bytes: &[u8]) -> Histogram {
    let (config, ops) = crate::decode(bytes);
    crate::run(&config, &ops).unwrap_or_else(|divergence| panic!("{divergence}\non {config:?}"))
}
