//! Records that are read without believing their lengths.
//!
//! The checksum of a record lies behind the value: to find it, the lengths must be
//! known, and a wrong length leads out of the record. So a record with a checksum
//! has eight bytes in front of it where it lies in a node:
//!
//! ```text
//! fixed32(bytes of the record) · fixed32(mix of that, internal_key_len and the address)
//! ```
//!
//! For two of the three numbers given, the mix is one-to-one in the third: what is wrong in
//! one place only, be it here or in the length of the key, is noticed for certain, and
//! anything else but once in 2^32. Nothing is read outside of the bytes that the guard
//! allows; the value's length is decoded inside of them.

use super::limits::TAG_LEN;
use super::{EntryRef, Layout, Protection, decode, write_record};
use crate::codec::{MAX_VARINT32_LEN, decode_varint32, varint_length};
use crate::error::{Corruption, Error, Result};

/// Bytes of a guard.
pub(crate) const GUARD_LEN: usize = 8;

/// What the second half of a guard is.
fn mix(len: u32, internal_key_len: u32, place: usize) -> u32 {
    let place = (place as u32).wrapping_mul(0x85EB_CA6B);
    let key = internal_key_len.wrapping_mul(0xC2B2_AE35).rotate_left(15);
    len.wrapping_mul(0x9E37_79B1) ^ key ^ place ^ 0x5BD1_E995
}

/// What tells whether a reference at an address is the one that was stored there: as in a
/// guard, for a given place it is one-to-one in `target`.
pub(crate) fn reference_check(target: u32, place: usize) -> u32 {
    mix(target, u32::MAX, place)
}

/// Writes the record of `entry` behind its guard: [`GUARD_LEN`] and `layout.len` bytes.
pub(crate) fn write_guarded(
    out: &mut [u8],
    entry: &EntryRef<'_>,
    layout: &Layout,
    protection: Protection,
) {
    let place = out.as_ptr().addr();
    let (guard, record) = out.split_at_mut(GUARD_LEN);
    // A record's limit is that of 32 bits.
    let len = layout.len as u32;
    guard[..4].copy_from_slice(&len.to_le_bytes());
    guard[4..].copy_from_slice(&mix(len, layout.internal_key_len, place).to_le_bytes());
    write_record(record, entry, layout, protection);
}

/// A record with a checksum inside of an arena, behind its guard. Whatever its bytes are,
/// nothing outside of it is read, unless guard and key length were made to agree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedRecord {
    start: *const u8,
}

impl GuardedRecord {
    /// # Safety
    ///
    /// `start` is the first byte of a guard that [`write_guarded`] wrote there, and its
    /// record follows; all of it stays readable, through this very pointer, and unchanged
    /// for as long as what this returns is used.
    #[inline]
    pub(crate) unsafe fn new(start: *const u8) -> Self {
        Self { start }
    }

    /// The bytes of the record, where its key begins, and where its tag begins.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`].
    ///
    /// # Safety
    ///
    /// As for [`GuardedRecord::new`], for the whole of `'a`.
    unsafe fn parts<'a>(self) -> Result<(&'a [u8], usize, usize), Corruption> {
        type Front = [u8; GUARD_LEN + MAX_VARINT32_LEN];
        // SAFETY: a guard is there, and a record of at least 11 bytes: two lengths, a tag
        // and a checksum. Bytes have no alignment.
        let front = unsafe { self.start.cast::<Front>().read() };
        let word = |at: usize| {
            let bytes = front[at..].first_chunk().copied();
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let (len, check) = (word(0), word(4));
        let varint = &front[GUARD_LEN..];
        let (internal_key_len, rest) = decode_varint32(varint).map_err(|_| Corruption::Lengths)?;
        let key_at = varint.len() - rest.len();
        let place = self.start.addr();
        let key_end = key_at as u64 + u64::from(internal_key_len);
        if check != mix(len, internal_key_len, place)
            || key_at != varint_length(u64::from(internal_key_len))
            || internal_key_len < TAG_LEN as u32
            || key_end >= u64::from(len)
        {
            return Err(Corruption::Lengths);
        }
        // SAFETY: the record follows the guard.
        let record = unsafe { self.start.add(GUARD_LEN) };
        // SAFETY: the guard says that the record has so many bytes, and agrees with the key's
        // length and the place; the caller keeps them readable for `'a`.
        let record = unsafe { core::slice::from_raw_parts(record, len as usize) };
        Ok((record, key_at, key_at + internal_key_len as usize - TAG_LEN))
    }

    /// The user key and the tag.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`]. The checksum is not looked at.
    ///
    /// # Safety
    ///
    /// As for [`GuardedRecord::new`], for the whole of `'a`.
    pub(crate) unsafe fn key<'a>(self) -> Result<(&'a [u8], u64), Corruption> {
        // SAFETY: passed on from the caller.
        let (record, key_at, tag_at) = unsafe { self.parts() }?;
        let tag = record[tag_at..].first_chunk().copied().unwrap_or_default();
        Ok((&record[key_at..tag_at], u64::from_le_bytes(tag)))
    }

    /// Bytes of the record.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`].
    ///
    /// # Safety
    ///
    /// As for [`GuardedRecord::new`].
    pub(crate) unsafe fn len(self) -> Result<usize, Corruption> {
        // SAFETY: passed on from the caller.
        unsafe { self.parts() }.map(|(record, ..)| record.len())
    }

    /// The whole entry.
    ///
    /// # Errors
    ///
    /// [`Corruption::Lengths`]; [`Corruption::Checksum`].
    ///
    /// # Safety
    ///
    /// As for [`GuardedRecord::new`], for the whole of `'a`; the record has a checksum of
    /// that protection.
    pub(crate) unsafe fn entry<'a>(
        self,
        protection: Protection,
    ) -> Result<EntryRef<'a>, Corruption> {
        // SAFETY: passed on from the caller.
        let (record, ..) = unsafe { self.parts() }?;
        match decode(record, protection) {
            Ok((entry, [])) => Ok(entry),
            Err(Error::Corruption(checksum @ Corruption::Checksum { .. })) => Err(checksum),
            _ => Err(Corruption::Lengths),
        }
    }
}
