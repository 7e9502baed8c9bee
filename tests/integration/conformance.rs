//! The conformance kit, on each built-in representation.

use verimem::Comparator;
use verimem::rep::SkipListFactory;
use verimem_conformance::{Candidate, Kit};
use verimem_driver::Rep;

/// The default, whose calls are direct.
struct SkipList;

impl Candidate for SkipList {
    type Factory<C: Comparator> = SkipListFactory;

    fn factory<C: Comparator>(&self) -> SkipListFactory {
        SkipListFactory
    }
}

fn conforms(name: &str, candidate: &(impl Candidate + Sync)) {
    let report = Kit::default().check(candidate).unwrap();
    println!("CONFORMANCE {name}: {report}");
}

#[test]
fn r1_the_skiplist_conforms() {
    conforms("skiplist", &SkipList);
    conforms("skiplist, chosen at run time", &Rep::SkipList);
}

#[test]
fn r2_hashed_skiplists_conform() {
    conforms("hash_skiplist", &Rep::HashSkipList(50, 4));
}

#[test]
fn r3_hashed_lists_conform() {
    conforms("hash_linklist", &Rep::HashLinkList(50, 8));
}

#[test]
fn r4_the_vector_conforms() {
    conforms("vector", &Rep::Vector);
}
