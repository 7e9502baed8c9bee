//! Searches and inserts that begin at a node which is known from elsewhere than a search.
//!
//! Who remembers nodes of a list can begin there what would begin at the head: at a node before
//! what is sought, on levels on which that node was linked when it was remembered. The order is
//! total, so where a search begins decides how long it takes, and not where it ends.

use super::insert::InsertContext;
use super::link::Tower;
use super::node::{Position, Word};
use super::probe::LANES;
use super::search::{Pass, RECORD_LINES, Stop, Target};
use super::splice::{Hint, Splice};
use super::trail::{Trail, Zones, ask_for};
use super::{Sharing, SkipList};
use crate::arena::{Allocate, Offset};
use crate::error::{Corruption, Result};
use crate::key::{Comparator, tag_sequence};

/// Where a search begins: a node, and how many of its levels can be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(super) node: Offset,
    pub(super) levels: usize,
}

/// What an insert knows of where it belongs.
#[derive(Debug)]
pub(crate) enum Place<'p> {
    /// What is remembered of inserts before.
    Context(&'p mut InsertContext),
    /// As above, kept by the user.
    Hint(&'p mut Hint),
    /// One of the places that a search for this very entry found, among others.
    Found(&'p mut Places, usize, &'p mut InsertContext),
}

/// The places of several entries.
#[derive(Debug)]
pub(crate) struct Places([Splice; LANES]);

impl Places {
    /// How many entries.
    pub(crate) const ROOM: usize = LANES;

    pub(crate) const fn new() -> Self {
        Self([const { Splice::new() }; LANES])
    }
}

impl<C: Comparator> SkipList<C> {
    /// The head, on all levels that the list uses.
    #[inline(always)]
    pub(crate) fn top(&self) -> Start {
        Start {
            node: self.head,
            levels: self.levels(),
        }
    }

    /// How tall the towers of this list's options are, whatever the entry is.
    pub(crate) fn max_height(&self) -> usize {
        self.max_height
    }

    /// A height as the list's options have it.
    pub(crate) fn draw_height(&self, entry: &crate::entry::EntryRef<'_>) -> usize {
        self.heights.draw(entry)
    }

    /// Lets cursors look ahead by towers of so many levels, of which one in `branching`
    /// reaches the next one.
    pub(crate) fn look_ahead_by(&mut self, branching: u32, height: usize) {
        self.zones = Zones::new(branching, height, true);
    }

    /// The node of a word as a start.
    ///
    /// # Safety
    ///
    /// The word leads to the head or to a node of this list that was linked on so many
    /// levels before this call.
    #[inline(always)]
    pub(crate) unsafe fn start(&self, word: Word, levels: usize) -> Start {
        Start {
            node: word.offset(),
            levels,
        }
    }

    /// True when the node of a word lies before the target.
    ///
    /// # Safety
    ///
    /// The word leads to the head or to a node of this list that was linked before this call.
    #[inline(always)]
    pub(crate) unsafe fn precedes(&self, word: Word, target: &Target<'_>) -> bool {
        let node = word.offset();
        if node == self.head {
            return true;
        }
        Self::decide(word, 0, target).unwrap_or_else(|| {
            // SAFETY: passed on from the caller, and it is not the head.
            unsafe { self.compare(self.view(), node, target) }.is_lt()
        })
    }

    /// True when the node of a word lies behind the target.
    ///
    /// # Safety
    ///
    /// As for [`precedes`](Self::precedes).
    pub(crate) unsafe fn follows(&self, word: Word, target: &Target<'_>) -> bool {
        let node = word.offset();
        if node == self.head {
            return false;
        }
        Self::decide(word, 0, target).map_or_else(
            || {
                // SAFETY: passed on from the caller, and it is not the head.
                unsafe { self.compare(self.view(), node, target) }.is_gt()
            },
            |before| !before,
        )
    }

    /// The position of a word's node if its user key is the target's, timestamps aside.
    ///
    /// # Safety
    ///
    /// The word leads to a node of this list, not the head, that was linked before this call.
    #[inline(always)]
    pub(crate) unsafe fn if_of(&self, word: Word, target: &Target<'_>) -> Option<Position> {
        self.found(word, target)
    }

    /// Asks for the memory of a word's node.
    ///
    /// # Safety
    ///
    /// As for [`precedes`](Self::precedes).
    #[inline(always)]
    pub(crate) unsafe fn ask_for_node(&self, word: Word) {
        // SAFETY: passed on from the caller.
        unsafe { ask_for(self.view(), word.offset(), 1) };
    }

    /// As [`find`](Self::find), from a start before the target on.
    #[inline(always)]
    pub(crate) fn find_from(&self, start: Start, target: &Target<'_>) -> Option<Position> {
        let stop = self.descend_from(start, target, Pass::Less, |_, _| ());
        self.found(stop.word, target)
    }

    /// As [`seek`](Self::seek), from a start before the target on.
    #[inline]
    pub(crate) fn seek_from(
        &self,
        start: Start,
        trail: &mut Trail,
        target: &Target<'_>,
    ) -> Option<Position> {
        trail.begin(start.levels);
        let stop = self.descend_from(start, target, Pass::Less, |level, stop| {
            trail.note(level, stop.word.offset());
        });
        let next = stop.word.offset();
        // SAFETY: a link led to `next`, or it is 0, which is not read.
        unsafe { ask_for(self.view(), next, RECORD_LINES) };
        stop.word.position()
    }

    /// Goes to the node of a word, as a search would that ended there, and knows so many levels.
    ///
    /// # Safety
    ///
    /// As for [`start`](Self::start), and it is not the head.
    pub(crate) unsafe fn stand_at(
        &self,
        trail: &mut Trail,
        word: Word,
        levels: usize,
    ) -> Option<Position> {
        trail.begin(levels);
        for level in (0..levels).rev() {
            trail.note(level, word.offset());
        }
        // SAFETY: passed on from the caller.
        unsafe { ask_for(self.view(), word.offset(), RECORD_LINES) };
        word.position()
    }

    /// As [`seek_for_prev`](Self::seek_for_prev), from a start before the target on.
    pub(crate) fn seek_for_prev_from(&self, start: Start, target: &Target<'_>) -> Option<Position> {
        let Stop { prev, .. } = self.descend_from(start, target, Pass::LessOrEqual, |_, _| ());
        self.position(prev)
    }

    /// As [`seek_before`](Self::seek_before), from a start before the target on.
    pub(crate) fn seek_before_from(&self, start: Start, target: &Target<'_>) -> Option<Position> {
        let Stop { prev, .. } = self.descend_from(start, target, Pass::Less, |_, _| ());
        self.position(prev)
    }

    /// The last node before the target that so many levels of can be read, or the head.
    pub(crate) fn start_before(&self, levels: usize, target: &Target<'_>) -> Word {
        let mut before = self.head;
        self.descend(target, Pass::Less, |level, stop| {
            if level + 1 == levels {
                before = stop.prev;
            }
        });
        if before == self.head || !C::BYTE_PREFIX {
            return Word::new(0, before);
        }
        // SAFETY: a link led there.
        match unsafe { self.key_of(self.view(), before) } {
            Some((user_key, _)) => Word::new(self.comparator.prefix(user_key), before),
            None => Word::new(0, self.head),
        }
    }

    /// As [`verify_path`](Self::verify_path), of a search from the node of a word on; looks at
    /// the node as well.
    ///
    /// # Errors
    ///
    /// As for [`verify_path`](Self::verify_path).
    ///
    /// # Safety
    ///
    /// As for [`start`](Self::start).
    #[cold]
    pub(crate) unsafe fn verify_path_from(
        &self,
        word: Word,
        levels: usize,
        target: &Target<'_>,
    ) -> core::result::Result<(), Corruption> {
        if word.offset() == self.head {
            return Ok(());
        }
        // SAFETY: passed on from the caller, and it is not the head.
        let key = unsafe { self.inspect(self.view(), word.offset()) }?;
        self.verify_prefix(word, key)?;
        let order = self.comparator.compare(key.0, target.user_key);
        let order = order.then_with(|| target.sequence.cmp(&tag_sequence(key.1)));
        if order.is_ge() {
            return Ok(());
        }
        // SAFETY: passed on from the caller.
        let start = unsafe { self.start(word, levels) };
        self.verify_way(start, Some(key), target)
    }

    /// Whether an insert can be made where the place says.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignHint`](crate::Error::ForeignHint).
    pub(crate) fn admit(&self, place: &mut Place<'_>) -> Result<()> {
        match place {
            Place::Context(_) | Place::Found(..) => Ok(()),
            Place::Hint(hint) => self.claim(hint),
        }
    }

    /// Inserts a node of some height: near the inserts before, or else by a search from
    /// `start` on, or from the head where there is none. Returns its word.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert), but that entry and place were checked before.
    ///
    /// # Safety
    ///
    /// As for [`insert_near`](Self::insert_near). The start lies before the entry and has as
    /// many levels as the tower, or more. A place that was found was found for this target.
    pub(crate) unsafe fn insert_from(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        place: &mut Place<'_>,
        start: Option<Start>,
        new: &Tower<'_>,
        linked: impl FnOnce(),
    ) -> Result<Word> {
        let target = new.target;
        let splice = match place {
            Place::Context(context) => {
                let near = context.run && context.splice.height > 0;
                if !(near && self.brackets(&mut context.splice, target, 0, false)) {
                    self.locate_from(&mut context.splice, start, target);
                    context.run = context.last == 0 || context.splice.is_beside(context.last);
                }
                &mut context.splice
            }
            Place::Hint(hint) => {
                self.locate_from_splice(&mut hint.splice, target);
                &mut hint.splice
            }
            Place::Found(places, index, _) => &mut places.0[*index],
        };
        if splice.height < new.height.min(self.levels()) {
            // Above what is known, each level would be walked from its beginning.
            self.locate_from_head(splice, target);
        }
        // SAFETY: passed on from the caller.
        let node = unsafe {
            self.insert_located(
                sharing, memory, splice, new.entry, target, new.layout, new.height, linked,
            )?
        };
        if let Place::Context(context) | Place::Found(_, _, context) = place {
            context.last = node;
        }
        Ok(Word::new(target.prefix(), node))
    }

    /// Inserts a node and hands out its word too early: the fault
    /// [`FAULT_HASH_PUBLISH_BEFORE_LINK`](crate::sync::ledger::FAULT_HASH_PUBLISH_BEFORE_LINK).
    ///
    /// # Errors
    ///
    /// As for [`insert_from`](Self::insert_from).
    ///
    /// # Safety
    ///
    /// As for [`insert_from`](Self::insert_from).
    #[cfg(any(loom, shuttle))]
    pub(crate) unsafe fn insert_published(
        &self,
        sharing: Sharing,
        memory: &mut impl Allocate,
        new: &Tower<'_>,
        publish: impl FnOnce(Word),
        linked: impl FnOnce(),
    ) -> Result<()> {
        let mut splice = Splice::new();
        self.locate_from_head(&mut splice, new.target);
        if splice.equal {
            return Err(crate::error::Error::Duplicate);
        }
        self.fill_above(&mut splice, new.target, new.height);
        let node = self.write_node(memory, new.entry, new.target, new.layout, new.height)?;
        for level in 0..new.height {
            // SAFETY: the node has this level, and is nobody else's yet.
            unsafe { self.construct_link(node, level, splice.next[level]) };
        }
        publish(Word::new(new.target.prefix(), node.offset));
        // SAFETY: passed on from the caller.
        unsafe { self.link_at::<false>(sharing, &mut splice, node, new.target, new.height, linked) }
    }

    /// Finds the places of as many targets as there is [room](Places::ROOM) for, or fewer, by
    /// searches that wait for memory together: each from a start before its target. Says in the
    /// context whether the last two are one place.
    pub(crate) fn locate_all(
        &self,
        places: &mut Places,
        context: &mut InsertContext,
        targets: &[Target<'_>],
        starts: &[Start],
    ) {
        let splices = &mut places.0;
        for (splice, start) in splices.iter_mut().zip(starts) {
            (splice.height, splice.equal) = (start.levels, false);
        }
        let note = |index: usize, level: usize, stop: Stop| {
            let splice: &mut Splice = &mut splices[index];
            let bound = if level + 1 < splice.height {
                splice.next[level + 1].offset()
            } else {
                0
            };
            splice.note(level, stop, bound);
        };
        self.search_all_from(self.levels(), targets, |index| starts[index], None, note);
        // The context's own splice is of an entry long ago.
        context.splice.height = 0;
        context.last_prefix = u32::MAX;
        let gap = |splice: &Splice| (splice.prev[0], splice.next[0]);
        context.run = match &splices[..targets.len()] {
            [.., before, last] => gap(before) == gap(last),
            _ => false,
        };
    }

    /// Fills the splice by a search from the start on, or from the head.
    fn locate_from(&self, splice: &mut Splice, start: Option<Start>, target: &Target<'_>) {
        let Some(Start { node, levels }) = start else {
            return self.locate_from_head(splice, target);
        };
        splice.height = 0;
        self.descend_into(splice, target, node, levels);
        splice.height = levels;
    }
}
