//! Real threads.

use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;
use crate::sequencer::{ReadView, Sequencer};

/// Switches that are raced, and how many commits of each writer come for one of them.
const SWITCHES: u64 = if cfg!(miri) { 2 } else { 40 };
const COMMITS: u64 = if cfg!(miri) { 4 } else { 50 };

type Lists = [Arc<List>; 2];

/// Commits one entry to each list, with numbers that follow upon one another.
fn commit(lists: &Lists, sequencer: &Sequencer, switches: &AtomicU64, thread: u8) {
    let mut handles = lists.each_ref().map(ListHandle::new);
    for commit in 0..SWITCHES * COMMITS {
        // Neither side gets far ahead of the other.
        while switches.load(Ordering::Relaxed) < commit / COMMITS {
            std::thread::yield_now();
        }
        let [one, two] = &mut handles;
        let reservation = write_all(&mut [one, two], |writers| {
            let reservation = sequencer.reserve(2).expect("room");
            for (writer, sequence) in writers.iter_mut().zip(reservation.first()..) {
                let value = sequence.to_le_bytes();
                let added = writer.add(sequence, Kind::VALUE, &[thread], &value);
                assert_eq!(added, Ok(()));
            }
            reservation
        });
        reservation.expect("not inside").publish();
    }
}

/// The number of the newest version of a thread's key that the view includes; 0 for none.
fn seen(version: &Version<Store>, view: &ReadView, thread: u8) -> u64 {
    let sight = Sight {
        visibility: view,
        ..Sight::at(view.sequence())
    };
    match version.get(&[thread], &sight).expect("sound") {
        Lookup::Found { sequence, .. } => sequence,
        _ => {
            let files = version.files().entries.iter();
            let visible = files.filter(|one| one.0 == [thread] && one.1 <= view.sequence());
            visible.map(|one| one.1).max().unwrap_or(0)
        }
    }
}

/// Reads until all is committed: whole batches, and never fewer than before. Says how many entries
/// there are in the end.
fn look(lists: &Lists, sequencer: &Sequencer, is_over: &AtomicBool) -> u64 {
    let mut handles = lists.each_ref().map(ListHandle::new);
    let mut last = 0;
    loop {
        let is_last = is_over.load(Ordering::Acquire);
        let (version, view) = handles[0].view(sequencer);
        let first = [0, 1].map(|thread| seen(version, &view, thread));
        let version = handles[1].version();
        let second = [0, 1].map(|thread| seen(version, &view, thread));
        let newest = *first.iter().chain(&second).max().expect("four");
        assert_eq!(newest, view.sequence(), "the newest commit is whole");
        for (one, two) in first.iter().zip(second) {
            let is_whole = *one == 0 && two == 0 || one + 1 == two;
            assert!(is_whole, "{first:?} {second:?}");
        }
        assert!(view.sequence() >= last);
        last = view.sequence();
        if is_last {
            return last;
        }
    }
}

/// L7: commits race switches and flushes over two lists; views see whole batches, in tables or files.
#[test]
fn l7_commits_to_two_lists_survive_switches_and_flushes() {
    let lists = [list(), list()];
    let sequencer = Sequencer::new(0).expect("a sequencer");
    let (switches, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (lists, sequencer, switches, is_over) = (&lists, &sequencer, &switches, &is_over);
    std::thread::scope(|scope| {
        let writers =
            [0, 1].map(|thread| scope.spawn(move || commit(lists, sequencer, switches, thread)));
        let reader = scope.spawn(move || look(lists, sequencer, is_over));
        while !writers.iter().all(|writer| writer.is_finished()) {
            for list in lists {
                switch(list);
                if let Some(job) = list.pick(None) {
                    let output = output(&job);
                    assert_eq!(job.install(output), Ok(Installed::Now));
                }
            }
            switches.fetch_add(1, Ordering::Relaxed);
        }
        for writer in writers {
            writer.join().expect("no panic");
        }
        is_over.store(true, Ordering::Release);
        assert_eq!(reader.join().expect("no panic"), 4 * SWITCHES * COMMITS);
    });
    for list in lists {
        let all = everything(&list.version());
        assert_eq!(all.len() as u64, 2 * SWITCHES * COMMITS);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "once each");
    }
}
