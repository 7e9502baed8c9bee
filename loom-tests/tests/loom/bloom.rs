//! Models of the Bloom filter by itself (SPEC B1). With a table it is in `memtable`.

use std::sync::Arc;

use verimem::bloom::Bloom;
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{List, insert, list, seek, spawn};

/// A filter, and what it is a filter of.
struct Filtered {
    bloom: Bloom,
    list: Arc<List>,
}

/// With this seed and one probe, `a` and `e` are two bits of one word, and `k` is a bit of
/// another.
const SEED: u64 = 0;

impl Filtered {
    /// Adds an entry, the bits first.
    fn add(&self, bits: [&[u8]; 2], key: &'static [u8]) {
        bits.into_iter().for_each(|bits| self.bloom.add(bits));
        insert(&self.list, key).expect("no duplicate");
    }

    fn check(&self, bits: [&[u8]; 2]) {
        assert_eq!(
            bits.map(|bits| self.bloom.may_contain(bits)),
            [true; 2],
            "B1"
        );
    }
}

/// B1: two writers set bits of one word, and both set one bit. Who finds it set need not
/// write it, and who sees an entry finds its bits.
#[test]
fn bits_of_two_writers() {
    let model = Model::new(
        "bloom::bits_of_two_writers",
        Bound::Preemptions(3),
        100,
        &["- -", "- b", "a -", "a b"],
    );
    check(model, |outcomes| {
        let filtered = Arc::new(Filtered {
            bloom: Bloom::new(512, 1, SEED).expect("memory"),
            list: list(),
        });
        let reader = spawn(&filtered, |filtered| {
            let a = seek(&filtered.list, b"a1").replace('b', "-");
            let b = seek(&filtered.list, b"b1");
            if a == "a" {
                filtered.check([b"a", b"k"]);
            }
            if b == "b" {
                filtered.check([b"e", b"k"]);
            }
            format!("{a} {b}")
        });
        let other = spawn(&filtered, |filtered| filtered.add([b"e", b"k"], b"b1"));
        filtered.add([b"a", b"k"], b"a1");
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        filtered.check([b"a", b"e"]);
        assert!(!filtered.bloom.may_contain(b"z"), "not blind");
    });
}
