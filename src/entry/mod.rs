//! The entry record (SPEC E1), internal keys and lookup keys.
//!
//! ```text
//! varint32(internal_key_len) · user_key · fixed64(sequence << 8 | kind)
//!   · varint32(value_len) · value · checksum[0, 1, 2, 4 or 8]
//! ```
//!
//! An internal key is a user key with its eight-byte tag. The record is what
//! nodes hold, and the format in which entries are exchanged and fuzzed.
//! [`decode`] takes hostile bytes; reading a node uses the same layout. In a node,
//! a record with a checksum has a [guard](guard) in front.

mod checksum;
mod guard;
mod limits;
mod lookup_key;
mod record;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub use checksum::Protection;
pub(crate) use guard::{GUARD_LEN, GuardedRecord, reference_check, write_guarded};
pub(crate) use limits::{Layout, MAX_USER_KEY_LEN};
pub use lookup_key::LookupKey;
pub use record::{EntryRef, decode, encode, encoded_len};
pub(crate) use record::{RawRecord, write_record};
