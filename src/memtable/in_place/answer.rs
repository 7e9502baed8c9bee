//! Answers that borrow nothing of a table.

use super::slot::reserve;
use super::{InPlaceTable, Kind, SequenceNumber};
use crate::error::Result;
use crate::key::Comparator;
use crate::lookup::{Lookup, MergeBase};

/// What a table says of a key at a snapshot: a [`Lookup`] that owns what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum OwnedLookup {
    /// As [`Lookup::NotFound`].
    NotFound,
    /// As [`Lookup::Found`].
    Found {
        /// As it was when it was copied.
        value: Vec<u8>,
        /// The version.
        sequence: SequenceNumber,
        /// A value, or any other kind that is neither tombstone nor operand.
        kind: Kind,
    },
    /// As [`Lookup::Deleted`].
    Deleted {
        /// The tombstone's version.
        sequence: SequenceNumber,
        /// Which kind of tombstone.
        kind: Kind,
    },
    /// As [`Lookup::Merge`].
    Merge {
        /// The operands, newest first; at least one.
        operands: Vec<Vec<u8>>,
        /// The version of the newest.
        sequence: SequenceNumber,
        /// What they are to be merged into.
        base: OwnedBase,
    },
}

/// What merge operands are to be merged into: a [`MergeBase`] that owns what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnedBase {
    /// As [`MergeBase::Value`].
    Value {
        /// As it was when it was copied.
        value: Vec<u8>,
        /// Its version.
        sequence: SequenceNumber,
        /// Its kind.
        kind: Kind,
    },
    /// As [`MergeBase::Deleted`].
    Deleted {
        /// The tombstone's version.
        sequence: SequenceNumber,
    },
    /// As [`MergeBase::Missing`].
    Missing,
    /// As [`MergeBase::Unneeded`].
    Unneeded,
}

impl OwnedLookup {
    /// The same, borrowed from here: for a [`Merger`](crate::merge::Merger), say.
    pub fn as_lookup(&self) -> Lookup<'_> {
        match self {
            Self::NotFound => Lookup::NotFound,
            Self::Found {
                value,
                sequence,
                kind,
            } => Lookup::Found {
                value,
                sequence: *sequence,
                kind: *kind,
            },
            Self::Deleted { sequence, kind } => Lookup::Deleted {
                sequence: *sequence,
                kind: *kind,
            },
            Self::Merge {
                operands,
                sequence,
                base,
            } => Lookup::Merge {
                operands: operands.iter().map(Vec::as_slice).collect(),
                sequence: *sequence,
                base: base.as_base(),
            },
        }
    }

    /// The value that was found, if one was.
    #[must_use]
    pub fn into_value(self) -> Option<Vec<u8>> {
        match self {
            Self::Found { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(super) fn copy(answer: Lookup<'_>) -> Result<Self> {
        Ok(match answer {
            Lookup::NotFound => Self::NotFound,
            Lookup::Found {
                value,
                sequence,
                kind,
            } => Self::Found {
                value: copy(value)?,
                sequence,
                kind,
            },
            Lookup::Deleted { sequence, kind } => Self::Deleted { sequence, kind },
            Lookup::Merge {
                operands,
                sequence,
                base,
            } => Self::Merge {
                operands: operands.into_iter().map(copy).collect::<Result<_>>()?,
                sequence,
                base: match base {
                    MergeBase::Value {
                        value,
                        sequence,
                        kind,
                    } => OwnedBase::Value {
                        value: copy(value)?,
                        sequence,
                        kind,
                    },
                    MergeBase::Deleted { sequence } => OwnedBase::Deleted { sequence },
                    MergeBase::Missing => OwnedBase::Missing,
                    MergeBase::Unneeded => OwnedBase::Unneeded,
                },
            },
        })
    }
}

impl OwnedBase {
    fn as_base(&self) -> MergeBase<'_> {
        match self {
            Self::Value {
                value,
                sequence,
                kind,
            } => MergeBase::Value {
                value,
                sequence: *sequence,
                kind: *kind,
            },
            Self::Deleted { sequence } => MergeBase::Deleted {
                sequence: *sequence,
            },
            Self::Missing => MergeBase::Missing,
            Self::Unneeded => MergeBase::Unneeded,
        }
    }
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copied = Vec::new();
    reserve(&mut copied, bytes.len())?;
    copied.extend_from_slice(bytes);
    Ok(copied)
}

impl<C: Comparator> InPlaceTable<C> {
    /// The same answer, with values in place of references, and owned.
    ///
    /// # Errors
    ///
    /// As for [`copy_lookup`](Self::copy_lookup).
    ///
    /// # Safety
    ///
    /// The answer came from `self.table`.
    pub(super) unsafe fn own_lookup(
        &self,
        user_key: &[u8],
        answer: Lookup<'_>,
    ) -> Result<OwnedLookup> {
        let mut buffer = Vec::new();
        // SAFETY: passed on from the caller.
        let copied = unsafe { self.copy_lookup(user_key, answer, &mut buffer) }?;
        if let Lookup::Found { sequence, kind, .. } = copied {
            let value = buffer;
            return Ok(OwnedLookup::Found {
                value,
                sequence,
                kind,
            });
        }
        OwnedLookup::copy(copied)
    }

    /// The same answer, with values in place of references, all in `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`](crate::Error::Corruption),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    ///
    /// # Safety
    ///
    /// The answer came from `self.table`.
    pub(super) unsafe fn copy_lookup<'b>(
        &self,
        user_key: &[u8],
        answer: Lookup<'_>,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Lookup<'b>> {
        buffer.clear();
        Ok(match answer {
            Lookup::NotFound => Lookup::NotFound,
            Lookup::Deleted { sequence, kind } => Lookup::Deleted { sequence, kind },
            Lookup::Found {
                value,
                sequence,
                kind,
            } => {
                // SAFETY: passed on from the caller.
                unsafe { self.copy_value(user_key, sequence, kind, value, buffer) }?;
                Lookup::Found {
                    value: buffer,
                    sequence,
                    kind,
                }
            }
            Lookup::Merge {
                operands,
                sequence,
                base,
            } => {
                for operand in &operands {
                    reserve(buffer, operand.len())?;
                    buffer.extend_from_slice(operand);
                }
                if let MergeBase::Value {
                    value,
                    sequence,
                    kind,
                } = base
                {
                    // SAFETY: passed on from the caller.
                    unsafe { self.copy_value(user_key, sequence, kind, value, buffer) }?;
                }
                let mut rest = &buffer[..];
                let mut copied = Vec::new();
                reserve(&mut copied, operands.len())?;
                for operand in &operands {
                    let (first, others) = rest.split_at(operand.len());
                    copied.push(first);
                    rest = others;
                }
                Lookup::Merge {
                    operands: copied,
                    sequence,
                    base: match base {
                        MergeBase::Value { sequence, kind, .. } => MergeBase::Value {
                            value: rest,
                            sequence,
                            kind,
                        },
                        MergeBase::Deleted { sequence } => MergeBase::Deleted { sequence },
                        MergeBase::Missing => MergeBase::Missing,
                        MergeBase::Unneeded => MergeBase::Unneeded,
                    },
                }
            }
        })
    }
}
