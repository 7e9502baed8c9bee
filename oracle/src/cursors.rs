//! Iterators over all entries, in pairs.

use verimem_driver::{Subject, TableCursor};
use verimem_model::{Leg, Motion};

use crate::rocks::{Iter, Rocks};
use crate::run::Run;

/// A cursor of each table.
pub(crate) struct Slot<'s> {
    ours: Box<dyn TableCursor + 's>,
    rocks: Iter<'s>,
}

impl<'s> Slot<'s> {
    /// Nowhere.
    pub(crate) fn new(ours: &'s dyn Subject, rocks: &'s Rocks) -> Self {
        Self {
            ours: ours.internal(false, verimem_model::PrefixMode::TotalOrder),
            rocks: rocks.iter(),
        }
    }

    fn seek_to_end(&mut self, first: bool) {
        if first {
            self.ours.seek_to_first();
        } else {
            self.ours.seek_to_last();
        }
        self.rocks.seek_to_end(first);
    }

    fn step(&mut self, forward: bool) {
        if forward {
            self.ours.next();
        } else {
            self.ours.prev();
        }
        self.rocks.step(forward);
    }

    /// Where both are.
    fn check(&self) -> Result<Option<(Vec<u8>, u64)>, String> {
        let here = self.ours.entry().map_err(|error| error.to_string())?;
        let there = self.rocks.entry()?;
        if here != there {
            return Err(format!("a cursor: {here:?} here, {there:?} there"));
        }
        Ok(here.map(|entry| (entry.user_key.to_vec(), entry.sequence)))
    }
}

impl Run<'_> {
    pub(crate) fn move_cursor(&mut self, slot: u8, motion: &Motion) -> Result<(), String> {
        self.totals.count("cursor.move");
        let sought = match motion {
            Motion::Seek(key, snapshot) | Motion::SeekForPrev(key, snapshot) => {
                (self.key(key), self.snapshot(*snapshot))
            }
            _ => (Vec::new(), 0),
        };
        let slot = &mut self.slots[usize::from(slot) % 4];
        match motion {
            Motion::Seek(..) => {
                slot.ours.seek(&sought.0, sought.1);
                slot.rocks.seek(&sought.0, sought.1);
            }
            Motion::SeekForPrev(..) => {
                slot.ours.seek_for_prev(&sought.0, sought.1);
                slot.rocks.seek_for_prev(&sought.0, sought.1);
            }
            Motion::First => slot.seek_to_end(true),
            Motion::Last => slot.seek_to_end(false),
            Motion::Next => slot.step(true),
            Motion::Prev => slot.step(false),
            Motion::Random => {}
        }
        slot.check().map(drop)
    }

    pub(crate) fn walk(&mut self, slot: u8, forward: bool, steps: u8) -> Result<(), String> {
        let slot = &mut self.slots[usize::from(slot) % 4];
        if slot.check()?.is_none() {
            slot.seek_to_end(forward);
            slot.check()?;
        }
        for _ in 0..steps {
            self.totals.count("cursor.walk");
            slot.step(forward);
            slot.check()?;
        }
        Ok(())
    }

    /// To and fro, while entries are added beside the cursor.
    pub(crate) fn wander(&mut self, slot: u8, legs: &[Leg]) -> Result<(), String> {
        for leg in legs {
            let mut left = leg.steps;
            while left > 0 {
                let steps = left.min(leg.every.max(1));
                self.walk(slot, leg.forward, steps)?;
                left -= steps;
                if let Some(here) = self.slots[usize::from(slot) % 4].check()? {
                    self.add_beside(leg.beside, here)?;
                }
            }
        }
        Ok(())
    }

    /// Every cursor of one table is where that of the other is.
    pub(crate) fn check_slots(&self) -> Result<(), String> {
        self.slots
            .iter()
            .try_for_each(|slot| slot.check().map(drop))
    }

    /// All entries, both ways.
    pub(crate) fn check_scans(&mut self) -> Result<(), String> {
        for forward in [true, false] {
            let mut slot = Slot::new(self.ours, self.rocks);
            slot.seek_to_end(forward);
            while slot.check()?.is_some() {
                self.totals.count("cursor.scan");
                slot.step(forward);
            }
        }
        Ok(())
    }
}
