//! The table's cursors as a test drives them.

use verimem::rep::{Cursor, Handle, ReadRep};
use verimem::{Comparator, Error, Visibility, VisibleIter};
use verimem_model::{Answer, Entry, Hidden, PrefixMode, Sight, View};

use crate::real::{Hiding, answer, entry};
use crate::subject::TableCursor;

/// Over all entries.
pub(crate) struct Internal<H: Handle>(pub(crate) Cursor<H>);

impl<H: Handle> TableCursor for Internal<H> {
    fn entry(&self) -> Result<Option<Entry<'_>>, Error> {
        self.0.status()?;
        let found = self.0.entry()?.map(entry);
        assert_eq!(
            self.0.valid(),
            found.is_some(),
            "valid() and entry() of one cursor"
        );
        let key = found.map(|found| (found.user_key, found.sequence));
        assert_eq!(self.0.key(), key, "key() and entry() of one cursor");
        Ok(found)
    }

    fn lookup(&self) -> Result<Option<Answer<'_>>, Error> {
        Ok(None)
    }

    fn timestamp(&self) -> Option<u64> {
        None
    }

    fn seek(&mut self, user_key: &[u8], sequence: u64) {
        self.0.seek(user_key, sequence);
    }

    fn seek_for_prev(&mut self, user_key: &[u8], sequence: u64) {
        self.0.seek_for_prev(user_key, sequence);
    }

    fn seek_to_first(&mut self) {
        self.0.seek_to_first();
    }

    fn seek_to_last(&mut self) {
        self.0.seek_to_last();
    }

    fn seek_random(&mut self) {
        self.0.seek_random();
    }

    fn next(&mut self) {
        self.0.next();
    }

    fn prev(&mut self) {
        self.0.prev();
    }
}

/// No run corrupts its table, so no move of an iterator may fail.
const SOUND: Result<(), Error> = Ok(());

/// The comparator behind a handle.
type Order<H> = <<H as Handle>::Rep as ReadRep>::Comparator;

/// Over the visible keys.
pub(crate) struct Visible<H: Handle, V>(pub(crate) VisibleIter<H, V>);

impl<H: Handle, V: Visibility> TableCursor for Visible<H, V> {
    fn entry(&self) -> Result<Option<Entry<'_>>, Error> {
        let found = self.0.entry()?.map(entry);
        assert_eq!(
            self.0.valid(),
            found.is_some(),
            "valid() and entry() of one iterator"
        );
        let timestamp_len = <Order<H> as Comparator>::TIMESTAMP_LEN;
        let bare = |found: &Entry<'_>| found.user_key.len() - timestamp_len;
        let key = found.map(|found| &found.user_key[..bare(&found)]);
        assert_eq!(self.0.key(), key, "key() and entry() of one iterator");
        Ok(found)
    }

    fn lookup(&self) -> Result<Option<Answer<'_>>, Error> {
        if !self.0.valid() {
            return Ok(None);
        }
        self.0.lookup().map(|found| Some(answer(found)))
    }

    fn timestamp(&self) -> Option<u64> {
        self.0.timestamp()
    }

    fn seek(&mut self, user_key: &[u8], _sequence: u64) {
        assert_eq!(self.0.seek(user_key), SOUND);
    }

    fn seek_for_prev(&mut self, user_key: &[u8], _sequence: u64) {
        assert_eq!(self.0.seek_for_prev(user_key), SOUND);
    }

    fn seek_to_first(&mut self) {
        assert_eq!(self.0.seek_to_first(), SOUND);
    }

    fn seek_to_last(&mut self) {
        assert_eq!(self.0.seek_to_last(), SOUND);
    }

    fn seek_random(&mut self) {}

    fn next(&mut self) {
        assert_eq!(self.0.next(), SOUND);
    }

    fn prev(&mut self) {
        assert_eq!(self.0.prev(), SOUND);
    }
}

/// A cursor, with a mode unless it is the default.
pub(crate) fn keeping_to_prefix<'t, H: Handle + 't>(
    cursor: Cursor<H>,
    mode: PrefixMode,
) -> Box<dyn TableCursor + 't> {
    let cursor = match mode {
        PrefixMode::TotalOrder => cursor,
        mode => cursor.with_prefix_mode(prefix_mode(mode)),
    };
    Box::new(Internal(cursor))
}

/// What the model calls a mode.
fn prefix_mode(mode: PrefixMode) -> verimem::PrefixMode {
    match mode {
        PrefixMode::TotalOrder => verimem::PrefixMode::TotalOrder,
        PrefixMode::SameAsStart => verimem::PrefixMode::SameAsStart,
        PrefixMode::Auto => verimem::PrefixMode::Auto,
    }
}

/// An iterator, with a mode, a timestamp and a visibility where they are not the defaults.
pub(crate) fn seeing<'t, H: Handle + 't>(
    keys: VisibleIter<H>,
    view: &View,
) -> Box<dyn TableCursor + 't> {
    let sight = &view.sight;
    let keys = match view.mode {
        PrefixMode::TotalOrder => keys,
        mode => keys.with_prefix_mode(prefix_mode(mode)),
    };
    let hidden = sight.hidden;
    if *sight == Sight::at(sight.snapshot) {
        return Box::new(Visible(keys));
    }
    if hidden == Hidden::default() {
        return Box::new(Visible(keys.at_timestamp(sight.timestamp)));
    }
    let keys = keys.with_visibility(Hiding(hidden));
    Box::new(Visible(keys.at_timestamp(sight.timestamp)))
}
