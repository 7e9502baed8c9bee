//! Values that keep their table alive, with feature `bytes`.

use bytes::Bytes;

use super::{Lookup, MemTable};
use crate::error::Result;
use crate::key::{Comparator, SequenceNumber};
use crate::rep::MemTableRep;
use crate::sync::Arc;

/// A value inside of a table, and the table.
struct Pinned<C, R> {
    /// Keeps `value` alive; never read.
    _table: Arc<MemTable<C, R>>,
    value: *const [u8],
}

// SAFETY: the pointer is to bytes that never change while the table lives, and
// the table is `Send` and `Sync`.
unsafe impl<C: Comparator, R: MemTableRep<Comparator = C>> Send for Pinned<C, R> {}

impl<C, R> AsRef<[u8]> for Pinned<C, R> {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the value was lent for as long as the table is shared, which `_table` sees
        // to: it keeps the table alive, and where it is.
        unsafe { &*self.value }
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// The value of `user_key` at `snapshot`, without a copy: the bytes keep the
    /// table alive. `None` unless the answer of [`get`](Self::get) is
    /// [`Lookup::Found`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use verimem::{Kind, MemTable};
    ///
    /// let table = Arc::new(MemTable::builder().build()?);
    /// table.add(1, Kind::VALUE, b"k", b"value")?;
    /// let value = table.get_bytes(b"k", 1)?;
    /// drop(table);
    /// assert_eq!(value.as_deref(), Some(&b"value"[..]));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_bytes(
        self: &Arc<Self>,
        user_key: &[u8],
        snapshot: SequenceNumber,
    ) -> Result<Option<Bytes>> {
        let Lookup::Found { value, .. } = self.get(user_key, snapshot)? else {
            return Ok(None);
        };
        Ok(Some(Bytes::from_owner(Pinned {
            _table: Arc::clone(self),
            value,
        })))
    }
}
