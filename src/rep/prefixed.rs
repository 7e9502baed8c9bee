//! Cursors that keep to the prefix of where they began.
//!
//! A cursor remembers no prefix, only that it keeps to one: the entry that it is at has it, and
//! so has the next one, or the cursor is at no entry. So nothing has to be copied.

use super::{Cursor, Handle, ReadRep};
use crate::key::{PrefixMode, SequenceNumber, without_timestamp};

impl<H: Handle> Cursor<H> {
    /// The same cursor at no entry, which goes through those entries that the mode says.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use verimem::{FixedPrefix, Kind, MemTable, PrefixMode};
    ///
    /// let table = MemTable::builder().prefix_extractor(Arc::new(FixedPrefix(1))).build()?;
    /// table.add(1, Kind::VALUE, b"a1", b"")?;
    /// table.add(2, Kind::VALUE, b"b1", b"")?;
    /// let mut cursor = table.iter().with_prefix_mode(PrefixMode::SameAsStart);
    /// cursor.seek(b"a2", 2);
    /// assert!(!cursor.valid());
    /// cursor.seek_for_prev(b"a2", 2);
    /// assert_eq!(cursor.key(), Some((&b"a1"[..], 1)));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    #[must_use]
    pub fn with_prefix_mode(mut self, mode: PrefixMode) -> Self {
        self.clear();
        self.mode = mode;
        self.confined = false;
        self
    }

    /// Whether the following searches are for entries with the prefix of their key only, and
    /// keep the cursor there.
    pub(crate) fn search_in_prefix(&mut self, on: bool) {
        self.mode = if on {
            PrefixMode::SameAsStart
        } else {
            PrefixMode::TotalOrder
        };
        self.confined &= on;
    }

    /// Keeps the cursor to the prefix of the entry that it is at, if that has one.
    pub(crate) fn confine(&mut self) {
        let prefix = self.position.and_then(|position| self.prefix_at(position));
        self.confined = prefix.is_some();
    }

    /// Whether steps do not leave a prefix.
    pub(crate) fn is_confined(&self) -> bool {
        self.confined
    }

    pub(super) fn seek_in_prefix(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.search(user_key, sequence, |rep, trail| {
            rep.seek_in_prefix(trail, user_key, sequence)
        });
    }

    pub(super) fn seek_for_prev_in_prefix(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.search(user_key, sequence, |rep, _| {
            rep.seek_for_prev_in_prefix(user_key, sequence)
        });
    }

    pub(super) fn seek_before_in_prefix(&mut self, user_key: &[u8], sequence: SequenceNumber) {
        self.search(user_key, sequence, |rep, _| {
            rep.seek_before_in_prefix(user_key, sequence)
        });
    }

    /// Goes where a search for the key leads, if that has the prefix of the key, or the key
    /// has none.
    fn search(
        &mut self,
        user_key: &[u8],
        sequence: SequenceNumber,
        find: impl FnOnce(
            &H::Rep,
            &mut <H::Rep as ReadRep>::Trail,
        ) -> Option<<H::Rep as ReadRep>::Position>,
    ) {
        let prefix = self.prefix_of(user_key);
        self.confined = prefix.is_some();
        if prefix.is_some_and(|prefix| !self.handle.may_have_prefix(prefix)) {
            return self.clear();
        }
        self.position = find(self.handle.rep(), &mut self.trail);
        self.verify_search(Some((user_key, sequence)));
        let found = self.position.and_then(|position| self.prefix_at(position));
        if prefix.is_some() && found != prefix {
            self.position = None;
        }
    }

    /// Goes to no entry if the cursor left the prefix by its step from there.
    #[inline(never)]
    pub(super) fn stay_in_prefix(&mut self, from: <H::Rep as ReadRep>::Position) {
        let after = self.position.and_then(|position| self.prefix_at(position));
        if after.is_none() || after != self.prefix_at(from) {
            self.position = None;
        }
    }

    fn prefix_of<'k>(&self, user_key: &'k [u8]) -> Option<&'k [u8]> {
        let extractor = self.handle.prefix_extractor()?;
        extractor.transform(without_timestamp::<<H::Rep as ReadRep>::Comparator>(
            user_key,
        ))
    }

    fn prefix_at(&self, position: <H::Rep as ReadRep>::Position) -> Option<&[u8]> {
        // SAFETY: the position came from this handle's representation.
        let (user_key, _) = unsafe { self.handle.rep().key(position) }?;
        self.prefix_of(user_key)
    }
}
