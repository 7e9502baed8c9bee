//! Live cursors, and scans.

use std::ops::Bound;

use verimem::Error;
use verimem_model::{
    Answer, Cursor, Entry, InternalCursor, Key, Leg, MAX_SEQUENCE, ModelMemTable, Motion,
    PrefixMode, View, VisibleCursor, kind,
};

use crate::reads::named;
use crate::run::Run;
use crate::subject::{Subject, TableCursor};
use crate::{Divergence, same};

/// A cursor of the table and its counterpart.
pub(crate) struct Slot<'s> {
    actual: Box<dyn TableCursor + 's>,
    expected: ModelCursor,
}

enum ModelCursor {
    Internal(InternalCursor),
    Visible(VisibleCursor),
}

impl ModelCursor {
    fn entry<'a>(&self, table: &'a ModelMemTable) -> Option<Entry<'a>> {
        match self {
            Self::Internal(cursor) => cursor.entry(table),
            Self::Visible(cursor) => cursor.entry(table),
        }
    }

    fn lookup<'a>(&self, table: &'a ModelMemTable) -> Option<Answer<'a>> {
        match self {
            Self::Internal(_) => None,
            Self::Visible(cursor) => cursor.lookup(table),
        }
    }

    fn timestamp(&self) -> Option<u64> {
        match self {
            Self::Internal(_) => None,
            Self::Visible(cursor) => cursor.timestamp(),
        }
    }

    fn step(&mut self, table: &ModelMemTable, forward: bool) {
        match (self, forward) {
            (Self::Internal(cursor), true) => cursor.next(table),
            (Self::Internal(cursor), false) => cursor.prev(table),
            (Self::Visible(cursor), true) => cursor.next(table),
            (Self::Visible(cursor), false) => cursor.prev(table),
        }
    }

    fn seek(&mut self, table: &ModelMemTable, key: &[u8], sequence: u64, forward: bool) {
        match (self, forward) {
            (Self::Internal(cursor), true) => cursor.seek(table, key, sequence),
            (Self::Internal(cursor), false) => cursor.seek_for_prev(table, key, sequence),
            (Self::Visible(cursor), true) => cursor.seek(table, key),
            (Self::Visible(cursor), false) => cursor.seek_for_prev(table, key),
        }
    }

    fn go_to_end(&mut self, table: &ModelMemTable, first: bool) {
        match (self, first) {
            (Self::Internal(cursor), true) => cursor.seek_to_first(table),
            (Self::Internal(cursor), false) => cursor.seek_to_last(table),
            (Self::Visible(cursor), true) => cursor.seek_to_first(table),
            (Self::Visible(cursor), false) => cursor.seek_to_last(table),
        }
    }
}

impl<'s> Run<'s> {
    pub(crate) fn open_cursor(&mut self, slot: u8, cursor: &Cursor) -> Result<(), Divergence> {
        let (name, opened) = match cursor {
            Cursor::Internal { owned, mode } => (
                if *owned { "owned_iter" } else { "iter" },
                Slot::on_entries(self.subject, *owned, *mode),
            ),
            Cursor::Visible {
                owned,
                sight,
                lower,
                upper,
                mode,
            } => {
                let view = View {
                    sight: self.sight(sight),
                    lower: bytes_of(lower),
                    upper: bytes_of(upper),
                    mode: *mode,
                };
                let names = if *owned {
                    ["owned_visible", "owned_visible.at", "owned_visible.hiding"]
                } else {
                    ["visible", "visible.at", "visible.hiding"]
                };
                let name = named(&view.sight, names);
                (name, Slot::on_visible(self.subject, *owned, view))
            }
        };
        self.slots[usize::from(slot) % 4] = opened;
        self.histogram.count(name, "opened");
        Ok(())
    }

    pub(crate) fn move_cursor(&mut self, slot: u8, motion: &Motion) -> Result<(), Divergence> {
        let number = usize::from(slot) % 4;
        let internal = matches!(self.slots[number].expected, ModelCursor::Internal(_));
        let sought = match motion {
            Motion::Seek(key, snapshot) | Motion::SeekForPrev(key, snapshot) => {
                let sought = if internal {
                    self.stored_key(key, *snapshot)
                } else {
                    self.key(key)
                };
                Some((sought, self.snapshot(*snapshot)))
            }
            _ => None,
        };
        let slot = &mut self.slots[number];
        let table = &self.model;
        match (motion, sought) {
            (Motion::Seek(..), Some((key, sequence))) => slot.seek(table, &key, sequence, true),
            (Motion::SeekForPrev(..), Some((key, sequence))) => {
                slot.seek(table, &key, sequence, false);
            }
            (Motion::First, _) => slot.go_to_end(table, true),
            (Motion::Last, _) => slot.go_to_end(table, false),
            (Motion::Next, _) => slot.step(table, true),
            (Motion::Prev, _) => slot.step(table, false),
            _ => slot.seek_random(table)?,
        }
        let outcome = if slot.expected.entry(table).is_some() {
            "valid"
        } else {
            "invalid"
        };
        self.histogram.count(motion_name(motion, internal), outcome);
        Ok(())
    }

    pub(crate) fn walk(&mut self, slot: u8, forward: bool, steps: u8) -> Result<(), Divergence> {
        let slot = &mut self.slots[usize::from(slot) % 4];
        let internal = matches!(slot.expected, ModelCursor::Internal(_));
        let name = motion_name(
            if forward {
                &Motion::Next
            } else {
                &Motion::Prev
            },
            internal,
        );
        if slot.expected.entry(&self.model).is_none() {
            slot.go_to_end(&self.model, forward);
            slot.check(&self.model)?;
        }
        for _ in 0..steps {
            slot.step(&self.model, forward);
            slot.check(&self.model)?;
            let valid = slot.expected.entry(&self.model).is_some();
            self.histogram
                .count(name, if valid { "valid" } else { "invalid" });
        }
        Ok(())
    }

    /// To and fro, while entries are added beside the cursor.
    pub(crate) fn wander(&mut self, slot: u8, legs: &[Leg]) -> Result<(), Divergence> {
        for leg in legs {
            let mut left = leg.steps;
            while left > 0 {
                let steps = left.min(leg.every.max(1));
                self.walk(slot, leg.forward, steps)?;
                left -= steps;
                let here = self.slots[usize::from(slot) % 4]
                    .expected
                    .entry(&self.model);
                let here = here.map(|entry| (entry.user_key.to_vec(), entry.sequence));
                if let Some(here) = here {
                    self.add_beside(leg.beside, here)?;
                }
            }
        }
        Ok(())
    }

    /// Every live cursor is where the model has it.
    pub(crate) fn check_slots(&self) -> Result<(), Divergence> {
        self.slots
            .iter()
            .try_for_each(|slot| slot.check(&self.model))
    }

    /// All entries, both ways, by both sorts of cursors.
    pub(crate) fn check_scans(&self) -> Result<(), Divergence> {
        let entries: Vec<_> = self.model.entries().collect();
        for owned in [false, true] {
            scan(
                &mut *self.subject.internal(owned, PrefixMode::TotalOrder),
                &entries,
                "all entries",
            )?;
        }
        Ok(())
    }

    /// All visible keys of a view, both ways.
    pub(crate) fn check_visible(&self, view: &View) -> Result<(), Divergence> {
        let what = format!("visible keys at {:?}", view.sight);
        let entries = self.model.visible(view);
        scan(&mut *self.subject.visible(false, view), &entries, &what)
    }

    /// A sealed table takes nothing, and says why first (W7).
    pub(crate) fn check_sealed(&self) -> Result<(), Divergence> {
        for (sequence, kind) in [
            (self.last + 1, kind::VALUE),
            (u64::MAX, kind::RANGE_DELETION),
        ] {
            let entry = Entry {
                user_key: b"after seal",
                sequence,
                kind,
                value: b"",
            };
            same!(
                Err(Error::Sealed),
                self.subject.add(&entry),
                "add after seal"
            );
        }
        for exclusive in [false, true] {
            let writer = self.subject.writer(exclusive).map(drop);
            same!(
                Err(Error::Sealed),
                writer,
                "writer after seal (exclusive: {exclusive})"
            );
        }
        self.check_counters()
    }
}

impl<'s> Slot<'s> {
    /// A cursor over all entries, nowhere.
    pub(crate) fn on_entries(subject: &'s dyn Subject, owned: bool, mode: PrefixMode) -> Self {
        Self {
            actual: subject.internal(owned, mode),
            expected: ModelCursor::Internal(InternalCursor::new(mode)),
        }
    }

    /// A cursor over visible keys, nowhere.
    pub(crate) fn on_visible(subject: &'s dyn Subject, owned: bool, view: View) -> Self {
        Self {
            actual: subject.visible(owned, &view),
            expected: ModelCursor::Visible(VisibleCursor::new(view)),
        }
    }

    /// One of each sort.
    pub(crate) fn four(subject: &'s dyn Subject) -> [Self; 4] {
        let entries = |owned| Self::on_entries(subject, owned, PrefixMode::TotalOrder);
        let visible = |owned| Self::on_visible(subject, owned, View::whole(MAX_SEQUENCE));
        [entries(false), visible(false), entries(true), visible(true)]
    }

    pub(crate) fn is_on(&self, table: &ModelMemTable) -> bool {
        self.expected.entry(table).is_some()
    }

    pub(crate) fn step(&mut self, table: &ModelMemTable, forward: bool) {
        if forward {
            self.actual.next();
        } else {
            self.actual.prev();
        }
        self.expected.step(table, forward);
    }

    pub(crate) fn seek(&mut self, table: &ModelMemTable, key: &[u8], sequence: u64, forward: bool) {
        if forward {
            self.actual.seek(key, sequence);
        } else {
            self.actual.seek_for_prev(key, sequence);
        }
        self.expected.seek(table, key, sequence, forward);
    }

    pub(crate) fn go_to_end(&mut self, table: &ModelMemTable, first: bool) {
        if first {
            self.actual.seek_to_first();
        } else {
            self.actual.seek_to_last();
        }
        self.expected.go_to_end(table, first);
    }

    pub(crate) fn check(&self, table: &ModelMemTable) -> Result<(), Divergence> {
        same!(
            Ok(self.expected.entry(table)),
            self.actual.entry(),
            "where a cursor is"
        );
        same!(
            Ok(self.expected.lookup(table)),
            self.actual.lookup(),
            "what a cursor answers"
        );
        same!(
            self.expected.timestamp(),
            self.actual.timestamp(),
            "the timestamp at a cursor"
        );
        Ok(())
    }

    /// A random seek may go anywhere, if anything is there.
    fn seek_random(&mut self, table: &ModelMemTable) -> Result<(), Divergence> {
        self.actual.seek_random();
        let ModelCursor::Internal(cursor) = &mut self.expected else {
            return Ok(());
        };
        let found = self.actual.entry();
        let expected = match &found {
            Ok(Some(entry)) => table.entry_at(&table.place(entry.user_key, entry.sequence)),
            _ => table.entries().next(),
        };
        same!(Ok(expected), found, "random seek");
        cursor.put(table, expected);
        Ok(())
    }
}

fn scan(cursor: &mut dyn TableCursor, entries: &[Entry<'_>], what: &str) -> Result<(), Divergence> {
    same!(
        Ok(None),
        cursor.entry(),
        "a cursor before its first move, {what}"
    );
    cursor.seek_to_first();
    for (index, entry) in entries.iter().enumerate() {
        same!(
            Ok(Some(*entry)),
            cursor.entry(),
            "{what}, forward, at {index}"
        );
        cursor.next();
    }
    same!(Ok(None), cursor.entry(), "{what}, forward, the end");
    cursor.seek_to_last();
    for (index, entry) in entries.iter().enumerate().rev() {
        same!(
            Ok(Some(*entry)),
            cursor.entry(),
            "{what}, backward, at {index}"
        );
        cursor.prev();
    }
    same!(Ok(None), cursor.entry(), "{what}, backward, the end");
    Ok(())
}

fn bytes_of(bound: &Bound<Key>) -> Bound<Vec<u8>> {
    bound.as_ref().map(|key| key.0.clone())
}

fn motion_name(motion: &Motion, internal: bool) -> &'static str {
    match (motion, internal) {
        (Motion::Next, true) => "iter.next",
        (Motion::Next, false) => "visible.next",
        (Motion::Prev, true) => "iter.prev",
        (Motion::Prev, false) => "visible.prev",
        (Motion::Seek(..), true) => "iter.seek",
        (Motion::Seek(..), false) => "visible.seek",
        (Motion::SeekForPrev(..), true) => "iter.seek_for_prev",
        (Motion::SeekForPrev(..), false) => "visible.seek_for_prev",
        (Motion::First, true) => "iter.seek_to_first",
        (Motion::First, false) => "visible.seek_to_first",
        (Motion::Last, true) => "iter.seek_to_last",
        (Motion::Last, false) => "visible.seek_to_last",
        (Motion::Random, true) => "iter.seek_random",
        (Motion::Random, false) => "visible.nothing",
    }
}

pub(crate) fn outcome(answer: &Answer<'_>) -> &'static str {
    match answer {
        Answer::NotFound => "not_found",
        Answer::Found { .. } => "found",
        Answer::Deleted { .. } => "deleted",
        Answer::Merge { .. } => "merge",
    }
}
