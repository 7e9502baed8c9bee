//! Mixes of operations, drawn before the clock starts.

use rand::RngExt;
use rand::rngs::SmallRng;

use super::choose::{Ranks, random};
use super::ground::{Ground, Space};
use super::keys::Keys;
use super::workload::Workload;

/// The most entries of a scan.
pub const LONGEST_SCAN: u8 = 100;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A get of an entry that is there.
    Get,
    /// Another version of an entry that is there.
    Update,
    /// An entry that was not there.
    Insert,
    /// So many entries from one on that is there.
    Scan(u8),
    /// A get, then another version.
    ReadModifyWrite,
}

/// What a thread does, and with which entries.
#[derive(Debug)]
pub struct Script {
    pub steps: Vec<(Step, u32)>,
    pub keys: Keys,
}

/// How a workload mixes operations.
struct Mix {
    /// The operation that is not the other one.
    main: Step,
    /// The other one.
    other: Step,
    /// How many in 100 are the other one.
    others: u8,
    /// How often which entry is chosen.
    ranks: Ranks,
    /// Whether ranks count from what was inserted last.
    latest: bool,
}

impl Mix {
    fn of(workload: Workload, ground: &Ground, loaded: u32) -> Self {
        let mix = |main, other, others| Self {
            main,
            other,
            others,
            ranks: Ranks::zipfian(loaded),
            latest: false,
        };
        match workload {
            Workload::YcsbA => mix(Step::Get, Step::Update, 50),
            Workload::YcsbB => mix(Step::Get, Step::Update, 5),
            Workload::YcsbD => Self {
                latest: true,
                ..mix(Step::Get, Step::Insert, 5)
            },
            Workload::YcsbE => mix(Step::Scan(LONGEST_SCAN), Step::Insert, 5),
            Workload::YcsbF => mix(Step::Get, Step::ReadModifyWrite, 50),
            Workload::Readwrite => Self {
                ranks: Ranks::uniform(loaded),
                ..mix(
                    Step::Get,
                    Step::Update,
                    100 - ground.plan.read_percent.min(100),
                )
            },
            _ => mix(Step::Get, Step::Update, 0),
        }
    }

    fn draw(&self, random: &mut SmallRng) -> Step {
        let step = match random.random_range(0..100) < self.others {
            true => self.other,
            false => self.main,
        };
        match step {
            Step::Scan(longest) => Step::Scan(random.random_range(1..=longest)),
            step => step,
        }
    }
}

impl Script {
    /// The script of a thread.
    pub fn new(ground: &Ground, space: &Space, workload: Workload, thread: usize) -> Self {
        let plan = &ground.plan;
        let mut random = random(plan.seed, &workload.name(), thread);
        let mix = Mix::of(workload, ground, space.loaded);
        // Each thread inserts entries of its own, so that none is inserted twice.
        let (_, own) = plan.part(space.absent(), thread);
        let mut inserted = 0;
        let steps: Vec<(Step, u32)> = (0..plan.share(plan.reads, thread))
            .map(|_| {
                let step = match mix.draw(&mut random) {
                    // All that there was room for is in: an update costs the same.
                    Step::Insert if inserted == own.len() => Step::Update,
                    step => step,
                };
                if step == Step::Insert {
                    inserted += 1;
                    return (step, own[inserted - 1]);
                }
                let rank = mix.ranks.next(&mut random) as usize;
                let entry = match mix.latest {
                    // What other threads insert may not be there yet.
                    true if rank < inserted => own[inserted - 1 - rank],
                    true => space.present()[space.loaded as usize - 1 - (rank - inserted)],
                    false => space.present()[rank],
                };
                (step, entry)
            })
            .collect();
        let entries: Vec<u32> = steps.iter().map(|&(_, index)| index).collect();
        Self {
            keys: ground.keys(&entries),
            steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::plan;
    use std::collections::BTreeSet;

    fn script(workload: Workload) -> (Space, Script) {
        let ground = Ground::new(plan(&["--num", "1000", "--reads", "10000"]));
        let space = ground.space(workload);
        let script = Script::new(&ground, &space, workload, 0);
        (space, script)
    }

    fn share(script: &Script, wanted: impl Fn(Step) -> bool) -> usize {
        let steps = script.steps.iter();
        steps.filter(|(step, _)| wanted(*step)).count() / 100
    }

    #[test]
    fn mixes_are_those_of_ycsb() {
        for (workload, step, percent) in [
            (Workload::YcsbA, Step::Update, 50),
            (Workload::YcsbB, Step::Update, 5),
            (Workload::YcsbC, Step::Get, 100),
            (Workload::YcsbD, Step::Insert, 5),
            (Workload::YcsbE, Step::Insert, 5),
            (Workload::YcsbF, Step::ReadModifyWrite, 50),
            (Workload::Readwrite, Step::Get, 90),
        ] {
            let (_, script) = script(workload);
            let found = share(&script, |one| one == step);
            assert!(found.abs_diff(percent) <= 1, "{workload:?}: {found} %");
            assert_eq!(script.keys.iter().len(), script.steps.len());
        }
    }

    #[test]
    fn scans_have_every_length() {
        let (_, script) = script(Workload::YcsbE);
        let lengths = script.steps.iter().filter_map(|(step, _)| match step {
            Step::Scan(length) => Some(*length),
            _ => None,
        });
        let lengths: BTreeSet<u8> = lengths.collect();
        assert!(lengths.into_iter().eq(1..=LONGEST_SCAN));
    }

    #[test]
    fn only_what_is_there_is_read_and_only_what_is_not_is_inserted() {
        for workload in [Workload::YcsbD, Workload::YcsbE, Workload::YcsbA] {
            let (space, script) = script(workload);
            let mut there: BTreeSet<u32> = space.present().iter().copied().collect();
            for (step, index) in script.steps {
                match step {
                    Step::Insert => assert!(there.insert(index)),
                    _ => assert!(there.contains(&index)),
                }
            }
        }
    }

    #[test]
    fn the_latest_are_read_most() {
        let (_, script) = script(Workload::YcsbD);
        let mut last = None;
        let mut again = 0;
        for (step, index) in script.steps {
            match step {
                Step::Insert => last = Some(index),
                _ => again += usize::from(last == Some(index)),
            }
        }
        assert!(again > 500, "{again}");
    }
}
