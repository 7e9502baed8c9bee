//! Scans of prefixes.

use std::ops::Bound;

use verimem_model::{MAX_SEQUENCE, PrefixMode, View};

use crate::Divergence;
use crate::run::Run;
use crate::slots::Slot;

/// Most steps of a scan.
const STEPS: usize = 100;

impl<'s> Run<'s> {
    /// The prefixes of some keys that were added, from those keys on to either end, by both
    /// sorts of cursors; and iterators between bounds that choose how they search (G5).
    pub(crate) fn check_prefixes(&self) -> Result<(), Divergence> {
        let mode = PrefixMode::SameAsStart;
        for (key, sequence) in self.added.iter().step_by(1 + self.added.len() / 5) {
            self.both_ways(Slot::on_entries(self.subject, false, mode), key, *sequence)?;
            let bare = self.model.layout().bare(key);
            let mut view = View::whole(MAX_SEQUENCE);
            view.mode = mode;
            self.both_ways(Slot::on_visible(self.subject, false, view), bare, 0)?;
            self.check_auto(bare)?;
        }
        Ok(())
    }

    /// Between bounds that the prefix of the key is enough for, or just is not.
    fn check_auto(&self, bare: &[u8]) -> Result<(), Divergence> {
        let begin = self.model.prefix_of(bare).unwrap_or(bare);
        let mut successor = begin.to_vec();
        if let Some(last) = successor.last_mut() {
            *last = last.wrapping_add(1);
        }
        for upper in [Bound::Included(bare.to_vec()), Bound::Excluded(successor)] {
            let view = View {
                lower: Bound::Included(begin.to_vec()),
                upper,
                mode: PrefixMode::Auto,
                ..View::whole(MAX_SEQUENCE)
            };
            for sought in [begin, bare] {
                let slot = Slot::on_visible(self.subject, true, view.clone());
                self.both_ways(slot, sought, 0)?;
            }
        }
        Ok(())
    }

    /// Seeks to a key from either side, and goes on from there in both directions.
    fn both_ways(&self, mut slot: Slot<'s>, key: &[u8], sequence: u64) -> Result<(), Divergence> {
        let table = &self.model;
        for forward in [true, false] {
            for first in [true, false] {
                slot.seek(table, key, sequence, forward);
                slot.check(table)?;
                for direction in [first, !first] {
                    for _ in 0..STEPS {
                        slot.step(table, direction);
                        slot.check(table)?;
                        if !slot.is_on(table) {
                            break;
                        }
                    }
                }
            }
        }
        for first in [true, false] {
            slot.go_to_end(table, first);
            slot.check(table)?;
            slot.step(table, first);
            slot.check(table)?;
        }
        Ok(())
    }
}
