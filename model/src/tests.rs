//! Tables by hand.

use crate::{
    Added, Answer, Base, By, Duplicates, Entry, InternalCursor, ModelMemTable, Order, Refusal,
    Sight, View, VisibleCursor, kind,
};

fn add(table: &mut ModelMemTable, user_key: &[u8], sequence: u64, kind: u8) {
    let entry = Entry {
        user_key,
        sequence,
        kind,
        value: user_key,
    };
    assert_eq!(table.add(&entry, By::Anyone), Ok(Added::New));
}

/// `a`: merge over value; `b`: deleted; `c`: value, below a deletion.
fn table(order: Order) -> ModelMemTable {
    let mut table = ModelMemTable::new(order);
    add(&mut table, b"a", 1, kind::VALUE);
    add(&mut table, b"a", 4, kind::MERGE);
    add(&mut table, b"b", 2, kind::VALUE);
    add(&mut table, b"b", 5, kind::DELETION);
    add(&mut table, b"c", 3, kind::VALUE);
    add(&mut table, b"c", 9, kind::SINGLE_DELETION);
    table
}

#[test]
fn answers_by_hand() {
    let table = table(Order::Bytewise);
    let value = |sequence, value| Answer::Found {
        kind: kind::VALUE,
        sequence,
        value,
    };
    assert_eq!(table.get(b"a", &Sight::at(0)), Answer::NotFound);
    assert_eq!(table.get(b"a", &Sight::at(3)), value(1, b"a"));
    let base = Base::Value {
        kind: kind::VALUE,
        sequence: 1,
        value: b"a",
    };
    let merge = Answer::Merge {
        operands: vec![b"a"],
        sequence: 4,
        base,
    };
    assert_eq!(table.get(b"a", &Sight::at(4)), merge);
    assert_eq!(
        table.get(b"b", &Sight::at(9)),
        Answer::Deleted {
            kind: kind::DELETION,
            sequence: 5
        }
    );
    assert_eq!(table.counters().deletions, 2);
    assert_eq!(table.counters().data_size, 6 * (1 + 8 + 1));
}

#[test]
fn cursors_by_hand() {
    let mut table = table(Order::ReverseBytewise);
    let mut keys = VisibleCursor::new(View::whole(6));
    keys.seek_to_first(&table);
    assert_eq!(
        keys.entry(&table).map(|entry| entry.user_key),
        Some(&b"c"[..])
    );
    add(&mut table, b"bb", 6, kind::VALUE);
    keys.next(&table);
    assert_eq!(
        keys.entry(&table).map(|entry| entry.user_key),
        Some(&b"bb"[..])
    );
    keys.next(&table);
    assert_eq!(
        keys.entry(&table).map(|entry| entry.user_key),
        Some(&b"a"[..])
    );
    keys.next(&table);
    keys.prev(&table);
    assert_eq!(
        keys.entry(&table),
        None,
        "an exhausted cursor stays where it is"
    );
    let mut all = InternalCursor::default();
    all.seek(&table, b"b", 4);
    assert_eq!(all.entry(&table).map(|entry| entry.sequence), Some(2));
    all.prev(&table);
    assert_eq!(all.entry(&table).map(|entry| entry.sequence), Some(5));
}

#[test]
fn ranges_by_hand() {
    let mut table = table(Order::Bytewise);
    for (user_key, value, sequence) in [(b"a", b"c", 3), (b"b", b"b", 20), (b"a", b"b", 6)] {
        let entry = Entry {
            user_key,
            sequence,
            kind: kind::RANGE_DELETION,
            value,
        };
        let added = match user_key == value {
            true => Added::Nothing,
            false => Added::New,
        };
        assert_eq!(table.add(&entry, By::Anyone), Ok(added));
    }
    let deleted = |sequence| Answer::Deleted {
        kind: kind::RANGE_DELETION,
        sequence,
    };
    assert_eq!(table.get(b"a", &Sight::at(3)), deleted(3));
    let merge = Answer::Merge {
        operands: vec![b"a"],
        sequence: 4,
        base: Base::Deleted { sequence: 3 },
    };
    assert_eq!(table.get(b"a", &Sight::at(5)), merge);
    assert_eq!(table.get(b"a", &Sight::at(6)), deleted(6));
    assert_eq!(table.get(b"bb", &Sight::at(9)), deleted(3));
    assert_eq!(table.counters().range_deletions, 2);
    let keys: Vec<_> = table
        .visible(&View::whole(5))
        .iter()
        .map(|one| one.user_key)
        .collect();
    assert_eq!(keys, [b"a", b"c"]);
}

#[test]
fn refusals_by_hand() {
    let mut table = table(Order::Bytewise);
    let refused = |table: &ModelMemTable, sequence, kind| {
        let entry = Entry {
            user_key: b"a",
            sequence,
            kind,
            value: b"",
        };
        table.check(&entry).err()
    };
    assert_eq!(refused(&table, 1, kind::DELETION), Some(Refusal::Duplicate));
    assert_eq!(
        refused(&table, u64::MAX, kind::VALUE),
        Some(Refusal::SequenceTooLarge)
    );
    assert_eq!(
        refused(&table, 7, kind::RANGE_DELETION),
        Some(Refusal::InvertedRange)
    );
    table.seal();
    assert_eq!(
        refused(&table, u64::MAX, kind::RANGE_DELETION),
        Some(Refusal::Sealed)
    );
}

/// Key `k` with a timestamp of two bytes.
fn at(timestamp: u16) -> Vec<u8> {
    [&b"k"[..], &timestamp.to_le_bytes()].concat()
}

/// The timestamp decides, then the sequence number (SPEC E9).
#[test]
fn e9_timestamps_by_hand() {
    let mut table = ModelMemTable::new(Order::Bytewise).timestamps(2);
    add(&mut table, &at(300), 1, kind::VALUE);
    add(&mut table, &at(5), 9, kind::VALUE);
    add(&mut table, &at(300), 4, kind::DELETION_WITH_TIMESTAMP);
    let read = |snapshot, timestamp| {
        let mut sight = Sight::at(snapshot);
        sight.timestamp = timestamp;
        let sequence = match table.get(b"k", &sight) {
            Answer::Found { sequence, .. } | Answer::Deleted { sequence, .. } => Some(sequence),
            _ => None,
        };
        (sequence, table.timestamp_of(b"k", &sight))
    };
    assert_eq!(read(9, u64::MAX), (Some(4), Some(300)));
    assert_eq!(read(3, 300), (Some(1), Some(300)));
    assert_eq!(read(9, 299), (Some(9), Some(5)));
    assert_eq!(read(8, 299), (None, None));
    assert_eq!(table.counters().newest_timestamp, Some(300));
    let stripped: Vec<_> = table
        .stripped()
        .map(|one| (one.user_key, one.sequence))
        .collect();
    assert_eq!(stripped, [(&b"k"[..], 4), (b"k", 1), (b"k", 9)]);
    let mut keys = VisibleCursor::new(View::whole(3));
    keys.seek_to_last(&table);
    assert_eq!(
        (keys.timestamp(), keys.entry(&table).map(|one| one.sequence)),
        (Some(300), Some(1))
    );
    fn range<'a>(begin: &'a [u8], end: &'a [u8]) -> Entry<'a> {
        Entry {
            user_key: begin,
            sequence: 6,
            kind: kind::RANGE_DELETION,
            value: end,
        }
    }
    let refused = |begin: &[u8], end: &[u8]| table.check(&range(begin, end)).err();
    assert_eq!(refused(b"a\x01\0", b"z\x01\0"), None);
    assert_eq!(
        refused(b"a\x01\0", b"z\x02\0"),
        Some(Refusal::OtherTimestamp)
    );
    assert_eq!(refused(b"a", b"z\x02\0"), Some(Refusal::ShortTimestamp));
    assert_eq!(
        table.add(&range(b"a\x2C\x01", b"z\x2C\x01"), By::Anyone),
        Ok(Added::New)
    );
    let covered = Answer::Deleted {
        kind: kind::RANGE_DELETION,
        sequence: 6,
    };
    assert_eq!(table.get(b"k", &Sight::at(9)), covered);
}

/// SPEC W6.
#[test]
fn w6_duplicates_by_hand() {
    let again = Entry {
        user_key: b"a",
        sequence: 4,
        kind: kind::DELETION,
        value: b"",
    };
    let outcome = |duplicates| {
        let mut table = table(Order::Bytewise).duplicates(duplicates);
        let added = table.add(&again, By::Anyone);
        let kind = table.newest(b"a", &Sight::at(4)).map(|entry| entry.kind);
        let counters = table.counters();
        (added, kind, counters.deletions, counters.data_size)
    };
    let (merge, deletion) = (Some(kind::MERGE), Some(kind::DELETION));
    let rejected = outcome(Duplicates::Reject);
    assert_eq!(rejected, (Err(Refusal::Duplicate), merge, 2, 60));
    let kept = outcome(Duplicates::KeepFirst);
    assert_eq!(kept, (Ok(Added::Kept), merge, 2, 60));
    let overwritten = outcome(Duplicates::Overwrite);
    assert_eq!(overwritten, (Ok(Added::Overwritten), deletion, 3, 59));
}
