//! verimem's bare skiplist: no door, no counters, no point-lookup path of its own.

use std::sync::Arc;
use verimem::arena::{ArenaOptions, ConcurrentArena};
use verimem::rep::Cursor;
use verimem::skiplist::{SkipList as List, SkipListOptions};
use verimem::{BytewiseComparator, EntryRef, Hint, Kind, MAX_SEQUENCE_NUMBER};

use super::cursor;
use crate::digest::Digest;
use crate::subject::{Entry, Live, Plan, Subject};

/// [`verimem::skiplist::SkipList`] with its default options, over a concurrent arena.
pub struct SkipList(List<BytewiseComparator>, Live);

const fn value<'a>((sequence, user_key, value): Entry<'a>) -> EntryRef<'a> {
    EntryRef {
        user_key,
        sequence,
        kind: Kind::VALUE,
        value,
    }
}

impl Subject for SkipList {
    const NAME: &'static str = "skiplist";
    const OURS: bool = true;
    const ABOUT: &'static str = concat!(
        "verimem SkipList alone, default options; insert_exclusive, or insert where others write or ",
        "read meanwhile; batches with one hint each; one cursor per lookup or scan",
    );

    type Stock = ();

    fn new(plan: &Plan, (): &()) -> Self {
        let options = ArenaOptions {
            write_buffer_size: plan.bytes(),
            block_size: plan.block_size(),
            huge_pages: plan.huge_pages,
            ..ArenaOptions::default()
        };
        let arena = Arc::new(ConcurrentArena::new(options).expect("sound options"));
        let list = List::new(arena, BytewiseComparator, SkipListOptions::default());
        Self(list.expect("sound options"), Live::default())
    }

    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        for entry in entries {
            self.0.insert(&value(entry)).expect("a fresh entry");
        }
    }

    fn add_exclusive<'k>(&mut self, entries: impl Iterator<Item = Entry<'k>>) {
        for entry in entries {
            let added = self.0.insert_exclusive(&value(entry));
            added.expect("a fresh entry");
        }
    }

    fn add_batches<'k, B: Iterator<Item = Entry<'k>>>(&mut self, batches: impl Iterator<Item = B>) {
        for batch in batches {
            let mut hint = Hint::default();
            for entry in batch {
                let added = self.0.insert_with_hint(&mut hint, &value(entry));
                added.expect("a fresh entry");
            }
        }
    }

    #[inline]
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        let mut cursor = Cursor::new(&self.0);
        cursor.seek(key, MAX_SEQUENCE_NUMBER);
        if let Some(entry) = cursor.entry_ref().expect("sound entries")
            && entry.user_key == key
        {
            digest.found(entry.sequence, entry.value);
            return true;
        }
        digest.missing();
        false
    }

    #[inline]
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        cursor::seek(Cursor::new(&self.0), key, nexts, digest)
    }

    #[inline]
    fn scan_forward(&self, digest: &mut Digest) -> usize {
        cursor::forward(Cursor::new(&self.0), digest)
    }

    #[inline]
    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        cursor::backward(Cursor::new(&self.0), most, digest)
    }

    fn bytes_held(&self) -> Option<usize> {
        let usage = self.0.memory_usage();
        Some(usage.allocated - usage.unused)
    }
}
