//! Models of the memtable. Invariants are those of `src/memtable/mod.rs`.

use std::sync::Arc;

use shuttle::thread;
use verimem::checker::set_shard_index;
use verimem::skiplist::HeightSource;
use verimem::{
    Comparator, EntryRef, Error, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, MemTableBuilder,
};
use verimem_loom_tests::shuttle_model::{Model, check};

fn scripted(entry: &EntryRef<'_>) -> usize {
    usize::from(entry.user_key.last().is_some_and(|byte| byte % 2 == 0)) + 1
}

/// What tables are made of: at most three levels.
pub fn builder() -> MemTableBuilder {
    small(MemTable::builder())
}

/// The same in any order.
pub fn small<C: Comparator>(builder: MemTableBuilder<C>) -> MemTableBuilder<C> {
    builder
        .arena_block_size(4096)
        .max_height(3)
        .heights(HeightSource::Scripted(scripted))
}

pub fn table() -> Arc<MemTable> {
    Arc::new(builder().build().expect("a table"))
}

/// Starts a thread that does one thing with what is shared, from a shard of its own.
pub fn spawn<S: Send + Sync + 'static, T: Send + 'static>(
    shared: &Arc<S>,
    shard: usize,
    what: impl FnOnce(&S) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        set_shard_index(shard);
        what(&shared)
    })
}

fn versions(table: &MemTable) -> Vec<(u8, u64)> {
    let mut entries = Vec::new();
    let mut cursor = table.iter();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("no corruption") {
        assert_eq!(entry.value, entry.user_key);
        entries.push((entry.user_key[0], entry.sequence));
        cursor.next();
    }
    entries
}

/// M2, M3: batches against seal; what was acknowledged is there, no more.
#[test]
fn batches_against_seal() {
    let model = Model {
        name: "memtable::batches_against_seal",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table();
        let writers: Vec<_> = (0..3u8)
            .map(|writer| {
                spawn(&table, usize::from(writer), move |table| {
                    let mut acknowledged = Vec::new();
                    for batch in 0..2u64 {
                        let mut inside = match table.writer() {
                            Ok(inside) => inside,
                            Err(Error::Sealed) => break,
                            Err(other) => panic!("{other}"),
                        };
                        for sequence in [2 * batch, 2 * batch + 1] {
                            let key = [writer];
                            inside
                                .add(sequence, Kind::VALUE, &key, &key)
                                .expect("inside, and no duplicate");
                            acknowledged.push((writer, sequence));
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        let sealer = spawn(&table, 0, |table| {
            table.seal().expect("not inside");
            (versions(table), table.stats().entries)
        });
        let mut acknowledged: Vec<_> = writers
            .into_iter()
            .flat_map(|writer| writer.join().expect("no panic"))
            .collect();
        let (mut sealed, entries) = sealer.join().expect("no panic");
        acknowledged.sort_unstable();
        sealed.sort_unstable();
        assert_eq!(sealed, acknowledged, "M2");
        assert_eq!(entries, sealed.len() as u64, "M3");
        assert_eq!(versions(&table).len() as u64, entries, "M2: immutable");
    });
}

/// M1, M3: exclusive and concurrent writers that come again when refused.
#[test]
fn exclusive_among_concurrent() {
    let model = Model {
        name: "memtable::exclusive_among_concurrent",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table();
        let writers: Vec<_> = (0..4u8)
            .map(|writer| {
                spawn(&table, usize::from(writer), move |table| {
                    let key = [writer];
                    for sequence in 0..2 {
                        loop {
                            let entered = if writer < 2 {
                                table.exclusive_writer()
                            } else {
                                table.writer()
                            };
                            match entered {
                                Ok(mut inside) => {
                                    inside
                                        .add(sequence, Kind::VALUE, &key, &key)
                                        .expect("no duplicate");
                                    break;
                                }
                                Err(Error::Busy) => thread::yield_now(),
                                Err(other) => panic!("{other}"),
                            }
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("no panic");
        }
        assert_eq!(versions(&table).len(), 8, "nobody's link was overwritten");
        assert_eq!(table.stats().entries, 8);
    });
}

/// M5: snapshots are stable while newer versions arrive, in iterators too.
#[test]
fn snapshots_are_stable() {
    let model = Model {
        name: "memtable::snapshots_are_stable",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table();
        for key in [b"a", b"c"] {
            table.add(1, Kind::VALUE, key, key).expect("a new key");
        }
        let writer = spawn(&table, 0, |table| {
            table.add(2, Kind::VALUE, b"b", b"b").expect("a new key");
            table
                .add(3, Kind::DELETION, b"a", b"")
                .expect("a new version");
            table
                .add(4, Kind::VALUE, b"c", b"c")
                .expect("a new version");
        });
        let reader = spawn(&table, 1, |table| {
            for _ in 0..2 {
                let mut keys = table.visible(1);
                let mut seen = Vec::new();
                keys.seek_to_last().expect("no corruption");
                while let Some(key) = keys.key() {
                    seen.push(key[0]);
                    keys.prev().expect("no corruption");
                }
                assert_eq!(seen, b"ca", "snapshot 1 never changes");
            }
            let newest = table.get(b"c", MAX_SEQUENCE_NUMBER).expect("no corruption");
            assert!(matches!(
                newest,
                Lookup::Found {
                    sequence: 1 | 4,
                    ..
                }
            ));
        });
        writer.join().expect("no panic");
        reader.join().expect("no panic");
    });
}

/// SPEC S7: an owned cursor keeps the table alive after everybody else let go.
#[test]
fn owned_cursor_outlives_the_handles() {
    let model = Model {
        name: "memtable::owned_cursor_outlives_the_handles",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let table = table();
        table.add(1, Kind::VALUE, b"a", b"a").expect("a new key");
        let mut cursor = table.owned_iter();
        let writer = spawn(&table, 1, |table| {
            table.add(1, Kind::VALUE, b"b", b"b").expect("a new key");
        });
        let reader = thread::spawn(move || {
            cursor.seek_to_first();
            let mut seen = 0;
            while cursor.entry().expect("no corruption").is_some() {
                seen += 1;
                cursor.next();
            }
            assert!((1..=2).contains(&seen));
        });
        drop(table);
        writer.join().expect("no panic");
        reader.join().expect("no panic");
    });
}

/// M1, small enough to be exhausted (a seal is not: it spins until others ran).
#[test]
fn door_exhausted() {
    let model = Model {
        name: "memtable::door_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let table = table();
        let exclusive = spawn(&table, 0, |table| table.exclusive_writer().map(drop));
        let shared = spawn(&table, 0, |table| table.writer().map(drop));
        let exclusive = exclusive.join().expect("no panic");
        let shared = shared.join().expect("no panic");
        assert!(exclusive.is_ok() || shared.is_ok(), "somebody gets in");
        table.seal().expect("not inside");
        assert_eq!(table.writer().map(drop), Err(Error::Sealed));
    });
}
