//! Faults planted on purpose: the oracle has to catch each of them.

mod beside;
mod features;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use verimem::EntryRef;
use verimem::Lookup;
use verimem::{Kind, MAX_SEQUENCE_NUMBER};

use super::fault::{Fault, NoFault};
use super::features::Feature;
use super::scope::Scope;
use super::subject::Table;
use super::world::World;
use super::{Report, stress};
use crate::rep::{Rep, Reps};

/// Long enough for every fault below, which stops the run when it shows.
const PATIENCE: Duration = Duration::from_secs(20);

/// Representations that refuse duplicates, and overwrite, if they are told to.
const REFUSING: &[Rep] = &[Rep::Skiplist, Rep::HashSkiplist, Rep::HashLinklist];

fn scope(reps: &[Rep], left_out: &[Feature]) -> Scope {
    Scope::new(&Reps(reps.to_vec()), left_out).unwrap()
}

fn report<F: Fault>(threads: usize, seconds: Duration, scope: Scope) -> Report {
    report_until::<F>(threads, seconds, scope, &[])
}

/// Ends as soon as one of the signs is there.
fn report_until<F: Fault>(
    threads: usize,
    seconds: Duration,
    scope: Scope,
    signs: &[&str],
) -> Report {
    let mut world = World::<F>::new(11, scope).unwrap();
    world.decisive = signs.iter().map(|sign| sign.to_string()).collect();
    let bar = indicatif::ProgressBar::hidden();
    stress(&world, threads, seconds, &bar)
}

/// On each representation by itself: another one cannot give the fault away.
fn assert_caught<F: Fault>(signs: &[&str]) {
    assert_caught_on::<F>(Rep::value_variants(), signs);
}

/// The same, where only these can have the fault.
fn assert_caught_on<F: Fault>(reps: &[Rep], signs: &[&str]) {
    for rep in reps {
        // With one thread (no race can excuse a miss) and with several.
        let threads: &[usize] = match rep {
            Rep::Skiplist => &[1, 3],
            Rep::HashLinklist => &[1],
            Rep::HashSkiplist | Rep::Vector => &[3],
        };
        for threads in threads {
            assert_caught_with::<F>(*threads, &scope(&[*rep], &[]), signs);
        }
    }
}

fn assert_caught_with<F: Fault>(threads: usize, scope: &Scope, signs: &[&str]) {
    let report = report_until::<F>(threads, PATIENCE, scope.clone(), signs);
    let reps = scope.reps();
    assert!(
        !report.passed() && report.violations > 0,
        "{threads} threads, {reps:?}: not caught"
    );
    let told = report
        .details
        .iter()
        .any(|detail| signs.iter().any(|sign| detail.contains(sign)));
    assert!(told, "{threads} threads, {reps:?}: {:#?}", report.details);
}

#[test]
fn honest_table_passes() {
    for threads in [1, 2, 5] {
        let all = scope(Rep::value_variants(), &[]);
        let report = report::<NoFault>(threads, Duration::from_millis(1500), all);
        assert!(report.passed(), "{report}");
        assert_eq!(report.violations, 0);
    }
}

#[test]
fn r1_each_representation_is_driven_and_no_other() {
    for rep in Rep::value_variants() {
        let only = scope(&[*rep], &[]);
        let report = report::<NoFault>(2, Duration::from_millis(700), only);
        assert!(report.passed(), "{report}");
        let driven = &report.representations;
        assert_eq!(driven.keys().collect::<Vec<_>>(), [&rep.name()]);
        let driven = &driven[&rep.name()];
        assert_eq!(driven.operations, report.operations);
        assert_eq!(driven.kinds, report.kinds);
        assert!(driven.tables > 0, "{report}");
    }
}

#[test]
fn honest_table_passes_whatever_is_left_out() {
    let each = Feature::value_variants().iter().map(std::slice::from_ref);
    for left_out in each.chain([Feature::value_variants()]) {
        let scope = scope(Rep::value_variants(), left_out);
        // One thread has its share of each kind, whatever else the machine has to do.
        let report = report::<NoFault>(1, Duration::from_secs(1), scope.clone());
        assert!(report.passed(), "without {left_out:?}: {report}");
        assert_eq!(report.features, scope.features().names());
        let driven: u64 = report
            .representations
            .values()
            .map(|one| one.operations)
            .sum();
        assert_eq!(driven, report.operations);
        let count = |name: &str| report.kinds[name] > 0;
        assert_eq!(count("range_delete"), scope.has(Feature::RangeDeletions));
        assert_eq!(count("get_merged"), scope.has(Feature::Merges));
        assert_eq!(count("batch_aborted"), scope.has(Feature::Sequencer));
        assert_eq!(count("sample"), scope.has(Feature::Statistics));
        assert_eq!(count("duplicate_kept"), scope.has(Feature::Duplicates));
        assert_eq!(count("damage_rejected"), scope.has(Feature::Checks));
        assert_eq!(count("update_in_place"), scope.has(Feature::InPlace));
        assert_eq!(count("overwrite_write"), scope.has(Feature::Overwrite));
        assert_eq!(count("stamped_write"), scope.has(Feature::Timestamps));
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
    // first would be asked again for ever, and so would a vector.
    for (rep, threads) in REFUSING.iter().zip([1, 3, 3]) {
        let signs = ["is already", "fails", "told otherwise"];
        let scope = scope(&[*rep], &[Feature::Duplicates]);
        assert_caught_with::<StoresAndDenies>(threads, &scope, &signs);
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
    fn lookup<'t>(&self, table: &'t Table, key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
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
    fn lookup<'t>(&self, _table: &'t Table, _key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
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
    assert_caught_on::<AcceptsDuplicates>(REFUSING, &["a duplicate of sequence"]);
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
    fn lookup<'t>(&self, _table: &'t Table, _key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
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
