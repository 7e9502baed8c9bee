//! Merges: operands that are folded into a value (SPEC G2).
//!
//! An entry of kind [`MERGE`](crate::Kind::MERGE) carries an operand. What a key's
//! operands come to is decided by a [`MergeOperator`], when the key is read, or
//! before that (`MemTableBuilder::max_successive_merges`). The interface follows
//! RocksDB's `MergeOperator`.
//!
//! - Who wants the operands themselves calls [`MemTable::get`](crate::MemTable::get):
//!   nothing is folded there.
//! - Who has one table calls [`Reader::get_merged`](crate::Reader::get_merged).
//! - Who flushes folds operands with one another by [`partial_fold`].
//! - Who has several asks them one after the other, the newest first, and hands
//!   their answers to a [`Merger`].

mod merger;
mod operators;
mod partial;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub use merger::{Merged, Merger};
pub use operators::{Associative, AssociativeMerge, Max, StringAppend, UInt64Add};
pub use partial::partial_fold;

pub use crate::error::MergeFailure;

use core::fmt::Debug;

use crate::error::{Error, Result};
use crate::key::Kind;
use crate::timed_value::TimedValue;

/// Folds the operands of a key.
///
/// The same arguments must always give the same result: a merge may happen when a
/// key is read, when it is written, or when its table is flushed, and any number of
/// times. A method may fail; it must not panic.
pub trait MergeOperator: Debug + Send + Sync + 'static {
    /// The name under which an engine remembers the operator.
    fn name(&self) -> &str;

    /// Appends to `result`, which is empty, what the operands make of `existing`:
    /// the value below them, or `None` when the key did not exist or was deleted.
    /// There is at least one operand; they come oldest first.
    ///
    /// # Errors
    ///
    /// A failure, which is handed to who reads the key. What was appended is dropped.
    fn full_merge(
        &self,
        user_key: &[u8],
        existing: Option<&[u8]>,
        operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure>;

    /// Appends to `result`, which is empty, one operand in place of two that follow
    /// upon one another. `false` when there is none: it depends on what lies below,
    /// say. The default knows none.
    ///
    /// # Errors
    ///
    /// As for [`full_merge`](Self::full_merge).
    fn partial_merge(
        &self,
        user_key: &[u8],
        older: &[u8],
        newer: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<bool, MergeFailure> {
        let _ = (user_key, older, newer, result);
        Ok(false)
    }

    /// Whether these operands, newest first, decide the result, whatever lies below:
    /// then nothing below is read. `existing` is `None` in the merge that follows.
    /// The default is never.
    fn is_enough(&self, user_key: &[u8], newest_first: &[&[u8]]) -> bool {
        let _ = (user_key, newest_first);
        false
    }
}

/// The value that an entry of some kind has for a merge: a plain one, or that of a timed
/// put. What other kinds store has to be read by the engine first, say from a blob file.
pub(crate) fn value_to_merge(kind: Kind, stored: &[u8]) -> Result<&[u8]> {
    match kind {
        Kind::VALUE => Ok(stored),
        Kind::VALUE_PREFERRED_SEQNO => Ok(TimedValue::unpack(stored)?.value),
        _ => Err(Error::Unsupported("a merge into what is no plain value")),
    }
}
