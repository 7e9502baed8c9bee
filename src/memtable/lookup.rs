//! How a representation answers a point lookup.

use crate::entry::EntryRef;
use crate::error::{Corruption, Error, Result};
use crate::key::{Comparator, Kind, SequenceNumber};
use crate::lookup::{Lookup, MergeBase};
use crate::rep::Representation;
use crate::visibility::{Visibility, sees};

impl<'a> Lookup<'a> {
    /// What `rep` says of `user_key` at `snapshot`.
    #[inline]
    pub(super) fn read<R: Representation>(
        rep: &'a R,
        user_key: &[u8],
        snapshot: SequenceNumber,
        visibility: &impl Visibility,
        covering: Option<SequenceNumber>,
        enough: impl Fn(&[&[u8]]) -> bool,
    ) -> Result<Lookup<'a>> {
        let newest = rep.find(user_key, snapshot);
        if rep.is_checked() {
            rep.verify_path(user_key, snapshot)?;
        }
        Self::read_from(rep, newest, user_key, visibility, covering, enough)
    }

    /// The answer where there is no entry, or none above a range deletion.
    #[inline]
    pub(super) fn uncovered(covering: Option<SequenceNumber>) -> Self {
        match covering {
            Some(sequence) => Lookup::Deleted {
                sequence,
                kind: Kind::RANGE_DELETION,
            },
            None => Lookup::NotFound,
        }
    }

    /// Reads the visible versions of `user_key` from its newest on, until `enough`
    /// operands were read, newest first.
    #[inline]
    pub(super) fn read_from<R: Representation>(
        rep: &'a R,
        newest: Option<R::Position>,
        user_key: &[u8],
        visibility: &impl Visibility,
        covering: Option<SequenceNumber>,
        enough: impl Fn(&[&[u8]]) -> bool,
    ) -> Result<Lookup<'a>> {
        let mut versions = Versions::new(rep, user_key, visibility);
        let newest = newest.map(|newest| versions.visible_from(newest));
        let Some(position) = newest.transpose()?.flatten() else {
            return Ok(Self::uncovered(covering));
        };
        // SAFETY: the position came from this representation.
        let entry = unsafe { rep.entry(position) }?;
        if covering.is_some_and(|covering| entry.sequence < covering) {
            return Ok(Self::uncovered(covering));
        }
        let EntryRef {
            sequence,
            kind,
            value,
            ..
        } = entry;
        if kind == Kind::MERGE {
            return Self::read_merge(versions, position, entry, covering, enough);
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

    fn read_merge<R: Representation, V: Visibility>(
        mut versions: Versions<'a, '_, R, V>,
        mut position: R::Position,
        newest: EntryRef<'a>,
        covering: Option<SequenceNumber>,
        enough: impl Fn(&[&[u8]]) -> bool,
    ) -> Result<Lookup<'a>> {
        let mut operands = Vec::new();
        push(&mut operands, newest.value)?;
        let base = loop {
            if enough(&operands) {
                break MergeBase::Unneeded;
            }
            let older = versions.visible_after(position)?;
            // SAFETY: the position came from this representation.
            let entry = older.map(|older| unsafe { versions.rep.entry(older) });
            let entry = entry.transpose()?;
            if let Some(sequence) = covering
                && entry.is_none_or(|entry| entry.sequence < sequence)
            {
                break MergeBase::Deleted { sequence };
            }
            let (Some(older), Some(entry)) = (older, entry) else {
                break MergeBase::Missing;
            };
            position = older;
            let EntryRef {
                sequence,
                kind,
                value,
                ..
            } = entry;
            if kind == Kind::MERGE {
                push(&mut operands, value)?;
            } else if kind.is_tombstone() {
                break MergeBase::Deleted { sequence };
            } else {
                break MergeBase::Value {
                    value,
                    sequence,
                    kind,
                };
            }
        };
        Ok(Lookup::Merge {
            operands,
            sequence: newest.sequence,
            base,
        })
    }
}

/// The versions of one key, from some position on.
struct Versions<'a, 'k, R: Representation, V> {
    rep: &'a R,
    user_key: &'k [u8],
    visibility: &'k V,
    trail: R::Trail,
}

impl<'a, 'k, R: Representation, V: Visibility> Versions<'a, 'k, R, V> {
    #[inline(always)]
    fn new(rep: &'a R, user_key: &'k [u8], visibility: &'k V) -> Self {
        Self {
            rep,
            user_key,
            visibility,
            trail: R::Trail::default(),
        }
    }

    /// The first visible version at or after one of them.
    #[inline(always)]
    fn visible_from(&mut self, position: R::Position) -> Result<Option<R::Position>> {
        // Not even the number is read where all are visible.
        if self.visibility.min_uncommitted() == SequenceNumber::MAX {
            return Ok(Some(position));
        }
        // SAFETY: the position came from this representation.
        let (_, sequence) = unsafe { self.rep.key(position) }.ok_or(Corruption::Lengths)?;
        if sees(self.visibility, sequence) {
            return Ok(Some(position));
        }
        self.visible_after(position)
    }

    /// The first visible version after one of them.
    fn visible_after(&mut self, mut position: R::Position) -> Result<Option<R::Position>> {
        loop {
            // SAFETY: the position came from this representation.
            let next = unsafe { self.rep.next(&mut self.trail, position) };
            if self.rep.is_checked() {
                // SAFETY: as above.
                unsafe { self.rep.verify_step(Some(position), next) }?;
            }
            let Some(next) = next else { return Ok(None) };
            position = next;
            // SAFETY: as above.
            let (found, sequence) = unsafe { self.rep.key(position) }.ok_or(Corruption::Lengths)?;
            let comparator = self.rep.comparator();
            if comparator.compare(found, self.user_key).is_ne() {
                return Ok(None);
            }
            if sees(self.visibility, sequence) {
                return Ok(Some(position));
            }
        }
    }
}

/// Reads all operands.
pub(super) fn never(_operands: &[&[u8]]) -> bool {
    false
}

/// Appends an operand, or says that there is no memory for it.
pub(super) fn push<'a>(operands: &mut Vec<&'a [u8]>, operand: &'a [u8]) -> Result<()> {
    operands.try_reserve(1).map_err(|_| Error::OutOfMemory {
        requested: (operands.len() + 1) * size_of::<&[u8]>(),
    })?;
    operands.push(operand);
    Ok(())
}
