//! RocksDB's memtable, in Rust.

mod iter;

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use verimem_driver::{Compare, Config, Prefixes};
use verimem_model::{Entry, Pattern, Sight};

pub use iter::Iter;

use crate::sys::{self, Bytes, Counters};
use iter::parts;

/// Keys that are looked up by one call, at most.
const BATCH: usize = 32;

/// Who adds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The only writer.
    Alone,
    /// One of several.
    Among,
    /// One of several, with one of a few hints.
    Hinted(u8),
}

/// What RocksDB alone can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extras {
    /// Checks order and checksums of all that a search comes by.
    pub verify: bool,
    /// Looks several keys up by one search.
    pub batched: bool,
    /// The only writer keeps hints by prefixes of this length; 0 for none.
    pub hint_prefix: u32,
    /// Keys end in eight bytes of timestamp, of which the newest comes first.
    pub timestamps: bool,
    /// Values can be updated where they are; there is one writer then.
    pub in_place: bool,
}

/// What a lookup says, as RocksDB says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its sort.
    pub code: Code,
    /// A value; that of folded operands.
    pub value: Vec<u8>,
    /// Newest first; the value below them among them if they were not to be folded.
    pub operands: Vec<Vec<u8>>,
    /// The newest sequence number found, if that is told.
    pub sequence: u64,
    /// The newest range deletion over the key, or 0.
    pub covering: u64,
    /// The timestamp of the newest entry found, if keys have timestamps.
    pub timestamp: Option<u64>,
}

/// What came of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in the table.
    New,
    /// Its key and number are there already.
    Duplicate,
    /// The checksum is not its own.
    Damaged,
    /// It was refused for something else.
    Refused,
}

/// Sorts of replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Nothing, or nothing but a range deletion.
    Missing,
    /// A value, or all operands down to what they are made upon.
    Value,
    /// A tombstone.
    Deleted,
    /// Operands, and nothing below.
    Operands,
    /// A kind that cannot be handled so.
    NotSupported,
    /// There is no operator.
    InvalidArgument,
    /// The operator failed.
    MergeFailed,
    /// An entry that makes no sense.
    Corruption,
    /// Something else.
    Other,
}

const CODES: [Code; 8] = [
    Code::Missing,
    Code::Value,
    Code::Deleted,
    Code::Operands,
    Code::NotSupported,
    Code::InvalidArgument,
    Code::MergeFailed,
    Code::Corruption,
];

/// `rocksdb::MemTable`.
pub struct Rocks {
    table: NonNull<sys::Table>,
    sealed: Cell<bool>,
}

/// What a range deletion deletes.
pub type Fragment = (Vec<u8>, Vec<u8>, u64);

impl Rocks {
    /// An empty table.
    #[must_use]
    pub fn new(config: &Config, extras: Extras) -> Self {
        let (prefix, capped) = match config.prefixes {
            Prefixes::Nothing => (0, false),
            Prefixes::Fixed(bytes) => (bytes, false),
            Prefixes::Capped(bytes) => (bytes, true),
        };
        let choices = sys::Choices {
            bloom_ratio: config.filtering.ratio(),
            write_buffer_size: config.write_buffer_size,
            arena_block_size: config.arena_block_size.max(4096),
            prefix: prefix as u32,
            hint_prefix: extras.hint_prefix,
            capped,
            reverse: config.compare == Compare::ReverseBytewise,
            whole_keys: config.whole_keys,
            verify: extras.verify,
            batched: extras.batched,
            timestamps: extras.timestamps,
            in_place: extras.in_place,
            protection_bytes: config.protection_bytes as u8,
            merging: sys::number(config.merging),
        };
        // SAFETY: the choices are there during the call.
        let table = unsafe { sys::verimem_oracle_new(&raw const choices) };
        Self {
            table: NonNull::new(table).expect("memory for a table"),
            sealed: Cell::new(false),
        }
    }

    /// Adds an entry; false if its key and number are there already.
    pub fn add(&self, entry: &Entry<'_>, way: Way) -> bool {
        let hint = match way {
            Way::Alone => -1,
            Way::Among => -2,
            Way::Hinted(which) => i32::from(which),
        };
        // SAFETY: the table is alive, this is the only thread that uses it, and key and value are
        // there during the call.
        unsafe {
            sys::verimem_oracle_add(
                self.table.as_ptr(),
                entry.sequence,
                entry.kind,
                Bytes::of(entry.user_key),
                Bytes::of(entry.value),
                hint,
            )
        }
    }

    /// Adds an entry as the only writer, with the checksum of another.
    pub fn add_protected(&self, entry: &Entry<'_>, other: &Entry<'_>) -> Added {
        let put = |entry: &Entry<'_>| sys::Put {
            sequence: entry.sequence,
            key: Bytes::of(entry.user_key),
            value: Bytes::of(entry.value),
            kind: entry.kind,
        };
        let (entry, other) = (put(entry), put(other));
        // SAFETY: the table is alive, this is the only thread that uses it, and keys and values
        // are there during the call.
        let added = unsafe {
            sys::verimem_oracle_add_protected(
                self.table.as_ptr(),
                &raw const entry,
                &raw const other,
            )
        };
        match added {
            0 => Added::New,
            1 => Added::Duplicate,
            2 => Added::Damaged,
            _ => Added::Refused,
        }
    }

    /// Gives a key a value, where its value is if that is not shorter. The only writer.
    ///
    /// # Errors
    ///
    /// When RocksDB refuses it.
    pub fn update(&self, sequence: u64, user_key: &[u8], value: &[u8]) -> Result<(), String> {
        let (key, value) = (Bytes::of(user_key), Bytes::of(value));
        // SAFETY: the table is alive, this is the only thread that uses it, and key and value are
        // there during the call.
        let updated =
            unsafe { sys::verimem_oracle_update(self.table.as_ptr(), sequence, key, value) };
        match updated {
            0 => Ok(()),
            _ => Err("RocksDB refuses an update".to_owned()),
        }
    }

    /// Gives a key what [`revised`](crate::revised) makes of its value; false when its newest
    /// entry is none. The only writer.
    ///
    /// # Errors
    ///
    /// When RocksDB refuses it.
    pub fn update_with(
        &self,
        sequence: u64,
        user_key: &[u8],
        delta: &[u8],
    ) -> Result<bool, String> {
        let (key, delta) = (Bytes::of(user_key), Bytes::of(delta));
        // SAFETY: the table is alive, this is the only thread that uses it, and key and delta are
        // there during the call.
        let updated =
            unsafe { sys::verimem_oracle_update_with(self.table.as_ptr(), sequence, key, delta) };
        match updated {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err("RocksDB refuses an update".to_owned()),
        }
    }

    /// Ends the batches of writers among others: their entries are counted.
    pub fn finish(&self) {
        // SAFETY: the table is alive, and this is the only thread that uses it.
        unsafe { sys::verimem_oracle_finish(self.table.as_ptr()) };
    }

    /// Marks the table as immutable.
    pub fn seal(&self) {
        if !self.sealed.replace(true) {
            // SAFETY: the table is alive, and this is the only thread that uses it.
            unsafe { sys::verimem_oracle_seal(self.table.as_ptr()) };
        }
    }

    /// What a reader sees of a key. Operands are folded, or gathered.
    #[must_use]
    pub fn get(&self, user_key: &[u8], sight: &Sight, fold: bool) -> Reply {
        self.get_at(user_key, sight, u64::MAX, fold)
    }

    /// The same as of a timestamp, if keys have them; `user_key` has none.
    #[must_use]
    pub fn get_at(&self, user_key: &[u8], sight: &Sight, timestamp: u64, fold: bool) -> Reply {
        let mut reply = sys::Reply::NOTHING;
        let sight = lowered(sight, timestamp);
        // SAFETY: the table is alive, this is the only thread that uses it, and all else is there
        // during the call.
        unsafe {
            sys::verimem_oracle_get(
                self.table.as_ptr(),
                Bytes::of(user_key),
                &raw const sight,
                fold,
                &raw mut reply,
            );
        }
        // SAFETY: the reply is the table's last one.
        unsafe { copied(&reply) }
    }

    /// What a reader sees of each of the keys, operands folded. The numbers are not told.
    #[must_use]
    pub fn multi_get(&self, keys: &[&[u8]], sight: &Sight) -> Vec<Reply> {
        self.multi_get_at(keys, sight, u64::MAX)
    }

    /// The same as of a timestamp, if keys have them; `keys` have none.
    #[must_use]
    pub fn multi_get_at(&self, keys: &[&[u8]], sight: &Sight, timestamp: u64) -> Vec<Reply> {
        let sight = lowered(sight, timestamp);
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let keys: Vec<_> = keys.iter().map(|key| Bytes::of(key)).collect();
            let mut replies = [sys::Reply::NOTHING; BATCH];
            // SAFETY: the table is alive, this is the only thread that uses it, all else is there
            // during the call, and there is room for so many replies.
            unsafe {
                sys::verimem_oracle_multi_get(
                    self.table.as_ptr(),
                    keys.len(),
                    keys.as_ptr(),
                    &raw const sight,
                    replies.as_mut_ptr(),
                );
            }
            for reply in &replies[..keys.len()] {
                // SAFETY: the reply is one of the table's last ones.
                all.push(unsafe { copied(reply) });
            }
        }
        all
    }

    /// What range deletions up to a number delete, each with the newest of them.
    #[must_use]
    pub fn fragments(&self, last: u64) -> Vec<Fragment> {
        unsafe extern "C" fn each(context: *mut c_void, begin: Bytes, end: Bytes, sequence: u64) {
            let fragments = context.cast::<Vec<Fragment>>();
            // SAFETY: the context is the vector below, which nobody else uses during the call.
            let fragments = unsafe { &mut *fragments };
            // SAFETY: the bytes are there during the call.
            let begin = unsafe { begin.get() };
            // SAFETY: as above.
            let end = unsafe { end.get() };
            fragments.push((begin.to_vec(), end.to_vec(), sequence));
        }
        let mut fragments: Vec<Fragment> = Vec::new();
        let context = (&raw mut fragments).cast();
        // SAFETY: the table is alive, this is the only thread that uses it, and the context is what
        // the function takes it for.
        unsafe { sys::verimem_oracle_fragments(self.table.as_ptr(), last, each, context) };
        fragments
    }

    /// The counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        // SAFETY: the table is alive, and this is the only thread that uses it.
        unsafe { sys::verimem_oracle_counters(self.table.as_ptr(), &raw mut counters) };
        counters
    }

    /// A new iterator, on no entry.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self, false)
    }

    /// All entries in order, their timestamps 0.
    ///
    /// # Errors
    ///
    /// When the iterator failed.
    pub fn stripped(&self) -> Result<Vec<Fragment>, String> {
        let mut iter = Iter::new(self, true);
        let mut all = Vec::new();
        iter.seek_to_end(true);
        while let Some((key, value)) = iter.bytes()? {
            // SAFETY: the key is the iterator's own until its next step.
            let (user_key, tag) = parts(unsafe { key.get() })?;
            // SAFETY: values stay where they are for as long as the table is alive.
            let value = unsafe { value.get() };
            all.push((user_key.to_vec(), value.to_vec(), tag));
            iter.step(true);
        }
        Ok(all)
    }
}

impl Drop for Rocks {
    fn drop(&mut self) {
        // SAFETY: the table is freed once, and iterators borrow it.
        unsafe { sys::verimem_oracle_free(self.table.as_ptr()) };
    }
}

fn lowered(sight: &Sight, timestamp: u64) -> sys::Sight {
    let (pattern, first, second) = match sight.hidden.pattern {
        Pattern::Nothing => (0, 0, 0),
        Pattern::Every { of, rest } => (1, of, rest),
        Pattern::Between(first, last) => (2, first, last),
    };
    sys::Sight {
        snapshot: sight.snapshot,
        min_uncommitted: sight.hidden.min_uncommitted,
        pattern,
        first,
        second,
        timestamp,
    }
}

/// A reply with its own bytes.
///
/// # Safety
///
/// It must be one of the last that its table has given.
unsafe fn copied(reply: &sys::Reply) -> Reply {
    // SAFETY: the caller says that its bytes are still there.
    let value = unsafe { reply.value.get() };
    // SAFETY: as above.
    let operands = unsafe { sys::all(reply.operands, reply.operand_count) };
    Reply {
        code: CODES
            .get(usize::from(reply.code))
            .copied()
            .unwrap_or(Code::Other),
        value: value.to_vec(),
        operands: operands.into_iter().map(<[u8]>::to_vec).collect(),
        sequence: reply.sequence,
        covering: reply.covering,
        timestamp: reply.has_timestamp.then_some(reply.timestamp),
    }
}
