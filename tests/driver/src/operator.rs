//! The merge operators of the tests.

use verimem::merge::{MergeFailure, MergeOperator, StringAppend};
use verimem_model::Merging;

use std::sync::Arc;

/// What the model calls [`Merging`], as an operator: what it gets, and when it is asked,
/// is what is tested, so that it may fold by the model's own function.
#[derive(Debug)]
struct Operator(Merging);

impl MergeOperator for Operator {
    fn name(&self) -> &str {
        "test.Operator"
    }

    fn full_merge(
        &self,
        _user_key: &[u8],
        existing: Option<&[u8]>,
        operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        assert!(!operands.is_empty() && result.is_empty());
        let folded = self.0.folded(existing, operands);
        result.extend(folded.ok_or_else(|| MergeFailure::new("an operand is refused"))?);
        Ok(())
    }

    fn is_enough(&self, _user_key: &[u8], newest_first: &[&[u8]]) -> bool {
        if self.0 != Merging::Reset {
            return false;
        }
        let is_reset = |operand: &&[u8]| Merging::is_reset(operand);
        let (last, before) = newest_first.split_last().expect("at least one operand");
        assert!(
            !before.iter().any(is_reset),
            "asked again when it was enough"
        );
        is_reset(last)
    }
}

/// The operator of a table.
pub(crate) fn of(merging: Merging) -> Option<Arc<dyn MergeOperator>> {
    match merging {
        Merging::Nothing => None,
        Merging::Append => Some(Arc::new(StringAppend { delimiter: b',' })),
        Merging::Picky | Merging::Reset => Some(Arc::new(Operator(merging))),
    }
}
