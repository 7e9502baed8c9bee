//! What a table with updates in place is to say, in the plainest way.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use verimem::Kind;
use verimem::in_place::{Decision, OwnedBase, OwnedLookup, Updated};

/// A duplicate.
#[derive(Debug, PartialEq)]
pub struct Refused;

#[derive(Debug)]
struct Entry {
    kind: Kind,
    value: Vec<u8>,
    /// How long it may become.
    room: usize,
    /// The largest number of an update.
    last: u64,
}

#[derive(Debug)]
struct Deletion {
    begin: Vec<u8>,
    end: Vec<u8>,
    sequence: u64,
}

/// Entries by key and falling sequence number, range deletions beside them.
#[derive(Debug)]
pub struct Model {
    entries: BTreeMap<(Vec<u8>, Reverse<u64>), Entry>,
    deletions: Vec<Deletion>,
    keeps_first: bool,
    /// Bytes of checksum.
    checksum: usize,
}

impl Model {
    pub fn new(keeps_first: bool, checksum: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            deletions: Vec::new(),
            keeps_first,
            checksum,
        }
    }

    /// A slot is whole units of eight bytes, of which twelve and the checksum are not the
    /// value's.
    fn capacity(&self, first_length: usize) -> usize {
        let front = 12 + self.checksum;
        (front + first_length).next_multiple_of(8) - front
    }

    /// Adds an entry; an operand that lies upon `folds` others, if that is not 0, is
    /// folded. False for a duplicate that is ignored.
    pub fn add(
        &mut self,
        sequence: u64,
        kind: Kind,
        key: &[u8],
        value: &[u8],
        folds: usize,
    ) -> Result<bool, Refused> {
        let folded = (kind == Kind::MERGE && folds > 0)
            .then(|| self.fold(sequence, key, value, folds))
            .flatten();
        let (kind, value) = match folded {
            Some(folded) => (Kind::VALUE, folded),
            None => (kind, value.to_vec()),
        };
        let place = (key.to_vec(), Reverse(sequence));
        if self.entries.contains_key(&place) {
            return if self.keeps_first {
                Ok(false)
            } else {
                Err(Refused)
            };
        }
        let entry = Entry {
            kind,
            room: self.capacity(value.len()),
            value,
            last: sequence,
        };
        self.entries.insert(place, entry);
        Ok(true)
    }

    fn fold(&self, sequence: u64, key: &[u8], operand: &[u8], folds: usize) -> Option<Vec<u8>> {
        let below = self.get(key, sequence.checked_sub(1)?);
        let OwnedLookup::Merge { operands, base, .. } = below else {
            return None;
        };
        // A base that lies deeper is not looked for.
        if operands.len() < folds || operands.len() > 4 * folds {
            return None;
        }
        let mut parts = match base {
            OwnedBase::Value { value, kind, .. } if kind == Kind::VALUE => vec![value],
            OwnedBase::Deleted { .. } => Vec::new(),
            _ => return None,
        };
        parts.extend(operands.into_iter().rev());
        parts.push(operand.to_vec());
        Some(parts.join(&b'.'))
    }

    pub fn delete_range(&mut self, sequence: u64, begin: Vec<u8>, end: Vec<u8>) {
        self.deletions.push(Deletion {
            begin,
            end,
            sequence,
        });
    }

    /// The newest range deletion of a key.
    fn covering(&self, key: &[u8], snapshot: u64) -> Option<u64> {
        let covers = |one: &&Deletion| {
            one.begin[..] <= *key && *key < one.end[..] && one.sequence <= snapshot
        };
        let numbers = self.deletions.iter().filter(covers);
        numbers.map(|one| one.sequence).max()
    }

    pub fn get(&self, key: &[u8], snapshot: u64) -> OwnedLookup {
        let covering = self.covering(key, snapshot);
        let (from, to) = (
            (key.to_vec(), Reverse(snapshot)),
            (key.to_vec(), Reverse(0)),
        );
        let mut versions = self.entries.range(from..=to).peekable();
        let newest = versions.peek().map_or(0, |((_, Reverse(first)), _)| *first);
        let mut operands = Vec::new();
        let mut base = OwnedBase::Missing;
        for ((_, Reverse(sequence)), entry) in versions {
            if covering.is_some_and(|covering| covering > *sequence) {
                break;
            }
            let sequence = *sequence;
            let (kind, value) = (entry.kind, entry.value.clone());
            if kind == Kind::MERGE {
                operands.push(value);
                continue;
            }
            base = if kind.is_tombstone() {
                OwnedBase::Deleted { sequence }
            } else {
                OwnedBase::Value {
                    value,
                    sequence,
                    kind,
                }
            };
            break;
        }
        if let (OwnedBase::Missing, Some(sequence)) = (&base, covering) {
            base = OwnedBase::Deleted { sequence };
            if operands.is_empty() {
                return OwnedLookup::Deleted {
                    sequence,
                    kind: Kind::RANGE_DELETION,
                };
            }
        }
        if !operands.is_empty() {
            return OwnedLookup::Merge {
                operands,
                sequence: newest,
                base,
            };
        }
        match base {
            OwnedBase::Value {
                value,
                sequence,
                kind,
            } => OwnedLookup::Found {
                value,
                sequence,
                kind,
            },
            OwnedBase::Deleted { sequence } => OwnedLookup::Deleted {
                sequence,
                kind: Kind::DELETION,
            },
            _ => OwnedLookup::NotFound,
        }
    }

    /// The same with its operands folded; `None` if they lie on what cannot be merged.
    pub fn merged(&self, answer: OwnedLookup) -> Option<OwnedLookup> {
        let OwnedLookup::Merge {
            mut operands,
            sequence,
            base,
        } = answer
        else {
            return Some(answer);
        };
        let mut parts = match base {
            OwnedBase::Missing => {
                return Some(OwnedLookup::Merge {
                    operands,
                    sequence,
                    base,
                });
            }
            OwnedBase::Value { value, kind, .. } if kind == Kind::VALUE => vec![value],
            OwnedBase::Value { .. } => return None,
            _ => Vec::new(),
        };
        operands.reverse();
        parts.extend(operands);
        Some(OwnedLookup::Found {
            value: parts.join(&b'.'),
            sequence,
            kind: Kind::VALUE,
        })
    }

    pub fn update(&mut self, sequence: u64, key: &[u8], value: &[u8]) -> Result<Updated, Refused> {
        let entry = self.updatable(sequence, key);
        if entry.is_some_and(|entry| entry.last > sequence) {
            return Ok(Updated::Superseded);
        }
        self.update_with(sequence, key, value, Decision::Replace)
    }

    pub fn update_with(
        &mut self,
        sequence: u64,
        key: &[u8],
        value: &[u8],
        decision: Decision,
    ) -> Result<Updated, Refused> {
        if decision == Decision::Keep {
            return Ok(Updated::Kept);
        }
        if decision == Decision::Replace {
            let entry = self.updatable(sequence, key);
            if let Some(entry) = entry.filter(|entry| value.len() <= entry.room) {
                entry.value = value.to_vec();
                entry.last = entry.last.max(sequence);
                return Ok(Updated::InPlace);
            }
        }
        let added = self.add(sequence, Kind::VALUE, key, value, 0)?;
        Ok(if added { Updated::Added } else { Updated::Kept })
    }

    /// The entry whose value an update may take the place of.
    fn updatable(&mut self, sequence: u64, key: &[u8]) -> Option<&mut Entry> {
        let answer = self.get(key, sequence);
        let OwnedLookup::Found { sequence, kind, .. } = answer else {
            return None;
        };
        let place = (key.to_vec(), Reverse(sequence));
        (kind == Kind::VALUE).then(|| self.entries.get_mut(&place).expect("just found"))
    }

    /// All keys that are there at a snapshot.
    pub fn visible(&self, snapshot: u64) -> Vec<(Vec<u8>, OwnedLookup)> {
        let mut keys: Vec<_> = self.entries.keys().map(|(key, _)| key.clone()).collect();
        keys.dedup();
        let answers = keys.into_iter().map(|key| {
            let answer = self.get(&key, snapshot);
            (key, answer)
        });
        let is_there = |(_, answer): &(_, OwnedLookup)| {
            matches!(
                answer,
                OwnedLookup::Found { .. } | OwnedLookup::Merge { .. }
            )
        };
        answers.filter(is_there).collect()
    }

    /// Every entry, in the order of the table.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], u64, Kind, &[u8])> {
        let entries = self.entries.iter();
        entries.map(|((key, Reverse(sequence)), entry)| {
            (&key[..], *sequence, entry.kind, &entry.value[..])
        })
    }

    /// Entries, range deletions, and bytes.
    pub fn counts(&self) -> (u64, u64, u64) {
        let deletions = self.deletions.iter();
        let deleted = deletions.map(|one| one.begin.len() + one.end.len() + 8);
        let entries = self.entries.iter();
        let entered = entries.map(|((key, _), entry)| key.len() + entry.value.len() + 8);
        let (count, ranges) = (self.entries.len(), self.deletions.len());
        let bytes = deleted.chain(entered).sum::<usize>();
        ((count + ranges) as u64, ranges as u64, bytes as u64)
    }
}
