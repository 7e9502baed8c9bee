//! verimem's memtable, through its public interface.

use verimem::{
    BytewiseComparator, Hint, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable as Table, Writer,
};

use super::cursor;
use crate::digest::Digest;
use crate::subject::{Entry, Live, Plan, Subject};

/// [`verimem::MemTable`] with its default comparator.
pub struct MemTable(Table, Live);

#[inline]
fn add<'k>(mut writer: Writer<'_, BytewiseComparator>, entries: impl Iterator<Item = Entry<'k>>) {
    for (sequence, key, value) in entries {
        let added = writer.add(sequence, Kind::VALUE, key, value);
        added.expect("a fresh entry in an open table");
    }
}

impl Subject for MemTable {
    const NAME: &'static str = "memtable";
    const OURS: bool = true;
    const ABOUT: &'static str = concat!(
        "verimem MemTable, bytewise comparator, no protection bytes; one writer per ",
        "thread, exclusive where it is the only one; batches through one exclusive writer and one ",
        "hint each; get and iter",
    );

    type Stock = ();

    fn new(plan: &Plan, (): &()) -> Self {
        let builder = Table::builder()
            .write_buffer_size(plan.bytes())
            .arena_block_size(plan.block_size())
            .huge_pages(plan.huge_pages);
        Self(builder.build().expect("sound options"), Live::default())
    }

    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        add(self.0.writer().expect("an open table"), entries);
    }

    unsafe fn add_alone<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        add(self.0.exclusive_writer().expect("an idle table"), entries);
    }

    fn add_batches<'k, B: Iterator<Item = Entry<'k>>>(&mut self, batches: impl Iterator<Item = B>) {
        for batch in batches {
            let mut writer = self.0.exclusive_writer().expect("an idle table");
            let mut hint = Hint::default();
            for (sequence, key, value) in batch {
                let added = writer.add_with_hint(&mut hint, sequence, Kind::VALUE, key, value);
                added.expect("a fresh entry in an open table");
            }
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
    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        cursor::backward(self.0.iter(), most, digest)
    }

    fn bytes_held(&self) -> Option<usize> {
        let usage = self.0.memory_usage();
        Some(usage.allocated - usage.unused)
    }
}
