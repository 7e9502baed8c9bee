//! Random lives of a list, against a map.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Put(u8),
    Switch,
    Request,
    Pick(Option<usize>),
    /// Ends the job at this place among those that are open.
    End(usize, End),
    Change,
    Look,
    Release,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Install,
    Refuse,
    Panic,
    RollBack,
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Install),
        1 => Just(End::Refuse),
        1 => Just(End::Panic),
        1 => Just(End::RollBack),
        1 => Just(End::Drop),
    ];
    prop_oneof![
        6 => any::<u8>().prop_map(|key| Step::Put(key % 16)),
        3 => Just(Step::Switch),
        1 => Just(Step::Request),
        3 => prop::option::of(0..4usize).prop_map(Step::Pick),
        3 => (0..4usize, end).prop_map(|(job, end)| Step::End(job, end)),
        1 => Just(Step::Change),
        2 => Just(Step::Look),
        1 => Just(Step::Release),
    ]
}

/// Ends a job; what is installed must be so in order, what is not must wait.
fn finish(list: &Arc<List>, job: FlushJob<Store>, end: End) {
    let before = list.version();
    let is_oldest = ids(job.tables()).first() == ids(before.immutables()).last();
    let (tables, output) = (ids(job.tables()), output(&job));
    let mood = |mood| before.files().mood.store(mood, Ordering::Relaxed);
    let still_there = |version: &Version<Store>| {
        let waiting = ids(version.immutables());
        tables.iter().all(|id| waiting.contains(id))
    };
    match end {
        End::Drop => drop(job),
        End::RollBack => job.roll_back(),
        End::Install => match job.install(output) {
            Ok(Installed::Now) => assert!(is_oldest && !still_there(&list.version()), "N5"),
            Ok(Installed::Later) => assert!(!is_oldest && still_there(&list.version()), "N5"),
            other => panic!("{other:?}"),
        },
        // Only the oldest is told to the files.
        End::Refuse | End::Panic if !is_oldest => drop(job),
        End::Refuse => {
            mood(REFUSES);
            assert_eq!(job.install(output), Err("refused"));
            assert!(still_there(&list.version()), "N6");
        }
        End::Panic => {
            mood(PANICS);
            let panicked = catch_unwind(AssertUnwindSafe(|| job.install(output)));
            assert!(panicked.is_err() && still_there(&list.version()), "N6");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    /// L2, L3, L7: nothing is lost or there twice, whatever becomes of flushes.
    #[test]
    fn random_lives_lose_nothing(steps in prop::collection::vec(step(), 1..80), keep in any::<bool>()) {
        let keep = if keep { 1 << 20 } else { 0 };
        let list = list_with(ListOptions {
            max_write_buffer_size_to_maintain: keep,
            ..ListOptions::default()
        });
        let mut handle = ListHandle::new(&list);
        let mut jobs: Vec<FlushJob<Store>> = Vec::new();
        let mut newest = BTreeMap::new();
        let mut all = Vec::new();
        for step in steps {
            match step {
                Step::Put(key) => {
                    let sequence = all.len() as u64 + 1;
                    put(&list, sequence, &[key]).expect("room");
                    newest.insert(key, sequence);
                    all.push((vec![key], sequence, sequence.to_le_bytes().to_vec()));
                }
                Step::Switch => switch(&list),
                Step::Request => list.request_flush(),
                Step::Pick(up_to) => {
                    let tables = ids(list.version().immutables());
                    let up_to = up_to.and_then(|place| tables.iter().rev().nth(place).copied());
                    if let Some(job) = list.pick(up_to) {
                        let picked = ids(job.tables());
                        prop_assert!(picked.iter().all(|id| up_to.is_none_or(|most| *id <= most)));
                        let taken: Vec<u64> = jobs.iter().flat_map(|job| ids(job.tables())).collect();
                        prop_assert!(picked.iter().all(|id| !taken.contains(id)), "once each");
                        jobs.push(job);
                    }
                }
                Step::End(place, end) => {
                    if place < jobs.len() {
                        finish(&list, jobs.remove(place), end);
                    }
                }
                Step::Change => {
                    list.change_files(|files| Ok::<_, ()>(files.clone())).expect("never");
                    prop_assert!(list.change_files(|_| Err(7)) == Err(7));
                }
                Step::Look => {}
                Step::Release => handle.release(),
            }
            let version = handle.version();
            prop_assert_eq!(version.generation(), list.version().generation());
            for (key, sequence) in &newest {
                prop_assert_eq!(lookup(version, &[*key]), Some(*sequence));
            }
            all.sort();
            prop_assert_eq!(everything(version), all.clone(), "N1");
            prop_assert!(keep > 0 || version.history().is_empty());
        }
    }
}
