//! Memory set aside for one writer.

use super::concurrent::Piece;
use super::{Allocate, Allocation, ConcurrentArena, UNIT, bytes_of, units_of};
use crate::error::{Error, Result};

/// Bytes of a [`ConcurrentArena`] that only its holder allocates from: no
/// atomic access, and no failure within what was reserved.
///
/// Made by [`ConcurrentArena::reserve`].
#[derive(Debug)]
#[must_use = "dropping a ticket gives its memory back"]
pub struct Ticket<'a> {
    arena: &'a ConcurrentArena,
    rest: Piece,
}

impl<'a> Ticket<'a> {
    pub(super) fn new(arena: &'a ConcurrentArena, rest: Piece) -> Self {
        Self { arena, rest }
    }

    /// Bytes left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.range.bytes()
    }

    /// Allocates `bytes` at a multiple of [`UNIT`], in O(1). Zero bytes are allocated as one.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] when fewer bytes are left; nothing is taken then.
    #[inline]
    pub fn allocate(&mut self, bytes: usize) -> Result<Allocation> {
        let units = units_of(bytes)?;
        let Some(piece) = self.rest.range.take(units) else {
            return Err(Error::Full {
                requested: bytes_of(units),
                available: self.rest.range.bytes(),
            });
        };
        Ok(Allocation {
            // SAFETY: the piece was just cut from what the arena handed out.
            ptr: unsafe { self.arena.view().resolve(piece.start) },
            offset: piece.start,
        })
    }
}

impl Allocate for Ticket<'_> {
    /// From the ticket, and from the arena where more is needed than was reserved.
    #[inline]
    fn allocate(&mut self, bytes: usize) -> Result<Allocation> {
        match Ticket::allocate(self, bytes) {
            Err(Error::Full { .. }) => self.arena.allocate(bytes),
            allocated => allocated,
        }
    }

    fn abandon(&mut self, bytes: usize) {
        self.arena.waste(bytes.next_multiple_of(UNIT));
    }
}

/// Where one writer allocates: from its ticket if it has one, else from the arena.
///
/// What a representation makes its entries of; what it allocates is accounted for.
#[derive(Debug)]
pub struct Memory<'a> {
    pub(crate) arena: &'a ConcurrentArena,
    pub(crate) ticket: Option<Ticket<'a>>,
}

impl Memory<'_> {
    /// Allocates `bytes` at a multiple of [`UNIT`]. Zero bytes are allocated as one.
    ///
    /// # Errors
    ///
    /// [`Error::Full`], [`Error::OutOfMemory`]; nothing is taken then.
    pub fn allocate(&mut self, bytes: usize) -> Result<Allocation> {
        Allocate::allocate(self, bytes)
    }
}

impl Allocate for Memory<'_> {
    #[inline]
    fn allocate(&mut self, bytes: usize) -> Result<Allocation> {
        match &mut self.ticket {
            Some(ticket) => Allocate::allocate(ticket, bytes),
            None => self.arena.allocate(bytes),
        }
    }

    fn abandon(&mut self, bytes: usize) {
        self.arena.waste(bytes.next_multiple_of(UNIT));
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.rest.range.units() > 0 {
            self.arena.give_back(self.rest);
        }
    }
}
