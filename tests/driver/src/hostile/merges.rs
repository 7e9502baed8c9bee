//! Operands of one key over several tables (G2).

use arbitrary::{Arbitrary, Result, Unstructured};
use verimem::merge::{Associative, Max, MergeOperator, Merger, StringAppend, UInt64Add};
use verimem::{Error, Kind, MemTable};
use verimem_model::{
    Added, Answer, Base, By, Entry, Merged, Merging, ModelMemTable, Order, Sight, kind,
};

use crate::operator;
use crate::real::merged;

const KEY: &[u8] = b"key";

/// A merger over tables against a single table of all; then the laws of the operators.
pub fn check_merges(bytes: &[u8]) {
    let mut u = Unstructured::new(bytes);
    let _ = check_merger(&mut u);
    let _ = check_laws(&mut u);
}

/// Small values, so that some are refused and some are resets.
fn value(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = u.int_in_range(0..=9)?;
    Ok(u.bytes(length)?.to_vec())
}

fn table(merging: Merging) -> MemTable {
    let mut builder = MemTable::builder().write_buffer_size(1);
    if let Some(operator) = operator::of(merging) {
        builder = builder.merge_operator(operator);
    }
    builder.build().unwrap_or_else(|error| panic!("{error}"))
}

/// Versions of one key, the oldest first, cut into tables.
fn check_merger(u: &mut Unstructured<'_>) -> Result<()> {
    let merging = match Merging::arbitrary(u)? {
        Merging::Nothing => Merging::Append,
        merging => merging,
    };
    let mut tables = vec![table(merging)];
    let mut model = ModelMemTable::new(Order::Bytewise).merging(merging, 0);
    for sequence in 1..=u.int_in_range(0..=20u64)? {
        if u.ratio(1, 5)? {
            tables.push(table(merging));
        }
        let kind = *u.choose(&[
            kind::MERGE,
            kind::MERGE,
            kind::MERGE,
            kind::MERGE,
            kind::MERGE,
            kind::VALUE,
            kind::DELETION,
            kind::RANGE_DELETION,
            kind::VALUE_PREFERRED_SEQNO,
            kind::BLOB_INDEX,
        ])?;
        let value = if kind == kind::RANGE_DELETION {
            b"l".to_vec()
        } else {
            value(u)?
        };
        let entry = Entry {
            user_key: KEY,
            sequence,
            kind,
            value: &value,
        };
        assert_eq!(model.add(&entry, By::Anyone), Ok(Added::New));
        let table = &tables[tables.len() - 1];
        assert_eq!(table.add(sequence, Kind(kind), KEY, &value), Ok(()));
    }
    for snapshot in [u.int_in_range(0..=20)?, 99] {
        compare(merging, &tables, &model, snapshot);
    }
    Ok(())
}

fn compare(merging: Merging, tables: &[MemTable], model: &ModelMemTable, snapshot: u64) {
    let operator = operator::of(merging).unwrap_or_else(|| panic!("there is one"));
    let merger = || {
        let mut merger = Merger::new(KEY, &*operator);
        for table in tables.iter().rev() {
            if !merger.needs_older() {
                break;
            }
            merger.add(table.get(KEY, snapshot)?)?;
        }
        Ok::<_, Error>(merger)
    };
    let sight = Sight::at(snapshot);
    let so_far = merger().and_then(Merger::so_far).map(merged);
    let expected = model.get_merged(KEY, &sight);
    match (&expected, &so_far) {
        (Ok(expected), Ok(found)) => assert_eq!(expected, found),
        (Err(_), Err(_)) => {}
        _ => panic!("{so_far:?} of {tables:?}: {expected:?} at {snapshot}"),
    }
    let finished = merger().and_then(Merger::finish).map(merged);
    let Ok(Merged::Operands { operands, sequence }) = expected else {
        assert_eq!(finished, so_far, "nothing older makes a difference");
        return;
    };
    let oldest_first: Vec<_> = operands.into_iter().rev().collect();
    let expected = merging
        .folded(None, &oldest_first)
        .map(|value| Merged::Found {
            kind: kind::VALUE,
            sequence,
            value,
        });
    assert_eq!(finished.ok(), expected, "nothing lies below");
    let base = matches!(
        model.get(KEY, &sight),
        Answer::Merge {
            base: Base::Missing,
            ..
        }
    );
    assert!(base, "operands that could have been folded");
}

/// Two operands in a row may be replaced by their partial merge (G2).
fn check_laws(u: &mut Unstructured<'_>) -> Result<()> {
    let existing = if u.arbitrary()? {
        Some(value(u)?)
    } else {
        None
    };
    let count = u.int_in_range(2..=5usize)?;
    let operands: Vec<Vec<u8>> = (0..count).map(|_| value(u)).collect::<Result<_>>()?;
    let place = u.choose_index(count - 1)?;
    let add = Associative(UInt64Add);
    let delimiter = u.arbitrary()?;
    let operators: [&dyn MergeOperator; 3] = [&add, &Associative(Max), &StringAppend { delimiter }];
    for operator in operators {
        check_partial(operator, existing.as_deref(), &operands, place);
    }
    // Numbers are what the first operator adds.
    let numbers: Vec<_> = operands
        .iter()
        .map(|operand| {
            operand
                .iter()
                .fold(1, |number, &byte| u64::wrapping_mul(number, byte.into()))
        })
        .map(|number| number.to_le_bytes().to_vec())
        .collect();
    check_partial(&add, None, &numbers, place);
    Ok(())
}

fn check_partial(
    operator: &dyn MergeOperator,
    existing: Option<&[u8]>,
    operands: &[Vec<u8>],
    place: usize,
) {
    let operands: Vec<&[u8]> = operands.iter().map(Vec::as_slice).collect();
    let full = |operands: &[&[u8]]| {
        let mut result = Vec::new();
        let done = operator.full_merge(KEY, existing, operands, &mut result);
        done.map(|()| result)
    };
    let mut both = Vec::new();
    let partial = operator.partial_merge(KEY, operands[place], operands[place + 1], &mut both);
    match partial {
        Ok(true) => {
            let mut fewer = operands.clone();
            fewer.splice(place..place + 2, [&*both]);
            assert_eq!(
                full(&fewer).ok(),
                full(&operands).ok(),
                "{}",
                operator.name()
            );
        }
        Ok(false) => {}
        Err(_) => assert!(full(&operands).is_err(), "{}", operator.name()),
    }
}
