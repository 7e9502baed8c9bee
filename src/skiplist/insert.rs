//! Finding out where an entry belongs, and inserting it there.

use super::search::Target;
use super::splice::{Hint, Splice};
use super::{BatchError, SkipList};
use crate::arena::{Allocate, Offset};
use crate::entry::{EntryRef, Layout};
use crate::error::{Error, Result};
use crate::key::{Comparator, MAX_SEQUENCE_NUMBER};

/// Who else may be inserting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Anybody: links change by compare-exchange.
    Concurrent,
    /// Nobody: links change by plain release stores.
    Exclusive,
}

/// What an inserter keeps from one insert to the next.
#[derive(Debug)]
pub struct InsertContext {
    pub(super) splice: Splice,
    /// The node last inserted; 0 before the first.
    pub(super) last: Offset,
    /// Its prefix; the largest where that is not known.
    pub(super) last_prefix: u32,
    /// True while inserts land next to each other: then the splice is tried first.
    pub(super) run: bool,
}

impl InsertContext {
    pub(crate) const fn new() -> Self {
        Self {
            splice: Splice::new(),
            last: 0,
            last_prefix: u32::MAX,
            run: true,
        }
    }

    /// True while inserts land next to each other.
    pub(crate) fn is_in_run(&self) -> bool {
        self.run
    }
}

impl Default for InsertContext {
    #[inline(always)]
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Comparator> SkipList<C> {
    /// Inserts an entry; any number of threads may, at the same time. O(log n).
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`], the limit that the entry exceeds, [`Error::Full`],
    /// [`Error::OutOfMemory`]. Nothing is inserted then.
    pub fn insert(&self, entry: &EntryRef<'_>) -> Result<()> {
        let mut context = InsertContext::new();
        // SAFETY: concurrent inserts need no exclusivity.
        unsafe {
            self.insert_near(
                Sharing::Concurrent,
                &mut &*self.arena,
                &mut context,
                entry,
                || (),
            )
        }
    }

    /// As [`insert`](Self::insert), O(log d) when the hint's last insert was `d`
    /// entries away.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert), and [`Error::ForeignHint`].
    pub fn insert_with_hint(&self, hint: &mut Hint, entry: &EntryRef<'_>) -> Result<()> {
        // SAFETY: concurrent inserts need no exclusivity.
        unsafe { self.insert_hinted(Sharing::Concurrent, &mut &*self.arena, hint, entry, || ()) }
    }

    /// As [`insert`](Self::insert), without compare-exchange, and O(1) where keys
    /// follow upon one another.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    pub fn insert_exclusive(&mut self, entry: &EntryRef<'_>) -> Result<()> {
        // SAFETY: `&mut self` excludes every other writer.
        unsafe { self.insert_alone(&mut &*self.arena, entry, || ()) }
    }

    /// As [`insert`](Self::insert) for each of the entries, in their order; several
    /// searches are on their way at a time. Best for sorted entries, not required.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert), with the number of entries before the one
    /// that was refused: they are inserted, those after it are not.
    pub fn insert_batch(&self, entries: &[EntryRef<'_>]) -> core::result::Result<(), BatchError> {
        let mut context = InsertContext::new();
        let memory = &mut &*self.arena;
        // SAFETY: concurrent inserts need no exclusivity.
        unsafe { self.insert_all(Sharing::Concurrent, memory, &mut context, entries, |_| ()) }
    }

    /// As [`insert_batch`](Self::insert_batch), without compare-exchange.
    ///
    /// # Errors
    ///
    /// As for [`insert_batch`](Self::insert_batch).
    pub fn insert_batch_exclusive(
        &mut self,
        entries: &[EntryRef<'_>],
    ) -> core::result::Result<(), BatchError> {
        // SAFETY: `&mut self` excludes every other writer.
        unsafe { self.insert_all_alone(&mut &*self.arena, entries, |_| ()) }
    }

    /// Inserts next to the last entry that was inserted so, if that is where the
    /// entry belongs.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    ///
    /// # Safety
    ///
    /// No other thread inserts at the same time, and all earlier inserts happen
    /// before this one. `memory` allocates from this list's arena.
    #[inline]
    pub(crate) unsafe fn insert_alone(
        &self,
        memory: &mut impl Allocate,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        self.alone.0.with_mut(|context| {
            // SAFETY: only the one inserter gets here, after the one before.
            let context = unsafe { &mut *context };
            // SAFETY: passed on from the caller.
            unsafe { self.insert_near(Sharing::Exclusive, memory, context, entry, linked) }
        })
    }

    /// As [`insert_alone`](Self::insert_alone) for each of the entries.
    ///
    /// # Errors
    ///
    /// As for [`insert_batch`](Self::insert_batch).
    ///
    /// # Safety
    ///
    /// As for [`insert_alone`](Self::insert_alone).
    pub(crate) unsafe fn insert_all_alone(
        &self,
        memory: &mut impl Allocate,
        entries: &[EntryRef<'_>],
        linked: impl FnMut(&EntryRef<'_>),
    ) -> core::result::Result<(), BatchError> {
        self.alone.0.with_mut(|context| {
            // SAFETY: only the one inserter gets here, after the one before.
            let context = unsafe { &mut *context };
            // SAFETY: passed on from the caller.
            unsafe { self.insert_all(Sharing::Exclusive, memory, context, entries, linked) }
        })
    }

    /// Inserts where `hint` says, or wherever else it belongs; calls `linked` as
    /// soon as the entry is in the list.
    ///
    /// # Errors
    ///
    /// As for [`insert_with_hint`](Self::insert_with_hint).
    ///
    /// # Safety
    ///
    /// With [`Sharing::Exclusive`], no other thread inserts at the same time, and
    /// all earlier inserts happen before this one. `memory` allocates from this
    /// list's arena.
    pub(crate) unsafe fn insert_hinted(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        hint: &mut Hint,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        self.claim(hint)?;
        let layout = self.check(entry)?;
        let target = Target::new(&self.comparator, entry.user_key, entry.sequence);
        let (splice, height) = (&mut hint.splice, self.heights.draw(entry));
        self.locate_from_splice(splice, &target);
        // SAFETY: passed on from the caller.
        unsafe {
            self.insert_located(
                sharing, memory, splice, entry, &target, &layout, height, linked,
            )
        }
        .map(|_| ())
    }

    /// Makes a hint this list's, if it is new.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignHint`] for a hint that is another's.
    pub(super) fn claim(&self, hint: &mut Hint) -> Result<()> {
        if hint.list_id != self.id {
            if hint.list_id != 0 {
                return Err(Error::ForeignHint);
            }
            hint.list_id = self.id;
        }
        Ok(())
    }

    /// Inserts next to the context's last insert if that is where the entry
    /// belongs, otherwise by a search from the head.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert).
    ///
    /// # Safety
    ///
    /// As for [`insert_hinted`](Self::insert_hinted); the context was used with
    /// this list only.
    #[inline]
    pub(crate) unsafe fn insert_near(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        context: &mut InsertContext,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let layout = self.check(entry)?;
        let target = Target::new(&self.comparator, entry.user_key, entry.sequence);
        let follows = C::BYTE_PREFIX && context.last_prefix < target.prefix();
        let splice = &mut context.splice;
        let near = context.run && splice.height > 0;
        if !(near && self.brackets(splice, &target, 0, follows)) {
            self.locate_from_head(splice, &target);
            context.run = context.last == 0 || splice.is_beside(context.last);
        }
        context.last_prefix = u32::MAX;
        let height = self.heights.draw(entry);
        // SAFETY: passed on from the caller.
        context.last = unsafe {
            self.insert_located(
                sharing, memory, splice, entry, &target, &layout, height, linked,
            )?
        };
        context.last_prefix = target.prefix();
        Ok(())
    }

    /// Checks an entry's numbers.
    pub(crate) fn check(&self, entry: &EntryRef<'_>) -> Result<Layout> {
        if entry.sequence > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge {
                sequence: entry.sequence,
            });
        }
        Layout::new(
            entry.user_key.len(),
            entry.value.len(),
            self.checks.protection(),
        )
    }

    /// Fills the splice by a search from the head.
    pub(super) fn locate_from_head(&self, splice: &mut Splice, target: &Target<'_>) {
        splice.height = 0;
        let levels = self.levels();
        self.descend_into(splice, target, self.head, levels);
        splice.height = levels;
    }

    /// Fills the levels below `top` of the splice, going down and right from `prev`.
    ///
    /// `prev` is the head, or a node of level `top` before the target.
    pub(super) fn descend_into(
        &self,
        splice: &mut Splice,
        target: &Target<'_>,
        mut prev: Offset,
        top: usize,
    ) {
        let view = self.view();
        let mut bound = 0;
        splice.equal = false;
        for level in (0..top).rev() {
            // SAFETY: `prev` is the head or was found on this level or above.
            let stop = unsafe { self.walk(view, target, prev, level, bound) };
            splice.note(level, stop, bound);
            (prev, bound) = (stop.prev, stop.word.offset());
        }
    }

    /// True when, on `level`, the splice's nodes are still adjacent and the
    /// target is between them; `follows` says that it comes after the first.
    pub(super) fn brackets(
        &self,
        splice: &mut Splice,
        target: &Target<'_>,
        level: usize,
        follows: bool,
    ) -> bool {
        let view = self.view();
        let (prev, word) = (splice.prev[level], splice.next[level]);
        // SAFETY: a splice holds nodes found on their level.
        let node = unsafe { Self::node(view, prev) };
        // SAFETY: as above.
        if unsafe { Self::link(node, level) } != word {
            return false;
        }
        if prev != self.head && !follows {
            // SAFETY: as above.
            let before = unsafe { self.compare(view, prev, target) };
            if !before.is_lt() {
                return false;
            }
        }
        if let Some(passes) = Self::decide(word, 0, target) {
            splice.equal = false;
            return !passes;
        }
        // SAFETY: as above.
        let after = unsafe { self.compare(view, word.offset(), target) };
        splice.equal = after.is_eq();
        after.is_ge()
    }

    /// Fills the splice starting from what it says, climbing as high as needed.
    pub(super) fn locate_from_splice(&self, splice: &mut Splice, target: &Target<'_>) {
        let known = splice.height;
        let Some(level) = (0..known).find(|&level| self.brackets(splice, target, level, false))
        else {
            return self.locate_from_head(splice, target);
        };
        if level > 0 {
            splice.height = 0;
            let from = splice.prev[level];
            let equal = splice.equal;
            let bound = splice.next[level].offset();
            self.descend_into(splice, target, from, level);
            if splice.next[0].offset() == bound {
                splice.equal = equal;
            }
            splice.height = known;
        }
    }
}
