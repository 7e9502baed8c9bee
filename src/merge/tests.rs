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
