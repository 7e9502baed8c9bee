//! A memtable that is obviously right.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::answer::{Added, Answer, Base, Counters, Duplicates, Entry, Refusal, kind};
use crate::merging::{MergeRefusal, Merged, Merging};
use crate::order::{Order, Place};
use crate::prefix::{PrefixMode, Prefixes};
use crate::ranges::{Fragment, Ranges};
use crate::sight::{MAX_SEQUENCE, Sight};
use crate::stamp::{Layout, Version};

/// What an iterator sees: what a reader sees, of the keys between bounds.
#[derive(Debug, Clone)]
pub struct View {
    /// The entries.
    pub sight: Sight,
    /// The first key.
    pub lower: Bound<Vec<u8>>,
    /// The last key.
    pub upper: Bound<Vec<u8>>,
    /// What prefixes are to it.
    pub mode: PrefixMode,
}

impl View {
    /// All keys.
    #[must_use]
    pub fn whole(snapshot: u64) -> Self {
        Self {
            sight: Sight::at(snapshot),
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            mode: PrefixMode::TotalOrder,
        }
    }
}

/// A memtable on `BTreeMap`.
#[derive(Debug, Default)]
pub struct ModelMemTable {
    layout: Layout,
    duplicates: Duplicates,
    entries: BTreeMap<Place, (u8, Vec<u8>)>,
    ranges: Ranges,
    merging: Merging,
    prefixes: Prefixes,
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
            layout: Layout {
                order,
                timestamp_len: 0,
            },
            ..Self::default()
        }
    }

    /// The same table, whose keys end in timestamps of so many bytes.
    #[must_use]
    pub fn timestamps(mut self, timestamp_len: usize) -> Self {
        self.layout.timestamp_len = timestamp_len;
        self
    }

    /// The same table, which does this with duplicates.
    #[must_use]
    pub fn duplicates(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// The same table, whose operands are folded so. At most so many lie upon each other
    /// before the next one is, if it is written exclusively; 0 never folds then.
    #[must_use]
    pub fn merging(mut self, merging: Merging, max_successive_merges: usize) -> Self {
        (self.merging, self.max_successive_merges) = (merging, max_successive_merges);
        self
    }

    /// The same table, whose keys have such prefixes.
    #[must_use]
    pub fn prefixes(mut self, prefixes: Prefixes) -> Self {
        self.prefixes = prefixes;
        self
    }

    /// The prefix of a key without a timestamp.
    #[must_use]
    pub fn prefix_of<'k>(&self, bare: &'k [u8]) -> Option<&'k [u8]> {
        self.prefixes.of(bare)
    }

    /// The order of its user keys, and their timestamps.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// The first refusal that applies; nothing is stored then.
    pub fn add(&mut self, entry: &Entry<'_>, by: By) -> Result<Added, Refusal> {
        self.check(entry)?;
        if entry.kind == kind::RANGE_DELETION {
            let [begin, end] = [entry.user_key, entry.value].map(|key| self.layout.bare(key));
            if self.layout.compare(begin, end).is_ge() {
                return Ok(Added::Nothing);
            }
            self.ranges.add(entry.user_key, entry.value, entry.sequence);
            return Ok(Added::New);
        }
        let folded = self.folded(entry, by);
        let kind = if folded.is_some() {
            kind::VALUE
        } else {
            entry.kind
        };
        let value = folded.unwrap_or_else(|| entry.value.to_vec());
        let place = self.place(entry.user_key, entry.sequence);
        if self.duplicates == Duplicates::KeepFirst && self.entries.contains_key(&place) {
            return Ok(Added::Kept);
        }
        Ok(match self.entries.insert(place, (kind, value)) {
            None => Added::New,
            Some(_) => Added::Overwritten,
        })
    }

    /// The value that is stored in place of an operand, if there is to be one (SPEC W5).
    #[must_use]
    pub fn folded(&self, entry: &Entry<'_>, by: By) -> Option<Vec<u8>> {
        if by == By::Anyone || entry.kind != kind::MERGE {
            return None;
        }
        let mut sight = Sight::at(entry.sequence.checked_sub(1)?);
        if self.is_stamped() {
            sight.timestamp = self.version(entry).timestamp;
        }
        let below = self.get(self.layout.bare(entry.user_key), &sight);
        self.merging
            .stored(self.max_successive_merges, &below, entry.value)
    }

    /// What [`add`](Self::add) would say, without adding.
    ///
    /// # Errors
    ///
    /// The first refusal that applies.
    pub fn check(&self, entry: &Entry<'_>) -> Result<(), Refusal> {
        self.check_form(entry)?;
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
            let [(begin, from), (end, to)] =
                [entry.user_key, entry.value].map(|key| self.layout.split(key));
            if from != to || entry.value.len() < self.layout.timestamp_len {
                return Err(Refusal::OtherTimestamp);
            }
            return match self.layout.compare(begin, end) {
                Ordering::Greater => Err(Refusal::InvertedRange),
                _ => Ok(()),
            };
        }
        let refuses = self.duplicates == Duplicates::Reject;
        if refuses && self.contains(entry.user_key, entry.sequence) {
            return Err(Refusal::Duplicate);
        }
        Ok(())
    }

    /// The part of [`check`](Self::check) that comes before a checksum is looked at.
    ///
    /// # Errors
    ///
    /// The first refusal that applies.
    pub fn check_form(&self, entry: &Entry<'_>) -> Result<(), Refusal> {
        if self.sealed {
            return Err(Refusal::Sealed);
        }
        if entry.sequence > MAX_SEQUENCE {
            return Err(Refusal::SequenceTooLarge);
        }
        if entry.user_key.len() < self.layout.timestamp_len {
            return Err(Refusal::ShortTimestamp);
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

    /// True when an entry has this key, timestamp included, and this very sequence number.
    #[must_use]
    pub fn contains(&self, user_key: &[u8], sequence: u64) -> bool {
        self.entries.contains_key(&self.place(user_key, sequence))
    }

    /// The entry in a place.
    #[must_use]
    pub fn entry_at(&self, place: &Place) -> Option<Entry<'_>> {
        let found = self.entries.get_key_value(place);
        found.map(|(place, (kind, value))| entry(place, *kind, value))
    }

    /// The newest entry of a key, without a timestamp, that a reader sees, of any kind.
    #[must_use]
    pub fn newest(&self, bare: &[u8], sight: &Sight) -> Option<Entry<'_>> {
        self.versions(bare, sight).next()
    }

    /// What a reader sees of a key, without a timestamp.
    #[must_use]
    pub fn get(&self, bare: &[u8], sight: &Sight) -> Answer<'_> {
        let covering = self.covering(bare, sight);
        let uncovered = |entry: &Entry<'_>| Some(self.version(entry)) >= covering;
        let Some(newest) = self.newest(bare, sight).filter(uncovered) else {
            return covering.map_or(Answer::NotFound, |version| Answer::Deleted {
                kind: kind::RANGE_DELETION,
                sequence: version.sequence,
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
        let versions = || self.versions(bare, sight).take_while(uncovered);
        Answer::Merge {
            operands: versions()
                .take_while(is_operand)
                .map(|entry| entry.value)
                .collect(),
            sequence,
            base: match versions().find(|entry| !is_operand(entry)) {
                None => covering.map_or(Base::Missing, |version| Base::Deleted {
                    sequence: version.sequence,
                }),
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

    /// The timestamp of what the answer for a key comes from, where keys have one.
    #[must_use]
    pub fn timestamp_of(&self, bare: &[u8], sight: &Sight) -> Option<u64> {
        let newest = self.newest(bare, sight).map(|entry| self.version(&entry));
        let version = newest.max(self.covering(bare, sight))?;
        self.is_stamped().then_some(version.timestamp)
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
    pub fn get_merged(&self, bare: &[u8], sight: &Sight) -> Result<Merged<'_>, MergeRefusal> {
        self.merging.merged(self.get(bare, sight))
    }

    /// All entries in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.entries
            .iter()
            .map(|(place, (kind, value))| entry(place, *kind, value))
    }

    /// All entries in order, without the timestamps of their keys.
    pub fn stripped(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entries().map(|entry| Entry {
            user_key: self.layout.bare(entry.user_key),
            ..entry
        })
    }

    /// How many entries lie from one key on and before another, without timestamps.
    #[must_use]
    pub fn count_between(&self, begin: &[u8], end: &[u8]) -> usize {
        if self.layout.compare(begin, end).is_ge() {
            return 0;
        }
        let (begin, end) = (self.before_all(begin), self.before_all(end));
        self.range(Bound::Included(begin), Bound::Excluded(end))
            .count()
    }

    /// The newest visible entry of each key, in order, without deleted keys.
    #[must_use]
    pub fn visible(&self, view: &View) -> Vec<Entry<'_>> {
        let bare = |entry: &Entry<'_>| self.layout.bare(entry.user_key).to_vec();
        let shown = |entry: &Entry<'_>| {
            view.sight.sees(self.version(entry)) && self.within(view, &bare(entry))
        };
        let mut entries: Vec<_> = self.entries().filter(shown).collect();
        entries.dedup_by_key(|entry| bare(entry));
        entries.retain(|entry| {
            !kind::is_tombstone(entry.kind)
                && Some(self.version(entry)) >= self.covering(&bare(entry), &view.sight)
        });
        entries
    }

    /// The newest range deletion that hides a key, without a timestamp, from a reader.
    #[must_use]
    pub fn covering(&self, bare: &[u8], sight: &Sight) -> Option<Version> {
        self.ranges.covering(self.layout, bare, sight)
    }

    /// What range deletions of certain ages delete: begin, end, and the newest of them, of
    /// stretches that are as long as they can be.
    #[must_use]
    pub fn range_deletions(&self, meant: impl Fn(Version) -> bool) -> Vec<Fragment<'_>> {
        self.ranges.fragments(self.layout, meant)
    }

    /// The counters, counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for entry in self.entries().chain(self.ranges.entries()) {
            let Entry {
                user_key,
                sequence,
                kind,
                value,
            } = entry;
            counters.entries += 1;
            counters.deletions += u64::from(kind::is_tombstone(kind));
            counters.merges += u64::from(kind == kind::MERGE);
            counters.range_deletions += u64::from(kind == kind::RANGE_DELETION);
            counters.data_size += (user_key.len() + 8 + value.len()) as u64;
            let first = counters.first_sequence.get_or_insert(sequence);
            *first = sequence.min(*first);
            counters.largest_sequence = counters.largest_sequence.max(Some(sequence));
            if self.is_stamped() {
                let timestamp = Some(self.version(&entry).timestamp);
                counters.newest_timestamp = counters.newest_timestamp.max(timestamp);
            }
        }
        counters
    }

    /// The place of a key, with its timestamp, and sequence number in this table.
    #[must_use]
    pub fn place(&self, user_key: &[u8], sequence: u64) -> Place {
        Place {
            layout: self.layout,
            user_key: user_key.to_vec(),
            sequence,
        }
    }

    /// The place before all versions of a key without a timestamp.
    pub(crate) fn before_all(&self, bare: &[u8]) -> Place {
        self.place(&self.layout.stamped(bare, u64::MAX), u64::MAX)
    }

    /// The place of the oldest version that there can be.
    pub(crate) fn after_all(&self, bare: &[u8]) -> Place {
        self.place(&self.layout.stamped(bare, 0), 0)
    }

    fn is_stamped(&self) -> bool {
        self.layout.timestamp_len > 0
    }

    fn version(&self, entry: &Entry<'_>) -> Version {
        self.layout.version(entry.user_key, entry.sequence)
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
    pub(crate) fn within(&self, view: &View, bare: &[u8]) -> bool {
        (match &view.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => self.layout.compare(lower, bare).is_le(),
            Bound::Excluded(lower) => self.layout.compare(lower, bare).is_lt(),
        }) && match &view.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => self.layout.compare(bare, upper).is_le(),
            Bound::Excluded(upper) => self.layout.compare(bare, upper).is_lt(),
        }
    }

    /// The versions of a key that a reader sees, newest first.
    fn versions(&self, bare: &[u8], sight: &Sight) -> impl Iterator<Item = Entry<'_>> {
        let (from, to) = (self.before_all(bare), self.after_all(bare));
        let sight = *sight;
        self.range(Bound::Included(from), Bound::Included(to))
            .filter(move |entry| sight.sees(self.version(entry)))
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
