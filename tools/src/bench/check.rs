//! Was it right? Off the clock, on the table that a workload leaves behind, and on its counts.

use verimem::{Kind, Lookup, MAX_SEQUENCE_NUMBER};

use super::ground::Ground;
use super::keys::index_of;
use super::table::Table;

/// The most entries whose values are compared.
const COMPARED: usize = 10_000;

/// The two have to be the same.
pub fn equal(what: &str, expected: u64, found: u64) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}: {found}, and should be {expected}"))
}

/// Entries from all over a list.
pub fn sample(entries: &[u32]) -> impl Iterator<Item = u32> {
    let step = entries.len().div_ceil(COMPARED).max(1);
    entries.iter().copied().step_by(step)
}

/// Seals a table and compares it with what it should have: so many entries, in order, counted
/// both by itself and by a scan, with their values; and those of `present` by gets, too.
pub fn table(ground: &Ground, table: &Table, entries: u64, present: &[u32]) -> Result<(), String> {
    table.seal().map_err(|error| error.to_string())?;
    equal(
        "entries that the table counts",
        entries,
        table.stats().entries,
    )?;
    equal("entries that a scan finds", entries, scan(ground, table)?)?;
    values(ground, table, present)
}

/// Counts entries, and sees that each comes after the one before it, and has its value.
fn scan(ground: &Ground, table: &Table) -> Result<u64, String> {
    let mut cursor = table.iter();
    let mut count = 0;
    let mut last: Option<(Vec<u8>, u64)> = None;
    cursor.seek_to_first();
    while let Some((key, sequence)) = cursor.key() {
        let entry = cursor.entry().map_err(|error| error.to_string())?;
        match (index_of(key), entry) {
            (Some(index), Some(entry)) if entry.value == ground.values.of(index) => {}
            (Some(index), _) => {
                return Err(format!("a scan finds entry {index} with another value"));
            }
            (None, _) => return Err(format!("a scan finds {key:?}, which was never added")),
        }
        if let Some((before, newer)) = &mut last {
            if (before.as_slice(), std::cmp::Reverse(*newer)) >= (key, std::cmp::Reverse(sequence))
            {
                return Err(format!("a scan finds {key:?} out of order"));
            }
            before.clear();
            before.extend_from_slice(key);
            *newer = sequence;
        } else {
            last = Some((key.to_vec(), sequence));
        }
        count += 1;
        cursor.next();
    }
    cursor.status().map_err(|error| error.to_string())?;
    Ok(count)
}

/// Compares the values of some entries with what they should be.
fn values(ground: &Ground, table: &Table, present: &[u32]) -> Result<(), String> {
    let some: Vec<u32> = sample(present).collect();
    let keys = ground.keys(&some);
    for (key, &index) in keys.iter().zip(&some) {
        match table.get(key, MAX_SEQUENCE_NUMBER) {
            Ok(Lookup::Found {
                value,
                kind: Kind::VALUE,
                ..
            }) if value == ground.values.of(index) => {}
            Ok(Lookup::Found { .. }) => return Err(format!("entry {index} has another value")),
            Ok(other) => return Err(format!("entry {index} should be there: {other:?}")),
            Err(error) => return Err(format!("entry {index}: {error}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::subject::Subject;
    use crate::bench::tests::plan;
    use crate::bench::workload::Workload;
    use crate::rep::Rep;

    fn loaded(entries: &[u32]) -> (Ground, Table) {
        let ground = Ground::new(plan(&["--num", "100"]));
        let table = ground
            .table(Subject::Rep(Rep::Skiplist), Workload::Fillseq)
            .unwrap();
        ground.load(&table, entries).unwrap();
        (ground, table)
    }

    #[test]
    fn a_right_table_passes() {
        let entries: Vec<u32> = (0..100).rev().collect();
        let (ground, held) = loaded(&entries);
        assert_eq!(table(&ground, &held, 100, &entries), Ok(()));
    }

    #[test]
    fn a_table_that_lacks_an_entry_fails() {
        let entries: Vec<u32> = (0..100).collect();
        let (ground, held) = loaded(&entries[1..]);
        let error = table(&ground, &held, 100, &entries).unwrap_err();
        assert!(error.contains("99"), "{error}");
        let error = table(&ground, &held, 99, &entries).unwrap_err();
        assert!(error.contains("entry 0"), "{error}");
    }

    #[test]
    fn wrong_values_and_foreign_keys_are_seen() {
        let entries: Vec<u32> = (0..50).collect();
        let (ground, held) = loaded(&entries);
        let key = ground.keys(&[7]);
        let key = key.iter().next().unwrap();
        held.add(1_000, Kind::VALUE, key, b"other").unwrap();
        let error = table(&ground, &held, 51, &entries).unwrap_err();
        assert!(error.contains("entry 7 with"), "{error}");
        let error = values(&ground, &held, &entries).unwrap_err();
        assert!(error.contains("entry 7 has"), "{error}");

        let (ground, held) = loaded(&entries);
        held.add(1_000, Kind::DELETION, key, b"").unwrap();
        let error = values(&ground, &held, &entries).unwrap_err();
        assert!(error.contains("should be there"), "{error}");

        let (ground, held) = loaded(&entries);
        held.add(1_000, Kind::VALUE, b"foreign", b"").unwrap();
        let error = table(&ground, &held, 51, &entries).unwrap_err();
        assert!(error.contains("never added"), "{error}");
    }

    #[test]
    fn samples_are_bounded_and_of_everything_where_that_is_little() {
        let many: Vec<u32> = (0..1_000_001).collect();
        assert!((5_000..=COMPARED).contains(&sample(&many).count()));
        assert_eq!(sample(&many[..100]).count(), 100);
        assert_eq!(sample(&[]).count(), 0);
    }
}
