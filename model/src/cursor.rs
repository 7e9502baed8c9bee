//! Positions in a [`ModelMemTable`].
//!
//! A cursor is on an entry or invalid. On an entry it stays there whatever is
//! added; each move looks at the table as it then is, and is computed from the
//! place alone, so that a change of direction means nothing special. An invalid
//! cursor (never positioned, or moved beyond an end) does not move. What it is
//! confined to by a prefix is decided when it is sent somewhere, and then holds
//! for all that it goes through.

use std::ops::Bound;

use crate::answer::{Answer, Entry, kind};
use crate::order::Place;
use crate::prefix::PrefixMode;
use crate::sight::Sight;
use crate::table::{ModelMemTable, View};

/// The prefix that a cursor is confined to, if it is.
#[derive(Debug, Clone, Default)]
struct Confinement {
    mode: PrefixMode,
    prefix: Option<Vec<u8>>,
}

impl Confinement {
    fn new(mode: PrefixMode) -> Self {
        Self { mode, prefix: None }
    }

    /// From now on by the prefix of this key.
    fn begin(&mut self, table: &ModelMemTable, bare: Option<&[u8]>) {
        let bare = bare.filter(|_| self.mode == PrefixMode::SameAsStart);
        let prefix = bare.and_then(|bare| table.prefix_of(bare));
        self.prefix = prefix.map(<[u8]>::to_vec);
    }

    fn admits(&self, table: &ModelMemTable, entry: &Entry<'_>) -> bool {
        let prefix = table.prefix_of(table.layout().bare(entry.user_key));
        self.prefix.is_none() || prefix == self.prefix.as_deref()
    }
}

/// A cursor over all entries.
#[derive(Debug, Clone, Default)]
pub struct InternalCursor {
    at: Option<Place>,
    confinement: Confinement,
}

impl InternalCursor {
    /// A cursor that is nowhere yet.
    #[must_use]
    pub fn new(mode: PrefixMode) -> Self {
        Self {
            at: None,
            confinement: Confinement::new(mode),
        }
    }

    /// The entry it is on.
    #[must_use]
    pub fn entry<'a>(&self, table: &'a ModelMemTable) -> Option<Entry<'a>> {
        table.entry_at(self.at.as_ref()?)
    }

    /// To the first entry at or after a place.
    pub fn seek(&mut self, table: &ModelMemTable, user_key: &[u8], sequence: u64) {
        self.begin(table, user_key);
        self.forward(table, Bound::Included(table.place(user_key, sequence)));
    }

    /// To the last entry at or before a place.
    pub fn seek_for_prev(&mut self, table: &ModelMemTable, user_key: &[u8], sequence: u64) {
        self.begin(table, user_key);
        self.backward(table, Bound::Included(table.place(user_key, sequence)));
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
            self.forward(table, Bound::Excluded(place));
        }
    }

    /// To the entry before this one.
    pub fn prev(&mut self, table: &ModelMemTable) {
        if let Some(place) = self.at.take() {
            self.backward(table, Bound::Excluded(place));
        }
    }

    /// Onto the entry with this place, which the table has: where a random seek went.
    pub fn put(&mut self, table: &ModelMemTable, entry: Option<Entry<'_>>) {
        let bare = entry.map(|entry| table.layout().bare(entry.user_key));
        self.confinement.begin(table, bare);
        self.at = entry.map(|entry| table.place(entry.user_key, entry.sequence));
    }

    fn begin(&mut self, table: &ModelMemTable, user_key: &[u8]) {
        let bare = table.layout().bare(user_key);
        self.confinement.begin(table, Some(bare));
    }

    fn forward(&mut self, table: &ModelMemTable, from: Bound<Place>) {
        let mut entries = table.range(from, Bound::Unbounded);
        let found = entries.find(|entry| self.confinement.admits(table, entry));
        self.at = found.map(|entry| table.place(entry.user_key, entry.sequence));
    }

    fn backward(&mut self, table: &ModelMemTable, to: Bound<Place>) {
        let mut entries = table.range(Bound::Unbounded, to).rev();
        let found = entries.find(|entry| self.confinement.admits(table, entry));
        self.at = found.map(|entry| table.place(entry.user_key, entry.sequence));
    }
}

/// A cursor over the visible keys of a [`View`].
#[derive(Debug, Clone)]
pub struct VisibleCursor {
    view: View,
    at: Option<Place>,
    confinement: Confinement,
}

impl VisibleCursor {
    /// A cursor that is nowhere yet.
    #[must_use]
    pub fn new(view: View) -> Self {
        Self {
            confinement: Confinement::new(view.mode),
            view,
            at: None,
        }
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
        self.confinement.begin(table, Some(user_key));
        self.forward(table, Bound::Included(table.before_all(user_key)));
    }

    /// To the last visible key at or before a key.
    pub fn seek_for_prev(&mut self, table: &ModelMemTable, user_key: &[u8]) {
        self.confinement.begin(table, Some(user_key));
        self.backward(table, Bound::Included(table.after_all(user_key)));
    }

    /// To the first visible key.
    pub fn seek_to_first(&mut self, table: &ModelMemTable) {
        self.confinement.begin(table, None);
        self.forward(table, Bound::Unbounded);
        self.begin_here(table);
    }

    /// To the last visible key.
    pub fn seek_to_last(&mut self, table: &ModelMemTable) {
        self.confinement.begin(table, None);
        self.backward(table, Bound::Unbounded);
        self.begin_here(table);
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

    /// From now on by the prefix of the entry that it is on.
    fn begin_here(&mut self, table: &ModelMemTable) {
        let bare = self.at.as_ref().map(Place::bare);
        self.confinement.begin(table, bare);
    }

    /// The place of `entry` if it is what the view shows of its key.
    fn shown(&self, table: &ModelMemTable, entry: Entry<'_>) -> Option<Place> {
        let sight = &self.view.sight;
        let place = table.place(entry.user_key, entry.sequence);
        let shown = table.newest(place.bare(), sight) == Some(entry)
            && !kind::is_tombstone(entry.kind)
            && Some(place.version()) >= table.covering(place.bare(), sight)
            && table.within(&self.view, place.bare())
            && self.confinement.admits(table, &entry);
        shown.then_some(place)
    }
}
