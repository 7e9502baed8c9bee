//! Folding merge operands as they are written (SPEC W5).

use std::borrow::Cow;

use super::MemTable;
use super::lookup::{Query, push};
use crate::entry::EntryRef;
use crate::error::Result;
use crate::key::{Comparator, Kind, SequenceNumber, Timestamp, split_timestamp};
use crate::lookup::{Lookup, MergeBase};
use crate::merge::value_to_merge;
use crate::rep::MemTableRep;
use crate::tombstones::Sight;
use crate::visibility::Visibility;

/// So many times the operands that may lie upon each other are looked at to find
/// their base. Where it is not in the table, every add would else read all of them.
const DEPTH: usize = 4;

impl<C: Comparator, R: MemTableRep<Comparator = C>> MemTable<C, R> {
    /// Whether an exclusive writer folds entries of this kind.
    #[inline]
    pub(super) fn folds(&self, kind: Kind) -> bool {
        kind == Kind::MERGE && self.max_successive_merges > 0
    }

    /// The value to be stored in place of an operand, if it is to be folded, made of what
    /// is visible below it.
    ///
    /// # Errors
    ///
    /// As for [`get`](MemTable::get).
    pub(super) fn fold(
        &self,
        operand: &EntryRef<'_>,
        visibility: &dyn Visibility,
    ) -> Result<Option<Vec<u8>>> {
        let most = self.max_successive_merges;
        self.fold_onto(most, operand, visibility, |value, _| {
            Ok(Cow::Borrowed(value))
        })
    }

    /// As [`fold`](Self::fold), for a table whose values are read by `plain`, given what is
    /// stored and the sequence number.
    ///
    /// # Errors
    ///
    /// As for [`get`](MemTable::get), and those of `plain`.
    pub(super) fn fold_onto<'a>(
        &'a self,
        most: usize,
        operand: &EntryRef<'_>,
        visibility: &dyn Visibility,
        plain: impl FnOnce(&'a [u8], SequenceNumber) -> Result<Cow<'a, [u8]>>,
    ) -> Result<Option<Vec<u8>>> {
        let (Some(operator), Some(below)) = (
            self.merge_operator.as_deref(),
            operand.sequence.checked_sub(1),
        ) else {
            return Ok(None);
        };
        let too_many = |operands: &[&[u8]]| operands.len() > most.saturating_mul(DEPTH);
        let (user_key, timestamp) = split_timestamp(self.comparator(), operand.user_key);
        let sight = Sight {
            snapshot: below,
            timestamp: timestamp.unwrap_or(Timestamp::MAX),
            visibility: &visibility,
        };
        let covering = self
            .tombstones
            .covering(self.comparator(), user_key, &sight);
        let query = Query {
            user_key,
            sight,
            covering,
        };
        let Lookup::Merge {
            mut operands, base, ..
        } = Lookup::read(&self.rep, &query, too_many, |(lookup, _)| lookup)?
        else {
            return Ok(None);
        };
        if operands.len() < most {
            return Ok(None);
        }
        let existing = match base {
            MergeBase::Value {
                value,
                sequence,
                kind: Kind::VALUE,
            } => Some((Kind::VALUE, plain(value, sequence)?)),
            MergeBase::Value { value, kind, .. } => Some((kind, Cow::Borrowed(value))),
            MergeBase::Deleted { .. } => None,
            MergeBase::Missing | MergeBase::Unneeded => return Ok(None),
        };
        let existing = existing.as_ref();
        let existing = existing.map(|(kind, value)| value_to_merge(*kind, value));
        let Ok(existing) = existing.transpose() else {
            return Ok(None);
        };
        operands.reverse();
        push(&mut operands, operand.value)?;
        let mut value = Vec::new();
        let merged = operator.full_merge(user_key, existing, &operands, &mut value);
        Ok(merged.ok().map(|()| value))
    }
}
