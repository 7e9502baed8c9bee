//! What becomes of merge operands.

use arbitrary::Arbitrary;

use crate::answer::{Answer, Base, Escaped, kind};

/// What folds operands (SPEC G2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Arbitrary)]
pub enum Merging {
    /// Nothing does.
    #[default]
    Nothing,
    /// They are joined by commas.
    Append,
    /// They are joined, and some are refused: see [`is_refused`](Self::is_refused).
    Picky,
    /// They are joined, and some make all before them void: see [`is_reset`](Self::is_reset).
    Reset,
}

/// Why operands are not folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeRefusal {
    /// There is no operator.
    NoOperator,
    /// What lies below is no plain value (SPEC G6).
    NoValue,
    /// What lies below is a value with a time, and too short for that.
    NoTime,
    /// The operator failed.
    Failed,
}

/// What is known of a key when its operands are folded.
#[derive(Clone, PartialEq, Eq)]
pub enum Merged<'a> {
    /// Nothing is visible.
    NotFound,
    /// The value.
    Found {
        /// Its kind.
        kind: u8,
        /// The newest sequence number of what it is made of.
        sequence: u64,
        /// Its bytes.
        value: Vec<u8>,
    },
    /// The key is deleted.
    Deleted {
        /// The tombstone's kind.
        kind: u8,
        /// Its sequence number.
        sequence: u64,
    },
    /// What lies below the operands is not in this table.
    Operands {
        /// Newest first.
        operands: Vec<&'a [u8]>,
        /// Sequence number of the newest.
        sequence: u64,
    },
}

impl std::fmt::Debug for Merged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::Found {
                kind,
                sequence,
                value,
            } => write!(
                f,
                "found@{sequence} kind {kind:#04x} = {:?}",
                Escaped(value)
            ),
            Self::Deleted { kind, sequence } => write!(f, "deleted@{sequence} kind {kind:#04x}"),
            Self::Operands { operands, sequence } => {
                let operands: Vec<_> = operands.iter().map(|operand| Escaped(operand)).collect();
                write!(f, "operands@{sequence} {operands:?}")
            }
        }
    }
}

impl Merging {
    /// True for bytes that [`Picky`](Self::Picky) refuses.
    #[must_use]
    pub fn is_refused(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|first| *first >= 0xC0)
    }

    /// True for operands that make all that is older void, under [`Reset`](Self::Reset).
    #[must_use]
    pub fn is_reset(operand: &[u8]) -> bool {
        operand.first().is_some_and(|first| first % 4 == 0)
    }

    /// What operands, oldest first, make of a value; none if that fails.
    #[must_use]
    pub fn folded(self, existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>> {
        let mut parts: Vec<&[u8]> = existing
            .into_iter()
            .chain(operands.iter().copied())
            .collect();
        match self {
            Self::Nothing => return None,
            Self::Picky if parts.iter().any(|part| Self::is_refused(part)) => return None,
            Self::Reset => {
                let resets = operands.iter().filter(|operand| Self::is_reset(operand));
                if resets.count() > 0 {
                    let newer = operands.iter().rev().take_while(|one| !Self::is_reset(one));
                    parts = parts.split_off(parts.len() - newer.count() - 1);
                }
            }
            Self::Append | Self::Picky => {}
        }
        Some(parts.join(&b','))
    }

    /// A reader's answer, folded.
    pub(crate) fn merged(self, answer: Answer<'_>) -> Result<Merged<'_>, MergeRefusal> {
        let (mut operands, sequence, base) = match answer {
            Answer::NotFound => return Ok(Merged::NotFound),
            Answer::Found {
                kind,
                sequence,
                value,
            } => {
                let value = value.to_vec();
                return Ok(Merged::Found {
                    kind,
                    sequence,
                    value,
                });
            }
            Answer::Deleted { kind, sequence } => return Ok(Merged::Deleted { kind, sequence }),
            Answer::Merge {
                operands,
                sequence,
                base,
            } => (operands, sequence, base),
        };
        if self == Self::Nothing {
            return Err(MergeRefusal::NoOperator);
        }
        let is_void = self == Self::Reset && operands.iter().any(|one| Self::is_reset(one));
        let existing = match base {
            _ if is_void => None,
            Base::Missing => return Ok(Merged::Operands { operands, sequence }),
            Base::Deleted { .. } => None,
            Base::Value { kind, value, .. } => Some(plain(kind, value)?),
        };
        operands.reverse();
        let value = self
            .folded(existing, &operands)
            .ok_or(MergeRefusal::Failed)?;
        Ok(Merged::Found {
            kind: kind::VALUE,
            sequence,
            value,
        })
    }

    /// What is stored in place of an operand that comes upon `below`, written by somebody
    /// who is alone; `most` operands may lie upon each other (SPEC W5).
    pub(crate) fn stored(self, most: usize, below: &Answer<'_>, operand: &[u8]) -> Option<Vec<u8>> {
        let Answer::Merge { operands, base, .. } = below else {
            return None;
        };
        let existing = match base {
            Base::Value { kind, value, .. } => Some(plain(*kind, value).ok()?),
            Base::Deleted { .. } => None,
            Base::Missing => return None,
        };
        // A base is looked for under four times as many.
        if most == 0 || !(most..=4 * most).contains(&operands.len()) {
            return None;
        }
        let oldest_first: Vec<&[u8]> = operands.iter().rev().copied().chain([operand]).collect();
        self.folded(existing, &oldest_first)
    }
}

/// The value that operands are folded into: that of a timed put ends before its time, of
/// eight bytes.
fn plain(kind: u8, stored: &[u8]) -> Result<&[u8], MergeRefusal> {
    match (kind, stored.len().checked_sub(8)) {
        (kind::VALUE, _) => Ok(stored),
        (kind::VALUE_PREFERRED_SEQNO, Some(length)) => Ok(&stored[..length]),
        (kind::VALUE_PREFERRED_SEQNO, None) => Err(MergeRefusal::NoTime),
        _ => Err(MergeRefusal::NoValue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_by_hand() {
        let fold = |merging: Merging, existing: Option<&[u8]>, operands: &[&[u8]]| {
            merging.folded(existing, operands)
        };
        let bytes = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(
            fold(Merging::Append, Some(b"a"), &[b"b", b""]),
            bytes("a,b,")
        );
        assert_eq!(fold(Merging::Append, None, &[b"b"]), bytes("b"));
        assert_eq!(fold(Merging::Nothing, None, &[b"b"]), None);
        assert_eq!(fold(Merging::Picky, Some(b"a"), &[b"b"]), bytes("a,b"));
        assert_eq!(fold(Merging::Picky, Some(b"\xC0"), &[b"b"]), None);
        // `d` is 100, `e` 101.
        assert_eq!(
            fold(Merging::Reset, Some(b"a"), &[b"e", b"e"]),
            bytes("a,e,e")
        );
        assert_eq!(
            fold(Merging::Reset, Some(b"a"), &[b"d", b"e", b"d1", b"e"]),
            bytes("d1,e")
        );
    }

    #[test]
    fn storing_by_hand() {
        let below = |operands: usize, base| Answer::Merge {
            operands: vec![&b"x"[..]; operands],
            sequence: 9,
            base,
        };
        let value = |kind| Base::Value {
            kind,
            sequence: 1,
            value: b"v",
        };
        let stored = |most, below| Merging::Append.stored(most, &below, b"y");
        assert_eq!(stored(2, below(1, value(kind::VALUE))), None);
        assert_eq!(
            stored(2, below(2, value(kind::VALUE))),
            Some(b"v,x,x,y".to_vec())
        );
        assert_eq!(
            stored(1, below(4, Base::Deleted { sequence: 1 })),
            Some(b"x,x,x,x,y".to_vec())
        );
        assert_eq!(stored(1, below(5, value(kind::VALUE))), None);
        assert_eq!(stored(0, below(1, value(kind::VALUE))), None);
        assert_eq!(stored(1, below(1, value(kind::BLOB_INDEX))), None);
        assert_eq!(stored(1, below(1, Base::Missing)), None);
        assert_eq!(
            stored(1, below(1, value(kind::VALUE_PREFERRED_SEQNO))),
            None
        );
        assert_eq!(
            plain(kind::VALUE_PREFERRED_SEQNO, b"v12345678"),
            Ok(&b"v"[..])
        );
    }
}
