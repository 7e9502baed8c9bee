//! Seeks that go a little ahead, and seeks to anywhere, with and without `lookahead`, side by
//! side: `cargo run --release --example lookahead`.

use std::time::Instant;

use verimem::{Error, Kind, MemTable};

const ENTRIES: u64 = 1_000_000;
const SEEKS: usize = 200_000;
const LOOKAHEAD: [usize; 4] = [0, 4, 16, 64];

fn key(number: u64) -> Vec<u8> {
    format!("user{number:012}").into_bytes()
}

/// A table of all keys, added in an order that looks random.
fn table(lookahead: usize) -> Result<MemTable, Error> {
    let table = MemTable::builder()
        .write_buffer_size(256 << 20)
        .lookahead(lookahead)
        .build()?;
    let mut writer = table.writer()?;
    for number in 0..ENTRIES {
        let number = number * 611_953 % ENTRIES;
        writer.add(1, Kind::VALUE, &key(number), &[7; 32])?;
    }
    drop(writer);
    Ok(table)
}

fn measure(name: &str, tables: &[MemTable], numbers: impl Iterator<Item = u64>) {
    let keys: Vec<_> = numbers.take(SEEKS).map(key).collect();
    print!("{name:>12}");
    for (table, lookahead) in tables.iter().zip(LOOKAHEAD) {
        let mut cursor = table.iter();
        let start = Instant::now();
        for key in &keys {
            cursor.seek(key, 1);
            assert!(cursor.valid(), "all keys are there");
        }
        let nanoseconds = start.elapsed().as_nanos() as f64 / keys.len() as f64;
        print!("  {lookahead}: {nanoseconds:.0} ns");
    }
    println!();
}

fn main() -> Result<(), Error> {
    let tables = LOOKAHEAD
        .into_iter()
        .map(table)
        .collect::<Result<Vec<_>, _>>()?;
    for _ in 0..3 {
        for jump in [1, 3, 10, 30, 100] {
            let numbers = (0..ENTRIES).step_by(jump);
            measure(&format!("every {jump}"), &tables, numbers);
        }
        let anywhere = (0..ENTRIES).map(|number| number * 387_199 % ENTRIES);
        measure("anywhere", &tables, anywhere);
    }
    Ok(())
}
