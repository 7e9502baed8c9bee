//! What `shim.cc` offers, and what it calls. `shim.h` says the same in C++.

use std::ffi::c_void;

use verimem::in_place::Decision;
use verimem_model::Merging;

use crate::in_place::revised;

/// Bytes somewhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) data: *const u8,
    pub(crate) size: usize,
}

impl Bytes {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            size: bytes.len(),
        }
    }

    /// The bytes themselves.
    ///
    /// # Safety
    ///
    /// They must be there, unchanged, for as long as `'a`.
    pub(crate) unsafe fn get<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: the caller says that they are there.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

/// Several of them.
///
/// # Safety
///
/// `first` must be the first of `count`, and all must be there, unchanged, for as long as `'a`.
pub(crate) unsafe fn all<'a>(first: *const Bytes, count: usize) -> Vec<&'a [u8]> {
    (0..count)
        .map(|index| {
            // SAFETY: the caller says that there are so many.
            let at = unsafe { first.add(index) };
            // SAFETY: as above.
            let bytes = unsafe { at.read() };
            // SAFETY: the caller says that the bytes are there.
            unsafe { bytes.get() }
        })
        .collect()
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices {
    pub(crate) bloom_ratio: f64,
    pub(crate) write_buffer_size: usize,
    pub(crate) arena_block_size: usize,
    pub(crate) prefix: u32,
    pub(crate) hint_prefix: u32,
    pub(crate) capped: bool,
    pub(crate) reverse: bool,
    pub(crate) whole_keys: bool,
    pub(crate) verify: bool,
    pub(crate) batched: bool,
    pub(crate) timestamps: bool,
    pub(crate) in_place: bool,
    pub(crate) protection_bytes: u8,
    pub(crate) merging: u8,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    pub(crate) snapshot: u64,
    pub(crate) min_uncommitted: u64,
    pub(crate) pattern: u64,
    pub(crate) first: u64,
    pub(crate) second: u64,
    pub(crate) timestamp: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) value: Bytes,
    pub(crate) operands: *const Bytes,
    pub(crate) operand_count: usize,
    pub(crate) sequence: u64,
    pub(crate) covering: u64,
    pub(crate) timestamp: u64,
    pub(crate) code: u8,
    pub(crate) is_blob_index: bool,
    pub(crate) has_timestamp: bool,
}

impl Reply {
    pub(crate) const NOTHING: Self = Self {
        value: Bytes {
            data: std::ptr::null(),
            size: 0,
        },
        operands: std::ptr::null(),
        operand_count: 0,
        sequence: 0,
        covering: 0,
        timestamp: 0,
        code: 0,
        is_blob_index: false,
        has_timestamp: false,
    };
}

/// What RocksDB has counted.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Entries, range deletions included.
    pub entries: u64,
    /// Tombstones of single keys.
    pub deletions: u64,
    /// Range deletions.
    pub range_deletions: u64,
    /// Bytes of the encoded entries, checksums included.
    pub data_size: u64,
    /// The smallest sequence number, or so RocksDB says.
    pub first_sequence: u64,
    /// The newest timestamp.
    pub newest_timestamp: u64,
    /// No entry, or so RocksDB says.
    pub is_empty: bool,
    /// Whether there is a newest timestamp.
    pub has_timestamp: bool,
}

/// An entry, for C++.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Put {
    pub(crate) sequence: u64,
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
    pub(crate) kind: u8,
}

#[repr(C)]
pub(crate) struct Table {
    _opaque: [u8; 0],
}

#[repr(C)]
pub(crate) struct Iter {
    _opaque: [u8; 0],
}

pub(crate) type Each = unsafe extern "C" fn(*mut c_void, Bytes, Bytes, u64);

unsafe extern "C" {
    fn verimem_oracle_append(result: *mut c_void, bytes: Bytes);
    pub(crate) fn verimem_oracle_new(options: *const Choices) -> *mut Table;
    pub(crate) fn verimem_oracle_free(table: *mut Table);
    pub(crate) fn verimem_oracle_add(
        table: *mut Table,
        sequence: u64,
        kind: u8,
        key: Bytes,
        value: Bytes,
        hint: i32,
    ) -> bool;
    pub(crate) fn verimem_oracle_add_protected(
        table: *mut Table,
        entry: *const Put,
        other: *const Put,
    ) -> u8;
    pub(crate) fn verimem_oracle_update(
        table: *mut Table,
        sequence: u64,
        key: Bytes,
        value: Bytes,
    ) -> u8;
    pub(crate) fn verimem_oracle_update_with(
        table: *mut Table,
        sequence: u64,
        key: Bytes,
        delta: Bytes,
    ) -> u8;
    pub(crate) fn verimem_oracle_finish(table: *mut Table);
    pub(crate) fn verimem_oracle_seal(table: *mut Table);
    pub(crate) fn verimem_oracle_get(
        table: *mut Table,
        key: Bytes,
        sight: *const Sight,
        fold: bool,
        reply: *mut Reply,
    );
    pub(crate) fn verimem_oracle_multi_get(
        table: *mut Table,
        count: usize,
        keys: *const Bytes,
        sight: *const Sight,
        replies: *mut Reply,
    );
    pub(crate) fn verimem_oracle_fragments(
        table: *mut Table,
        last: u64,
        each: Each,
        context: *mut c_void,
    );
    pub(crate) fn verimem_oracle_counters(table: *mut Table, counters: *mut Counters);
    pub(crate) fn verimem_oracle_iter(table: *mut Table, stripped: bool) -> *mut Iter;
    pub(crate) fn verimem_oracle_iter_free(iter: *mut Iter);
    pub(crate) fn verimem_oracle_iter_seek(iter: *mut Iter, key: Bytes, sequence: u64);
    pub(crate) fn verimem_oracle_iter_seek_for_prev(iter: *mut Iter, key: Bytes, sequence: u64);
    pub(crate) fn verimem_oracle_iter_first(iter: *mut Iter);
    pub(crate) fn verimem_oracle_iter_last(iter: *mut Iter);
    pub(crate) fn verimem_oracle_iter_next(iter: *mut Iter);
    pub(crate) fn verimem_oracle_iter_prev(iter: *mut Iter);
    pub(crate) fn verimem_oracle_iter_entry(
        iter: *const Iter,
        internal_key: *mut Bytes,
        value: *mut Bytes,
    ) -> i32;
}

/// The number of a [`Merging`], for C++.
pub(crate) fn number(merging: Merging) -> u8 {
    match merging {
        Merging::Nothing => 0,
        Merging::Append => 1,
        Merging::Picky => 2,
        Merging::Reset => 3,
    }
}

fn merging(number: u8) -> Merging {
    match number {
        1 => Merging::Append,
        2 => Merging::Picky,
        3 => Merging::Reset,
        _ => Merging::Nothing,
    }
}

/// What operands, oldest first, make of a value.
///
/// # Safety
///
/// Called by `shim.cc` only, with what its header says.
#[unsafe(no_mangle)]
unsafe extern "C" fn verimem_oracle_fold(
    number: u8,
    existing: *const Bytes,
    operands: *const Bytes,
    count: usize,
    result: *mut c_void,
) -> bool {
    let existing = (!existing.is_null()).then(|| {
        // SAFETY: it is not null, so it is there.
        let bytes = unsafe { existing.read() };
        // SAFETY: the value is there during the call.
        unsafe { bytes.get() }
    });
    // SAFETY: there are so many, during the call.
    let operands = unsafe { all(operands, count) };
    let Some(folded) = merging(number).folded(existing, &operands) else {
        return false;
    };
    // SAFETY: the string is there during the call.
    unsafe { verimem_oracle_append(result, Bytes::of(&folded)) };
    true
}

/// Whether operands, newest first, can be folded without what is older.
///
/// # Safety
///
/// Called by `shim.cc` only, with what its header says.
#[unsafe(no_mangle)]
unsafe extern "C" fn verimem_oracle_is_enough(
    number: u8,
    operands: *const Bytes,
    count: usize,
) -> bool {
    // SAFETY: there are so many, during the call.
    let operands = unsafe { all(operands, count) };
    merging(number) == Merging::Reset
        && operands
            .last()
            .is_some_and(|oldest| Merging::is_reset(oldest))
}

/// What an update makes of a value.
///
/// # Safety
///
/// Called by `shim.cc` only, with what its header says.
#[unsafe(no_mangle)]
unsafe extern "C" fn verimem_oracle_revise(
    existing: Bytes,
    delta: Bytes,
    result: *mut c_void,
) -> u8 {
    // SAFETY: the value is there during the call, and changes after it.
    let existing = unsafe { existing.get() };
    // SAFETY: what is made of it is there during the call.
    let delta = unsafe { delta.get() };
    let (decision, value) = revised(Some(existing), delta);
    if decision != Decision::Keep {
        // SAFETY: the string is there during the call.
        unsafe { verimem_oracle_append(result, Bytes::of(&value)) };
    }
    match decision {
        Decision::Keep => 0,
        Decision::Replace => 1,
        Decision::Add => 2,
    }
}
