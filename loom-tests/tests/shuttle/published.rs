//! What models of published batches share: a table, a sequencer, and a plain list of
//! what was committed.

use std::sync::{Arc, Mutex};

use verimem::MemTable;
use verimem::sequencer::{Reservation, Sequencer};

/// A table whose batches are published in order.
pub struct Store {
    pub table: MemTable,
    pub sequencer: Sequencer,
    /// Who wrote which numbers and says so, by numbers. Written before they are
    /// published, and by no means that the checker sees.
    committed: Mutex<Vec<(u64, u64, u8)>>,
}

impl Store {
    pub fn new(table: MemTable) -> Arc<Self> {
        Arc::new(Self {
            table,
            sequencer: Sequencer::new(0).expect("a sequencer"),
            committed: Mutex::new(Vec::new()),
        })
    }

    /// Publishes what a writer has added.
    pub fn commit(&self, batch: Reservation<'_>, writer: u8) {
        let range = (batch.first(), batch.last(), writer);
        self.committed
            .lock()
            .expect("no panic with the lock held")
            .push(range);
        batch.publish();
    }

    /// The first and last number of all batches up to a number that were committed, and
    /// whose they are; oldest first.
    pub fn committed(&self, sequence: u64) -> Vec<(u64, u64, u8)> {
        let all = self.committed.lock().expect("no panic with the lock held");
        let mut seen: Vec<_> = all
            .iter()
            .copied()
            .filter(|&(_, last, _)| last <= sequence)
            .collect();
        seen.sort_unstable();
        seen
    }
}
