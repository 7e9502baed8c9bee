//! The key that a search looks for.

use smallvec::SmallVec;

use super::MAX_USER_KEY_LEN;
use super::limits::TAG_LEN;
use crate::codec::{MAX_VARINT32_LEN, write_varint32};
use crate::error::{Error, Result};
use crate::key::{Kind, MAX_SEQUENCE_NUMBER, SequenceNumber, pack_tag};

/// Keys up to about this length are held without a heap allocation, in bytes.
const INLINE: usize = 200;

/// A user key at a snapshot, in the three forms that readers use (SPEC E6).
///
/// ```
/// use verimem::LookupKey;
///
/// let key = LookupKey::new(b"key", 5)?;
/// assert_eq!(key.user_key(), b"key");
/// assert_eq!(key.internal_key(), b"key\xFF\x05\0\0\0\0\0\0");
/// assert_eq!(key.memtable_key()[0], 11);
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LookupKey {
    bytes: SmallVec<[u8; INLINE]>,
    key_start: usize,
}

impl LookupKey {
    /// Looks for the newest version of `user_key` that `snapshot` sees.
    ///
    /// O(length of the key); allocates for keys over about 190 bytes.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`], [`Error::KeyTooLarge`].
    pub fn new(user_key: &[u8], snapshot: SequenceNumber) -> Result<Self> {
        if snapshot > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge { sequence: snapshot });
        }
        if user_key.len() > MAX_USER_KEY_LEN {
            return Err(Error::KeyTooLarge {
                length: user_key.len(),
                limit: MAX_USER_KEY_LEN,
            });
        }
        let mut length = [0; MAX_VARINT32_LEN];
        let key_start = write_varint32(&mut length, (user_key.len() + TAG_LEN) as u32);
        let mut bytes = SmallVec::new();
        let total = key_start + user_key.len() + TAG_LEN;
        bytes
            .try_reserve(total)
            .map_err(|_| Error::OutOfMemory { requested: total })?;
        bytes.extend_from_slice(&length[..key_start]);
        bytes.extend_from_slice(user_key);
        // The largest kind comes first among equals, so that none is passed over.
        let tag = pack_tag(snapshot, Kind(u8::MAX));
        bytes.extend_from_slice(&tag.to_le_bytes());
        Ok(Self { bytes, key_start })
    }

    /// The internal key with its length in front, as a record begins.
    #[must_use]
    pub fn memtable_key(&self) -> &[u8] {
        &self.bytes
    }

    /// The user key with its tag.
    #[must_use]
    pub fn internal_key(&self) -> &[u8] {
        &self.bytes[self.key_start..]
    }

    /// The user key.
    #[must_use]
    pub fn user_key(&self) -> &[u8] {
        &self.bytes[self.key_start..self.bytes.len() - TAG_LEN]
    }

    /// The snapshot.
    #[must_use]
    pub fn sequence(&self) -> SequenceNumber {
        let tag = self
            .bytes
            .last_chunk::<TAG_LEN>()
            .map_or(0, |tag| u64::from_le_bytes(*tag));
        crate::key::tag_sequence(tag)
    }
}
