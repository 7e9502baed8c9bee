//! Write a few versions of keys, read them at snapshots, scan, seal.

use verimem::{Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable};

fn main() -> verimem::Result<()> {
    let table = MemTable::builder().write_buffer_size(4 << 20).build()?;

    table.add(1, Kind::VALUE, b"apple", b"green")?;
    table.add(2, Kind::VALUE, b"banana", b"yellow")?;
    table.add(3, Kind::VALUE, b"apple", b"red")?;
    table.add(4, Kind::DELETION, b"banana", b"")?;

    // A snapshot is a sequence number: what was written later is not there yet.
    for snapshot in [2, MAX_SEQUENCE_NUMBER] {
        match table.get(b"apple", snapshot)? {
            Lookup::Found {
                value, sequence, ..
            } => {
                println!(
                    "apple is {} (sequence {sequence})",
                    String::from_utf8_lossy(value)
                );
            }
            other => println!("apple: {other:?}"),
        }
    }

    // The keys that are visible now, in order: the banana is deleted.
    let mut cursor = table.visible(MAX_SEQUENCE_NUMBER);
    cursor.seek_to_first()?;
    while let Some(key) = cursor.key() {
        println!("visible: {}", String::from_utf8_lossy(key));
        cursor.next()?;
    }

    table.seal()?;
    println!(
        "{} entries; writing now: {:?}",
        table.stats().entries,
        table.add(5, Kind::VALUE, b"x", b"")
    );
    Ok(())
}
