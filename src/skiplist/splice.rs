//! A place in the list, remembered on every level.

use super::height::MAX_HEIGHT;
use super::node::Word;
use super::search::Stop;
use crate::arena::Offset;

/// For each level below `height`, a node and the link that was found in it, such
/// that the key last sought lies between the node and the link's target, and
/// the places nest: going up, nodes never move right nor targets left.
///
/// Nothing requires that the link still is what it was: whoever links a node
/// does so by compare-exchange from `next`, or checks.
#[derive(Debug, Clone)]
pub(super) struct Splice {
    /// Levels that are filled in; 0 when nothing is known.
    pub(super) height: usize,
    pub(super) prev: [Offset; MAX_HEIGHT],
    pub(super) next: [Word; MAX_HEIGHT],
    /// True when `next[0]` leads to an entry with the key and sequence number
    /// last sought.
    pub(super) equal: bool,
}

impl Splice {
    pub(super) const fn new() -> Self {
        Self {
            height: 0,
            prev: [0; MAX_HEIGHT],
            next: [Word::NIL; MAX_HEIGHT],
            equal: false,
        }
    }

    /// True when the place found is right before or right after `node`.
    #[inline(always)]
    pub(super) fn is_beside(&self, node: Offset) -> bool {
        self.prev[0] == node || self.next[0].offset() == node
    }

    /// Takes down where a search ended on a level, from the top down.
    #[inline(always)]
    pub(super) fn note(&mut self, level: usize, stop: Stop, bound: Offset) {
        (self.prev[level], self.next[level]) = (stop.prev, stop.word);
        if stop.word.offset() != bound {
            self.equal = stop.equal;
        }
    }
}

/// Remembers where an insert happened, so that one nearby is cheap (SPEC S3).
///
/// A wrong or stale hint costs time, never correctness. A hint belongs to the
/// list that it was first used with; another list refuses it with
/// [`Error::ForeignHint`](crate::Error::ForeignHint). Keep one hint per run of
/// neighbouring keys, for example one per prefix.
///
/// ```
/// use verimem::{Hint, Kind, MemTable};
///
/// let table = MemTable::builder().build()?;
/// let mut hint = Hint::new();
/// let mut writer = table.writer()?;
/// for (sequence, key) in [b"a1", b"a2", b"a3"].into_iter().enumerate() {
///     writer.add_with_hint(&mut hint, sequence as u64, Kind::VALUE, key, b"")?;
/// }
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Hint {
    /// The list that the splice is about; 0 before the first use.
    pub(super) list_id: u64,
    pub(super) splice: Splice,
}

impl Hint {
    /// A hint that knows nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list_id: 0,
            splice: Splice::new(),
        }
    }
}

impl Default for Hint {
    fn default() -> Self {
        Self::new()
    }
}
