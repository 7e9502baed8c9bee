//! Where fuzzing starts: small corpora, the same each time they are made.

use verimem::codec::{put_fixed64, put_length_prefixed, put_varint64};
use verimem::{EntryRef, Kind, Protection, encode};

use crate::write_batch::{ENTRIES, OTHERS, Plain, bytes_of};

/// A pseudo-random sequence (splitmix64), good enough to pick test bytes.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.draw() % bound as u64) as usize
    }

    /// Fills `bytes` with this many bytes.
    pub fn fill(&mut self, length: usize, bytes: &mut Vec<u8>) {
        bytes.clear();
        while bytes.len() < length {
            bytes.extend_from_slice(&self.draw().to_le_bytes());
        }
        bytes.truncate(length);
    }
}

/// The files of one target's corpus.
#[must_use]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    match target {
        "codec" => codec_seeds(),
        "entry" => entry_seeds(),
        "in_place" => random_seeds(36, 32, 1.12),
        "ops" => random_seeds(36, 64, 1.12),
        "tombstones" => random_seeds(24, 16, 1.2),
        "write_batch" => write_batch_seeds(),
        _ => random_seeds(24, 8, 1.18),
    }
}

/// Random bytes, each file longer than the one before.
fn random_seeds(count: u64, shortest: usize, growth: f64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|index| {
            let length = shortest as f64 * growth.powi(index as i32);
            let mut bytes = Vec::new();
            Random(index).fill(length as usize, &mut bytes);
            bytes
        })
        .collect()
}

/// One of each record, all of them together, and steps of a builder.
fn write_batch_seeds() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for column_family in [0, 300] {
        for (kind, _, has_value) in ENTRIES {
            let value = if has_value {
                &b"z-value-and-time"[..]
            } else {
                b""
            };
            let (key, value) = (b"k".to_vec(), value.to_vec());
            records.push(Plain::Entry(column_family, kind, key, value));
        }
    }
    for (record_type, strings) in OTHERS {
        records.push(Plain::Other(record_type, vec![b"xid".to_vec(); strings]));
    }
    let mut files: Vec<Vec<u8>> = records
        .iter()
        .map(|record| {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            bytes
        })
        .collect();
    files.push(bytes_of(7, &records));
    files.extend(random_seeds(24, 64, 1.16));
    files
}

fn codec_seeds() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for shift in (0..64).step_by(7) {
        for value in [(1u64 << shift) - 1, 1 << shift] {
            let mut bytes = Vec::new();
            put_varint64(&mut bytes, value);
            put_fixed64(&mut bytes, value);
            files.push(bytes);
        }
    }
    for hostile in [
        &[0x80; 11][..],
        &[0xFF; 10],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x1F],
        &[0x80, 0],
        &[],
    ] {
        files.push(hostile.to_vec());
    }
    for length in [0, 1, 127, 128] {
        let mut bytes = Vec::new();
        put_length_prefixed(&mut bytes, &vec![b'x'; length]).unwrap_or_default();
        files.push(bytes);
    }
    files
}

fn entry_seeds() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for protection in [0, 1, 2, 4, 8].map(|len| Protection::from_len(len).unwrap_or_default()) {
        for (key, value) in [(0, 0), (3, 5), (8, 120), (119, 1), (120, 128), (200, 20)] {
            let entry = EntryRef {
                user_key: &vec![b'k'; key],
                sequence: (key * value) as u64,
                kind: Kind(key as u8),
                value: &vec![b'v'; value],
            };
            let mut bytes = Vec::new();
            encode(&entry, protection, &mut bytes).unwrap_or_default();
            files.push(bytes);
        }
    }
    files
}
