//! Bytes derived by hand from the description of the format.

use std::format;
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::error::{Damage, RecordField};

fn entry(
    column_family: u32,
    kind: Kind,
    user_key: &'static [u8],
    value: &'static [u8],
) -> Record<'static> {
    Record::Entry(BatchEntry {
        column_family,
        kind,
        user_key,
        value,
    })
}

/// A batch of one record: its sequence number is 0x0102030405, its count is `count`.
fn one(count: u8, record: &[u8]) -> Vec<u8> {
    let header = [5, 4, 3, 2, 1, 0, 0, 0, count, 0, 0, 0];
    [&header[..], record].concat()
}

/// How many entries, a record, and its bytes.
type Golden = (u8, Record<'static>, &'static [u8]);

/// 300 as a varint is AC 02.
fn golden_entries() -> [Golden; 16] {
    [
        (1, entry(0, Kind::DELETION, b"k", b""), b"\x00\x01k"),
        (
            1,
            entry(300, Kind::DELETION, b"k", b""),
            b"\x04\xAC\x02\x01k",
        ),
        (1, entry(0, Kind::VALUE, b"k", b"vw"), b"\x01\x01k\x02vw"),
        (
            1,
            entry(300, Kind::VALUE, b"k", b""),
            b"\x05\xAC\x02\x01k\x00",
        ),
        (1, entry(0, Kind::MERGE, b"", b"+1"), b"\x02\x00\x02+1"),
        (
            1,
            entry(1, Kind::MERGE, b"k", b"+1"),
            b"\x06\x01\x01k\x02+1",
        ),
        (1, entry(0, Kind::SINGLE_DELETION, b"k", b""), b"\x07\x01k"),
        (
            1,
            entry(127, Kind::SINGLE_DELETION, b"k", b""),
            b"\x08\x7F\x01k",
        ),
        (
            1,
            entry(0, Kind::RANGE_DELETION, b"a", b"b"),
            b"\x0F\x01a\x01b",
        ),
        (
            1,
            entry(128, Kind::RANGE_DELETION, b"a", b"b"),
            b"\x0E\x80\x01\x01a\x01b",
        ),
        (
            1,
            entry(0, Kind::BLOB_INDEX, b"k", b"blob"),
            b"\x11\x01k\x04blob",
        ),
        (
            1,
            entry(u32::MAX, Kind::BLOB_INDEX, b"k", b"blob"),
            b"\x10\xFF\xFF\xFF\xFF\x0F\x01k\x04blob",
        ),
        (
            1,
            entry(0, Kind::WIDE_COLUMN_ENTITY, b"k", b"cols"),
            b"\x16\x01k\x04cols",
        ),
        (
            1,
            entry(2, Kind::WIDE_COLUMN_ENTITY, b"k", b"cols"),
            b"\x17\x02\x01k\x04cols",
        ),
        (
            1,
            entry(0, Kind::VALUE_PREFERRED_SEQNO, b"k", b"v\x10\0\0\0\0\0\0\0"),
            b"\x18\x01k\x09v\x10\0\0\0\0\0\0\0",
        ),
        (
            1,
            entry(2, Kind::VALUE_PREFERRED_SEQNO, b"k", b"\x10\0\0\0\0\0\0\0"),
            b"\x19\x02\x01k\x08\x10\0\0\0\0\0\0\0",
        ),
    ]
}

const GOLDEN_MARKERS: [Golden; 9] = [
    (0, Record::LogData(b"blob"), b"\x03\x04blob"),
    (0, Record::BeginPrepare, b"\x09"),
    (0, Record::EndPrepare { xid: b"tx" }, b"\x0A\x02tx"),
    (0, Record::Commit { xid: b"tx" }, b"\x0B\x02tx"),
    (0, Record::Rollback { xid: b"tx" }, b"\x0C\x02tx"),
    (0, Record::Noop, b"\x0D"),
    (0, Record::BeginPersistedPrepare, b"\x12"),
    (0, Record::BeginUnprepare, b"\x13"),
    (
        0,
        Record::CommitWithTimestamp {
            timestamp: b"now",
            xid: b"tx",
        },
        b"\x15\x03now\x02tx",
    ),
];

#[test]
fn w3_golden_bytes_of_every_record() {
    let entries = golden_entries();
    for (count, record, bytes) in entries.into_iter().chain(GOLDEN_MARKERS) {
        let bytes = one(count, bytes);
        let mut batch = WriteBatch::new();
        batch.set_sequence(0x01_0203_0405).unwrap();
        batch.add(&record).unwrap();
        assert_eq!(batch.as_bytes(), bytes, "{record:?}");
        let read = WriteBatchRef::from_bytes(&bytes).unwrap();
        assert_eq!(read.sequence(), 0x01_0203_0405);
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [record]);
        assert_eq!(read.contents(), batch.contents());
        let owned = WriteBatch::from_bytes(bytes.clone()).unwrap();
        assert_eq!(owned.as_bytes(), bytes);
        assert_eq!(owned.contents(), batch.contents());
    }
}

#[test]
fn w3_contents_name_what_there_is() {
    let mut all = WriteBatch::new();
    for (_, record, _) in golden_entries().into_iter().chain(GOLDEN_MARKERS) {
        let mut batch = WriteBatch::new();
        batch.add(&record).unwrap();
        all.add(&record).unwrap();
        let name = match record {
            Record::Entry(entry) => format!("{{{:?}}}", entry.kind),
            Record::LogData(_) | Record::Noop => "{}".to_string(),
            Record::BeginPrepare | Record::BeginPersistedPrepare => r#"{"BeginPrepare"}"#.into(),
            Record::BeginUnprepare => r#"{"BeginPrepare", "BeginUnprepare"}"#.into(),
            Record::EndPrepare { .. } => r#"{"EndPrepare"}"#.into(),
            Record::Commit { .. } | Record::CommitWithTimestamp { .. } => r#"{"Commit"}"#.into(),
            Record::Rollback { .. } => r#"{"Rollback"}"#.into(),
        };
        assert_eq!(format!("{:?}", batch.contents()), name);
    }
    let all = format!("{:?}", all.contents());
    assert_eq!(
        all.matches(", ").count(),
        12,
        "eight kinds and five markers: {all}"
    );
}

#[test]
fn w3_a_time_lies_behind_its_value() {
    let mut batch = WriteBatch::new();
    batch.timed_put(b"k", b"v", 0x0A0B).unwrap();
    batch.timed_put_cf(1, b"k", b"v", u64::MAX).unwrap();
    let records = [
        b"\x18\x01k\x09v\x0B\x0A\0\0\0\0\0\0".as_slice(),
        b"\x05\x01\x01k\x01v", // no time: a value like any other
    ];
    assert_eq!(&batch.as_bytes()[12..], records.concat());
}

/// Longer than needed, as RocksDB accepts them; written again, they are short.
#[test]
fn w3_padded_varints_are_read() {
    let bytes = one(1, b"\x05\x80\x00\x81\x00k\x81\x80\x80\x80\x00v");
    let batch = WriteBatchRef::from_bytes(&bytes).unwrap();
    assert_eq!(
        batch.records().next(),
        Some(entry(0, Kind::VALUE, b"k", b"v"))
    );
    let mut again = WriteBatch::new();
    again.append(batch).unwrap();
    assert_eq!(again.as_bytes()[12..], bytes[12..], "appended as they are");
    let mut again = WriteBatch::new();
    again.add(&batch.records().next().unwrap()).unwrap();
    assert_eq!(&again.as_bytes()[12..], b"\x01\x01k\x01v");
}

#[test]
fn w3_damage_is_named() {
    let bad = |record_type, field, damage| Corruption::BadRecord {
        record_type,
        offset: 12,
        field,
        damage,
    };
    let (short, varint) = (Damage::Truncated, Damage::BadVarint);
    let unknown = |record_type| Corruption::UnknownRecord {
        record_type,
        offset: 12,
    };
    let claimed = |claimed, found| Corruption::BadCount { claimed, found };
    let damaged: [(Vec<u8>, Corruption); 21] = [
        (one(1, b""), claimed(1, 0)),
        (one(0, b"\x00\x01k"), claimed(0, 1)),
        (one(1, b"\x00\x01k\x07\x01k"), claimed(1, 2)),
        (one(1, b"\x14\x01k"), unknown(0x14)),
        (one(1, b"\x1A\x01k"), unknown(0x1A)),
        (one(0, b"\x7F"), unknown(0x7F)),
        (one(0, b"\xFF"), unknown(0xFF)),
        (one(1, b"\x00"), bad(0x00, RecordField::Key, short)),
        (one(1, b"\x00\x02k"), bad(0x00, RecordField::Key, short)),
        (one(1, b"\x01\x01k"), bad(0x01, RecordField::Value, short)),
        (
            one(1, b"\x01\x80\x80\x80\x80\x80\x00k"),
            bad(0x01, RecordField::Key, varint),
        ),
        (
            one(1, b"\x01\xFF\xFF\xFF\xFF\x10k"),
            bad(0x01, RecordField::Key, varint),
        ),
        (
            one(1, b"\x01\xFF\xFF\xFF\xFF\x0Fk"),
            bad(0x01, RecordField::Key, short),
        ),
        (
            one(1, b"\x02\x01k\x05op"),
            bad(0x02, RecordField::Operand, short),
        ),
        (
            one(1, b"\x05\xFF"),
            bad(0x05, RecordField::ColumnFamily, short),
        ),
        (
            one(1, b"\x05\xFF\xFF\xFF\xFF\xFF"),
            bad(0x05, RecordField::ColumnFamily, varint),
        ),
        (
            one(1, b"\x0F\x01k"),
            bad(0x0F, RecordField::RangeEnd, short),
        ),
        (
            one(1, b"\x18\x01k\x077 bytes"),
            bad(0x18, RecordField::Time, short),
        ),
        (
            one(0, b"\x03\x05blob"),
            bad(0x03, RecordField::LogData, short),
        ),
        (
            one(0, b"\x15\x02now\x02tx"),
            bad(0x15, RecordField::TransactionName, short),
        ),
        (one(0, b"\x15"), bad(0x15, RecordField::Timestamp, short)),
    ];
    for (bytes, damage) in damaged {
        let read = WriteBatchRef::from_bytes(&bytes).map(|_| ());
        assert_eq!(read, Err(Error::Corruption(damage)));
        assert!(WriteBatch::from_bytes(bytes).is_err());
    }
}

#[test]
fn w3_a_header_that_is_cut_off_is_named() {
    for length in 0..HEADER_LEN {
        let what = "header of a write batch";
        let read = WriteBatchRef::from_bytes(&[0; HEADER_LEN][..length]).map(|_| ());
        assert_eq!(read, Err(Corruption::Truncated { what }.into()));
    }
}

#[test]
fn w3_each_field_is_named_in_the_message() {
    let fields = [
        RecordField::ColumnFamily,
        RecordField::Key,
        RecordField::Value,
        RecordField::Operand,
        RecordField::RangeEnd,
        RecordField::Time,
        RecordField::LogData,
        RecordField::TransactionName,
        RecordField::Timestamp,
    ];
    let messages = fields.map(|field| {
        let damage = Corruption::BadRecord {
            record_type: 0x01,
            offset: 12,
            field,
            damage: Damage::Truncated,
        };
        assert!(damage.to_string().contains(&field.to_string()), "{damage}");
        damage.to_string()
    });
    let different = std::collections::BTreeSet::from(messages);
    assert_eq!(different.len(), fields.len(), "{different:?}");
}

#[test]
fn w3_damage_has_a_message() {
    let bad = |damage| Corruption::BadRecord {
        record_type: 0x01,
        offset: 12,
        field: RecordField::Key,
        damage,
    };
    let messages = [
        (
            Corruption::UnknownRecord {
                record_type: 0x14,
                offset: 13,
            },
            "corruption: unknown record type 0x14 at byte 13 of a write batch",
        ),
        (
            bad(Damage::Truncated),
            "corruption: truncated key in the record of type 0x01 at byte 12 of a write batch",
        ),
        (
            bad(Damage::BadVarint),
            "corruption: malformed varint of the key in the record of type 0x01 \
             at byte 12 of a write batch",
        ),
        (
            Corruption::BadCount {
                claimed: 1,
                found: 2,
            },
            "corruption: a write batch of 2 entries says that they are 1",
        ),
    ];
    for (damage, message) in messages {
        assert_eq!(damage.to_string(), message);
    }
}
