//! What flushes write and leave out, and what becomes of failures.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;

use super::*;
use crate::entry::EntryRef;
use crate::merge::Merged;
use crate::sequencer::{ReadView, Sequencer, Snapshot, Snapshots};
use crate::tombstones::Fragment;

/// All files as one table, made anew for each flush.
#[derive(Default)]
struct Disk(Option<MemTable>);

/// What a flush wrote: kinds, keys, numbers, values.
type Written = Vec<(Kind, Vec<u8>, u64, Vec<u8>)>;

fn written(table: &MemTable) -> Written {
    let mut all = Written::new();
    let mut cursor = table.iter();
    cursor.seek_to_first();
    while let Some(entry) = cursor.entry().expect("sound") {
        all.push((
            entry.kind,
            entry.user_key.to_vec(),
            entry.sequence,
            entry.value.to_vec(),
        ));
        cursor.next();
    }
    for one in table.all_range_deletions().expect("memory") {
        let (begin, end) = (one.begin.to_vec(), one.end.to_vec());
        all.push((Kind::RANGE_DELETION, begin, one.sequence, end));
    }
    all
}

impl Files for Disk {
    type Output = Option<Written>;
    type Error = &'static str;

    fn with_flushed(&self, output: Option<Written>) -> Result<Self, &'static str> {
        let output = output.ok_or("the manifest is full")?;
        let next = table();
        let before = self.0.as_ref().map(written).unwrap_or_default();
        for (kind, key, sequence, value) in before.into_iter().chain(output) {
            next.add(sequence, kind, &key, &value).expect("once each");
        }
        Ok(Self(Some(next)))
    }
}

/// How a sink fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// An error of the n-th call, the last of which ends the file.
    Refuses(u64),
    Panics(u64),
    /// The files refuse it.
    Manifest,
}

#[derive(Default)]
struct Sink {
    calls: u64,
    failure: Option<Failure>,
    written: Written,
}

impl Sink {
    fn call(&mut self) -> Result<(), &'static str> {
        self.calls += 1;
        match self.failure {
            Some(Failure::Refuses(call)) if call == self.calls => Err("no space left"),
            Some(Failure::Panics(call)) if call == self.calls => panic!("a planted panic"),
            _ => Ok(()),
        }
    }
}

impl FlushSink for Sink {
    type Output = Option<Written>;
    type Error = &'static str;

    fn add(&mut self, entry: &EntryRef<'_>) -> Result<(), &'static str> {
        self.call()?;
        self.written.push((
            entry.kind,
            entry.user_key.to_vec(),
            entry.sequence,
            entry.value.to_vec(),
        ));
        Ok(())
    }

    fn delete_range(&mut self, deletion: &Fragment<'_>) -> Result<(), &'static str> {
        self.call()?;
        let (begin, end) = (deletion.begin.to_vec(), deletion.end.to_vec());
        let kind = Kind::RANGE_DELETION;
        self.written.push((kind, begin, deletion.sequence, end));
        Ok(())
    }

    fn finish(mut self, stats: &FlushStats) -> Result<Option<Written>, &'static str> {
        self.call()?;
        assert_eq!(stats.entries + stats.range_deletions + 1, self.calls);
        Ok((self.failure != Some(Failure::Manifest)).then_some(self.written))
    }
}

/// An engine in small: a list, and beside it one table with everything that was ever written.
struct Engine {
    list: Arc<MemTableList<Disk>>,
    everything: MemTable,
    sequencer: Sequencer,
    snapshots: Arc<Snapshots>,
}

impl Engine {
    fn new() -> Self {
        let list = MemTableList::new(ListOptions::default(), table(), Disk::default());
        Self {
            list: Arc::new(list.expect("a list")),
            everything: table(),
            sequencer: Sequencer::new(0).expect("a sequencer"),
            snapshots: Arc::new(Snapshots::new()),
        }
    }

    /// Writes one entry; its writer may give up after that.
    fn write(&self, kind: Kind, key: &[u8], value: &[u8], gives_up: bool) {
        let reservation = ListHandle::new(&self.list).write(|writer| {
            let reservation = self.sequencer.reserve(1).expect("room");
            let added = writer.add(reservation.first(), kind, key, value);
            added.expect("a new version");
            reservation
        });
        let reservation = reservation.expect("not inside");
        let number = reservation.first();
        self.everything
            .add(number, kind, key, value)
            .expect("a new version");
        if gives_up {
            drop(reservation);
        } else {
            reservation.publish();
        }
    }

    fn put(&self, key: &[u8], value: &[u8]) {
        self.write(Kind::VALUE, key, value, false);
    }

    fn switch(&self) {
        self.list.switch(table()).expect("not inside");
    }

    /// Flushes what waits. `None` if nothing does.
    fn flush(&self, failure: Option<Failure>) -> Option<FlushStats> {
        let sink = Sink {
            failure,
            ..Sink::default()
        };
        let job = self.list.pick(None)?;
        let done = job.run(&self.sequencer, &self.snapshots, sink);
        let (installed, stats) = done.expect("it does not fail");
        assert_eq!(installed, Installed::Now);
        Some(stats)
    }

    /// Compares all keys at a view with what everything says.
    fn compare(&self, view: &ReadView) -> Result<(), TestCaseError> {
        let sight = Sight {
            visibility: view,
            ..Sight::at(view.sequence())
        };
        let version = self.list.version();
        for key in 0..KEYS {
            let key = &[key][..];
            let operator = Associative(UInt64Add);
            let mut merger = crate::merge::Merger::new(key, &operator);
            merger
                .add(version.get(key, &sight).expect("sound"))
                .expect("sums");
            if let Some(files) = version.files().0.as_ref().filter(|_| merger.needs_older()) {
                let answer = version::read(files, key, &sight).expect("sound");
                merger.add(answer).expect("sums");
            }
            let mut expected = crate::merge::Merger::new(key, &operator);
            let answer = version::read(&self.everything, key, &sight).expect("sound");
            expected.add(answer).expect("sums");
            let gone = |merged: Merged<'_>| match merged {
                Merged::Found { value, .. } => Some(value.to_vec()),
                // A tombstone that is not needed may be gone, with what it hid.
                _ => None,
            };
            let found = gone(merger.finish().expect("sums"));
            let expected = gone(expected.finish().expect("sums"));
            prop_assert_eq!(found, expected, "{:?} at {:?}", key, view);
        }
        Ok(())
    }
}

const KEYS: u8 = 6;

#[derive(Debug, Clone)]
enum Step {
    Write(Kind, u8, bool),
    DeleteRange(u8, u8, bool),
    Snapshot,
    Forget(usize),
    Switch,
    Flush,
    Fail(bool, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        4 => Just(Kind::VALUE),
        2 => Just(Kind::DELETION),
        2 => Just(Kind::MERGE),
    ];
    let gives_up = prop::bool::weighted(0.15);
    prop_oneof![
        10 => (kind, 0..KEYS, gives_up).prop_map(|(kind, key, up)| Step::Write(kind, key, up)),
        2 => (0..KEYS, 0..=KEYS, gives_up).prop_map(|(a, b, up)| Step::DeleteRange(a.min(b), b.max(a), up)),
        2 => Just(Step::Snapshot),
        2 => (0..4usize).prop_map(Step::Forget),
        3 => Just(Step::Switch),
        3 => Just(Step::Flush),
        1 => (any::<bool>(), 1..4u64).prop_map(|(panics, call)| Step::Fail(panics, call)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    /// L5: no snapshot, nor what is read later, misses anything that a flush left out.
    #[test]
    fn l5_nobody_misses_what_was_left_out(steps in prop::collection::vec(step(), 1..120)) {
        let engine = Engine::new();
        let mut snapshots: Vec<Snapshot> = Vec::new();
        for step in steps {
            match step {
                Step::Write(kind, key, gives_up) => {
                    let value = u64::from(key + 1).to_le_bytes();
                    engine.write(kind, &[key], &value, gives_up);
                }
                Step::DeleteRange(begin, end, gives_up) => {
                    engine.write(Kind::RANGE_DELETION, &[begin], &[end], gives_up);
                }
                Step::Snapshot => snapshots.push(engine.snapshots.take(&engine.sequencer)),
                Step::Forget(place) => {
                    if place < snapshots.len() {
                        snapshots.remove(place);
                    }
                }
                Step::Switch => engine.switch(),
                Step::Flush => {
                    engine.flush(None);
                }
                Step::Fail(panics, call) => {
                    let failure = if panics { Failure::Panics(call) } else { Failure::Refuses(call) };
                    fails(&engine, failure);
                }
            }
            for snapshot in &snapshots {
                engine.compare(snapshot.view())?;
            }
            engine.compare(&engine.sequencer.view())?;
        }
    }
}

/// Tries a flush that may fail; says whether it did, and sees that nothing was changed then.
fn fails(engine: &Engine, failure: Failure) -> bool {
    let before = engine.list.version();
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let sink = Sink {
            failure: Some(failure),
            ..Sink::default()
        };
        let job = engine.list.pick(None)?;
        Some(
            job.run(&engine.sequencer, &engine.snapshots, sink)
                .map(|_| ()),
        )
    }));
    let after = engine.list.version();
    let is_installed = matches!(&attempt, Ok(None | Some(Ok(()))));
    if is_installed {
        return false;
    }
    assert_eq!(ids_of(&before), ids_of(&after), "{failure:?}: N6");
    assert!(Arc::ptr_eq(before.files(), after.files()), "{failure:?}");
    assert!(engine.list.is_flush_pending(), "{failure:?}: picked again");
    match (failure, attempt) {
        (Failure::Panics(_), Err(_)) => {}
        (Failure::Refuses(_), Ok(Some(Err(FlushError::Sink("no space left"))))) => {}
        (Failure::Manifest, Ok(Some(Err(FlushError::Files("the manifest is full"))))) => {}
        (_, other) => panic!("{failure:?}: {other:?}"),
    }
    true
}

fn ids_of(version: &Version<Disk>) -> Vec<u64> {
    ids(version.immutables())
}

/// L5: at every call that a flush makes, an error or a panic leaves all as it was.
#[test]
fn l5_no_failing_call_loses_anything() {
    let engine = Engine::new();
    for round in 0..3u8 {
        for key in 0..KEYS {
            engine.put(&[key], &u64::from(round).to_le_bytes());
        }
        engine.write(Kind::DELETION, &[round], b"", false);
        engine.write(Kind::RANGE_DELETION, &[4], &[5], false);
        engine.switch();
    }
    let snapshot = engine.snapshots.take(&engine.sequencer);
    let mut failures = Vec::new();
    for call in 1.. {
        if !fails(&engine, Failure::Refuses(call)) {
            break;
        }
        failures.push(Failure::Refuses(call));
        // Not with the last one: that would have flushed it.
        assert!(fails(&engine, Failure::Panics(call)));
        failures.push(Failure::Panics(call));
        assert!(fails(&engine, Failure::Manifest));
        engine.compare(snapshot.view()).expect("nothing is lost");
    }
    // One call for each key but the one in the range, three range deletions, and the end.
    assert_eq!(failures.len(), 2 * (5 + 3 + 1), "{failures:?}");
    engine.compare(snapshot.view()).expect("nothing is lost");
    assert!(engine.list.version().immutables().is_empty());
}

/// L5, I1: what is left out, and why.
#[test]
fn l5_garbage_is_left_out_and_counted() {
    let engine = Engine::new();
    engine.put(b"a", b"1");
    engine.put(b"b", b"2");
    engine.put(b"c", b"3");
    let snapshot = engine.snapshots.take(&engine.sequencer);
    engine.put(b"a", b"4");
    engine.switch();
    engine.put(b"a", b"5");
    engine.write(Kind::VALUE, b"a", b"6", true);
    engine.write(Kind::RANGE_DELETION, b"b", b"c", false);
    engine.write(Kind::RANGE_DELETION, b"a", b"z", true);
    engine.write(Kind::SINGLE_DELETION, b"c", b"", false);
    engine.write(Kind::DELETION, b"b", b"", false);
    engine.switch();
    let stats = engine.flush(None).expect("two tables wait");
    // Of a: 5 and the snapshot's 1, not 4 and 6. Of b: the snapshot's value and the deletion.
    // Of c: the value and the single deletion.
    let expected = FlushStats {
        tables: 2,
        entries: 6,
        range_deletions: 1,
        bytes: 4 * 2 + 2 + 2,
        hidden: 1,
        covered: 0,
        aborted: 2,
        garbage_bytes: 2 * 2 + 2,
    };
    assert_eq!(stats, expected);
    engine
        .compare(snapshot.view())
        .expect("the snapshot sees the same");
    drop(snapshot);
    engine.put(b"b", b"7");
    engine.write(Kind::MERGE, b"b", b"8", false);
    engine.write(Kind::RANGE_DELETION, b"a", b"c", false);
    engine.put(b"c", b"9");
    engine.write(Kind::SINGLE_DELETION, b"c", b"", false);
    engine.put(b"c", b"10");
    engine.switch();
    let stats = engine.flush(None).expect("one table waits");
    // Of c: the newest, and the single deletion, though that is hidden.
    let found = (stats.entries, stats.covered, stats.hidden);
    assert_eq!(found, (2, 2, 1));
    assert!(engine.flush(None).is_none());
}

#[test]
fn l5_errors_say_what_failed() {
    let texts = [
        FlushError::<&str, &str>::Table(Error::Sealed).to_string(),
        FlushError::<_, &str>::Sink("full").to_string(),
        FlushError::<&str, _>::Files("full").to_string(),
    ];
    let _: &FlushError<String, String> = &FlushError::Table(Error::Sealed);
    assert!(texts[0].contains("table") && texts[1].contains("written"));
    assert!(texts[2].contains("installed"), "{texts:?}");
}

/// L0: a table of the engine's own is flushed with the others.
#[test]
fn l0_a_table_of_the_engine_s_own_is_written() {
    let engine = Engine::new();
    engine.put(b"k", b"old");
    let reservation = engine.sequencer.reserve(1).expect("room");
    let own = Single(table());
    let added = own.0.add(reservation.first(), Kind::VALUE, b"k", b"own");
    added.expect("room");
    engine
        .list
        .ingest(Arc::new(own), table())
        .expect("not inside");
    reservation.publish();
    let stats = engine.flush(None).expect("two tables wait");
    assert_eq!((stats.tables, stats.entries, stats.hidden), (2, 1, 1));
}

/// Counts what it gets.
struct Counter(u64);

impl FlushSink for Counter {
    type Output = ();
    type Error = core::convert::Infallible;

    fn add(&mut self, _: &EntryRef<'_>) -> Result<(), Self::Error> {
        self.0 += 1;
        Ok(())
    }

    fn delete_range(&mut self, _: &Fragment<'_>) -> Result<(), Self::Error> {
        self.0 += 1;
        Ok(())
    }

    fn finish(self, stats: &FlushStats) -> Result<(), Self::Error> {
        assert_eq!(stats.entries + stats.range_deletions, self.0);
        Ok(())
    }
}

/// A reader at an older timestamp sees what a newer range deletion covers.
#[test]
fn l5_with_timestamps_what_is_covered_is_kept() {
    use crate::key::TimestampedComparator;
    let order = || TimestampedComparator::bytewise().expect("8 bytes");
    let table = || MemTable::with_comparator(order()).build().expect("a table");
    let list = MemTableList::new(ListOptions::default(), table(), ()).expect("a list");
    let list = Arc::new(list);
    let sequencer = Sequencer::new(0).expect("a sequencer");
    let at = |key: &[u8], timestamp: u64| [key, &timestamp.to_le_bytes()].concat();
    let added = ListHandle::new(&list).write(|writer| {
        let batch = sequencer.reserve(2).expect("room");
        writer.add(1, Kind::VALUE, &at(b"b", 5), b"").expect("room");
        let (begin, end) = (at(b"a", 9), at(b"c", 9));
        writer
            .add(2, Kind::RANGE_DELETION, &begin, &end)
            .expect("room");
        batch.publish();
    });
    added.expect("open");
    list.switch(table()).expect("not inside");
    let job = list.pick(None).expect("one waits");
    let snapshots = Snapshots::new();
    let (_, stats) = job.run(&sequencer, &snapshots, Counter(0)).expect("sound");
    assert_eq!(
        (stats.entries, stats.range_deletions, stats.covered),
        (1, 1, 0)
    );
}
