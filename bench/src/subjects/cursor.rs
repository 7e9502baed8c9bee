//! The loops that verimem's structures share: each of them iterates by the same cursor.

use verimem::MAX_SEQUENCE_NUMBER;
use verimem::rep::{Cursor, Handle};

use crate::digest::Digest;

/// Folds the entry under the cursor; false past the ends.
#[inline]
fn fold<H: Handle>(cursor: &Cursor<H>, digest: &mut Digest) -> bool {
    let entry = cursor.entry().expect("sound entries");
    entry.is_some_and(|entry| {
        digest.entry(entry.user_key, entry.sequence, entry.value);
        true
    })
}

/// The entry at or after `key`, then `nexts` more. Returns how many were read.
#[inline]
pub(super) fn seek<H: Handle>(
    mut cursor: Cursor<H>,
    key: &[u8],
    nexts: usize,
    digest: &mut Digest,
) -> usize {
    cursor.seek(key, MAX_SEQUENCE_NUMBER);
    let mut read = 0;
    while fold(&cursor, digest) {
        read += 1;
        if read > nexts {
            break;
        }
        cursor.next();
    }
    read
}

/// All entries, ascending. Returns how many.
#[inline]
pub(super) fn forward<H: Handle>(mut cursor: Cursor<H>, digest: &mut Digest) -> usize {
    cursor.seek_to_first();
    let mut read = 0;
    // A copy is written back once, and can stay in a register meanwhile.
    let mut local = *digest;
    while fold(&cursor, &mut local) {
        read += 1;
        cursor.next();
    }
    *digest = local;
    read
}

/// The last entries, descending, at most so many. Returns how many.
#[inline]
pub(super) fn backward<H: Handle>(
    mut cursor: Cursor<H>,
    most: usize,
    digest: &mut Digest,
) -> usize {
    cursor.seek_to_last();
    let mut read = 0;
    let mut local = *digest;
    while read < most && fold(&cursor, &mut local) {
        read += 1;
        cursor.prev();
    }
    *digest = local;
    read
}
