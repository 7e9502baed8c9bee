//! Iteration over the user keys that a snapshot sees.

use core::fmt;
use core::ops::Bound;

use smallvec::SmallVec;

use super::lookup::never;
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{Comparator, MAX_SEQUENCE_NUMBER, SequenceNumber};
use crate::lookup::Lookup;
use crate::rep::{Cursor, Handle, Representation};
use crate::tombstones::{Cover, Fingers, Sight};
use crate::visibility::{Everything, Visibility, sees};

/// A key that is kept while the cursor moves.
type KeyBuffer = SmallVec<[u8; 64]>;

/// Keeps a key, if there is memory for it.
fn keep(user_key: &[u8]) -> Result<KeyBuffer> {
    let mut kept = KeyBuffer::new();
    kept.try_reserve(user_key.len())
        .map_err(|_| Error::OutOfMemory {
            requested: user_key.len(),
        })?;
    kept.extend_from_slice(user_key);
    Ok(kept)
}

fn keep_bound(bound: Bound<&[u8]>) -> Result<Bound<KeyBuffer>> {
    Ok(match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(key) => Bound::Included(keep(key)?),
        Bound::Excluded(key) => Bound::Excluded(keep(key)?),
    })
}

/// Notices that a search goes round in circles, as a comparator that contradicts
/// itself can make it (SPEC X1). Brent's algorithm: the place is compared to an
/// earlier one, which is moved up after 1, 2, 4, ... rounds.
struct Rounds {
    earlier: *const u8,
    until_moved: usize,
    distance: usize,
}

impl Rounds {
    const fn new() -> Self {
        Self {
            earlier: core::ptr::null(),
            until_moved: 1,
            distance: 1,
        }
    }

    /// True when the entry whose key this is has been met before. Entries are
    /// told apart by where their keys are.
    fn repeat(&mut self, user_key: &[u8]) -> bool {
        if self.earlier == user_key.as_ptr() {
            return true;
        }
        self.until_moved -= 1;
        if self.until_moved == 0 {
            self.earlier = user_key.as_ptr();
            self.distance = self.distance.saturating_mul(2);
            self.until_moved = self.distance;
        }
        false
    }
}

/// How many entries of one key are stepped over before a seek takes their place.
const STEPS_BEFORE_SEEK: usize = 8;

/// An iterator over the user keys that a snapshot sees, in both directions
/// (SPEC G5).
///
/// It stands at the newest visible entry of a key whose newest visible entry is
/// no tombstone, or at no entry. As for cursors, moving from no entry does
/// nothing. A seek outside of the bounds is brought inside of them.
///
/// ```
/// use verimem::{Kind, MemTable};
///
/// let table = MemTable::builder().build()?;
/// table.add(1, Kind::VALUE, b"a", b"1")?;
/// table.add(2, Kind::VALUE, b"b", b"2")?;
/// table.add(3, Kind::DELETION, b"a", b"")?;
///
/// let mut keys = table.visible(3);
/// keys.seek_to_first()?;
/// assert_eq!(keys.key(), Some(&b"b"[..]));
/// keys.prev()?;
/// assert!(!keys.valid());
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct VisibleIter<H: Handle, V = Everything> {
    cursor: Cursor<H>,
    visibility: V,
    /// Which range deletion covers the keys around, as far as it was asked.
    cover: Option<Cover>,
    fingers: Fingers,
    snapshot: SequenceNumber,
    lower: Bound<KeyBuffer>,
    upper: Bound<KeyBuffer>,
    /// There was no memory for the bounds: the iterator cannot go anywhere.
    refused: Option<Error>,
}

impl<H: Handle> VisibleIter<H> {
    pub(super) fn new(
        handle: H,
        snapshot: SequenceNumber,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> Self {
        let bounds = keep_bound(lower).and_then(|lower| Ok((lower, keep_bound(upper)?)));
        let (lower, upper, refused) = match bounds {
            Ok((lower, upper)) => (lower, upper, None),
            Err(refusal) => (Bound::Unbounded, Bound::Unbounded, Some(refusal)),
        };
        Self {
            cursor: Cursor::new(handle),
            visibility: Everything,
            cover: None,
            fingers: Fingers::default(),
            snapshot: snapshot.min(MAX_SEQUENCE_NUMBER),
            lower,
            upper,
            refused,
        }
    }

    /// The same iterator at no entry, which sees only what `visibility` lets it see
    /// of its snapshot.
    pub fn with_visibility<V: Visibility>(mut self, visibility: V) -> VisibleIter<H, V> {
        self.cursor.clear();
        VisibleIter {
            cursor: self.cursor,
            visibility,
            cover: None,
            fingers: Fingers::default(),
            snapshot: self.snapshot,
            lower: self.lower,
            upper: self.upper,
            refused: self.refused,
        }
    }
}

impl<H: Handle, V: Visibility> VisibleIter<H, V> {
    fn check(&self) -> Result<()> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    /// True when the iterator is at a key.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.cursor.valid()
    }

    /// The user key at the iterator.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.cursor.key().map(|(user_key, _)| user_key)
    }

    /// The newest visible entry of the key.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when its checksum differs.
    pub fn entry(&self) -> Result<Option<EntryRef<'_>>> {
        self.cursor.entry()
    }

    /// The same answer that a get of this key would have: with all operands and
    /// their base if the newest visible entry is one.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when a checksum differs.
    pub fn lookup(&self) -> Result<Lookup<'_>> {
        let Some((user_key, sequence)) = self.cursor.key() else {
            return Ok(Lookup::NotFound);
        };
        let handle = self.cursor.handle();
        let covering = handle.tombstones().and_then(|tombstones| {
            let comparator = handle.rep().comparator();
            // What is newer than the entry would have hidden it.
            let sight = Sight {
                snapshot: sequence,
                ..self.sight()
            };
            tombstones.covering(comparator, user_key, &sight)
        });
        Lookup::read(
            handle.rep(),
            user_key,
            sequence,
            &self.visibility,
            covering,
            never,
        )
    }

    /// Goes to the first visible key.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when a checksum on the way differs, and
    /// [`Error::OutOfMemory`] when a long key cannot be kept; the iterator is at
    /// no entry then.
    pub fn seek_to_first(&mut self) -> Result<()> {
        self.check()?;
        match &self.lower {
            Bound::Unbounded => self.cursor.seek_to_first(),
            Bound::Included(key) => self.cursor.seek(key, MAX_SEQUENCE_NUMBER),
            Bound::Excluded(key) => {
                self.cursor.seek(key, 0);
                Self::step_over(&mut self.cursor, key);
            }
        }
        self.settle_forward()
    }

    /// Goes to the last visible key.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    pub fn seek_to_last(&mut self) -> Result<()> {
        self.check()?;
        match &self.upper {
            Bound::Unbounded => self.cursor.seek_to_last(),
            Bound::Included(key) => self.cursor.seek_for_prev(key, 0),
            Bound::Excluded(key) => self.cursor.seek_before(key, MAX_SEQUENCE_NUMBER),
        }
        self.settle_backward()
    }

    /// Goes to the first visible key at or after `user_key`.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    pub fn seek(&mut self, user_key: &[u8]) -> Result<()> {
        self.check()?;
        if self.is_below(user_key) {
            return self.seek_to_first();
        }
        self.cursor.seek(user_key, self.snapshot);
        self.settle_forward()
    }

    /// Goes to the last visible key at or before `user_key`.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    pub fn seek_for_prev(&mut self, user_key: &[u8]) -> Result<()> {
        self.check()?;
        if self.is_above(user_key) {
            return self.seek_to_last();
        }
        self.cursor.seek_for_prev(user_key, 0);
        self.settle_backward()
    }

    /// Goes to the next visible key.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    #[expect(clippy::should_implement_trait, reason = "a cursor, not an Iterator")]
    pub fn next(&mut self) -> Result<()> {
        self.leave_forward().or_else(|e| self.give_up(e))?;
        self.settle_forward()
    }

    /// Goes to the previous visible key.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    pub fn prev(&mut self) -> Result<()> {
        self.leave_backward().or_else(|e| self.give_up(e))?;
        self.settle_backward()
    }

    /// Moves past every entry of `user_key`.
    fn step_over(cursor: &mut Cursor<H>, user_key: &[u8]) {
        let at_key = |cursor: &Cursor<H>| {
            let comparator = cursor.handle().rep().comparator();
            cursor
                .key()
                .is_some_and(|(found, _)| comparator.compare(found, user_key).is_eq())
        };
        for _ in 0..STEPS_BEFORE_SEEK {
            if !at_key(cursor) {
                return;
            }
            cursor.next();
        }
        if at_key(cursor) {
            cursor.seek(user_key, 0);
            if at_key(cursor) {
                cursor.next();
            }
        }
    }

    /// Moves past every entry of the key at the cursor.
    fn leave_forward(&mut self) -> Result<()> {
        if let Some((user_key, _)) = self.cursor.key() {
            let user_key = keep(user_key)?;
            Self::step_over(&mut self.cursor, &user_key);
        }
        Ok(())
    }

    /// Moves before every entry of the key at the cursor.
    fn leave_backward(&mut self) -> Result<()> {
        if let Some((user_key, _)) = self.cursor.key() {
            let user_key = keep(user_key)?;
            self.cursor.seek_before(&user_key, MAX_SEQUENCE_NUMBER);
        }
        Ok(())
    }

    /// Goes to no entry, because of an error.
    fn give_up(&mut self, error: Error) -> Result<()> {
        self.cursor.clear();
        Err(error)
    }

    /// From the first entry of some key on, finds a visible one.
    fn settle_forward(&mut self) -> Result<()> {
        self.find_forward()
            .and_then(|()| self.cursor.status())
            .or_else(|e| self.give_up(e))
    }

    /// From some entry of a key on, finds a visible one, going backward.
    fn settle_backward(&mut self) -> Result<()> {
        self.find_backward()
            .and_then(|()| self.cursor.status())
            .or_else(|e| self.give_up(e))
    }

    fn find_forward(&mut self) -> Result<()> {
        let mut rounds = Rounds::new();
        while let Some((user_key, sequence)) = self.cursor.key() {
            if self.is_above(user_key) || rounds.repeat(user_key) {
                self.cursor.clear();
            } else if sequence > self.snapshot {
                let user_key = keep(user_key)?;
                // At the newest visible version, or at the next key.
                self.cursor.seek(&user_key, self.snapshot);
            } else if !sees(&self.visibility, sequence) {
                self.cursor.next();
            } else if self.at_deleted()? {
                self.leave_forward()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn find_backward(&mut self) -> Result<()> {
        let mut rounds = Rounds::new();
        while let Some((user_key, _)) = self.cursor.key() {
            if self.is_below(user_key) || rounds.repeat(user_key) {
                self.cursor.clear();
                break;
            }
            let user_key = keep(user_key)?;
            self.cursor.seek(&user_key, self.snapshot);
            if self.at_visible_version(&user_key) && !self.at_deleted()? {
                break;
            }
            self.cursor.seek_before(&user_key, MAX_SEQUENCE_NUMBER);
        }
        Ok(())
    }

    /// Steps on to the first visible version of `user_key`; false if there is none.
    fn at_visible_version(&mut self, user_key: &[u8]) -> bool {
        while let Some((found, sequence)) = self.cursor.key() {
            let comparator = self.cursor.handle().rep().comparator();
            if comparator.compare(found, user_key).is_ne() {
                return false;
            }
            if sees(&self.visibility, sequence) {
                return true;
            }
            self.cursor.next();
        }
        false
    }

    /// True when the cursor is at a tombstone, or at an entry that a range deletion
    /// hides.
    fn at_deleted(&mut self) -> Result<bool> {
        let Some(entry) = self.cursor.entry()? else {
            return Ok(false);
        };
        if entry.kind.is_tombstone() {
            return Ok(true);
        }
        let handle = self.cursor.handle();
        let Some(tombstones) = handle.tombstones().filter(|all| !all.is_empty()) else {
            return Ok(false);
        };
        let comparator = handle.rep().comparator();
        // SAFETY: an iterator asks the range deletions of its own table only.
        let known = self
            .cover
            .filter(|cover| unsafe { cover.holds(comparator, tombstones, entry.user_key) });
        let sight = Sight {
            snapshot: self.snapshot,
            visibility: &self.visibility,
        };
        let fingers = &mut self.fingers;
        let cover = known
            .unwrap_or_else(|| tombstones.cover(comparator, entry.user_key, &sight, Some(fingers)));
        let deleted = cover
            .sequence
            .is_some_and(|covering| entry.sequence < covering);
        self.cover = Some(cover);
        Ok(deleted)
    }

    fn sight(&self) -> Sight<'_, V> {
        Sight {
            snapshot: self.snapshot,
            visibility: &self.visibility,
        }
    }

    /// True when `user_key` lies before the lower bound.
    fn is_below(&self, user_key: &[u8]) -> bool {
        let comparator = self.cursor.handle().rep().comparator();
        match &self.lower {
            Bound::Unbounded => false,
            Bound::Included(bound) => comparator.compare(user_key, bound).is_lt(),
            Bound::Excluded(bound) => comparator.compare(user_key, bound).is_le(),
        }
    }

    /// True when `user_key` lies after the upper bound.
    fn is_above(&self, user_key: &[u8]) -> bool {
        let comparator = self.cursor.handle().rep().comparator();
        match &self.upper {
            Bound::Unbounded => false,
            Bound::Included(bound) => comparator.compare(user_key, bound).is_gt(),
            Bound::Excluded(bound) => comparator.compare(user_key, bound).is_ge(),
        }
    }
}

impl<H: Handle, V: Visibility> fmt::Debug for VisibleIter<H, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VisibleIter")
            .field("key", &self.key())
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}
