//! Which entries a reader may see, beyond its snapshot.

use crate::key::SequenceNumber;

/// Decides which sequence numbers a reader sees (SPEC G4).
///
/// Transactions use it to hide what is written and not committed. The answer for a
/// number must not change while a read or an iterator goes on.
///
/// ```
/// use verimem::{Kind, Lookup, MemTable, Visibility};
///
/// /// Hides what one transaction has written and not committed.
/// struct Without(u64);
///
/// impl Visibility for Without {
///     fn is_visible(&self, sequence: u64) -> bool {
///         sequence != self.0
///     }
/// }
///
/// let table = MemTable::builder().build()?;
/// table.add(1, Kind::VALUE, b"k", b"committed")?;
/// table.add(2, Kind::VALUE, b"k", b"not yet")?;
/// let reader = table.reader(2)?.with_visibility(Without(2));
/// assert!(matches!(reader.get(b"k")?, Lookup::Found { value: b"committed", .. }));
/// # Ok::<(), verimem::Error>(())
/// ```
pub trait Visibility {
    /// Whether an entry with this number is visible. Numbers above the snapshot are
    /// not asked about.
    fn is_visible(&self, sequence: SequenceNumber) -> bool;

    /// Every number below this one is visible: it is not asked about. 0 asks about all.
    #[inline]
    fn min_uncommitted(&self) -> SequenceNumber {
        0
    }
}

impl<V: Visibility + ?Sized> Visibility for &V {
    #[inline]
    fn is_visible(&self, sequence: SequenceNumber) -> bool {
        (**self).is_visible(sequence)
    }

    #[inline]
    fn min_uncommitted(&self) -> SequenceNumber {
        (**self).min_uncommitted()
    }
}

/// All that the snapshot includes is visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Everything;

impl Visibility for Everything {
    #[inline]
    fn is_visible(&self, _sequence: SequenceNumber) -> bool {
        true
    }

    #[inline]
    fn min_uncommitted(&self) -> SequenceNumber {
        SequenceNumber::MAX
    }
}

/// Whether an entry is visible, with as little asking as possible.
#[inline]
pub(crate) fn sees(visibility: &impl Visibility, sequence: SequenceNumber) -> bool {
    sequence < visibility.min_uncommitted() || visibility.is_visible(sequence)
}
