//! The conformance kit, on each built-in representation.

use verimem::Comparator;
use verimem::rep::SkipListFactory;
use verimem_conformance::{Candidate, Kit};

struct SkipList;

impl Candidate for SkipList {
    type Factory<C: Comparator> = SkipListFactory;

    fn factory<C: Comparator>(&self) -> SkipListFactory {
        SkipListFactory
    }
}

#[test]
fn r1_the_skiplist_conforms() {
    let report = Kit::default().check(&SkipList).unwrap();
    println!("CONFORMANCE skiplist: {report}");
}
