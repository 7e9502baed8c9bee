//! Variable-length integers.

use crate::error::Corruption;

/// The longest varint32, in bytes.
pub(crate) const MAX_VARINT32_LEN: usize = 5;

/// Appends `value` in 1 to 5 bytes.
pub fn put_varint32(out: &mut Vec<u8>, value: u32) {
    put_varint64(out, u64::from(value));
}

/// Appends `value` in 1 to 10 bytes.
pub fn put_varint64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes `value` to the front of `out` and returns how many bytes it took.
///
/// The caller has checked that [`varint_length`] bytes are there.
#[inline]
pub(crate) fn write_varint32(out: &mut [u8], mut value: u32) -> usize {
    let mut at = 0;
    while value >= 0x80 {
        out[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = value as u8;
    at + 1
}

/// How many bytes `value` takes as a varint.
///
/// ```
/// # use verimem::codec::varint_length;
/// assert_eq!([varint_length(127), varint_length(128), varint_length(u64::MAX)], [1, 2, 10]);
/// ```
#[must_use]
#[inline]
pub const fn varint_length(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Reads a varint of at most 5 bytes; returns the value and the rest.
///
/// # Errors
///
/// [`Corruption::Truncated`] when the input ends first,
/// [`Corruption::BadVarint`] when it is longer or has more than 32 bits.
#[inline]
pub fn decode_varint32(input: &[u8]) -> Result<(u32, &[u8]), Corruption> {
    if let Some((&byte, rest)) = input.split_first() {
        if byte < 0x80 {
            return Ok((u32::from(byte), rest));
        }
    }
    let (value, rest) = decode_limited(input, MAX_VARINT32_LEN, "varint32")?;
    let value = u32::try_from(value).map_err(|_| Corruption::BadVarint { what: "varint32" })?;
    Ok((value, rest))
}

/// Reads a varint of at most 10 bytes; returns the value and the rest.
///
/// # Errors
///
/// [`Corruption::Truncated`] when the input ends first,
/// [`Corruption::BadVarint`] when it is longer or has more than 64 bits.
pub fn decode_varint64(input: &[u8]) -> Result<(u64, &[u8]), Corruption> {
    decode_limited(input, 10, "varint64")
}

fn decode_limited<'a>(
    input: &'a [u8],
    limit: usize,
    what: &'static str,
) -> Result<(u64, &'a [u8]), Corruption> {
    let mut value = 0u64;
    for (index, &byte) in input.iter().take(limit).enumerate() {
        let bits = u64::from(byte & 0x7F);
        let shift = 7 * index as u32;
        if bits << shift >> shift != bits {
            return Err(Corruption::BadVarint { what });
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok((value, &input[index + 1..]));
        }
    }
    if input.len() >= limit {
        Err(Corruption::BadVarint { what })
    } else {
        Err(Corruption::Truncated { what })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn known_encodings() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (127, &[0x7F]),
            (128, &[0x80, 0x01]),
            (16_384, &[0x80, 0x80, 0x01]),
            (u32::MAX, &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
        ] {
            let mut out = Vec::new();
            put_varint32(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(decode_varint32(bytes), Ok((value, &[][..])));
            let mut array = [0; MAX_VARINT32_LEN];
            assert_eq!(write_varint32(&mut array, value), bytes.len());
            assert_eq!(&array[..bytes.len()], bytes);
        }
    }

    #[test]
    fn too_many_bits_are_refused() {
        let bad = Err(Corruption::BadVarint { what: "varint32" });
        assert_eq!(decode_varint32(&[0xFF, 0xFF, 0xFF, 0xFF, 0x1F]), bad);
        assert_eq!(decode_varint32(&[0x80; 5]), bad);
        assert_eq!(decode_varint32(&[0x80; 9]), bad);
        let mut eleven = [0x80; 11];
        eleven[10] = 0;
        assert!(decode_varint64(&eleven).is_err());
        let mut ten = [0xFF; 10];
        ten[9] = 0x02;
        assert!(decode_varint64(&ten).is_err());
        ten[9] = 0x01;
        assert_eq!(decode_varint64(&ten), Ok((u64::MAX, &[][..])));
    }

    #[test]
    fn truncation_is_said() {
        let truncated = Err(Corruption::Truncated { what: "varint32" });
        assert_eq!(decode_varint32(&[]), truncated);
        assert_eq!(decode_varint32(&[0x80, 0x80]), truncated);
    }
}
