//! A memtable that is obviously right.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::answer::{Answer, Base, Counters, Entry, Refusal, kind};
use crate::merging::{MergeRefusal, Merged, Merging};
use crate::order::{Order, Place};
use crate::ranges::Ranges;
use crate::sight::{MAX_SEQUENCE, Sight};

/// What an iterator sees: what a reader sees, of the keys between bounds.
#[derive(Debug, Clone)]
pub struct View {
    /// The entries.
    pub sight: Sight,
    /// The first key.
    pub lower: Bound<Vec<u8>>,
    /// The last key.
    pub upper: Bound<Vec<u8>>,
}

impl View {
    /// All keys.
    #[must_use]
    pub fn whole(snapshot: u64) -> Self {
        Self {
            sight: Sight::at(snapshot),
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
        }
    }
}

/// A memtable on `BTreeMap`.
#[derive(Debug, Default)]
pub struct ModelMemTable {
    order: Order,
    entries: BTreeMap<Place, (u8, Vec<u8>)>,
    ranges: Ranges,
    merging: Merging,
    max_successive_merges: usize,
    sealed: bool,
}

/// Who adds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// One of any number of writers.
    Anyone,
    /// The only writer there is.
    Exclusive,
}

impl ModelMemTable {
    /// An empty table.
    #[must_use]
    pub fn new(order: Order) -> Self {
        Self {
            order,
            ..Self::default()
        }
    }

    /// The same table, whose operands are folded so. At most so many lie upon each other
    /// before the next one is, if it is written exclusively; 0 never folds then.
    #[must_use]
    pub fn merging(mut self, merging: Merging, max_successive_merges: usize) -> Self {
        (self.merging, self.max_successive_merges) = (merging, max_successive_merges);
        self
    }

    /// The order of its user keys.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// The first refusal that applies; nothing is stored then.
    pub fn add(&mut self, entry: &Entry<'_>, by: By) -> Result<(), Refusal> {
        self.check(entry)?;
        if entry.kind == kind::RANGE_DELETION {
            let (begin, end) = (entry.user_key, entry.value);
            if self.order.compare(begin, end).is_lt() {
                self.ranges.add(begin, end, entry.sequence);
            }
            return Ok(());
        }
        let folded = self.folded(entry, by);
        let kind = if folded.is_some() {
            kind::VALUE
        } else {
            entry.kind
        };
        let value = folded.unwrap_or_else(|| entry.value.to_vec());
        let place = self.place(entry.user_key, entry.sequence);
        self.entries.insert(place, (kind, value));
        Ok(())
    }

    /// The value that is stored in place of an operand, if there is to be one (SPEC W5).
    #[must_use]
    pub fn folded(&self, entry: &Entry<'_>, by: By) -> Option<Vec<u8>> {
        if by == By::Anyone || entry.kind != kind::MERGE {
            return None;
        }
        let sight = Sight::at(entry.sequence.checked_sub(1)?);
        let below = self.get(entry.user_key, &sight);
        self.merging
            .stored(self.max_successive_merges, &below, entry.value)
    }

    /// What [`add`](Self::add) would say, without adding.
    ///
    /// # Errors
    ///
    /// The first refusal that applies.
    pub fn check(&self, entry: &Entry<'_>) -> Result<(), Refusal> {
        if self.sealed {
            return Err(Refusal::Sealed);
        }
        if entry.sequence > MAX_SEQUENCE {
            return Err(Refusal::SequenceTooLarge);
        }
        // The entry limit is that of the whole record, checksum included; no
        // test can afford an entry for which the checksum decides.
        let limit = u64::from(u32::MAX);
        let (key, value) = (entry.user_key.len() as u64, entry.value.len() as u64);
        if key + 8 > limit {
            return Err(Refusal::KeyTooLarge);
        }
        if value > limit {
            return Err(Refusal::ValueTooLarge);
        }
        if key + 8 + value > limit {
            return Err(Refusal::EntryTooLarge);
        }
        if entry.kind == kind::RANGE_DELETION {
            return match self.order.compare(entry.user_key, entry.value) {
                Ordering::Greater => Err(Refusal::InvertedRange),
                _ => Ok(()),
            };
        }
        if self.contains(entry.user_key, entry.sequence) {
            return Err(Refusal::Duplicate);
        }
        Ok(())
    }

    /// Refuses all writes from now on.
    pub fn seal(&mut self) {
        self.sealed = true;
    }

    /// True after [`seal`](Self::seal).
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// True when an entry has this key and this very sequence number.
    #[must_use]
    pub fn contains(&self, user_key: &[u8], sequence: u64) -> bool {
        self.entries.contains_key(&self.place(user_key, sequence))
    }

    /// The newest entry of a key that a reader sees, of any kind.
    #[must_use]
    pub fn newest(&self, user_key: &[u8], sight: &Sight) -> Option<Entry<'_>> {
        self.versions(user_key, sight).next()
    }

    /// What a reader sees of a key.
    #[must_use]
    pub fn get(&self, user_key: &[u8], sight: &Sight) -> Answer<'_> {
        let covering = self.covering(user_key, sight);
        let uncovered = |entry: &Entry<'_>| Some(entry.sequence) >= covering;
        let Some(newest) = self.newest(user_key, sight).filter(uncovered) else {
            return covering.map_or(Answer::NotFound, |sequence| Answer::Deleted {
                kind: kind::RANGE_DELETION,
                sequence,
            });
        };
        let Entry {
            kind,
            sequence,
            value,
            ..
        } = newest;
        if kind::is_tombstone(kind) {
            return Answer::Deleted { kind, sequence };
        }
        if kind != kind::MERGE {
            return Answer::Found {
                kind,
                sequence,
                value,
            };
        }
        let is_operand = |entry: &Entry<'_>| entry.kind == kind::MERGE;
        let versions = || self.versions(user_key, sight).take_while(uncovered);
        Answer::Merge {
            operands: versions()
                .take_while(is_operand)
                .map(|entry| entry.value)
                .collect(),
            sequence,
            base: match versions().find(|entry| !is_operand(entry)) {
                None => covering.map_or(Base::Missing, |sequence| Base::Deleted { sequence }),
                Some(entry) if kind::is_tombstone(entry.kind) => Base::Deleted {
                    sequence: entry.sequence,
                },
                Some(Entry {
                    kind,
                    sequence,
                    value,
                    ..
                }) => Base::Value {
                    kind,
                    sequence,
                    value,
                },
            },
        }
    }

    /// What a reader sees of each of the keys.
    #[must_use]
    pub fn multi_get(&self, keys: &[&[u8]], sight: &Sight) -> Vec<Answer<'_>> {
        keys.iter().map(|key| self.get(key, sight)).collect()
    }

    /// What a reader sees of a key, folded.
    ///
    /// # Errors
    ///
    /// Why it cannot be.
    pub fn get_merged(&self, user_key: &[u8], sight: &Sight) -> Result<Merged<'_>, MergeRefusal> {
        self.merging.merged(self.get(user_key, sight))
    }

    /// All entries in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.entries
            .iter()
            .map(|(place, (kind, value))| entry(place, *kind, value))
    }

    /// How many entries lie from one key on and before another.
    #[must_use]
    pub fn count_between(&self, begin: &[u8], end: &[u8]) -> usize {
        if self.order.compare(begin, end).is_ge() {
            return 0;
        }
        let (begin, end) = (self.place(begin, u64::MAX), self.place(end, u64::MAX));
        self.range(Bound::Included(begin), Bound::Excluded(end))
            .count()
    }

    /// The newest visible entry of each key, in order, without deleted keys.
    #[must_use]
    pub fn visible(&self, view: &View) -> Vec<Entry<'_>> {
        let mut entries: Vec<_> = self
            .entries()
            .filter(|entry| view.sight.sees(entry.sequence) && self.within(view, entry.user_key))
            .collect();
        entries.dedup_by_key(|entry| entry.user_key);
        entries.retain(|entry| {
            !kind::is_tombstone(entry.kind)
                && Some(entry.sequence) >= self.covering(entry.user_key, &view.sight)
        });
        entries
    }

    /// The newest range deletion that hides a key from a reader.
    #[must_use]
    pub fn covering(&self, user_key: &[u8], sight: &Sight) -> Option<u64> {
        self.ranges.covering(self.order, user_key, sight)
    }

    /// What range deletions with numbers from one to another delete: begin, end, and the
    /// largest of the numbers, of stretches that are as long as they can be.
    #[must_use]
    pub fn range_deletions(&self, first: u64, last: u64) -> Vec<(&[u8], &[u8], u64)> {
        self.ranges.fragments(self.order, first, last)
    }

    /// The counters, counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for Entry {
            user_key,
            sequence,
            kind,
            value,
        } in self.entries().chain(self.ranges.entries())
        {
            counters.entries += 1;
            counters.deletions += u64::from(kind::is_tombstone(kind));
            counters.merges += u64::from(kind == kind::MERGE);
            counters.range_deletions += u64::from(kind == kind::RANGE_DELETION);
            counters.data_size += (user_key.len() + 8 + value.len()) as u64;
            let first = counters.first_sequence.get_or_insert(sequence);
            *first = sequence.min(*first);
            counters.largest_sequence = counters.largest_sequence.max(Some(sequence));
        }
        counters
    }

    /// The place of a key and sequence number in this table.
    #[must_use]
    pub fn place(&self, user_key: &[u8], sequence: u64) -> Place {
        Place {
            order: self.order,
            user_key: user_key.to_vec(),
            sequence,
        }
    }

    /// The entries between two places.
    pub(crate) fn range(
        &self,
        from: Bound<Place>,
        to: Bound<Place>,
    ) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        let range = self.entries.range((from, to));
        range.map(|(place, (kind, value))| entry(place, *kind, value))
    }

    /// True when a key is between the bounds of a view.
    pub(crate) fn within(&self, view: &View, user_key: &[u8]) -> bool {
        (match &view.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => self.order.compare(lower, user_key).is_le(),
            Bound::Excluded(lower) => self.order.compare(lower, user_key).is_lt(),
        }) && match &view.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => self.order.compare(user_key, upper).is_le(),
            Bound::Excluded(upper) => self.order.compare(user_key, upper).is_lt(),
        }
    }

    /// The versions of a key that a reader sees, newest first.
    fn versions(&self, user_key: &[u8], sight: &Sight) -> impl Iterator<Item = Entry<'_>> {
        let from = self.place(user_key, sight.snapshot);
        let to = self.place(user_key, 0);
        let sight = *sight;
        self.range(Bound::Included(from), Bound::Included(to))
            .filter(move |entry| sight.sees(entry.sequence))
    }
}

fn entry<'a>(place: &'a Place, kind: u8, value: &'a [u8]) -> Entry<'a> {
    Entry {
        user_key: &place.user_key,
        sequence: place.sequence,
        kind,
        value,
    }
}
