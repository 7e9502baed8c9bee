//! Fixed-width little-endian integers.

use crate::error::Corruption;

/// Appends `value` as 4 bytes, little endian.
pub fn put_fixed32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends `value` as 8 bytes, little endian.
pub fn put_fixed64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Reads 4 bytes, little endian; returns the value and the rest.
///
/// # Errors
///
/// [`Corruption::Truncated`] when there are fewer.
pub fn decode_fixed32(input: &[u8]) -> Result<(u32, &[u8]), Corruption> {
    let (bytes, rest) = input
        .split_first_chunk::<4>()
        .ok_or(Corruption::Truncated { what: "fixed32" })?;
    Ok((u32::from_le_bytes(*bytes), rest))
}

/// Reads 8 bytes, little endian; returns the value and the rest.
///
/// # Errors
///
/// [`Corruption::Truncated`] when there are fewer.
pub fn decode_fixed64(input: &[u8]) -> Result<(u64, &[u8]), Corruption> {
    let (bytes, rest) = input
        .split_first_chunk::<8>()
        .ok_or(Corruption::Truncated { what: "fixed64" })?;
    Ok((u64::from_le_bytes(*bytes), rest))
}
