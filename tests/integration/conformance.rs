//! The conformance kit, on each built-in representation.

#[path = "../../examples/own_representation/sorted_index.rs"]
mod sorted_index;

use std::sync::Arc;

use sorted_index::SortedIndexFactory;
use verimem::arena::{ArenaOptions, ConcurrentArena};
use verimem::memtable::DuplicatePolicy;
use verimem::rep::{AnyFactory, MemTableRep, ReadRep, SkipListFactory};
use verimem::{Comparator, Corruption, EntryRef, Error, FixedPrefix, Kind, Lookup, MemTable};
use verimem_conformance::{Abilities, Candidate, Kit};
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

/// The representation of the example, which leaves all that it can to defaults.
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
        sequences: 150,
        rounds: 1,
        ..Kit::default()
    };
    println!("CONFORMANCE sorted_index: {}", kit.check(&Own).unwrap());
}

/// What the kit does not ask of a representation that says that it cannot.
#[test]
fn r1_defaults_refuse_or_do_nothing() -> Result<(), Error> {
    let factory = SortedIndexFactory { entries: 2 };
    let table = MemTable::builder()
        .representation(factory)
        .duplicates(DuplicatePolicy::Overwrite)
        .build()?;
    table.add(1, Kind::VALUE, b"k", b"first")?;
    let again = table.add(1, Kind::VALUE, b"k", b"second");
    assert_eq!(again, Err(Error::Duplicate));
    assert!(matches!(
        table.get(b"k", 1)?,
        Lookup::Found {
            value: b"first",
            ..
        }
    ));
    let entry = EntryRef {
        user_key: b"secret",
        sequence: 2,
        kind: Kind::VALUE,
        value: b"",
    };
    let refused = table.writer()?.add_protected(&entry, !entry.checksum());
    let Err(Error::Corruption(corruption)) = refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(
        corruption,
        Corruption::Checksum { sequence: 2, .. }
    ));
    assert!(!corruption.to_string().contains("secret"));
    let rep = table.representation();
    assert!(!rep.is_checked());
    assert_eq!(rep.verify_path(b"k", 1), Ok(()));
    // SAFETY: no position is given.
    assert_eq!(unsafe { rep.verify_step(None, None) }, Ok(()));
    table.add(2, Kind::VALUE, b"k", b"")?;
    let full = table.add(3, Kind::VALUE, b"k", b"");
    assert!(matches!(full, Err(Error::Full { .. })));
    assert_eq!(table.stats().entries, 2);
    table.seal()?;
    assert!(table.sample(9)?.len() == 2 && rep.sample(9)?.is_empty());
    Ok(())
}

#[test]
fn r1_any_representation_says_what_it_is() -> Result<(), Error> {
    for (text, name) in [
        ("skiplist", "skiplist"),
        ("hash_skiplist:3", "hash_skiplist"),
        ("hash_linklist:3", "hash_linklist"),
        ("vector", "vector"),
    ] {
        let table = MemTable::builder()
            .representation(text.parse::<AnyFactory>()?)
            .prefix_extractor(Arc::new(FixedPrefix(1)))
            .duplicates(DuplicatePolicy::KeepFirst)
            .build()?;
        assert_eq!(table.representation().name(), name);
        assert!(format!("{table:?}").contains(name));
        assert!(!format!("{:?}", table.representation()).is_empty());
    }
    Ok(())
}

#[test]
fn e3_a_list_by_itself_refuses_numbers_that_are_too_large() -> Result<(), Error> {
    let arena = Arc::new(ConcurrentArena::new(ArenaOptions::default())?);
    let list = verimem::skiplist::SkipList::new(
        arena,
        verimem::BytewiseComparator,
        verimem::skiplist::SkipListOptions::default(),
    )?;
    let sequence = verimem::MAX_SEQUENCE_NUMBER + 1;
    let entry = EntryRef {
        user_key: b"",
        sequence,
        kind: Kind::VALUE,
        value: b"",
    };
    let refused = Err(Error::SequenceTooLarge { sequence });
    assert_eq!(list.insert(&entry), refused);
    assert!(ReadRep::is_empty(&list));
    Ok(())
}
