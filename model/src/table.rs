//! A memtable that is obviously right.

use std::cmp::Ordering;
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
    /// Begin, end and sequence number of each range deletion.
    ranges: Vec<(Vec<u8>, Vec<u8>, u64)>,
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
        if entry.kind == kind::RANGE_DELETION {
            let (begin, end) = (entry.user_key.to_vec(), entry.value.to_vec());
            if self.order.compare(&begin, &end).is_lt() {
                self.ranges.push((begin, end, entry.sequence));
            }
            return Ok(());
        }
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

    /// The newest entry of a key that a snapshot sees, of any kind.
    #[must_use]
    pub fn newest(&self, user_key: &[u8], snapshot: u64) -> Option<Entry<'_>> {
        self.versions(user_key, snapshot).next()
    }

    /// What a snapshot sees of a key.
    #[must_use]
    pub fn get(&self, user_key: &[u8], snapshot: u64) -> Answer<'_> {
        let covering = self.covering(user_key, snapshot);
        let uncovered = |entry: &Entry<'_>| Some(entry.sequence) >= covering;
        let Some(newest) = self.newest(user_key, snapshot).filter(uncovered) else {
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
        let versions = || self.versions(user_key, snapshot).take_while(uncovered);
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

    /// What a snapshot sees of each of the keys.
    #[must_use]
    pub fn multi_get(&self, keys: &[&[u8]], snapshot: u64) -> Vec<Answer<'_>> {
        keys.iter().map(|key| self.get(key, snapshot)).collect()
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
        entries.retain(|entry| {
            !kind::is_tombstone(entry.kind)
                && Some(entry.sequence) >= self.covering(entry.user_key, view.snapshot)
        });
        entries
    }

    /// The newest range deletion that hides a key from a snapshot.
    #[must_use]
    pub fn covering(&self, user_key: &[u8], snapshot: u64) -> Option<u64> {
        let covers = |(begin, end, sequence): &&(Vec<u8>, Vec<u8>, u64)| {
            *sequence <= snapshot
                && self.order.compare(begin, user_key).is_le()
                && self.order.compare(user_key, end).is_lt()
        };
        self.ranges.iter().filter(covers).map(|range| range.2).max()
    }

    /// The counters, counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        let ranges = self.ranges.iter().map(|(begin, end, sequence)| Entry {
            user_key: begin,
            sequence: *sequence,
            kind: kind::RANGE_DELETION,
            value: end,
        });
        for Entry {
            user_key,
            sequence,
            kind,
            value,
        } in self.entries().chain(ranges)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InternalCursor, VisibleCursor};

    fn add(table: &mut ModelMemTable, user_key: &[u8], sequence: u64, kind: u8) {
        let entry = Entry {
            user_key,
            sequence,
            kind,
            value: user_key,
        };
        assert_eq!(table.add(&entry), Ok(()));
    }

    /// `a`: merge over value; `b`: deleted; `c`: value, below a deletion.
    fn table(order: Order) -> ModelMemTable {
        let mut table = ModelMemTable::new(order);
        add(&mut table, b"a", 1, kind::VALUE);
        add(&mut table, b"a", 4, kind::MERGE);
        add(&mut table, b"b", 2, kind::VALUE);
        add(&mut table, b"b", 5, kind::DELETION);
        add(&mut table, b"c", 3, kind::VALUE);
        add(&mut table, b"c", 9, kind::SINGLE_DELETION);
        table
    }

    #[test]
    fn answers_by_hand() {
        let table = table(Order::Bytewise);
        let value = |sequence, value| Answer::Found {
            kind: kind::VALUE,
            sequence,
            value,
        };
        assert_eq!(table.get(b"a", 0), Answer::NotFound);
        assert_eq!(table.get(b"a", 3), value(1, b"a"));
        let base = Base::Value {
            kind: kind::VALUE,
            sequence: 1,
            value: b"a",
        };
        let merge = Answer::Merge {
            operands: vec![b"a"],
            sequence: 4,
            base,
        };
        assert_eq!(table.get(b"a", 4), merge);
        assert_eq!(
            table.get(b"b", 9),
            Answer::Deleted {
                kind: kind::DELETION,
                sequence: 5
            }
        );
        assert_eq!(table.counters().deletions, 2);
        assert_eq!(table.counters().data_size, 6 * (1 + 8 + 1));
    }

    #[test]
    fn cursors_by_hand() {
        let mut table = table(Order::ReverseBytewise);
        let mut keys = VisibleCursor::new(View::whole(6));
        keys.seek_to_first(&table);
        assert_eq!(
            keys.entry(&table).map(|entry| entry.user_key),
            Some(&b"c"[..])
        );
        add(&mut table, b"bb", 6, kind::VALUE);
        keys.next(&table);
        assert_eq!(
            keys.entry(&table).map(|entry| entry.user_key),
            Some(&b"bb"[..])
        );
        keys.next(&table);
        assert_eq!(
            keys.entry(&table).map(|entry| entry.user_key),
            Some(&b"a"[..])
        );
        keys.next(&table);
        keys.prev(&table);
        assert_eq!(
            keys.entry(&table),
            None,
            "an exhausted cursor stays where it is"
        );
        let mut all = InternalCursor::default();
        all.seek(&table, b"b", 4);
        assert_eq!(all.entry(&table).map(|entry| entry.sequence), Some(2));
        all.prev(&table);
        assert_eq!(all.entry(&table).map(|entry| entry.sequence), Some(5));
    }

    #[test]
    fn ranges_by_hand() {
        let mut table = table(Order::Bytewise);
        for (user_key, value, sequence) in [(b"a", b"c", 3), (b"b", b"b", 20), (b"a", b"b", 6)] {
            let entry = Entry {
                user_key,
                sequence,
                kind: kind::RANGE_DELETION,
                value,
            };
            assert_eq!(table.add(&entry), Ok(()));
        }
        let deleted = |sequence| Answer::Deleted {
            kind: kind::RANGE_DELETION,
            sequence,
        };
        assert_eq!(table.get(b"a", 3), deleted(3));
        let merge = Answer::Merge {
            operands: vec![b"a"],
            sequence: 4,
            base: Base::Deleted { sequence: 3 },
        };
        assert_eq!(table.get(b"a", 5), merge);
        assert_eq!(table.get(b"a", 6), deleted(6));
        assert_eq!(table.get(b"bb", 9), deleted(3));
        assert_eq!(table.counters().range_deletions, 2);
        let keys: Vec<_> = table
            .visible(&View::whole(5))
            .iter()
            .map(|one| one.user_key)
            .collect();
        assert_eq!(keys, [b"a", b"c"]);
    }

    #[test]
    fn refusals_by_hand() {
        let mut table = table(Order::Bytewise);
        let refused = |table: &ModelMemTable, sequence, kind| {
            let entry = Entry {
                user_key: b"a",
                sequence,
                kind,
                value: b"",
            };
            table.check(&entry).err()
        };
        assert_eq!(refused(&table, 1, kind::DELETION), Some(Refusal::Duplicate));
        assert_eq!(
            refused(&table, u64::MAX, kind::VALUE),
            Some(Refusal::SequenceTooLarge)
        );
        assert_eq!(
            refused(&table, 7, kind::RANGE_DELETION),
            Some(Refusal::InvertedRange)
        );
        table.seal();
        assert_eq!(
            refused(&table, u64::MAX, kind::RANGE_DELETION),
            Some(Refusal::Sealed)
        );
    }
}
