//! Runs in which values are updated where they are (SPEC W4).
//!
//! RocksDB updates in place what is not longer than the value that is there; here there is room
//! for as much as there ever was, rounded up. An update in between adds an entry there alone. A
//! run either has none of these, and the tables are the same down to every number, or from the
//! first of them on only what the newest snapshot says of each key is compared.

mod reads;
mod updates;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use verimem::in_place::InPlaceTable;
use verimem::merge::StringAppend;
use verimem::{
    BytewiseComparator, Comparator, Error, Kind, MemTable, Protection, ReverseBytewiseComparator,
};
use verimem_driver::seeds::Random;
use verimem_driver::{Compare, Config, Filtering, Prefixes, extractor};
use verimem_model::{Entry, MAX_SEQUENCE, Merging};

pub use updates::revised;

use crate::explained::Totals;
use crate::rocks::{Extras, Rocks, Way};
use crate::stamped::Slip;
use crate::stored::varint_len;

/// The run that a seed says all about.
///
/// # Errors
///
/// The first difference.
pub fn one_in_place(seed: u64, slip: Slip) -> Result<Totals, String> {
    let mut random = Random(seed);
    let config = Config {
        compare: [Compare::Bytewise, Compare::ReverseBytewise][random.below(2)],
        protection_bytes: [0, 1, 8][random.below(3)],
        exclusive: random.below(2) == 0,
        filtering: [Filtering::Nothing, Filtering::Tiny, Filtering::Ample][random.below(3)],
        whole_keys: random.below(3) != 0,
        prefixes: [Prefixes::Nothing, Prefixes::Fixed(1)][random.below(2)],
        merging: [Merging::Nothing, Merging::Append][random.below(2)],
        ..Config::default()
    }
    .allowed();
    let result = if config.compare == Compare::ReverseBytewise {
        Run::new(&config, ReverseBytewiseComparator, random, slip).and_then(Run::all)
    } else {
        Run::new(&config, BytewiseComparator, random, slip).and_then(Run::all)
    };
    result.map_err(|what| format!("seed {seed}, updates in place, {config:?}:\n{what}"))
}

struct Run<'c, C: Comparator> {
    random: Random,
    slip: Slip,
    config: &'c Config,
    ours: InPlaceTable<C>,
    rocks: Rocks,
    keys: Vec<Vec<u8>>,
    /// Values are shorter.
    longest: usize,
    /// No update is of a length at which one table alone adds an entry.
    fits: bool,
    last: u64,
    /// How long the value of an entry can become here.
    rooms: HashMap<(Vec<u8>, u64), usize>,
    /// Entries that RocksDB alone has added.
    more: u64,
    /// What RocksDB's data size has over ours.
    overhead: u64,
    totals: Totals,
}

impl<'c, C: Comparator> Run<'c, C> {
    fn new(config: &'c Config, order: C, mut random: Random, slip: Slip) -> Result<Self, String> {
        let extras = Extras {
            verify: random.below(3) == 0,
            batched: random.below(2) == 0,
            hint_prefix: [0, 1][random.below(2)],
            timestamps: false,
            in_place: true,
        };
        let mut builder = MemTable::with_comparator(order)
            .protection(config.protection())
            .paranoid_checks(extras.verify)
            .verify_checksums_on_seek(extras.verify && config.protection() != Protection::None)
            .bloom_size_ratio(config.filtering.ratio())
            .whole_key_filtering(config.whole_keys);
        if let Some(extractor) = extractor(config.prefixes) {
            builder = builder.prefix_extractor(extractor);
        }
        if config.merging == Merging::Append {
            builder = builder.merge_operator(Arc::new(StringAppend { delimiter: b',' }));
        }
        let mut keys: Vec<_> = (0..=32_u8).map(|key| vec![b'k'; key.into()]).collect();
        keys.truncate(1 + random.below(8));
        let locks = [1, 64][random.below(2)];
        let ours = builder.in_place().locks(locks).build();
        Ok(Self {
            longest: [4, 30, 300][random.below(3)],
            fits: random.below(2) == 0,
            random,
            slip,
            config,
            ours: ours.map_err(said)?,
            rocks: Rocks::new(config, extras),
            keys,
            last: 100,
            rooms: HashMap::new(),
            more: 0,
            overhead: 0,
            totals: Totals::default(),
        })
    }

    fn all(mut self) -> Result<Totals, String> {
        for _ in 0..1 << (5 + self.random.below(5)) {
            self.last += 1;
            let key = self.key();
            match self.random.below(16) {
                0..=2 => self.add(&key)?,
                3..=6 => self.update(&key)?,
                7..=9 => self.update_with(&key)?,
                10 if self.random.below(4) == 0 => self.delete_range(&key)?,
                10 | 11 => self.multi_get()?,
                12 => self.check_counters()?,
                _ => {
                    let snapshot = self.snapshot();
                    self.get(&key, snapshot)?;
                }
            }
        }
        for _ in 0..2 {
            self.check_counters()?;
            self.scan()?;
            for key in self.keys.clone() {
                self.get(&key, MAX_SEQUENCE)?;
                let snapshot = self.snapshot();
                self.get(&key, snapshot)?;
            }
            self.ours.seal().map_err(said)?;
            self.rocks.seal();
        }
        Ok(self.totals)
    }

    /// Both tables have the same entries.
    fn is_same(&self) -> bool {
        self.more == 0
    }

    fn key(&mut self) -> Vec<u8> {
        let which = self.random.below(self.keys.len());
        self.keys[which].clone()
    }

    fn value(&mut self) -> Vec<u8> {
        let length = self.random.below(self.longest);
        let mut value = Vec::new();
        self.random.fill(length, &mut value);
        value
    }

    /// Any; the newest where an entry of one table may be older than that of the other.
    fn snapshot(&mut self) -> u64 {
        if !self.is_same() || self.random.below(2) == 0 {
            return MAX_SEQUENCE;
        }
        100 + self.random.below((self.last - 99) as usize) as u64
    }

    fn add(&mut self, key: &[u8]) -> Result<(), String> {
        self.totals.count("in_place.add");
        let mut kinds = vec![
            Kind::VALUE,
            Kind::VALUE,
            Kind::DELETION,
            Kind::SINGLE_DELETION,
        ];
        if self.config.merging == Merging::Append {
            kinds.extend([Kind::MERGE; 2]);
        }
        let kind = kinds[self.random.below(kinds.len())];
        let value = self.value();
        self.store(kind, key, &value)
    }

    fn delete_range(&mut self, key: &[u8]) -> Result<(), String> {
        let other = self.key();
        let (begin, end) = match self.config.compare.order().compare(key, &other) {
            Ordering::Less => (key, &other[..]),
            Ordering::Greater => (&other[..], key),
            Ordering::Equal => return Ok(()),
        };
        self.totals.count("in_place.delete_range");
        self.store(Kind::RANGE_DELETION, begin, end)
    }

    fn store(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), String> {
        let added = if self.config.exclusive {
            let writer = self.ours.exclusive_writer();
            writer.and_then(|mut writer| writer.add(self.last, kind, key, value))
        } else {
            self.ours.add(self.last, kind, key, value)
        };
        added.map_err(said)?;
        self.added_here(kind, key, value);
        self.added_there(key, value);
        self.add_there(kind, key, value)
    }

    fn added_here(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if kind == Kind::VALUE {
            let room = self.ours.capacity_for(value.len());
            self.rooms.insert((key.to_vec(), self.last), room);
        }
    }

    fn add_there(&self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), String> {
        let entry = Entry {
            user_key: key,
            sequence: self.last,
            kind: kind.0,
            value,
        };
        if !self.rocks.add(&entry, Way::Alone) {
            return Err(format!("RocksDB refuses {entry:?}"));
        }
        self.rocks.finish();
        Ok(())
    }

    fn added_there(&mut self, key: &[u8], value: &[u8]) {
        let lengths = varint_len(key.len() + 8) + varint_len(value.len());
        self.overhead += (lengths + self.config.protection_bytes) as u64;
    }
}

fn said(error: Error) -> String {
    error.to_string()
}
