//! Answers of both tables in the same words.

use verimem::Error;
use verimem_model::{Answer, Base, Merged, Merging, kind};

use crate::rocks::{Code, Reply};
use crate::stored::within;

/// What is seen of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// A tombstone, of a range or of the key.
    Deleted {
        /// Its number.
        sequence: u64,
    },
    /// A value.
    Value {
        /// The newest number of what it is made of.
        sequence: u64,
        /// The value; unless operands are folded, those come first, newest first.
        parts: Vec<Vec<u8>>,
    },
    /// Operands upon nothing that is in the table.
    Operands {
        /// The newest number.
        sequence: u64,
        /// Newest first.
        parts: Vec<Vec<u8>>,
    },
    /// It cannot be said.
    Refused(Code),
}

impl Seen {
    /// The same without numbers.
    #[must_use]
    pub fn unnumbered(self) -> Self {
        match self {
            Self::Deleted { .. } => Self::Deleted { sequence: 0 },
            Self::Value { parts, .. } => Self::Value { sequence: 0, parts },
            Self::Operands { parts, .. } => Self::Operands { sequence: 0, parts },
            other => other,
        }
    }
}

fn owned(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    parts.iter().map(|part| part.to_vec()).collect()
}

/// What RocksDB says. Where a range deletion ends what was found, RocksDB leaves the conclusion to
/// its caller: it is drawn here.
#[must_use]
pub fn theirs(reply: Reply, fold: bool, merging: Merging) -> Seen {
    let Reply {
        code,
        value,
        operands,
        sequence,
        covering,
        timestamp: _,
    } = reply;
    match code {
        Code::Missing if covering == 0 => Seen::Nothing,
        Code::Missing => Seen::Deleted { sequence: covering },
        Code::Deleted => Seen::Deleted { sequence },
        Code::Value if fold => Seen::Value {
            sequence,
            parts: vec![value],
        },
        Code::Value => Seen::Value {
            sequence,
            parts: operands,
        },
        Code::Operands if covering == 0 => Seen::Operands {
            sequence,
            parts: operands,
        },
        Code::Operands if !fold => Seen::Value {
            sequence,
            parts: operands,
        },
        Code::Operands => {
            let oldest_first: Vec<&[u8]> = operands.iter().rev().map(Vec::as_slice).collect();
            done(merging.folded(None, &oldest_first), sequence)
        }
        refused => Seen::Refused(refused),
    }
}

fn done(folded: Option<Vec<u8>>, sequence: u64) -> Seen {
    folded.map_or(Seen::Refused(Code::MergeFailed), |value| Seen::Value {
        sequence,
        parts: vec![value],
    })
}

/// Our answer, operands gathered, with the value below them.
#[must_use]
pub fn gathered(answer: &Answer<'_>) -> Seen {
    match answer {
        Answer::NotFound => Seen::Nothing,
        Answer::Deleted { sequence, .. } => Seen::Deleted {
            sequence: *sequence,
        },
        Answer::Found {
            kind,
            sequence,
            value,
        } => value_of(*kind, *sequence, value),
        Answer::Merge {
            operands,
            sequence,
            base,
        } => {
            let (sequence, mut parts) = (*sequence, owned(operands));
            match base {
                Base::Missing => return Seen::Operands { sequence, parts },
                Base::Deleted { .. } => {}
                Base::Value { kind, value, .. } => match within(*kind, value) {
                    Some(value) => parts.push(value.to_vec()),
                    None => return Seen::Refused(Code::Corruption),
                },
            }
            Seen::Value { sequence, parts }
        }
    }
}

fn value_of(kind: u8, sequence: u64, value: &[u8]) -> Seen {
    within(kind, value).map_or(Seen::Refused(Code::Corruption), |value| Seen::Value {
        sequence,
        parts: vec![value.to_vec()],
    })
}

/// Our answer, operands folded.
#[must_use]
pub fn folded(answer: &Answer<'_>, merging: Merging) -> Seen {
    let Answer::Merge {
        operands,
        sequence,
        base,
    } = answer
    else {
        return gathered(answer);
    };
    if merging == Merging::Nothing {
        return Seen::Refused(Code::InvalidArgument);
    }
    let is_void = merging == Merging::Reset && operands.iter().any(|one| Merging::is_reset(one));
    let existing = match base {
        _ if is_void => None,
        Base::Missing => return gathered(answer),
        Base::Deleted { .. } => None,
        Base::Value {
            kind: kind::BLOB_INDEX,
            ..
        } => return Seen::Refused(Code::NotSupported),
        Base::Value { kind, value, .. } => within(*kind, value),
    };
    let oldest_first: Vec<&[u8]> = operands.iter().rev().copied().collect();
    done(merging.folded(existing, &oldest_first), *sequence)
}

/// Our own folding. Why it was refused is told by a [`Code`], which depends on the operator.
#[must_use]
pub fn merged(found: &Result<Merged<'_>, Error>, merging: Merging) -> Seen {
    match found {
        Ok(Merged::NotFound) => Seen::Nothing,
        Ok(Merged::Found {
            kind,
            sequence,
            value,
        }) => value_of(*kind, *sequence, value),
        Ok(Merged::Deleted { sequence, .. }) => Seen::Deleted {
            sequence: *sequence,
        },
        Ok(Merged::Operands { operands, sequence }) => Seen::Operands {
            sequence: *sequence,
            parts: owned(operands),
        },
        Err(Error::Unsupported(_)) if merging == Merging::Nothing => {
            Seen::Refused(Code::InvalidArgument)
        }
        Err(Error::Unsupported(_)) => Seen::Refused(Code::NotSupported),
        Err(Error::MergeFailed(_)) => Seen::Refused(Code::MergeFailed),
        Err(Error::Corruption(_)) => Seen::Refused(Code::Corruption),
        Err(_) => Seen::Refused(Code::Other),
    }
}
