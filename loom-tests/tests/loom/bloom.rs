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

impl Filtered {
    /// Adds an entry, the bits of its key first.
    fn add(&self, key: &'static [u8]) {
        self.bloom.add(b"bits");
        insert(&self.list, key).expect("no duplicate");
    }
}

/// B1: two writers set the same bits. Who finds them set need not write them, and who
/// sees either entry finds all bits.
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
            bloom: Bloom::new(512, 2, 0).expect("memory"),
            list: list(),
        });
        let reader = spawn(&filtered, |filtered| {
            let seen = [b"a1", b"b1"].map(|key| seek(&filtered.list, key));
            let seen = [seen[0].replace('b', "-"), seen[1].clone()];
            let may = filtered.bloom.may_contain(b"bits");
            assert!(may || seen == ["-", "-"], "B1: {seen:?}");
            seen.join(" ")
        });
        let other = spawn(&filtered, |filtered| filtered.add(b"b1"));
        filtered.add(b"a1");
        outcomes.note(reader.join().expect("no panic"));
        other.join().expect("no panic");
        assert!(filtered.bloom.may_contain(b"bits"), "B1");
    });
}
