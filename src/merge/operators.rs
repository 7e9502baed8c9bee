//! Operators that come with the crate.

use core::fmt::Debug;

use super::{MergeFailure, MergeOperator};

/// Appends bytes, if there is memory for them.
fn append(result: &mut Vec<u8>, bytes: &[u8]) -> Result<(), MergeFailure> {
    result
        .try_reserve(bytes.len())
        .map_err(|_| MergeFailure::new("out of memory"))?;
    result.extend_from_slice(bytes);
    Ok(())
}

/// A merge in which operands are what values are, and may be folded in any grouping:
/// sums, maxima, concatenation. [`Associative`] makes an operator of it.
///
/// ```
/// use verimem::merge::{Associative, AssociativeMerge, MergeFailure, MergeOperator};
///
/// #[derive(Debug)]
/// struct Longest;
///
/// impl AssociativeMerge for Longest {
///     fn name(&self) -> &str {
///         "example.Longest"
///     }
///
///     fn merge(
///         &self,
///         _user_key: &[u8],
///         existing: Option<&[u8]>,
///         operand: &[u8],
///         result: &mut Vec<u8>,
///     ) -> Result<(), MergeFailure> {
///         let existing = existing.unwrap_or_default();
///         result.extend_from_slice(if operand.len() > existing.len() { operand } else { existing });
///         Ok(())
///     }
/// }
///
/// let mut longest = Vec::new();
/// Associative(Longest).full_merge(b"key", Some(b"abc"), &[b"a", b"abcd"], &mut longest)?;
/// assert_eq!(longest, b"abcd");
/// # Ok::<(), MergeFailure>(())
/// ```
pub trait AssociativeMerge: Debug + Send + Sync + 'static {
    /// The name under which an engine remembers the operator.
    fn name(&self) -> &str;

    /// Appends to `result`, which is empty, what `operand` makes of `existing`, an
    /// earlier value or operand, or nothing.
    ///
    /// # Errors
    ///
    /// As for [`MergeOperator::full_merge`].
    fn merge(
        &self,
        user_key: &[u8],
        existing: Option<&[u8]>,
        operand: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure>;
}

/// The operator of an [`AssociativeMerge`]: folds one operand after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Associative<M>(pub M);

impl<M: AssociativeMerge> MergeOperator for Associative<M> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn full_merge(
        &self,
        user_key: &[u8],
        existing: Option<&[u8]>,
        operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        let Some((first, others)) = operands.split_first() else {
            return append(result, existing.unwrap_or_default());
        };
        self.0.merge(user_key, existing, first, result)?;
        let mut next = Vec::new();
        for operand in others {
            next.clear();
            self.0.merge(user_key, Some(result), operand, &mut next)?;
            core::mem::swap(result, &mut next);
        }
        Ok(())
    }

    fn partial_merge(
        &self,
        user_key: &[u8],
        older: &[u8],
        newer: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<bool, MergeFailure> {
        self.0.merge(user_key, Some(older), newer, result)?;
        Ok(true)
    }
}

/// Adds unsigned 64-bit numbers, little-endian, and wraps around.
///
/// RocksDB's `uint64add` takes anything else than eight bytes for 0; here it is a
/// failure.
#[derive(Debug, Clone, Copy, Default)]
pub struct UInt64Add;

fn number(bytes: &[u8]) -> Result<u64, MergeFailure> {
    let bytes = bytes
        .try_into()
        .map_err(|_| MergeFailure::new("not a number of eight bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}

impl AssociativeMerge for UInt64Add {
    fn name(&self) -> &str {
        "UInt64AddOperator"
    }

    fn merge(
        &self,
        _user_key: &[u8],
        existing: Option<&[u8]>,
        operand: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        let existing = existing.map_or(Ok(0), number)?;
        let sum = existing.wrapping_add(number(operand)?);
        append(result, &sum.to_le_bytes())
    }
}

/// Concatenates, with a delimiter in between: RocksDB's `stringappend`.
#[derive(Debug, Clone, Copy)]
pub struct StringAppend {
    /// What stands between two operands.
    pub delimiter: u8,
}

impl MergeOperator for StringAppend {
    fn name(&self) -> &str {
        "StringAppendOperator"
    }

    fn full_merge(
        &self,
        _user_key: &[u8],
        existing: Option<&[u8]>,
        operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        let parts = existing.iter().chain(operands);
        for (place, part) in parts.enumerate() {
            if place > 0 {
                append(result, &[self.delimiter])?;
            }
            append(result, part)?;
        }
        Ok(())
    }

    fn partial_merge(
        &self,
        user_key: &[u8],
        older: &[u8],
        newer: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<bool, MergeFailure> {
        self.full_merge(user_key, Some(older), &[newer], result)?;
        Ok(true)
    }
}

/// The largest, bytewise: RocksDB's `max`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Max;

impl AssociativeMerge for Max {
    fn name(&self) -> &str {
        "MaxOperator"
    }

    fn merge(
        &self,
        _user_key: &[u8],
        existing: Option<&[u8]>,
        operand: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        append(result, existing.unwrap_or_default().max(operand))
    }
}
