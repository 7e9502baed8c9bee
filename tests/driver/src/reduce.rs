//! Fewer operations that still fail.

use verimem_model::{Batch, Op};

/// Takes operations away, and adds out of batches, one by one, for as long as
/// `fails` still says so.
///
/// proptest takes each operation away once, before it makes the others simpler;
/// what only then became superfluous is taken away here.
#[must_use]
pub fn reduce(ops: &[Op], fails: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    let mut ops = ops.to_vec();
    loop {
        let before = weight(&ops);
        let mut index = ops.len();
        while index > 0 {
            index -= 1;
            without_op(&mut ops, index, &fails);
            without_adds(&mut ops, index, &fails);
        }
        if weight(&ops) == before {
            return ops;
        }
    }
}

/// Operations, the adds of batches included.
fn weight(ops: &[Op]) -> usize {
    let adds = |op: &Op| {
        if let Op::Batch(batch) = op {
            batch.adds.len()
        } else {
            0
        }
    };
    ops.len() + ops.iter().map(adds).sum::<usize>()
}

fn without_op(ops: &mut Vec<Op>, index: usize, fails: &impl Fn(&[Op]) -> bool) {
    let removed = ops.remove(index);
    if !fails(ops) {
        ops.insert(index, removed);
    }
}

fn without_adds(ops: &mut [Op], index: usize, fails: &impl Fn(&[Op]) -> bool) {
    let Some(Op::Batch(Batch { adds, .. })) = ops.get(index) else {
        return;
    };
    for add in (0..adds.len()).rev() {
        let Some(Op::Batch(batch)) = ops.get_mut(index) else {
            return;
        };
        let removed = batch.adds.remove(add);
        if fails(ops) {
            continue;
        }
        if let Some(Op::Batch(batch)) = ops.get_mut(index) {
            batch.adds.insert(add, removed);
        }
    }
}
