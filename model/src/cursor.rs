//! Positions in a [`ModelMemTable`].
//!
//! A cursor is on an entry or invalid. On an entry it stays there whatever is
//! added; each move looks at the table as it then is, and is computed from the
//! place alone, so that a change of direction means nothing special. An invalid
//! cursor (never positioned, or moved beyond an end) does not move.

use std::ops::Bound;

use crate::answer::{Answer, Entry, kind};
use crate::order::Place;
use crate::sight::Sight;
use crate::table::{ModelMemTable, View};

/// A cursor over all entries.
#[derive(Debug, Clone, Default)]
pub struct InternalCursor {
    at: Option<Place>,
}

impl InternalCursor {
    /// The entry it is on.
    #[must_use]
    pub fn entry<'a>(&self, table: &'a ModelMemTable) -> Option<Entry<'a>> {
        table.entry_at(self.at.as_ref()?)
    }

    /// To the first entry at or after a place.
    pub fn seek(&mut self, table: &ModelMemTable, user_key: &[u8], sequence: u64) {
        let from = Bound::Included(table.place(user_key, sequence));
        self.put(table, table.range(from, Bound::Unbounded).next());
    }

    /// To the last entry at or before a place.
    pub fn seek_for_prev(&mut self, table: &ModelMemTable, user_key: &[u8], sequence: u64) {
        let to = Bound::Included(table.place(user_key, sequence));
        self.put(table, table.range(Bound::Unbounded, to).next_back());
    }

    /// To the first entry.
    pub fn seek_to_first(&mut self, table: &ModelMemTable) {
        self.put(table, table.entries().next());
    }

    /// To the last entry.
    pub fn seek_to_last(&mut self, table: &ModelMemTable) {
        self.put(table, table.entries().next_back());
    }

    /// To the entry after this one.
    pub fn next(&mut self, table: &ModelMemTable) {
        if let Some(place) = self.at.take() {
            self.put(
                table,
                table.range(Bound::Excluded(place), Bound::Unbounded).next(),
            );
        }
    }

    /// To the entry before this one.
    pub fn prev(&mut self, table: &ModelMemTable) {
        if let Some(place) = self.at.take() {
            self.put(
                table,
                table
                    .range(Bound::Unbounded, Bound::Excluded(place))
                    .next_back(),
            );
        }
    }

    /// Onto the entry with this place, which the table has: where a random seek went.
    pub fn put(&mut self, table: &ModelMemTable, entry: Option<Entry<'_>>) {
        self.at = entry.map(|entry| table.place(entry.user_key, entry.sequence));
    }
}

/// A cursor over the visible keys of a [`View`].
#[derive(Debug, Clone)]
pub struct VisibleCursor {
    view: View,
    at: Option<Place>,
}

impl VisibleCursor {
    /// A cursor that is nowhere yet.
    #[must_use]
    pub fn new(view: View) -> Self {
        Self { view, at: None }
    }

    /// The entry it is on: the newest visible one of its key when it came there.
    #[must_use]
    pub fn entry<'a>(&self, table: &'a ModelMemTable) -> Option<Entry<'a>> {
        table.entry_at(self.at.as_ref()?)
    }

    /// The answer for its key, as of its sequence number, or as of its timestamp where keys
    /// have one.
    #[must_use]
    pub fn lookup<'a>(&self, table: &'a ModelMemTable) -> Option<Answer<'a>> {
        let place = self.at.as_ref()?;
        let sight = match self.timestamp() {
            Some(timestamp) => Sight {
                timestamp,
                ..self.view.sight
            },
            None => Sight {
                snapshot: place.sequence,
                ..self.view.sight
            },
        };
        Some(table.get(place.bare(), &sight))
    }

    /// The timestamp of its entry, if keys have one.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        let place = self.at.as_ref()?;
        let stamped = place.layout.timestamp_len > 0;
        stamped.then(|| place.version().timestamp)
    }

    /// To the first visible key at or after a key.
    pub fn seek(&mut self, table: &ModelMemTable, user_key: &[u8]) {
        self.forward(table, Bound::Included(table.before_all(user_key)));
    }

    /// To the last visible key at or before a key.
    pub fn seek_for_prev(&mut self, table: &ModelMemTable, user_key: &[u8]) {
        self.backward(table, Bound::Included(table.after_all(user_key)));
    }

    /// To the first visible key.
    pub fn seek_to_first(&mut self, table: &ModelMemTable) {
        self.forward(table, Bound::Unbounded);
    }

    /// To the last visible key.
    pub fn seek_to_last(&mut self, table: &ModelMemTable) {
        self.backward(table, Bound::Unbounded);
    }

    /// To the visible key after this one.
    pub fn next(&mut self, table: &ModelMemTable) {
        if let Some(place) = self.at.take() {
            self.forward(table, Bound::Excluded(table.after_all(place.bare())));
        }
    }

    /// To the visible key before this one.
    pub fn prev(&mut self, table: &ModelMemTable) {
        if let Some(place) = self.at.take() {
            self.backward(table, Bound::Excluded(table.before_all(place.bare())));
        }
    }

    fn forward(&mut self, table: &ModelMemTable, from: Bound<Place>) {
        let mut entries = table.range(from, Bound::Unbounded);
        self.at = entries.find_map(|entry| self.shown(table, entry));
    }

    fn backward(&mut self, table: &ModelMemTable, to: Bound<Place>) {
        let mut entries = table.range(Bound::Unbounded, to).rev();
        self.at = entries.find_map(|entry| self.shown(table, entry));
    }

    /// The place of `entry` if it is what the view shows of its key.
    fn shown(&self, table: &ModelMemTable, entry: Entry<'_>) -> Option<Place> {
        let sight = &self.view.sight;
        let place = table.place(entry.user_key, entry.sequence);
        let shown = table.newest(place.bare(), sight) == Some(entry)
            && !kind::is_tombstone(entry.kind)
            && Some(place.version()) >= table.covering(place.bare(), sight)
            && table.within(&self.view, place.bare());
        shown.then_some(place)
    }
}
