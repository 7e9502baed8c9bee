//! The options of a [`Config`], and the values that each takes in a test.

use crate::{Compare, Config, Filtering, Rep, Towers};
use verimem_model::{Duplicates, Merging, Prefixes};

/// An option. Its value in place 0 is the default.
#[derive(Debug)]
pub struct Knob {
    /// The option.
    pub name: &'static str,
    /// How many values there are.
    pub values: usize,
    /// How much likelier than another value the first is.
    pub stay: usize,
    set: fn(&mut Config, usize),
}

impl Knob {
    /// Gives the option the value in this place.
    pub fn turn(&self, config: &mut Config, place: usize) {
        (self.set)(config, place);
    }
}

macro_rules! knob {
    ($field:ident, $stay:expr, [$($value:expr),+ $(,)?]) => {
        Knob {
            name: stringify!($field),
            values: [$(stringify!($value)),+].len(),
            stay: $stay,
            set: |config, place| config.$field = [$($value),+][place],
        }
    };
}

/// All options but the seed.
pub const KNOBS: [Knob; 24] = [
    knob!(
        rep,
        3,
        [
            Rep::SkipList,
            Rep::HashSkipList(1, 2),
            Rep::HashSkipList(7, 4),
            Rep::HashLinkList(1, 3),
            Rep::HashLinkList(100, 0),
            Rep::Vector,
        ]
    ),
    knob!(
        compare,
        0,
        [
            Compare::Bytewise,
            Compare::ReverseBytewise,
            Compare::Plain,
            Compare::Coarse,
            Compare::SharedPrefix,
        ]
    ),
    knob!(max_height, 0, [12, 1, 2, 3, 5, 20, 32]),
    knob!(branching, 0, [4, 2, 3, 16, 64, 1024]),
    knob!(
        towers,
        4,
        [Towers::Random, Towers::Low, Towers::Tall, Towers::ByKey]
    ),
    knob!(protection_bytes, 0, [0, 1, 2, 4, 8]),
    knob!(write_buffer_size, 0, [64 << 10, 4 << 10, 1, 1 << 20]),
    knob!(arena_block_size, 0, [0, 1, 4 << 10, 8 << 10]),
    knob!(
        capacity,
        2,
        [None, Some(4 << 10), Some(16 << 10), Some(64 << 10)]
    ),
    knob!(exclusive, 0, [false, true]),
    knob!(track_reads, 0, [false, true]),
    knob!(arena_shards, 0, [1, 0, 4]),
    knob!(earliest_sequence, 0, [0, 1, 99]),
    knob!(
        filtering,
        0,
        [Filtering::Nothing, Filtering::Tiny, Filtering::Ample]
    ),
    knob!(whole_keys, 0, [true, false]),
    knob!(
        prefixes,
        0,
        [
            Prefixes::Nothing,
            Prefixes::Fixed(1),
            Prefixes::Fixed(4),
            Prefixes::Capped(2),
            Prefixes::Capped(8),
        ]
    ),
    knob!(
        merging,
        0,
        [
            Merging::Nothing,
            Merging::Append,
            Merging::Picky,
            Merging::Reset
        ]
    ),
    knob!(max_successive_merges, 0, [0, 1, 2, 5]),
    knob!(timestamp_len, 1, [0, 8, 1]),
    knob!(
        duplicates,
        0,
        [
            Duplicates::Reject,
            Duplicates::KeepFirst,
            Duplicates::Overwrite
        ]
    ),
    knob!(paranoid_checks, 0, [false, true]),
    knob!(verify_checksums_on_seek, 0, [false, true]),
    knob!(show_corrupt_keys, 0, [false, true]),
    knob!(lookahead, 0, [0, 1, 8, 1000]),
];
