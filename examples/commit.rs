//! Batches that become visible as a whole, in their order; one that fails; operands and range
//! deletions.

use std::sync::Arc;

use verimem::merge::{Associative, Merged, UInt64Add};
use verimem::sequencer::Sequencer;
use verimem::{Kind, MemTable, Result};

fn main() -> Result<()> {
    let table = MemTable::builder()
        .merge_operator(Arc::new(Associative(UInt64Add)))
        .bloom_size_ratio(0.02)
        .build()?;
    let sequencer = Sequencer::new(0)?;
    let one = 1u64.to_le_bytes();

    // Any number of threads may do this at the same time.
    let batch = sequencer.reserve(2)?;
    let mut writer = table.writer()?;
    writer.add(batch.first(), Kind::MERGE, b"visits", &one)?;
    writer.delete_range(batch.last(), b"session/", b"session0")?;
    drop(writer);
    batch.publish();

    // Dropped before it is published: an error or a panic on the way does the same.
    let failing = sequencer.reserve(1)?;
    table.add(failing.first(), Kind::MERGE, b"visits", &one)?;
    drop(failing);

    let batch = sequencer.reserve(1)?;
    table.add(batch.first(), Kind::MERGE, b"visits", &one)?;
    batch.publish();

    let view = sequencer.view();
    let reader = table.reader(view.sequence())?.with_visibility(&view);
    match reader.get_merged(b"visits")? {
        // Older tables might know what they are to be added to.
        Merged::Operands { operands, .. } => println!("{} visits", operands.len()),
        other => println!("{other:?}"),
    }
    println!("session/7: {:?}", reader.get(b"session/7")?);
    Ok(())
}
