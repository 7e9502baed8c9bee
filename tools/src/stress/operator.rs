//! The merge operator of the tables under test.

use verimem::merge::{MergeFailure, MergeOperator};

use super::plan::resets;

/// Appends operands to what they are merged into, so that a result shows each of
/// them. An operand that [resets] stands for everything below it.
#[derive(Debug, Default)]
pub struct Append;

/// Whether what an operand says makes all that is below it irrelevant.
fn decides(operand: &[u8]) -> bool {
    let number = operand.first_chunk::<8>();
    number.is_some_and(|number| resets(u64::from_le_bytes(*number)))
}

impl MergeOperator for Append {
    fn name(&self) -> &str {
        "verimem.stress.Append"
    }

    fn full_merge(
        &self,
        _user_key: &[u8],
        existing: Option<&[u8]>,
        operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        let last = operands.iter().rposition(|operand| decides(operand));
        if last.is_none() {
            result.extend_from_slice(existing.unwrap_or_default());
        }
        for operand in &operands[last.unwrap_or(0)..] {
            result.extend_from_slice(operand);
        }
        Ok(())
    }

    fn is_enough(&self, _user_key: &[u8], newest_first: &[&[u8]]) -> bool {
        // Asked after each operand: those before were not enough.
        newest_first.last().is_some_and(|operand| decides(operand))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_folding_in_parts_is_folding_at_once() {
        let operands: Vec<_> = (0..40u64).map(u64::to_le_bytes).collect();
        let merge = |existing: Option<&[u8]>, from: usize, to: usize| {
            let operands: Vec<_> = operands[from..to].iter().map(<[u8; 8]>::as_slice).collect();
            let mut result = Vec::new();
            Append
                .full_merge(b"k", existing, &operands, &mut result)
                .unwrap();
            result
        };
        for middle in 1..40 {
            let first = merge(Some(b"base"), 0, middle);
            assert_eq!(merge(Some(&first), middle, 40), merge(Some(b"base"), 0, 40));
        }
        assert_eq!(merge(Some(b"base"), 0, 1)[..4], *b"base");
        assert!(merge(Some(b"base"), 0, 40).len() < 80, "operands reset");
    }
}
