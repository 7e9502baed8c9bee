//! Point reads at a snapshot.

use core::fmt;

use smallvec::SmallVec;

use super::MemTable;
use super::lookup::{Query, Stamped, never, verify_way};
use crate::error::{Error, Result};
use crate::key::{BytewiseComparator, Comparator, SequenceNumber, Timestamp, Version};
use crate::lookup::Lookup;
use crate::merge::Merged;
use crate::rep::{MemTableRep, ReadRep, SkipListRep};
use crate::sync::fault;
use crate::sync::ledger::FAULT_MEMTABLE_FILTER_HIDES_DELETION;
use crate::tombstones::Sight;
use crate::visibility::{Everything, Visibility};

/// Keys that are looked up together.
pub(super) const GROUP: usize = 32;

/// Reads of a table at one snapshot, and at one timestamp where keys have timestamps.
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
pub struct Reader<'t, C: Comparator = BytewiseComparator, V = Everything, R = SkipListRep<C>> {
    table: &'t MemTable<C, R>,
    snapshot: SequenceNumber,
    timestamp: Timestamp,
    visibility: V,
}

impl<'t, C: Comparator, R: MemTableRep<Comparator = C>> Reader<'t, C, Everything, R> {
    #[inline]
    pub(super) fn new(table: &'t MemTable<C, R>, snapshot: SequenceNumber) -> Result<Self> {
        super::check_snapshot(snapshot)?;
        Ok(Self {
            table,
            snapshot,
            timestamp: Timestamp::MAX,
            visibility: Everything,
        })
    }

    /// The same, seeing only what `visibility` lets it see of the snapshot.
    #[must_use]
    pub fn with_visibility<V: Visibility>(self, visibility: V) -> Reader<'t, C, V, R> {
        Reader {
            table: self.table,
            snapshot: self.snapshot,
            timestamp: self.timestamp,
            visibility,
        }
    }
}

impl<'t, C: Comparator, V: Visibility, R: MemTableRep<Comparator = C>> Reader<'t, C, V, R> {
    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> SequenceNumber {
        self.snapshot
    }

    /// The same, seeing nothing with a newer timestamp (SPEC E9); without this, all
    /// timestamps are seen. It makes no difference where keys have none. User keys that
    /// are asked for are always given without a timestamp.
    #[must_use]
    pub fn at_timestamp(self, timestamp: Timestamp) -> Self {
        Self { timestamp, ..self }
    }

    /// What the table says of `user_key`. O(log n), and the number of operands for
    /// a merge, and of versions that are hidden.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] when a checksum differs; [`Error::OutOfMemory`] when
    /// there is none for the list of operands, or a long key with a timestamp.
    #[inline]
    pub fn get(&self, user_key: &[u8]) -> Result<Lookup<'t>> {
        let lookup = self.read(user_key, never, |(lookup, _)| lookup)?;
        self.table.observe(&lookup);
        Ok(lookup)
    }

    /// As [`get`](Self::get), with the timestamp of the newest visible entry or range
    /// deletion; `None` if nothing was found, or keys have none.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    #[inline]
    pub fn get_with_timestamp(&self, user_key: &[u8]) -> Result<(Lookup<'t>, Option<Timestamp>)> {
        let answer = self.read(user_key, never, |answer| answer)?;
        self.table.observe(&answer.0);
        Ok(answer)
    }

    /// An answer of which `part` takes what is wanted, and which is not counted.
    #[inline]
    pub(super) fn read<T>(
        &self,
        user_key: &[u8],
        enough: impl Fn(&[&[u8]]) -> bool,
        part: impl Fn(Stamped<'t>) -> T,
    ) -> Result<T> {
        let query = self.query(user_key);
        if self.rules_out(user_key) {
            return Ok(part(Lookup::uncovered::<C>(query.covering)));
        }
        Lookup::read(&self.table.rep, &query, enough, part)
    }

    #[inline]
    fn query<'q>(&'q self, user_key: &'q [u8]) -> Query<'q, V> {
        let sight = Sight {
            snapshot: self.snapshot,
            timestamp: self.timestamp,
            visibility: &self.visibility,
        };
        Query {
            user_key,
            covering: self.covering(user_key, &sight),
            sight,
        }
    }

    /// The newest visible range deletion that covers the key.
    #[inline]
    fn covering(&self, user_key: &[u8], sight: &Sight<'_, V>) -> Option<Version> {
        let tombstones = &self.table.tombstones;
        if tombstones.is_empty()
            || fault(&FAULT_MEMTABLE_FILTER_HIDES_DELETION) && self.rules_out(user_key)
        {
            return None;
        }
        tombstones.covering(self.table.comparator(), user_key, sight)
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
        let lookup = self.read(user_key, enough, |(lookup, _)| lookup)?;
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
    #[inline]
    pub fn multi_get(&self, keys: &[&[u8]]) -> Result<Vec<Result<Lookup<'t>>>> {
        self.read_all(keys, |(lookup, _)| lookup)
    }

    /// As [`multi_get`](Self::multi_get), with the timestamps that
    /// [`get_with_timestamp`](Self::get_with_timestamp) has.
    ///
    /// # Errors
    ///
    /// As for [`multi_get`](Self::multi_get).
    #[expect(
        clippy::type_complexity,
        reason = "the answers of single gets in a list"
    )]
    pub fn multi_get_with_timestamps(
        &self,
        keys: &[&[u8]],
    ) -> Result<Vec<Result<(Lookup<'t>, Option<Timestamp>)>>> {
        self.read_all(keys, |answer| answer)
    }

    #[inline]
    fn read_all<T>(
        &self,
        keys: &[&[u8]],
        part: impl Fn(Stamped<'t>) -> T,
    ) -> Result<Vec<Result<T>>> {
        let mut answers = Vec::new();
        answers
            .try_reserve_exact(keys.len())
            .map_err(|_| Error::OutOfMemory {
                requested: keys.len().saturating_mul(size_of::<Result<T>>()),
            })?;
        let rep = &self.table.rep;
        let mut answer = |user_key: &[u8], newest| {
            let query = self.query(user_key);
            let answer = verify_way(rep, user_key, &query.sight)
                .and_then(|()| Lookup::read_from(rep, newest, &query, never, |one| one));
            if let Ok((lookup, _)) = &answer {
                self.table.observe(lookup);
            }
            answers.push(answer.map(&part));
        };
        let mut room = Vec::new();
        for group in keys.chunks(GROUP) {
            // Only what the filter admits is searched for.
            let filter = self.table.filter.as_ref();
            let admitted = filter.map(|filter| filter.admit(group.iter().copied()));
            let admits = |&place: &usize| admitted.as_ref().is_none_or(|all| all[place]);
            let places: SmallVec<[usize; GROUP]> = (0..group.len()).filter(admits).collect();
            let mut admitted: SmallVec<[&[u8]; GROUP]> =
                places.iter().map(|&place| group[place]).collect();
            if C::TIMESTAMP_LEN != 0 {
                self.stamp(&mut admitted, &mut room)?;
            }
            let mut next = 0;
            ReadRep::find_all(rep, &admitted, self.snapshot, |index, newest| {
                let place = places[index];
                group[next..place].iter().for_each(|key| answer(key, None));
                answer(group[place], newest);
                next = place + 1;
            });
            group[next..].iter().for_each(|key| answer(key, None));
        }
        Ok(answers)
    }

    /// Replaces keys by the same with the reader's timestamp, which are put into `room`.
    fn stamp<'k>(&self, keys: &mut [&'k [u8]], room: &'k mut Vec<u8>) -> Result<()> {
        let lengths = keys.iter().map(|key| key.len());
        let requested = lengths.fold(0, |sum: usize, length| {
            sum.saturating_add(length).saturating_add(C::TIMESTAMP_LEN)
        });
        room.clear();
        room.try_reserve(requested)
            .map_err(|_| Error::OutOfMemory { requested })?;
        for key in &*keys {
            room.extend_from_slice(key);
            let end = room.len();
            room.resize(end + C::TIMESTAMP_LEN, 0);
            let comparator = self.table.comparator();
            comparator.write_timestamp(self.timestamp, &mut room[end..]);
        }
        let mut rest = &room[..];
        for key in keys {
            (*key, rest) = rest.split_at(key.len() + C::TIMESTAMP_LEN);
        }
        Ok(())
    }
}

impl<C: Comparator, V, R> fmt::Debug for Reader<'_, C, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("table", &self.table.id)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}
