//! What `shim.cc` offers.

use std::ffi::c_void;

/// The list, its arena and its comparator.
#[repr(C)]
pub(super) struct Table {
    _opaque: [u8; 0],
}

/// Room for an iterator; it needs no destruction.
#[repr(C)]
pub(super) struct IteratorSpace([*const c_void; 2]);

unsafe extern "C" {
    pub(super) fn verimem_isl_new(block_size: usize, bloom_bits: u32) -> *mut Table;
    pub(super) fn verimem_isl_free(table: *mut Table);
    pub(super) fn verimem_isl_live() -> usize;
    pub(super) fn verimem_isl_insert(
        table: *mut Table,
        tag: u64,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> bool;
    pub(super) fn verimem_isl_insert_concurrently(
        table: *mut Table,
        tag: u64,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> bool;
    pub(super) fn verimem_isl_hint_new(table: *mut Table) -> *mut c_void;
    pub(super) fn verimem_isl_hint_free(hint: *mut c_void);
    pub(super) fn verimem_isl_insert_with_hint(
        table: *mut Table,
        hint: *mut c_void,
        tag: u64,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> bool;
    pub(super) fn verimem_isl_multi_get(
        table: *const Table,
        count: usize,
        keys: *const *const u8,
        key_sizes: *const usize,
        found: *mut *const u8,
    ) -> bool;
    pub(super) fn verimem_isl_may_contain(
        table: *const Table,
        key: *const u8,
        key_size: usize,
    ) -> bool;
    pub(super) fn verimem_isl_iter(table: *const Table, space: *mut IteratorSpace);
    pub(super) fn verimem_isl_iter_seek(
        space: *mut IteratorSpace,
        key: *const u8,
        key_size: usize,
    ) -> *const u8;
    pub(super) fn verimem_isl_iter_first(space: *mut IteratorSpace) -> *const u8;
    pub(super) fn verimem_isl_iter_last(space: *mut IteratorSpace) -> *const u8;
    pub(super) fn verimem_isl_iter_next(space: *mut IteratorSpace) -> *const u8;
    pub(super) fn verimem_isl_iter_prev(space: *mut IteratorSpace) -> *const u8;
    pub(super) fn verimem_isl_bytes(table: *const Table) -> usize;
    fn verimem_isl_nothing(space: *const c_void) -> *const u8;
}

/// A call into C++ that does nothing, so that a benchmark can tell what each call costs.
#[inline]
pub fn nothing(space: &u8) -> *const u8 {
    // SAFETY: the function returns its argument and reads nothing.
    unsafe { verimem_isl_nothing(std::ptr::from_ref(space).cast()) }
}
