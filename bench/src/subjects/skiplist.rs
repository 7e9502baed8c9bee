//! verimem's bare skiplist: no door, no counters, no point-lookup path of its own.

use std::sync::Arc;
use verimem::arena::{ArenaOptions, ConcurrentArena};
use verimem::bloom::Bloom;
use verimem::rep::Cursor;
use verimem::skiplist::{SkipList as List, SkipListOptions};
use verimem::{EntryRef, Kind, MAX_SEQUENCE_NUMBER, SharedPrefixComparator};

use super::cursor;
use super::pool::Pool;
use crate::digest::Digest;
use crate::subject::{Entry, Live, Plan, Subject};

/// As many as RocksDB's filter has.
const PROBES: u32 = 6;

/// [`verimem::skiplist::SkipList`] with its default options, over a concurrent arena.
pub struct SkipList {
    list: List<SharedPrefixComparator>,
    bloom: Option<Bloom>,
    _live: Live,
}

const fn value<'a>((sequence, user_key, value): Entry<'a>) -> EntryRef<'a> {
    EntryRef {
        user_key,
        sequence,
        kind: Kind::VALUE,
        value,
    }
}

#[inline]
fn fold(entry: Option<EntryRef<'_>>, digest: &mut Digest) -> bool {
    match entry {
        Some(entry) => digest.found(entry.sequence, entry.value),
        None => digest.missing(),
    }
    entry.is_some()
}

impl SkipList {
    /// Tells the filter of a key, before it is linked.
    #[inline]
    fn announce(&self, key: &[u8]) {
        if let Some(bloom) = &self.bloom {
            bloom.add(key);
        }
    }
}

impl Subject for SkipList {
    const NAME: &'static str = "skiplist";
    const OURS: bool = true;
    const FILTERS: bool = true;
    const ABOUT: &'static str = concat!(
        "verimem SkipList alone, default options, told the prefix that all keys share; insert_exclusive, or insert where others write or ",
        "read meanwhile; insert_batch_exclusive; get and multi_get; one cursor per seek or scan; Bloom before it ",
        "where there is to be a filter",
    );

    type Stock = Pool;

    fn new(plan: &Plan, stock: &Pool) -> Self {
        let options = ArenaOptions {
            write_buffer_size: plan.bytes(),
            block_size: plan.block_size(),
            huge_pages: plan.huge_pages,
            pool: stock.of(plan),
            ..ArenaOptions::default()
        };
        let arena = Arc::new(ConcurrentArena::new(options).expect("sound options"));
        let keys = SharedPrefixComparator::new(plan.shared_prefix).expect("memory");
        let list = List::new(arena, keys, SkipListOptions::default());
        let bits = plan.bloom_bits();
        let bloom = plan.bloom.then(|| Bloom::new(bits, PROBES, 0));
        Self {
            list: list.expect("sound options"),
            bloom: bloom.transpose().expect("memory"),
            _live: Live::default(),
        }
    }

    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        for entry in entries {
            self.announce(entry.1);
            self.list.insert(&value(entry)).expect("a fresh entry");
        }
    }

    fn add_exclusive<'k>(&mut self, entries: impl Iterator<Item = Entry<'k>>) {
        for entry in entries {
            self.announce(entry.1);
            let added = self.list.insert_exclusive(&value(entry));
            added.expect("a fresh entry");
        }
    }

    fn add_batches<'k, B: Iterator<Item = Entry<'k>>>(&mut self, batches: impl Iterator<Item = B>) {
        let mut entries = Vec::new();
        for batch in batches {
            entries.clear();
            entries.extend(batch.map(value));
            let added = self.list.insert_batch_exclusive(&entries);
            added.expect("fresh entries");
        }
    }

    #[inline]
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        if let Some(bloom) = &self.bloom
            && !bloom.may_contain(key)
        {
            return fold(None, digest);
        }
        let entry = self
            .list
            .get(key, MAX_SEQUENCE_NUMBER)
            .expect("sound entries");
        fold(entry, digest)
    }

    fn multi_get(&self, keys: &[&[u8]], digest: &mut Digest) -> usize {
        let mut found = 0;
        self.list.multi_get(keys, MAX_SEQUENCE_NUMBER, |_, entry| {
            found += usize::from(fold(entry.expect("sound entries"), digest));
        });
        found
    }

    #[inline]
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        cursor::seek(Cursor::new(&self.list), key, nexts, digest)
    }

    fn scan_forward(&self, digest: &mut Digest) -> usize {
        cursor::forward(Cursor::new(&self.list), digest)
    }

    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        cursor::backward(Cursor::new(&self.list), most, digest)
    }

    fn bytes_held(&self) -> Option<usize> {
        let usage = self.list.memory_usage();
        Some(usage.allocated - usage.unused)
    }
}
