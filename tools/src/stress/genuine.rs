//! Rule 3 for lookups that race with writers: whatever they find is genuine, and
//! nothing that was acknowledged before is missing.

use verimem::Kind;
use verimem::merge::Merged;
use verimem::{Lookup, MergeBase};

use super::oracle::{Check, Floor, Oracle};
use super::plan::{Rank, is_tombstone};

impl Oracle<'_> {
    /// For `get` of everything right now.
    pub fn lookup_racing(&self, rank: Rank, floor: Floor, answer: &Lookup<'_>) -> Check {
        self.genuine(rank, floor, answer)
            .and_then(|newest| above(newest, floor))
            .map_err(|what| format!("racing get of key {rank}, {floor:?}: {what}; got {answer:?}"))
    }

    /// For `get_merged` of everything right now. What operands come to can only be
    /// compared with the newest of them.
    pub fn merged_racing(&self, rank: Rank, floor: Floor, answer: &Merged<'_>) -> Check {
        let newest = match answer {
            Merged::NotFound => Ok(None),
            Merged::Deleted { sequence, kind } => {
                self.tombstone(rank, *sequence, Some(*kind), floor)
            }
            Merged::Operands { operands, sequence } => self
                .operands(rank, *sequence, operands, floor)
                .and_then(|_| uncovered(floor))
                .map(|()| Some(*sequence)),
            Merged::Found {
                value,
                sequence,
                kind,
            } => {
                let merged = *kind == Kind::VALUE && self.kind(*sequence) == Kind::MERGE;
                let content = if merged {
                    self.certify_number(rank, *sequence, floor.settled)
                        .and_then(|()| self.certify_newest_operand(*sequence, value))
                } else {
                    self.live_value(rank, *sequence, *kind, value, floor)
                };
                content.map(|()| Some(*sequence))
            }
            #[allow(unreachable_patterns, reason = "the library may gain answers")]
            _ => Err("an unknown answer".to_owned()),
        };
        newest
            .and_then(|newest| above(newest, floor))
            .map_err(|what| {
                format!("racing get_merged of key {rank}, {floor:?}: {what}; got {answer:?}")
            })
    }

    /// Answers with the newest number of the answer.
    fn genuine(&self, rank: Rank, floor: Floor, answer: &Lookup<'_>) -> Check<Option<u64>> {
        match answer {
            Lookup::NotFound => Ok(None),
            Lookup::Deleted { sequence, kind } => {
                self.tombstone(rank, *sequence, Some(*kind), floor)
            }
            Lookup::Found {
                value,
                sequence,
                kind,
            } => {
                self.live_value(rank, *sequence, *kind, value, floor)?;
                Ok(Some(*sequence))
            }
            Lookup::Merge {
                operands,
                sequence,
                base,
            } => {
                let last = self.operands(rank, *sequence, operands, floor)?;
                let base = match base {
                    MergeBase::Value {
                        value,
                        kind,
                        sequence,
                    } => {
                        self.live_value(rank, *sequence, *kind, value, floor)?;
                        Some(*sequence)
                    }
                    MergeBase::Deleted { sequence } => {
                        self.tombstone(rank, *sequence, None, floor)?
                    }
                    _ => None,
                };
                match base {
                    Some(base) if base >= last => {
                        return Err(format!("base {base} is not older than operand {last}"));
                    }
                    Some(base) => above(Some(base), floor_of(floor.covering))?,
                    None => uncovered(floor)?,
                }
                Ok(Some(*sequence))
            }
            #[allow(unreachable_patterns, reason = "the library may gain answers")]
            _ => Err("an unknown answer".to_owned()),
        }
    }

    fn live_value(
        &self,
        rank: Rank,
        sequence: u64,
        kind: Kind,
        value: &[u8],
        floor: Floor,
    ) -> Check {
        self.certify_number(rank, sequence, floor.settled)?;
        if is_tombstone(kind) {
            return Err(format!("a value of kind {kind:?}"));
        }
        self.certify_content(rank, sequence, kind, value, floor.settled)
    }

    fn tombstone(
        &self,
        rank: Rank,
        sequence: u64,
        kind: Option<Kind>,
        floor: Floor,
    ) -> Check<Option<u64>> {
        let written = self.plan.kind(sequence);
        if !is_tombstone(written) || kind.is_some_and(|kind| kind != written) {
            return Err(format!(
                "a deletion of kind {kind:?}, {written:?} was written"
            ));
        }
        if written == Kind::RANGE_DELETION {
            self.certify_range(rank, sequence, floor.settled)?;
        } else {
            self.certify_number(rank, sequence, floor.settled)?;
        }
        Ok(Some(sequence))
    }

    /// That a range deletion with this number may be here, and covers the key.
    fn certify_range(&self, rank: Rank, sequence: u64, settled: u64) -> Check {
        if sequence < self.ledger.first || sequence >= self.clock.reserved() {
            return Err(format!("no writer of this table has sequence {sequence}"));
        }
        let range = self.plan.range(sequence);
        if !range.contains(&rank) {
            return Err(format!("range deletion {sequence} covers {range:?} only"));
        }
        let known = || self.ledger.covering(rank).any(|known| known == sequence);
        if sequence < settled && !known() {
            return Err(format!(
                "range deletion {sequence} is here, its writer was told otherwise"
            ));
        }
        Ok(())
    }

    /// Operands carry their sequence numbers; they must descend from `newest`. Answers
    /// with the last.
    fn operands(&self, rank: Rank, newest: u64, operands: &[&[u8]], floor: Floor) -> Check<u64> {
        let mut last = None;
        for operand in operands {
            let head = operand
                .first_chunk::<8>()
                .ok_or("an operand without its number")?;
            let sequence = u64::from_le_bytes(*head);
            let in_order = last.map_or(sequence == newest, |last| sequence < last);
            if !in_order {
                return Err(format!(
                    "operand {sequence} after {last:?}, newest {newest}"
                ));
            }
            self.certify_number(rank, sequence, floor.settled)?;
            self.certify_content(rank, sequence, Kind::MERGE, operand, floor.settled)?;
            above(Some(sequence), floor_of(floor.covering))?;
            last = Some(sequence);
        }
        last.ok_or_else(|| "a merge without operands".to_owned())
    }
}

/// A floor of one range deletion.
fn floor_of(covering: Option<u64>) -> Floor {
    Floor {
        newest: covering,
        ..Floor::default()
    }
}

/// That nothing older than the floor is the newest.
fn above(newest: Option<u64>, floor: Floor) -> Check {
    if newest < floor.newest {
        return Err("an acknowledged entry or range deletion is missing".to_owned());
    }
    Ok(())
}

/// That no range deletion was known to lie below operands without a base.
fn uncovered(floor: Floor) -> Check {
    match floor.covering {
        Some(covering) => Err(format!("nothing below the operands, not even {covering}")),
        None => Ok(()),
    }
}
