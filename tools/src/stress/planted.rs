//! Faults planted on purpose: the oracle has to catch each of them.

mod beside;
mod features;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use verimem::EntryRef;
use verimem::{Kind, MAX_SEQUENCE_NUMBER};
use verimem::{Lookup, MemTable};

use super::fault::{Fault, NoFault};
use super::features::{Feature, Features};
use super::world::World;
use super::{Report, stress};

/// Long enough for every fault below, which stops the run when it shows.
const PATIENCE: Duration = Duration::from_secs(20);

fn report<F: Fault>(threads: usize, seconds: Duration, features: Features) -> Report {
    let world = World::<F>::new(11, features).unwrap();
    let bar = indicatif::ProgressBar::hidden();
    stress(&world, threads, seconds, &bar)
}

/// With one thread (no race can excuse a miss) and with several.
fn assert_caught<F: Fault>(signs: &[&str]) {
    for threads in [1, 3] {
        assert_caught_by::<F>(threads, signs);
    }
}

fn assert_caught_by<F: Fault>(threads: usize, signs: &[&str]) {
    assert_caught_with::<F>(threads, Features::without(&[]), signs);
}

fn assert_caught_with<F: Fault>(threads: usize, features: Features, signs: &[&str]) {
    let report = report::<F>(threads, PATIENCE, features);
    assert!(
        !report.passed() && report.violations > 0,
        "{threads} threads: not caught"
    );
    let told = report
        .details
        .iter()
        .any(|detail| signs.iter().any(|sign| detail.contains(sign)));
    assert!(told, "{threads} threads: {:#?}", report.details);
}

#[test]
fn honest_table_passes() {
    for threads in [1, 2, 5] {
        let all = Features::without(&[]);
        let report = report::<NoFault>(threads, Duration::from_millis(1500), all);
        assert!(report.passed(), "{report}");
        assert_eq!(report.violations, 0);
    }
}

#[test]
fn honest_table_passes_whatever_is_left_out() {
    let each = Feature::value_variants().iter().map(std::slice::from_ref);
    for left_out in each.chain([Feature::value_variants()]) {
        let features = Features::without(left_out);
        let report = report::<NoFault>(2, Duration::from_secs(1), features);
        assert!(report.passed(), "without {left_out:?}: {report}");
        assert_eq!(report.features, features.names());
        let count = |name: &str| report.kinds[name] > 0;
        assert_eq!(count("range_delete"), features.has(Feature::RangeDeletions));
        assert_eq!(count("get_merged"), features.has(Feature::Merges));
        assert_eq!(count("batch_aborted"), features.has(Feature::Sequencer));
        assert_eq!(count("sample"), features.has(Feature::Statistics));
        assert_eq!(count("duplicate_kept"), features.has(Feature::Duplicates));
        assert_eq!(count("damage_rejected"), features.has(Feature::Checks));
        assert_eq!(count("update_in_place"), features.has(Feature::InPlace));
        assert_eq!(count("overwrite_write"), features.has(Feature::Overwrite));
        assert_eq!(count("stamped_write"), features.has(Feature::Timestamps));
    }
}

#[derive(Default)]
struct LosesAnEntry;

impl Fault for LosesAnEntry {
    fn loses(&self, entry: &EntryRef<'_>) -> bool {
        entry.sequence % 5_000 == 4_999
    }
}

#[test]
fn lost_entry_is_caught() {
    assert_caught::<LosesAnEntry>(&[
        "were acknowledged",
        "passed over",
        "newest",
        "is not true",
        "expected",
        "duplicate",
    ]);
}

#[derive(Default)]
struct StoresAndDenies;

impl Fault for StoresAndDenies {
    fn denies(&self, sequence: u64) -> bool {
        sequence % 5_000 == 4_999
    }
}

#[test]
fn denied_entry_is_caught() {
    // The retry meets the entry that was stored, or both tables hold it. One that keeps the
    // first would be asked again for ever.
    let features = Features::without(&[Feature::Duplicates]);
    for threads in [1, 3] {
        let signs = ["is already", "fails", "told otherwise"];
        assert_caught_with::<StoresAndDenies>(threads, features, &signs);
    }
}

#[derive(Default)]
struct IgnoresSnapshot;

impl Fault for IgnoresSnapshot {
    fn snapshot(&self, _snapshot: u64) -> u64 {
        MAX_SEQUENCE_NUMBER
    }
}

#[test]
fn ignored_snapshot_is_caught() {
    assert_caught::<IgnoresSnapshot>(&["newest", "expected"]);
}

#[derive(Default)]
struct ShiftsSnapshot;

impl Fault for ShiftsSnapshot {
    fn snapshot(&self, snapshot: u64) -> u64 {
        snapshot.saturating_sub(1)
    }
}

#[test]
fn exclusive_snapshot_is_caught() {
    assert_caught::<ShiftsSnapshot>(&["newest", "expected"]);
}

/// Answers now and then with the version before the right one.
#[derive(Default)]
struct AnswersStale(AtomicU64);

impl Fault for AnswersStale {
    fn lookup<'t>(&self, table: &'t MemTable, key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        match answer {
            Lookup::Found { sequence, .. }
                if sequence > 0 && self.0.fetch_add(1, Ordering::Relaxed) % 100 == 99 =>
            {
                table.get(key, sequence - 1).unwrap()
            }
            answer => answer,
        }
    }
}

#[test]
fn stale_answer_is_caught() {
    assert_caught::<AnswersStale>(&["is newest", "is missing", "expected"]);
}

#[derive(Default)]
struct CorruptsAnswers;

impl Fault for CorruptsAnswers {
    fn lookup<'t>(&self, _table: &'t MemTable, _key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        match answer {
            Lookup::Found {
                value,
                sequence,
                kind,
            } if sequence % 64 == 0 && value.len() > 1 => Lookup::Found {
                value: &value[1..],
                sequence,
                kind,
            },
            answer => answer,
        }
    }
}

#[test]
fn corrupt_answer_is_caught() {
    assert_caught::<CorruptsAnswers>(&["its writer wrote"]);
}

#[derive(Default)]
struct CorruptsEntries;

impl Fault for CorruptsEntries {
    fn entry<'t>(&self, mut entry: EntryRef<'t>) -> EntryRef<'t> {
        if entry.sequence.is_multiple_of(512) && entry.value.len() > 1 {
            entry.value = &entry.value[..entry.value.len() - 1];
        }
        entry
    }
}

#[test]
fn corrupt_entry_is_caught() {
    assert_caught::<CorruptsEntries>(&["its writer wrote"]);
}

#[derive(Default)]
struct SwapsKinds;

impl Fault for SwapsKinds {
    fn entry<'t>(&self, mut entry: EntryRef<'t>) -> EntryRef<'t> {
        if entry.sequence.is_multiple_of(512) && entry.kind == Kind::DELETION {
            entry.kind = Kind::SINGLE_DELETION;
        }
        entry
    }
}

#[test]
fn wrong_kind_is_caught() {
    assert_caught::<SwapsKinds>(&["its writer wrote"]);
}

#[derive(Default)]
struct HidesFromCursors;

impl Fault for HidesFromCursors {
    fn hides(&self, entry: &EntryRef<'_>) -> bool {
        entry.sequence % 1_000 == 999
    }
}

#[test]
fn entry_hidden_from_cursors_is_caught() {
    assert_caught::<HidesFromCursors>(&["passed over", "were acknowledged"]);
}

#[derive(Default)]
struct AcceptsDuplicates;

impl Fault for AcceptsDuplicates {
    fn accepts_duplicates(&self) -> bool {
        true
    }
}

#[test]
fn accepted_duplicate_is_caught() {
    assert_caught::<AcceptsDuplicates>(&["a duplicate of sequence"]);
}

#[derive(Default)]
struct AcceptsWhenSealed;

impl Fault for AcceptsWhenSealed {
    fn accepts_when_sealed(&self) -> bool {
        true
    }
}

#[test]
fn write_after_seal_is_caught() {
    assert_caught::<AcceptsWhenSealed>(&[
        "sealed table",
        "were acknowledged",
        "a duplicate of sequence",
        "passed over",
        "newest",
        "is not true",
        "expected",
    ]);
}

#[derive(Default)]
struct BringsBackDeleted;

impl Fault for BringsBackDeleted {
    fn lookup<'t>(&self, _table: &'t MemTable, _key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        match answer {
            Lookup::Deleted { sequence, kind } if sequence % 64 == 0 => Lookup::Found {
                value: b"",
                sequence,
                kind,
            },
            answer => answer,
        }
    }
}

#[test]
fn revived_key_is_caught() {
    assert_caught::<BringsBackDeleted>(&["kind"]);
}

#[derive(Default)]
struct Panics(AtomicU64);

impl Fault for Panics {
    fn hides(&self, _entry: &EntryRef<'_>) -> bool {
        assert!(
            self.0.fetch_add(1, Ordering::Relaxed) != 10_000,
            "planted panic"
        );
        false
    }
}

#[test]
fn panic_is_caught() {
    assert_caught::<Panics>(&["a thread panicked"]);
}
