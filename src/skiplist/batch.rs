//! Inserting many entries at a time.

use core::result::Result;

use smallvec::SmallVec;

use super::insert::InsertContext;
use super::probe::LANES;
use super::search::Target;
use super::splice::Splice;
use super::{Sharing, SkipList};
use crate::arena::Allocate;
use crate::entry::{EntryRef, Layout};
use crate::error::Error;
use crate::key::Comparator;
use crate::sync::fault;
use crate::sync::ledger::FAULT_SKIPLIST_BATCH_FORGETS_EQUAL;

/// Why a batch ended before its end, and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an entry of the batch was refused, after {added} were added")]
pub struct BatchError {
    /// How many entries were inserted: those before the one that was refused.
    pub added: usize,
    /// Why it was refused: the source of this error, which its own text leaves out.
    #[source]
    pub error: Error,
}

impl<C: Comparator> SkipList<C> {
    /// Inserts entries in their order: one next to the other while they fall
    /// there, and otherwise several searches at a time.
    ///
    /// # Errors
    ///
    /// As for [`insert_batch`](Self::insert_batch).
    ///
    /// # Safety
    ///
    /// As for [`insert_near`](Self::insert_near).
    pub(crate) unsafe fn insert_all(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        context: &mut InsertContext,
        entries: &[EntryRef<'_>],
        mut linked: impl FnMut(&EntryRef<'_>),
    ) -> Result<(), BatchError> {
        let mut added = 0;
        while let Some(entry) = entries.get(added) {
            let done = if context.run {
                // SAFETY: passed on from the caller.
                unsafe { self.insert_near(sharing, memory, context, entry, || linked(entry)) }
                    .map(|()| added += 1)
            } else {
                let rest = &entries[added..];
                let mut counted = |entry: &EntryRef<'_>| {
                    linked(entry);
                    added += 1;
                };
                // SAFETY: passed on from the caller.
                unsafe { self.insert_groups(sharing, memory, context, rest, &mut counted) }
            };
            done.map_err(|error| BatchError { added, error })?;
        }
        Ok(())
    }

    /// Inserts entries by several searches at a time, until all are inserted or they
    /// begin to fall next to each other. Apart from who calls it: a short batch, or one
    /// of neighbours, makes no splices.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert); the entries before are inserted.
    ///
    /// # Safety
    ///
    /// As for [`insert_near`](Self::insert_near).
    #[inline(never)]
    unsafe fn insert_groups(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        context: &mut InsertContext,
        entries: &[EntryRef<'_>],
        linked: &mut impl FnMut(&EntryRef<'_>),
    ) -> crate::error::Result<()> {
        let mut splices = [const { Splice::new() }; LANES];
        for group in entries.chunks(LANES) {
            // SAFETY: passed on from the caller.
            unsafe { self.insert_group(sharing, memory, context, &mut splices, group, linked) }?;
            if context.run {
                break;
            }
        }
        Ok(())
    }

    /// Inserts at most [`LANES`] entries after searching for all of them at once.
    /// The first insertions make the splices of later ones stale; linking notices.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert); the entries before are inserted.
    ///
    /// # Safety
    ///
    /// As for [`insert_near`](Self::insert_near).
    unsafe fn insert_group(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        context: &mut InsertContext,
        splices: &mut [Splice; LANES],
        group: &[EntryRef<'_>],
        linked: &mut impl FnMut(&EntryRef<'_>),
    ) -> crate::error::Result<()> {
        let layouts: SmallVec<[crate::error::Result<Layout>; LANES]> =
            group.iter().map(|entry| self.check(entry)).collect();
        let targets: SmallVec<[Target<'_>; LANES]> = group
            .iter()
            .map(|entry| Target::new(&self.comparator, entry.user_key, entry.sequence))
            .collect();
        let levels = self.levels();
        for splice in &mut *splices {
            splice.equal = false;
        }
        self.search_all(levels, &targets, None, |index, level, stop| {
            let splice = &mut splices[index];
            let bound = if level + 1 < levels {
                splice.next[level + 1].offset()
            } else {
                0
            };
            splice.note(level, stop, bound);
        });
        // The context's own splice is of an entry long ago.
        context.splice.height = 0;
        context.last_prefix = u32::MAX;
        let mut last_gap = None;
        for (((entry, target), layout), splice) in
            group.iter().zip(&targets).zip(layouts).zip(splices)
        {
            let layout = layout?;
            splice.equal &= !fault(&FAULT_SKIPLIST_BATCH_FORGETS_EQUAL);
            splice.height = levels;
            let gap = (splice.prev[0], splice.next[0]);
            context.run = last_gap.replace(gap) == Some(gap);
            let (linked, height) = (|| linked(entry), self.heights.draw(entry));
            // SAFETY: passed on from the caller.
            context.last = unsafe {
                self.insert_located(
                    sharing, memory, splice, entry, target, &layout, height, linked,
                )?
            };
        }
        Ok(())
    }
}
