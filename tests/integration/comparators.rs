//! X1: comparators that panic, lie or call back. Answers may be wrong then;
//! nothing hangs, nothing breaks, nothing is lost from the counters.

use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};

use verimem::{BatchError, Comparator, EntryRef, Error, Hint, Kind, MemTable};
use verimem_driver::seeds::Random;

/// Bytewise, until its fuse burns down.
struct Panicking(Arc<AtomicU64>);

impl Comparator for Panicking {
    const BYTE_PREFIX: bool = true;

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        if self.0.load(Relaxed) != u64::MAX && self.0.fetch_sub(1, Relaxed) == 0 {
            self.0.store(u64::MAX, Relaxed);
            panic!("planned");
        }
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "test.Panicking"
    }

    // Always ties, so that every step of a search asks `compare`.
    fn prefix(&self, _user_key: &[u8]) -> u32 {
        0
    }
}

#[derive(Debug, Clone, Copy)]
enum How {
    Concurrent,
    Exclusive,
    Hinted,
    Batch,
    ExclusiveBatch,
}

impl How {
    /// Entries of one call; more than are searched for together.
    fn at_once(self) -> usize {
        match self {
            Self::Batch | Self::ExclusiveBatch => BATCH,
            _ => 1,
        }
    }
}

const BATCH: usize = 30;

/// Entries for a batch, with keys that lie anywhere.
fn entries_of(keys: &[[u8; 8]], first: u64) -> Vec<EntryRef<'_>> {
    let mut entries = Vec::new();
    for (user_key, sequence) in keys.iter().zip(first..) {
        entries.push(EntryRef {
            user_key,
            sequence,
            kind: Kind::VALUE,
            value: b"value",
        });
    }
    entries
}

/// Adds entries while the comparator panics now and then; returns those that
/// were said to be added, and how many adds panicked.
fn add_under_panics<C: Comparator>(
    table: &MemTable<C>,
    fuse: &AtomicU64,
    how: How,
) -> (Vec<(Vec<u8>, u64)>, u64) {
    let (mut random, mut added, mut panics) = (Random(5), Vec::new(), 0);
    let mut hint = Hint::new();
    let at_once = how.at_once();
    for sequence in (0..3000 * at_once as u64).step_by(at_once) {
        let mut key = || (random.below(500) as u64).to_be_bytes();
        let keys: Vec<_> = (0..at_once).map(|_| key()).collect();
        let entries = entries_of(&keys, sequence);
        fuse.store(random.below(40 * at_once) as u64, Relaxed);
        let EntryRef {
            user_key,
            kind,
            value,
            ..
        } = entries[0];
        let batch = |refused: BatchError| refused.error;
        let add = || match how {
            How::Concurrent => table.add(sequence, kind, user_key, value),
            How::Exclusive => table
                .exclusive_writer()?
                .add(sequence, kind, user_key, value),
            How::Hinted => table
                .writer()?
                .add_with_hint(&mut hint, sequence, kind, user_key, value),
            How::Batch => table.writer()?.add_batch(&entries).map_err(batch),
            How::ExclusiveBatch => table.exclusive_writer()?.add_batch(&entries).map_err(batch),
        };
        match catch_unwind(AssertUnwindSafe(add)) {
            Ok(result) => {
                assert_eq!(result, Ok(()));
                added.extend(keys.iter().map(|key| key.to_vec()).zip(sequence..));
            }
            Err(_) => panics += 1,
        }
        fuse.store(u64::MAX, Relaxed);
    }
    (added, panics)
}

/// All entries, which are in order.
fn scan<C: Comparator>(table: &MemTable<C>) -> Result<Vec<(Vec<u8>, u64)>, Error> {
    let mut cursor = table.iter();
    let mut found = Vec::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry()? {
        found.push((entry.user_key.to_vec(), entry.sequence));
        assert!(found.len() < 1 << 20, "a list without an end");
        cursor.next();
    }
    Ok(found)
}

#[test]
fn x1_a_panic_inside_of_add_leaves_a_sound_table() -> Result<(), Error> {
    // The messages of some thousand planned panics are of no use.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"planned") {
            hook(info);
        }
    }));
    let ways = [
        How::Concurrent,
        How::Exclusive,
        How::Hinted,
        How::Batch,
        How::ExclusiveBatch,
    ];
    for how in ways {
        let fuse = Arc::new(AtomicU64::new(u64::MAX));
        let table = MemTable::with_comparator(Panicking(Arc::clone(&fuse))).build()?;
        let (added, panics) = add_under_panics(&table, &fuse, how);
        assert!(
            panics > 100 && added.len() > 100,
            "{how:?}: {panics} and {}",
            added.len()
        );
        let found = scan(&table)?;
        let order = |a: &(Vec<u8>, u64), b: &(Vec<u8>, u64)| a.0.cmp(&b.0).then(b.1.cmp(&a.1));
        assert!(found.is_sorted_by(|a, b| order(a, b).is_lt()), "{how:?}");
        for entry in &added {
            assert!(
                found.binary_search_by(|other| order(other, entry)).is_ok(),
                "{how:?} {entry:?}"
            );
            assert!(table.contains(&entry.0, entry.1));
        }
        // An add that panicked may have linked its entry; then it is counted.
        assert_eq!(table.stats().entries, found.len() as u64, "{how:?}");
        assert!(found.len() as u64 <= added.len() as u64 + panics * how.at_once() as u64);
        // Nobody is left inside.
        drop(table.exclusive_writer()?);
        table.seal()?;
        assert_eq!(table.stats().entries, found.len() as u64);
    }
    Ok(())
}

/// Answers at random, prefixes too.
struct Inconsistent(AtomicU64);

impl Inconsistent {
    fn draw(&self) -> u64 {
        Random(self.0.fetch_add(1, Relaxed)).draw()
    }
}

impl Comparator for Inconsistent {
    const BYTE_PREFIX: bool = true;

    fn compare(&self, _: &[u8], _: &[u8]) -> Ordering {
        match self.draw() % 16 {
            0 => Ordering::Equal,
            draw if draw % 2 == 0 => Ordering::Less,
            _ => Ordering::Greater,
        }
    }

    fn name(&self) -> &str {
        "test.Inconsistent"
    }

    fn prefix(&self, _: &[u8]) -> u32 {
        match self.draw() % 4 {
            0 => 0,
            1 => u32::MAX,
            _ => self.draw() as u32,
        }
    }
}

fn use_everything<C: Comparator>(table: &MemTable<C>, random: &mut Random) -> Result<(), Error> {
    let key = random.below(300).to_be_bytes();
    let snapshot = random.below(5000) as u64;
    let _ = table.get(&key, snapshot)?;
    let _ = table.get_entry(&key, snapshot)?;
    let _ = table.contains(&key, snapshot);
    let keys: [_; 70] = std::array::from_fn(|_| random.below(300).to_be_bytes());
    let keys = keys.each_ref().map(|key| &key[..]);
    assert_eq!(table.multi_get(&keys, snapshot)?.len(), keys.len());
    let mut cursor = table.iter();
    cursor.seek(&key, snapshot);
    for _ in 0..100 {
        cursor.next();
    }
    cursor.seek_for_prev(&key, snapshot);
    for _ in 0..100 {
        cursor.prev();
    }
    cursor.seek_random();
    let mut keys = table.visible(snapshot);
    keys.seek(&key)?;
    keys.next()?;
    let _ = keys.lookup()?;
    keys.next()
}

#[test]
fn x1_a_comparator_that_lies_breaks_no_list() -> Result<(), Error> {
    for seed in 0..4 {
        let table = MemTable::with_comparator(Inconsistent(AtomicU64::new(seed))).build()?;
        let (mut random, mut added) = (Random(seed), 0);
        let mut hint = Hint::new();
        for sequence in 0..1000 {
            let key = random.below(300).to_be_bytes();
            let result = match sequence % 3 {
                0 => table.add(sequence, Kind::VALUE, &key, b""),
                1 => table
                    .exclusive_writer()?
                    .add(sequence, Kind::VALUE, &key, b""),
                _ => table
                    .writer()?
                    .add_with_hint(&mut hint, sequence, Kind::VALUE, &key, b""),
            };
            match result {
                Ok(()) => added += 1,
                Err(error) => assert_eq!(error, Error::Duplicate),
            }
            if sequence % 5 == 0 {
                let keys: [_; BATCH] = std::array::from_fn(|_| random.below(300).to_be_bytes());
                let entries = entries_of(&keys, 5000 + sequence * BATCH as u64);
                let refused = if sequence % 2 == 0 {
                    table.writer()?.add_batch(&entries)
                } else {
                    table.exclusive_writer()?.add_batch(&entries)
                };
                added += match refused {
                    Ok(()) => BATCH as u64,
                    Err(refused) => {
                        assert_eq!(refused.error, Error::Duplicate);
                        refused.added as u64
                    }
                };
            }
            if sequence % 8 == 0 {
                use_everything(&table, &mut random)?;
            }
        }
        assert_eq!(table.stats().entries, added);
        assert_eq!(
            scan(&table)?.len() as u64,
            added,
            "every entry is linked once"
        );
        table.seal()?;
    }
    Ok(())
}

/// Bytewise, and uses the table that it orders.
#[derive(Default)]
struct CallsBack {
    table: OnceLock<Weak<MemTable<CallsBack>>>,
    sequence: AtomicU64,
    added: AtomicU64,
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl CallsBack {
    fn call_back(&self) {
        let Some(table) = self.table.get().and_then(Weak::upgrade) else {
            return;
        };
        let sequence = self.sequence.fetch_add(1, Relaxed);
        if sequence > 3000 {
            return;
        }
        let _ = table.get(b"m", sequence);
        if table
            .add(1 << 40 | sequence, Kind::VALUE, b"from inside", b"")
            .is_ok()
        {
            self.added.fetch_add(1, Relaxed);
        }
        let sealed = table.seal();
        assert_eq!(
            sealed,
            Err(Error::Reentrant),
            "sealing would wait for itself"
        );
        let _ = table.stats();
    }
}

impl Comparator for CallsBack {
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        if !INSIDE.replace(true) {
            self.call_back();
            INSIDE.set(false);
        }
        a.cmp(b)
    }

    fn name(&self) -> &str {
        "test.CallsBack"
    }
}

#[test]
fn x1_a_comparator_may_call_back() -> Result<(), Error> {
    let table = Arc::new(MemTable::with_comparator(CallsBack::default()).build()?);
    let _ = table.comparator().table.set(Arc::downgrade(&table));
    let mut random = Random(3);
    for sequence in 0..600 {
        let key = random.below(100).to_be_bytes();
        if sequence % 2 == 0 {
            table.add(sequence, Kind::VALUE, &key, b"")?;
        } else {
            table
                .exclusive_writer()?
                .add(sequence, Kind::VALUE, &key, b"")?;
        }
    }
    let keys: [_; 90] = std::array::from_fn(|_| random.below(100).to_be_bytes());
    let entries = entries_of(&keys, 600);
    let (shared, alone) = entries.split_at(45);
    assert_eq!(table.writer()?.add_batch(shared), Ok(()));
    assert_eq!(table.exclusive_writer()?.add_batch(alone), Ok(()));
    let keys = keys.each_ref().map(|key| &key[..]);
    assert_eq!(table.multi_get(&keys, 1 << 41)?.len(), keys.len());
    INSIDE.set(true);
    let inner = table.comparator().added.load(Relaxed);
    assert!(inner > 0, "it never got in");
    assert_eq!(table.stats().entries, 690 + inner);
    let found = scan(&table)?;
    assert_eq!(found.len() as u64, 690 + inner);
    assert!(found.is_sorted_by(|a, b| (&a.0, !a.1) < (&b.0, !b.1)));
    table.seal()
}
