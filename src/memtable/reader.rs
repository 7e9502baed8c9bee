//! Point reads at a snapshot.

use core::fmt;

use super::visibility::{Everything, Visibility};
use super::{Lookup, MemTable};
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator, SequenceNumber};
use crate::rep::Representation;

/// Reads of a table at one snapshot.
///
/// Made by [`MemTable::reader`]. [`MemTable::get`] and [`MemTable::multi_get`] are
/// the same for a reader that sees everything.
///
/// ```
/// use verimem::{Kind, Lookup, MemTable};
///
/// let table = MemTable::builder().build()?;
/// table.add(1, Kind::VALUE, b"k", b"v")?;
/// let reader = table.reader(0)?;
/// assert_eq!(reader.get(b"k")?, Lookup::NotFound);
/// # Ok::<(), verimem::Error>(())
/// ```
pub struct Reader<'t, C: Comparator = BytewiseComparator, V = Everything> {
    table: &'t MemTable<C>,
    snapshot: SequenceNumber,
    visibility: V,
}

impl<'t, C: Comparator> Reader<'t, C> {
    #[inline]
    pub(super) fn new(table: &'t MemTable<C>, snapshot: SequenceNumber) -> Result<Self> {
        super::check_snapshot(snapshot)?;
        Ok(Self {
            table,
            snapshot,
            visibility: Everything,
        })
    }

    /// The same, seeing only what `visibility` lets it see of the snapshot.
    #[must_use]
    pub fn with_visibility<V: Visibility>(self, visibility: V) -> Reader<'t, C, V> {
        Reader {
            table: self.table,
            snapshot: self.snapshot,
            visibility,
        }
    }
}

impl<'t, C: Comparator, V: Visibility> Reader<'t, C, V> {
    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> SequenceNumber {
        self.snapshot
    }

    /// What the table says of `user_key`. O(log n), and the number of operands for
    /// a merge, and of versions that are hidden.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when a checksum differs; [`Error::OutOfMemory`] when
    /// there is none for the list of operands.
    #[inline]
    pub fn get(&self, user_key: &[u8]) -> Result<Lookup<'t>> {
        let rep = &self.table.rep;
        let lookup = Lookup::read(rep, user_key, self.snapshot, &self.visibility)?;
        self.table.observe(&lookup);
        Ok(lookup)
    }

    /// What the table says of each key, in the order of `keys`, which may be any.
    /// Several searches are on their way at a time, so that they wait for memory
    /// together: some three times as fast as as many gets.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] when there is none for the list of answers; for a
    /// single key as for [`get`](Self::get).
    pub fn multi_get(&self, keys: &[&[u8]]) -> Result<Vec<Result<Lookup<'t>>>> {
        let mut answers = Vec::new();
        answers
            .try_reserve_exact(keys.len())
            .map_err(|_| Error::OutOfMemory {
                requested: keys.len().saturating_mul(size_of::<Result<Lookup<'_>>>()),
            })?;
        let rep = &self.table.rep;
        Representation::find_all(rep, keys, self.snapshot, |index, newest| {
            let answer = Lookup::read_from(rep, newest, keys[index], &self.visibility);
            if let Ok(answer) = &answer {
                self.table.observe(answer);
            }
            answers.push(answer);
        });
        Ok(answers)
    }
}

impl<C: Comparator, V> fmt::Debug for Reader<'_, C, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("table", &self.table.id)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}
