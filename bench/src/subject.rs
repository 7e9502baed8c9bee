//! What a structure must offer to be measured.

use std::cell::Cell;

use crate::digest::Digest;
use crate::heap::Pages;

/// An entry to add: sequence number, key, value.
pub type Entry<'a> = (u64, &'a [u8], &'a [u8]);

/// What a table is told at birth.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many entries will come.
    pub entries: usize,
    /// Key and value bytes of each.
    pub payload: usize,
    /// What all keys share.
    pub shared_prefix: &'static [u8],
    /// Whether arenas that can should ask for huge pages.
    pub huge_pages: bool,
    /// Whether pages of tables that were dropped are to be used again.
    pub pages: Pages,
    /// Above so many entries, a subject that [fills in linear time](Subject::LINEAR_FILL) is not
    /// timed filling.
    pub linear_fill_limit: usize,
    /// Whether the table is to have a Bloom filter, if it can have one.
    pub bloom: bool,
}

impl Plan {
    /// About what the table will take: the payload and a generous node.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.entries * (self.payload + 72) + (1 << 20)
    }

    /// The bits of the table's Bloom filter; 0 if it is to have none.
    #[must_use]
    pub const fn bloom_bits(&self) -> usize {
        if self.bloom { 10 * self.entries } else { 0 }
    }

    /// The block size of every growing arena: what verimem takes for a table of that size.
    #[must_use]
    pub const fn block_size(&self) -> usize {
        let eighth = self.bytes() / 8;
        let block = if eighth < 1 << 20 { eighth } else { 1 << 20 };
        block.next_multiple_of(4096)
    }
}

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// A field of each subject, which counts the tables that are alive. A round ends only when none is:
/// tables are made and dropped by one thread.
#[derive(Debug)]
pub struct Live(());

impl Live {
    /// How many there are, made by this thread.
    #[must_use]
    pub fn count() -> usize {
        LIVE.get()
    }
}

impl Default for Live {
    fn default() -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
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
    /// Whether it comes with a Bloom filter; those that do not are left out where there is to be
    /// one.
    const FILTERS: bool = false;

    /// What outlives the tables of one cell: pages to be used again, where the structure keeps them
    /// itself.
    type Stock: Default;

    /// An empty table. With [`Pages::Recycled`], it takes its pages from `stock` if it can.
    fn new(plan: &Plan, stock: &Self::Stock) -> Self;

    /// Adds entries as one of several writers.
    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>);

    /// Adds entries as the only writer, beside any readers.
    ///
    /// # Safety
    ///
    /// Nobody else may add to the table before this returns.
    unsafe fn add_alone<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        self.add_shared(entries);
    }

    /// Adds entries with nobody else at the table.
    fn add_exclusive<'k>(&mut self, entries: impl Iterator<Item = Entry<'k>>) {
        // SAFETY: the table is borrowed for writing, so nobody else can reach it.
        unsafe { self.add_alone(entries) };
    }

    /// Adds batches of ascending keys, with nobody else at the table, in the best way the structure
    /// knows.
    fn add_batches<'k, B: Iterator<Item = Entry<'k>>>(&mut self, batches: impl Iterator<Item = B>) {
        batches.for_each(|batch| self.add_exclusive(batch));
    }

    /// The newest version of `key`; says whether there is one.
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool;

    /// The newest versions of `keys`, in the best way the structure knows, folded in their order.
    /// Returns how many there are.
    fn multi_get(&self, keys: &[&[u8]], digest: &mut Digest) -> usize {
        keys.iter().filter(|key| self.get(key, digest)).count()
    }

    /// The entry at or after `key`, then `nexts` more. A fresh iterator each time. Returns how many
    /// entries were read.
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize;

    /// All entries, ascending. Returns how many.
    fn scan_forward(&self, digest: &mut Digest) -> usize;

    /// The last entries, descending, at most so many. Returns how many.
    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize;

    /// How many tables this thread has made in another language and not freed.
    fn foreign_live() -> usize {
        0
    }

    /// The bytes the structure itself says it holds, where it allocates past the global allocator
    /// or ahead of use.
    fn bytes_held(&self) -> Option<usize> {
        None
    }
}
