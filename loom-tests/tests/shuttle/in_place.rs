//! Models of values that are updated in place (SPEC W4), with several writers and readers.

use std::sync::Arc;

use verimem::in_place::{Decision, Updated};
use verimem::{InPlaceTable, Kind, Lookup};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{builder, spawn};
use crate::skiplist::join;

const KEYS: [&[u8]; 2] = [b"a", b"b"];

/// A table with a value for each of the first keys, all of so many bytes.
fn table(locks: usize, keys: usize, length: usize) -> Arc<InPlaceTable> {
    let table = builder().in_place().locks(locks).build().expect("a table");
    for key in &KEYS[..keys] {
        let value = vec![b'-'; length];
        table.add(1, Kind::VALUE, key, &value).expect("a new key");
    }
    Arc::new(table)
}

fn value(table: &InPlaceTable, key: &[u8]) -> Vec<u8> {
    let answer = table.get(key, 1_000).expect("no corruption");
    answer.into_value().expect("there is a value")
}

/// Appends a letter to the value of a key.
fn append(table: &InPlaceTable, key: &[u8], letter: u8) -> Updated {
    let mut writer = table.writer().expect("the table is open");
    let updated = writer.update_with(2, key, |existing, value| {
        if let Lookup::Found { value: old, .. } = existing {
            value.extend_from_slice(old);
        }
        value.push(letter);
        Decision::Replace
    });
    updated.expect("there is room")
}

/// U2, by depth-first search: two callbacks on one key.
#[test]
fn callbacks_exhausted() {
    let model = Model {
        name: "in_place::callbacks_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let table = table(1, 1, 1);
        let other = spawn(&table, 0, |table| append(table, KEYS[0], b'b'));
        append(&table, KEYS[0], b'a');
        other.join().expect("no panic");
        let seen = value(&table, KEYS[0]);
        assert!(seen == b"-ab" || seen == b"-ba", "U2: {seen:?}");
    });
}

/// U1, U2: writers append letters to two keys while others read. No letter is lost or comes
/// twice, and values only grow.
#[test]
fn callbacks_of_several_writers() {
    let model = Model {
        name: "in_place::callbacks_of_several_writers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table(2, 2, 12);
        for key in KEYS {
            assert_eq!(table.update(1, key, b""), Ok(Updated::InPlace));
        }
        let writers = (0..3u8)
            .map(|writer| {
                spawn(&table, usize::from(writer), move |table| {
                    for letter in [b'a' + writer, b'k' + writer] {
                        for key in KEYS {
                            append(table, key, letter);
                        }
                    }
                })
            })
            .collect();
        let readers = (0..2)
            .map(|reader| spawn(&table, reader, look_twice))
            .collect();
        join(writers);
        join(readers);
        for key in KEYS {
            let mut letters = value(&table, key);
            letters.sort_unstable();
            assert_eq!(letters, b"abcklm", "U2");
        }
        let stats = table.stats();
        assert_eq!((stats.entries, stats.data_size), (2, 2 * (1 + 6 + 8)), "M3");
    });
}

/// What is read later begins with what was read before.
fn look_twice(table: &InPlaceTable) {
    let mut before: [Vec<u8>; 2] = Default::default();
    let mut buffer = Vec::new();
    for _ in 0..2 {
        let mut keys = table.visible(1_000);
        keys.seek_to_first().expect("no corruption");
        while let Some(entry) = keys.entry(&mut buffer).expect("no corruption") {
            let place = usize::from(entry.user_key == KEYS[1]);
            assert!(entry.value.starts_with(&before[place]), "U1");
            before[place] = entry.value.to_vec();
            keys.next().expect("no corruption");
        }
        let answers = table.multi_get(&KEYS, 1_000).expect("memory");
        for (answer, before) in answers.into_iter().zip(&before) {
            let value = answer.expect("no corruption").into_value();
            assert!(value.expect("a value").starts_with(before), "U1");
        }
    }
}

/// U4, M3: updates with numbers of their own, in whatever order they come. The largest
/// stays, each is in place or too late, and the counters are exact.
#[test]
fn late_updates_of_several_writers() {
    let model = Model {
        name: "in_place::late_updates_of_several_writers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table(1, 2, 12);
        let writers = (0..3u64)
            .map(|writer| {
                spawn(&table, writer as usize, move |table| {
                    for number in [4 - writer, 7 - writer] {
                        for key in KEYS {
                            let made = vec![b'0' + number as u8; number as usize];
                            let updated = table.update(number, key, &made);
                            let expected = [Ok(Updated::InPlace), Ok(Updated::Superseded)];
                            assert!(expected.contains(&updated), "W4: {updated:?}");
                        }
                    }
                })
            })
            .collect();
        let readers = (0..2)
            .map(|reader| {
                spawn(&table, reader, |table| {
                    let mut newest = 0;
                    for _ in 0..3 {
                        let seen = value(table, KEYS[0]);
                        let first = seen[0];
                        assert!(seen.iter().all(|&byte| byte == first), "U1: {seen:?}");
                        assert!(first >= newest, "U4");
                        newest = first;
                    }
                })
            })
            .collect();
        join(writers);
        join(readers);
        for key in KEYS {
            assert_eq!(value(&table, key), b"7777777", "U4");
        }
        let stats = table.stats();
        assert_eq!((stats.entries, stats.data_size), (2, 2 * (1 + 7 + 8)), "M3");
    });
}
