//! The places where a fault can be planted.
//!
//! [`NoFault`] does nothing, in the command; tests plant faults to see that the
//! oracle catches them.

use std::sync::Arc;

use verimem::EntryRef;
use verimem::Lookup;
use verimem::memtable::DuplicatePolicy;
use verimem::merge::MergeOperator;
use verimem::sequencer::Reservation;

use super::operator::Append;
use super::subject::Table;

/// A way for a table to be wrong. Each method's default is to be right.
pub trait Fault: Default + Send + Sync + 'static {
    /// The entry is acknowledged, but not stored.
    fn loses(&self, _entry: &EntryRef<'_>) -> bool {
        false
    }
    /// The entry is stored, but its writer is told that the table is sealed.
    fn denies(&self, _sequence: u64) -> bool {
        false
    }
    /// The snapshot that reads really use.
    fn snapshot(&self, snapshot: u64) -> u64 {
        snapshot
    }
    /// What becomes of a lookup's answer.
    fn lookup<'t>(&self, _table: &'t Table, _key: &[u8], answer: Lookup<'t>) -> Lookup<'t> {
        answer
    }
    /// What becomes of an entry that a cursor yields.
    fn entry<'t>(&self, entry: EntryRef<'t>) -> EntryRef<'t> {
        entry
    }
    /// Cursors pass over the entry.
    fn hides(&self, _entry: &EntryRef<'_>) -> bool {
        false
    }
    /// A second write of the same entry is accepted.
    fn accepts_duplicates(&self) -> bool {
        false
    }
    /// Tables that should keep the first of two duplicates have another policy.
    fn policy(&self) -> DuplicatePolicy {
        DuplicatePolicy::KeepFirst
    }
    /// What the checksum that comes with a damaged entry differs in.
    fn damage(&self, bits: u64) -> u64 {
        bits
    }
    /// A sealed table acknowledges writes.
    fn accepts_when_sealed(&self) -> bool {
        false
    }
    /// Readers see what their view hides.
    fn sees_all(&self) -> bool {
        false
    }
    /// What becomes of a whole `multi_get`.
    fn answers(&self, _answers: &mut [Lookup<'_>]) {}
    /// What becomes of a random sample.
    fn sample(&self, _sample: &mut Vec<EntryRef<'_>>) {}
    /// What becomes of an estimate of the entries in a range.
    fn estimate(&self, entries: u64) -> u64 {
        entries
    }
    /// What folds operands.
    fn operator(&self) -> Arc<dyn MergeOperator> {
        Arc::new(Append)
    }
    /// Operands are folded with what was aborted.
    fn folds_aborted(&self) -> bool {
        false
    }
    /// Batches are published before they are written.
    fn publishes_early(&self) -> bool {
        false
    }
    /// An update is acknowledged, but not done.
    fn forgets_update(&self, _number: u64) -> bool {
        false
    }
    /// The number with which an update is really done.
    fn update_number(&self, number: u64) -> u64 {
        number
    }
    /// What becomes of a value that was copied out.
    fn copied(&self, _value: &mut Vec<u8>) {}
    /// What becomes of the bytes that a table beside the row counts.
    fn counted(&self, data_size: u64) -> u64 {
        data_size
    }
    /// Tables that should overwrite have another policy.
    fn overwriting(&self) -> DuplicatePolicy {
        DuplicatePolicy::Overwrite
    }
    /// What becomes of an entry that may have been overwritten.
    fn overwritten<'t>(&self, entry: EntryRef<'t>) -> EntryRef<'t> {
        entry
    }
    /// The timestamp that reads really use.
    fn timestamp(&self, timestamp: u64) -> u64 {
        timestamp
    }
    /// How a batch is aborted.
    fn abort(&self, reservation: Reservation<'_>) {
        drop(reservation);
    }
}

/// The table as it is.
#[derive(Debug, Default)]
pub struct NoFault;

impl Fault for NoFault {}
