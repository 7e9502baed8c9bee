//! The format by hand, the builder's limits, and insertion.

mod format;
mod insert;

use std::format;
use std::string::ToString;
use std::vec;

use super::format::HEADER_LEN;
use super::*;
use crate::error::Corruption;

/// Puts a number of entries into the header that are not there.
fn claim(batch: &mut WriteBatch, count: u32) {
    batch.set_count(count);
}

#[test]
fn w3_an_empty_batch_is_a_header() {
    let mut batch = WriteBatch::new();
    assert_eq!(batch.as_bytes(), [0; HEADER_LEN]);
    assert!(batch.is_empty() && batch.records().next().is_none());
    batch.put(b"k", b"v").unwrap();
    batch.set_sequence(5).unwrap();
    batch.set_save_point().unwrap();
    batch.clear();
    assert_eq!(batch.as_bytes(), WriteBatch::default().as_bytes());
    assert_eq!(batch.contents(), Contents::default());
    assert_eq!(batch.pop_save_point(), Err(Error::NoSavePoint));
}

#[test]
fn w3_numbers_of_more_than_56_bits_are_refused() {
    let mut batch = WriteBatch::new();
    let sequence = MAX_SEQUENCE_NUMBER + 1;
    let refused = Err(Error::SequenceTooLarge { sequence });
    assert_eq!(batch.set_sequence(sequence), refused);
    assert_eq!(batch.sequence(), 0);
    assert_eq!(batch.set_sequence(MAX_SEQUENCE_NUMBER), Ok(()));
    let mut bytes = batch.as_bytes().to_vec();
    assert!(WriteBatch::from_bytes(bytes.clone()).is_ok());
    bytes[..8].copy_from_slice(&sequence.to_le_bytes());
    assert_eq!(WriteBatch::from_bytes(bytes).map(|_| ()), refused);
}

#[test]
fn w3_a_limit_in_bytes_holds_for_all_records() {
    let mut other = WriteBatch::new();
    other.delete(b"1234").unwrap();
    let mut batch = WriteBatch::new();
    batch.put(b"a", b"b").unwrap();
    let before = batch.as_bytes().to_vec();
    batch.set_max_bytes(before.len() + 5);
    let (length, limit) = (before.len() + 6, before.len() + 5);
    let refused = Err(Error::BatchTooLarge { length, limit });
    assert_eq!(batch.delete(b"1234"), refused);
    assert_eq!(batch.put_log_data(b"1234"), refused);
    assert_eq!(batch.add(&Record::Commit { xid: b"1234" }), refused);
    assert_eq!(batch.append(&other), refused);
    assert_eq!(batch.as_bytes(), before);
    assert!(!batch.contents().has(Kind::DELETION) && !batch.contents().has_commit());
    assert_eq!(batch.delete(b"123"), Ok(()));
    assert_eq!(batch.data_size(), limit);
    // What is there stays when the limit is lowered.
    batch.set_max_bytes(0);
    assert_eq!(batch.count(), 2);
    assert!(batch.add(&Record::Noop).is_err());
}

#[test]
fn w3_entries_are_counted_with_32_bits() {
    let mut batch = WriteBatch::new();
    claim(&mut batch, u32::MAX - 1);
    batch.put(b"", b"").unwrap();
    let before = batch.as_bytes().to_vec();
    let refused = |count| Err(Error::BatchCountTooLarge { count });
    assert_eq!(batch.put(b"", b""), refused(1 << 32));
    let mut other = WriteBatch::new();
    claim(&mut other, u32::MAX);
    assert_eq!(batch.append(&other), refused(2 * u64::from(u32::MAX)));
    assert_eq!(batch.as_bytes(), before);
    // What is no entry is not counted.
    assert_eq!(batch.add(&Record::Noop), Ok(()));
}

#[test]
fn w3_save_points_are_a_stack() {
    let mut batch = WriteBatch::new();
    let mut states = vec![];
    for key in [b"a", b"b", b"c"] {
        states.push((batch.as_bytes().to_vec(), batch.contents()));
        batch.set_save_point().unwrap();
        batch.merge(key, b"1").unwrap();
        batch.add(&Record::Rollback { xid: key }).unwrap();
    }
    assert_eq!(batch.pop_save_point(), Ok(()));
    states.pop();
    for (bytes, contents) in states.into_iter().rev() {
        assert_eq!(batch.rollback_to_save_point(), Ok(()));
        assert_eq!((batch.as_bytes(), batch.contents()), (&bytes[..], contents));
    }
    assert_eq!(batch.rollback_to_save_point(), Err(Error::NoSavePoint));
}

#[test]
fn w3_a_copy_is_a_batch_of_its_own() {
    let mut batch = WriteBatch::with_capacity(1000).unwrap();
    batch.put_cf(7, b"key", &[b'v'; 100]).unwrap();
    batch.set_sequence(3).unwrap();
    batch.set_max_bytes(200);
    batch.set_save_point().unwrap();
    let mut copy = batch.try_clone().unwrap();
    assert_eq!(copy.as_bytes(), batch.as_bytes());
    assert_eq!(copy.contents(), batch.contents());
    assert!(copy.put(b"", &[0; 200]).is_err(), "the limit is copied");
    assert_eq!(copy.pop_save_point(), Err(Error::NoSavePoint));
    copy.clear();
    assert_eq!(batch.count(), 1);
}

/// The bytes are refused by their length: the pages of a zeroed vector are never touched.
#[test]
#[cfg(all(target_pointer_width = "64", target_os = "linux", not(miri)))]
fn w3_lengths_over_the_limits_are_named() {
    let long = vec![0u8; (1 << 32) + 1];
    let (key_limit, value_limit) = (u32::MAX as usize - 8, u32::MAX as usize);
    let too_long = |length, limit| Err(Error::KeyTooLarge { length, limit });
    let too_large = |length| {
        Err(Error::ValueTooLarge {
            length,
            limit: value_limit,
        })
    };
    let mut batch = WriteBatch::new();
    let key = &long[..=key_limit];
    assert_eq!(batch.put(key, b""), too_long(key_limit + 1, key_limit));
    assert_eq!(batch.delete_cf(1, key), too_long(key_limit + 1, key_limit));
    assert_eq!(
        batch.delete_range(key, b""),
        too_long(key_limit + 1, key_limit)
    );
    assert_eq!(
        batch.delete_range(b"", key),
        too_long(key_limit + 1, key_limit)
    );
    assert_eq!(batch.merge(b"", &long), too_large(long.len()));
    assert_eq!(batch.put_log_data(&long), too_large(long.len()));
    assert_eq!(
        batch.add(&Record::Commit { xid: &long }),
        too_large(long.len())
    );
    let (timestamp, xid) = (&b""[..], &long[..]);
    let record = Record::CommitWithTimestamp { timestamp, xid };
    assert_eq!(batch.add(&record), too_large(long.len()));
    // With its time, a value that would do by itself is too long.
    let value = &long[..value_limit - 7];
    assert_eq!(batch.timed_put(b"", value, 1), too_large(value_limit + 1));
    assert_eq!(batch.as_bytes(), [0; HEADER_LEN]);
}

#[test]
fn w3_no_record_for_what_the_format_has_none_for() {
    let mut batch = WriteBatch::new();
    let entry = |kind, value| {
        Record::Entry(BatchEntry {
            column_family: 0,
            kind,
            user_key: b"k",
            value,
        })
    };
    for kind in [
        Kind::DELETION_WITH_TIMESTAMP,
        Kind(0x03),
        Kind(0x05),
        Kind(0x80),
    ] {
        let refused = batch.add(&entry(kind, b""));
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{kind:?}");
    }
    for kind in [Kind::DELETION, Kind::SINGLE_DELETION] {
        let refused = batch.add(&entry(kind, b"v"));
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{kind:?}");
    }
    let refused = batch.add(&entry(Kind::VALUE_PREFERRED_SEQNO, b"7 bytes"));
    assert!(matches!(
        refused,
        Err(Error::Corruption(Corruption::Truncated { .. }))
    ));
    assert_eq!(batch.as_bytes(), [0; HEADER_LEN]);
    assert_eq!(
        batch.add(&entry(Kind::VALUE_PREFERRED_SEQNO, b"8  bytes")),
        Ok(())
    );
}

#[test]
fn w3_debug_says_what_a_batch_is() {
    let mut batch = WriteBatch::new();
    batch.set_sequence(7).unwrap();
    batch.single_delete(b"secret").unwrap();
    batch.add(&Record::BeginUnprepare).unwrap();
    let inserter = BatchInserter::new().exclusive(true);
    for shown in [
        format!("{batch:?}"),
        format!("{:?}", batch.view()),
        format!("{inserter:?}"),
    ] {
        let expected = if shown.starts_with("BatchInserter") {
            vec!["exclusive: true", "reserve: false"]
        } else {
            vec![
                "sequence: 7",
                "count: 1",
                "SingleDeletion",
                "BeginUnprepare",
            ]
        };
        for part in expected {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("secret"), "{shown}");
    }
    let refused = Error::UnknownColumnFamily { id: 9 };
    assert_eq!(refused.to_string(), "there is no table for column family 9");
}
