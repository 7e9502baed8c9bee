//! Runs in which bytes of stored entries change, and checksums are handed in (SPEC E10).

use std::ptr::with_exposed_provenance_mut;
use std::sync::Arc;

use verimem::merge::StringAppend;
use verimem::{EntryRef, Error, Kind, MemTable, Protection};
use verimem_driver::Config;
use verimem_driver::seeds::Random;
use verimem_model::{Entry, MAX_SEQUENCE, Merging, Sight};

use crate::answers::{Seen, theirs};
use crate::explained::{Totals, Why};
use crate::rocks::{Added, Code, Extras, Rocks};
use crate::stamped::{Slip, seen};

/// Where in a stored entry: each part as far as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    KeyLength,
    Key,
    Tag,
    ValueLength,
    Value,
    Checksum,
}

const PARTS: [Part; 6] = [
    Part::KeyLength,
    Part::Key,
    Part::Tag,
    Part::ValueLength,
    Part::Value,
    Part::Checksum,
];

const TAG: usize = 8;
/// Keys and values are shorter, so that each length takes a byte, and stays near when it changes.
const LONGEST: usize = 60;

/// An entry that both tables have.
struct Stored {
    key: Vec<u8>,
    sequence: u64,
    kind: Kind,
    value: Vec<u8>,
}

struct Run {
    random: Random,
    slip: Slip,
    config: Config,
    /// Both tables verify every entry that a search comes by.
    verify: bool,
    ours: MemTable,
    rocks: Rocks,
    entries: Vec<Stored>,
    totals: Totals,
}

/// The run that a seed says all about.
///
/// # Errors
///
/// The first difference.
pub fn one_damaged(seed: u64, slip: Slip) -> Result<Totals, String> {
    Run::new(seed, slip)
        .and_then(Run::all)
        .map_err(|what| format!("seed {seed}, damage:\n{what}"))
}

impl Run {
    fn new(seed: u64, slip: Slip) -> Result<Self, String> {
        let mut random = Random(seed);
        let config = Config {
            protection_bytes: [4, 8][random.below(2)],
            // What is read because of a wrong length is in the same block.
            arena_block_size: 256 << 10,
            merging: Merging::Append,
            ..Config::default()
        };
        let extras = Extras {
            verify: random.below(2) == 0,
            batched: random.below(2) == 0,
            ..Extras::default()
        };
        let ours = MemTable::builder()
            .protection(Protection::from_len(config.protection_bytes).unwrap_or_default())
            .paranoid_checks(extras.verify)
            .verify_checksums_on_seek(extras.verify)
            .merge_operator(Arc::new(StringAppend { delimiter: b',' }))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            random,
            slip,
            rocks: Rocks::new(&config, extras),
            config,
            verify: extras.verify,
            ours,
            entries: Vec::new(),
            totals: Totals::default(),
        })
    }

    fn all(mut self) -> Result<Totals, String> {
        for sequence in 1..=3 + self.random.below(30) as u64 {
            self.add(sequence)?;
        }
        for _ in 0..16 {
            self.damage()?;
        }
        Ok(self.totals)
    }

    fn bytes(&mut self, least: usize, below: usize) -> Vec<u8> {
        let length = least + self.random.below(below);
        let mut bytes = Vec::new();
        self.random.fill(length, &mut bytes);
        bytes
    }

    /// Adds an entry with a checksum: its own, or, now and then, that of another.
    fn add(&mut self, sequence: u64) -> Result<(), String> {
        self.totals.count("damage.add");
        let again = self.random.below(10) == 0 && !self.entries.is_empty();
        let mut key = self.bytes(1, LONGEST - 1);
        let mut sequence = sequence;
        if again {
            let which = self.random.below(self.entries.len());
            key.clone_from(&self.entries[which].key);
            if self.random.below(2) == 0 {
                sequence = self.entries[which].sequence;
            }
        }
        let kind = [Kind::VALUE, Kind::VALUE, Kind::DELETION, Kind::MERGE][self.random.below(4)];
        let value = self.bytes(0, LONGEST);
        let (mut other_key, mut other_value) = (key.clone(), value.clone());
        let (mut other_sequence, mut other_kind) = (sequence, kind);
        match self.random.below(12) {
            0 => other_key.push(1),
            1 => other_value.push(1),
            2 => other_sequence += 1,
            3 => other_kind = Kind::SINGLE_DELETION,
            4 => other_key[0] ^= 1 << self.random.below(8),
            _ => {}
        }
        let entry = EntryRef {
            user_key: &key,
            sequence,
            kind,
            value: &value,
        };
        let other = EntryRef {
            user_key: &other_key,
            sequence: other_sequence,
            kind: other_kind,
            value: &other_value,
        };
        let handed = match self.slip {
            Slip::TrustsHanded => entry.checksum(),
            _ => other.checksum(),
        };
        let mut writer = self.ours.exclusive_writer().map_err(|e| e.to_string())?;
        let here = match writer.add_protected(&entry, handed) {
            Ok(()) => Added::New,
            Err(Error::Duplicate) => Added::Duplicate,
            Err(Error::Corruption(_)) => Added::Damaged,
            Err(_) => Added::Refused,
        };
        drop(writer);
        let there = self.rocks.add_protected(&model(&entry), &model(&other));
        if here != there {
            return Err(format!(
                "{entry:?} with the checksum of {other:?}: {here:?} here, {there:?} there"
            ));
        }
        if here == Added::New {
            self.entries.push(Stored {
                key,
                sequence,
                kind,
                value,
            });
        }
        Ok(())
    }

    /// Changes one byte of an entry in both tables, asks both, and changes it back.
    fn damage(&mut self) -> Result<(), String> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let which = self.random.below(self.entries.len());
        let stored = &self.entries[which];
        let (key_len, value_len) = (stored.key.len(), stored.value.len());
        let part = PARTS[self.random.below(PARTS.len())];
        // From the first byte of the key on.
        let (start, length) = match part {
            Part::KeyLength => (-1, 1),
            Part::Key => (0, key_len),
            Part::Tag => (key_len as isize, TAG),
            Part::ValueLength => ((key_len + TAG) as isize, 1),
            Part::Value => ((key_len + TAG + 1) as isize, value_len),
            Part::Checksum => (
                (key_len + TAG + 1 + value_len) as isize,
                self.config.protection_bytes,
            ),
        };
        if length == 0 {
            return Ok(());
        }
        let offset = start + self.random.below(length) as isize;
        let wrong = match part {
            // A length of one byte remains one.
            Part::KeyLength | Part::ValueLength => 1 << self.random.below(6),
            _ => 1 + self.random.below(255) as u8,
        };
        self.totals.count("damage.byte");
        let place = self.place(which)?;
        let mut iter = self.rocks.iter();
        iter.seek(&self.entries[which].key, self.entries[which].sequence);
        let there = iter.place().ok_or("RocksDB has lost an entry")?;
        drop(iter);
        let ours = if self.slip == Slip::ChangesNothing {
            0
        } else {
            wrong
        };
        change(place, offset, ours);
        // A wrong length of a key is believed there, and leads anywhere.
        if part != Part::KeyLength {
            change(there, offset, wrong);
        }
        let compared = self.compare(which, part);
        change(place, offset, ours);
        if part != Part::KeyLength {
            change(there, offset, wrong);
        }
        compared.map_err(|what| {
            let stored = &self.entries[which];
            let (key, sequence, kind) = (stored.key.escape_ascii(), stored.sequence, stored.kind);
            let verify = self.verify;
            format!(
                "byte {offset} ({part:?}) of \"{key}\" {sequence} {kind:?} by {wrong}, all \
                 verified: {verify}:\n{what}"
            )
        })?;
        // It is as it was.
        self.get(which, self.entries[which].sequence).map(drop)
    }

    /// Where the key of an entry of ours begins.
    fn place(&self, which: usize) -> Result<*mut u8, String> {
        let Stored { key, sequence, .. } = &self.entries[which];
        let entry = self.ours.get_entry(key, *sequence);
        let entry = entry.map_err(|error| error.to_string())?;
        let address = entry.ok_or("an entry is lost")?.user_key.as_ptr().addr();
        // The memory is a mapping of the system's, so its provenance is exposed.
        Ok(with_exposed_provenance_mut(address))
    }

    fn compare(&mut self, which: usize, part: Part) -> Result<(), String> {
        let Stored { key, sequence, .. } = &self.entries[which];
        if part == Part::KeyLength {
            self.totals.explain(Why::KeyLength);
            let found = self.ours.get(key, *sequence);
            return match found {
                Err(Error::Corruption(_)) => Ok(()),
                other => Err(format!("not noticed: {other:?}")),
            };
        }
        let sequence = *sequence;
        let is_in_order = !matches!(part, Part::Key | Part::Tag);
        // A search in a wrong order may end anywhere, unless all it comes by is verified.
        if is_in_order || self.verify {
            let found = self.get(which, sequence)?;
            if found != Seen::Refused(Code::Corruption) {
                return Err(format!("neither notices it: {found:?}"));
            }
        }
        self.scan()?;
        // Which other entries a search comes by depends on the towers.
        if is_in_order && !self.verify {
            for other in 0..self.entries.len() {
                self.get(other, MAX_SEQUENCE)?;
            }
            self.multi_get()?;
        }
        Ok(())
    }

    /// One answer of both.
    fn get(&mut self, which: usize, snapshot: u64) -> Result<Seen, String> {
        self.totals.count("damage.get");
        let key = &self.entries[which].key;
        let here = corrupt_or(self.ours.get(key, snapshot).map(|lookup| seen(&lookup)));
        let reply = self.rocks.get(key, &Sight::at(snapshot), false);
        let there = theirs(reply, false, self.config.merging);
        if here != there {
            return Err(format!("get at {snapshot}: {here:?} here, {there:?} there"));
        }
        Ok(here)
    }

    fn multi_get(&mut self) -> Result<(), String> {
        let keys: Vec<&[u8]> = self.entries.iter().map(|one| &one.key[..]).collect();
        let answers = self.ours.multi_get(&keys, MAX_SEQUENCE);
        let answers = answers.map_err(|error| error.to_string())?;
        let replies = self.rocks.multi_get(&keys, &Sight::at(MAX_SEQUENCE));
        for (answer, reply) in answers.into_iter().zip(replies) {
            self.totals.count("damage.multi_get");
            let here = corrupt_or(answer.map(|lookup| seen(&lookup)));
            let there = theirs(reply, true, self.config.merging);
            let refused = Seen::Refused(Code::Corruption);
            if (here == refused) != (there == refused) {
                return Err(format!("multi_get: {here:?} here, {there:?} there"));
            }
        }
        Ok(())
    }

    /// Both iterators come as far as the entry that is damaged, and no further.
    fn scan(&mut self) -> Result<(), String> {
        let (mut here, mut there) = (self.ours.iter(), self.rocks.iter());
        here.seek_to_first();
        there.seek_to_end(true);
        loop {
            self.totals.count("damage.scan");
            match (here.entry(), there.entry()) {
                (Ok(Some(ours)), Ok(Some(theirs))) if model(&ours) == theirs => {}
                (Err(Error::Corruption(_)), Err(_)) => return Ok(()),
                (ours, theirs) => {
                    return Err(format!("a scan: {ours:?} here, {theirs:?} there"));
                }
            }
            here.next();
            there.step(true);
        }
    }
}

fn corrupt_or(found: Result<Seen, Error>) -> Seen {
    match found {
        Ok(seen) => seen,
        Err(Error::Corruption(_)) => Seen::Refused(Code::Corruption),
        Err(_) => Seen::Refused(Code::Other),
    }
}

fn model<'e>(entry: &EntryRef<'e>) -> Entry<'e> {
    Entry {
        user_key: entry.user_key,
        sequence: entry.sequence,
        kind: entry.kind.0,
        value: entry.value,
    }
}

/// Changes a byte of a stored entry.
fn change(key: *mut u8, offset: isize, wrong: u8) {
    // SAFETY: the byte is one of the record around the key, in memory of a living table.
    let byte = unsafe { key.offset(offset) };
    // SAFETY: nobody else uses the table, and nothing is borrowed from it now.
    let was = unsafe { byte.read() };
    // SAFETY: as above.
    unsafe { byte.write(was ^ wrong) };
}
