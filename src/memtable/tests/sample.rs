//! Estimates of ranges, beside a writer.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn g7_few_entries_are_counted_exactly_beside_a_writer() {
    const VERSIONS: u64 = 60_000;
    let table = MemTable::builder().build().unwrap();
    for sequence in 1..=3 {
        table.add(sequence, Kind::VALUE, b"a", b"").unwrap();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Each new version lies at the very end of the range, before all others.
            for sequence in 4..VERSIONS {
                table.add(sequence, Kind::VALUE, b"c", b"").unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            assert_eq!(table.approximate_range(b"a", b"c").entries, 3);
            assert_eq!(table.approximate_range(b"b", b"c").entries, 0);
        }
    });
}
