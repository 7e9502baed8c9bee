//! Entries that are overwritten (SPEC W6).

use std::vec::Vec;

use super::*;
use crate::entry::Protection;
use crate::key::{ReverseBytewiseComparator, TimestampedComparator};
use crate::merge::StringAppend;
use crate::skiplist::Hint;

fn overwriting() -> MemTableBuilder {
    small().duplicates(DuplicatePolicy::Overwrite)
}

fn found(value: &[u8], sequence: SequenceNumber) -> Result<Lookup<'_>> {
    let kind = Kind::VALUE;
    Ok(Lookup::Found {
        value,
        sequence,
        kind,
    })
}

/// All that a table can be made of, as far as entries look different then.
fn tables() -> Vec<MemTable> {
    let protections = [
        Protection::None,
        Protection::One,
        Protection::Two,
        Protection::Four,
        Protection::Eight,
    ];
    let mut tables = Vec::new();
    for protection in protections {
        for order in [false, true] {
            for filter in [0.0, 0.1] {
                let checksums = order && !protection.is_empty();
                let table = overwriting()
                    .protection(protection)
                    .paranoid_checks(order)
                    .verify_checksums_on_seek(checksums)
                    .bloom_size_ratio(filter);
                tables.push(table.build().unwrap());
            }
        }
    }
    tables
}

/// The counters of a table that has what a cursor finds in it, and nothing else.
fn recounted(table: &MemTable) -> Stats {
    let copy = small().build().unwrap();
    let mut cursor = table.iter();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().unwrap() {
        copy.add(entry.sequence, entry.kind, entry.user_key, entry.value)
            .unwrap();
        cursor.next();
    }
    copy.stats()
}

#[test]
fn w6_all_readers_see_the_newest_version_and_what_was_borrowed_stays() {
    for table in tables() {
        table.add(1, Kind::VALUE, b"a", b"below").unwrap();
        table.add(2, Kind::VALUE, b"a", b"first").unwrap();
        table.add(3, Kind::VALUE, b"b", b"other").unwrap();
        let old = table.get(b"a", 9).unwrap();
        let mut cursor = table.iter();
        cursor.seek(b"a", 9);
        let mut keys = table.visible(9);
        keys.seek_to_first().unwrap();
        let before = table.memory_usage().used;
        let longer = [b'2'; 300];
        for value in [&b"second"[..], b"", &longer] {
            table.add(2, Kind::VALUE, b"a", value).unwrap();
            assert_eq!(table.get(b"a", 9), found(value, 2));
            assert_eq!(table.get(b"a", 1), found(b"below", 1));
            assert_eq!(table.get(b"b", 9), found(b"other", 3));
            let several = table.multi_get(&[b"b", b"a"], 9).unwrap();
            assert_eq!(several, [found(b"other", 3), found(value, 2)]);
            let entry = EntryRef {
                user_key: b"a",
                sequence: 2,
                kind: Kind::VALUE,
                value,
            };
            assert_eq!(table.get_entry(b"a", 9), Ok(Some(entry)));
            assert_eq!(cursor.entry(), Ok(Some(entry)));
            assert_eq!(keys.entry(), Ok(Some(entry)));
            assert_eq!(keys.lookup(), found(value, 2));
            assert!(table.sample(3).unwrap().contains(&entry));
            assert_eq!(table.stripped().next(), Ok(Some(entry)));
        }
        assert_eq!(Ok(old), found(b"first", 2));
        let used = table.memory_usage().used - before;
        assert!((300..1_000).contains(&used), "{used} bytes for 3 versions");
        // By a tombstone: who stays there is told of it, and who comes by passes it over.
        table.add(2, Kind::DELETION, b"a", b"").unwrap();
        let deleted = Lookup::Deleted {
            sequence: 2,
            kind: Kind::DELETION,
        };
        assert_eq!(table.get(b"a", 9), Ok(deleted.clone()));
        assert_eq!(keys.lookup(), Ok(deleted));
        let kind = keys.entry().unwrap().map(|entry| entry.kind);
        assert_eq!(kind, Some(Kind::DELETION));
        keys.next().unwrap();
        assert_eq!(keys.key(), Some(&b"b"[..]));
        keys.prev().unwrap();
        assert_eq!(keys.key(), None);
        assert_eq!(cursor.key(), Some((&b"a"[..], 2)));
        assert!(table.contains(b"a", 2));
        assert_eq!(table.stats(), recounted(&table));
    }
}

#[test]
fn w6_every_way_to_add_overwrites_and_is_counted_exactly() {
    let entry = |sequence, user_key, kind, value| EntryRef {
        user_key,
        sequence,
        kind,
        value,
    };
    for exclusive in [false, true] {
        for table in tables() {
            let enter = || {
                if exclusive {
                    table.exclusive_writer().unwrap()
                } else {
                    table.writer().unwrap()
                }
            };
            let mut hint = Hint::new();
            let mut writer = enter();
            writer
                .add(1, Kind::VALUE, b"b", b"a long first value")
                .unwrap();
            writer.add(1, Kind::VALUE, b"b", b"").unwrap();
            writer.add(1, Kind::DELETION, b"b", b"").unwrap();
            writer.add(1, Kind::MERGE, b"b", b"operand").unwrap();
            writer
                .add_with_hint(&mut hint, 1, Kind::MERGE, b"b", b"hinted")
                .unwrap();
            let protected = entry(1, b"b", Kind::SINGLE_DELETION, b"protected");
            writer
                .add_protected(&protected, protected.checksum())
                .unwrap();
            drop(writer);
            assert_eq!(table.stats(), recounted(&table));
            assert_eq!((table.stats().entries, table.stats().deletions), (1, 1));
            assert_eq!(table.get_entry(b"b", 1), Ok(Some(protected)));
            // Overwrites alone, which take more off than they add.
            let mut writer = enter();
            writer.add(1, Kind::VALUE, b"b", b"").unwrap();
            drop(writer);
            assert_eq!(table.stats(), recounted(&table));
            // Of the table, of one another, next to each other and at the ends.
            let batch = [
                entry(1, &b"b"[..], Kind::MERGE, &b"second"[..]),
                entry(1, b"a", Kind::VALUE, b"first"),
                entry(1, b"b", Kind::VALUE, b"third"),
                entry(1, b"b", Kind::DELETION, b""),
                entry(2, b"b", Kind::DELETION, b""),
                entry(1, b"c", Kind::MERGE, b"first"),
                entry(1, b"a", Kind::MERGE, b"last"),
            ];
            let mut writer = enter();
            writer.add_batch(&batch).unwrap();
            let over = entry(MAX_SEQUENCE_NUMBER + 1, b"d", Kind::VALUE, b"");
            let refused = writer.add_batch(&[batch[0], batch[1], over]).unwrap_err();
            assert_eq!(refused.added, 2);
            let many: Vec<_> = (0..50).map(|n| batch[n % batch.len()]).collect();
            writer.add_batch(&many).unwrap();
            drop(writer);
            let stats = table.stats();
            assert_eq!(stats, recounted(&table));
            assert_eq!((stats.entries, stats.deletions, stats.merges), (4, 1, 3));
            assert_eq!(table.get_entry(b"a", 1), Ok(Some(batch[6])));
            assert_eq!(table.get_entry(b"b", 1), Ok(Some(batch[0])));
        }
    }
}
