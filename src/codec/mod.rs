//! Integers and byte strings in LevelDB's encodings.
//!
//! Fixed integers are little endian. Varints are LEB128: seven bits a byte,
//! least significant first, the top bit says that more follow. Decoders treat
//! their input as hostile: they read no byte beyond it, and refuse varints
//! with bits beyond their type. An overlong varint (`80 00` for 0) is accepted,
//! as LevelDB and RocksDB do.
//!
//! ```
//! use verimem::codec::{decode_varint32, put_varint32};
//!
//! let mut bytes = Vec::new();
//! put_varint32(&mut bytes, 300);
//! assert_eq!(bytes, [0xAC, 0x02]);
//! assert_eq!(decode_varint32(&bytes)?, (300, &[][..]));
//! # Ok::<(), verimem::Corruption>(())
//! ```

mod fixed;
mod varint;

pub use fixed::{decode_fixed32, decode_fixed64, put_fixed32, put_fixed64};
pub(crate) use varint::{MAX_VARINT32_LEN, write_varint32};
pub use varint::{decode_varint32, decode_varint64, put_varint32, put_varint64, varint_length};

use crate::error::Corruption;

/// Appends `bytes` with their length as a varint32 in front.
///
/// # Errors
///
/// [`Corruption::BadLength`] when the length does not fit 32 bits; nothing is
/// appended then.
pub fn put_length_prefixed(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Corruption> {
    let length = u32::try_from(bytes.len()).map_err(|_| Corruption::BadLength {
        what: "length-prefixed bytes",
        length: bytes.len(),
    })?;
    put_varint32(out, length);
    out.extend_from_slice(bytes);
    Ok(())
}

/// Splits `input` into the byte string in front and the rest.
///
/// # Errors
///
/// [`Corruption`] when the length is malformed or says more than there is.
pub fn decode_length_prefixed(input: &[u8]) -> Result<(&[u8], &[u8]), Corruption> {
    let (length, rest) = decode_varint32(input)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    rest.split_at_checked(length).ok_or(Corruption::Truncated {
        what: "length-prefixed bytes",
    })
}
