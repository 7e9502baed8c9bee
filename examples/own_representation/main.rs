//! A representation of one's own, in safe code.
//!
//! ```sh
//! cargo run --example own_representation
//! ```
//!
//! [`sorted_index`] has it, and is all that a memtable asks of what it stands on; snapshots,
//! merges, range deletions, filters, counters and iterators are the table's. That it does what a
//! representation has to do is checked by the conformance kit, in `tests/integration/conformance.rs`.

mod sorted_index;

use sorted_index::{SortedIndex, SortedIndexFactory};
use verimem::rep::MemTableRep;
use verimem::{BytewiseComparator, Error, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, Result};

fn main() -> Result<()> {
    let factory = SortedIndexFactory { entries: 1000 };
    let table: MemTable<BytewiseComparator, SortedIndex<_>> =
        MemTable::builder().representation(factory).build()?;
    let reference = MemTable::builder().build()?;
    println!("a table on {}: {table:?}", table.representation().name());

    let mut sequence = 0;
    for round in 0..3u8 {
        for key in (0..100u8).rev() {
            sequence += 1;
            let kind = if key % 7 == round {
                Kind::DELETION
            } else {
                Kind::VALUE
            };
            let value = [key, round];
            table.add(sequence, kind, &[key], &value)?;
            reference.add(sequence, kind, &[key], &value)?;
        }
    }
    table.delete_range(sequence + 1, &[20], &[30])?;
    reference.delete_range(sequence + 1, &[20], &[30])?;
    let again = table.add(1, Kind::VALUE, &[99], b"");
    assert_eq!(again, Err(Error::Duplicate));

    for snapshot in [0, 50, 150, 250, MAX_SEQUENCE_NUMBER] {
        for key in 0..=100u8 {
            assert_eq!(
                table.get(&[key], snapshot)?,
                reference.get(&[key], snapshot)?
            );
        }
        let (mut ours, mut theirs) = (table.visible(snapshot), reference.visible(snapshot));
        ours.seek_to_last()?;
        theirs.seek_to_last()?;
        while theirs.valid() {
            assert_eq!(ours.entry()?, theirs.entry()?);
            ours.prev()?;
            theirs.prev()?;
        }
        assert!(!ours.valid());
    }
    table.seal()?;
    let found = table.get(&[42], MAX_SEQUENCE_NUMBER)?;
    assert!(matches!(found, Lookup::Found { value: [42, 2], .. }));
    println!("{} entries, equal to the skiplist's", table.stats().entries);
    Ok(())
}
