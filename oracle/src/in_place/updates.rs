//! What is updated.

use verimem::in_place::{Decision, OwnedLookup, Updated};
use verimem::{Comparator, Error, Kind, Lookup};
use verimem_model::{MAX_SEQUENCE, Sight};

use super::{Run, said};
use crate::answers::{Seen, theirs};
use crate::explained::Why;
use crate::stamped::{Slip, seen};

/// What an update makes of a value, and what becomes of that. The first byte says what, the
/// second how much of the old value comes behind the rest.
#[must_use]
pub fn revised(existing: Option<&[u8]>, delta: &[u8]) -> (Decision, Vec<u8>) {
    let [what, kept, rest @ ..] = delta else {
        return (Decision::Keep, Vec::new());
    };
    let existing = existing.unwrap_or_default();
    let kept = &existing[..existing.len().min((*kept).into())];
    let decision = match what {
        0 => Decision::Keep,
        1 => Decision::Replace,
        _ => Decision::Add,
    };
    (decision, [rest, kept].concat())
}

/// The first byte of a delta where an entry is to be added whatever is there.
const ADD: u8 = 2;

/// What an update is to do in either table.
#[derive(Debug)]
struct Plan {
    here: Updated,
    there: Updated,
}

impl<C: Comparator> Run<'_, C> {
    /// The newest answer, unless RocksDB would update what a range deletion hides: that is left
    /// out of both tables.
    fn updatable(&mut self, key: &[u8]) -> Result<Option<OwnedLookup>, String> {
        let newest = self.ours.get(key, MAX_SEQUENCE).map_err(said)?;
        if let OwnedLookup::Deleted { .. } = newest {
            let mut iter = self.rocks.iter();
            iter.seek(key, MAX_SEQUENCE);
            let hidden = iter.entry()?;
            if hidden.is_some_and(|one| one.user_key == key && one.kind == Kind::VALUE.0) {
                self.totals.explain(Why::HiddenUpdate);
                return Ok(None);
            }
        }
        Ok(Some(newest))
    }

    /// How long the value is that can be updated, and how long it can become here.
    fn room(&self, key: &[u8], newest: &OwnedLookup) -> Option<(usize, usize)> {
        match newest {
            OwnedLookup::Found {
                value,
                sequence,
                kind: Kind::VALUE,
            } => {
                let room = self.rooms.get(&(key.to_vec(), *sequence))?;
                Some((value.len(), *room))
            }
            _ => None,
        }
    }

    /// What an update to so many bytes is to do.
    fn plan(&self, key: &[u8], newest: &OwnedLookup, length: usize) -> Plan {
        let (there, here) = self.room(key, newest).unzip();
        let plan = |room: Option<usize>| match room {
            Some(room) if length <= room => Updated::InPlace,
            _ => Updated::Added,
        };
        Plan {
            here: plan(here),
            there: plan(there),
        }
    }

    pub(super) fn update(&mut self, key: &[u8]) -> Result<(), String> {
        let Some(newest) = self.updatable(key)? else {
            return Ok(());
        };
        self.totals.count("in_place.update");
        let mut value = self.value();
        if let (true, Some((length, room))) = (self.fits, self.room(key, &newest))
            && (length + 1..=room).contains(&value.len())
        {
            value.truncate(length);
        }
        let plan = self.plan(key, &newest, value.len());
        let handed = match self.slip {
            Slip::CutsUpdates => &value[..value.len().saturating_sub(1)],
            _ => &value[..],
        };
        let updated = if self.slip == Slip::AddsAlways {
            let added = self.ours.add(self.last, Kind::VALUE, key, handed);
            added.map(|()| plan.here)
        } else if self.config.exclusive {
            let writer = self.ours.exclusive_writer();
            writer.and_then(|mut writer| writer.update(self.last, key, handed))
        } else {
            self.ours.update(self.last, key, handed)
        };
        let before = self.rocks.counters().entries;
        self.rocks.update(self.last, key, &value)?;
        let there = self.came_of(before);
        self.settle(key, &value, &newest, &plan, updated, there)
    }

    pub(super) fn update_with(&mut self, key: &[u8]) -> Result<(), String> {
        let Some(newest) = self.updatable(key)? else {
            return Ok(());
        };
        self.totals.count("in_place.update_with");
        let mut delta = vec![self.random.below(3) as u8, self.random.below(20) as u8];
        delta.extend(self.value().iter().take(30));
        let existing = existing_of(&newest.as_lookup());
        let (mut decision, value) = revised(existing.as_deref(), &delta);
        if let (true, Some((length, room))) = (self.fits, self.room(key, &newest))
            && (length + 1..=room).contains(&value.len())
            && decision == Decision::Replace
        {
            delta[0] = ADD;
            decision = Decision::Add;
        }
        // RocksDB shifts a value whose length takes a byte less by a copy that overlaps.
        if existing.is_some_and(|value| value.len() >= 128) {
            delta[0] = ADD;
            decision = Decision::Add;
        }
        let plan = match decision {
            Decision::Keep => Plan {
                here: Updated::Kept,
                there: Updated::Kept,
            },
            Decision::Replace => self.plan(key, &newest, value.len()),
            Decision::Add => Plan {
                here: Updated::Added,
                there: Updated::Added,
            },
        };
        let forgets = self.slip == Slip::ForgetsValue;
        let callback = |lookup: Lookup<'_>, out: &mut Vec<u8>| {
            let existing = existing_of(&lookup).filter(|_| !forgets);
            let (decision, value) = revised(existing.as_deref(), &delta);
            out.extend_from_slice(&value);
            decision
        };
        let writer = if self.config.exclusive {
            self.ours.exclusive_writer()
        } else {
            self.ours.writer()
        };
        let updated = writer.and_then(|mut writer| writer.update_with(self.last, key, callback));
        let before = self.rocks.counters().entries;
        if !self.rocks.update_with(self.last, key, &delta)? {
            self.update_as_caller(key, &delta)?;
        }
        let mut there = self.came_of(before);
        if there == Updated::InPlace && decision == Decision::Keep {
            there = Updated::Kept;
        }
        self.settle(key, &value, &newest, &plan, updated, there)
    }

    /// What RocksDB's caller does where the newest entry is no value: it reads the key, and adds
    /// what is made of that.
    fn update_as_caller(&self, key: &[u8], delta: &[u8]) -> Result<(), String> {
        let reply = self.rocks.get(key, &Sight::at(self.last), true);
        let existing = joined(theirs(reply, true, self.config.merging));
        let (decision, value) = revised(existing.as_deref(), delta);
        if decision == Decision::Keep {
            return Ok(());
        }
        self.add_there(Kind::VALUE, key, &value)
    }

    /// What RocksDB has done, if it had so many entries before.
    fn came_of(&self, before: u64) -> Updated {
        if self.rocks.counters().entries == before {
            Updated::InPlace
        } else {
            Updated::Added
        }
    }

    /// Both tables have done what they are to do.
    fn settle(
        &mut self,
        key: &[u8],
        value: &[u8],
        newest: &OwnedLookup,
        plan: &Plan,
        updated: Result<Updated, Error>,
        there: Updated,
    ) -> Result<(), String> {
        if updated != Ok(plan.here) || there != plan.there {
            return Err(format!(
                "an update of {newest:?} to {value:?}: {updated:?} here, {there:?} there; \
                 expected {plan:?}"
            ));
        }
        if plan.here == Updated::Added {
            self.added_here(Kind::VALUE, key, value);
        }
        if plan.there == Updated::Added {
            self.added_there(key, value);
        }
        match (plan.here, plan.there, self.room(key, newest)) {
            (Updated::InPlace, Updated::InPlace, Some((before, _))) => {
                self.overhead += (before - value.len()) as u64;
            }
            (Updated::InPlace, Updated::Added, _) => {
                self.more += 1;
                self.totals.explain(Why::RoomLeft);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a callback takes for the value of a key.
fn existing_of(lookup: &Lookup<'_>) -> Option<Vec<u8>> {
    joined(seen(lookup))
}

/// A value, all that it is made of folded; operands upon nothing too.
fn joined(seen: Seen) -> Option<Vec<u8>> {
    let (Seen::Value { parts, .. } | Seen::Operands { parts, .. }) = seen else {
        return None;
    };
    let oldest_first: Vec<&[u8]> = parts.iter().rev().map(Vec::as_slice).collect();
    Some(oldest_first.join(&b','))
}
