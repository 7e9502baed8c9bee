//! Operands in place of more operands.

use std::borrow::Cow;

use super::MergeOperator;
use crate::error::{Error, Result};

/// Folds neighbouring operands, newest first, as far as the operator
/// [can](MergeOperator::partial_merge) without what lies below them; what is left is newest
/// first, too. A flush writes that where a key's base is in another table, as RocksDB does.
/// O(number of operands) calls.
///
/// ```
/// use verimem::merge::{StringAppend, partial_fold};
///
/// let append = StringAppend { delimiter: b',' };
/// let folded = partial_fold(&append, b"key", &[b"new", b"old"])?;
/// assert_eq!(folded, [&b"old,new"[..]]);
/// # Ok::<(), verimem::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::MergeFailed`]; [`Error::OutOfMemory`].
pub fn partial_fold<'a, O: MergeOperator + ?Sized>(
    operator: &O,
    user_key: &[u8],
    newest_first: &[&'a [u8]],
) -> Result<Vec<Cow<'a, [u8]>>> {
    let mut folded: Vec<Cow<'a, [u8]>> = Vec::new();
    folded
        .try_reserve_exact(newest_first.len())
        .map_err(|_| Error::OutOfMemory {
            requested: newest_first
                .len()
                .saturating_mul(size_of::<Cow<'_, [u8]>>()),
        })?;
    // Oldest first, so that each is folded into all that lie below it.
    for &newer in newest_first.iter().rev() {
        if let Some(older) = folded.last_mut() {
            let mut result = Vec::new();
            if operator.partial_merge(user_key, older, newer, &mut result)? {
                *older = Cow::Owned(result);
                continue;
            }
        }
        folded.push(Cow::Borrowed(newer));
    }
    folded.reverse();
    Ok(folded)
}
