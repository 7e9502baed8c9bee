//! A representation of a user's own, that of the example.

#[path = "../../examples/own_representation/sorted_index.rs"]
mod sorted_index;

use sorted_index::SortedIndexFactory;
use verimem::Comparator;
use verimem_conformance::{Abilities, Candidate, Kit};

struct Own;

impl Candidate for Own {
    type Factory<C: Comparator> = SortedIndexFactory;

    fn factory<C: Comparator>(&self) -> SortedIndexFactory {
        SortedIndexFactory { entries: u16::MAX }
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            refuses_duplicates: true,
            ..Abilities::LEAST
        }
    }
}

#[test]
fn r1_a_representation_of_one_s_own_conforms() {
    let kit = Kit {
        sequences: 100,
        rounds: 1,
        ..Kit::default()
    };
    let report = kit.check(&Own).unwrap();
    println!("sorted_index: {report}");
}
