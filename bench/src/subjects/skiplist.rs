//! verimem's bare skiplist: no door, no counters, no point-lookup path of its own.

use std::sync::Arc;
use verimem::arena::{ArenaOptions, ConcurrentArena};
use verimem::rep::Cursor;
use verimem::skiplist::{SkipList as List, SkipListOptions};
use verimem::{BytewiseComparator, EntryRef, Hint, Kind, MAX_SEQUENCE_NUMBER};

use super::cursor;
use crate::data::Values;
use crate::digest::Digest;
use crate::subject::{Plan, Subject};

/// [`verimem::skiplist::SkipList`] with its default options, over a concurrent arena.
pub struct SkipList(List<BytewiseComparator>);

const fn value<'a>(sequence: u64, user_key: &'a [u8], value: &'a [u8]) -> EntryRef<'a> {
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
        "verimem SkipList alone, default options; insert, one cursor per lookup or scan; ",
        "batches with one hint each",
    );

    fn new(plan: &Plan) -> Self {
        let options = ArenaOptions {
            write_buffer_size: plan.bytes(),
            huge_pages: plan.huge_pages,
            ..ArenaOptions::default()
        };
        let arena = Arc::new(ConcurrentArena::new(options).expect("sound options"));
        let list = List::new(arena, BytewiseComparator, SkipListOptions::default());
        Self(list.expect("sound options"))
    }

    #[inline]
    fn add(&self, sequence: u64, key: &[u8], bytes: &[u8]) {
        self.0
            .insert(&value(sequence, key, bytes))
            .expect("a fresh entry");
    }

    fn add_batch<'k>(
        &self,
        first_sequence: u64,
        keys: impl Iterator<Item = &'k [u8]>,
        values: &Values,
    ) {
        let mut hint = Hint::default();
        for (sequence, key) in (first_sequence..).zip(keys) {
            let entry = value(sequence, key, values.get(sequence));
            self.0
                .insert_with_hint(&mut hint, &entry)
                .expect("a fresh entry");
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
    fn scan_backward(&self, digest: &mut Digest) -> usize {
        cursor::backward(Cursor::new(&self.0), digest)
    }

    fn bytes_held(&self) -> Option<usize> {
        let usage = self.0.memory_usage();
        Some(usage.allocated - usage.unused)
    }
}
