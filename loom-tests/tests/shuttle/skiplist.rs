//! Models of the skiplist. Invariants are those of `src/skiplist/mod.rs`.

use std::sync::Arc;

use shuttle::thread;
use verimem::arena::{ArenaOptions, ConcurrentArena};
use verimem::checker::set_shard_index;
use verimem::rep::Cursor;
use verimem::skiplist::{HeightSource, SkipList, SkipListOptions};
use verimem::{BytewiseComparator, EntryRef, Error, Hint, Kind, MAX_SEQUENCE_NUMBER};
use verimem_loom_tests::shuttle_model::{Model, check};

pub type List = SkipList<BytewiseComparator>;

pub fn list(heights: HeightSource) -> Arc<List> {
    list_of(SkipListOptions::default().branching, heights)
}

/// As [`list`], at a branching.
pub fn list_of(branching: u32, heights: HeightSource) -> Arc<List> {
    let arena = ArenaOptions {
        block_size: 4096,
        ..ArenaOptions::default()
    };
    let arena = Arc::new(ConcurrentArena::new(arena).expect("an arena"));
    let options = SkipListOptions {
        max_height: 4,
        branching,
        heights,
        ..SkipListOptions::default()
    };
    Arc::new(SkipList::new(arena, BytewiseComparator, options).expect("a list"))
}

/// One in two keys is taller than one level, whatever the schedule.
fn scripted(entry: &EntryRef<'_>) -> usize {
    usize::from(entry.user_key.last().is_some_and(|byte| byte % 2 == 0)) + 1
}

fn insert(list: &List, key: &[u8], sequence: u64) -> Result<(), Error> {
    list.insert(&EntryRef {
        user_key: key,
        sequence,
        kind: Kind::VALUE,
        value: key,
    })
}

/// Checks S1 and S2 in both directions and returns the keys with their versions.
pub fn scan(list: &List) -> Vec<(Vec<u8>, u64)> {
    let mut cursor = Cursor::new(list);
    let mut entries: Vec<(Vec<u8>, u64)> = Vec::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("no corruption") {
        assert_eq!(entry.value, entry.user_key, "S1: the entry is whole");
        if let Some((key, sequence)) = entries.last() {
            let before = (&key[..], u64::MAX - sequence);
            let here = (entry.user_key, u64::MAX - entry.sequence);
            assert!(before < here, "S2: {before:?} before {here:?}");
        }
        entries.push((entry.user_key.to_vec(), entry.sequence));
        cursor.next();
    }
    entries
}

pub fn join<T>(handles: Vec<thread::JoinHandle<T>>) -> Vec<T> {
    handles
        .into_iter()
        .map(|handle| handle.join().expect("no panic"))
        .collect()
}

/// S1 to S5: three writers into one range, readers in both directions.
#[test]
fn writers_and_readers() {
    let model = Model {
        name: "skiplist::writers_and_readers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let list = list(HeightSource::Random);
        let writers = (0..3u8)
            .map(|writer| {
                let list = Arc::clone(&list);
                thread::spawn(move || {
                    set_shard_index(usize::from(writer));
                    for round in 0..4u8 {
                        insert(&list, &[b'k', round, writer], 1).expect("no duplicate");
                    }
                })
            })
            .collect();
        let forward = {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                let first = scan(&list).len();
                let second = scan(&list).len();
                assert!(first <= second, "S5: what was seen stays");
            })
        };
        let backward = {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                let mut cursor = Cursor::new(&*list);
                cursor.seek_to_last();
                let mut after: Option<Vec<u8>> = None;
                while let Some(entry) = cursor.entry().expect("no corruption") {
                    if let Some(after) = &after {
                        assert!(entry.user_key < &after[..], "S2, backward");
                    }
                    after = Some(entry.user_key.to_vec());
                    cursor.prev();
                }
            })
        };
        join(writers);
        join(vec![forward, backward]);
        assert_eq!(scan(&list).len(), 12);
        for round in 0..4u8 {
            let mut cursor = Cursor::new(&*list);
            cursor.seek(&[b'k', round], MAX_SEQUENCE_NUMBER);
            assert_eq!(cursor.key().map(|(key, _)| key[1]), Some(round));
        }
    });
}

/// S7: of equal entries exactly one wins, whoever inserts them.
#[test]
fn duplicates_have_one_winner() {
    let model = Model {
        name: "skiplist::duplicates_have_one_winner",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let list = list(HeightSource::Random);
        let writers = (0..3)
            .map(|writer| {
                let list = Arc::clone(&list);
                thread::spawn(move || {
                    set_shard_index(writer);
                    (1..4u64)
                        .filter(|&sequence| match insert(&list, b"key", sequence) {
                            Ok(()) => true,
                            Err(Error::Duplicate) => false,
                            Err(other) => panic!("{other}"),
                        })
                        .count()
                })
            })
            .collect();
        let won: usize = join(writers).into_iter().sum();
        assert_eq!(won, 3, "each of three entries was inserted once");
        let versions: Vec<_> = scan(&list)
            .into_iter()
            .map(|(_, sequence)| sequence)
            .collect();
        assert_eq!(versions, [3, 2, 1]);
    });
}

/// SPEC S3: clones of one hint, used by all threads at once and ever more stale.
#[test]
fn stale_hints_lose_nothing() {
    let model = Model {
        name: "skiplist::stale_hints_lose_nothing",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let list = list(HeightSource::Random);
        let mut hint = Hint::new();
        let entry = |key| EntryRef {
            user_key: key,
            sequence: 1,
            kind: Kind::VALUE,
            value: key,
        };
        list.insert_with_hint(&mut hint, &entry(b"m"))
            .expect("no duplicate");
        let writers = [[b"a", b"n", b"c"], [b"z", b"b", b"o"], [b"l", b"p", b"d"]]
            .into_iter()
            .map(|keys| {
                let (list, mut hint) = (Arc::clone(&list), hint.clone());
                thread::spawn(move || {
                    for key in keys {
                        list.insert_with_hint(&mut hint, &entry(key))
                            .expect("no duplicate");
                    }
                })
            })
            .collect();
        join(writers);
        let keys: Vec<u8> = scan(&list).into_iter().map(|(key, _)| key[0]).collect();
        assert_eq!(keys, b"abcdlmnopz");
    });
}

/// Small enough to be exhausted.
#[test]
fn two_writers_exhausted() {
    let model = Model {
        name: "skiplist::two_writers_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let list = list(HeightSource::Scripted(scripted));
        // Both shards have a chunk, so that allocation adds little.
        insert(&list, b"0", 1).expect("no duplicate");
        let other = {
            let list = Arc::clone(&list);
            thread::spawn(move || insert(&list, b"1", 1).expect("no duplicate"))
        };
        insert(&list, b"3", 1).expect("no duplicate");
        other.join().expect("no panic");
        assert_eq!(scan(&list).len(), 3);
    });
}
