//! Values that keep their table alive, with feature `bytes`.

use bytes::Bytes;

use super::{Lookup, MemTable};
use crate::error::Result;
use crate::key::{Comparator, SequenceNumber};
use crate::sync::Arc;

/// A value inside of a table, and the table.
struct Pinned<C> {
    /// Keeps `value` alive; never read.
    _table: Arc<MemTable<C>>,
    value: *const [u8],
}

// SAFETY: the pointer is to bytes that never change while the table lives, and
// the table is `Send` and `Sync`.
unsafe impl<C: Comparator> Send for Pinned<C> {}

impl<C> AsRef<[u8]> for Pinned<C> {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the value lies in the arena of the table, which `_table` keeps
        // alive, and records never change (list invariant S1).
        unsafe { &*self.value }
    }
}

impl<C: Comparator> MemTable<C> {
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
