//! What operands come to: on reading, and when they were folded on writing.

use verimem::merge::Merged;
use verimem::{Error, Kind};

use super::oracle::{Check, Expected, Oracle, same, same_bytes};
use super::plan::{Rank, is_tombstone, resets};
use super::subject::At;

/// As many operands as a table lets lie upon each other are folded for certain, and so
/// many times as many; where far more have piled up, a table may leave them alone.
const CERTAIN: usize = 2;

/// Bytes of the number behind a timed value.
const NUMBER: usize = 8;

impl Oracle<'_> {
    /// Appends what the operator makes of operands, newest first, and their base.
    fn fold(&self, expected: &Expected, out: &mut Vec<u8>) {
        let merges = &expected.merges;
        let last = merges.iter().position(|sequence| resets(*sequence));
        if last.is_none()
            && let Some(base) = expected.base
            && !is_tombstone(self.plan.kind(base))
        {
            self.value(base, out);
            if self.base_kind(base) == Kind::VALUE_PREFERRED_SEQNO {
                out.truncate(out.len().saturating_sub(NUMBER));
            }
        }
        let above = last.map_or(merges.len(), |last| last + 1);
        for sequence in merges[..above].iter().rev() {
            self.plan.value(*sequence, out);
        }
    }

    /// The kind that an entry has in the table.
    fn base_kind(&self, sequence: u64) -> Kind {
        match self.ledger.folded(sequence) {
            Some(_) => Kind::VALUE,
            None => self.plan.kind(sequence),
        }
    }

    /// Whether operands can be merged into an entry: into nothing, a plain value, or a
    /// value with its number behind it.
    fn takes_operands(&self, base: u64) -> bool {
        let kind = self.base_kind(base);
        if kind == Kind::VALUE_PREFERRED_SEQNO {
            let mut value = Vec::new();
            self.plan.value(base, &mut value);
            return value.len() >= NUMBER;
        }
        kind == Kind::VALUE || is_tombstone(kind)
    }

    /// Whether a merge must be refused for what lies below the operands.
    fn refuses(&self, expected: &Expected) -> bool {
        let merges = &expected.merges;
        !merges.is_empty()
            && !merges.iter().any(|one| resets(*one))
            && expected.base.is_some_and(|base| !self.takes_operands(base))
    }

    /// Appends the value that an entry has in the table.
    fn value(&self, sequence: u64, out: &mut Vec<u8>) {
        match self.ledger.folded(sequence) {
            Some(batch) => self.folded_value(self.plan.rank(sequence), sequence, batch, out),
            None => self.plan.value(sequence, out),
        }
    }

    /// Appends the value that a batch stored in place of an operand. Of what was aborted
    /// it sees only its own, which is not aborted yet.
    pub fn folded_value(&self, rank: Rank, sequence: u64, batch: u64, out: &mut Vec<u8>) {
        let then = Self {
            hides_below: batch,
            ..*self
        };
        // As if nothing had ever been folded: that must make no difference.
        let expected = then.history(rank, sequence, |sequence| self.plan.kind(sequence));
        then.fold(&expected, out);
    }

    /// Whether an operand may have been stored as a value of this kind.
    pub fn may_be_folded(&self, sequence: u64, kind: Kind) -> bool {
        self.ledger.folds > 0 && kind == Kind::VALUE && self.plan.kind(sequence) == Kind::MERGE
    }

    /// That a merged value ends with the newest operand.
    pub fn certify_newest_operand(&self, sequence: u64, value: &[u8]) -> Check {
        let mut operand = Vec::new();
        self.plan.value(sequence, &mut operand);
        if value.ends_with(&operand) {
            return Ok(());
        }
        Err(format!(
            "a merged value does not end with operand {sequence}"
        ))
    }

    /// That an operand was folded by a batch when it had to be, and only then; all that
    /// is below it is settled.
    pub fn check_folding(&self, rank: Rank, sequence: u64, batch: u64, folded: bool) -> Check {
        let then = Self {
            hides_below: batch,
            ..*self
        };
        let Some(snapshot) = sequence.checked_sub(1) else {
            return Ok(());
        };
        let below = then.expected(rank, snapshot);
        let (count, most) = (below.merges.len(), self.ledger.folds);
        let base = below.base.is_some_and(|base| self.takes_operands(base));
        let allowed = most > 0 && count >= most && base;
        let wanted = allowed && count <= CERTAIN * most;
        if folded && !allowed || !folded && wanted {
            return Err(format!(
                "operand {sequence} folded: {folded}, with {below:?} below it, at most {most}"
            ));
        }
        Ok(())
    }

    /// Rule 1 for `get_merged`.
    pub fn merged_exact(&self, rank: Rank, at: &At, answer: &Result<Merged<'_>, Error>) -> Check {
        let oracle = self.at(at);
        let expected = oracle.expected(rank, at.snapshot);
        let matches = match answer {
            Ok(answer) if !oracle.refuses(&expected) => {
                oracle.matches_merged(rank, &expected, answer)
            }
            Err(error) if oracle.refuses(&expected) && is_refusal(error) => Ok(()),
            Ok(_) => Err("a merge into what cannot be merged into".to_owned()),
            Err(_) => Err("it fails".to_owned()),
        };
        matches.map_err(|what| {
            format!(
                "get_merged of key {rank} at {at:?}: {what}; expected {expected:?}, got {answer:?}"
            )
        })
    }

    fn matches_merged(&self, rank: Rank, expected: &Expected, answer: &Merged<'_>) -> Check {
        let newest = expected.newest();
        let known = expected.base.is_some() || expected.merges.iter().any(|one| resets(*one));
        match answer {
            Merged::NotFound => same(newest, None),
            Merged::Deleted { sequence, kind } => {
                same(newest, Some(*sequence))?;
                if is_tombstone(*kind) && self.plan.kind(*sequence) == *kind {
                    Ok(())
                } else {
                    Err("another kind".to_owned())
                }
            }
            Merged::Operands { operands, sequence } => {
                same(newest, Some(*sequence))?;
                if known || operands.len() != expected.merges.len() {
                    return Err("other operands".to_owned());
                }
                for (sequence, operand) in expected.merges.iter().zip(operands) {
                    self.certify_content(rank, *sequence, Kind::MERGE, operand, u64::MAX)?;
                }
                Ok(())
            }
            Merged::Found {
                value,
                sequence,
                kind,
            } => {
                same(newest, Some(*sequence))?;
                if expected.merges.is_empty() {
                    if is_tombstone(*kind) {
                        return Err(format!("a value of kind {kind:?}"));
                    }
                    return self.certify_content(rank, *sequence, *kind, value, u64::MAX);
                }
                if !known || *kind != Kind::VALUE {
                    return Err("operands that cannot be merged".to_owned());
                }
                let mut wanted = Vec::new();
                self.fold(expected, &mut wanted);
                same_bytes(*sequence, &wanted, value)
            }
            #[allow(unreachable_patterns, reason = "the library may gain answers")]
            _ => Err("an unknown answer".to_owned()),
        }
    }
}

/// What a merge says that has no value to merge into.
pub fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Unsupported(_) | Error::Corruption(_))
}
