//! Folding the answers of tables.

use std::borrow::Cow;

use super::{MergeOperator, value_to_merge};
use crate::error::{Error, Result};
use crate::key::{Kind, SequenceNumber};
use crate::lookup::{Lookup, MergeBase};

/// What is known of a key when its operands are folded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum Merged<'a> {
    /// Nothing: older tables may know more.
    NotFound,
    /// The key's value.
    Found {
        /// As it was written, or as its operands came out.
        value: Cow<'a, [u8]>,
        /// The version of the newest entry.
        sequence: SequenceNumber,
        /// The kind of the entry; [`Kind::VALUE`] for the result of a merge.
        kind: Kind,
    },
    /// The key is deleted.
    Deleted {
        /// The tombstone's version.
        sequence: SequenceNumber,
        /// Which kind of tombstone.
        kind: Kind,
    },
    /// There are operands only: what they are to be merged into lies in an older
    /// table, or does not exist.
    Operands {
        /// Newest first; at least one.
        operands: Vec<&'a [u8]>,
        /// The version of the newest.
        sequence: SequenceNumber,
    },
}

impl<'a> Merged<'a> {
    /// The answer of one table, folded as far as it goes.
    pub(crate) fn of(
        user_key: &[u8],
        answer: Lookup<'a>,
        operator: Option<&dyn MergeOperator>,
    ) -> Result<Self> {
        match (answer, operator) {
            (Lookup::NotFound, _) => Ok(Self::NotFound),
            (
                Lookup::Found {
                    value,
                    sequence,
                    kind,
                },
                _,
            ) => Ok(Self::Found {
                value: Cow::Borrowed(value),
                sequence,
                kind,
            }),
            (Lookup::Deleted { sequence, kind }, _) => Ok(Self::Deleted { sequence, kind }),
            (Lookup::Merge { .. }, None) => Err(Error::Unsupported("a merge without an operator")),
            (answer @ Lookup::Merge { .. }, Some(operator)) => {
                let mut merger = Merger::new(user_key, operator);
                // Who read it has asked of each operand whether it is enough.
                merger.add_answer(answer, false)?;
                merger.so_far()
            }
        }
    }
}

/// Folds what tables say of one key, asked the newest first.
///
/// ```
/// use verimem::merge::{Associative, Merged, Merger, UInt64Add};
/// use verimem::{Kind, MemTable};
///
/// let (older, newer) = (MemTable::builder().build()?, MemTable::builder().build()?);
/// older.add(1, Kind::VALUE, b"k", &5u64.to_le_bytes())?;
/// newer.add(2, Kind::MERGE, b"k", &2u64.to_le_bytes())?;
///
/// let operator = Associative(UInt64Add);
/// let mut merger = Merger::new(b"k", &operator);
/// for table in [&newer, &older] {
///     if !merger.needs_older() {
///         break;
///     }
///     merger.add(table.get(b"k", 2)?)?;
/// }
/// let Merged::Found { value, sequence: 2, .. } = merger.finish()? else { panic!() };
/// assert_eq!(*value, 7u64.to_le_bytes());
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug)]
pub struct Merger<'a, 'k, O: ?Sized> {
    user_key: &'k [u8],
    operator: &'k O,
    /// Newest first.
    operands: Vec<&'a [u8]>,
    /// The version of the newest operand.
    newest: SequenceNumber,
    /// What lies below the operands; `None` while that is not known.
    below: Option<Below<'a>>,
}

/// What lies below the operands.
#[derive(Debug)]
enum Below<'a> {
    /// An answer to who finds no operands above it.
    Answer(Merged<'a>),
    /// It makes no difference.
    Unneeded,
}

impl<'a, 'k, O: MergeOperator + ?Sized> Merger<'a, 'k, O> {
    /// A merger that knows nothing of the key yet.
    #[must_use]
    pub fn new(user_key: &'k [u8], operator: &'k O) -> Self {
        Self {
            user_key,
            operator,
            operands: Vec::new(),
            newest: 0,
            below: None,
        }
    }

    /// Whether an older table could make a difference.
    #[must_use]
    pub fn needs_older(&self) -> bool {
        self.below.is_none()
    }

    /// Adds the answer of the next older table, of its operands those that are needed.
    /// Ignored once [`needs_older`](Self::needs_older) is false.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] when there is none for the list of operands; nothing
    /// was added then.
    pub fn add(&mut self, answer: Lookup<'a>) -> Result<()> {
        self.add_answer(answer, true)
    }

    fn add_answer(&mut self, answer: Lookup<'a>, asks: bool) -> Result<()> {
        if !self.needs_older() {
            return Ok(());
        }
        match answer {
            Lookup::NotFound => {}
            answer @ (Lookup::Found { .. } | Lookup::Deleted { .. }) => {
                let answer = Merged::of(self.user_key, answer, None)?;
                self.below = Some(Below::Answer(answer));
            }
            Lookup::Merge {
                operands,
                sequence,
                base,
            } => {
                let before = self.operands.len();
                self.push(operands, sequence)?;
                self.below = below(base);
                let (key, all) = (self.user_key, &self.operands);
                let enough = |count: &usize| self.operator.is_enough(key, &all[..*count]);
                let asked = if asks { before } else { all.len() };
                if let Some(count) = (asked + 1..=all.len()).find(enough) {
                    self.operands.truncate(count);
                    self.below = Some(Below::Unneeded);
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, operands: Vec<&'a [u8]>, sequence: SequenceNumber) -> Result<()> {
        if self.operands.is_empty() {
            (self.operands, self.newest) = (operands, sequence);
            return Ok(());
        }
        self.operands
            .try_reserve(operands.len())
            .map_err(|_| Error::OutOfMemory {
                requested: operands.len().saturating_mul(size_of::<&[u8]>()),
            })?;
        self.operands.extend(operands);
        Ok(())
    }

    /// What the tables so far say together: operands stay operands if what lies below
    /// them is not known.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub fn so_far(self) -> Result<Merged<'a>> {
        if self.operands.is_empty() || self.below.is_some() {
            return self.finish();
        }
        Ok(Merged::Operands {
            operands: self.operands,
            sequence: self.newest,
        })
    }

    /// What all tables say together: there is no older one.
    ///
    /// # Errors
    ///
    /// [`Error::MergeFailed`]; [`Error::Unsupported`] when what lies below the operands is
    /// neither a plain value nor a timed one; [`Error::Corruption`] for a timed one that is
    /// too short.
    pub fn finish(mut self) -> Result<Merged<'a>> {
        let below = match self.below {
            Some(Below::Answer(answer)) => answer,
            Some(Below::Unneeded) | None => Merged::NotFound,
        };
        if self.operands.is_empty() {
            return Ok(below);
        }
        let existing = match &below {
            Merged::Found { value, kind, .. } => Some(value_to_merge(*kind, value)?),
            _ => None,
        };
        self.operands.reverse();
        let mut value = Vec::new();
        self.operator
            .full_merge(self.user_key, existing, &self.operands, &mut value)?;
        Ok(Merged::Found {
            value: Cow::Owned(value),
            sequence: self.newest,
            kind: Kind::VALUE,
        })
    }
}

/// What a table says of what lies below its operands.
fn below(base: MergeBase<'_>) -> Option<Below<'_>> {
    Some(Below::Answer(match base {
        MergeBase::Value {
            value,
            sequence,
            kind,
        } => Merged::Found {
            value: Cow::Borrowed(value),
            sequence,
            kind,
        },
        MergeBase::Deleted { sequence } => Merged::Deleted {
            sequence,
            kind: Kind::DELETION,
        },
        MergeBase::Unneeded => return Some(Below::Unneeded),
        MergeBase::Missing => return None,
    }))
}
