//! Linking what is pending.

use core::cell::Cell;

use super::sort::{Item, Order, room_for, sort};
use super::{BUSY, SETTLED, VectorRep, node_of};
use crate::arena::Offset;
use crate::entry::EntryRef;
use crate::error::{Error, Result};
use crate::key::Comparator;
use crate::skiplist::{InsertContext, Linked};
use crate::sync::ledger::{FAULT_VECTOR_DROP_RACING_PUSH, FAULT_VECTOR_NO_BUSY_TAG};
use crate::sync::{fault, ord, with_entered};

/// How many nodes ahead one is asked for that will be linked.
const AHEAD: usize = 8;
/// Room to sort in that is kept in any case, in entries.
const KEPT: usize = 4096;

/// What only the holder of the lock touches.
#[derive(Debug)]
pub(super) struct Held {
    /// The newest of the nodes that were taken and not linked; 0 for none, as when nobody was
    /// interrupted.
    rest: Offset,
    /// Nodes that turned out to be there already, chained; 0 for none.
    dropped: Offset,
    /// Where the last node was linked.
    context: InsertContext,
    items: Vec<Item>,
    spare: Vec<Item>,
}

impl Held {
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(super) fn new(count: usize) -> Result<Self> {
        let mut held = Self {
            rest: 0,
            dropped: 0,
            context: InsertContext::new(),
            items: Vec::new(),
            spare: Vec::new(),
        };
        for items in [&mut held.items, &mut held.spare] {
            if !room_for(items, count) {
                return Err(Error::OutOfMemory {
                    requested: count.saturating_mul(size_of::<Item>()),
                });
            }
        }
        Ok(held)
    }

    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn rooms(&self) -> [usize; 2] {
        [self.items.capacity(), self.spare.capacity()]
    }

    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn reserve_items(&mut self, count: usize) {
        self.items.reserve(count);
    }

    /// Gives back room to sort in, unless it is for no more than `count`.
    fn forget_scratch(&mut self, count: usize) {
        for items in [&mut self.items, &mut self.spare] {
            items.clear();
            if items.capacity() > count {
                *items = Vec::new();
            }
        }
    }
}

/// Says that this thread settles a vector, or sorts for who does.
pub(super) struct Inside {
    id: u64,
}

impl Inside {
    /// Nothing, if this thread does already. A thread for which that cannot be noted, for want
    /// of a few bytes, is let in: only that it comes back would then go unnoticed.
    pub(super) fn enter(id: u64) -> Option<Self> {
        with_entered(|entered| {
            if entered.contains(&id) {
                return None;
            }
            if entered.try_reserve(1).is_ok() {
                entered.push(id);
            }
            Some(Self { id })
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        with_entered(|entered| entered.retain(|&id| id != self.id));
    }
}

impl<C: Comparator> VectorRep<C> {
    /// Sees to it that all is linked whose adding happened before (V1).
    #[inline(always)]
    pub(super) fn settle(&self) {
        if self.word() != SETTLED {
            self.settle_pending();
        }
    }

    #[inline(always)]
    pub(super) fn word(&self) -> u64 {
        self.pending.load(ord!(VECTOR_PENDING_LOAD, Acquire))
    }

    #[cold]
    #[inline(never)]
    fn settle_pending(&self) {
        let Some(_inside) = Inside::enter(self.id) else {
            return;
        };
        let held = &mut *self.held.lock();
        if self.word() == SETTLED {
            return;
        }
        // What somebody who was interrupted has left is older.
        self.link_rest(held);
        held.rest = self.take();
        self.link_rest(held);
        // What is pushed meanwhile is for those who come later: a reader does not wait for
        // writers that never pause.
        self.say_settled();
    }

    /// Takes what is pending, and says that somebody links.
    fn take(&self) -> Offset {
        let tag = if fault(&FAULT_VECTOR_NO_BUSY_TAG) {
            SETTLED
        } else {
            BUSY
        };
        node_of(self.pending.swap(tag, ord!(VECTOR_TAKE, Acquire)))
    }

    /// Says that all is linked, unless something was pushed meanwhile.
    fn say_settled(&self) {
        if fault(&FAULT_VECTOR_DROP_RACING_PUSH) {
            self.pending
                .store(SETTLED, ord!(VECTOR_FAULT_STORE, Relaxed));
        }
        let _ = self.pending.compare_exchange(
            BUSY,
            SETTLED,
            ord!(VECTOR_SETTLED, Release),
            ord!(VECTOR_SETTLED_FAILED, Relaxed),
        );
    }

    /// Links all nodes of the rest, if there are any.
    fn link_rest(&self, held: &mut Held) {
        if held.rest == 0 {
            return;
        }
        if self.collect(held) {
            let helpers = self.helpers(held.items.len());
            sort(&mut held.items, &mut held.spare, helpers, self);
            self.link_sorted(held);
        } else {
            self.link_in_turn(held);
        }
        if held.items.capacity() > self.count.max(KEPT) {
            held.forget_scratch(self.count.max(KEPT));
        }
    }

    /// Lists the nodes of the rest, if there is memory for it, and to sort them.
    fn collect(&self, held: &mut Held) -> bool {
        held.items.clear();
        let mut node = held.rest;
        // Counts down, so that older nodes have smaller numbers.
        let mut order = u32::MAX;
        while node != 0 {
            if held.items.len() == held.items.capacity() && !room_for(&mut held.items, 1) {
                return false;
            }
            // SAFETY: the nodes of the chain were pushed, and taken with acquire, and only
            // the lock's holder touches them (V2, V3).
            let prefix = unsafe { self.list.parked_prefix(node) };
            held.items.push(Item {
                prefix,
                order,
                node,
            });
            // SAFETY: as above.
            node = unsafe { self.list.after_parked(node) };
            order = order.wrapping_sub(1);
        }
        // Equal ones stay as they are: the oldest is to come first (V5).
        held.items.reverse();
        held.spare.clear();
        let len = held.items.len();
        let enough = room_for(&mut held.spare, len);
        if enough {
            held.spare.resize(len, Item::default());
        }
        enough
    }

    /// Links the nodes that `collect` found, in their order.
    fn link_sorted(&self, held: &mut Held) {
        let Held {
            rest,
            dropped,
            context,
            items,
            ..
        } = held;
        let left = Sorted {
            rep: self,
            items,
            done: Cell::new(0),
            rest,
        };
        while let Some(item) = left.items.get(left.done.get()) {
            let next = left.done.get() + 1;
            if let Some(ahead) = left.items.get(left.done.get() + AHEAD) {
                // SAFETY: as in `collect`.
                unsafe { self.list.ask_for_parked(ahead.node) };
            }
            // SAFETY: as in `collect`; `done` passes over a node as soon as it is linked.
            unsafe { self.link(context, dropped, item.node, || left.done.set(next)) };
            left.done.set(next);
        }
    }

    /// Links the nodes of the rest by a search for each, the oldest first.
    fn link_in_turn(&self, held: &mut Held) {
        let Held {
            rest,
            dropped,
            context,
            ..
        } = held;
        let left = InTurn {
            rep: self,
            oldest: Cell::new(self.reversed(core::mem::take(rest))),
            rest,
        };
        while left.oldest.get() != 0 {
            let node = left.oldest.get();
            // SAFETY: as in `collect`.
            let next = unsafe { self.list.after_parked(node) };
            // SAFETY: as above; `oldest` passes over a node as soon as it is linked.
            unsafe { self.link(context, dropped, node, || left.oldest.set(next)) };
            left.oldest.set(next);
        }
    }

    /// Links a node, or drops it. Calls `linked` as soon as it is not parked any more.
    ///
    /// # Safety
    ///
    /// The node is parked, and was taken by the caller, who holds the lock and the context
    /// that it guards.
    unsafe fn link(
        &self,
        context: &mut InsertContext,
        dropped: &mut Offset,
        node: Offset,
        linked: impl FnOnce(),
    ) {
        // SAFETY: passed on from the caller; only the lock's holder links (V3).
        match unsafe { self.list.link_parked(context, node, linked) } {
            Ok(Linked::InPlace) => {}
            Ok(Linked::Damaged) => self.damaged.store(1, ord!(VECTOR_DAMAGE_STORE, Relaxed)),
            Err(_) => {
                // SAFETY: a duplicate stays parked.
                unsafe { self.list.park_before(node, *dropped) };
                *dropped = node;
            }
        }
    }

    /// Turns a chain of parked nodes round.
    fn reversed(&self, mut node: Offset) -> Offset {
        let mut before = 0;
        while node != 0 {
            // SAFETY: as in `collect`.
            let next = unsafe { self.list.after_parked(node) };
            // SAFETY: as above.
            unsafe { self.list.park_before(node, before) };
            before = core::mem::replace(&mut node, next);
        }
        before
    }

    /// Gives back the memory that was for sorting.
    pub(super) fn forget_scratch(&self) {
        if let Some(_inside) = Inside::enter(self.id) {
            self.held.lock().forget_scratch(0);
        }
    }

    /// Hands over the entries that were dropped, once.
    pub(super) fn hand_dropped(&self, each: &mut dyn FnMut(&EntryRef<'_>)) {
        let Some(_inside) = Inside::enter(self.id) else {
            return;
        };
        let held = &mut *self.held.lock();
        while held.dropped != 0 {
            let node = held.dropped;
            // SAFETY: dropped nodes stay parked, and are the lock's holder's.
            held.dropped = unsafe { self.list.after_parked(node) };
            // SAFETY: as above. Of what is damaged nobody knows what it was counted as.
            if let Ok(entry) = unsafe { self.list.parked_entry(node) } {
                each(&entry);
            }
        }
    }
}

impl<C: Comparator> Order for VectorRep<C> {
    type Inside = Option<Inside>;

    fn inside(&self) -> Option<Inside> {
        Inside::enter(self.id)
    }

    #[inline]
    fn before(&self, a: &Item, b: &Item) -> bool {
        let prefixes = a.prefix.cmp(&b.prefix);
        // SAFETY: as in `collect`: nothing is linked while nodes are sorted, by the lock's
        // holder and those who help it.
        prefixes.is_lt() || prefixes.is_eq() && unsafe { self.list.parked_before(a.node, b.node) }
    }
}

/// Nodes in the order in which they are linked, and how many are; chains what is left.
struct Sorted<'a, C: Comparator> {
    rep: &'a VectorRep<C>,
    items: &'a mut Vec<Item>,
    done: Cell<usize>,
    rest: &'a mut Offset,
}

impl<C: Comparator> Drop for Sorted<'_, C> {
    fn drop(&mut self) {
        let left = self.items.get_mut(self.done.get()..).unwrap_or_default();
        left.sort_unstable_by_key(|item| item.order);
        *self.rest = 0;
        for item in left {
            // SAFETY: as in `collect`: what is left is parked.
            unsafe { self.rep.list.park_before(item.node, *self.rest) };
            *self.rest = item.node;
        }
    }
}

/// A chain from the oldest node on; turns what is left of it round.
struct InTurn<'a, C: Comparator> {
    rep: &'a VectorRep<C>,
    oldest: Cell<Offset>,
    rest: &'a mut Offset,
}

impl<C: Comparator> Drop for InTurn<'_, C> {
    fn drop(&mut self) {
        *self.rest = self.rep.reversed(self.oldest.get());
    }
}
