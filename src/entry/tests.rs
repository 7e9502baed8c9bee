//! Records, checksums, lookup keys.

use super::*;
use crate::error::{Corruption, Error};
use crate::key::{Kind, MAX_SEQUENCE_NUMBER};

const PROTECTIONS: [Protection; 5] = [
    Protection::None,
    Protection::One,
    Protection::Two,
    Protection::Four,
    Protection::Eight,
];

fn entry<'a>(user_key: &'a [u8], value: &'a [u8]) -> EntryRef<'a> {
    EntryRef {
        user_key,
        sequence: MAX_SEQUENCE_NUMBER,
        kind: Kind(0xFF),
        value,
    }
}

#[test]
fn e1_records_round_trip_and_have_the_length_that_was_said() {
    let long = std::vec![7; 20_000];
    for protection in PROTECTIONS {
        for key_len in [0, 1, 119, 120, 127, 128, 16_375, 16_376] {
            for value_len in [0, 1, 127, 128, 16_383, 16_384] {
                let entry = entry(&long[..key_len], &long[..value_len]);
                let mut bytes = std::vec![9];
                encode(&entry, protection, &mut bytes).unwrap();
                let len = encoded_len(key_len, value_len, protection).unwrap();
                assert_eq!(bytes.len(), 1 + len);
                bytes.push(8);
                assert_eq!(decode(&bytes[1..], protection), Ok((entry, &[8][..])));
                // SAFETY: a record begins there, and stays.
                let raw = unsafe { RawRecord::new(bytes[1..].as_ptr()) };
                // SAFETY: as above.
                assert_eq!(unsafe { raw.entry() }, entry);
                if protection.is_empty() {
                    continue;
                }
                let layout = Layout::new(key_len, value_len, protection).unwrap();
                let mut guarded = std::vec![0; GUARD_LEN + len];
                write_guarded(&mut guarded, &entry, &layout, protection);
                assert_eq!(guarded[GUARD_LEN..], bytes[1..=len]);
                // SAFETY: a guard begins there, and its record stays.
                let record = unsafe { GuardedRecord::new(guarded.as_ptr()) };
                // SAFETY: as above.
                assert_eq!(unsafe { record.entry(protection) }, Ok(entry));
                // SAFETY: as above.
                assert_eq!(unsafe { record.key() }, Ok((entry.user_key, entry.tag())));
                // SAFETY: as above.
                assert_eq!(unsafe { record.len() }, Ok(len));
            }
        }
    }
}

#[test]
fn e1_the_layout_is_the_published_one() {
    let entry = EntryRef {
        user_key: b"k",
        sequence: 0x0001_0203_0405_0607 >> 8,
        kind: Kind(0x07),
        value: b"vv",
    };
    let mut bytes = std::vec::Vec::new();
    encode(&entry, Protection::None, &mut bytes).unwrap();
    assert_eq!(bytes, b"\x09k\x07\x06\x05\x04\x03\x02\x01\x00\x02vv");
}

#[test]
fn e10_every_flipped_bit_is_noticed() {
    let mut bytes = std::vec::Vec::new();
    encode(
        &entry(b"some key", b"some value"),
        Protection::Eight,
        &mut bytes,
    )
    .unwrap();
    for bit in 0..8 * bytes.len() {
        let mut broken = bytes.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        let decoded = decode(&broken, Protection::Eight);
        assert!(matches!(decoded, Err(Error::Corruption(_))), "bit {bit}");
    }
}

/// Every value that each byte can take: no wrong byte makes a guarded record lie about
/// where it ends, and what it says of its key is what was written unless the key itself is
/// wrong. A read outside of the exact allocation is one that AddressSanitizer and Miri see.
#[test]
fn e10_a_guard_notices_every_wrong_byte_of_itself_and_of_the_lengths() {
    let long = std::vec![b'k'; 200];
    for (key_len, value_len) in [(0, 0), (1, 0), (5, 3), (119, 1), (120, 130), (200, 0)] {
        for protection in PROTECTIONS.into_iter().skip(1) {
            let entry = entry(&long[..key_len], &long[..value_len]);
            let layout = Layout::new(key_len, value_len, protection).unwrap();
            let mut bytes = std::vec![0; GUARD_LEN + layout.len].into_boxed_slice();
            write_guarded(&mut bytes, &entry, &layout, protection);
            let key_at = GUARD_LEN + crate::codec::varint_length(key_len as u64 + 8);
            for at in 0..bytes.len() {
                for wrong in if cfg!(miri) {
                    [1, 0x80, 0xFF].to_vec()
                } else {
                    (1..=255).collect()
                } {
                    bytes[at] ^= wrong;
                    // SAFETY: a guard was written there, and its record; both stay.
                    let record = unsafe { GuardedRecord::new(bytes.as_ptr()) };
                    // SAFETY: as above.
                    let key = unsafe { record.key() };
                    // SAFETY: as above.
                    let whole = unsafe { record.entry(protection) };
                    if at < key_at {
                        assert_eq!(key, Err(Corruption::Lengths), "byte {at} by {wrong}");
                        assert_eq!(whole, Err(Corruption::Lengths), "byte {at} by {wrong}");
                    } else {
                        assert_eq!(key.unwrap().0.len(), key_len);
                        // A short checksum may miss it; then the parts are still inside.
                        assert!(whole.is_err() || protection != Protection::Eight);
                    }
                    bytes[at] ^= wrong;
                }
            }
        }
    }
}

#[test]
fn e10_a_guard_belongs_to_its_place() {
    let layout = Layout::new(1, 1, Protection::One).unwrap();
    let len = GUARD_LEN + layout.len;
    let mut bytes = std::vec![0; 2 * len];
    write_guarded(
        &mut bytes[..len],
        &entry(b"k", b"v"),
        &layout,
        Protection::One,
    );
    bytes.copy_within(..len, len);
    // SAFETY: what `write_guarded` wrote lies there, if at another place, and stays.
    let moved = unsafe { GuardedRecord::new(bytes[len..].as_ptr()) };
    // SAFETY: as above.
    assert_eq!(unsafe { moved.key() }, Err(Corruption::Lengths));
}

#[test]
fn e10_the_checksum_covers_where_the_key_ends() {
    for protection in PROTECTIONS.into_iter().skip(2) {
        let one = protection.checksum(&entry(b"ab", b"c"));
        assert_ne!(one, protection.checksum(&entry(b"a", b"bc")));
        assert_ne!(one, protection.checksum(&entry(b"c", b"ab")));
    }
}

#[test]
fn hostile_records_are_refused() {
    let corrupt = |bytes: &[u8]| match decode(bytes, Protection::None) {
        Err(Error::Corruption(corruption)) => corruption,
        other => panic!("{other:?}"),
    };
    let what = |corruption| match corruption {
        Corruption::Truncated { what } => what,
        other => panic!("{other:?}"),
    };
    let short = Corruption::BadLength {
        what: "internal key",
        length: 7,
    };
    assert_eq!(corrupt(b"\x0712345678"), short);
    assert_eq!(what(corrupt(b"")), "varint32");
    assert_eq!(what(corrupt(b"\x09")), "user key");
    assert_eq!(what(corrupt(b"\xFF\xFF\xFF\xFF\x0Fabc")), "user key");
    assert_eq!(what(corrupt(b"\x09k1234567")), "sequence number and kind");
    assert_eq!(what(corrupt(b"\x09k12345678\x01")), "value");
    let checksum = decode(b"\x09k12345678\x00", Protection::Two);
    assert_eq!(
        checksum,
        Err(Corruption::Truncated { what: "checksum" }.into())
    );
}

#[test]
fn e3_a_sequence_number_never_wraps() {
    let mut out = std::vec![1];
    let mut entry = entry(b"", b"");
    entry.sequence = MAX_SEQUENCE_NUMBER + 1;
    let refusal = encode(&entry, Protection::None, &mut out);
    assert_eq!(refusal, Err(Error::SequenceTooLarge { sequence: 1 << 56 }));
    assert_eq!(out, [1], "nothing is appended");
    assert!(LookupKey::new(b"", MAX_SEQUENCE_NUMBER + 1).is_err());
}

#[test]
fn e10_protection_has_five_lengths() {
    for protection in PROTECTIONS {
        assert_eq!(Protection::from_len(protection.len()), Some(protection));
        assert_eq!(protection.is_empty(), protection == Protection::None);
    }
    for bytes in [3, 5, 6, 7, 9, usize::MAX] {
        assert_eq!(Protection::from_len(bytes), None);
    }
    assert_eq!(Protection::None.checksum(&entry(b"a", b"b")), [0; 8]);
}

#[test]
fn e6_lookup_keys_have_three_views() {
    for len in [0, 1, 119, 120, 186, 187, 188, 1_000, 20_000] {
        let user_key = std::vec![b'k'; len];
        let key = LookupKey::new(&user_key, 0x0102_0304).unwrap();
        assert_eq!(key.user_key(), user_key);
        assert_eq!(key.sequence(), 0x0102_0304);
        assert_eq!(key.internal_key().len(), len + 8);
        assert_eq!(key.internal_key()[len..], *b"\xFF\x04\x03\x02\x01\0\0\0");
        let (internal, rest) = crate::codec::decode_length_prefixed(key.memtable_key()).unwrap();
        assert_eq!((internal, rest), (key.internal_key(), &[][..]));
    }
}
