//! What is read.

use verimem::{Comparator, Lookup, MergeBase, Visibility, merge};
use verimem_model::{Hidden, MAX_SEQUENCE, Pattern, Sight};

use super::{NEWEST, Run, Slip, at, same};
use crate::answers::{Seen, theirs};
use crate::explained::Why;
use crate::rocks::Code;

struct Hiding(Hidden);

impl Visibility for Hiding {
    fn is_visible(&self, sequence: u64) -> bool {
        self.0.shows(sequence)
    }
}

impl<C: Comparator> Run<'_, C> {
    /// Snapshot, timestamp, and what is hidden where nothing is deleted by ranges.
    fn sight(&mut self) -> (Sight, u64) {
        let snapshot = match self.random.below(3) {
            0 => MAX_SEQUENCE,
            _ => 100 + self.random.below((self.last - 99) as usize) as u64,
        };
        let timestamp = match self.random.below(4) {
            0 => NEWEST,
            _ => self.timestamp().saturating_sub(self.random.below(3) as u64),
        };
        let mut sight = Sight::at(snapshot);
        if !self.shape.ordered && self.random.below(4) == 0 {
            let rest = self.random.below(3) as u64;
            sight.hidden.pattern = Pattern::Every { of: 3, rest };
        }
        (sight, timestamp)
    }

    pub(super) fn get(&mut self) -> Result<(), String> {
        let ((sight, timestamp), key) = (self.sight(), self.key());
        self.get_at(&key, sight, timestamp)
    }

    pub(super) fn get_at(
        &mut self,
        key: &[u8],
        sight: Sight,
        timestamp: u64,
    ) -> Result<(), String> {
        self.totals.count("stamped.get");
        let asked = timestamp.saturating_sub(self.slips(Slip::ReadsEarlier));
        let reader = self
            .ours
            .reader(sight.snapshot)
            .map_err(|e| e.to_string())?;
        let reader = reader
            .at_timestamp(asked)
            .with_visibility(Hiding(sight.hidden));
        let (lookup, found) = reader.get_with_timestamp(key).map_err(|e| e.to_string())?;
        let reply = self.rocks.get_at(key, &sight, timestamp, false);
        let there = (
            reply.timestamp,
            theirs(reply, false, self.shape.config.merging),
        );
        let found = found.map(|found| found + self.slips(Slip::TellsNewer));
        self.settle("get", key, &sight, timestamp, (found, seen(&lookup)), there)
    }

    pub(super) fn get_merged(&mut self) -> Result<(), String> {
        let ((sight, timestamp), key) = (self.sight(), self.key());
        self.totals.count("stamped.get_merged");
        let reader = self
            .ours
            .reader(sight.snapshot)
            .map_err(|e| e.to_string())?;
        let reader = reader
            .at_timestamp(timestamp)
            .with_visibility(Hiding(sight.hidden));
        let here = match reader.get_merged(&key).map_err(|e| e.to_string())? {
            merge::Merged::NotFound => Seen::Nothing,
            merge::Merged::Found {
                value, sequence, ..
            } => Seen::Value {
                sequence,
                parts: vec![value.into_owned()],
            },
            merge::Merged::Deleted { sequence, .. } => Seen::Deleted { sequence },
            merge::Merged::Operands { operands, sequence } => Seen::Operands {
                sequence,
                parts: operands.iter().map(|one| one.to_vec()).collect(),
            },
            _ => Seen::Refused(Code::Other),
        };
        let reply = self.rocks.get_at(&key, &sight, timestamp, true);
        let there = theirs(reply, true, self.shape.config.merging);
        self.settle(
            "get_merged",
            &key,
            &sight,
            timestamp,
            (None, here),
            (None, there),
        )
    }

    pub(super) fn multi_get(&mut self) -> Result<(), String> {
        let (sight, timestamp) = self.sight();
        let keys: Vec<_> = (0..1 + self.random.below(40)).map(|_| self.key()).collect();
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let asked = timestamp.saturating_sub(self.slips(Slip::ReadsEarlier));
        let reader = self
            .ours
            .reader(sight.snapshot)
            .map_err(|e| e.to_string())?;
        let reader = reader
            .at_timestamp(asked)
            .with_visibility(Hiding(sight.hidden));
        let answers = reader
            .multi_get_with_timestamps(&keys)
            .map_err(|e| e.to_string())?;
        let mut here = Vec::new();
        for answer in answers {
            let (lookup, found) = answer.map_err(|error| error.to_string())?;
            here.push((found, whole(&lookup).unnumbered()));
        }
        let replies = self.rocks.multi_get_at(&keys, &sight, timestamp);
        for ((key, here), reply) in keys.iter().zip(here).zip(replies) {
            self.totals.count("stamped.multi_get");
            let found = reply.timestamp;
            let there = theirs(reply, true, self.shape.config.merging).unnumbered();
            self.settle("multi_get", key, &sight, timestamp, here, (found, there))?;
        }
        Ok(())
    }

    fn settle(
        &mut self,
        name: &str,
        key: &[u8],
        sight: &Sight,
        timestamp: u64,
        here: (Option<u64>, Seen),
        there: (Option<u64>, Seen),
    ) -> Result<(), String> {
        if here == there {
            return Ok(());
        }
        if here.1 == there.1 && here.0 == Some(NEWEST) && there.0.is_some() {
            self.totals.explain(Why::LargestTimestamp);
            return Ok(());
        }
        Err(format!(
            "{name} of \"{}\" at {sight:?} as of {timestamp}:\n  here:  {here:?}\n  there: {there:?}",
            key.escape_ascii()
        ))
    }

    /// A cursor of each table to and fro.
    pub(super) fn wander(&mut self) -> Result<(), String> {
        let steps: Vec<_> = (0..1 + self.random.below(12))
            .map(|_| {
                let ((sight, timestamp), key) = (self.sight(), self.key());
                (self.random.below(8), key, timestamp, sight.snapshot)
            })
            .collect();
        let (mut here, mut there) = (self.ours.iter(), self.rocks.iter());
        let older = self.slips(Slip::SeeksOlder);
        for (motion, key, timestamp, snapshot) in steps {
            let asked = at(&key, timestamp.saturating_sub(older));
            let key = at(&key, timestamp);
            match motion {
                0 => {
                    here.seek_to_first();
                    there.seek_to_end(true);
                }
                1 => {
                    here.seek_to_last();
                    there.seek_to_end(false);
                }
                2 | 3 => {
                    here.seek(&asked, snapshot);
                    there.seek(&key, snapshot);
                }
                4 => {
                    here.seek_for_prev(&asked, snapshot);
                    there.seek_for_prev(&key, snapshot);
                }
                5 | 6 => {
                    here.next();
                    there.step(true);
                }
                _ => {
                    here.prev();
                    there.step(false);
                }
            }
            self.totals.count("stamped.cursor");
            same(&here, &there)?;
        }
        Ok(())
    }
}

fn owned(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    parts.iter().map(|part| part.to_vec()).collect()
}

/// Our answer, operands gathered, with the value below them.
pub(crate) fn seen(lookup: &Lookup<'_>) -> Seen {
    match lookup {
        Lookup::NotFound => Seen::Nothing,
        Lookup::Found {
            value, sequence, ..
        } => Seen::Value {
            sequence: *sequence,
            parts: vec![value.to_vec()],
        },
        Lookup::Deleted { sequence, .. } => Seen::Deleted {
            sequence: *sequence,
        },
        Lookup::Merge {
            operands,
            sequence,
            base,
        } => {
            let (sequence, mut parts) = (*sequence, owned(operands));
            match base {
                MergeBase::Value { value, .. } => parts.push(value.to_vec()),
                MergeBase::Missing => return Seen::Operands { sequence, parts },
                _ => {}
            }
            Seen::Value { sequence, parts }
        }
        _ => Seen::Refused(Code::Other),
    }
}

/// The same, operands folded where all that they lie upon is there.
pub(crate) fn whole(lookup: &Lookup<'_>) -> Seen {
    match seen(lookup) {
        Seen::Value { sequence, parts } => {
            let oldest_first: Vec<&[u8]> = parts.iter().rev().map(Vec::as_slice).collect();
            let parts = vec![oldest_first.join(&b',')];
            Seen::Value { sequence, parts }
        }
        other => other,
    }
}
