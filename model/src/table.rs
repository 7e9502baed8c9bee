//! A memtable that is obviously right.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::answer::{Answer, Base, Counters, Entry, Refusal, kind};
use crate::order::{Order, Place};

/// The largest sequence number (SPEC E3).
pub const MAX_SEQUENCE: u64 = (1 << 56) - 1;

/// What a reader sees: the entries up to a snapshot, the keys between bounds.
#[derive(Debug, Clone)]
pub struct View {
    /// The largest sequence number seen.
    pub snapshot: u64,
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
            snapshot,
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
    sealed: bool,
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
    pub fn add(&mut self, entry: &Entry<'_>) -> Result<(), Refusal> {
        self.check(entry)?;
        let place = self.place(entry.user_key, entry.sequence);
        self.entries
            .insert(place, (entry.kind, entry.value.to_vec()));
        Ok(())
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
        if entry.kind == kind::RANGE_DELETION {
            return Err(Refusal::Unsupported);
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

    /// The newest entry of a key that a snapshot sees, of any kind.
    #[must_use]
    pub fn newest(&self, user_key: &[u8], snapshot: u64) -> Option<Entry<'_>> {
        self.versions(user_key, snapshot).next()
    }

    /// What a snapshot sees of a key.
    #[must_use]
    pub fn get(&self, user_key: &[u8], snapshot: u64) -> Answer<'_> {
        let Some(newest) = self.newest(user_key, snapshot) else {
            return Answer::NotFound;
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
        let versions = || self.versions(user_key, snapshot);
        Answer::Merge {
            operands: versions()
                .take_while(is_operand)
                .map(|entry| entry.value)
                .collect(),
            sequence,
            base: match versions().find(|entry| !is_operand(entry)) {
                None => Base::Missing,
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

    /// All entries in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.entries
            .iter()
            .map(|(place, (kind, value))| entry(place, *kind, value))
    }

    /// The newest visible entry of each key, in order, without deleted keys.
    #[must_use]
    pub fn visible(&self, view: &View) -> Vec<Entry<'_>> {
        let mut entries: Vec<_> = self
            .entries()
            .filter(|entry| entry.sequence <= view.snapshot && self.within(view, entry.user_key))
            .collect();
        entries.dedup_by_key(|entry| entry.user_key);
        entries.retain(|entry| !kind::is_tombstone(entry.kind));
        entries
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
        } in self.entries()
        {
            counters.entries += 1;
            counters.deletions += u64::from(kind::is_tombstone(kind));
            counters.merges += u64::from(kind == kind::MERGE);
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

    /// The versions of a key that a snapshot sees, newest first.
    fn versions(&self, user_key: &[u8], snapshot: u64) -> impl Iterator<Item = Entry<'_>> {
        let from = self.place(user_key, snapshot);
        let to = self.place(user_key, 0);
        self.range(Bound::Included(from), Bound::Included(to))
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
