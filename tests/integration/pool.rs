//! Tables made from the memory of tables of before.

use std::collections::BTreeMap;
use std::sync::Arc;

use verimem::arena::ArenaPool;
use verimem::rep::Cursor;
use verimem::{Kind, Lookup, MAX_SEQUENCE_NUMBER};

use crate::reps::{self, ALL, AnyTable};

fn table(rep: &str, pool: &Arc<ArenaPool>) -> AnyTable {
    reps::builder(rep)
        .arena_pool(Arc::clone(pool))
        .build()
        .expect("a table")
}

/// Different keys in each table.
fn key(table: u64, entry: u64) -> [u8; 16] {
    let number = (table << 32 | entry).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(&table.to_be_bytes());
    key
}

#[test]
fn no_table_sees_what_was_in_another() {
    let pool = Arc::new(ArenaPool::new(8 << 20));
    for round in 0..12 {
        let table = table(ALL[round as usize % ALL.len()], &pool);
        let mut model = BTreeMap::new();
        for entry in 0..[3_000, 10, 5_000][round as usize % 3] {
            let (key, value) = (key(round, entry), vec![round as u8; entry as usize % 300]);
            table.add(entry, Kind::VALUE, &key, &value).expect("room");
            model.insert(key, value);
        }
        let mut cursor = Cursor::new(&table);
        cursor.seek_to_first();
        for (key, value) in &model {
            let entry = cursor
                .entry()
                .expect("sound")
                .expect("as many as in the model");
            assert_eq!((entry.user_key, entry.value), (&key[..], &value[..]));
            let found = table.get(key, MAX_SEQUENCE_NUMBER).expect("sound");
            assert!(matches!(found, Lookup::Found { value: found, .. } if found == value));
            cursor.next();
        }
        assert!(!cursor.valid());
        let before = key(round.wrapping_sub(1), 1);
        assert_eq!(
            table.get(&before, MAX_SEQUENCE_NUMBER),
            Ok(Lookup::NotFound)
        );
    }
    assert!(pool.retained() > 0);
}

#[test]
fn tables_in_turn_over_threads() {
    let pool = Arc::new(ArenaPool::new(32 << 20));
    for round in 0..8 {
        let table = table(ALL[round as usize % ALL.len()], &pool);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    for entry in 0..2_000 {
                        let (key, sequence) = (key(round, thread << 20 | entry), entry);
                        table.add(sequence, Kind::VALUE, &key, &key).expect("room");
                        let found = table.get(&key, MAX_SEQUENCE_NUMBER).expect("sound");
                        assert!(matches!(found, Lookup::Found { value, .. } if value == key));
                    }
                });
            }
        });
        assert_eq!(table.stats().entries, 8_000);
    }
}

/// Minor page faults of this thread while `f` runs.
#[cfg(target_os = "linux")]
fn page_faults(f: impl FnOnce()) -> i64 {
    let faults = || {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is to a place for one `rusage`.
        let status = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
        assert_eq!(status, 0);
        // SAFETY: all of its fields are numbers, and zero is one.
        unsafe { usage.assume_init() }.ru_minflt
    };
    let before = faults();
    f();
    faults() - before
}

#[cfg(target_os = "linux")]
#[test]
fn large_tables_in_turn_fault_no_pages_in() {
    let fill = |table: &AnyTable| {
        let value = [7; 1_000];
        for entry in 0..40_000 {
            table
                .add(1, Kind::VALUE, &key(0, entry), &value)
                .expect("room");
        }
    };
    for rep in ALL {
        let pool = Arc::new(ArenaPool::new(128 << 20));
        let mut faults = Vec::new();
        for _ in 0..4 {
            let table = table(rep, &pool);
            faults.push(page_faults(|| fill(&table)));
        }
        let fresh = faults.remove(0);
        if !cfg!(verimem_block_table) {
            // Even if all of them were huge pages of 2 MiB.
            assert!(fresh > 18, "{rep}: {fresh} faults on fresh pages");
        }
        assert!(
            faults.iter().all(|&recycled| recycled <= 8),
            "{rep}: {faults:?}"
        );
    }
}
