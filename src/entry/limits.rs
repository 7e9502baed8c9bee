//! How long keys, values and entries may be.

use super::Protection;
use crate::codec::varint_length;
use crate::error::{Error, Result};

/// Bytes of a tag.
pub(super) const TAG_LEN: usize = 8;

/// A user key and its tag fit 32 bits (SPEC E5).
pub(crate) const MAX_USER_KEY_LEN: usize = u32::MAX as usize - TAG_LEN;

/// A value fits 32 bits.
const MAX_VALUE_LEN: usize = u32::MAX as usize;

/// A record fits 32 bits too: RocksDB checks the parts only, and wraps. On a
/// 32-bit machine it also leaves room for the node around it in half of the
/// addresses, more than which no allocation can have.
const MAX_RECORD_LEN: usize = if usize::BITS > 32 {
    u32::MAX as usize
} else {
    isize::MAX as usize - (64 << 10)
};

/// The lengths of a record's parts, checked against all limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) internal_key_len: u32,
    pub(crate) value_len: u32,
    /// Bytes of the whole record.
    pub(crate) len: usize,
}

impl Layout {
    /// Lays out a record with a key and a value of these lengths.
    #[inline]
    pub(crate) fn new(key_len: usize, value_len: usize, protection: Protection) -> Result<Self> {
        if key_len > MAX_USER_KEY_LEN {
            return Err(Error::KeyTooLarge {
                length: key_len,
                limit: MAX_USER_KEY_LEN,
            });
        }
        let value_len_32 = u32::try_from(value_len).map_err(|_| Error::ValueTooLarge {
            length: value_len,
            limit: MAX_VALUE_LEN,
        })?;
        let internal_key_len = (key_len + TAG_LEN) as u32;
        let parts = varint_length(u64::from(internal_key_len)) as u64
            + u64::from(internal_key_len)
            + varint_length(u64::from(value_len_32)) as u64
            + u64::from(value_len_32)
            + protection.len() as u64;
        // Compared as 64 bits: a 32-bit `usize` cannot say by how much it is over.
        if parts > MAX_RECORD_LEN as u64 {
            return Err(Error::EntryTooLarge {
                length: usize::try_from(parts).unwrap_or(usize::MAX),
                limit: MAX_RECORD_LEN,
            });
        }
        Ok(Self {
            internal_key_len,
            value_len: value_len_32,
            len: parts as usize,
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn e5_each_limit_and_the_sum_are_checked() {
        let layout = |key, value| Layout::new(key, value, Protection::None);
        assert!(
            layout(MAX_USER_KEY_LEN, 0).is_err_and(|e| matches!(e, Error::EntryTooLarge { .. }))
        );
        assert!(layout(0, MAX_VALUE_LEN).is_err_and(|e| matches!(e, Error::EntryTooLarge { .. })));
        assert!(layout(1 << 31, 1 << 31).is_err_and(|e| matches!(e, Error::EntryTooLarge { .. })));
        assert!(
            layout(MAX_USER_KEY_LEN + 1, 0).is_err_and(|e| matches!(e, Error::KeyTooLarge { .. }))
        );
        assert!(
            layout(usize::MAX, usize::MAX).is_err_and(|e| matches!(e, Error::KeyTooLarge { .. }))
        );
        #[cfg(target_pointer_width = "64")]
        assert!(
            layout(0, MAX_VALUE_LEN + 1).is_err_and(|e| matches!(e, Error::ValueTooLarge { .. }))
        );
        // The longest that fits: 5 + 8 + 5 bytes around the value and the empty key.
        let longest = MAX_RECORD_LEN - 14;
        assert_eq!(
            layout(0, longest).map(|layout| layout.len),
            Ok(MAX_RECORD_LEN)
        );
        assert!(layout(0, longest + 1).is_err());
        // Parts that a 32-bit machine can just have, and whose sum wraps there.
        let half = i32::MAX as usize;
        assert!(layout(half, half).is_err_and(|e| matches!(e, Error::EntryTooLarge { .. })));
        #[cfg(target_pointer_width = "32")]
        assert!(MAX_RECORD_LEN < isize::MAX as usize);
    }
}
