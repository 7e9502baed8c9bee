use super::*;

fn folded(operator: &impl MergeOperator, existing: Option<&[u8]>, operands: &[&[u8]]) -> Vec<u8> {
    let mut result = Vec::new();
    operator
        .full_merge(b"key", existing, operands, &mut result)
        .unwrap();
    result
}

#[test]
fn g2_sums_wrap_and_refuse_what_is_no_number() {
    let add = Associative(UInt64Add);
    let le = u64::to_le_bytes;
    assert_eq!(folded(&add, None, &[&le(1), &le(2)]), le(3));
    assert_eq!(folded(&add, Some(&le(u64::MAX)), &[&le(2)]), le(1));
    for operands in [&[&b"seven b"[..]][..], &[&le(1), b""]] {
        let mut result = Vec::new();
        let failure = add.full_merge(b"key", None, operands, &mut result);
        assert!(failure.unwrap_err().reason().contains("eight bytes"));
    }
    let mut result = Vec::new();
    assert!(
        add.full_merge(b"k", Some(b"x"), &[&le(1)], &mut result)
            .is_err()
    );
}

#[test]
fn g2_strings_are_joined_oldest_first() {
    let append = StringAppend { delimiter: b',' };
    assert_eq!(folded(&append, None, &[b"a"]), b"a");
    assert_eq!(folded(&append, None, &[b"a", b"b"]), b"a,b");
    assert_eq!(folded(&append, Some(b""), &[b"a", b""]), b",a,");
    let mut both = Vec::new();
    assert_eq!(append.partial_merge(b"k", b"a", b"b", &mut both), Ok(true));
    assert_eq!(folded(&append, Some(b"x"), &[&both]), b"x,a,b");
}

#[test]
fn g2_maxima_are_bytewise() {
    let max = Associative(Max);
    assert_eq!(folded(&max, Some(b"b"), &[b"a", b"ab"]), b"b");
    assert_eq!(folded(&max, None, &[b"a", b"ab"]), b"ab");
    assert_eq!(folded(&max, Some(b"kept"), &[]), b"kept");
    let mut both = Vec::new();
    assert_eq!(max.partial_merge(b"k", b"2", b"10", &mut both), Ok(true));
    assert_eq!(both, b"2");
}

/// Adds numbers, and knows no sum of an odd one and another.
#[derive(Debug)]
struct Even;

impl MergeOperator for Even {
    fn name(&self) -> &str {
        "test.Even"
    }

    fn full_merge(
        &self,
        _user_key: &[u8],
        _existing: Option<&[u8]>,
        _operands: &[&[u8]],
        _result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        Err(MergeFailure::new("not asked"))
    }

    fn partial_merge(
        &self,
        _user_key: &[u8],
        older: &[u8],
        newer: &[u8],
        result: &mut Vec<u8>,
    ) -> Result<bool, MergeFailure> {
        let (older, newer) = (older[0], newer[0]);
        if older == 99 {
            return Err(MergeFailure::new("99"));
        }
        result.push(older + newer);
        Ok((older | newer) % 2 == 0)
    }
}

#[test]
fn g2_operands_are_folded_with_one_another_as_far_as_that_goes() {
    let fold = |newest_first: &[u8]| {
        let operands: Vec<&[u8]> = newest_first.chunks(1).collect();
        let folded = partial_fold(&Even, b"k", &operands)?;
        Ok(folded.iter().map(|one| one[0]).collect::<Vec<_>>())
    };
    assert_eq!(fold(&[]), Ok(vec![]));
    assert_eq!(fold(&[7]), Ok(vec![7]));
    assert_eq!(fold(&[2, 4, 6]), Ok(vec![12]));
    assert_eq!(fold(&[2, 4, 7, 6, 8, 1]), Ok(vec![6, 7, 14, 1]));
    assert_eq!(fold(&[1, 3]), Ok(vec![1, 3]));
    let failure = MergeFailure::new("99");
    assert_eq!(fold(&[2, 99]), Err(Error::MergeFailed(failure)));
}
