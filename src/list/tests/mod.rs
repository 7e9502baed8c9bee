//! Tests of lists: rules, refusals, and tables of an engine's own.

mod lives;
mod output;
mod race;

use std::sync::atomic::{AtomicU8, Ordering};

use super::*;
use crate::arena::ArenaUsage;
use crate::key::{Kind, MAX_SEQUENCE_NUMBER, SequenceNumber};
use crate::lookup::Lookup;
use crate::memtable::{Stats, Writer};
use crate::merge::{Associative, Merged, UInt64Add};

/// An entry: key, sequence number, value.
type Entry = (Vec<u8>, u64, Vec<u8>);

/// Entries of flushed tables, and how the next flush ends.
#[derive(Clone, Default)]
struct Store {
    entries: Vec<Entry>,
    mood: Arc<AtomicU8>,
}

const REFUSES: u8 = 1;
const PANICS: u8 = 2;

impl Files for Store {
    type Output = Vec<Entry>;
    type Error = &'static str;

    fn with_flushed(&self, output: Vec<Entry>) -> Result<Self, &'static str> {
        match self.mood.swap(0, Ordering::Relaxed) {
            REFUSES => return Err("refused"),
            PANICS => panic!("a planted panic"),
            _ => {}
        }
        let mut next = self.clone();
        next.entries.extend(output);
        Ok(next)
    }
}

type List = MemTableList<Store>;

fn table() -> MemTable {
    MemTable::builder().build().expect("a table")
}

fn list_with(options: ListOptions) -> Arc<List> {
    Arc::new(MemTableList::new(options, table(), Store::default()).expect("a list"))
}

fn list() -> Arc<List> {
    list_with(ListOptions::default())
}

fn put(list: &Arc<List>, sequence: u64, key: &[u8]) -> Result<()> {
    let value = sequence.to_le_bytes();
    ListHandle::new(list).write(|writer| writer.add(sequence, Kind::VALUE, key, &value))?
}

fn switch(list: &List) {
    list.switch(table()).expect("nobody is inside");
}

fn entries_of(table: &Immutable) -> Vec<Entry> {
    let Immutable::MemTable(table) = table else {
        return Vec::new();
    };
    let mut cursor = table.iter();
    let mut entries = Vec::new();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("sound") {
        entries.push((
            entry.user_key.to_vec(),
            entry.sequence,
            entry.value.to_vec(),
        ));
        cursor.next();
    }
    entries
}

fn output(job: &FlushJob<Store>) -> Vec<Entry> {
    job.tables().iter().flat_map(entries_of).collect()
}

fn ids(tables: &[Immutable]) -> Vec<u64> {
    tables.iter().map(Immutable::id).collect()
}

/// What an engine would answer: the tables, then the files.
fn lookup(version: &Version<Store>, key: &[u8]) -> Option<u64> {
    match version
        .get(key, &Sight::at(MAX_SEQUENCE_NUMBER))
        .expect("sound")
    {
        Lookup::Found { sequence, .. } => Some(sequence),
        Lookup::NotFound => {
            let files = version.files().entries.iter();
            files.filter(|one| one.0 == key).map(|one| one.1).max()
        }
        other => panic!("{other:?}"),
    }
}

/// All entries of a version, wherever they are.
fn everything(version: &Version<Store>) -> Vec<Entry> {
    let active = Immutable::MemTable(Arc::clone(version.active()));
    let mut all = version.files().entries.clone();
    all.extend(entries_of(&active));
    all.extend(version.immutables().iter().flat_map(entries_of));
    all.sort();
    all
}

#[test]
fn l2_options_that_make_no_list_are_refused_by_name() {
    let sealed = table();
    sealed.seal().expect("not inside");
    let refused = |options, table| {
        let list = MemTableList::new(options, table, ());
        list.map(|_| ()).expect_err("it makes no list")
    };
    let default = ListOptions::default();
    let none = ListOptions {
        min_write_buffer_number_to_merge: 0,
        ..default
    };
    let one = ListOptions {
        max_write_buffer_number: 1,
        ..default
    };
    for (options, name) in [
        (none, "min_write_buffer_number_to_merge"),
        (one, "max_write_buffer_number"),
    ] {
        let error = refused(options, table());
        assert!(matches!(error, Error::InvalidOption { option, .. } if option == name));
    }
    assert_eq!(refused(default, sealed), Error::Sealed);
}

#[test]
fn l2_a_flush_is_due_when_enough_wait_or_somebody_asks() {
    let list = list_with(ListOptions {
        min_write_buffer_number_to_merge: 2,
        max_write_buffer_number: 5,
        ..ListOptions::default()
    });
    assert!(!list.is_flush_pending());
    list.request_flush();
    switch(&list);
    assert!(!list.is_flush_pending(), "it asked when nothing waited");
    list.request_flush();
    assert!(list.is_flush_pending());
    let job = list.pick(None).expect("one waits");
    assert!(!list.is_flush_pending() && list.pick(None).is_none());
    job.roll_back();
    assert!(!list.is_flush_pending(), "asked for once, picked once");
    switch(&list);
    assert!(list.is_flush_pending());
    let pressures: Vec<_> = (0..4)
        .map(|_| {
            switch(&list);
            list.pressure()
        })
        .collect();
    let expected = [
        Pressure::None,
        Pressure::Delay,
        Pressure::Stop,
        Pressure::Stop,
    ];
    assert_eq!(pressures, expected);
}

#[test]
fn l3_history_reaches_as_far_back_as_asked() {
    let table = |value: &[u8]| {
        let table = MemTable::builder()
            .arena_block_size(4096)
            .build()
            .expect("a table");
        table.add(1, Kind::VALUE, b"k", value).expect("room");
        table
    };
    let options = ListOptions {
        max_write_buffer_size_to_maintain: 100 << 10,
        ..ListOptions::default()
    };
    let list = MemTableList::new(options, table(b""), ()).expect("a list");
    let list = Arc::new(list);
    for _ in 0..8 {
        list.switch(table(&[7; 40_000])).expect("not inside");
        list.pick(None)
            .expect("one waits")
            .install(())
            .expect("infallible");
    }
    let version = list.version();
    let kept: usize = version
        .history()
        .iter()
        .map(|table| table.memory_usage().allocated)
        .sum();
    let active = version.active().memory_usage().allocated;
    assert!(version.immutables().is_empty() && version.history().len() < 5);
    assert!(kept + active >= 100 << 10, "{kept} and {active}");
    let last = version
        .history()
        .last()
        .expect("some")
        .memory_usage()
        .allocated;
    assert!(kept + active - last < 100 << 10, "no more than needed");
    let found = version.get_from_history(b"k", &Sight::at(1));
    assert!(matches!(found, Ok(Lookup::Found { .. })));
    assert_eq!(
        version.get_from_history(b"x", &Sight::at(1)),
        Ok(Lookup::NotFound)
    );
    // The active table grows: fewer are needed.
    let grow = |writer: &mut Writer<'_>| writer.add(2, Kind::VALUE, b"k", &[0; 200_000]);
    let grown = ListHandle::new(&list).write(grow);
    assert_eq!(grown, Ok(Ok(())));
    list.trim_history();
    assert!(list.version().history().is_empty());
    let generation = list.version().generation();
    list.trim_history();
    assert_eq!(
        list.version().generation(),
        generation,
        "nothing was left to drop"
    );
}

#[test]
fn g2_operands_of_several_tables_come_together() {
    let list = Arc::new(MemTableList::new(ListOptions::default(), table(), ()).expect("a list"));
    let mut handle = ListHandle::new(&list);
    let mut add = |sequence, kind, key: &[u8], value: u64| {
        let value = value.to_le_bytes();
        let added = handle.write(|writer| writer.add(sequence, kind, key, &value));
        assert_eq!(added, Ok(Ok(())));
        list.switch(table()).expect("not inside");
    };
    add(1, Kind::VALUE, b"v", 1);
    add(2, Kind::DELETION, b"d", 0);
    for (sequence, key) in (3..).zip([b"v", b"d", b"m", b"v", b"d", b"m"]) {
        add(sequence, Kind::MERGE, key, 10);
    }
    let version = list.version();
    let all = Sight::at(MAX_SEQUENCE_NUMBER);
    let bases: Vec<_> = [b"v", b"d", b"m"]
        .map(|key| match version.get(key, &all) {
            Ok(Lookup::Merge { operands, base, .. }) => format!("{} {base:?}", operands.len()),
            other => panic!("{other:?}"),
        })
        .into();
    assert!(
        bases[0].starts_with("2 Value") && bases[1].starts_with("2 Deleted"),
        "{bases:?}"
    );
    assert_eq!(bases[2], "2 Missing");
    let sum = |key: &[u8], sight: &Sight<'_>| match version
        .get_merged(key, sight, &Associative(UInt64Add))
        .expect("sound")
    {
        Merged::Found { value, .. } => u64::from_le_bytes(value[..].try_into().expect("eight")),
        Merged::Operands { operands, .. } => 1000 + operands.len() as u64,
        other => panic!("{other:?}"),
    };
    let sums = [b"v", b"d", b"m"].map(|key| sum(key, &all));
    assert_eq!(sums, [21, 20, 1002]);
    assert_eq!(sum(b"v", &Sight::at(3)), 11);
}

/// A table of an engine's own: one key.
struct Single(MemTable);

impl ReadOnlyTable for Single {
    fn id(&self) -> u64 {
        self.0.id()
    }

    fn get(&self, user_key: &[u8], sight: &Sight<'_>) -> Result<Lookup<'_>> {
        version::read(&self.0, user_key, sight)
    }

    fn entries(&self) -> Box<dyn Entries + '_> {
        Box::new(self.0.iter())
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn memory_usage(&self) -> ArenaUsage {
        self.0.memory_usage()
    }
}

#[test]
fn l0_a_table_of_the_engine_s_own_is_read_and_flushed_like_others() {
    let list = list();
    put(&list, 1, b"k").expect("room");
    let own = Single(table());
    own.0.add(2, Kind::VALUE, b"k", b"own").expect("room");
    let id = own.id();
    list.ingest(Arc::new(own), table()).expect("not inside");
    put(&list, 3, b"other").expect("room");
    let version = list.version();
    assert_eq!(
        (version.immutables().len(), version.immutables()[0].id()),
        (2, id)
    );
    let found = |sequence: SequenceNumber| lookup_at(&version, sequence);
    assert_eq!((found(1), found(2), found(9)), (Some(1), Some(2), Some(2)));
    let own = &version.immutables()[0];
    assert_eq!(own.stats().entries, 1);
    assert!(own.memory_usage().used > 0);
    let job = list.pick(None).expect("both wait");
    assert_eq!(job.tables().len(), 2);
    assert_eq!(job.install(Vec::new()), Ok(Installed::Now));
    assert!(list.version().immutables().is_empty());
}

fn lookup_at(version: &Version<Store>, snapshot: SequenceNumber) -> Option<u64> {
    match version.get(b"k", &Sight::at(snapshot)).expect("sound") {
        Lookup::Found { sequence, .. } => Some(sequence),
        _ => None,
    }
}

#[test]
fn w7_who_is_inside_cannot_switch_and_does_not_wait_for_himself() {
    let (list, other) = (list(), list());
    let mut handle = ListHandle::new(&list);
    let mut elsewhere = ListHandle::new(&other);
    let inside = handle.write(|writer| {
        assert_eq!(list.switch(table()).map(|_| ()), Err(Error::Reentrant));
        assert_eq!(other.switch(table()).map(|_| ()), Err(Error::Reentrant));
        // Sealed past the list, by somebody with the table in hand.
        std::thread::scope(|scope| {
            let sealed = scope.spawn(|| other.version().active().seal());
            assert_eq!(sealed.join().expect("no panic"), Ok(()));
        });
        assert_eq!(elsewhere.write(|_| ()), Err(Error::Busy));
        writer.add(1, Kind::VALUE, b"k", b"")
    });
    assert_eq!(inside, Ok(Ok(())));
    assert_eq!(elsewhere.write(|_| ()), Err(Error::Sealed));
    other.switch(table()).expect("not inside");
    assert_eq!(
        elsewhere.write(|writer| writer.add(1, Kind::VALUE, b"k", b"")),
        Ok(Ok(()))
    );
    let sealed = table();
    sealed.seal().expect("not inside");
    assert_eq!(list.switch(sealed).map(|_| ()), Err(Error::Sealed));
    let alone = list.version();
    let _alone = alone.active().exclusive_writer().expect("nobody is inside");
    assert_eq!(ListHandle::new(&list).write(|_| ()), Err(Error::Busy));
}

#[test]
fn l2_everything_says_what_it_is() {
    let list = list();
    let mut handle = ListHandle::new(&list);
    assert_eq!(handle.list().options(), ListOptions::default());
    switch(&list);
    let id = list.version().immutables()[0].id().to_string();
    let job = list.pick(None).expect("one waits");
    let version = Arc::clone(handle.version());
    let texts = [
        format!("{job:?}"),
        format!("{version:?}"),
        format!("{handle:?}"),
        format!("{list:?}"),
    ];
    assert!(texts.iter().all(|text| text.contains(&id)), "{texts:?}");
    assert!(format!("{:?}", Sight::at(7)).contains("snapshot: 7"));
    let alone = version
        .active()
        .exclusive_writer()
        .expect("nobody is inside");
    let mut other = ListHandle::new(&list);
    let refused = write_all(&mut [&mut handle, &mut other], |_| ());
    assert_eq!(refused, Err(Error::Busy));
    drop(alone);
}
