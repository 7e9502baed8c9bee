//! What a table must answer.
//!
//! The oracle knows three things: what each sequence number writes
//! ([`Plan`]), which of them one table acknowledged ([`Ledger`]), and below
//! which edge all are finished ([`Clock`]). From these follow three rules:
//!
//! 1. *Exact*: at a snapshot below the edge, there is one right answer.
//! 2. *Complete*: between two neighbouring entries of a scan lies no entry
//!    that was finished before the scan took that step.
//! 3. *Genuine*: whatever is read, at any time, is what the writer of its
//!    sequence number was to write, and that number was handed out.

use std::cmp::Reverse;

use verimem::EntryRef;
use verimem::Kind;
use verimem::{Lookup, MergeBase};

use super::clock::Clock;
use super::ledger::Ledger;
use super::plan::{KEYS, Plan, Rank, is_tombstone};

/// A check's result; the error says what is wrong.
pub type Check<T = ()> = Result<T, String>;

/// A place in the order of entries: by key, then newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The key.
    pub rank: Rank,
    /// The sequence number; larger ones come first.
    pub sequence: Reverse<u64>,
}

impl Position {
    /// The place of one entry.
    pub fn new(rank: Rank, sequence: u64) -> Self {
        Self {
            rank,
            sequence: Reverse(sequence),
        }
    }
    /// Just before `self`: nothing fits between the two.
    pub fn before(self) -> Self {
        Self::new(self.rank, self.sequence.0 + 1)
    }
    /// Just behind `self`: nothing fits between the two.
    pub fn after(self) -> Self {
        match self.sequence.0.checked_sub(1) {
            Some(sequence) => Self::new(self.rank, sequence),
            None => Self::new(self.rank + 1, u64::MAX),
        }
    }
    /// Before everything.
    pub const FIRST: Self = Self {
        rank: 0,
        sequence: Reverse(u64::MAX),
    };
    /// Behind everything.
    pub const LAST: Self = Self {
        rank: KEYS as Rank,
        sequence: Reverse(u64::MAX),
    };
}

/// The one right answer at a snapshot: merges, newest first, on a base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Sequence numbers of the merges on top.
    pub merges: Vec<u64>,
    /// Sequence number of what lies below them.
    pub base: Option<u64>,
}

impl Expected {
    /// The newest entry, if there is any.
    pub fn newest(&self) -> Option<u64> {
        self.merges.first().copied().or(self.base)
    }
}

/// The rules for one table.
#[derive(Clone, Copy)]
pub struct Oracle<'w> {
    /// What sequence numbers write.
    pub plan: &'w Plan,
    /// Which are finished.
    pub clock: &'w Clock,
    /// Which are in the table.
    pub ledger: &'w Ledger,
}

impl Oracle<'_> {
    /// What the table holds of a key at a snapshot below the settled edge.
    pub fn expected(&self, rank: Rank, snapshot: u64) -> Expected {
        let mut expected = Expected::default();
        self.plan.newest_first(
            rank,
            self.ledger.first,
            snapshot.saturating_add(1),
            |sequence| {
                if !self.ledger.contains(sequence) {
                    return true;
                }
                if self.plan.kind(sequence) == Kind::MERGE {
                    expected.merges.push(sequence);
                    return true;
                }
                expected.base = Some(sequence);
                false
            },
        );
        expected
    }

    /// The newest acknowledged entry of a key, which any later read at a
    /// snapshot not below it must find, or a newer one.
    pub fn floor(&self, rank: Rank) -> Option<u64> {
        let mut floor = None;
        self.plan
            .newest_first(rank, self.ledger.first, self.clock.reserved(), |sequence| {
                floor = self.ledger.contains(sequence).then_some(sequence);
                floor.is_none()
            });
        floor
    }

    /// Rule 3 for an entry; `settled` is an edge seen at any time.
    pub fn certify(&self, entry: &EntryRef<'_>, settled: u64) -> Check<Position> {
        let EntryRef {
            user_key,
            sequence,
            kind,
            ..
        } = *entry;
        let rank = self
            .plan
            .rank_of(user_key)
            .ok_or_else(|| format!("nobody writes the key {user_key:02x?}"))?;
        self.certify_number(rank, sequence, settled)?;
        if self.plan.kind(sequence) != kind {
            return Err(format!(
                "sequence {sequence} has kind {kind:?}, its writer wrote {:?}",
                self.plan.kind(sequence)
            ));
        }
        self.certify_value(sequence, entry.value)?;
        Ok(Position::new(rank, sequence))
    }

    fn certify_number(&self, rank: Rank, sequence: u64, settled: u64) -> Check {
        if sequence < self.ledger.first || sequence >= self.clock.reserved() {
            return Err(format!("no writer of this table has sequence {sequence}"));
        }
        if self.plan.rank(sequence) != rank {
            return Err(format!(
                "sequence {sequence} is under key {rank}, its writer wrote key {}",
                self.plan.rank(sequence)
            ));
        }
        if sequence < settled && !self.ledger.contains(sequence) {
            return Err(format!(
                "sequence {sequence} is here, its writer was told otherwise"
            ));
        }
        Ok(())
    }

    fn certify_value(&self, sequence: u64, value: &[u8]) -> Check {
        let mut wanted = Vec::new();
        self.plan.value(sequence, &mut wanted);
        if wanted == value {
            return Ok(());
        }
        let differs = wanted.iter().zip(value).position(|(a, b)| a != b);
        Err(format!(
            "sequence {sequence} has a value of {} bytes, its writer wrote {} bytes, first difference at {differs:?}",
            value.len(),
            wanted.len(),
        ))
    }

    /// Rule 2: no finished entry lies strictly between the two places.
    pub fn nothing_between(&self, low: Position, high: Position, settled: u64) -> Check {
        let mut missed = None;
        for rank in low.rank..=high.rank.min(KEYS as Rank - 1) {
            let below = if rank == low.rank {
                low.sequence.0.min(settled)
            } else {
                settled
            };
            let from = if rank == high.rank {
                high.sequence.0.saturating_add(1)
            } else {
                0
            };
            self.plan
                .newest_first(rank, from.max(self.ledger.first), below, |sequence| {
                    missed = self.ledger.contains(sequence).then_some((rank, sequence));
                    missed.is_none()
                });
            if let Some((rank, sequence)) = missed {
                return Err(format!(
                    "key {rank} sequence {sequence} was passed over between {low:?} and {high:?}"
                ));
            }
        }
        Ok(())
    }

    /// Rule 1 for `get`.
    pub fn lookup_exact(&self, rank: Rank, snapshot: u64, answer: &Lookup<'_>) -> Check {
        let expected = self.expected(rank, snapshot);
        self.matches(&expected, answer).map_err(|what| {
            format!(
                "get of key {rank} at {snapshot}: {what}; expected {expected:?}, got {answer:?}"
            )
        })
    }

    fn matches(&self, expected: &Expected, answer: &Lookup<'_>) -> Check {
        match answer {
            Lookup::Merge {
                operands,
                sequence,
                base,
            } => {
                if expected.merges.len() != operands.len()
                    || expected.merges.first() != Some(sequence)
                {
                    return Err("other merges".to_owned());
                }
                for (sequence, operand) in expected.merges.iter().zip(operands) {
                    self.certify_value(*sequence, operand)?;
                }
                match base {
                    MergeBase::Missing => same(expected.base, None),
                    MergeBase::Deleted { sequence } => {
                        same(expected.base, Some(*sequence))?;
                        if is_tombstone(self.plan.kind(*sequence)) {
                            Ok(())
                        } else {
                            Err("not a deletion".to_owned())
                        }
                    }
                    MergeBase::Value {
                        value,
                        kind,
                        sequence,
                    } => {
                        same(expected.base, Some(*sequence))?;
                        self.found(*sequence, *kind, value)
                    }
                    #[allow(unreachable_patterns, reason = "the library may gain bases")]
                    _ => Err("an unknown base".to_owned()),
                }
            }
            _ if !expected.merges.is_empty() => Err("no merges".to_owned()),
            Lookup::NotFound => same(expected.base, None),
            Lookup::Deleted { sequence, kind } => {
                same(expected.base, Some(*sequence))?;
                if is_tombstone(*kind) && self.plan.kind(*sequence) == *kind {
                    Ok(())
                } else {
                    Err("another kind".to_owned())
                }
            }
            Lookup::Found {
                value,
                sequence,
                kind,
            } => {
                same(expected.base, Some(*sequence))?;
                self.found(*sequence, *kind, value)
            }
            #[allow(unreachable_patterns, reason = "the library may gain answers")]
            _ => Err("an unknown answer".to_owned()),
        }
    }

    fn found(&self, sequence: u64, kind: Kind, value: &[u8]) -> Check {
        if is_tombstone(kind) || self.plan.kind(sequence) != kind {
            return Err(format!(
                "kind {kind:?} where {:?} was written",
                self.plan.kind(sequence)
            ));
        }
        self.certify_value(sequence, value)
    }

    /// Rule 3 for `get`, and that nothing older than `floor` is the newest.
    pub fn lookup_racing(
        &self,
        rank: Rank,
        snapshot: u64,
        floor: Option<u64>,
        answer: &Lookup<'_>,
    ) -> Check {
        self.genuine(rank, snapshot, floor, answer).map_err(|what| {
            format!(
                "racing get of key {rank} at {snapshot}, floor {floor:?}: {what}; got {answer:?}"
            )
        })
    }

    fn genuine(&self, rank: Rank, snapshot: u64, floor: Option<u64>, answer: &Lookup<'_>) -> Check {
        let number = |sequence: u64| self.certify_number(rank, sequence, 0);
        let newest = match answer {
            Lookup::NotFound => None,
            Lookup::Deleted { sequence, kind } => {
                number(*sequence)?;
                if !is_tombstone(*kind) || self.plan.kind(*sequence) != *kind {
                    return Err("another kind".to_owned());
                }
                Some(*sequence)
            }
            Lookup::Found {
                value,
                sequence,
                kind,
            } => {
                number(*sequence)?;
                self.found(*sequence, *kind, value)?;
                Some(*sequence)
            }
            Lookup::Merge {
                operands,
                sequence,
                base,
            } => {
                let last = self.genuine_operands(rank, *sequence, operands)?;
                let base = match base {
                    MergeBase::Value {
                        value,
                        kind,
                        sequence,
                    } => {
                        self.found(*sequence, *kind, value)?;
                        Some(*sequence)
                    }
                    MergeBase::Deleted { sequence } => Some(*sequence),
                    _ => None,
                };
                if let Some(base) = base {
                    number(base)?;
                    if base >= last {
                        return Err(format!("base {base} is not older than operand {last}"));
                    }
                }
                Some(*sequence)
            }
            #[allow(unreachable_patterns, reason = "the library may gain answers")]
            _ => return Err("an unknown answer".to_owned()),
        };
        if newest.is_some_and(|newest| newest > snapshot) {
            return Err("newer than the snapshot".to_owned());
        }
        if newest < floor {
            Err("an acknowledged entry is missing".to_owned())
        } else {
            Ok(())
        }
    }

    /// Operands carry their sequence numbers; they must descend from `newest`.
    fn genuine_operands(&self, rank: Rank, newest: u64, operands: &[&[u8]]) -> Check<u64> {
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
            self.certify_number(rank, sequence, 0)?;
            if self.plan.kind(sequence) != Kind::MERGE {
                return Err(format!("operand {sequence} is no merge"));
            }
            self.certify_value(sequence, operand)?;
            last = Some(sequence);
        }
        last.ok_or_else(|| "a merge without operands".to_owned())
    }
}

fn same(expected: Option<u64>, got: Option<u64>) -> Check {
    if expected == got {
        Ok(())
    } else {
        Err(format!("{got:?} where {expected:?} is newest"))
    }
}
