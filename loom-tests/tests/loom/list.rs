//! Models of lists of tables. Invariants are those of `src/list/mod.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use verimem::list::{Files, FlushJob, Installed, ListHandle, ListOptions, MemTableList, Sight};
use verimem::sequencer::Sequencer;
use verimem::{Kind, Lookup, MemTable};
use verimem_loom_tests::loom_model::{Bound, Model, check};

use crate::support::{builder, spawn};

/// The numbers of the flushes that the files were told of, in that order.
struct Flushed {
    numbers: Vec<u64>,
    /// How many tries are refused first: no part of the protocol, so not loom's.
    refusals: Arc<AtomicUsize>,
}

impl Files for Flushed {
    type Output = u64;
    type Error = ();

    fn with_flushed(&self, number: u64) -> Result<Self, ()> {
        let refusals = self.refusals.load(Ordering::Relaxed);
        if refusals > 0 {
            self.refusals.store(refusals - 1, Ordering::Relaxed);
            return Err(());
        }
        let numbers = self.numbers.iter().copied().chain([number]).collect();
        let refusals = Arc::clone(&self.refusals);
        Ok(Self { numbers, refusals })
    }
}

type List = MemTableList<Flushed>;

/// What a model's threads share.
struct Shared {
    list: Arc<List>,
    sequencer: Sequencer,
}

fn table() -> MemTable {
    builder().build().expect("a table")
}

fn shared(refusals: usize) -> Arc<Shared> {
    let files = Flushed {
        numbers: Vec::new(),
        refusals: Arc::new(AtomicUsize::new(refusals)),
    };
    let list = MemTableList::new(ListOptions::default(), table(), files).expect("a list");
    Arc::new(Shared {
        list: Arc::new(list),
        sequencer: Sequencer::new(0).expect("a sequencer"),
    })
}

impl Shared {
    /// Commits a version of the one key; returns its number.
    fn commit(&self) -> u64 {
        let mut handle = ListHandle::new(&self.list);
        let reservation = handle.write(|writer| {
            let reservation = self.sequencer.reserve(1).expect("room");
            let added = writer.add(reservation.first(), Kind::VALUE, b"k1", b"");
            added.expect("a new version");
            reservation
        });
        let reservation = reservation.expect("the list has a table to write to");
        let number = reservation.first();
        reservation.publish();
        number
    }

    /// Puts a version of the key in a table, and makes that wait for a flush.
    fn fill(&self) {
        self.commit();
        self.list.switch(table()).expect("nobody is inside");
    }

    /// The version of the key that its newest table has.
    fn newest(&self) -> u64 {
        found(&self.list.version().get(b"k1", &Sight::at(9)))
    }

    fn flush(&self) -> Option<Installed> {
        let job = self.list.pick(None)?;
        let number = oldest(&job);
        job.install(number).ok()
    }

    fn flushed(&self) -> Vec<u64> {
        self.list.version().files().numbers.clone()
    }
}

fn found(answer: &verimem::Result<Lookup<'_>>) -> u64 {
    match answer {
        Ok(Lookup::Found { sequence, .. }) => *sequence,
        Ok(Lookup::NotFound) => 0,
        other => panic!("{other:?}"),
    }
}

/// The number of the version in the oldest table of a job, for a name.
fn oldest<F: Files>(job: &FlushJob<F>) -> u64 {
    job.tables()[0].stats().first_sequence.expect("an entry")
}

/// N2, N3: two commits beside a switch are both there, and the newest table that has the key
/// has its newest version.
#[test]
fn writers_beside_a_switch() {
    let model = Model::new(
        "list::writers_beside_a_switch",
        Bound::Preemptions(2),
        100,
        &["2+0", "1+1", "0+2"],
    );
    check(model, |outcomes| {
        let shared = shared(0);
        let writer = spawn(&shared, Shared::commit);
        let other = spawn(&shared, Shared::commit);
        shared.list.switch(table()).expect("not inside");
        let mut numbers = [writer, other].map(|one| one.join().expect("no panic"));
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2], "N3: each committed once");
        assert_eq!(shared.newest(), 2, "N2: newer tables have newer versions");
        let version = shared.list.version();
        let old = version.immutables()[0].stats().entries;
        let new = version.active().stats().entries;
        outcomes.note(format!("{old}+{new}"));
    });
}

/// N4: a view's entries are in its version's tables, however a switch comes between.
#[test]
fn reader_beside_a_switch() {
    let model = Model::new(
        "list::reader_beside_a_switch",
        Bound::Preemptions(3),
        100,
        &["0 in 0", "0 in 1", "1 in 1"],
    );
    check(model, |outcomes| {
        let shared = shared(0);
        let reader = spawn(&shared, |shared| {
            let mut handle = ListHandle::new(&shared.list);
            // So that it has one to hold on to.
            let _ = handle.version();
            let (version, view) = handle.view(&shared.sequencer);
            let sight = Sight {
                visibility: &view,
                ..Sight::at(view.sequence())
            };
            let seen = found(&version.get(b"k1", &sight));
            assert_eq!(
                seen,
                view.sequence(),
                "N4: the version has what the view includes"
            );
            format!("{seen} in {}", version.generation())
        });
        shared.list.switch(table()).expect("not inside");
        shared.commit();
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// N4: who learns of a commit gets a version that it is in.
#[test]
fn reader_learns_of_a_commit() {
    let model = Model::new(
        "list::reader_learns_of_a_commit",
        Bound::Preemptions(3),
        100,
        &["0", "1"],
    );
    check(model, |outcomes| {
        let shared = shared(0);
        let reader = spawn(&shared, |shared| {
            let mut handle = ListHandle::new(&shared.list);
            let _ = handle.version();
            let published = shared.sequencer.published();
            let seen = found(&handle.version().get(b"k1", &Sight::at(published)));
            assert_eq!(seen, published, "N4");
            seen.to_string()
        });
        shared.list.switch(table()).expect("not inside");
        shared.commit();
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// N1, N5: beside a flush an entry is in a table or in the files, never in both, never in none.
#[test]
fn reader_beside_a_flush() {
    let model = Model::unbounded("list::reader_beside_a_flush", 10, &["files", "table"]);
    check(model, |outcomes| {
        let shared = shared(0);
        shared.fill();
        let reader = spawn(&shared, |shared| {
            let version = shared.list.version();
            let in_table = found(&version.get(b"k1", &Sight::at(9))) == 1;
            let in_files = version.files().numbers == [1];
            assert!(in_table != in_files, "N1: {in_table}, {in_files}");
            if in_files { "files" } else { "table" }
        });
        assert_eq!(shared.flush(), Some(Installed::Now));
        outcomes.note(reader.join().expect("no panic"));
    });
}

/// N5: two jobs end in any order, the files learn of them in the order of their tables.
#[test]
fn two_flushes() {
    let model = Model::unbounded("list::two_flushes", 10, &["Now, Now", "Now, Later"]);
    check(model, |outcomes| {
        let shared = shared(0);
        shared.fill();
        let first = shared.list.pick(None).expect("a table waits");
        shared.fill();
        let second = shared.list.pick(None).expect("another one waits");
        assert_eq!((oldest(&first), oldest(&second)), (1, 2), "N5: once each");
        assert!(shared.list.pick(None).is_none());
        let newer = spawn(&shared, move |_| second.install(2).expect("taken"));
        let older = first.install(1).expect("taken");
        let newer = newer.join().expect("no panic");
        assert_eq!(shared.flushed(), [1, 2], "N5: in order");
        assert!(shared.list.version().immutables().is_empty());
        outcomes.note(format!("{older:?}, {newer:?}"));
    });
}

/// N6: what the files refuse waits again, and is flushed by the next job that comes by.
#[test]
fn failing_flush() {
    let model = Model::unbounded(
        "list::failing_flush",
        10,
        &["None, Some(Now)", "Some(Now), None", "None, None"],
    );
    check(model, |outcomes| {
        let shared = shared(1);
        shared.fill();
        let other = spawn(&shared, Shared::flush);
        let mine = shared.flush();
        let other = other.join().expect("no panic");
        let is_done = mine.or(other).is_some();
        assert_eq!(shared.flushed().is_empty(), !is_done);
        if !is_done {
            assert_eq!(shared.flush(), Some(Installed::Now), "N6: it waits again");
        }
        assert_eq!(shared.flushed(), [1]);
        outcomes.note(format!("{mine:?}, {other:?}"));
    });
}
