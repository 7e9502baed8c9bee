//! Entries without their timestamps.

use core::fmt;

use super::MemTable;
use crate::entry::EntryRef;
use crate::error::Result;
use crate::key::{Comparator, without_timestamp};
use crate::rep::{Cursor, Handle, MemTableRep, ReadRep};

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// All internal entries, without the timestamps of their keys.
    #[must_use]
    pub fn stripped(&self) -> Stripped<&Self> {
        Stripped::new(self)
    }
}

/// A walk over the internal entries that leaves out the timestamps of their keys, as for a
/// flush that is not to keep them (SPEC E9; RocksDB's
/// `persist_user_defined_timestamps = false`). Where keys have none, it is a cursor.
///
/// Entries come as they lie in the table: the versions of one key by timestamp first. Their
/// sequence numbers descend as well if entries with newer timestamps had larger numbers, as
/// a database that strips timestamps has to see to. Kinds stay as they are.
///
/// ```
/// use verimem::{Kind, MemTable, TimestampedComparator};
///
/// let table = MemTable::with_comparator(TimestampedComparator::bytewise()?).build()?;
/// table.add(1, Kind::VALUE, b"key\x0A\0\0\0\0\0\0\0", b"ten")?;
/// table.add(2, Kind::VALUE, b"key\x14\0\0\0\0\0\0\0", b"twenty")?;
/// let mut entries = table.stripped();
/// let newest = entries.next()?.unwrap();
/// assert_eq!((newest.user_key, newest.value), (&b"key"[..], &b"twenty"[..]));
/// assert_eq!(entries.next()?.map(|entry| entry.sequence), Some(1));
/// assert_eq!(entries.next()?, None);
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct Stripped<H: Handle> {
    cursor: Cursor<H>,
    begun: bool,
}

impl<H: Handle> Stripped<H> {
    /// From the first entry on.
    pub fn new(handle: H) -> Self {
        Self {
            cursor: Cursor::new(handle),
            begun: false,
        }
    }

    /// The next entry, its key without a timestamp; `None` past the end. O(1), and
    /// O(length) with a checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`](crate::Error::Corruption) when its checksum differs; the next
    /// call goes on behind it.
    #[expect(clippy::should_implement_trait, reason = "lends, and can fail")]
    pub fn next(&mut self) -> Result<Option<EntryRef<'_>>> {
        if self.begun {
            self.cursor.next();
        } else {
            self.cursor.seek_to_first();
            self.begun = true;
        }
        let entry = self.cursor.entry()?;
        Ok(entry.map(|entry| {
            let user_key = without_timestamp::<<H::Rep as ReadRep>::Comparator>(entry.user_key);
            EntryRef { user_key, ..entry }
        }))
    }
}

impl<H: Handle> fmt::Debug for Stripped<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripped")
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}
