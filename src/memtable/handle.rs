//! Tables as what cursors hold on to.

use super::MemTable;
use crate::key::{Comparator, PrefixExtractor};
use crate::rep::{Handle, MemTableRep, ReadObserver, Sealed};
use crate::sync::Arc;
use crate::tombstones::Tombstones;

impl<C, R> Sealed for &MemTable<C, R> {}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Handle for &MemTable<C, R> {
    type Rep = R;

    #[inline(always)]
    fn rep(&self) -> &R {
        &self.rep
    }

    #[inline(always)]
    fn observer(&self) -> Option<&dyn ReadObserver> {
        MemTable::observer(self)
    }

    #[inline(always)]
    fn prefix_extractor(&self) -> Option<&dyn PrefixExtractor> {
        MemTable::prefix_extractor(self)
    }

    #[inline(always)]
    fn may_have_prefix(&self, prefix: &[u8]) -> bool {
        MemTable::may_have_prefix(self, prefix)
    }

    #[inline(always)]
    fn tombstones(&self) -> Option<&Tombstones> {
        Some(&self.tombstones)
    }
}

impl<C, R> Sealed for Arc<MemTable<C, R>> {}

impl<C: Comparator, R: MemTableRep<Comparator = C>> Handle for Arc<MemTable<C, R>> {
    type Rep = R;

    #[inline(always)]
    fn rep(&self) -> &R {
        &self.rep
    }

    #[inline(always)]
    fn observer(&self) -> Option<&dyn ReadObserver> {
        MemTable::observer(self)
    }

    #[inline(always)]
    fn prefix_extractor(&self) -> Option<&dyn PrefixExtractor> {
        MemTable::prefix_extractor(self)
    }

    #[inline(always)]
    fn may_have_prefix(&self, prefix: &[u8]) -> bool {
        MemTable::may_have_prefix(self, prefix)
    }

    #[inline(always)]
    fn tombstones(&self) -> Option<&Tombstones> {
        Some(&self.tombstones)
    }
}
