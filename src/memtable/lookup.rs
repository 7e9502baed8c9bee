//! How a representation answers a point lookup.

use crate::entry::EntryRef;
use crate::error::{Corruption, Error, Result};
use crate::key::{
    Comparator, Kind, SequenceNumber, Timestamp, Version, split_timestamp, with_timestamp,
    without_timestamp,
};
use crate::lookup::{Lookup, MergeBase};
use crate::rep::ReadRep;
use crate::tombstones::Sight;
use crate::visibility::{Visibility, sees};

/// What a point lookup asks.
pub(super) struct Query<'q, V> {
    /// Without a timestamp.
    pub(super) user_key: &'q [u8],
    /// What of the key is to be seen.
    pub(super) sight: Sight<'q, V>,
    /// The newest visible range deletion of the key.
    pub(super) covering: Option<Version>,
}

/// What a point lookup found: the timestamp of the newest visible entry goes with it, where
/// keys have any.
pub(super) type Stamped<'a> = (Lookup<'a>, Option<Timestamp>);

/// The newest entry of `user_key` that is to be seen, of whatever kind.
pub(super) fn newest<R: ReadRep>(
    rep: &R,
    user_key: &[u8],
    sight: &Sight<'_, impl Visibility>,
) -> Result<Option<R::Position>> {
    let found = find(rep, user_key, sight)?;
    let mut versions = Versions::new(rep, user_key, sight);
    let visible = found.map(|found| versions.visible_from(found));
    Ok(visible.transpose()?.flatten())
}

/// The first entry of `user_key` from the snapshot on, or from the timestamp on where
/// keys have timestamps: there, it may be newer than the snapshot.
#[inline(always)]
fn find<R: ReadRep>(
    rep: &R,
    user_key: &[u8],
    sight: &Sight<'_, impl Visibility>,
) -> Result<Option<R::Position>> {
    let found = with_timestamp(rep.comparator(), user_key, sight.timestamp, |user_key| {
        Ok(rep.find(user_key, sight.snapshot))
    })?;
    verify_way(rep, user_key, sight)?;
    Ok(found)
}

/// Verifies what such a search came by, as closely as the table was asked to.
#[inline(always)]
pub(super) fn verify_way<R: ReadRep>(
    rep: &R,
    user_key: &[u8],
    sight: &Sight<'_, impl Visibility>,
) -> Result<()> {
    if !rep.is_checked() {
        return Ok(());
    }
    with_timestamp(rep.comparator(), user_key, sight.timestamp, |user_key| {
        Ok(rep.verify_path(user_key, sight.snapshot)?)
    })
}

impl<'a> Lookup<'a> {
    /// What `rep` says, of which `part` takes what is wanted: no answer is moved about.
    #[inline]
    pub(super) fn read<R: ReadRep, T>(
        rep: &'a R,
        query: &Query<'_, impl Visibility>,
        enough: impl Fn(&[&[u8]]) -> bool,
        part: impl Fn(Stamped<'a>) -> T,
    ) -> Result<T> {
        let newest = find(rep, query.user_key, &query.sight)?;
        Self::read_from(rep, newest, query, enough, part)
    }

    /// The answer where there is no entry, or none above a range deletion.
    #[inline]
    pub(super) fn uncovered<C: Comparator>(covering: Option<Version>) -> Stamped<'a> {
        match covering {
            Some(Version {
                timestamp,
                sequence,
            }) => {
                let kind = Kind::RANGE_DELETION;
                let timestamp = (C::TIMESTAMP_LEN != 0).then_some(timestamp);
                (Lookup::Deleted { sequence, kind }, timestamp)
            }
            None => (Lookup::NotFound, None),
        }
    }

    /// Reads the visible versions of a key from its newest on, until `enough` operands
    /// were read, newest first.
    #[inline]
    pub(super) fn read_from<R: ReadRep, T>(
        rep: &'a R,
        newest: Option<R::Position>,
        query: &Query<'_, impl Visibility>,
        enough: impl Fn(&[&[u8]]) -> bool,
        part: impl Fn(Stamped<'a>) -> T,
    ) -> Result<T> {
        let covering = query.covering;
        let mut versions = Versions::new(rep, query.user_key, &query.sight);
        let newest = newest.map(|newest| versions.visible_from(newest));
        let Some(position) = newest.transpose()?.flatten() else {
            return Ok(part(Self::uncovered::<R::Comparator>(covering)));
        };
        // SAFETY: the position came from this representation.
        let entry = unsafe { rep.entry(position) }?;
        if covering.is_some_and(|covering| versions.hides(covering, &entry)) {
            return Ok(part(Self::uncovered::<R::Comparator>(covering)));
        }
        let EntryRef {
            sequence,
            kind,
            value,
            ..
        } = entry;
        let (_, timestamp) = split_timestamp(rep.comparator(), entry.user_key);
        if kind == Kind::MERGE {
            let merge = Self::read_merge(versions, position, entry, covering, enough)?;
            return Ok(part((merge, timestamp)));
        }
        Ok(if kind.is_tombstone() {
            part((Lookup::Deleted { sequence, kind }, timestamp))
        } else {
            let found = Lookup::Found {
                value,
                sequence,
                kind,
            };
            part((found, timestamp))
        })
    }

    fn read_merge<R: ReadRep, V: Visibility>(
        mut versions: Versions<'a, '_, R, V>,
        mut position: R::Position,
        newest: EntryRef<'a>,
        covering: Option<Version>,
        enough: impl Fn(&[&[u8]]) -> bool,
    ) -> Result<Lookup<'a>> {
        let mut operands = Vec::new();
        push(&mut operands, newest.value)?;
        let base = loop {
            if enough(&operands) {
                break MergeBase::Unneeded;
            }
            let older = versions.visible_after(position)?;
            // SAFETY: the position came from this representation.
            let entry = older.map(|older| unsafe { versions.rep.entry(older) });
            let entry = entry.transpose()?;
            let hides =
                |covering: &Version| entry.is_none_or(|entry| versions.hides(*covering, &entry));
            if let Some(Version { sequence, .. }) = covering.filter(hides) {
                break MergeBase::Deleted { sequence };
            }
            let (Some(older), Some(entry)) = (older, entry) else {
                break MergeBase::Missing;
            };
            position = older;
            let EntryRef {
                sequence,
                kind,
                value,
                ..
            } = entry;
            if kind == Kind::MERGE {
                push(&mut operands, value)?;
            } else if kind.is_tombstone() {
                break MergeBase::Deleted { sequence };
            } else {
                break MergeBase::Value {
                    value,
                    sequence,
                    kind,
                };
            }
        };
        Ok(Lookup::Merge {
            operands,
            sequence: newest.sequence,
            base,
        })
    }
}

/// The versions of one key, from some position on.
struct Versions<'a, 'k, R: ReadRep, V> {
    rep: &'a R,
    /// Without a timestamp.
    user_key: &'k [u8],
    sight: &'k Sight<'k, V>,
    trail: R::Trail,
}

impl<'a, 'k, R: ReadRep, V: Visibility> Versions<'a, 'k, R, V> {
    const STAMPED: bool = R::Comparator::TIMESTAMP_LEN != 0;

    #[inline(always)]
    fn new(rep: &'a R, user_key: &'k [u8], sight: &'k Sight<'k, V>) -> Self {
        Self {
            rep,
            user_key,
            sight,
            trail: R::Trail::default(),
        }
    }

    /// Whether a range deletion hides an entry.
    #[inline(always)]
    fn hides(&self, covering: Version, entry: &EntryRef<'_>) -> bool {
        let comparator = self.rep.comparator();
        let version = Version::of(comparator, entry.user_key, entry.sequence);
        covering.is_newer::<R::Comparator>(version)
    }

    /// Whether an entry from the first one on is visible.
    #[inline(always)]
    fn sees(&self, sequence: SequenceNumber) -> bool {
        // An older timestamp can have a larger number.
        let beyond = Self::STAMPED && sequence > self.sight.snapshot;
        !beyond && sees(self.sight.visibility, sequence)
    }

    /// The first visible version at or after one of them.
    #[inline(always)]
    fn visible_from(&mut self, position: R::Position) -> Result<Option<R::Position>> {
        // Not even the number is read where all are visible.
        if !Self::STAMPED && self.sight.visibility.min_uncommitted() == SequenceNumber::MAX {
            return Ok(Some(position));
        }
        // SAFETY: the position came from this representation.
        let (_, sequence) = unsafe { self.rep.key(position) }.ok_or(Corruption::Lengths)?;
        if self.sees(sequence) {
            return Ok(Some(position));
        }
        self.visible_after(position)
    }

    /// The first visible version after one of them.
    fn visible_after(&mut self, mut position: R::Position) -> Result<Option<R::Position>> {
        loop {
            // SAFETY: the position came from this representation.
            let next = unsafe { self.rep.next(&mut self.trail, position) };
            if self.rep.is_checked() {
                // SAFETY: as above.
                unsafe { self.rep.verify_step(Some(position), next) }?;
            }
            let Some(next) = next else { return Ok(None) };
            position = next;
            // SAFETY: as above.
            let (found, sequence) = unsafe { self.rep.key(position) }.ok_or(Corruption::Lengths)?;
            let comparator = self.rep.comparator();
            let found = without_timestamp::<R::Comparator>(found);
            let order = comparator.compare_without_timestamp(found, self.user_key);
            if order.is_ne() {
                return Ok(None);
            }
            if self.sees(sequence) {
                return Ok(Some(position));
            }
        }
    }
}

/// Reads all operands.
pub(super) fn never(_operands: &[&[u8]]) -> bool {
    false
}

/// Appends an operand, or says that there is no memory for it.
pub(super) fn push<'a>(operands: &mut Vec<&'a [u8]>, operand: &'a [u8]) -> Result<()> {
    operands.try_reserve(1).map_err(|_| Error::OutOfMemory {
        requested: (operands.len() + 1) * size_of::<&[u8]>(),
    })?;
    operands.push(operand);
    Ok(())
}
