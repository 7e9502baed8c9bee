//! Adding entries, and updating values.

use core::fmt;
use std::borrow::Cow;

use super::InPlaceTable;
use super::slot::{Late, Place, Reference, Rewritten, reserve};
use crate::arena::Allocate;
use crate::entry::{EntryRef, Protection, encoded_len};
use crate::error::{Error, Result};
use crate::key::{
    BytewiseComparator, Comparator, Kind, SequenceNumber, Timestamp, split_timestamp,
};
use crate::lookup::Lookup;
use crate::memtable::Writer;
use crate::skiplist::{BatchError, Hint};
use crate::sync::ord;
use crate::visibility::{Everything, Visibility};

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Updated {
    /// The value took the place of the old one.
    InPlace,
    /// An entry was added.
    Added,
    /// Nothing: an update with a larger sequence number was here first, and has taken the
    /// place of this one already.
    Superseded,
    /// Nothing: the callback wanted it so, or the entry was a duplicate and the table
    /// keeps the first.
    Kept,
}

/// What a callback wants done with the value that it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing: RocksDB's `UPDATE_FAILED`.
    Keep,
    /// It takes the place of the old one if there is room, else it is added: RocksDB's
    /// `UPDATED_INPLACE`.
    Replace,
    /// It is added as a version of its own: RocksDB's `UPDATED`.
    Add,
}

/// A writer inside of an [`InPlaceTable`]: the right to add entries and update values until
/// it is dropped.
///
/// Made by [`InPlaceTable::writer`] or [`InPlaceTable::exclusive_writer`].
///
/// ```
/// use verimem::in_place::{Decision, Updated};
/// use verimem::{Kind, Lookup, MemTable};
///
/// let table = MemTable::builder().in_place().build()?;
/// let mut writer = table.writer()?;
/// writer.add(1, Kind::VALUE, b"visits", b"1")?;
/// let count = |existing: Lookup<'_>, value: &mut Vec<u8>| {
///     let Lookup::Found { value: [digit], .. } = existing else {
///         return Decision::Keep;
///     };
///     value.push(digit + 1);
///     Decision::Replace
/// };
/// assert_eq!(writer.update_with(2, b"visits", count)?, Updated::InPlace);
/// assert_eq!(table.get(b"visits", 2)?.into_value(), Some(b"2".to_vec()));
/// # Ok::<(), verimem::Error>(())
/// ```
#[must_use = "a writer is inside of the table until it is dropped"]
pub struct InPlaceWriter<'t, C: Comparator = BytewiseComparator> {
    table: &'t InPlaceTable<C>,
    writer: Writer<'t, C>,
    exclusive: bool,
    /// What operands are folded with, and values looked for.
    visibility: &'t dyn Visibility,
    /// By how much the values written are longer than their references, or than what they
    /// took the place of; wraps.
    resized: u64,
}

/// The newest entry of a key, as an update sees it.
struct Newest<'t> {
    stored: Lookup<'t>,
    /// Where its value is, if it may be updated there.
    place: Option<Place>,
}

impl<'t, C: Comparator> InPlaceWriter<'t, C> {
    pub(super) fn new(table: &'t InPlaceTable<C>, writer: Writer<'t, C>, exclusive: bool) -> Self {
        Self {
            table,
            writer,
            exclusive,
            visibility: &Everything,
            resized: 0,
        }
    }

    /// Sets memory aside, as [`Writer::reserve`]. Sum up [`InPlaceTable::max_entry_size`],
    /// for an update as well: it may have to add its value.
    ///
    /// # Errors
    ///
    /// As for [`Writer::reserve`].
    pub fn reserve(&mut self, bytes: usize) -> Result<()> {
        self.writer.reserve(bytes)
    }

    /// Operands are folded only with what `visibility` lets see, as for
    /// [`Writer::fold_with`], and updates look for values among the same: what an aborted
    /// batch added is not updated, since nobody would see it.
    pub fn see_with(&mut self, visibility: &'t dyn Visibility) {
        self.visibility = visibility;
    }

    /// Adds an entry. As [`Writer::add`].
    ///
    /// # Errors
    ///
    /// As for [`Writer::add`].
    pub fn add(
        &mut self,
        sequence: SequenceNumber,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        let entry = EntryRef {
            user_key,
            sequence,
            kind,
            value,
        };
        self.insert(&entry, None).map(|_| ())
    }

    /// As [`add`](Self::add), near where the hint was last used. As
    /// [`Writer::add_with_hint`].
    ///
    /// # Errors
    ///
    /// As for [`Writer::add_with_hint`].
    pub fn add_with_hint(
        &mut self,
        hint: &mut Hint,
        sequence: SequenceNumber,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        let entry = EntryRef {
            user_key,
            sequence,
            kind,
            value,
        };
        self.insert(&entry, Some(hint)).map(|_| ())
    }

    /// Adds entries, several searches at a time. As [`Writer::add_batch`].
    ///
    /// # Errors
    ///
    /// As for [`Writer::add_batch`].
    pub fn add_batch(&mut self, entries: &[EntryRef<'_>]) -> Result<(), BatchError> {
        if self.table.keeps_first || entries.iter().any(|entry| self.folds(entry.kind)) {
            for (added, entry) in entries.iter().enumerate() {
                self.insert(entry, None)
                    .map_err(|error| BatchError { added, error })?;
            }
            return Ok(());
        }
        let failed = |error| BatchError { added: 0, error };
        let mut slots = Vec::new();
        reserve(&mut slots, entries.len()).map_err(failed)?;
        let mut refused = Ok(());
        for entry in entries {
            match self.make_slot(entry) {
                Ok(slot) => slots.push(slot),
                Err(error) => {
                    let added = slots.len();
                    refused = Err(BatchError { added, error });
                    break;
                }
            }
        }
        let mut pending = Pending::new(&mut self.writer, &mut self.resized, &slots);
        let mut stored = Vec::new();
        reserve(&mut stored, slots.len()).map_err(failed)?;
        let pairs = entries.iter().zip(&slots);
        stored.extend(pairs.map(|(entry, slot)| slot.in_place_of(entry)));
        pending.writer().add_batch(&stored)?;
        refused
    }

    /// Deletes a range of keys. As [`Writer::delete_range`].
    ///
    /// # Errors
    ///
    /// As for [`Writer::delete_range`].
    pub fn delete_range(
        &mut self,
        sequence: SequenceNumber,
        begin: &[u8],
        end: &[u8],
    ) -> Result<()> {
        self.writer.delete_range(sequence, begin, end)
    }

    /// Gives `user_key` a value: where its value is, if the newest entry of the key up to
    /// `sequence` is of kind [`Kind::VALUE`], is not deleted by a range, and has room;
    /// otherwise by an entry that is added. O(log n).
    ///
    /// What is updated in place keeps its sequence number, and is seen by every snapshot
    /// that saw it before. Where keys have timestamps, only the version with exactly this
    /// timestamp is updated.
    ///
    /// Updates of one key take turns. One that comes late, after an update in place with a
    /// larger number, does [nothing](Updated::Superseded), as if it had come before. Nothing of
    /// that kind is known of entries that are added: whoever adds and updates the same key
    /// does so in the order of the numbers.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add) and [`InPlaceTable::get`]; [`Error::Reentrant`] from within a
    /// callback of an update. The value is what it was then.
    pub fn update(
        &mut self,
        sequence: SequenceNumber,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<Updated> {
        self.in_turn(user_key, |this| {
            let newest = this.newest(sequence, user_key, |_| true)?;
            this.put(sequence, user_key, value, newest.place, Late::Drop)
        })
    }

    /// Gives `user_key` the value that `callback` makes of the present one. It is told what the
    /// table says of the key at `sequence`, and appends to a buffer, which is empty.
    ///
    /// The callback is called once, while no other update of the key runs; reads go on,
    /// and see the old value until the new one is there. It may do with the table what it
    /// likes except to update. When it panics the value is what it was. Late updates are not
    /// passed over: what they do depends on what is there.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    pub fn update_with(
        &mut self,
        sequence: SequenceNumber,
        user_key: &[u8],
        callback: impl FnOnce(Lookup<'_>, &mut Vec<u8>) -> Decision,
    ) -> Result<Updated> {
        self.in_turn(user_key, |this| {
            let Newest { stored, place } = this.newest(sequence, user_key, |_| false)?;
            let (mut buffer, mut value) = (Vec::new(), Vec::new());
            // SAFETY: the answer came from this table.
            let existing = unsafe { this.table.copy_lookup(user_key, stored, &mut buffer) }?;
            let place = match callback(existing, &mut value) {
                Decision::Keep => return Ok(Updated::Kept),
                Decision::Replace => place,
                Decision::Add => None,
            };
            this.put(sequence, user_key, &value, place, Late::Write)
        })
    }

    /// Runs `f` while no other update of the key does.
    fn in_turn<T>(&mut self, user_key: &[u8], f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if user_key.len() < C::TIMESTAMP_LEN {
            let length = user_key.len();
            return Err(Error::InvalidTimestamp { length });
        }
        let table = self.table;
        let (unstamped, _) = split_timestamp(table.comparator(), user_key);
        let hashed = C::EQUAL_BYTES.then_some(unstamped);
        table.slots.in_turn(hashed, || f(self))
    }

    /// The newest entry of a key that an update is to see.
    fn newest(
        &self,
        sequence: SequenceNumber,
        user_key: &[u8],
        enough: impl Fn(&[&[u8]]) -> bool,
    ) -> Result<Newest<'t>> {
        let (unstamped, timestamp) = split_timestamp(self.table.comparator(), user_key);
        let reader = self.table.table.reader(sequence)?;
        let reader = reader
            .at_timestamp(timestamp.unwrap_or(Timestamp::MAX))
            .with_visibility(self.visibility);
        let (stored, found) = reader.read(unstamped, enough, |answer| answer)?;
        let place = match stored {
            Lookup::Found {
                value,
                kind: Kind::VALUE,
                ..
            } if found == timestamp => Some(self.table.slots.place(value)?),
            _ => None,
        };
        Ok(Newest { stored, place })
    }

    /// Writes a value to a place, or adds it.
    fn put(
        &mut self,
        sequence: SequenceNumber,
        user_key: &[u8],
        value: &[u8],
        place: Option<Place>,
        late: Late,
    ) -> Result<Updated> {
        let Self { table, resized, .. } = self;
        let arena = table.table.arena();
        if let Some(place) = place {
            // SAFETY: the place is that of an entry of this table (U5).
            let written = unsafe { table.slots.rewrite(arena, place, sequence, value, late) }?;
            match written {
                Rewritten::Done { before } => {
                    let grown = (value.len() as u64).wrapping_sub(before as u64);
                    *resized = resized.wrapping_add(grown);
                    return Ok(Updated::InPlace);
                }
                Rewritten::Superseded => return Ok(Updated::Superseded),
                Rewritten::TooLong => {}
            }
        }
        let entry = EntryRef {
            user_key,
            sequence,
            kind: Kind::VALUE,
            value,
        };
        Ok(if self.insert(&entry, None)? {
            Updated::Added
        } else {
            Updated::Kept
        })
    }

    /// Whether this writer folds entries of this kind.
    fn folds(&self, kind: Kind) -> bool {
        self.exclusive && kind == Kind::MERGE && self.table.max_successive_merges > 0
    }

    /// What an operand comes to with what lies below it, if it is time to fold.
    fn fold(&self, operand: &EntryRef<'_>) -> Result<Option<Vec<u8>>> {
        let InPlaceTable { table, .. } = self.table;
        let most = self.table.max_successive_merges;
        table.fold_onto(most, operand, self.visibility, |stored, sequence| {
            let mut value = Vec::new();
            let (key, kind) = (operand.user_key, Kind::VALUE);
            // SAFETY: what is folded is this table's, and of this kind.
            unsafe {
                self.table
                    .copy_value(key, sequence, kind, stored, &mut value)
            }?;
            Ok(Cow::Owned(value))
        })
    }

    /// Inserts one entry; false if the table has it and keeps the first.
    fn insert(&mut self, entry: &EntryRef<'_>, hint: Option<&mut Hint>) -> Result<bool> {
        let folded = if self.folds(entry.kind) {
            self.fold(entry)?
        } else {
            None
        };
        let entry = match &folded {
            Some(value) => EntryRef {
                kind: Kind::VALUE,
                value,
                ..*entry
            },
            None => *entry,
        };
        let slot = [self.make_slot(&entry)?];
        let EntryRef {
            user_key,
            sequence,
            kind,
            value,
        } = slot[0].in_place_of(&entry);
        let mut pending = Pending::new(&mut self.writer, &mut self.resized, &slot);
        let writer = pending.writer();
        let added = match hint {
            Some(hint) => writer.add_with_hint(hint, sequence, kind, user_key, value),
            None => writer.add(sequence, kind, user_key, value),
        };
        match added {
            Err(Error::Duplicate) if self.table.keeps_first => Ok(false),
            added => added.map(|()| true),
        }
    }

    /// Makes a place for the value of an entry, if it is of the kind that has one.
    fn make_slot(&mut self, entry: &EntryRef<'_>) -> Result<Slot> {
        if entry.kind != Kind::VALUE {
            return Ok(Slot::default());
        }
        let (slots, length) = (&self.table.slots, entry.value.len());
        encoded_len(entry.user_key.len(), length, Protection::None)?;
        let place = slots.create(self.writer.memory(), entry.sequence, entry.value)?;
        Ok(Slot {
            stored: Some(slots.refer_to(place)),
            grows: (length as u64).wrapping_sub(slots.reference_len() as u64),
            allocated: slots.allocated(length),
        })
    }
}

/// The place of a value, or none, of an entry that is about to be added.
#[derive(Debug, Default)]
struct Slot {
    /// What the entry holds.
    stored: Option<Reference>,
    /// By how much the value is longer; wraps.
    grows: u64,
    allocated: usize,
}

impl Slot {
    /// The entry as it is stored.
    fn in_place_of<'e>(&'e self, entry: &EntryRef<'e>) -> EntryRef<'e> {
        let stored = self.stored.as_ref().map(Reference::bytes);
        EntryRef {
            value: stored.unwrap_or(entry.value),
            ..*entry
        }
    }
}

/// Slots whose entries are being added, in their order: when that ends, be it by a panic,
/// those that were linked are counted and the others given up.
struct Pending<'w, 't, C: Comparator> {
    writer: &'w mut Writer<'t, C>,
    resized: &'w mut u64,
    slots: &'w [Slot],
    linked_before: u64,
}

impl<'w, 't, C: Comparator> Pending<'w, 't, C> {
    fn new(writer: &'w mut Writer<'t, C>, resized: &'w mut u64, slots: &'w [Slot]) -> Self {
        Self {
            linked_before: writer.linked(),
            writer,
            resized,
            slots,
        }
    }

    fn writer(&mut self) -> &mut Writer<'t, C> {
        self.writer
    }
}

impl<C: Comparator> Drop for Pending<'_, '_, C> {
    fn drop(&mut self) {
        let linked = (self.writer.linked() - self.linked_before) as usize;
        let (linked, given_up) = self.slots.split_at(linked.min(self.slots.len()));
        for slot in linked {
            *self.resized = self.resized.wrapping_add(slot.grows);
        }
        for slot in given_up {
            self.writer.memory().abandon(slot.allocated);
        }
    }
}

impl<C: Comparator> Drop for InPlaceWriter<'_, C> {
    /// Before the writer inside leaves the door, so that the counts are the sealer's, too.
    fn drop(&mut self) {
        if self.resized != 0 {
            let resized = &self.table.resized;
            resized.fetch_add(self.resized, ord!(IN_PLACE_RESIZED_ADD, Relaxed));
        }
    }
}

impl<C: Comparator> fmt::Debug for InPlaceWriter<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InPlaceWriter")
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}
