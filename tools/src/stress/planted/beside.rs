//! Faults of the tables beside the row.

use clap::ValueEnum;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use verimem::memtable::DuplicatePolicy;
use verimem::{EntryRef, Kind, MAX_SEQUENCE_NUMBER};

use super::super::fault::Fault;
use super::super::features::Feature;
use super::{REFUSING, assert_caught, assert_caught_on, assert_caught_with, scope};
use crate::rep::Rep;

/// A reader that copies while somebody writes: the end is that of another value.
#[derive(Default)]
struct TearsValues(Mutex<Vec<u8>>);

impl Fault for TearsValues {
    fn copied(&self, value: &mut Vec<u8>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap(), value.clone());
        let middle = value.len() / 2;
        if before.len() == value.len() {
            value[middle..].copy_from_slice(&before[middle..]);
        }
    }
}

#[test]
fn w4_torn_value_is_caught() {
    assert_caught_on::<TearsValues>(&[Rep::Skiplist], &["a torn value", "a torn count"]);
}

/// Updates that come late take the place of newer ones.
#[derive(Default)]
struct UpdatesLate;

impl Fault for UpdatesLate {
    fn update_number(&self, _number: u64) -> u64 {
        MAX_SEQUENCE_NUMBER
    }
}

#[test]
fn w4_late_update_is_caught() {
    assert_caught_on::<UpdatesLate>(&[Rep::Skiplist], &["went back"]);
}

/// Some updates are not done.
#[derive(Default)]
struct ForgetsUpdates;

impl Fault for ForgetsUpdates {
    fn forgets_update(&self, number: u64) -> bool {
        number % 64 == 63
    }
}

#[test]
fn w4_lost_update_is_caught() {
    assert_caught_on::<ForgetsUpdates>(&[Rep::Skiplist], &["went back"]);
}

/// Bytes are counted that are not there.
#[derive(Default)]
struct CountsTooMuch;

impl Fault for CountsTooMuch {
    fn counted(&self, data_size: u64) -> u64 {
        data_size + 1
    }
}

#[test]
fn m3_wrong_count_is_caught() {
    use Feature::{InPlace, Overwrite, Timestamps};
    for (others, reps) in [
        ([InPlace, Overwrite], Rep::value_variants()),
        ([InPlace, Timestamps], REFUSING),
        ([Overwrite, Timestamps], &[Rep::Skiplist]),
    ] {
        for rep in reps {
            let scope = scope(&[*rep], &others);
            assert_caught_with::<CountsTooMuch>(1, &scope, &["and counts"]);
        }
    }
}

/// The first version stays.
#[derive(Default)]
struct KeepsTheFirst;

impl Fault for KeepsTheFirst {
    fn overwriting(&self) -> DuplicatePolicy {
        DuplicatePolicy::KeepFirst
    }
}

#[test]
fn w6_entry_that_is_not_overwritten_is_caught() {
    assert_caught_on::<KeepsTheFirst>(REFUSING, &["is version 1: "]);
}

/// Now and then the kind of one version comes with the value of another.
#[derive(Default)]
struct MixesVersions(AtomicU64);

impl Fault for MixesVersions {
    fn overwritten<'t>(&self, entry: EntryRef<'t>) -> EntryRef<'t> {
        let kind = match self.0.fetch_add(1, Ordering::Relaxed) % 64 {
            0 if entry.kind == Kind::VALUE => Kind::DELETION,
            _ => entry.kind,
        };
        EntryRef { kind, ..entry }
    }
}

#[test]
fn w6_some_of_each_version_is_caught() {
    assert_caught_on::<MixesVersions>(REFUSING, &["and kind"]);
}

/// Reads at a timestamp see all of them.
#[derive(Default)]
struct IgnoresTimestamps;

impl Fault for IgnoresTimestamps {
    fn timestamp(&self, _timestamp: u64) -> u64 {
        u64::MAX
    }
}

#[test]
fn e9_ignored_timestamp_is_caught() {
    assert_caught::<IgnoresTimestamps>(&["is newer"]);
}

/// Reads at a timestamp do not see that one.
#[derive(Default)]
struct ExcludesTimestamps;

impl Fault for ExcludesTimestamps {
    fn timestamp(&self, timestamp: u64) -> u64 {
        timestamp.saturating_sub(1)
    }
}

#[test]
fn e9_excluded_timestamp_is_caught() {
    assert_caught::<ExcludesTimestamps>(&["was written"]);
}
