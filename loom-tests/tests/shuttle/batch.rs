//! Models of batches, of several lookups at a time and of cursors that remember,
//! larger than loom's. Invariants are those of `src/skiplist/mod.rs`.

use std::sync::Arc;

use shuttle::thread;
use verimem::checker::{Context, FAR_BYTES, insert_batch, set_shard_index, visits_of};
use verimem::rep::Cursor;
use verimem::skiplist::HeightSource;
use verimem::{BatchError, EntryRef, Error, Kind, MAX_SEQUENCE_NUMBER};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::skiplist::{List, join, list, list_of, scan};

fn batch(list: &List, keys: &[[u8; 2]]) -> Result<(), BatchError> {
    let entries: Vec<_> = keys.iter().map(entry).collect();
    list.insert_batch(&entries)
}

/// As [`batch`], far in memory from what was added before and what comes next.
fn batch_far_away(list: &List, keys: &[[u8; 2]]) {
    let entries: Vec<_> = keys.iter().map(entry).collect();
    let mut ticket = list
        .arena()
        .reserve(FAR_BYTES + (16 << 10))
        .expect("there is room");
    ticket.allocate(FAR_BYTES).expect("it was reserved");
    insert_batch(list, &mut ticket, &mut Context::empty(), &entries).expect("no duplicate");
}

fn entry(key: &[u8; 2]) -> EntryRef<'_> {
    EntryRef {
        user_key: key,
        sequence: 1,
        kind: Kind::VALUE,
        value: key,
    }
}

/// Keys of one thread, far from sorted, so that they are searched for in groups.
fn shuffled(thread: u8, count: u8) -> Vec<[u8; 2]> {
    (0..count)
        .map(|index| [b'a' + index * 5 % count, thread])
        .collect()
}

/// S1 to S5: batches of two groups by two writers into the same gaps, and a
/// reader that looks several keys up at a time.
#[test]
fn batches_and_lookups() {
    let model = Model {
        name: "batch::batches_and_lookups",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let list = list(HeightSource::Random);
        let writers = (0..2u8)
            .map(|writer| {
                let list = Arc::clone(&list);
                thread::spawn(move || {
                    set_shard_index(usize::from(writer));
                    batch(&list, &shuffled(writer, 14)).expect("no duplicate");
                })
            })
            .collect();
        let reader = {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                let keys: Vec<_> = (0..2).flat_map(|writer| shuffled(writer, 14)).collect();
                let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
                let mut before = vec![false; keys.len()];
                for _ in 0..2 {
                    let mut answers = 0;
                    list.multi_get(&keys, MAX_SEQUENCE_NUMBER, |index, found| {
                        assert_eq!(index, answers, "answers come in the order of the keys");
                        answers += 1;
                        let found = found.expect("no corruption");
                        assert!(
                            found.is_some() || !before[index],
                            "S5: what was found stays"
                        );
                        before[index] |= found.is_some();
                        assert!(found.is_none_or(
                            |found| found.user_key == keys[index] && found.value == keys[index]
                        ));
                    });
                    assert_eq!(answers, keys.len());
                }
            })
        };
        join(writers);
        join(vec![reader]);
        assert_eq!(scan(&list).len(), 28);
    });
}

/// S4, S5, and finger searches: more sorted keys than there are lanes, so that
/// searches begin where others ended, beside inserts into all gaps. At a snapshot of
/// what was there before, each answer is that of a single lookup.
#[test]
fn sorted_lookups_beside_inserts() {
    let model = Model {
        name: "batch::sorted_lookups_beside_inserts",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let list = list(HeightSource::Random);
        let old: Vec<_> = (0..16).map(|index| [b'a' + index, b'm']).collect();
        batch(&list, &old).expect("no duplicate");
        let writers = (0..2u8)
            .map(|writer| {
                let list = Arc::clone(&list);
                thread::spawn(move || {
                    set_shard_index(usize::from(writer));
                    for index in 0..8 {
                        // A newer version, and a key in a gap: new nodes for fingers.
                        let first = b'a' + (index * 5 + 3 * writer) % 16;
                        for key in [[first, b'm'], [first, b'n' + writer]] {
                            let sequence = 2 + u64::from(writer);
                            let entry = entry(&key);
                            list.insert(&EntryRef { sequence, ..entry })
                                .expect("no duplicate");
                        }
                    }
                })
            })
            .collect();
        let reader = {
            let (list, old) = (Arc::clone(&list), old.clone());
            thread::spawn(move || {
                // Keys that are there, in order, and keys that may come.
                let mut keys: Vec<[u8; 2]> = old.clone();
                keys.extend(old.iter().map(|key| [key[0], b'n']));
                keys.sort_unstable();
                let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
                for snapshot in [1, MAX_SEQUENCE_NUMBER] {
                    let before: Vec<_> = keys
                        .iter()
                        .map(|key| list.get(key, snapshot).expect("no corruption"))
                        .collect();
                    list.multi_get(&keys, snapshot, |index, found| {
                        let found = found.expect("no corruption");
                        let key = keys[index];
                        assert!(
                            found.is_none_or(|found| found.user_key == key && found.value == key)
                        );
                        if snapshot == 1 {
                            assert_eq!(found, before[index], "{key:?}: as a single lookup");
                            assert_eq!(found.is_some(), key[1] == b'm', "{key:?}");
                        } else {
                            let newest =
                                |found: Option<EntryRef<'_>>| found.map(|found| found.sequence);
                            assert!(
                                newest(found) >= newest(before[index]),
                                "S5: what was found stays: {key:?}"
                            );
                        }
                    });
                }
            })
        };
        join(writers);
        join(vec![reader]);
        assert_eq!(scan(&list).len(), 16 + 2 * 2 * 8);
    });
}

/// S2, S7: batches of the same entries in different orders. Each entry is
/// inserted once; a refused batch says how far it came.
#[test]
fn batches_of_the_same_entries() {
    let model = Model {
        name: "batch::batches_of_the_same_entries",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let list = list(HeightSource::Random);
        let writers = (0..3)
            .map(|writer| {
                let list = Arc::clone(&list);
                let factor = [3, 4, 7][writer];
                let keys = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
                    .map(|index| [b'a' + index * factor % 11, b'0']);
                thread::spawn(move || {
                    set_shard_index(writer);
                    // What is refused is left out, and the rest tried again.
                    let (mut inserted, mut left) = (0, &keys[..]);
                    while let Err(BatchError { added, error }) = batch(&list, left) {
                        assert_eq!(error, Error::Duplicate);
                        inserted += added;
                        left = &left[added + 1..];
                    }
                    inserted + left.len()
                })
            })
            .collect();
        let inserted: usize = join(writers).into_iter().sum();
        assert_eq!((inserted, scan(&list).len()), (11, 11));
    });
}

/// S2, S5: cursors in both directions while entries appear around them. What was
/// there before is met, in order, each once.
#[test]
fn walks_beside_batches() {
    let model = Model {
        name: "batch::walks_beside_batches",
        iterations: 5_000,
        exhaust: false,
    };
    let body = || {
        // Trails work from level 1 on at this branching.
        let list = list_of(
            64,
            HeightSource::Scripted(|entry| 1 + usize::from(entry.user_key[0] % 3 == 0)),
        );
        let old: Vec<_> = (0..8).map(|index| [b'b' + 2 * index, b'0']).collect();
        let (near, far) = old.split_at(3);
        batch(&list, near).expect("no duplicate");
        batch_far_away(&list, far);
        let writers = (0..2u8)
            .map(|writer| {
                let list = Arc::clone(&list);
                thread::spawn(move || {
                    set_shard_index(usize::from(writer));
                    let keys: Vec<_> = (0..4)
                        .map(|index| [b'b' + (index * 5 + 3 * writer) % 16, b'1' + writer])
                        .collect();
                    batch(&list, &keys).expect("no duplicate");
                })
            })
            .collect();
        let walkers = [true, false]
            .map(|forward| {
                let (list, old) = (Arc::clone(&list), old.clone());
                thread::spawn(move || walk(&list, &old, forward))
            })
            .into_iter()
            .collect();
        join(writers);
        join(walkers);
        assert_eq!(scan(&list).len(), 16);
    };
    let ((), visits) = visits_of(|| check(model, body));
    assert!(
        visits.ahead > 0 && visits.behind > 0,
        "WITNESS: {}: {visits:?}",
        model.name
    );
}

/// Walks all of the list; `old` was there before.
fn walk(list: &List, old: &[[u8; 2]], forward: bool) {
    let mut cursor = Cursor::new(list);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    if forward {
        cursor.seek_to_first();
    } else {
        cursor.seek_to_last();
    }
    while let Some((key, _)) = cursor.key() {
        if let Some(last) = seen.last() {
            assert_eq!(&last[..] < key, forward, "S2: {last:?} and {key:?}");
        }
        seen.push(key.to_vec());
        if forward {
            cursor.next();
        } else {
            cursor.prev();
        }
    }
    if !forward {
        seen.reverse();
    }
    let met = seen.iter().filter(|key| key[1] == b'0');
    assert!(met.eq(old), "what was there is met, each once: {seen:?}");
}
