//! Several writers and a reader share a table; an owned cursor outlives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use verimem::{Error, Kind, MemTable};

fn main() -> verimem::Result<()> {
    let table = Arc::new(MemTable::builder().build()?);
    let sequence = AtomicU64::new(1);

    thread::scope(|scope| {
        for writer in 0..4 {
            let (table, sequence) = (&table, &sequence);
            scope.spawn(move || {
                // One way in for the whole batch; the counters follow when it ends.
                let mut batch = table.writer()?;
                for item in 0..1_000 {
                    let key = format!("item {item:04} of writer {writer}");
                    let number = sequence.fetch_add(1, Ordering::Relaxed);
                    batch.add(number, Kind::VALUE, key.as_bytes(), b"made by a thread")?;
                }
                Ok::<(), Error>(())
            });
        }
    });

    // Sealing lets the writers inside finish and refuses all others.
    table.seal()?;
    println!(
        "{} entries in {} bytes",
        table.stats().entries,
        table.memory_usage().used
    );

    let mut cursor = table.owned_iter();
    drop(table);
    let scan = thread::spawn(move || {
        let mut count = 0;
        cursor.seek_to_first();
        while cursor.valid() {
            count += 1;
            cursor.next();
        }
        count
    });
    println!(
        "{:?} entries scanned after the table was let go",
        scan.join()
    );
    Ok(())
}
