//! Encoding and decoding of entry records.

use super::limits::TAG_LEN;
use super::{Layout, Protection};
use crate::codec::{decode_varint32, write_varint32};
use crate::error::{CorruptKey, Corruption, Error, Result};
use crate::key::{Kind, MAX_SEQUENCE_NUMBER, SequenceNumber, pack_tag, tag_kind, tag_sequence};

/// One entry, borrowed from wherever its record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The key.
    pub user_key: &'a [u8],
    /// Its version.
    pub sequence: SequenceNumber,
    /// What the entry says about the key.
    pub kind: Kind,
    /// The value, operand or nothing, as the kind has it.
    pub value: &'a [u8],
}

impl EntryRef<'_> {
    #[inline]
    pub(crate) fn tag(&self) -> u64 {
        pack_tag(self.sequence, self.kind)
    }
}

/// How many bytes the record of an entry takes.
///
/// # Errors
///
/// The limit that the lengths exceed (SPEC E5).
pub fn encoded_len(key_len: usize, value_len: usize, protection: Protection) -> Result<usize> {
    Layout::new(key_len, value_len, protection).map(|layout| layout.len)
}

/// Appends the record of `entry`.
///
/// ```
/// use verimem::{EntryRef, Kind, Protection, decode, encode};
///
/// let entry = EntryRef { user_key: b"key", sequence: 7, kind: Kind::VALUE, value: b"value" };
/// let mut bytes = Vec::new();
/// encode(&entry, Protection::Four, &mut bytes)?;
/// assert_eq!(decode(&bytes, Protection::Four)?, (entry, &[][..]));
/// # Ok::<(), verimem::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::SequenceTooLarge`] or the limit that a length exceeds; nothing is
/// appended then.
pub fn encode(entry: &EntryRef<'_>, protection: Protection, out: &mut Vec<u8>) -> Result<()> {
    if entry.sequence > MAX_SEQUENCE_NUMBER {
        return Err(Error::SequenceTooLarge {
            sequence: entry.sequence,
        });
    }
    let layout = Layout::new(entry.user_key.len(), entry.value.len(), protection)?;
    let start = out.len();
    out.try_reserve(layout.len)
        .map_err(|_| Error::OutOfMemory {
            requested: layout.len,
        })?;
    out.resize(start + layout.len, 0);
    write_record(&mut out[start..], entry, &layout, protection);
    Ok(())
}

/// Writes the record of `entry` to exactly `layout.len` bytes.
#[inline]
pub(crate) fn write_record(
    out: &mut [u8],
    entry: &EntryRef<'_>,
    layout: &Layout,
    protection: Protection,
) {
    let at = write_varint32(out, layout.internal_key_len);
    let (key, out) = out[at..].split_at_mut(entry.user_key.len());
    key.copy_from_slice(entry.user_key);
    let (tag, out) = out.split_at_mut(TAG_LEN);
    tag.copy_from_slice(&entry.tag().to_le_bytes());
    let at = write_varint32(out, layout.value_len);
    let (value, out) = out[at..].split_at_mut(entry.value.len());
    value.copy_from_slice(entry.value);
    if !protection.is_empty() {
        let checksum = protection.checksum(entry);
        out.copy_from_slice(&checksum[..protection.len()]);
    }
}

/// Splits `input` into the entry whose record is in front, and the rest.
///
/// The input may be hostile. O(length of the record).
///
/// # Errors
///
/// [`Error::Corruption`] when the bytes are no record or the checksum differs.
pub fn decode(input: &[u8], protection: Protection) -> Result<(EntryRef<'_>, &[u8])> {
    let (internal_key_len, rest) = decode_varint32(input)?;
    let internal_key_len = usize::try_from(internal_key_len).unwrap_or(usize::MAX);
    let Some(key_len) = internal_key_len.checked_sub(TAG_LEN) else {
        return Err(Corruption::BadLength {
            what: "internal key",
            length: internal_key_len,
        }
        .into());
    };
    let truncated = |what| Corruption::Truncated { what };
    let (user_key, rest) = rest
        .split_at_checked(key_len)
        .ok_or(truncated("user key"))?;
    let (tag, rest) = rest
        .split_first_chunk::<TAG_LEN>()
        .ok_or(truncated("sequence number and kind"))?;
    let tag = u64::from_le_bytes(*tag);
    let (value_len, rest) = decode_varint32(rest)?;
    let value_len = usize::try_from(value_len).unwrap_or(usize::MAX);
    let (value, rest) = rest.split_at_checked(value_len).ok_or(truncated("value"))?;
    let (checksum, rest) = rest
        .split_at_checked(protection.len())
        .ok_or(truncated("checksum"))?;
    let entry = EntryRef {
        user_key,
        sequence: tag_sequence(tag),
        kind: tag_kind(tag),
        value,
    };
    if protection.checksum(&entry)[..protection.len()] != *checksum {
        return Err(Corruption::Checksum {
            sequence: entry.sequence,
            key: CorruptKey::HIDDEN,
        }
        .into());
    }
    Ok((entry, rest))
}

/// A record without a checksum inside of an arena: its lengths are believed. One with
/// a checksum is a [`GuardedRecord`](super::GuardedRecord).
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRecord {
    start: *const u8,
}

impl RawRecord {
    /// # Safety
    ///
    /// `start` is the first byte of a record that [`write_record`] wrote, which
    /// stays readable, through this very pointer, and unchanged for as long as what
    /// this returns is used.
    #[inline(always)]
    pub(crate) unsafe fn new(start: *const u8) -> Self {
        Self { start }
    }

    /// Where the user key begins, and its length.
    ///
    /// # Safety
    ///
    /// As for [`RawRecord::new`].
    #[inline(always)]
    unsafe fn user_key(self) -> (*const u8, usize) {
        // SAFETY: the record begins with the length of the internal key.
        let (internal_key_len, key) = unsafe { raw_varint32(self.start) };
        (key, internal_key_len as usize - TAG_LEN)
    }

    /// Where the value begins, and its length.
    ///
    /// # Safety
    ///
    /// As for [`RawRecord::new`]; `user_key` is what [`user_key`](Self::user_key) said.
    #[inline(always)]
    unsafe fn value((key, key_len): (*const u8, usize)) -> (*const u8, usize) {
        // SAFETY: the tag follows the user key, and the value's length the tag. The
        // pointer may be used for all of the record, as the one it was made from.
        let value_len = unsafe { key.add(key_len + TAG_LEN) };
        // SAFETY: a varint32 begins there.
        let (value_len, value) = unsafe { raw_varint32(value_len) };
        (value, value_len as usize)
    }

    /// The user key and the tag.
    ///
    /// # Safety
    ///
    /// As for [`RawRecord::new`], for the whole of `'a`.
    #[inline(always)]
    pub(crate) unsafe fn key<'a>(self) -> (&'a [u8], u64) {
        // SAFETY: passed on from the caller.
        let place = unsafe { self.user_key() };
        // SAFETY: as above.
        unsafe { Self::key_at(place) }
    }

    /// As [`key`](Self::key), once it is known where the user key is.
    ///
    /// # Safety
    ///
    /// As for [`key`](Self::key); `user_key` is what [`user_key`](Self::user_key) said.
    #[inline(always)]
    unsafe fn key_at<'a>((key, key_len): (*const u8, usize)) -> (&'a [u8], u64) {
        // SAFETY: the caller keeps the user key readable for `'a`.
        let user_key = unsafe { core::slice::from_raw_parts(key, key_len) };
        // SAFETY: the tag follows the user key.
        let tag = unsafe { key.add(key_len) };
        // SAFETY: eight bytes of tag are there, at any alignment.
        let tag = unsafe { tag.cast::<[u8; TAG_LEN]>().read() };
        (user_key, u64::from_le_bytes(tag))
    }

    /// Bytes from the start of the record to the end of its value.
    ///
    /// # Safety
    ///
    /// As for [`RawRecord::new`].
    #[inline]
    pub(crate) unsafe fn len(self) -> usize {
        // SAFETY: passed on from the caller.
        let user_key = unsafe { self.user_key() };
        // SAFETY: as above.
        let (value, value_len) = unsafe { Self::value(user_key) };
        value.addr() + value_len - self.start.addr()
    }

    /// The whole entry.
    ///
    /// # Safety
    ///
    /// As for [`RawRecord::new`], for the whole of `'a`.
    #[inline(always)]
    pub(crate) unsafe fn entry<'a>(self) -> EntryRef<'a> {
        // SAFETY: passed on from the caller.
        let place = unsafe { self.user_key() };
        // SAFETY: as above.
        let (user_key, tag) = unsafe { Self::key_at(place) };
        // SAFETY: as above.
        let (value, value_len) = unsafe { Self::value(place) };
        EntryRef {
            user_key,
            sequence: tag_sequence(tag),
            kind: tag_kind(tag),
            // SAFETY: the caller keeps the value readable for `'a`.
            value: unsafe { core::slice::from_raw_parts(value, value_len) },
        }
    }
}

/// Reads a varint32 that is known to be whole; returns it and what follows.
///
/// # Safety
///
/// `from` is the first byte of a well-formed varint32.
#[inline(always)]
unsafe fn raw_varint32(from: *const u8) -> (u32, *const u8) {
    // SAFETY: the varint has a first byte.
    let byte = unsafe { from.read() };
    if byte < 0x80 {
        // SAFETY: one past a byte of the varint is at most one past its end.
        return (u32::from(byte), unsafe { from.add(1) });
    }
    // SAFETY: passed on from the caller.
    unsafe { long_varint32(from) }
}

/// As [`raw_varint32`], for more than one byte.
///
/// # Safety
///
/// As for [`raw_varint32`].
unsafe fn long_varint32(mut from: *const u8) -> (u32, *const u8) {
    let mut value = 0;
    let mut shift = 0;
    loop {
        // SAFETY: every byte so far said that another one follows (or it is the first).
        let byte = unsafe { from.read() };
        // SAFETY: one past a byte of the varint is at most one past its end.
        from = unsafe { from.add(1) };
        value |= u32::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return (value, from);
        }
        shift += 7;
    }
}
