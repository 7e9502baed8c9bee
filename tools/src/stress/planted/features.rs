//! Faults of what a run may leave out.

use std::sync::Arc;

use clap::ValueEnum;
use verimem::EntryRef;
use verimem::memtable::DuplicatePolicy;
use verimem::merge::{MergeFailure, MergeOperator};
use verimem::sequencer::Reservation;
use verimem::{Kind, Lookup, MAX_SEQUENCE_NUMBER};

use super::super::fault::Fault;
use super::super::operator::Append;
use super::super::subject::Table;
use super::{REFUSING, assert_caught, assert_caught_on, assert_caught_with, scope};
use crate::rep::Rep;

/// A writer that drops range deletions.
#[derive(Default)]
struct DropsRangeDeletions;

impl Fault for DropsRangeDeletions {
    fn loses(&self, entry: &EntryRef<'_>) -> bool {
        entry.kind == Kind::RANGE_DELETION
    }
}

#[test]
fn d1_dropped_range_deletion_is_caught() {
    assert_caught::<DropsRangeDeletions>(&[
        "is newest",
        "expected",
        "is missing",
        "is visible",
        "and counts",
        "not even",
    ]);
}

/// A lookup that looks for entries only.
#[derive(Default)]
struct IgnoresRangeDeletions;

impl Fault for IgnoresRangeDeletions {
    fn lookup<'t>(&self, table: &'t Table, key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        let Lookup::Deleted {
            sequence,
            kind: Kind::RANGE_DELETION,
        } = answer
        else {
            return answer;
        };
        match table.get_entry(key, sequence).unwrap() {
            Some(entry) if entry.kind != Kind::MERGE && !entry.kind.is_tombstone() => {
                Lookup::Found {
                    value: entry.value,
                    sequence: entry.sequence,
                    kind: entry.kind,
                }
            }
            _ => Lookup::NotFound,
        }
    }
}

#[test]
fn d1_lookup_that_ignores_range_deletions_is_caught() {
    assert_caught::<IgnoresRangeDeletions>(&["is newest", "is missing"]);
}

/// A lookup that takes a range deletion for one that covers the key whatever its number.
#[derive(Default)]
struct RangeDeletionsHideNewer;

impl Fault for RangeDeletionsHideNewer {
    fn lookup<'t>(&self, table: &'t Table, key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        let Lookup::Found { sequence, .. } = answer else {
            return answer;
        };
        let fragments = table.range_deletions(0..=sequence).unwrap();
        let covers = |begin: &[u8], end: &[u8]| begin <= key && key < end;
        match fragments.iter().find(|one| covers(one.begin, one.end)) {
            Some(fragment) => Lookup::Deleted {
                sequence: fragment.sequence,
                kind: Kind::RANGE_DELETION,
            },
            None => answer,
        }
    }
}

#[test]
fn d1_range_deletion_that_hides_newer_entries_is_caught() {
    assert_caught::<RangeDeletionsHideNewer>(&["is newest", "is missing"]);
}

/// A reader that does not ask its view.
#[derive(Default)]
struct IgnoresView;

impl Fault for IgnoresView {
    fn sees_all(&self) -> bool {
        true
    }
}

#[test]
fn g4_ignored_view_is_caught() {
    assert_caught::<IgnoresView>(&["through the view"]);
}

/// Failed batches are published.
#[derive(Default)]
struct ForgetsAborts;

impl Fault for ForgetsAborts {
    fn abort(&self, reservation: Reservation<'_>) {
        reservation.publish();
    }
}

#[test]
fn c1_forgotten_abort_is_caught() {
    assert_caught::<ForgetsAborts>(&["through the view", "folded: ", "its writer wrote"]);
}

/// Batches are visible before they are written. No race, no harm: it takes a reader.
#[derive(Default)]
struct PublishesEarly;

impl Fault for PublishesEarly {
    fn publishes_early(&self) -> bool {
        true
    }
}

#[test]
fn c1_batch_published_before_it_is_written_is_caught() {
    for rep in Rep::value_variants() {
        // Seen by its number, or by a view that includes what nobody has noted yet.
        let signs = ["its writer had not finished", "through the view of"];
        assert_caught_with::<PublishesEarly>(3, &scope(&[*rep], &[]), &signs);
    }
}

/// An operator that leaves the oldest of several operands out.
#[derive(Debug, Default)]
struct Forgetful(Append);

impl MergeOperator for Forgetful {
    fn name(&self) -> &str {
        "verimem.stress.Forgetful"
    }

    fn full_merge(
        &self,
        user_key: &[u8],
        existing: Option<&[u8]>,
        operands: &[&[u8]],
        result: &mut Vec<u8>,
    ) -> Result<(), MergeFailure> {
        let kept = &operands[usize::from(operands.len() > 2)..];
        self.0.full_merge(user_key, existing, kept, result)
    }
}

#[derive(Default)]
struct DropsAnOperand;

impl Fault for DropsAnOperand {
    fn operator(&self) -> Arc<dyn MergeOperator> {
        Arc::new(Forgetful::default())
    }
}

#[test]
fn g2_operand_dropped_by_a_merge_is_caught() {
    assert_caught::<DropsAnOperand>(&["its writer wrote"]);
}

/// A lookup that does not hand out the oldest of several operands.
#[derive(Default)]
struct HidesAnOperand;

impl Fault for HidesAnOperand {
    fn lookup<'t>(&self, _table: &'t Table, _key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        match answer {
            Lookup::Merge {
                mut operands,
                sequence,
                base,
            } => {
                if operands.len() > 2 {
                    operands.pop();
                }
                Lookup::Merge {
                    operands,
                    sequence,
                    base,
                }
            }
            answer => answer,
        }
    }
}

#[test]
fn g2_operand_missing_from_a_lookup_is_caught() {
    assert_caught::<HidesAnOperand>(&["other merges"]);
}

/// A writer that folds operands with what no reader may see.
#[derive(Default)]
struct FoldsAborted;

impl Fault for FoldsAborted {
    fn folds_aborted(&self) -> bool {
        true
    }
}

#[test]
fn w5_folding_with_aborted_operands_is_caught() {
    assert_caught::<FoldsAborted>(&["folded: ", "its writer wrote"]);
}

/// A filter that denies keys that the table has.
#[derive(Default)]
struct DeniesKeys;

impl Fault for DeniesKeys {
    fn lookup<'t>(&self, table: &'t Table, key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        let sum: u32 = key.iter().map(|byte| u32::from(*byte)).sum();
        if !sum.is_multiple_of(64) {
            return answer;
        }
        // As a table does for a key that its filter denies.
        let fragments = table.range_deletions(0..=MAX_SEQUENCE_NUMBER).unwrap();
        let covers = |begin: &[u8], end: &[u8]| begin <= key && key < end;
        match fragments.iter().find(|one| covers(one.begin, one.end)) {
            Some(_) => answer,
            None => Lookup::NotFound,
        }
    }
}

#[test]
fn b1_false_negative_is_caught() {
    assert_caught::<DeniesKeys>(&["is newest", "is missing", "no merges"]);
}

/// A `multi_get` that mixes two keys up.
#[derive(Default)]
struct SwapsAnswers;

impl Fault for SwapsAnswers {
    fn answers(&self, answers: &mut [Lookup<'_>]) {
        if let [.., one, other] = answers {
            std::mem::swap(one, other);
        }
    }
}

#[test]
fn g3_answers_of_other_keys_are_caught() {
    assert_caught::<SwapsAnswers>(&["multi_get, answer"]);
}

/// A sample that has an entry twice.
#[derive(Default)]
struct RepeatsSamples;

impl Fault for RepeatsSamples {
    fn sample(&self, sample: &mut Vec<EntryRef<'_>>) {
        if let [first, second, ..] = &mut sample[..] {
            *second = *first;
        }
    }
}

#[test]
fn g7_repeated_sample_is_caught() {
    assert_caught::<RepeatsSamples>(&["sample of"]);
}

/// A sample that misses an entry.
#[derive(Default)]
struct CutsSamples;

impl Fault for CutsSamples {
    fn sample(&self, sample: &mut Vec<EntryRef<'_>>) {
        sample.pop();
    }
}

#[test]
fn g7_short_sample_is_caught() {
    assert_caught::<CutsSamples>(&["a sample of"]);
}

/// An estimate of few entries that is not their count.
#[derive(Default)]
struct Miscounts;

impl Fault for Miscounts {
    fn estimate(&self, entries: u64) -> u64 {
        entries + u64::from(entries % 8 == 7)
    }
}

#[test]
fn g7_wrong_count_of_a_range_is_caught() {
    assert_caught::<Miscounts>(&["entries: RangeStats"]);
}

/// A table that looks at no checksum that comes with an entry.
#[derive(Default)]
struct BelievesChecksums;

impl Fault for BelievesChecksums {
    fn damage(&self, _bits: u64) -> u64 {
        0
    }
}

#[test]
fn e10_checksum_that_is_not_looked_at_is_caught() {
    assert_caught::<BelievesChecksums>(&["a damaged entry is answered"]);
}

/// A table that keeps the second of two duplicates.
#[derive(Default)]
struct KeepsSecond;

impl Fault for KeepsSecond {
    fn policy(&self) -> DuplicatePolicy {
        DuplicatePolicy::Overwrite
    }
}

#[test]
fn w6_second_of_two_duplicates_is_caught() {
    assert_caught_on::<KeepsSecond>(REFUSING, &["expected", "value", "kind", "counts"]);
}

/// A table that refuses duplicates although it was told to keep the first.
#[derive(Default)]
struct RefusesDuplicates;

impl Fault for RefusesDuplicates {
    fn policy(&self) -> DuplicatePolicy {
        DuplicatePolicy::Reject
    }
}

#[test]
fn w6_refused_duplicate_is_caught() {
    assert_caught_on::<RefusesDuplicates>(REFUSING, &["is answered Err(Duplicate)"]);
}
