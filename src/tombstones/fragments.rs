//! Range deletions as a flush writes them (SPEC D2).

use core::ops::Deref;

use super::Fragment;
use crate::key::Comparator;

/// Ascending fragments of range deletions, which do not overlap: a slice of them, and
/// more. Keys have no timestamps here, also where those of the table have.
#[derive(Debug)]
pub struct RangeDeletions<'t, C> {
    fragments: Vec<Fragment<'t>>,
    comparator: &'t C,
}

impl<'t, C: Comparator> RangeDeletions<'t, C> {
    pub(crate) fn new(fragments: Vec<Fragment<'t>>, comparator: &'t C) -> Self {
        Self {
            fragments,
            comparator,
        }
    }

    /// The fragments from the first one on that ends behind `key`: the one that the key is
    /// in, if there is one, and those after it. O(log n).
    #[must_use]
    pub fn seek(&self, key: &[u8]) -> &[Fragment<'t>] {
        let before = |fragment: &Fragment<'_>| {
            self.comparator
                .compare_without_timestamp(fragment.end, key)
                .is_le()
        };
        &self.fragments[self.fragments.partition_point(before)..]
    }

    /// The fragment that `key` is in. O(log n).
    #[must_use]
    pub fn covering(&self, key: &[u8]) -> Option<Fragment<'t>> {
        let first = self.seek(key).first().copied();
        first.filter(|first| {
            self.comparator
                .compare_without_timestamp(first.begin, key)
                .is_le()
        })
    }

    /// What the fragments have of the keys from `begin` on and before `end`, cut to them:
    /// what belongs beside an output file with such keys. `None` cuts nothing.
    /// O(log n) to begin.
    ///
    /// ```
    /// use verimem::MemTable;
    ///
    /// let table = MemTable::builder().build()?;
    /// table.delete_range(1, b"a", b"m")?;
    /// let deletions = table.range_deletions(0..=1)?;
    /// let cut = deletions.truncated(Some(b"c"), Some(b"f")).next();
    /// assert_eq!(cut.map(|cut| (cut.begin, cut.end)), Some((&b"c"[..], &b"f"[..])));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    pub fn truncated<'s>(
        &'s self,
        begin: Option<&'s [u8]>,
        end: Option<&'s [u8]>,
    ) -> impl Iterator<Item = Fragment<'s>> + use<'s, 't, C> {
        let comparator = self.comparator;
        let from = begin.map_or(&self.fragments[..], |begin| self.seek(begin));
        let cut = move |fragment: &Fragment<'s>| {
            let mut cut = *fragment;
            if let Some(begin) = begin
                && comparator
                    .compare_without_timestamp(cut.begin, begin)
                    .is_lt()
            {
                cut.begin = begin;
            }
            if let Some(end) = end
                && comparator.compare_without_timestamp(end, cut.end).is_lt()
            {
                cut.end = end;
            }
            comparator
                .compare_without_timestamp(cut.begin, cut.end)
                .is_lt()
                .then_some(cut)
        };
        from.iter().map_while(cut)
    }
}

impl<'t, C> Deref for RangeDeletions<'t, C> {
    type Target = [Fragment<'t>];

    fn deref(&self) -> &Self::Target {
        &self.fragments
    }
}

impl<'t, C> IntoIterator for RangeDeletions<'t, C> {
    type Item = Fragment<'t>;
    type IntoIter = std::vec::IntoIter<Fragment<'t>>;

    fn into_iter(self) -> Self::IntoIter {
        self.fragments.into_iter()
    }
}
