//! RocksDB's iterator.

use std::marker::PhantomData;
use std::ptr::NonNull;

use verimem_model::Entry;

use super::Rocks;
use crate::sys::{self, Bytes};

/// Its iterator over all entries.
pub struct Iter<'t> {
    iter: NonNull<sys::Iter>,
    table: PhantomData<&'t Rocks>,
}

impl<'t> Iter<'t> {
    /// On no entry; all timestamps 0 if they are to be `stripped`.
    pub(super) fn new(rocks: &'t Rocks, stripped: bool) -> Self {
        // SAFETY: the table is alive for as long as the iterator.
        let iter = unsafe { sys::verimem_oracle_iter(rocks.table.as_ptr(), stripped) };
        Self {
            iter: NonNull::new(iter).expect("memory for an iterator"),
            table: PhantomData,
        }
    }

    /// The entry it is on.
    ///
    /// # Errors
    ///
    /// When it failed.
    pub fn entry(&self) -> Result<Option<Entry<'t>>, String> {
        let Some((key, value)) = self.bytes()? else {
            return Ok(None);
        };
        // SAFETY: entries stay where they are for as long as the table is alive.
        let (user_key, tag) = parts(unsafe { key.get::<'t>() })?;
        // SAFETY: as above.
        let value = unsafe { value.get::<'t>() };
        Ok(Some(Entry {
            user_key,
            sequence: tag >> 8,
            kind: tag as u8,
            value,
        }))
    }

    /// Internal key and value of the entry it is on.
    pub(super) fn bytes(&self) -> Result<Option<(Bytes, Bytes)>, String> {
        let (mut key, mut value) = (Bytes::of(&[]), Bytes::of(&[]));
        // SAFETY: iterator and table are alive.
        let state = unsafe {
            sys::verimem_oracle_iter_entry(self.iter.as_ptr(), &raw mut key, &raw mut value)
        };
        match state {
            0 => Ok(None),
            1 => Ok(Some((key, value))),
            _ => Err("the iterator failed".to_owned()),
        }
    }

    /// Where the user key of the entry begins that it is on, in RocksDB's memory.
    #[must_use]
    pub fn place(&self) -> Option<*mut u8> {
        let (key, _) = self.bytes().ok()??;
        Some(key.data.cast_mut())
    }

    fn is_valid(&self) -> bool {
        matches!(self.bytes(), Ok(Some(_)))
    }

    /// To the first entry at or after a place.
    pub fn seek(&mut self, user_key: &[u8], sequence: u64) {
        let key = Bytes::of(user_key);
        // SAFETY: iterator and table are alive, and the key is there during the call.
        unsafe { sys::verimem_oracle_iter_seek(self.iter.as_ptr(), key, sequence) };
    }

    /// To the last entry at or before a place.
    pub fn seek_for_prev(&mut self, user_key: &[u8], sequence: u64) {
        let key = Bytes::of(user_key);
        // SAFETY: iterator and table are alive, and the key is there during the call.
        unsafe { sys::verimem_oracle_iter_seek_for_prev(self.iter.as_ptr(), key, sequence) };
    }

    /// To the first entry, or the last.
    pub fn seek_to_end(&mut self, first: bool) {
        let iter = self.iter.as_ptr();
        if first {
            // SAFETY: iterator and table are alive.
            unsafe { sys::verimem_oracle_iter_first(iter) };
        } else {
            // SAFETY: iterator and table are alive.
            unsafe { sys::verimem_oracle_iter_last(iter) };
        }
    }

    /// One on, or back; nowhere from nowhere.
    pub fn step(&mut self, forward: bool) {
        if !self.is_valid() {
            return;
        }
        let iter = self.iter.as_ptr();
        if forward {
            // SAFETY: iterator and table are alive, and it is on an entry.
            unsafe { sys::verimem_oracle_iter_next(iter) };
        } else {
            // SAFETY: iterator and table are alive, and it is on an entry.
            unsafe { sys::verimem_oracle_iter_prev(iter) };
        }
    }
}

impl Drop for Iter<'_> {
    fn drop(&mut self) {
        // SAFETY: the iterator is freed once, before its table.
        unsafe { sys::verimem_oracle_iter_free(self.iter.as_ptr()) };
    }
}

/// User key and tag of an internal key.
pub(super) fn parts(internal_key: &[u8]) -> Result<(&[u8], u64), String> {
    let (user_key, tag) = internal_key.split_last_chunk::<8>().ok_or("no tag")?;
    Ok((user_key, u64::from_le_bytes(*tag)))
}
