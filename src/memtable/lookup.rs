//! The answer to a point lookup.

use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::{Comparator, Kind, SequenceNumber};
use crate::rep::{Cursor, Representation};

/// What a table says of a key at a snapshot (SPEC G1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Lookup<'a> {
    /// Nothing: older tables may know more.
    NotFound,
    /// The newest visible entry says what the key is.
    Found {
        /// As it was written.
        value: &'a [u8],
        /// The version.
        sequence: SequenceNumber,
        /// A value, or any other kind that is neither tombstone nor operand.
        kind: Kind,
    },
    /// The newest visible entry is a tombstone: older tables need not be asked.
    Deleted {
        /// The tombstone's version.
        sequence: SequenceNumber,
        /// Which kind of tombstone.
        kind: Kind,
    },
    /// The newest visible entries are merge operands.
    Merge {
        /// The operands, newest first; at least one.
        operands: Vec<&'a [u8]>,
        /// The version of the newest.
        sequence: SequenceNumber,
        /// What they are to be merged into.
        base: MergeBase<'a>,
    },
}

/// What merge operands are to be merged into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeBase<'a> {
    /// An entry of this table.
    Value {
        /// As it was written.
        value: &'a [u8],
        /// Its version.
        sequence: SequenceNumber,
        /// Its kind.
        kind: Kind,
    },
    /// Nothing: the key was deleted before.
    Deleted {
        /// The tombstone's version.
        sequence: SequenceNumber,
    },
    /// This table does not say: older ones may.
    Missing,
}

/// The entry at the cursor, if its key is `user_key`.
#[inline]
pub(super) fn entry_of<'a, R: Representation>(
    cursor: &Cursor<&'a R>,
    user_key: &[u8],
) -> Result<Option<EntryRef<'a>>> {
    let Some((found, _)) = cursor.key() else {
        return Ok(None);
    };
    if cursor
        .handle()
        .comparator()
        .compare(found, user_key)
        .is_ne()
    {
        return Ok(None);
    }
    cursor.entry_ref()
}

impl<'a> Lookup<'a> {
    /// Reads the versions of `user_key` from the cursor on.
    #[inline]
    pub(super) fn read<R: Representation>(
        cursor: Cursor<&'a R>,
        user_key: &[u8],
    ) -> Result<Lookup<'a>> {
        let Some(entry) = entry_of(&cursor, user_key)? else {
            return Ok(Lookup::NotFound);
        };
        let EntryRef {
            sequence,
            kind,
            value,
            ..
        } = entry;
        if kind == Kind::MERGE {
            return Self::read_merge(cursor, user_key, entry);
        }
        Ok(if kind.is_tombstone() {
            Lookup::Deleted { sequence, kind }
        } else {
            Lookup::Found {
                value,
                sequence,
                kind,
            }
        })
    }

    fn read_merge<R: Representation>(
        mut cursor: Cursor<&'a R>,
        user_key: &[u8],
        newest: EntryRef<'a>,
    ) -> Result<Lookup<'a>> {
        let mut operands = Vec::new();
        push(&mut operands, newest.value)?;
        let base = loop {
            cursor.next();
            match entry_of(&cursor, user_key)? {
                None => break MergeBase::Missing,
                Some(entry) if entry.kind == Kind::MERGE => push(&mut operands, entry.value)?,
                Some(entry) if entry.kind.is_tombstone() => {
                    break MergeBase::Deleted {
                        sequence: entry.sequence,
                    };
                }
                Some(entry) => {
                    break MergeBase::Value {
                        value: entry.value,
                        sequence: entry.sequence,
                        kind: entry.kind,
                    };
                }
            }
        };
        Ok(Lookup::Merge {
            operands,
            sequence: newest.sequence,
            base,
        })
    }
}

/// Appends an operand, or says that there is no memory for it.
fn push<'a>(operands: &mut Vec<&'a [u8]>, operand: &'a [u8]) -> Result<()> {
    operands.try_reserve(1).map_err(|_| Error::OutOfMemory {
        requested: (operands.len() + 1) * size_of::<&[u8]>(),
    })?;
    operands.push(operand);
    Ok(())
}
