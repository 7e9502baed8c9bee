//! What a table must answer.
//!
//! The oracle knows three things: what each sequence number writes
//! ([`Plan`]), which of them one table acknowledged ([`Ledger`]), and below
//! which edge all are finished ([`Clock`]). From these follow three rules:
//!
//! 1. *Exact*: at a snapshot below the edge, there is one right answer. It depends
//!    on whether the reader sees everything or, through a view, what was committed.
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
use super::subject::At;

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

/// What was acknowledged of a key before a read began; nothing for a reader that did
/// not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Floor {
    /// The newest entry or range deletion.
    pub newest: Option<u64>,
    /// The newest range deletion.
    pub covering: Option<u64>,
    /// The settled edge.
    pub settled: u64,
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
    /// What was aborted with numbers below this one is not seen.
    pub hides_below: u64,
}

impl Oracle<'_> {
    /// The same rules for a reader at this time.
    pub fn at(&self, at: &At) -> Self {
        Self {
            hides_below: if at.view.is_some() { u64::MAX } else { 0 },
            ..*self
        }
    }

    fn sees(&self, sequence: u64) -> bool {
        sequence >= self.hides_below || !self.ledger.aborted(sequence)
    }

    /// The newest range deletion that covers the key at a snapshot.
    fn covering(&self, rank: Rank, snapshot: u64) -> Option<u64> {
        let covering = self.ledger.covering(rank);
        covering
            .filter(|sequence| *sequence <= snapshot && self.sees(*sequence))
            .max()
    }

    /// What the table holds of a key at a snapshot below the settled edge.
    pub fn expected(&self, rank: Rank, snapshot: u64) -> Expected {
        self.history(rank, snapshot, |sequence| self.kind(sequence))
    }

    /// As [`expected`](Self::expected), by the kinds that entries have for `kind`.
    pub fn history(&self, rank: Rank, snapshot: u64, kind: impl Fn(u64) -> Kind) -> Expected {
        let base = self.covering(rank, snapshot);
        let mut expected = Expected {
            merges: Vec::new(),
            base,
        };
        self.plan.newest_first(
            rank,
            base.unwrap_or(self.ledger.first),
            snapshot.saturating_add(1),
            |sequence| {
                if !self.ledger.contains(sequence) || !self.sees(sequence) {
                    return true;
                }
                if kind(sequence) == Kind::MERGE {
                    expected.merges.push(sequence);
                    return true;
                }
                expected.base = Some(sequence);
                false
            },
        );
        expected
    }

    /// The newest entry of a key at a snapshot, whatever is deleted or hidden.
    pub fn newest_entry(&self, rank: Rank, snapshot: u64) -> Option<u64> {
        self.newest_member(rank, snapshot.saturating_add(1))
    }

    fn newest_member(&self, rank: Rank, below: u64) -> Option<u64> {
        let mut newest = None;
        self.plan
            .newest_first(rank, self.ledger.first, below, |sequence| {
                newest = self.ledger.contains(sequence).then_some(sequence);
                newest.is_none()
            });
        newest
    }

    /// What is acknowledged of a key, which any later read of everything must find.
    pub fn floor(&self, rank: Rank) -> Floor {
        let covering = self.covering(rank, u64::MAX);
        Floor {
            newest: self
                .newest_member(rank, self.clock.reserved())
                .max(covering),
            covering,
            settled: self.clock.settled(),
        }
    }

    /// The kind that an entry has in the table.
    pub fn kind(&self, sequence: u64) -> Kind {
        match self.ledger.folded(sequence) {
            Some(_) => Kind::VALUE,
            None => self.plan.kind(sequence),
        }
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
        self.certify_content(rank, sequence, kind, entry.value, settled)?;
        Ok(Position::new(rank, sequence))
    }

    /// That kind and value are right. What was not finished by `settled` may have been
    /// folded without the ledger's knowing yet.
    pub fn certify_content(
        &self,
        rank: Rank,
        sequence: u64,
        kind: Kind,
        value: &[u8],
        settled: u64,
    ) -> Check {
        let folded = self.ledger.folded(sequence);
        if folded.is_none() && sequence >= settled && self.may_be_folded(sequence, kind) {
            return self.certify_newest_operand(sequence, value);
        }
        if self.kind(sequence) != kind {
            return Err(format!(
                "sequence {sequence} has kind {kind:?}, its writer wrote {:?}",
                self.kind(sequence)
            ));
        }
        let mut wanted = Vec::new();
        match folded {
            Some(batch) => self.folded_value(rank, sequence, batch, &mut wanted),
            None => self.plan.value(sequence, &mut wanted),
        }
        same_bytes(sequence, &wanted, value)
    }

    pub fn certify_number(&self, rank: Rank, sequence: u64, settled: u64) -> Check {
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
    pub fn lookup_exact(&self, rank: Rank, at: &At, answer: &Lookup<'_>) -> Check {
        let oracle = self.at(at);
        let expected = oracle.expected(rank, at.snapshot);
        oracle.matches(rank, &expected, answer).map_err(|what| {
            format!("get of key {rank} at {at:?}: {what}; expected {expected:?}, got {answer:?}")
        })
    }

    fn matches(&self, rank: Rank, expected: &Expected, answer: &Lookup<'_>) -> Check {
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
                    self.found(rank, *sequence, Kind::MERGE, operand)?;
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
                        self.found(rank, *sequence, *kind, value)
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
                self.found(rank, *sequence, *kind, value)
            }
            #[allow(unreachable_patterns, reason = "the library may gain answers")]
            _ => Err("an unknown answer".to_owned()),
        }
    }

    fn found(&self, rank: Rank, sequence: u64, kind: Kind, value: &[u8]) -> Check {
        if is_tombstone(kind) {
            return Err(format!("a value of kind {kind:?}"));
        }
        self.certify_content(rank, sequence, kind, value, u64::MAX)
    }
}

/// That a value is what it should be.
pub fn same_bytes(sequence: u64, wanted: &[u8], value: &[u8]) -> Check {
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

pub fn same(expected: Option<u64>, got: Option<u64>) -> Check {
    if expected == got {
        Ok(())
    } else {
        Err(format!("{got:?} where {expected:?} is newest"))
    }
}
