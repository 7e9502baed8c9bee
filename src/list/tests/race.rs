//! Real threads.

use std::sync::mpsc;

use super::*;
use crate::sequencer::Sequencer;

/// L7: commits race switches and flushes over two lists; views see whole batches, in tables or files.
#[test]
fn l7_commits_to_two_lists_survive_switches_and_flushes() {
    const COMMITS: u64 = if cfg!(miri) { 20 } else { 4_000 };
    let lists = [list(), list()];
    let sequencer = Sequencer::new(0).expect("a sequencer");
    let (lists, sequencer) = (&lists, &sequencer);
    std::thread::scope(|scope| {
        let (stop, stopped) = mpsc::channel::<()>();
        let writers = [0u8, 1].map(|thread| {
            let stop = stop.clone();
            scope.spawn(move || {
                let mut handles = lists.each_ref().map(ListHandle::new);
                for _ in 0..COMMITS {
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
                drop(stop);
            })
        });
        drop(stop);
        let reader = scope.spawn(move || {
            let mut handles = lists.each_ref().map(ListHandle::new);
            let mut last = 0;
            loop {
                let (version, view) = handles[0].view(sequencer);
                let seen = |version: &Version<Store>, key| {
                    let sight = Sight {
                        visibility: &view,
                        ..Sight::at(view.sequence())
                    };
                    let answer = version.get(&[key], &sight).expect("sound");
                    match answer {
                        Lookup::Found { sequence, .. } => sequence,
                        _ => {
                            let files = version.files().entries.iter();
                            let visible =
                                files.filter(|one| one.0 == [key] && one.1 <= view.sequence());
                            visible.map(|one| one.1).max().unwrap_or(0)
                        }
                    }
                };
                let first = [0, 1].map(|key| seen(version, key));
                let second = handles[1].version();
                let second = [0, 1].map(|key| seen(second, key));
                let newest = *first.iter().chain(&second).max().expect("four");
                assert_eq!(newest, view.sequence(), "the newest commit is whole");
                for (one, two) in first.iter().zip(second) {
                    assert!(
                        *one == 0 && two == 0 || one + 1 == two,
                        "{first:?} {second:?}"
                    );
                }
                assert!(view.sequence() >= last);
                last = view.sequence();
                if last == 4 * COMMITS {
                    break;
                }
            }
        });
        let mut switches = 0;
        while stopped.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
            switches += 1;
            for list in lists {
                switch(list);
                if let Some(job) = list.pick(None) {
                    let output = output(&job);
                    assert_eq!(job.install(output), Ok(Installed::Now));
                }
            }
        }
        assert!(switches > 3 || cfg!(miri), "{switches} switches raced");
        writers
            .into_iter()
            .for_each(|writer| writer.join().expect("no panic"));
        reader.join().expect("no panic");
    });
    for list in lists {
        let all = everything(&list.version());
        assert_eq!(all.len() as u64, 2 * COMMITS);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "once each");
    }
}
