//! How a representation is read.

use core::fmt::Debug;

use crate::entry::EntryRef;
use crate::error::{CorruptKey, Corruption, Result};
use crate::key::{Comparator, MAX_SEQUENCE_NUMBER, SequenceNumber, without_timestamp};
use crate::sync::random_u64;

/// An ordered structure of entries, as a memtable and its cursors read it.
///
/// Entries ascend by user key in the order of the comparator, and by descending
/// sequence number within a key. Who implements it decides what readers find; what may be read
/// safely is for it to see to, since each position that it is given is one that it returned.
pub trait ReadRep: Send + Sync + 'static {
    /// The order of user keys.
    type Comparator: Comparator;
    /// Names an entry for as long as the representation lives.
    type Position: Copy + Debug + PartialEq + Send + Sync + 'static;

    /// The order of user keys.
    fn comparator(&self) -> &Self::Comparator;

    /// What a cursor remembers of the way, so that its next step is cheaper. It
    /// decides how long a step takes, never where it leads. The default knows
    /// nothing.
    type Trail: Clone + Debug + Default + Send + Sync + 'static;

    /// Has a trail forget the way, since its cursor goes elsewhere. It keeps its memory.
    fn forget(trail: &mut Self::Trail) {
        *trail = Self::Trail::default();
    }

    /// The first entry at or after `(user_key, sequence)`, if it is of that user key,
    /// timestamps aside: without them, the newest one that is not newer than `sequence`.
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Self::Position> {
        let found = self.seek(&mut Self::Trail::default(), user_key, sequence)?;
        // SAFETY: this representation returned the position.
        let (key, _) = unsafe { self.key(found) }?;
        let [key, wanted] = [key, user_key].map(without_timestamp::<Self::Comparator>);
        let order = self.comparator().compare_without_timestamp(key, wanted);
        order.is_eq().then_some(found)
    }

    /// As [`find`](Self::find) for each of the keys, which may be quicker than one
    /// after the other; `found` hears the answers in the order of the keys.
    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        mut found: impl FnMut(usize, Option<Self::Position>),
    ) {
        for (index, key) in keys.iter().enumerate() {
            found(index, self.find(key, sequence));
        }
    }

    /// The first entry at or after `(user_key, sequence)`.
    fn seek(
        &self,
        trail: &mut Self::Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Self::Position>;

    /// The last entry at or before `(user_key, sequence)`.
    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Self::Position>;

    /// The last entry before `(user_key, sequence)`.
    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Self::Position>;

    /// As [`seek`](Self::seek), for who wants entries with the prefix of the key only, by the
    /// table's extractor. Where there is none to be found, the answer may be nothing, or any
    /// entry with another prefix; where the key has no prefix, it is as for `seek`.
    fn seek_in_prefix(
        &self,
        trail: &mut Self::Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Self::Position> {
        self.seek(trail, user_key, sequence)
    }

    /// As [`seek_for_prev`](Self::seek_for_prev), for who wants no other prefix.
    fn seek_for_prev_in_prefix(
        &self,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Self::Position> {
        self.seek_for_prev(user_key, sequence)
    }

    /// As [`seek_before`](Self::seek_before), for who wants no other prefix.
    fn seek_before_in_prefix(
        &self,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Self::Position> {
        self.seek_before(user_key, sequence)
    }

    /// The first entry.
    fn first(&self, trail: &mut Self::Trail) -> Option<Self::Position>;

    /// The last entry.
    fn last(&self) -> Option<Self::Position>;

    /// An entry at random, if there is any. The default looks at all of them.
    fn random(&self) -> Option<Self::Position> {
        let mut trail = Self::Trail::default();
        let mut at = self.first(&mut trail);
        let mut chosen = None;
        let mut seen = 0;
        while let Some(position) = at {
            seen += 1;
            if random_u64() % seen == 0 {
                chosen = at;
            }
            // SAFETY: this representation returned the position, and the trail is its own.
            at = unsafe { self.next(&mut trail, position) };
        }
        chosen
    }

    /// Up to `count` different entries at random; the default finds none, and leaves it to the
    /// table to look at all of them.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn sample(&self, count: usize) -> Result<Vec<Self::Position>> {
        let _ = count;
        Ok(Vec::new())
    }

    /// About how many entries lie from the first version of `begin` on and before that of
    /// `end`. The default counts them.
    fn count_between(&self, begin: &[u8], end: &[u8]) -> u64 {
        let mut trail = Self::Trail::default();
        let mut at = self.seek(&mut trail, begin, MAX_SEQUENCE_NUMBER);
        let mut count = 0;
        while let Some(position) = at {
            // SAFETY: this representation returned the position.
            let key = unsafe { self.key(position) };
            if key.is_some_and(|(key, _)| self.comparator().compare(key, end).is_ge()) {
                break;
            }
            count += 1;
            // SAFETY: as above, and the trail is its own.
            at = unsafe { self.next(&mut trail, position) };
        }
        count
    }

    /// The entry after a position.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation, and the trail was used
    /// with this representation only since it was made.
    unsafe fn next(
        &self,
        trail: &mut Self::Trail,
        position: Self::Position,
    ) -> Option<Self::Position>;

    /// The entry before a position.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation, and the trail was used
    /// with this representation only since it was made.
    unsafe fn prev(
        &self,
        trail: &mut Self::Trail,
        position: Self::Position,
    ) -> Option<Self::Position>;

    /// The user key and sequence number at a position; `None` where its lengths are damaged,
    /// which a [checked](Self::is_checked) representation notices.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation.
    unsafe fn key(&self, position: Self::Position) -> Option<(&[u8], SequenceNumber)>;

    /// True when there is anything to verify in what a reader comes by. By default there is not.
    fn is_checked(&self) -> bool {
        false
    }

    /// Verifies what a search for `(user_key, sequence)` comes by, as closely as the
    /// representation was asked to (SPEC E10).
    ///
    /// # Errors
    ///
    /// [`Corruption`].
    fn verify_path(&self, user_key: &[u8], sequence: SequenceNumber) -> Result<(), Corruption> {
        let _ = (user_key, sequence);
        Ok(())
    }

    /// What a damaged entry is reported as; by default without its key, which may be secret.
    fn checksum_mismatch(&self, entry: &EntryRef<'_>) -> Corruption {
        Corruption::Checksum {
            sequence: entry.sequence,
            key: CorruptKey::HIDDEN,
        }
    }

    /// Verifies two places that follow upon one another, or one without its neighbour.
    ///
    /// # Errors
    ///
    /// [`Corruption`].
    ///
    /// # Safety
    ///
    /// The positions were returned by this representation.
    unsafe fn verify_step(
        &self,
        before: Option<Self::Position>,
        after: Option<Self::Position>,
    ) -> Result<(), Corruption> {
        let _ = (before, after);
        Ok(())
    }

    /// The entry at a position.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`](crate::Error::Corruption) when its checksum differs.
    ///
    /// # Safety
    ///
    /// `position` was returned by this representation.
    unsafe fn entry(&self, position: Self::Position) -> Result<EntryRef<'_>>;

    /// True when there is no entry.
    fn is_empty(&self) -> bool;
}
