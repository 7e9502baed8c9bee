//! Values as RocksDB wants them: it looks into those of some kinds (SPEC G6).

use verimem_model::kind;

/// The bytes behind a timed put's value: the time.
const TIME: usize = 8;

fn put_varint(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A number, and what is behind it.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let length = 1 + bytes.iter().position(|byte| *byte < 0x80)?;
    let (digits, rest) = bytes.split_at(length);
    let number = digits
        .iter()
        .rev()
        .fold(0, |number, digit| number << 7 | usize::from(digit & 0x7F));
    Some((number, rest))
}

/// How many bytes a number takes.
pub(crate) fn varint_len(number: usize) -> usize {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, number);
    bytes.len()
}

/// A wide-column entity of the first version, with the default column alone: version, count of
/// columns, length of the name, which is empty, length of the value, value.
#[must_use]
pub fn entity(value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 1, 0];
    put_varint(&mut bytes, value.len());
    bytes.extend_from_slice(value);
    bytes
}

/// The default column of an [`entity`].
#[must_use]
pub fn default_column(entity: &[u8]) -> Option<&[u8]> {
    let (length, value) = varint(entity.strip_prefix(&[1, 1, 0])?)?;
    (value.len() == length).then_some(value)
}

/// What is stored for a value of a kind.
#[must_use]
pub fn stored(kind: u8, value: &[u8]) -> Vec<u8> {
    match kind {
        kind::WIDE_COLUMN_ENTITY => entity(value),
        kind::VALUE_PREFERRED_SEQNO => [value, &[7; TIME]].concat(),
        _ => value.to_vec(),
    }
}

/// The value within what is stored.
pub(crate) fn within(kind: u8, stored: &[u8]) -> Option<&[u8]> {
    match kind {
        kind::WIDE_COLUMN_ENTITY => default_column(stored),
        kind::VALUE_PREFERRED_SEQNO => Some(&stored[..stored.len().checked_sub(TIME)?]),
        _ => Some(stored),
    }
}

/// True for the kinds of single keys that RocksDB knows.
pub(crate) fn is_known(one: u8) -> bool {
    kind::is_tombstone(one)
        || [
            kind::VALUE,
            kind::MERGE,
            kind::BLOB_INDEX,
            kind::WIDE_COLUMN_ENTITY,
            kind::VALUE_PREFERRED_SEQNO,
        ]
        .contains(&one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g6_what_is_stored_is_found_again() {
        for length in [0, 1, 127, 128, 20_000] {
            let value = vec![3; length];
            for kind in [
                kind::VALUE,
                kind::WIDE_COLUMN_ENTITY,
                kind::VALUE_PREFERRED_SEQNO,
            ] {
                let stored = stored(kind, &value);
                assert_eq!(within(kind, &stored), Some(&value[..]));
                assert_eq!(stored == value, kind == kind::VALUE);
            }
        }
        assert_eq!(varint_len(127), 1);
        assert_eq!(varint_len(128), 2);
        assert_eq!(default_column(&[1, 1, 0, 2, 9]), None);
    }
}
