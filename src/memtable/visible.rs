//! Iteration over the user keys that a snapshot sees.

mod bounds;
mod prefix;

use core::fmt;
use core::ops::Bound;

use super::lookup::{Query, never};
use super::steer::{
    KeyBuffer, Order, Rounds, after_all, before_all, go, is_same, keep, keep_bound,
};
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{
    Comparator, MAX_SEQUENCE_NUMBER, PrefixMode, SequenceNumber, Timestamp, Version,
    split_timestamp, without_timestamp,
};
use crate::lookup::Lookup;
use crate::rep::{Cursor, Handle, ReadRep};
use crate::tombstones::{Cover, Fingers, Sight};
use crate::visibility::{Everything, Visibility, sees};
use prefix::Towards;

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
    timestamp: Timestamp,
    lower: Bound<KeyBuffer>,
    upper: Bound<KeyBuffer>,
    prefix_mode: PrefixMode,
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
            timestamp: Timestamp::MAX,
            lower,
            upper,
            prefix_mode: PrefixMode::TotalOrder,
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
            timestamp: self.timestamp,
            lower: self.lower,
            upper: self.upper,
            prefix_mode: self.prefix_mode,
            refused: self.refused,
        }
    }
}

impl<H: Handle, V: Visibility> VisibleIter<H, V> {
    fn check(&self) -> Result<()> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    /// The same iterator at no entry, which sees nothing with a newer timestamp (SPEC E9).
    /// It makes no difference where keys have none. All keys and bounds that the iterator
    /// is given, or gives, are without timestamps.
    #[must_use]
    pub fn at_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.cursor.clear();
        self.cover = None;
        self.timestamp = timestamp;
        self
    }

    /// The timestamp of the entry at the iterator, if keys have any.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        let (user_key, _) = self.cursor.key()?;
        split_timestamp(self.comparator(), user_key).1
    }

    /// True when the iterator is at a key.
    #[must_use]
    pub fn valid(&self) -> bool {
        self.cursor.valid()
    }

    /// The user key at the iterator.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        let (user_key, _) = self.cursor.key()?;
        Some(without_timestamp::<Order<H>>(user_key))
    }

    /// The newest visible entry of the key, as it was added: with its timestamp.
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
        let handle = self.handle();
        let comparator = self.comparator();
        // What is newer than the entry would have hidden it; of what has an older
        // timestamp, the number can be larger.
        let sight = match split_timestamp(comparator, user_key) {
            (_, None) => Sight {
                snapshot: sequence,
                ..self.sight()
            },
            (_, Some(timestamp)) => Sight {
                timestamp,
                ..self.sight()
            },
        };
        let user_key = without_timestamp::<Order<H>>(user_key);
        let covering = handle
            .tombstones()
            .and_then(|tombstones| tombstones.covering(comparator, user_key, &sight));
        let query = Query {
            user_key,
            sight,
            covering,
        };
        Lookup::read(handle.rep(), &query, never, |(lookup, _)| lookup)
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
        self.begin_at_bound(None, Towards::Upper);
        self.go_to_lower().or_else(|e| self.give_up(e))?;
        self.go_on();
        self.settle_forward()?;
        self.keep_to_prefix();
        Ok(())
    }

    /// Goes to the last visible key.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    pub fn seek_to_last(&mut self) -> Result<()> {
        self.check()?;
        self.begin_at_bound(None, Towards::Lower);
        self.go_to_upper().or_else(|e| self.give_up(e))?;
        self.go_on();
        self.settle_backward()?;
        self.keep_to_prefix();
        Ok(())
    }

    /// Goes to the first visible key at or after `user_key`.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    pub fn seek(&mut self, user_key: &[u8]) -> Result<()> {
        self.check()?;
        if !self.is_below(user_key) {
            self.begin(user_key, Towards::Upper);
            self.seek_visible(user_key).or_else(|e| self.give_up(e))?;
        } else if self.begin_at_bound(Some(user_key), Towards::Upper) {
            self.go_to_lower().or_else(|e| self.give_up(e))?;
        }
        self.go_on();
        self.settle_forward()
    }

    /// Goes to the last visible key at or before `user_key`.
    ///
    /// # Errors
    ///
    /// As for [`seek_to_first`](Self::seek_to_first).
    pub fn seek_for_prev(&mut self, user_key: &[u8]) -> Result<()> {
        self.check()?;
        if !self.is_above(user_key) {
            self.begin(user_key, Towards::Lower);
            after_all(&mut self.cursor, user_key, Cursor::seek_for_prev)
                .or_else(|e| self.give_up(e))?;
        } else if self.begin_at_bound(Some(user_key), Towards::Lower) {
            self.go_to_upper().or_else(|e| self.give_up(e))?;
        }
        self.go_on();
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
    fn step_over(cursor: &mut Cursor<H>, user_key: &[u8]) -> Result<()> {
        let at_key = |cursor: &Cursor<H>| {
            let key = cursor.key();
            key.is_some_and(|(found, _)| is_same(cursor, found, user_key))
        };
        for _ in 0..STEPS_BEFORE_SEEK {
            if !at_key(cursor) {
                return Ok(());
            }
            cursor.next();
        }
        if at_key(cursor) {
            after_all(cursor, user_key, Cursor::seek)?;
            if at_key(cursor) {
                cursor.next();
            }
        }
        Ok(())
    }

    /// Moves past every entry of the key at the cursor.
    fn leave_forward(&mut self) -> Result<()> {
        if let Some((user_key, _)) = self.cursor.key() {
            let user_key = keep(without_timestamp::<Order<H>>(user_key))?;
            Self::step_over(&mut self.cursor, &user_key)?;
        }
        Ok(())
    }

    /// Moves before every entry of the key at the cursor.
    fn leave_backward(&mut self) -> Result<()> {
        if let Some((user_key, _)) = self.cursor.key() {
            let user_key = keep(without_timestamp::<Order<H>>(user_key))?;
            before_all(&mut self.cursor, &user_key, Cursor::seek_before)?;
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
        while let Some((found, sequence)) = self.cursor.key() {
            let (user_key, timestamp) = split_timestamp(self.comparator(), found);
            if self.is_above(user_key) || rounds.repeat(self.cursor.position()) {
                self.cursor.clear();
            } else if timestamp.is_some_and(|timestamp| timestamp > self.timestamp) {
                let user_key = keep(user_key)?;
                self.seek_visible(&user_key)?;
            } else if sequence > self.snapshot {
                let found = keep(found)?;
                // At the newest visible version, or at the next key or timestamp.
                self.cursor.seek(&found, self.snapshot);
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
        while let Some((found, _)) = self.cursor.key() {
            let user_key = without_timestamp::<Order<H>>(found);
            if self.is_below(user_key) || rounds.repeat(self.cursor.position()) {
                self.cursor.clear();
                break;
            }
            let user_key = keep(user_key)?;
            self.seek_visible(&user_key)?;
            if self.at_visible_version(&user_key) && !self.at_deleted()? {
                break;
            }
            before_all(&mut self.cursor, &user_key, Cursor::seek_before)?;
        }
        Ok(())
    }

    /// Goes to the first version of `user_key` that the snapshot sees, or the timestamp
    /// where keys have timestamps, or to the next key.
    fn seek_visible(&mut self, user_key: &[u8]) -> Result<()> {
        let (snapshot, timestamp) = (self.snapshot, self.timestamp);
        go(&mut self.cursor, user_key, timestamp, |cursor, key| {
            cursor.seek(key, snapshot);
        })
    }

    /// Steps on to the first visible version of `user_key`; false if there is none.
    fn at_visible_version(&mut self, user_key: &[u8]) -> bool {
        while let Some((found, sequence)) = self.cursor.key() {
            if !is_same(&self.cursor, found, user_key) {
                return false;
            }
            let beyond = Order::<H>::TIMESTAMP_LEN != 0 && sequence > self.snapshot;
            if !beyond && sees(&self.visibility, sequence) {
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
        let user_key = without_timestamp::<Order<H>>(entry.user_key);
        // SAFETY: an iterator asks the range deletions of its own table only.
        let known = self
            .cover
            .filter(|cover| unsafe { cover.holds(comparator, tombstones, user_key) });
        let sight = Sight {
            snapshot: self.snapshot,
            timestamp: self.timestamp,
            visibility: &self.visibility,
        };
        let fingers = &mut self.fingers;
        let cover =
            known.unwrap_or_else(|| tombstones.cover(comparator, user_key, &sight, Some(fingers)));
        let version = Version::of(comparator, entry.user_key, entry.sequence);
        let deleted = cover
            .version
            .is_some_and(|covering| covering.is_newer::<Order<H>>(version));
        self.cover = Some(cover);
        Ok(deleted)
    }

    pub(super) fn handle(&self) -> &H {
        self.cursor.handle()
    }

    fn sight(&self) -> Sight<'_, V> {
        Sight {
            snapshot: self.snapshot,
            timestamp: self.timestamp,
            visibility: &self.visibility,
        }
    }

    fn comparator(&self) -> &Order<H> {
        self.cursor.handle().rep().comparator()
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
