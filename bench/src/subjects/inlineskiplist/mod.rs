//! RocksDB's bare InlineSkipList over its ConcurrentArena, compiled from RocksDB's own sources.

mod sys;

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use self::sys::{IteratorSpace, Table};
use crate::data::MULTI_GET;
use crate::digest::Digest;
use crate::subject::{Entry, Live, Plan, Subject};

pub use self::sys::nothing;

/// A value's kind in the tag's low byte.
const KIND_VALUE: u64 = 1;

/// `rocksdb::InlineSkipList` with its default height and branching, and memtable entries.
pub struct InlineSkipList {
    table: NonNull<Table>,
    filtered: bool,
    _live: Live,
}

// SAFETY: the list and its arena are made for concurrent readers and, through the calls named so,
// writers. The calls that need a single writer are behind `&mut self`.
unsafe impl Sync for InlineSkipList {}

/// `user key`, tag and value of an entry.
type Parts<'a> = (&'a [u8], u64, &'a [u8]);

/// A position, and the list that it is in.
struct Iter<'a> {
    space: IteratorSpace,
    list: PhantomData<&'a InlineSkipList>,
}

/// Reads a varint32 at `*at` and moves behind it.
///
/// # Safety
///
/// `*at` must point to a whole varint32.
#[inline]
unsafe fn varint(at: &mut *const u8) -> usize {
    let mut number = 0usize;
    let mut shift = 0;
    loop {
        // SAFETY: the caller says that the number is whole, and its last byte was not seen yet.
        let byte = unsafe { at.read() };
        // SAFETY: as above; behind the byte is at most the end of the number.
        *at = unsafe { at.add(1) };
        number |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return number;
        }
        shift += 7;
    }
}

/// The parts of an entry.
///
/// # Safety
///
/// `at` must point to an entry of a list that outlives `'a`.
#[inline]
unsafe fn parts<'a>(mut at: *const u8) -> Parts<'a> {
    // SAFETY: an entry begins with the length of its internal key.
    let length = unsafe { varint(&mut at) };
    // SAFETY: the internal key follows; entries are never written again, and they live as long as
    // the list.
    let internal = unsafe { std::slice::from_raw_parts(at, length) };
    let (key, tag) = internal.split_last_chunk::<8>().expect("a tag");
    // SAFETY: the internal key has that length, and the length of the value is behind it.
    at = unsafe { at.add(length) };
    // SAFETY: the length of the value stands there.
    let length = unsafe { varint(&mut at) };
    // SAFETY: the value follows, and lives as the key does.
    let value = unsafe { std::slice::from_raw_parts(at, length) };
    (key, u64::from_le_bytes(*tag), value)
}

impl<'a> Iter<'a> {
    #[inline]
    fn new(list: &'a InlineSkipList) -> Self {
        let mut space = MaybeUninit::uninit();
        // SAFETY: the list is alive, and the call writes the whole space.
        unsafe { sys::verimem_isl_iter(list.table.as_ptr(), space.as_mut_ptr()) };
        Self {
            // SAFETY: it was written just now.
            space: unsafe { space.assume_init() },
            list: PhantomData,
        }
    }

    /// What an entry that C++ found says.
    #[inline]
    fn entry(&self, at: *const u8) -> Option<Parts<'a>> {
        // SAFETY: a pointer that is not null is that of an entry of the list, which is borrowed for
        // `'a`.
        (!at.is_null()).then(|| unsafe { parts(at) })
    }

    #[inline]
    fn seek(&mut self, key: &[u8]) -> Option<Parts<'a>> {
        // SAFETY: the space holds an iterator, and the list is alive.
        let at =
            unsafe { sys::verimem_isl_iter_seek(&raw mut self.space, key.as_ptr(), key.len()) };
        self.entry(at)
    }

    #[inline]
    fn first(&mut self) -> Option<Parts<'a>> {
        // SAFETY: the space holds an iterator, and the list is alive.
        let at = unsafe { sys::verimem_isl_iter_first(&raw mut self.space) };
        self.entry(at)
    }

    #[inline]
    fn last(&mut self) -> Option<Parts<'a>> {
        // SAFETY: the space holds an iterator, and the list is alive.
        let at = unsafe { sys::verimem_isl_iter_last(&raw mut self.space) };
        self.entry(at)
    }

    /// The entry behind the one that the last call gave; that call must have given one.
    ///
    /// # Safety
    ///
    /// The last call on this iterator must have returned an entry.
    #[inline]
    unsafe fn next(&mut self) -> Option<Parts<'a>> {
        // SAFETY: the iterator is at an entry, as the caller says, and the list is alive.
        let at = unsafe { sys::verimem_isl_iter_next(&raw mut self.space) };
        self.entry(at)
    }

    /// The entry before the one that the last call gave.
    ///
    /// # Safety
    ///
    /// The last call on this iterator must have returned an entry.
    #[inline]
    unsafe fn prev(&mut self) -> Option<Parts<'a>> {
        // SAFETY: the iterator is at an entry, as the caller says, and the list is alive.
        let at = unsafe { sys::verimem_isl_iter_prev(&raw mut self.space) };
        self.entry(at)
    }
}

#[inline]
fn fold((key, tag, value): Parts<'_>, digest: &mut Digest) {
    digest.entry(key, tag >> 8, value);
}

const fn tag(sequence: u64) -> u64 {
    sequence << 8 | KIND_VALUE
}

impl InlineSkipList {
    /// The first entries at or after `keys`, in their order. The list wants them sorted; that is
    /// done here, as RocksDB does it in its own `MultiGet`.
    #[inline]
    fn first_at_or_after(&self, keys: &[&[u8]]) -> [*const u8; MULTI_GET] {
        assert!(
            keys.len() <= MULTI_GET,
            "a batch of at most {MULTI_GET} keys"
        );
        let mut order: [usize; MULTI_GET] = std::array::from_fn(|place| place);
        let order = &mut order[..keys.len()];
        order.sort_unstable_by_key(|&place| keys[place]);
        let mut starts = [std::ptr::null(); MULTI_GET];
        let mut lengths = [0; MULTI_GET];
        for (to, &place) in order.iter().enumerate() {
            starts[to] = keys[place].as_ptr();
            lengths[to] = keys[place].len();
        }
        let mut sorted = [std::ptr::null(); MULTI_GET];
        // SAFETY: the list is alive; the arrays hold that many readable, ascending keys and have
        // room for that many answers.
        let done = unsafe {
            sys::verimem_isl_multi_get(
                self.table.as_ptr(),
                keys.len(),
                starts.as_ptr(),
                lengths.as_ptr(),
                sorted.as_mut_ptr(),
            )
        };
        assert!(done, "the list takes a batch of that size");
        let mut found = [std::ptr::null(); MULTI_GET];
        for (from, &place) in order.iter().enumerate() {
            found[place] = sorted[from];
        }
        found
    }
}

impl InlineSkipList {
    /// What the filter says; the list must have one.
    #[inline]
    fn may_contain(&self, key: &[u8]) -> bool {
        // SAFETY: the list is alive and has a filter, and the key is readable for its length.
        unsafe { sys::verimem_isl_may_contain(self.table.as_ptr(), key.as_ptr(), key.len()) }
    }
}

/// One hint of a batch.
struct Hint(NonNull<std::ffi::c_void>);

impl Hint {
    fn new(list: &InlineSkipList) -> Self {
        // SAFETY: the list is alive.
        let hint = unsafe { sys::verimem_isl_hint_new(list.table.as_ptr()) };
        Self(NonNull::new(hint).expect("memory for a hint"))
    }
}

impl Drop for Hint {
    fn drop(&mut self) {
        // SAFETY: the hint came from `hint_new` and is freed once; nothing refers to it.
        unsafe { sys::verimem_isl_hint_free(self.0.as_ptr()) };
    }
}

impl Subject for InlineSkipList {
    const NAME: &'static str = "inlineskiplist";
    const OURS: bool = false;
    const FILTERS: bool = true;
    const ABOUT: &'static str = concat!(
        "RocksDB InlineSkipList over ConcurrentArena (librocksdb-sys 0.19.0), memtable entries, ",
        "inlined comparator, blocks as large as verimem's; Insert, or InsertConcurrently where ",
        "there are several writers; batches with one hint each; MultiGet over the sorted batch; ",
        "RocksDB's DynamicBloom before the list where there is to be a filter",
    );

    type Stock = ();

    fn new(plan: &Plan, (): &()) -> Self {
        let bits = u32::try_from(plan.bloom_bits()).expect("a filter of less than 512 MiB");
        // SAFETY: any block size will do.
        let table = unsafe { sys::verimem_isl_new(plan.block_size(), bits) };
        Self {
            table: NonNull::new(table).expect("memory for a table"),
            filtered: bits > 0,
            _live: Live::default(),
        }
    }

    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        for (sequence, key, value) in entries {
            // SAFETY: the list is alive, both slices are readable for their lengths, and whoever
            // adds at the same time is in this function too: the others need to be alone.
            let added = unsafe {
                sys::verimem_isl_insert_concurrently(
                    self.table.as_ptr(),
                    tag(sequence),
                    key.as_ptr(),
                    key.len(),
                    value.as_ptr(),
                    value.len(),
                )
            };
            assert!(added, "a fresh entry");
        }
    }

    unsafe fn add_alone<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        for (sequence, key, value) in entries {
            // SAFETY: the list is alive, both slices are readable for their lengths, and nobody
            // else adds, as the caller says.
            let added = unsafe {
                sys::verimem_isl_insert(
                    self.table.as_ptr(),
                    tag(sequence),
                    key.as_ptr(),
                    key.len(),
                    value.as_ptr(),
                    value.len(),
                )
            };
            assert!(added, "a fresh entry");
        }
    }

    fn add_batches<'k, B: Iterator<Item = Entry<'k>>>(&mut self, batches: impl Iterator<Item = B>) {
        for batch in batches {
            let hint = Hint::new(self);
            for (sequence, key, value) in batch {
                // SAFETY: the list is alive and borrowed for writing, both slices are readable for
                // their lengths, and the hint is of this list and outlives the call.
                let added = unsafe {
                    sys::verimem_isl_insert_with_hint(
                        self.table.as_ptr(),
                        hint.0.as_ptr(),
                        tag(sequence),
                        key.as_ptr(),
                        key.len(),
                        value.as_ptr(),
                        value.len(),
                    )
                };
                assert!(added, "a fresh entry");
            }
        }
    }

    #[inline]
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        if self.filtered && !self.may_contain(key) {
            digest.missing();
            return false;
        }
        if let Some((found, tag, value)) = Iter::new(self).seek(key)
            && found == key
        {
            digest.found(tag >> 8, value);
            return true;
        }
        digest.missing();
        false
    }

    fn multi_get(&self, keys: &[&[u8]], digest: &mut Digest) -> usize {
        let found = self.first_at_or_after(keys);
        let mut hits = 0;
        for (key, at) in keys.iter().zip(found) {
            // SAFETY: a pointer that is not null is that of an entry of this list.
            match (!at.is_null()).then(|| unsafe { parts(at) }) {
                Some((found, tag, value)) if found == *key => {
                    digest.found(tag >> 8, value);
                    hits += 1;
                }
                _ => digest.missing(),
            }
        }
        hits
    }

    #[inline]
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        let mut iter = Iter::new(self);
        let mut at = iter.seek(key);
        let mut read = 0;
        while let Some(entry) = at {
            fold(entry, digest);
            read += 1;
            if read > nexts {
                break;
            }
            // SAFETY: the last call gave `entry`.
            at = unsafe { iter.next() };
        }
        read
    }

    fn scan_forward(&self, digest: &mut Digest) -> usize {
        let mut iter = Iter::new(self);
        let mut at = iter.first();
        let mut read = 0;
        while let Some(entry) = at {
            fold(entry, digest);
            read += 1;
            // SAFETY: the last call gave `entry`.
            at = unsafe { iter.next() };
        }
        read
    }

    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        let mut iter = Iter::new(self);
        let mut at = iter.last();
        let mut read = 0;
        while let Some(entry) = at {
            fold(entry, digest);
            read += 1;
            if read == most {
                break;
            }
            // SAFETY: the last call gave `entry`.
            at = unsafe { iter.prev() };
        }
        read
    }

    fn foreign_live() -> usize {
        // SAFETY: the call reads a counter of this thread.
        unsafe { sys::verimem_isl_live() }
    }

    fn bytes_held(&self) -> Option<usize> {
        // SAFETY: the list is alive.
        Some(unsafe { sys::verimem_isl_bytes(self.table.as_ptr()) })
    }
}

impl Drop for InlineSkipList {
    fn drop(&mut self) {
        // SAFETY: the table came from `isl_new`, is freed once, and no iterator outlives it.
        unsafe { sys::verimem_isl_free(self.table.as_ptr()) };
    }
}
