//! Range deletions through the table; `src/tombstones/tests.rs` has the rest.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::arena::Budget;
use crate::tombstones::Fragment;

fn table(ranges: &[(u64, &[u8], &[u8])]) -> MemTable {
    let table = small().build().unwrap();
    for &(sequence, begin, end) in ranges {
        table.delete_range(sequence, begin, end).unwrap();
    }
    table
}

fn plain<'t>(fragments: impl IntoIterator<Item = Fragment<'t>>) -> Vec<(&'t str, &'t str, u64)> {
    let text = |key| std::str::from_utf8(key).unwrap();
    fragments
        .into_iter()
        .map(|one| (text(one.begin), text(one.end), one.sequence))
        .collect()
}

#[test]
fn d2_fragments_by_stripe_by_key_and_cut() {
    let table = table(&[(5, b"a", b"f"), (3, b"c", b"k"), (9, b"m", b"p")]);
    let all = table.range_deletions(0..=9).unwrap();
    assert_eq!(
        plain(all.iter().copied()),
        [("a", "f", 5), ("f", "k", 3), ("m", "p", 9)]
    );
    // One stripe per snapshot: nothing of it is lost under the newer one.
    let stripe = table.range_deletions(0..=4).unwrap();
    assert_eq!(plain(stripe.iter().copied()), [("c", "k", 3)]);
    assert!(table.range_deletions(6..=8).unwrap().is_empty());

    let from = |key: &[u8]| plain(all.seek(key).iter().copied()).len();
    assert_eq!(
        [
            from(b""),
            from(b"a"),
            from(b"f"),
            from(b"k"),
            from(b"l"),
            from(b"p")
        ],
        [3, 3, 2, 1, 1, 0]
    );
    let at = |key: &[u8]| all.covering(key).map(|one| one.sequence);
    assert_eq!(
        [
            at(b""),
            at(b"a"),
            at(b"ezz"),
            at(b"f"),
            at(b"k"),
            at(b"m"),
            at(b"p")
        ],
        [None, Some(5), Some(5), Some(3), None, Some(9), None]
    );

    let cut = |begin: Option<&'static [u8]>, end: Option<&'static [u8]>| {
        let cut: Vec<_> = all.truncated(begin, end).collect();
        plain(cut)
            .into_iter()
            .map(|(begin, end, sequence)| (begin.to_owned(), end.to_owned(), sequence))
            .collect::<Vec<_>>()
    };
    let expected = |all: &[(&str, &str, u64)]| {
        all.iter()
            .map(|&(begin, end, sequence)| (begin.to_owned(), end.to_owned(), sequence))
            .collect::<Vec<_>>()
    };
    assert_eq!(cut(None, None), expected(&plain(all.iter().copied())));
    assert_eq!(
        cut(Some(b"b"), Some(b"n")),
        expected(&[("b", "f", 5), ("f", "k", 3), ("m", "n", 9)])
    );
    assert_eq!(cut(Some(b"f"), Some(b"m")), expected(&[("f", "k", 3)]));
    assert_eq!(cut(Some(b"k"), Some(b"m")), []);
    assert_eq!(cut(Some(b"o"), None), expected(&[("o", "p", 9)]));
    assert_eq!(cut(None, Some(b"a")), []);
    assert_eq!(cut(Some(b"n"), Some(b"b")), [], "inverted");
}

#[test]
fn d2_a_sealed_table_answers_as_before() {
    let count = 300u64;
    let table = small().build().unwrap();
    let key = |one: u64| [(one / 200) as u8, (one % 200) as u8];
    for one in 0..count {
        table
            .delete_range(one, &key(one), &key(2 * one + 1))
            .unwrap();
        table.add(count + one, Kind::VALUE, &key(one), b"").unwrap();
    }
    let answers = || -> Vec<(Lookup<'_>, Lookup<'_>)> {
        (0..2 * count)
            .map(|one| {
                let old = table.get(&key(one), one % count).unwrap();
                (old, table.get(&key(one), MAX_SEQUENCE_NUMBER).unwrap())
            })
            .collect()
    };
    let before = answers();
    let bytes = table.memory_usage().allocated;
    table.seal().unwrap();
    assert_eq!(answers(), before);
    assert!(table.memory_usage().allocated > bytes, "built and counted");
    let sealed = table.memory_usage();
    table.seal().unwrap();
    assert_eq!(table.memory_usage(), sealed, "built once");
}

/// SPEC D5: a scan that finds a long run of deletions, while others read and write.
#[test]
fn d5_a_run_becomes_a_range_deletion_and_no_answer_changes() {
    let table = small().build().unwrap();
    for key in 0..200u8 {
        table.add(1, Kind::VALUE, &[key], b"old").unwrap();
        if (20..180).contains(&key) {
            table.add(2, Kind::DELETION, &[key], b"").unwrap();
        }
    }
    let snapshot = 2;
    // Newer than the scan: not hidden by what it finds.
    table.add(3, Kind::VALUE, &[100], b"new").unwrap();
    let answers = |snapshot| -> Vec<bool> {
        (0..200u8)
            .map(|key| matches!(table.get(&[key], snapshot), Ok(Lookup::Found { .. })))
            .collect()
    };
    let before: Vec<_> = (0..5).map(answers).collect();
    let mut runs = crate::tombstones::DeletionRuns::new(100).unwrap();
    let mut cursor = table.iter();
    cursor.seek_to_first();
    let mut last = None;
    while let Some(entry) = cursor.entry().unwrap() {
        let (key, sequence, kind) = (entry.user_key[0], entry.sequence, entry.kind);
        cursor.next();
        if sequence > snapshot || last == Some(key) {
            continue;
        }
        last = Some(key);
        if kind.is_tombstone() {
            runs.deleted(&[key]).unwrap();
        } else if let Some(run) = runs.end() {
            table.delete_range(snapshot, run.begin, run.end).unwrap();
        }
    }
    let found = table.range_deletions(0..=9).unwrap();
    assert_eq!((found[0].begin, found[0].end), (&[20][..], &[179][..]));
    assert_eq!(found.len(), 1);
    let after: Vec<_> = (0..5).map(answers).collect();
    assert_eq!(before, after);
}

/// Panics when it is told to.
#[derive(Debug, Default)]
struct Moody {
    held: AtomicUsize,
    panics: AtomicBool,
}

impl Budget for Moody {
    fn charge(&self, bytes: usize) {
        assert!(!self.panics.load(Relaxed), "planted");
        self.held.fetch_add(bytes, Relaxed);
    }

    fn release(&self, bytes: usize) {
        let held = self.held.fetch_sub(bytes, Relaxed);
        assert!(held >= bytes, "released what was not charged");
    }
}

/// X1: what a budget panics over is in the table, counted, and released by nobody.
#[test]
fn d1_a_budget_that_panics_loses_no_range_deletion() {
    let budget = Arc::new(Moody::default());
    let table = small().budget(budget.clone()).build().unwrap();
    for sequence in 1..=50 {
        budget.panics.store(sequence % 3 == 0, Relaxed);
        let deleted = catch_unwind(AssertUnwindSafe(|| {
            table.delete_range(sequence, b"a", b"c")
        }));
        assert_eq!(deleted.is_err(), sequence % 3 == 0);
        assert_eq!(table.stats().range_deletions, sequence);
        let deleted = Lookup::Deleted {
            sequence,
            kind: Kind::RANGE_DELETION,
        };
        assert_eq!(table.get(b"b", 99), Ok(deleted));
    }
    budget.panics.store(false, Relaxed);
    table.seal().unwrap();
    drop(table);
    assert_eq!(budget.held.load(Relaxed), 0);
}
