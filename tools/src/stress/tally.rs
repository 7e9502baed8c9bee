//! How often each kind of operation ran, on each representation.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::ValueEnum;

use super::features::Feature;
use super::scope::{self, Scope};
use crate::rep::Rep;

macro_rules! operations {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $class:ident $($feature:ident)?,)*) => {
        /// Kinds of operations that a run counts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Op { $($(#[doc = $doc])* $variant,)* }

        const NAMES: &[(&str, Class)] = &[$(($name, Class::$class),)*];

        /// What a run must drive for a kind to occur.
        const NEEDS: &[&[Feature]] = &[$(&[$(Feature::$feature)?],)*];
    };
}

/// How a kind takes part in the total and in the test for neglect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of the total; has to run all the time.
    Common,
    /// Part of the total; happens once per table at most.
    Rare,
    /// Says again, by another property, what a common kind has counted.
    Again,
    /// Says again, by another property, and happens at times.
    Seldom,
}

operations! {
    /// Entries written by `MemTable::add`.
    Add "add" Common,
    /// Entries written through a concurrent writer.
    Batch "batch" Common,
    /// Entries written through an exclusive writer.
    ExclusiveBatch "exclusive_batch" Rare,
    /// Entries written by `Writer::add_batch` of a concurrent writer.
    AddBatch "add_batch" Common,
    /// Entries written by `Writer::add_batch` of an exclusive writer.
    ExclusiveAddBatch "exclusive_add_batch" Rare,
    /// Entries written with a hint.
    AddWithHint "add_with_hint" Common,
    /// Second writes of an entry that were rejected.
    DuplicateRejected "duplicate_rejected" Common,
    /// Second writes of an entry of which the first stayed.
    DuplicateKept "duplicate_kept" Common Duplicates,
    /// Entries with a checksum that is not theirs.
    DamageRejected "damage_rejected" Common Checks,
    /// Writes to a sealed table that were rejected.
    SealedRejected "sealed_rejected" Rare,
    /// Entries written that are values.
    Put "put" Again,
    /// Entries written that delete.
    Delete "delete" Again,
    /// Entries written that delete a single version.
    SingleDelete "single_delete" Again,
    /// Entries written that merge.
    Merge "merge" Again,
    /// Range deletions written.
    RangeDelete "range_delete" Again RangeDeletions,
    /// Operands that were folded as they were written.
    Fold "fold" Seldom Merges,
    /// Batches that were published as a whole.
    BatchCommitted "batch_committed" Again,
    /// Batches that were aborted half-way.
    BatchAborted "batch_aborted" Again Sequencer,
    /// Batches that were aborted by an error.
    AbortByError "abort_by_error" Seldom Sequencer,
    /// Batches that were aborted by a panic.
    AbortByPanic "abort_by_panic" Seldom Sequencer,
    /// Batches that were cancelled before anything was written.
    BatchCancelled "batch_cancelled" Seldom Sequencer,
    /// Gets that found something.
    GetHit "get_hit" Common,
    /// Gets that found nothing.
    GetMiss "get_miss" Common,
    /// Gets at an old snapshot, each done twice.
    GetOldSnapshot "get_old_snapshot" Common,
    /// Keys looked up by `MemTable::multi_get`.
    MultiGet "multi_get" Common,
    /// Gets with the operands merged.
    GetMerged "get_merged" Common Merges,
    /// Reads of a key that the thread has just written or failed to, through a view.
    LookBack "look_back" Common Sequencer,
    /// Reads through a view.
    ReadView "read_view" Again Sequencer,
    /// Newest visible entry of a key.
    GetEntry "get_entry" Common,
    /// Tests for one key and sequence number.
    Contains "contains" Common,
    /// Random samples.
    Sample "sample" Common Statistics,
    /// Estimates of the entries in a range.
    ApproximateRange "approximate_range" Common Statistics,
    /// Seeks.
    Seek "seek" Common,
    /// Backward seeks.
    SeekForPrev "seek_for_prev" Common,
    /// Forward scans.
    ScanForward "scan_forward" Common,
    /// Backward scans.
    ScanBackward "scan_backward" Common,
    /// Walks over the visible keys of a range.
    VisibleScan "visible_scan" Common,
    /// Stretches read by cursors that own their table.
    OwnedIterator "owned_iterator" Common,
    /// Updates in place.
    UpdateInPlace "update_in_place" Common InPlace,
    /// Updates that added an entry.
    UpdateAdded "update_added" Rare InPlace,
    /// Updates that came after one with a larger number.
    UpdateSuperseded "update_superseded" Rare InPlace,
    /// Updates in place by a callback.
    UpdateWith "update_with" Common InPlace,
    /// Reads and scans beside updates in place.
    InPlaceRead "in_place_read" Common InPlace,
    /// Tables with updates in place that were compared with what was written.
    InPlaceTable "in_place_table" Rare InPlace,
    /// Entries written to a table that overwrites: first versions, and others.
    OverwriteWrite "overwrite_write" Common Overwrite,
    /// Reads and scans of such a table.
    OverwriteRead "overwrite_read" Common Overwrite,
    /// Such tables that were compared with what was written.
    OverwriteTable "overwrite_table" Rare Overwrite,
    /// Entries written with a timestamp.
    StampedWrite "stamped_write" Common Timestamps,
    /// Reads and walks at a timestamp.
    StampedRead "stamped_read" Common Timestamps,
    /// Tables with timestamps that were compared with what was written.
    StampedTable "stamped_table" Rare Timestamps,
    /// Tables sealed and replaced.
    Rotate "rotate" Rare,
    /// Sealed tables compared with their ledger, entry by entry.
    FullCheck "full_check" Rare,
    /// Times that the sequencer was told which aborts no table needs any more.
    ForgetAborted "forget_aborted" Rare Sequencer,
    /// Tables dropped while an owned cursor went on reading them.
    DropWhileReading "drop_while_reading" Rare,
}

/// A common kind must make up at least one in so many operations.
const COMMON_SHARE: u64 = 10_000;
/// Shorter runs may leave kinds out.
const SHORT: Duration = Duration::from_secs(1);
/// So many times as long, all representations have their turn.
const TURN: u32 = 2;
/// After so many operations on a representation, each common kind was among them.
const MUCH: u64 = 200_000;

/// Counts by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts([u64; NAMES.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; NAMES.len()])
    }
}

impl Counts {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// The count of one kind.
    pub fn of(&self, op: Op) -> u64 {
        self.0[op as usize]
    }

    /// All operations, each counted once.
    pub fn operations(&self) -> u64 {
        let once = NAMES
            .iter()
            .zip(self.0)
            .filter(|((_, class), _)| !matches!(class, Class::Again | Class::Seldom));
        once.map(|(_, count)| count).sum()
    }

    /// Tables of all sorts that were compared with what was written.
    pub fn tables(&self) -> u64 {
        let compared = [
            Op::FullCheck,
            Op::InPlaceTable,
            Op::OverwriteTable,
            Op::StampedTable,
        ];
        compared.into_iter().map(|op| self.of(op)).sum()
    }

    /// Counts by name.
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        NAMES.iter().map(|(name, _)| *name).zip(self.0).collect()
    }
}

/// Counts of one thread, or of all, by representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally(Vec<Counts>);

impl Default for Tally {
    fn default() -> Self {
        Self(vec![Counts::default(); Rep::value_variants().len()])
    }
}

impl Tally {
    /// Counts `count` operations of a kind, on a table of this representation.
    pub fn add(&mut self, rep: Rep, op: Op, count: u64) {
        self.0[rep as usize].0[op as usize] += count;
    }

    /// Adds another thread's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.merge(theirs);
        }
    }

    /// The counts of one representation.
    pub fn on(&self, rep: Rep) -> &Counts {
        &self.0[rep as usize]
    }

    /// The counts of all of them.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.0.iter().for_each(|part| total.merge(part));
        total
    }

    /// Kinds that hardly ran, so that the run says nothing about them: in all, or on a
    /// representation not even once.
    pub fn neglected(&self, seconds: Duration, scope: &Scope) -> Vec<String> {
        if seconds < SHORT {
            return Vec::new();
        }
        let total = self.total();
        let share = (total.operations() / COMMON_SHARE).max(1);
        let in_all = expected(scope, scope.reps()).filter_map(|(op, name, class)| {
            let wanted = match class {
                Class::Common | Class::Again => share,
                Class::Rare | Class::Seldom => 1,
            };
            let count = total.0[op];
            (count < wanted).then(|| format!("{name}: {count}, wanted {wanted}"))
        });
        let mut neglected: Vec<_> = in_all.collect();
        if seconds < SHORT * TURN * scope.reps().len() as u32 {
            return neglected;
        }
        for rep in scope.reps() {
            let counts = self.on(*rep);
            let much = counts.operations() >= MUCH;
            let never = expected(scope, std::slice::from_ref(rep))
                .filter(|(op, _, class)| is_for_all(*op, *class, much) && counts.0[*op] == 0)
                .map(|(_, name, _)| format!("{name} on {}: 0, wanted 1", rep.name()));
            neglected.extend(never);
        }
        neglected
    }
}

/// Whether each representation has to have run the kind: a table of each is compared, and what
/// goes on all the time shows where `much` was done. Which duplicates there are is a matter of
/// how the tables are made.
fn is_for_all(op: usize, class: Class, much: bool) -> bool {
    let by_chance = [Op::DuplicateKept as usize, Op::DuplicateRejected as usize];
    let always = matches!(class, Class::Common | Class::Again) && !by_chance.contains(&op);
    op == Op::FullCheck as usize || much && always
}

/// What a run drives on any of the representations: place, name and class of a kind.
fn expected<'s>(
    scope: &'s Scope,
    reps: &'s [Rep],
) -> impl Iterator<Item = (usize, &'static str, Class)> + 's {
    let occurs = move |op: usize| {
        let driven = |feature: &Feature| {
            scope.has(*feature) && reps.iter().any(|rep| scope::is_for(*feature, *rep))
        };
        let refuses = reps.iter().any(|rep| !rep.only_keeps_first());
        NEEDS[op].iter().all(driven) && (refuses || op != Op::DuplicateRejected as usize)
    };
    let kinds = NAMES.iter().enumerate();
    kinds
        .filter(move |(op, _)| occurs(*op))
        .map(|(op, (name, class))| (op, *name, *class))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(reps: &str, left_out: &[Feature]) -> Scope {
        Scope::new(&reps.parse().unwrap(), left_out).unwrap()
    }

    fn tally(count: u64) -> Tally {
        Tally(vec![
            Counts([count; NAMES.len()]);
            Rep::value_variants().len()
        ])
    }

    #[test]
    fn entries_count_once() {
        let mut tally = Tally::default();
        tally.add(Rep::Vector, Op::Batch, 5);
        tally.add(Rep::Vector, Op::Put, 4);
        tally.add(Rep::Skiplist, Op::Delete, 1);
        tally.add(Rep::Skiplist, Op::DropWhileReading, 1);
        tally.add(Rep::Skiplist, Op::StampedTable, 1);
        tally.add(Rep::Skiplist, Op::FullCheck, 1);
        let total = tally.total();
        assert_eq!(total.operations(), 8);
        assert_eq!(total.by_name()["batch"], 5);
        assert_eq!(tally.on(Rep::Vector).operations(), 5);
        assert_eq!(tally.on(Rep::Skiplist).tables(), 2);
        assert_eq!(tally.on(Rep::HashSkiplist), &Counts::default());
        let mut twice = tally.clone();
        twice.merge(&tally);
        assert_eq!(twice.on(Rep::Skiplist).tables(), 4);
    }

    #[test]
    fn neglect_is_noticed() {
        let all = scope("skiplist", &[]);
        let mut tally = tally(100);
        let mut set = |op, count| tally.0[Rep::Skiplist as usize].0[op as usize] = count;
        set(Op::Rotate, 1);
        set(Op::Seek, 0);
        let one = scope("skiplist", &[Feature::Statistics]);
        set(Op::Sample, 0);
        // What others did is beside the point, but here they are added.
        for rep in [Rep::HashSkiplist, Rep::HashLinklist, Rep::Vector] {
            tally.0[rep as usize] = Counts::default();
        }
        let seek = "seek: 0, wanted 1";
        assert_eq!(tally.neglected(SHORT, &one), [seek]);
        assert_eq!(tally.neglected(SHORT, &all).len(), 2);
        assert!(tally.neglected(SHORT / 2, &all).is_empty());
        assert_eq!(tally.neglected(TURN * SHORT, &one), [seek]);
        tally.add(Rep::Skiplist, Op::Add, 10_000_000);
        assert!(tally.neglected(SHORT, &all).len() > 10);
        let told = tally.neglected(TURN * SHORT, &one);
        assert!(told.contains(&"seek on skiplist: 0, wanted 1".to_owned()));
    }

    #[test]
    fn a_representation_that_never_ran_is_noticed() {
        let (all, long) = (scope("all", &[]), SHORT * 8);
        let mut tally = tally(100);
        for rep in Rep::value_variants() {
            tally.add(*rep, Op::OwnedIterator, MUCH);
        }
        // What these two cannot do, nobody wants.
        tally.0[Rep::HashLinklist as usize].0[Op::InPlaceRead as usize] = 0;
        tally.0[Rep::Vector as usize].0[Op::OverwriteRead as usize] = 0;
        tally.0[Rep::Vector as usize].0[Op::DuplicateRejected as usize] = 0;
        tally.0[Rep::Vector as usize].0[Op::Rotate as usize] = 0;
        assert_eq!(tally.neglected(long, &all), [""; 0]);
        tally.0[Rep::Vector as usize].0[Op::FullCheck as usize] = 0;
        let check = "full_check on vector: 0, wanted 1";
        assert_eq!(tally.neglected(long, &all), [check]);
        tally.0[Rep::HashLinklist as usize] = Counts::default();
        let told = tally.neglected(long, &all);
        assert_eq!(told, ["full_check on hash_linklist: 0, wanted 1", check]);
        tally.add(Rep::HashLinklist, Op::OwnedIterator, MUCH);
        let told = tally.neglected(long, &all);
        let hashed = told.iter().filter(|one| one.contains("on hash_linklist"));
        assert!(hashed.count() > 20, "{told:?}");
        assert!(tally.neglected(SHORT, &all).is_empty());
        assert!(tally.neglected(long, &scope("skiplist", &[])).is_empty());
    }
}
