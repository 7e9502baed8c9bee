//! verimem's memtable, through its public interface.

use verimem::rep::{AnyFactory, MemTableRep, MemTableRepFactory, SkipListFactory};
use verimem::{
    EntryRef, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable as Table, SharedPrefixComparator, Writer,
};

use super::cursor;
use super::pool::Pool;
use crate::digest::Digest;
use crate::subject::{Entry, Live, Plan, Subject};

type Order = SharedPrefixComparator;

/// How a table comes to its skiplist.
pub trait Choice: Sync {
    const NAME: &'static str;
    const OURS: bool;
    const ABOUT: &'static str;
    type Factory: MemTableRepFactory<Order>;

    fn factory() -> Self::Factory;
}

/// By its type, as tables do that are told nothing else.
pub struct Named;

/// When the program runs: each call asks which representation it is for.
pub struct Any;

impl Choice for Named {
    const NAME: &'static str = "memtable";
    const OURS: bool = true;
    const ABOUT: &'static str = concat!(
        "verimem MemTable, told the prefix that all keys share, no protection bytes; one writer per ",
        "thread, exclusive where it is the only one; batches through one exclusive writer and ",
        "add_batch each; get, multi_get and iter; its own Bloom filter where there is to be one",
    );
    type Factory = SkipListFactory;

    fn factory() -> SkipListFactory {
        SkipListFactory
    }
}

impl Choice for Any {
    const NAME: &'static str = "anymemtable";
    const OURS: bool = false;
    const ABOUT: &'static str = "the same on AnyRep, the enum of representations, as a skiplist";
    type Factory = AnyFactory;

    fn factory() -> AnyFactory {
        AnyFactory::SkipList(SkipListFactory)
    }
}

type Rep<C> = <<C as Choice>::Factory as MemTableRepFactory<Order>>::Rep;

/// [`verimem::MemTable`] in bytewise order.
pub struct MemTable<C: Choice = Named>(Table<Order, Rep<C>>, Live);

#[inline]
fn add<'k, R: MemTableRep<Comparator = Order>>(
    mut writer: Writer<'_, Order, R>,
    entries: impl Iterator<Item = Entry<'k>>,
) {
    for (sequence, key, value) in entries {
        let added = writer.add(sequence, Kind::VALUE, key, value);
        added.expect("a fresh entry in an open table");
    }
}

#[inline]
fn fold(answer: &Lookup<'_>, digest: &mut Digest) -> bool {
    if let Lookup::Found {
        value, sequence, ..
    } = answer
    {
        digest.found(*sequence, value);
        return true;
    }
    digest.missing();
    false
}

impl<C: Choice> Subject for MemTable<C> {
    const NAME: &'static str = C::NAME;
    const OURS: bool = C::OURS;
    const FILTERS: bool = true;
    const ABOUT: &'static str = C::ABOUT;

    type Stock = Pool;

    fn new(plan: &Plan, stock: &Pool) -> Self {
        let keys = SharedPrefixComparator::new(plan.shared_prefix).expect("memory");
        let builder = Table::with_comparator(keys)
            .representation(C::factory())
            .write_buffer_size(plan.bytes())
            .arena_block_size(plan.block_size())
            .huge_pages(plan.huge_pages)
            .bloom_size_ratio(plan.bloom_bits() as f64 / 8.0 / plan.bytes() as f64);
        let builder = match stock.of(plan) {
            Some(pool) => builder.arena_pool(pool),
            None => builder,
        };
        Self(builder.build().expect("sound options"), Live::default())
    }

    fn add_shared<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        add(self.0.writer().expect("an open table"), entries);
    }

    unsafe fn add_alone<'k>(&self, entries: impl Iterator<Item = Entry<'k>>) {
        add(self.0.exclusive_writer().expect("an idle table"), entries);
    }

    fn add_batches<'k, B: Iterator<Item = Entry<'k>>>(&mut self, batches: impl Iterator<Item = B>) {
        let mut entries = Vec::new();
        for batch in batches {
            entries.clear();
            entries.extend(batch.map(|(sequence, user_key, value)| EntryRef {
                user_key,
                sequence,
                kind: Kind::VALUE,
                value,
            }));
            let mut writer = self.0.exclusive_writer().expect("an idle table");
            writer.add_batch(&entries).expect("fresh entries");
        }
    }

    #[inline]
    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        let answer = self.0.get(key, MAX_SEQUENCE_NUMBER);
        fold(&answer.expect("sound entries"), digest)
    }

    fn multi_get(&self, keys: &[&[u8]], digest: &mut Digest) -> usize {
        let answers = self.0.multi_get(keys, MAX_SEQUENCE_NUMBER);
        let mut found = 0;
        for answer in answers.expect("memory for the answers") {
            found += usize::from(fold(&answer.expect("sound entries"), digest));
        }
        found
    }

    #[inline]
    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        cursor::seek(self.0.iter(), key, nexts, digest)
    }

    fn scan_forward(&self, digest: &mut Digest) -> usize {
        cursor::forward(self.0.iter(), digest)
    }

    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        cursor::backward(self.0.iter(), most, digest)
    }

    fn bytes_held(&self) -> Option<usize> {
        let usage = self.0.memory_usage();
        Some(usage.allocated - usage.unused)
    }
}
