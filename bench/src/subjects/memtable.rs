//! verimem's memtable, through its public interface.

use verimem::{Hint, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable as Table};

use super::cursor;
use crate::data::Values;
use crate::digest::Digest;
use crate::subject::{Plan, Subject};

/// [`verimem::MemTable`] with its default comparator: `add`, `get`, `iter`; batches through a
/// writer with a hint.
pub struct MemTable(Table);

impl Subject for MemTable {
    const NAME: &'static str = "memtable";
    const OURS: bool = true;
    const ABOUT: &'static str = concat!(
        "verimem MemTable, bytewise comparator, no protection bytes; add, get and iter; ",
        "batches through one writer and one hint each",
    );

    fn new(plan: &Plan) -> Self {
        let builder = Table::builder()
            .write_buffer_size(plan.bytes())
            .huge_pages(plan.huge_pages);
        Self(builder.build().expect("sound options"))
    }

    #[inline]
    fn add(&self, sequence: u64, key: &[u8], value: &[u8]) {
        self.0
            .add(sequence, Kind::VALUE, key, value)
            .expect("a fresh entry in an open table");
    }

    fn add_batch<'k>(
        &self,
        first_sequence: u64,
        keys: impl Iterator<Item = &'k [u8]>,
        values: &Values,
    ) {
        let mut writer = self.0.writer().expect("an open table");
        let mut hint = Hint::default();
        for (sequence, key) in (first_sequence..).zip(keys) {
            let value = values.get(sequence);
            let added = writer.add_with_hint(&mut hint, sequence, Kind::VALUE, key, value);
            added.expect("a fresh entry in an open table");
        }
    }

    #[inline]
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        match self.0.get(key, MAX_SEQUENCE_NUMBER).expect("sound entries") {
            Lookup::Found {
                value, sequence, ..
            } => {
                digest.found(sequence, value);
                true
            }
            _ => {
                digest.missing();
                false
            }
        }
    }

    #[inline]
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        cursor::seek(self.0.iter(), key, nexts, digest)
    }

    #[inline]
    fn scan_forward(&self, digest: &mut Digest) -> usize {
        cursor::forward(self.0.iter(), digest)
    }

    #[inline]
    fn scan_backward(&self, digest: &mut Digest) -> usize {
        cursor::backward(self.0.iter(), digest)
    }

    fn bytes_held(&self) -> Option<usize> {
        let usage = self.0.memory_usage();
        Some(usage.allocated - usage.unused)
    }
}
