//! The bounds of an iterator.

use core::ops::Bound;

use super::VisibleIter;
use crate::error::Result;
use crate::key::Comparator;
use crate::memtable::steer::{after_all, before_all};
use crate::rep::{Cursor, Handle};
use crate::visibility::Visibility;

impl<H: Handle, V: Visibility> VisibleIter<H, V> {
    /// Goes to the first entry that the lower bound admits.
    pub(super) fn go_to_lower(&mut self) -> Result<()> {
        let cursor = &mut self.cursor;
        match &self.lower {
            Bound::Unbounded => cursor.seek_to_first(),
            Bound::Included(key) => before_all(cursor, key, Cursor::seek)?,
            Bound::Excluded(key) => {
                after_all(cursor, key, Cursor::seek)?;
                Self::step_over(cursor, key)?;
            }
        }
        Ok(())
    }

    /// Goes to the last entry that the upper bound admits.
    pub(super) fn go_to_upper(&mut self) -> Result<()> {
        let cursor = &mut self.cursor;
        match &self.upper {
            Bound::Unbounded => cursor.seek_to_last(),
            Bound::Included(key) => after_all(cursor, key, Cursor::seek_for_prev)?,
            Bound::Excluded(key) => before_all(cursor, key, Cursor::seek_before)?,
        }
        Ok(())
    }

    /// True when `user_key` lies before the lower bound.
    pub(super) fn is_below(&self, user_key: &[u8]) -> bool {
        let order = |bound| self.comparator().compare_without_timestamp(user_key, bound);
        match &self.lower {
            Bound::Unbounded => false,
            Bound::Included(bound) => order(bound).is_lt(),
            Bound::Excluded(bound) => order(bound).is_le(),
        }
    }

    /// True when `user_key` lies after the upper bound.
    pub(super) fn is_above(&self, user_key: &[u8]) -> bool {
        let order = |bound| self.comparator().compare_without_timestamp(user_key, bound);
        match &self.upper {
            Bound::Unbounded => false,
            Bound::Included(bound) => order(bound).is_gt(),
            Bound::Excluded(bound) => order(bound).is_ge(),
        }
    }
}
