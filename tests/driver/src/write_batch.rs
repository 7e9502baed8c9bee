//! A write batch as plain as it can be: a list of records, and their bytes written one by one
//! from the description of the format.

use arbitrary::{Result, Unstructured};
use verimem::Kind;
use verimem::batch::{BatchEntry, Record};

/// One record that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plain {
    /// An entry: column family, kind, key and value.
    Entry(u32, u8, Vec<u8>, Vec<u8>),
    /// Anything else: its type and its strings.
    Other(u8, Vec<Vec<u8>>),
}

/// Each kind of entry, its type in another column family than the default, and whether there
/// is something behind the key.
pub const ENTRIES: [(u8, u8, bool); 8] = [
    (0x00, 0x04, false),
    (0x01, 0x05, true),
    (0x02, 0x06, true),
    (0x07, 0x08, false),
    (0x0F, 0x0E, true),
    (0x11, 0x10, true),
    (0x16, 0x17, true),
    (0x18, 0x19, true),
];

/// Each other type and how many strings it has.
pub const OTHERS: [(u8, usize); 9] = [
    (0x03, 1),
    (0x09, 0),
    (0x0A, 1),
    (0x0B, 1),
    (0x0C, 1),
    (0x0D, 0),
    (0x12, 0),
    (0x13, 0),
    (0x15, 2),
];

impl Plain {
    /// The library's name for it.
    ///
    /// # Panics
    ///
    /// For a type that is not in [`OTHERS`].
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        match self {
            Self::Entry(column_family, kind, user_key, value) => Record::Entry(BatchEntry {
                column_family: *column_family,
                kind: Kind(*kind),
                user_key,
                value,
            }),
            Self::Other(0x03, strings) => Record::LogData(&strings[0]),
            Self::Other(0x09, _) => Record::BeginPrepare,
            Self::Other(0x0A, strings) => Record::EndPrepare { xid: &strings[0] },
            Self::Other(0x0B, strings) => Record::Commit { xid: &strings[0] },
            Self::Other(0x0C, strings) => Record::Rollback { xid: &strings[0] },
            Self::Other(0x0D, _) => Record::Noop,
            Self::Other(0x12, _) => Record::BeginPersistedPrepare,
            Self::Other(0x13, _) => Record::BeginUnprepare,
            Self::Other(0x15, strings) => Record::CommitWithTimestamp {
                timestamp: &strings[0],
                xid: &strings[1],
            },
            Self::Other(other, _) => panic!("{other:#x} is no type of records"),
        }
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Entry(column_family, kind, key, value) => {
                let (_, elsewhere, has_value) = ENTRIES
                    .into_iter()
                    .find(|(known, ..)| known == kind)
                    .unwrap_or_else(|| panic!("no record for kind {kind:#x}"));
                if *column_family == 0 {
                    out.push(*kind);
                } else {
                    out.push(elsewhere);
                    varint(u64::from(*column_family), out);
                }
                string(key, out);
                if has_value {
                    string(value, out);
                }
            }
            Self::Other(record_type, strings) => {
                out.push(*record_type);
                strings.iter().for_each(|one| string(one, out));
            }
        }
    }

    /// True for what is counted.
    #[must_use]
    pub fn is_entry(&self) -> bool {
        matches!(self, Self::Entry(..))
    }
}

fn varint(value: u64, out: &mut Vec<u8>) {
    if value < 128 {
        out.push(value as u8);
    } else {
        out.push((value % 128) as u8 + 128);
        varint(value / 128, out);
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// The bytes of a batch of these records.
#[must_use]
pub fn bytes_of(sequence: u64, records: &[Plain]) -> Vec<u8> {
    let count = records.iter().filter(|record| record.is_entry()).count() as u32;
    let mut out = [&sequence.to_le_bytes()[..], &count.to_le_bytes()].concat();
    records.iter().for_each(|record| record.encode(&mut out));
    out
}

/// Any record. Keys are mostly of one byte, so that they meet; now and then something is long
/// enough for a length of two bytes.
///
/// # Errors
///
/// Where `u` has no more to say.
pub fn any(u: &mut Unstructured<'_>) -> Result<Plain> {
    if u.ratio(1, 6)? {
        let (record_type, strings) = *u.choose(&OTHERS)?;
        let strings = (0..strings).map(|_| some(u)).collect::<Result<_>>()?;
        return Ok(Plain::Other(record_type, strings));
    }
    let (kind, _, has_value) = *u.choose(&ENTRIES)?;
    let column_family = match u.int_in_range(0..=9u8)? {
        0..=5 => 0,
        6 | 7 => 1,
        8 => 300,
        _ => u.arbitrary()?,
    };
    let (key, mut value) = (some(u)?, Vec::new());
    if has_value {
        value = some(u)?;
    }
    if kind == Kind::VALUE_PREFERRED_SEQNO.0 {
        value.extend_from_slice(&u.arbitrary::<u64>()?.to_le_bytes());
    }
    Ok(Plain::Entry(column_family, kind, key, value))
}

fn some(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    Ok(match u.int_in_range(0..=15u8)? {
        0 => Vec::new(),
        1 => vec![u.arbitrary()?; u.int_in_range(100..=200)?],
        2 => <[u8; 5]>::try_from(u.bytes(5)?).map_or_else(|_| Vec::new(), Vec::from),
        _ => vec![u.int_in_range(b'a'..=b'p')?],
    })
}
