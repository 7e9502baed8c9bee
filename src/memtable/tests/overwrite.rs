//! Entries that are overwritten (SPEC W6).

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::vec::Vec;

use super::filter::CaseBlind;
use super::*;
use crate::entry::Protection;
use crate::error::Corruption;
use crate::key::TimestampedComparator;
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

#[test]
fn w6_keys_stay_as_they_were_spelled_first() {
    for protection in [Protection::None, Protection::Eight] {
        let table = MemTable::with_comparator(CaseBlind)
            .write_buffer_size(64 << 10)
            .protection(protection)
            .verify_checksums_on_seek(!protection.is_empty())
            .duplicates(DuplicatePolicy::Overwrite)
            .build()
            .unwrap();
        table.add(1, Kind::VALUE, b"Key", b"first").unwrap();
        table.add(1, Kind::VALUE, b"kEY", b"second").unwrap();
        let entry = table.get_entry(b"KEY", 1).unwrap().unwrap();
        assert_eq!((entry.user_key, entry.value), (&b"Key"[..], &b"second"[..]));
        let mut cursor = table.iter();
        cursor.seek_to_first();
        assert_eq!(cursor.key(), Some((&b"Key"[..], 1)));
        assert_eq!(cursor.entry(), Ok(Some(entry)));
        assert_eq!(table.stats().data_size, 3 + 6 + 8);
    }
}

#[test]
fn w6_e9_entries_with_timestamps_are_overwritten_each_by_itself() {
    let table = MemTable::with_comparator(TimestampedComparator::bytewise().unwrap())
        .duplicates(DuplicatePolicy::Overwrite)
        .build()
        .unwrap();
    let key = |timestamp: u64| [&b"key"[..], &timestamp.to_le_bytes()].concat();
    for timestamp in [5, 6] {
        table
            .add(1, Kind::VALUE, &key(timestamp), b"first")
            .unwrap();
    }
    table.add(1, Kind::VALUE, &key(5), b"second").unwrap();
    let at = |timestamp| table.reader(9).unwrap().at_timestamp(timestamp);
    assert_eq!(at(5).get(b"key"), found(b"second", 1));
    assert_eq!(at(6).get(b"key"), found(b"first", 1));
    assert_eq!(table.stats().newest_timestamp, Some(6));
    assert_eq!(table.stats().data_size, 2 * (11 + 8) + 5 + 6);
}

#[test]
fn w6_w5_what_is_folded_may_overwrite() {
    let table = overwriting()
        .merge_operator(Arc::new(StringAppend { delimiter: b'.' }))
        .max_successive_merges(1)
        .build()
        .unwrap();
    let mut writer = table.exclusive_writer().unwrap();
    writer.add(1, Kind::VALUE, b"k", b"a").unwrap();
    writer.add(2, Kind::MERGE, b"k", b"b").unwrap();
    writer.add(3, Kind::MERGE, b"k", b"c").unwrap();
    assert_eq!(table.get(b"k", 9), found(b"a.b.c", 3));
    // What lies below is read anew; what was folded before is not.
    writer.add(1, Kind::VALUE, b"k", b"x").unwrap();
    assert_eq!(table.get(b"k", 9), found(b"a.b.c", 3));
    writer.add(3, Kind::MERGE, b"k", b"d").unwrap();
    assert_eq!(table.get(b"k", 9), found(b"x.b.d", 3));
    drop(writer);
    assert_eq!(table.stats(), recounted(&table));
}

#[test]
fn w6_a6_a_reservation_is_enough_and_without_one_nothing_changes() {
    let table = overwriting().capacity(Some(64 << 10)).build().unwrap();
    table.add(1, Kind::VALUE, b"k", b"v").unwrap();
    let size = table.max_entry_size(1, 1000).unwrap();
    // Who loses the race for a place takes a node and a version.
    let node = small().build().unwrap().max_entry_size(1, 1000).unwrap();
    assert!((node + 1000..node + 1100).contains(&size), "{size}");
    let mut writer = table.writer().unwrap();
    writer.reserve(size).unwrap();
    let mut filler = 2;
    while table.add(filler, Kind::VALUE, b"f", &[0; 64]).is_ok() {
        filler += 1;
    }
    let stats = table.stats();
    let value = [7; 1000];
    assert!(matches!(
        table.add(1, Kind::VALUE, b"k", &value),
        Err(Error::Full { .. })
    ));
    assert_eq!(table.get(b"k", 1), found(b"v", 1));
    assert_eq!(table.stats(), stats);
    writer.add(1, Kind::VALUE, b"k", &value).unwrap();
    drop(writer);
    assert_eq!(table.get(b"k", 1), found(&value, 1));
    assert_eq!(table.stats().data_size, stats.data_size + 999);
    table.seal().unwrap();
    assert_eq!(table.add(1, Kind::VALUE, b"k", b""), Err(Error::Sealed));
    assert_eq!(table.get(b"k", 1), found(&value, 1));
}

#[test]
fn w6_e10_a_cell_that_leads_to_another_entry_is_noticed_and_may_be_overwritten() {
    for checksums in [false, true] {
        let table = overwriting()
            .protection(Protection::Eight)
            .verify_checksums_on_seek(checksums)
            .build()
            .unwrap();
        for (sequence, key) in [(1, b"a"), (2, b"a"), (2, b"b")] {
            table.add(sequence, Kind::VALUE, key, b"once").unwrap();
            table.add(sequence, Kind::VALUE, key, b"v").unwrap();
        }
        let at = |key: &[u8], sequence| ReadRep::find(&table.rep, key, sequence).unwrap();
        let stats = table.stats();
        for other in [at(b"a", 1), at(b"b", 2)] {
            table.rep.lead_astray(at(b"a", 2), other);
            let version = Err(Error::Corruption(Corruption::Version));
            assert_eq!(table.get(b"a", 9), version);
            table.add(2, Kind::VALUE, b"a", b"w").unwrap();
            assert_eq!(table.get(b"a", 9), found(b"w", 2));
        }
        assert_eq!(table.get(b"a", 1), found(b"v", 1));
        assert_eq!(table.stats(), stats);
    }
}

#[test]
fn w6_m3_sums_are_not_below_zero_while_a_writer_is_inside() {
    let table = overwriting().build().unwrap();
    let mut writer = table.writer().unwrap();
    writer.add(1, Kind::DELETION, b"k", &[0; 100]).unwrap();
    writer.add(2, Kind::MERGE, b"k", b"operand").unwrap();
    for sequence in [1, 2] {
        table.add(sequence, Kind::VALUE, b"k", b"").unwrap();
    }
    let stats = table.stats();
    let sums = (stats.deletions, stats.merges, stats.data_size);
    assert_eq!(sums, (0, 0, 0), "what they are taken off is not there yet");
    drop(writer);
    assert_eq!(table.stats(), recounted(&table));
    assert_eq!(table.stats().data_size, 2 * (1 + 8));
}

#[cfg(feature = "bytes")]
#[test]
fn w6_g1_bytes_of_what_was_overwritten_outlive_the_table() {
    let table = Arc::new(overwriting().build().unwrap());
    table.add(1, Kind::VALUE, b"k", b"first").unwrap();
    let first = table.get_bytes(b"k", 1).unwrap().unwrap();
    table.add(1, Kind::VALUE, b"k", b"second").unwrap();
    let second = table.get_bytes(b"k", 1).unwrap().unwrap();
    drop(table);
    assert_eq!((&first[..], &second[..]), (&b"first"[..], &b"second"[..]));
}

#[test]
fn w6_m3_writers_on_threads_overwrite_beside_readers() {
    const ROUNDS: u8 = if cfg!(miri) { 5 } else { 100 };
    for protection in [Protection::None, Protection::Four] {
        let table = overwriting().protection(protection).build().unwrap();
        let keys: Vec<[u8; 1]> = (0..20).map(|key| [key]).collect();
        let done = AtomicUsize::new(0);
        let kind = |value: &[u8]| [Kind::VALUE, Kind::DELETION, Kind::MERGE][value.len() % 3];
        let whole = |entry: &EntryRef<'_>| {
            let same = entry.value.iter().all(|&byte| byte == entry.value[0]);
            entry.kind == kind(entry.value) && same
        };
        std::thread::scope(|scope| {
            for thread in 0..3u8 {
                let (table, keys, done) = (&table, &keys, &done);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let value = std::vec![round; usize::from(1 + thread + round % 5)];
                        let mut writer = table.writer().unwrap();
                        for key in keys {
                            writer.add(1, kind(&value), key, &value).unwrap();
                        }
                    }
                    done.fetch_add(1, SeqCst);
                });
            }
            scope.spawn(|| {
                while done.load(SeqCst) < 3 {
                    for key in &keys {
                        let entry = table.get_entry(key, 1).unwrap();
                        assert!(entry.is_none_or(|entry| whole(&entry)), "{entry:?}");
                    }
                    assert!(table.stats().data_size < 1 << 20, "never below zero");
                }
            });
        });
        assert_eq!(table.stats().entries, 20);
        assert_eq!(table.stats(), recounted(&table));
    }
}
