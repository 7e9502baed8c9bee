//! What the models share: small lists and tables with scripted towers.

use std::sync::Arc;

use loom::thread;
use verimem::arena::{ArenaOptions, ConcurrentArena};
use verimem::checker;
use verimem::rep::{Cursor, Handle};
use verimem::skiplist::{HeightSource, SkipList, SkipListOptions};
use verimem::{BytewiseComparator, Comparator, EntryRef, Error, Kind, MemTable, MemTableBuilder};

pub type List = SkipList<BytewiseComparator>;

/// The last byte of a key is its height: `b"a2"` is two levels tall.
fn height(entry: &EntryRef<'_>) -> usize {
    entry
        .user_key
        .last()
        .map_or(1, |&digit| usize::from(digit.saturating_sub(b'0')))
}

pub fn arena() -> Arc<ConcurrentArena> {
    let options = ArenaOptions {
        block_size: 4096,
        ..ArenaOptions::default()
    };
    Arc::new(ConcurrentArena::new(options).expect("an arena"))
}

/// An empty list of at most two levels.
pub fn list() -> Arc<List> {
    list_of(SkipListOptions::default().branching)
}

/// As [`list`], at a branching so large that trails work from level 1 on.
pub fn wide_list() -> Arc<List> {
    list_of(64)
}

fn list_of(branching: u32) -> Arc<List> {
    let options = SkipListOptions {
        max_height: 2,
        branching,
        heights: HeightSource::Scripted(height),
        ..SkipListOptions::default()
    };
    Arc::new(SkipList::new(arena(), BytewiseComparator, options).expect("a list"))
}

/// What tables are made of: at most two levels.
pub fn builder() -> MemTableBuilder {
    small(MemTable::builder())
}

/// The same in any order.
pub fn small<C: Comparator>(builder: MemTableBuilder<C>) -> MemTableBuilder<C> {
    builder
        .arena_block_size(4096)
        .max_height(2)
        .heights(HeightSource::Scripted(height))
}

/// An empty table whose list has at most two levels.
pub fn table() -> Arc<MemTable> {
    Arc::new(builder().build().expect("a table"))
}

/// The same with a filter of one cache line.
pub fn filtered_table() -> Arc<MemTable> {
    let filtered = builder().write_buffer_size(256).bloom_size_ratio(0.25);
    Arc::new(filtered.build().expect("a table"))
}

/// Adds an entry past the table's door, counters and filter, from memory set aside before.
pub fn add(table: &MemTable, sequence: u64, kind: Kind, key: &[u8], value: &[u8]) {
    let list = Handle::rep(&table);
    let mut ticket = list.arena().reserve(ENTRY_BYTES).expect("there is room");
    let entry = EntryRef {
        kind,
        ..entry(key, sequence, value)
    };
    checker::insert(list, &mut ticket, &entry).expect("no duplicate");
}

/// Starts a thread that does one thing with what is shared and returns what it
/// saw; it allocates from a shard of its own.
pub fn spawn<S: 'static, T: 'static>(
    shared: &Arc<S>,
    what: impl FnOnce(&S) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        checker::set_shard_index(1);
        what(&shared)
    })
}

/// Inserts a key whose value is the key, from memory set aside before.
pub fn insert(list: &List, key: &'static [u8]) -> Result<(), Error> {
    let mut ticket = list.arena().reserve(ENTRY_BYTES)?;
    checker::insert(list, &mut ticket, &entry(key, 1, key))
}

/// Starts a thread that inserts a key.
pub fn spawn_insert(list: &Arc<List>, key: &'static [u8]) -> thread::JoinHandle<Result<(), Error>> {
    spawn(list, move |list| insert(list, key))
}

pub fn entry<'a>(user_key: &'a [u8], sequence: u64, value: &'a [u8]) -> EntryRef<'a> {
    EntryRef {
        user_key,
        sequence,
        kind: Kind::VALUE,
        value,
    }
}

/// More than any entry of a model takes.
pub const ENTRY_BYTES: usize = 256;

/// The first letters of the keys, in the order of a forward scan; checks that
/// every entry is whole and that the order ascends.
pub fn scan(list: &List) -> String {
    let mut cursor = Cursor::new(list);
    let mut seen = String::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("no checksum, no corruption") {
        note_whole(&entry, &mut seen);
        cursor.next();
    }
    assert!(
        seen.as_bytes().is_sorted_by(|a, b| a < b),
        "{seen}: out of order"
    );
    seen
}

/// Appends the first letter of a key whose value is checked.
pub fn note_whole(entry: &EntryRef<'_>, seen: &mut String) {
    assert_eq!(entry.value, entry.user_key, "the entry is whole");
    seen.push(char::from(entry.user_key[0]));
}

/// The first letter at the first entry from `key` on, or `-`.
pub fn seek(list: &List, key: &[u8]) -> String {
    let mut cursor = Cursor::new(list);
    let mut seen = String::new();
    cursor.seek(key, verimem::MAX_SEQUENCE_NUMBER);
    match cursor.entry().expect("no checksum, no corruption") {
        Some(entry) => note_whole(&entry, &mut seen),
        None => seen.push('-'),
    }
    seen
}
