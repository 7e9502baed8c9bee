//! Values that are updated where they are: counters that many threads raise, and that take
//! no memory for it.

use verimem::in_place::Decision;
use verimem::{Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, Result};

const KEYS: [&[u8]; 3] = [b"home", b"login", b"search"];

fn main() -> Result<()> {
    let table = MemTable::builder().in_place().build()?;
    for key in KEYS {
        table.add(1, Kind::VALUE, key, &0u64.to_le_bytes())?;
    }
    let used = table.memory_usage().used;

    std::thread::scope(|scope| {
        let raisers: Vec<_> = (0..4).map(|_| scope.spawn(|| raise_all(&table))).collect();
        raisers
            .into_iter()
            .try_for_each(|raiser| raiser.join().expect("no thread panics"))
    })?;

    let mut keys = table.visible(MAX_SEQUENCE_NUMBER);
    let mut buffer = Vec::new();
    keys.seek_to_first()?;
    while let Some(entry) = keys.entry(&mut buffer)? {
        let visits = entry.value.try_into().map_or(0, u64::from_le_bytes);
        println!("{}: {visits}", entry.user_key.escape_ascii());
        assert_eq!(visits, 4_000);
        keys.next()?;
    }
    assert_eq!(table.memory_usage().used, used);
    Ok(())
}

/// Raises each counter a thousand times. A callback's turn is its alone, so none is lost.
fn raise_all(table: &verimem::InPlaceTable) -> Result<()> {
    let mut writer = table.writer()?;
    for round in 0..1_000 {
        for key in KEYS {
            writer.update_with(2 + round, key, |existing, value| {
                let Lookup::Found { value: old, .. } = existing else {
                    return Decision::Keep;
                };
                let visits = old.try_into().map_or(0, u64::from_le_bytes);
                value.extend_from_slice(&(visits + 1).to_le_bytes());
                Decision::Replace
            })?;
        }
    }
    Ok(())
}
