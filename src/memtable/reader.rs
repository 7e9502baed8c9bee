//! Point reads at a snapshot.

use core::fmt;

use smallvec::SmallVec;

use super::MemTable;
use super::lookup::never;
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator, SequenceNumber};
use crate::lookup::Lookup;
use crate::merge::Merged;
use crate::rep::Representation;
use crate::sync::fault;
use crate::sync::ledger::FAULT_MEMTABLE_FILTER_HIDES_DELETION;
use crate::tombstones::Sight;
use crate::visibility::{Everything, Visibility};

/// Keys that are looked up together.
pub(super) const GROUP: usize = 32;

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
        let lookup = self.read(user_key, never)?;
        self.table.observe(&lookup);
        Ok(lookup)
    }

    #[inline]
    fn read(&self, user_key: &[u8], enough: impl Fn(&[&[u8]]) -> bool) -> Result<Lookup<'t>> {
        let covering = self.covering(user_key);
        if self.rules_out(user_key) {
            return Ok(Lookup::uncovered(covering));
        }
        let (rep, snapshot) = (&self.table.rep, self.snapshot);
        Lookup::read(rep, user_key, snapshot, &self.visibility, covering, enough)
    }

    /// The newest visible range deletion that covers the key.
    #[inline]
    fn covering(&self, user_key: &[u8]) -> Option<SequenceNumber> {
        let tombstones = &self.table.tombstones;
        if tombstones.is_empty()
            || fault(&FAULT_MEMTABLE_FILTER_HIDES_DELETION) && self.rules_out(user_key)
        {
            return None;
        }
        let sight = Sight {
            snapshot: self.snapshot,
            visibility: &self.visibility,
        };
        tombstones.covering(self.table.comparator(), user_key, &sight)
    }

    /// True when the table's filter denies the key.
    #[inline]
    fn rules_out(&self, user_key: &[u8]) -> bool {
        let filter = self.table.filter.as_ref();
        filter.is_some_and(|filter| filter.rules_out(user_key))
    }

    /// As [`get`](Self::get), with the operands folded by the table's merge operator
    /// if what lies below them is in the table, too, or makes no difference.
    ///
    /// ```
    /// use std::borrow::Cow;
    /// use std::sync::Arc;
    /// use verimem::merge::{Merged, StringAppend};
    /// use verimem::{Kind, MemTable};
    ///
    /// let append = Arc::new(StringAppend { delimiter: b' ' });
    /// let table = MemTable::builder().merge_operator(append).build()?;
    /// table.add(1, Kind::VALUE, b"k", b"one")?;
    /// table.add(2, Kind::MERGE, b"k", b"two")?;
    /// let Merged::Found { value, .. } = table.reader(2)?.get_merged(b"k")? else { panic!() };
    /// assert_eq!(value, Cow::Borrowed(&b"one two"[..]));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get); [`Error::Unsupported`] when there are operands and
    /// the table has no operator, or they lie upon an entry of a kind of its own, as a
    /// blob index; [`Error::MergeFailed`].
    pub fn get_merged(&self, user_key: &[u8]) -> Result<Merged<'t>> {
        let operator = self.table.merge_operator.as_deref();
        let enough = |operands: &[&[u8]]| {
            operator.is_some_and(|operator| operator.is_enough(user_key, operands))
        };
        let lookup = self.read(user_key, enough)?;
        self.table.observe(&lookup);
        Merged::of(user_key, lookup, operator)
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
        let mut answer = |user_key: &[u8], newest| {
            let covering = self.covering(user_key);
            let visibility = &self.visibility;
            let way = if rep.is_checked() {
                Representation::verify_path(rep, user_key, self.snapshot)
            } else {
                Ok(())
            };
            let answer = way.map_err(Error::from).and_then(|()| {
                Lookup::read_from(rep, newest, user_key, visibility, covering, never)
            });
            if let Ok(answer) = &answer {
                self.table.observe(answer);
            }
            answers.push(answer);
        };
        for group in keys.chunks(GROUP) {
            // Only what the filter admits is searched for.
            let filter = self.table.filter.as_ref();
            let admitted = filter.map(|filter| filter.admit(group.iter().copied()));
            let admits = |&place: &usize| admitted.as_ref().is_none_or(|all| all[place]);
            let places: SmallVec<[usize; GROUP]> = (0..group.len()).filter(admits).collect();
            let admitted: SmallVec<[&[u8]; GROUP]> =
                places.iter().map(|&place| group[place]).collect();
            let mut next = 0;
            Representation::find_all(rep, &admitted, self.snapshot, |index, newest| {
                let place = places[index];
                group[next..place].iter().for_each(|key| answer(key, None));
                answer(group[place], newest);
                next = place + 1;
            });
            group[next..].iter().for_each(|key| answer(key, None));
        }
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
