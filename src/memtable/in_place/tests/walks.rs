//! Ways through a table with updates in place, and ways of adding, that the sequences
//! against the model do not take.

use std::format;

use super::*;
use crate::lookup::Lookup;
use crate::memtable::tests::merges::Latest;
use crate::merge::StringAppend;
use crate::skiplist::Hint;

/// `a` to `e`, each added as its own letter and then updated to the capital one.
fn letters() -> InPlaceTable {
    let table = small().in_place().build().unwrap();
    let mut hint = Hint::new();
    let mut writer = table.writer().unwrap();
    for (sequence, letter) in (1..).zip(*b"abcde") {
        writer
            .add_with_hint(&mut hint, sequence, Kind::VALUE, &[letter], &[letter])
            .unwrap();
    }
    for (sequence, letter) in (6..).zip(*b"abcde") {
        let updated = writer.update(sequence, &[letter], &[letter.to_ascii_uppercase()]);
        assert_eq!(updated, Ok(Updated::InPlace));
    }
    drop(writer);
    table
}

/// S5: a cursor goes both ways, and says at each place what the value is now.
#[test]
fn s5_cursors_go_both_ways() {
    let table = letters();
    let mut cursor = table.iter();
    let mut buffer = Vec::new();
    let mut seen = Vec::new();
    cursor.seek_to_last();
    while cursor.valid() {
        assert_eq!(cursor.key().map(|(key, _)| key.len()), Some(1));
        seen.extend_from_slice(cursor.entry(&mut buffer).unwrap().unwrap().value);
        cursor.prev();
    }
    assert_eq!(seen, b"EDCBA");
    assert_eq!(cursor.status(), Ok(()));
    cursor.seek_for_prev(b"cc", 0);
    let mut other = cursor.clone();
    cursor.next();
    assert_eq!(other.key(), Some((&b"c"[..], 3)));
    assert_eq!(cursor.key(), Some((&b"d"[..], 4)));
    other.clear();
    assert!(!other.valid() && other.entry(&mut buffer).unwrap().is_none());
    assert!(format!("{cursor:?}").starts_with("InPlaceCursor"));
}

/// G5: so does an iterator over visible keys, inside of its bounds, past what it is not to see.
#[test]
fn g5_iterators_go_both_ways() {
    let table = letters();
    table.delete_range(11, b"d", b"e").unwrap();
    let (lower, upper) = (Bound::Excluded(&b"a"[..]), Bound::Unbounded);
    let mut keys = table
        .visible_range(11, lower, upper)
        .with_visibility(Without(2));
    let mut buffer = Vec::new();
    let mut seen = Vec::new();
    keys.seek_to_last().unwrap();
    while keys.valid() {
        seen.extend_from_slice(keys.entry(&mut buffer).unwrap().unwrap().value);
        keys.prev().unwrap();
    }
    assert_eq!(seen, b"EC", "a is out of bounds, b hidden, d deleted");
    keys.seek_for_prev(b"dd").unwrap();
    assert_eq!(keys.key(), Some(&b"c"[..]));
    assert_eq!(keys.timestamp(), None);
    assert_eq!(keys.lookup().unwrap().into_value(), Some(b"C".to_vec()));
    keys.next().unwrap();
    assert_eq!(keys.key(), Some(&b"e"[..]));
    assert!(format!("{keys:?}").starts_with("InPlaceIter"));
}

#[test]
fn e9_iterators_are_at_a_timestamp() {
    let order = TimestampedComparator::bytewise().unwrap();
    let table = MemTable::with_comparator(order).in_place().build().unwrap();
    for (sequence, timestamp) in [(1, 10_u64), (2, 20)] {
        let key = [&b"k"[..], &timestamp.to_le_bytes()].concat();
        let value = timestamp.to_le_bytes();
        table.add(sequence, Kind::VALUE, &key, &value).unwrap();
    }
    let mut keys = table.visible(2).at_timestamp(15);
    keys.seek(b"k").unwrap();
    assert_eq!(keys.timestamp(), Some(10));
    let value = keys.lookup().unwrap().into_value();
    assert_eq!(value, Some(10_u64.to_le_bytes().to_vec()));
}

/// What is asked of the table inside says the same here.
#[test]
fn w4_the_table_tells_about_itself() {
    let table = letters();
    assert!(
        table.contains(b"a", 1) && !table.contains(b"a", 6),
        "an update adds nothing"
    );
    table.delete_range(11, b"a", b"c").unwrap();
    let deletions = table.range_deletions(0..=11).unwrap();
    assert_eq!(deletions.len(), 1);
    let range = table.approximate_range(b"b", b"d");
    assert_eq!(
        (range.entries, range.bytes),
        (2, 24),
        "G7: of ten bytes each, and a range deletion"
    );
    let empty = small().in_place().build().unwrap();
    assert!(empty.is_empty() && !table.is_empty());
    assert_ne!(table.id(), empty.id());
    assert_eq!(table.reader(7).unwrap().snapshot(), 7);
    assert!(!table.is_sealed());
    table.seal().unwrap();
    assert!(table.is_sealed());
    assert_eq!(table.update(12, b"e", b""), Err(Error::Sealed));
    let shown = [
        format!("{table:?}"),
        format!("{:?}", table.reader(7).unwrap()),
        format!("{:?}", empty.writer().unwrap()),
    ];
    for (shown, name) in shown.iter().zip(["Table", "Reader", "Writer"]) {
        assert!(shown.starts_with(&format!("InPlace{name}")), "{shown}");
    }
}

/// W6: there is no place to exchange where the value is in a place already.
#[test]
fn w6_overwriting_is_refused() {
    let table = small().duplicates(DuplicatePolicy::Overwrite).in_place();
    let refused = table.build().map(|_| ()).unwrap_err();
    assert!(matches!(
        refused,
        Error::InvalidOption {
            option: "duplicates",
            ..
        }
    ));
}

/// W2: what is refused ends a batch; what was before it is in the table.
#[test]
fn w2_a_batch_ends_where_it_is_refused() {
    let table = small().in_place().build().unwrap();
    let entry = |sequence, user_key| EntryRef {
        user_key,
        sequence,
        kind: Kind::VALUE,
        value: b"v",
    };
    let entries = [entry(1, &b"a"[..]), entry(1 << 56, b"b"), entry(3, b"c")];
    let refused = table.writer().unwrap().add_batch(&entries).unwrap_err();
    assert_eq!(refused.added, 1);
    assert!(matches!(refused.error, Error::SequenceTooLarge { .. }));
    assert_eq!(table.stats().entries, 1);
    assert_eq!(value(&table, b"a", 9).as_deref(), Some(&b"v"[..]));

    // One whose value finds no place, too.
    let table = small().capacity(Some(16 << 10)).in_place().build().unwrap();
    let large = vec![0; 20 << 10];
    let mut entries = [entry(1, &b"a"[..]), entry(2, b"b"), entry(3, b"c")];
    entries[1].value = &large;
    let refused = table.writer().unwrap().add_batch(&entries).unwrap_err();
    assert_eq!(refused.added, 1);
    assert!(matches!(refused.error, Error::Full { .. }));
    assert_eq!(table.stats().entries, 1);
    assert_eq!(value(&table, b"a", 9).as_deref(), Some(&b"v"[..]));
}

/// W5: an exclusive writer folds operands onto what a value is now.
#[test]
fn w5_operands_are_folded_onto_the_updated_value() {
    let table = small()
        .merge_operator(Arc::new(StringAppend { delimiter: b',' }))
        .max_successive_merges(1)
        .in_place()
        .build()
        .unwrap();
    table.add(1, Kind::VALUE, b"k", b"old").unwrap();
    table.update(2, b"k", b"new").unwrap();
    table.add(3, Kind::MERGE, b"k", b"x").unwrap();
    let mut writer = table.exclusive_writer().unwrap();
    writer.add(4, Kind::MERGE, b"k", b"y").unwrap();
    drop(writer);
    let answer = table.get(b"k", 4).unwrap();
    assert!(matches!(
        answer.as_lookup(),
        Lookup::Found {
            sequence: 4,
            kind: Kind::VALUE,
            ..
        }
    ));
    assert_eq!(answer.into_value().as_deref(), Some(&b"new,x,y"[..]));
    assert_eq!(
        table.update(5, b"k", b"last"),
        Ok(Updated::InPlace),
        "a value as any other"
    );
}

/// G2: an operator that has enough is not given the value below, here either.
#[test]
fn g2_an_operator_can_stop_early() {
    let table = small().merge_operator(Arc::new(Latest)).in_place();
    let table = table.build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"base").unwrap();
    table.add(2, Kind::MERGE, b"k", b"older").unwrap();
    table.add(3, Kind::MERGE, b"k", b"newer").unwrap();
    let merged = table.reader(3).unwrap().get_merged(b"k").unwrap();
    assert_eq!(merged.into_value().as_deref(), Some(&b"newer"[..]));
}
