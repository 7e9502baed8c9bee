//! What a structure must offer to be measured.

use crate::data::Values;
use crate::digest::Digest;

/// What a table is told at birth.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many entries will come.
    pub entries: usize,
    /// Key and value bytes of each.
    pub payload: usize,
    /// Whether arenas that can should ask for huge pages.
    pub huge_pages: bool,
    /// Above so many entries, a subject that [fills in linear time](Subject::LINEAR_FILL) is not
    /// timed filling.
    pub linear_fill_limit: usize,
}

impl Plan {
    /// About what the table will take: the payload and a generous node.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.entries * (self.payload + 72) + (1 << 20)
    }
}

/// A multi-version ordered table: by user key ascending, then by sequence number descending.
///
/// Implementations are called from generic loops, so that each loop is compiled for its structure.
/// They panic on errors: a run that lost an entry has no meaning. Lookups and scans see every
/// sequence number and fold all that they read into the digest.
pub trait Subject: Sized + Sync {
    /// The name on the command line and in reports.
    const NAME: &'static str;
    /// Whether this is one of verimem's structures (a `subject` of the report) or a peer.
    const OURS: bool;
    /// The representation and the settings, in a line.
    const ABOUT: &'static str;
    /// Whether one insertion takes time linear in the table, unless it goes to the front. A large
    /// table is then filled off the clock, in descending order, with the sequence numbers of the
    /// order that was asked for.
    const LINEAR_FILL: bool = false;

    /// An empty table.
    fn new(plan: &Plan) -> Self;

    /// Adds one entry. Several threads may call it at once.
    fn add(&self, sequence: u64, key: &[u8], value: &[u8]);

    /// Adds a batch of ascending keys with consecutive sequence numbers, in the best way the
    /// structure knows.
    fn add_batch<'k>(
        &self,
        first_sequence: u64,
        keys: impl Iterator<Item = &'k [u8]>,
        values: &Values,
    ) {
        for (sequence, key) in (first_sequence..).zip(keys) {
            self.add(sequence, key, values.get(sequence));
        }
    }

    /// The newest version of `key`; says whether there is one.
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool;

    /// The entry at or after `key`, then `nexts` more. A fresh iterator each time. Returns how many
    /// entries were read.
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize;

    /// All entries, ascending. Returns how many.
    fn scan_forward(&self, digest: &mut Digest) -> usize;

    /// All entries, descending. Returns how many.
    fn scan_backward(&self, digest: &mut Digest) -> usize;

    /// The bytes the structure itself says it holds, where it allocates past the global allocator
    /// or ahead of use.
    fn bytes_held(&self) -> Option<usize> {
        None
    }
}
