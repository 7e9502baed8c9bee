//! Hints per prefix.

use super::*;
use crate::key::{CappedPrefix, FixedPrefix};
use crate::memtable::PrefixHints;

fn keys(table: &MemTable) -> Vec<(Vec<u8>, u64)> {
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut keys = Vec::new();
    while let Some((key, sequence)) = cursor.key() {
        keys.push((key.to_vec(), sequence));
        cursor.next();
    }
    keys
}

#[test]
fn s3_hints_per_prefix_on_many_threads() {
    let table = small().write_buffer_size(4 << 20).build().unwrap();
    let threads = 4u8;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let table = &table;
            scope.spawn(move || {
                let mut hints = PrefixHints::new(Arc::new(FixedPrefix(1)), 5).unwrap();
                // A batch each: the hints outlive it.
                for one in 0..600u16 {
                    let mut writer = table.writer().unwrap();
                    // More prefixes than hints, each shared by all threads.
                    let [high, low] = one.to_be_bytes();
                    let key = [low % 7, high, low, thread];
                    writer
                        .add_with_prefix_hints(&mut hints, 1, Kind::VALUE, &key, &key)
                        .unwrap();
                    assert!(hints.len() <= 5);
                }
            });
        }
    });
    let mut expected: Vec<_> = (0..600u16)
        .flat_map(|one| {
            let [high, low] = one.to_be_bytes();
            (0..threads).map(move |thread| (vec![low % 7, high, low, thread], 1))
        })
        .collect();
    expected.sort();
    assert_eq!(keys(&table), expected);
    assert_eq!(table.stats().entries, 2400);
}

#[test]
fn s3_keys_out_of_the_domain_need_no_hint() {
    let table = small().build().unwrap();
    let mut hints = PrefixHints::new(Arc::new(FixedPrefix(2)), 9).unwrap();
    let mut writer = table.exclusive_writer().unwrap();
    for key in [&b"a"[..], b"", b"ab", b"abc"] {
        writer
            .add_with_prefix_hints(&mut hints, 7, Kind::VALUE, key, b"")
            .unwrap();
    }
    assert_eq!(hints.len(), 1);
    hints.clear();
    assert!(hints.is_empty());
    drop(writer);
    assert_eq!(table.stats().entries, 4);
}

#[test]
fn s3_another_table_refuses_the_hints_until_they_are_cleared() {
    let tables = [small().build().unwrap(), small().build().unwrap()];
    let mut hints = PrefixHints::new(Arc::new(CappedPrefix(1)), 9).unwrap();
    let add = |table: &MemTable, hints: &mut PrefixHints, sequence| {
        let mut writer = table.writer().unwrap();
        writer.add_with_prefix_hints(hints, sequence, Kind::VALUE, b"k", b"")
    };
    add(&tables[0], &mut hints, 1).unwrap();
    assert_eq!(add(&tables[1], &mut hints, 1), Err(Error::ForeignHint));
    assert!(tables[1].is_empty());
    assert_eq!(tables[1].stats().entries, 0);
    add(&tables[0], &mut hints, 2).unwrap();
    hints.clear();
    add(&tables[1], &mut hints, 1).unwrap();
    assert_eq!(tables[1].stats().entries, 1);
}

#[test]
fn s3_no_hints_at_all_are_refused() {
    let none = PrefixHints::new(Arc::new(FixedPrefix(1)), 0);
    assert!(matches!(none, Err(Error::InvalidOption { .. })));
}
