//! Kinds that are stored, and returned as what they are.

use super::*;
use crate::merge::{Merged, StringAppend};
use crate::timed_value::TimedValue;

const OWN: Kind = Kind(0x70);
const KINDS: [Kind; 4] = [
    Kind::BLOB_INDEX,
    Kind::WIDE_COLUMN_ENTITY,
    Kind::VALUE_PREFERRED_SEQNO,
    OWN,
];

fn table() -> MemTable {
    let operator = Arc::new(StringAppend { delimiter: b'+' });
    small().merge_operator(operator).build().unwrap()
}

#[test]
fn g6_kinds_come_back_as_what_they_are() {
    let table = table();
    for (sequence, kind) in (1..).zip(KINDS) {
        table.add(sequence, kind, b"k", &[kind.0; 9]).unwrap();
    }
    let reader = |sequence| table.reader(sequence).unwrap();
    for (sequence, kind) in (1..).zip(KINDS) {
        let value = &[kind.0; 9][..];
        let found = Lookup::Found {
            value,
            sequence,
            kind,
        };
        assert_eq!(reader(sequence).get(b"k"), Ok(found.clone()));
        assert_eq!(reader(sequence).multi_get(&[b"k"]), Ok(vec![Ok(found)]));
        let merged = Merged::Found {
            value: value.into(),
            sequence,
            kind,
        };
        assert_eq!(reader(sequence).get_merged(b"k"), Ok(merged));
        let entry = table.get_entry(b"k", sequence).unwrap().unwrap();
        assert_eq!((entry.kind, entry.value), (kind, value));
        let mut visible = table.visible(sequence);
        visible.seek_to_last().unwrap();
        assert_eq!(visible.entry().unwrap().unwrap(), entry);
    }
}

#[test]
fn g6_operands_lie_upon_a_timed_value_and_upon_no_other_kind() {
    for kind in KINDS {
        let table = table();
        let mut packed = Vec::new();
        let timed = TimedValue {
            value: b"v",
            number: 7,
        };
        timed.pack(&mut packed).unwrap();
        table.add(1, kind, b"k", &packed).unwrap();
        table.add(2, Kind::MERGE, b"k", b"w").unwrap();
        let merged = table.reader(2).unwrap().get_merged(b"k");
        if kind == Kind::VALUE_PREFERRED_SEQNO {
            let value = b"v+w"[..].into();
            let (sequence, kind) = (2, Kind::VALUE);
            assert_eq!(
                merged,
                Ok(Merged::Found {
                    value,
                    sequence,
                    kind
                })
            );
        } else {
            assert!(matches!(merged, Err(Error::Unsupported(_))), "{kind:?}");
        }
        // Who wants to know what lies there is told.
        let Lookup::Merge { base, .. } = table.get(b"k", 2).unwrap() else {
            panic!("there is an operand");
        };
        let expected = MergeBase::Value {
            value: &packed,
            sequence: 1,
            kind,
        };
        assert_eq!(base, expected);
    }
}

#[test]
fn g6_a_timed_value_without_its_time_is_corruption() {
    let table = table();
    table
        .add(1, Kind::VALUE_PREFERRED_SEQNO, b"k", b"short")
        .unwrap();
    table.add(2, Kind::MERGE, b"k", b"w").unwrap();
    let merged = table.reader(2).unwrap().get_merged(b"k");
    assert!(matches!(merged, Err(Error::Corruption(_))));
}

#[test]
fn w5_operands_are_not_folded_into_what_is_no_plain_value() {
    for kind in KINDS {
        let operator = Arc::new(StringAppend { delimiter: b'+' });
        let builder = small().merge_operator(operator).max_successive_merges(1);
        let table = builder.build().unwrap();
        let mut writer = table.exclusive_writer().unwrap();
        writer.add(1, kind, b"k", b"12345678").unwrap();
        for sequence in 2..6 {
            writer.add(sequence, Kind::MERGE, b"k", b"w").unwrap();
        }
        drop(writer);
        let newest = table.get_entry(b"k", 5).unwrap().unwrap();
        let folds = kind == Kind::VALUE_PREFERRED_SEQNO;
        assert_eq!(newest.kind == Kind::VALUE, folds, "{kind:?}");
        if folds {
            assert_eq!(newest.value, b"+w+w+w+w");
        }
    }
}
