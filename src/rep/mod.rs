//! Representations: the ordered structures that a memtable can stand on.
//!
//! A representation names its entries by *positions*: plain values that stay
//! good for as long as the representation lives, since nothing is ever removed.
//! [`Cursor`] pairs a position with something that keeps the representation
//! alive, a reference or an `Arc`, so that borrowed and owned cursors are one
//! type (SPEC S5, S7).
//!
//! A table is told which one to stand on by a [`MemTableRepFactory`], through
//! [`MemTableBuilder::representation`](crate::MemTableBuilder::representation).
//! The representation is part of the table's type, so that calls of it are direct.

mod any;
mod cursor;
mod factory;
mod hash;
mod prefixed;
mod read;
mod skiplist;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod vector;

pub use crate::arena::Memory;
pub use crate::skiplist::Sharing;
pub use any::{AnyFactory, AnyRep};
pub use cursor::{Cursor, Handle, ReadObserver};
pub use factory::{MemTableRepFactory, RepContext};
pub use hash::{
    BucketDistribution, Fallback, HashLinkListFactory, HashLinkListRep, HashRep,
    HashSkipListFactory, HashSkipListRep,
};
pub use read::ReadRep;
pub(crate) use sealed::Sealed;
pub use skiplist::{SkipListFactory, SkipListRep};
pub use vector::{VectorFactory, VectorRep};

use core::fmt::Debug;

use crate::entry::EntryRef;
use crate::error::{Corruption, Error, Result};
use crate::skiplist::{BatchError, Hint};

mod sealed {
    /// Implemented inside of this crate only.
    pub trait Sealed {}
}

/// An ordered, insert-only structure of entries, as a memtable writes to it (SPEC R1). How
/// it is read is [`ReadRep`].
///
/// Any number of threads may insert at the same time, beside any number of readers, unless
/// [`Sharing::Exclusive`] says that there is one writer. An entry that was inserted is found by
/// all that learnt of it, and stays where it is, unchanged, until the representation is dropped.
/// An error leaves nothing behind.
///
/// The trait is open: the example `own_representation` has another, in safe code.
pub trait MemTableRep: ReadRep {
    /// What a writer keeps from one insert to the next.
    type Context: Debug + Default;

    /// The name under which it is known.
    fn name(&self) -> &'static str;

    /// Inserts an entry; calls `linked` as soon as it can be found.
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`] for a key and sequence number that are there; the limit that the entry
    /// exceeds; [`Error::Full`], [`Error::OutOfMemory`].
    ///
    /// # Safety
    ///
    /// With [`Sharing::Exclusive`], no other thread inserts at the same time, and all earlier
    /// inserts happen before this one. `memory` is of the arena that the representation was made
    /// with, and `context` was used with this representation only.
    unsafe fn insert(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut Self::Context,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()>;

    /// As [`insert`](Self::insert) for each of the entries, in their order, up to the first that
    /// is refused.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert), with the number of entries before.
    ///
    /// # Safety
    ///
    /// As for [`insert`](Self::insert).
    unsafe fn insert_all(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut Self::Context,
        entries: &[EntryRef<'_>],
        mut linked: impl FnMut(&EntryRef<'_>),
    ) -> core::result::Result<(), BatchError> {
        for (added, entry) in entries.iter().enumerate() {
            // SAFETY: passed on from the caller.
            unsafe { self.insert(sharing, memory, context, entry, || linked(entry)) }
                .map_err(|error| BatchError { added, error })?;
        }
        Ok(())
    }

    /// As [`insert`](Self::insert), near where the hint was last used. The default has no use for
    /// hints.
    ///
    /// # Errors
    ///
    /// As for [`insert`](Self::insert), and [`Error::ForeignHint`].
    ///
    /// # Safety
    ///
    /// As for [`insert`](Self::insert).
    unsafe fn insert_with_hint(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        hint: &mut Hint,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let _ = hint;
        let mut context = Self::Context::default();
        // SAFETY: passed on from the caller; the context is new.
        unsafe { self.insert(sharing, memory, &mut context, entry, linked) }
    }

    /// Makes `entry` the newest version of the entry with its key and sequence number; returns
    /// what it replaced, or how that is damaged. Asked for only if the representation was made
    /// for it, see [`RepContext::overwrites`].
    ///
    /// # Errors
    ///
    /// [`Error::Duplicate`] where no such entry can be found, and by default.
    ///
    /// # Safety
    ///
    /// As for [`insert`](Self::insert).
    unsafe fn overwrite(
        &self,
        memory: &mut Memory<'_>,
        entry: &EntryRef<'_>,
    ) -> Result<core::result::Result<EntryRef<'_>, Corruption>> {
        let _ = (memory, entry);
        Err(Error::Duplicate)
    }

    /// The most bytes of the arena that an entry can take.
    ///
    /// # Errors
    ///
    /// The limit that the lengths exceed.
    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize>;

    /// Told that no entry will be added any more: all inserts happen before the call.
    fn seal(&self) {}

    /// Hands over, once each, the entries that [`insert`](Self::insert) took and that turned out
    /// later to be there already, so that they are counted no longer. Asked after
    /// [`seal`](Self::seal); the default has none.
    fn drain_dropped(&self, each: &mut dyn FnMut(&EntryRef<'_>)) {
        let _ = each;
    }
}
