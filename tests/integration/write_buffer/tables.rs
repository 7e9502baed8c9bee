//! Tables of all kinds, and lists of them, counted by a manager (SPEC A5, L1, Q1).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use verimem::arena::{Budget, BudgetFactory};
use verimem::list::{ListHandle, ListOptions, MemTableList};
use verimem::write_buffer::{StallFuture, WriteBufferManager};
use verimem::{Error, Kind, MemTable};

use crate::reps;

/// What tables say that they take, summed beside a manager.
#[derive(Debug, Default)]
struct Sums {
    held: AtomicUsize,
    charged: AtomicUsize,
    opened: AtomicUsize,
}

/// A factory of an engine's own, whose budgets hand on what they are told.
#[derive(Debug)]
struct Counting {
    manager: Arc<WriteBufferManager>,
    sums: Arc<Sums>,
}

#[derive(Debug)]
struct Counted {
    budget: Arc<dyn Budget>,
    sums: Arc<Sums>,
}

impl BudgetFactory for Counting {
    fn open(self: Arc<Self>) -> Arc<dyn Budget> {
        self.sums.opened.fetch_add(1, Ordering::Relaxed);
        Arc::new(Counted {
            budget: Arc::clone(&self.manager).open(),
            sums: Arc::clone(&self.sums),
        })
    }
}

impl Budget for Counted {
    fn charge(&self, bytes: usize) {
        self.sums.held.fetch_add(bytes, Ordering::Relaxed);
        self.sums.charged.fetch_add(bytes, Ordering::Relaxed);
        self.budget.charge(bytes);
    }

    fn begin_release(&self, bytes: usize) {
        self.budget.begin_release(bytes);
    }

    fn release(&self, bytes: usize) {
        self.sums.held.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.release(bytes);
    }
}

impl Counting {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            manager: WriteBufferManager::new(1 << 20),
            sums: Arc::default(),
        })
    }

    /// The memory in use, which is what tables say, and the mutable part of it.
    fn usage(&self) -> (usize, usize) {
        let usage = self.manager.memory_usage();
        assert_eq!(usage, self.sums.held.load(Ordering::Relaxed));
        (usage, self.manager.mutable_memory_usage())
    }
}

#[test]
fn q1_tables_of_each_kind_are_counted_until_the_last_reader_is_gone() -> Result<(), Error> {
    for rep in reps::ALL {
        let counting = Counting::new();
        let builder = reps::builder(rep)
            .arena_block_size(4096)
            .write_buffer_size(64 << 10)
            .bloom_size_ratio(0.1)
            .write_buffer_manager(counting.clone());
        let table = Arc::new(builder.build()?);
        for sequence in 1..300_u64 {
            let key = sequence.to_be_bytes();
            if sequence % 10 == 0 {
                table.delete_range(sequence, &key, b"\xff")?;
            } else {
                table.add(sequence, Kind::VALUE, &key, &[7; 100])?;
            }
            let allocated = table.memory_usage().allocated;
            assert_eq!(counting.usage(), (allocated, allocated), "{rep}");
        }
        let cursor = table.owned_iter();
        table.seal()?;
        let (usage, mutable) = counting.usage();
        assert!(usage > 30_000, "{rep}: {usage}");
        assert_eq!(mutable, 0, "{rep}");
        drop(table);
        assert_eq!(counting.usage(), (usage, 0), "{rep}: a reader is left");
        drop(cursor);
        assert_eq!(counting.usage(), (0, 0), "{rep}");
    }
    Ok(())
}

#[test]
fn a5_of_a_budget_and_a_manager_the_last_one_counts() -> Result<(), Error> {
    let (one, other) = (Counting::new(), Counting::new());
    let both = MemTable::builder()
        .write_buffer_manager(one.clone())
        .budget(other.clone().open())
        .build()?;
    both.add(1, Kind::VALUE, b"k", b"v")?;
    let allocated = both.memory_usage().allocated;
    assert_eq!((one.usage().0, other.usage().0), (0, allocated));
    drop(both);
    let both = MemTable::builder()
        .budget(other.clone().open())
        .write_buffer_manager(one.clone())
        .build()?;
    assert_ne!(one.usage().0, 0, "the first block comes as it is built");
    both.add(1, Kind::VALUE, b"k", b"v")?;
    assert_eq!(one.usage().0, both.memory_usage().allocated);
    assert_eq!(other.usage().0, 0);
    Ok(())
}

#[test]
fn q1_a_table_that_is_not_built_takes_nothing() {
    let counting = Counting::new();
    let builder = MemTable::builder()
        .bloom_size_ratio(0.1)
        .max_height(0)
        .write_buffer_manager(counting.clone());
    assert!(matches!(builder.build(), Err(Error::InvalidOption { .. })));
    assert_eq!(counting.sums.opened.load(Ordering::Relaxed), 1);
    assert!(counting.sums.charged.load(Ordering::Relaxed) > 0);
    assert_eq!(counting.usage(), (0, 0));
}

/// An engine of one thread: what the manager says is enough to stay within the limit.
#[test]
fn l1_a_list_that_flushes_when_told_stays_within_the_limit() -> Result<(), Error> {
    const LIMIT: usize = 256 << 10;
    let manager = WriteBufferManager::new(LIMIT);
    let builder = MemTable::builder()
        .arena_block_size(8 << 10)
        .write_buffer_manager(manager.clone());
    let options = ListOptions::default();
    let list = MemTableList::new(options, builder.clone().build()?, ())?;
    let list = Arc::new(list);
    let mut handle = ListHandle::new(&list);
    let mut flushes = 0;
    for sequence in 1..10_000_u64 {
        handle.write(|writer| {
            writer.add(sequence, Kind::VALUE, &sequence.to_be_bytes(), &[7; 100])
        })??;
        assert!(manager.memory_usage() <= LIMIT, "{:?}", manager.stats());
        if !manager.should_flush() {
            continue;
        }
        let before = manager.memory_usage();
        list.switch(builder.clone().build()?)?;
        let sealed = before - manager.mutable_memory_usage();
        assert!(sealed > before / 2 && manager.memory_usage() >= before);
        assert!(!manager.should_flush(), "there is nothing to seal");
        let reader = list.version();
        let job = list.pick(None).expect("a table waits");
        assert!(job.install(()).is_ok());
        handle.release();
        assert!(manager.memory_usage() >= before, "it is still read");
        drop(reader);
        assert!(manager.memory_usage() < before / 2, "{:?}", manager.stats());
        flushes += 1;
    }
    assert!(flushes > 3, "{flushes}");
    drop((handle, list));
    let stats = manager.stats();
    assert_eq!((stats.memory_usage, stats.mutable_memory_usage), (0, 0));
    Ok(())
}

#[test]
fn q3_managers_and_futures_go_to_other_threads() {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<WriteBufferManager>();
    is_shared::<StallFuture>();
}
