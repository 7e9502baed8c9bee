//! Stages: what is done with the tables of one fill. A stage is what is measured, kept and resumed
//! as one.

use crate::lane::Fill;
use crate::workload::{Read, Workload};

/// One line of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The name in reports.
    pub name: &'static str,
    /// How many threads are at work.
    pub threads: usize,
}

/// One visit to each subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Fills a table; recorded if there is a row.
    Fill(Fill, Option<Row>),
    /// Reads the table.
    Read(Read, Row),
    /// Fills half a table off the clock, then the rest beside a reader.
    Mixed,
    /// Fills a table and asks what it takes.
    Memory,
}

/// Steps over one table per subject, which is freed when they are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Distinct within a cell.
    pub name: String,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Whether the tables have Bloom filters.
    pub bloom: bool,
}

impl Stage {
    /// The stages that measure `workloads`; those that scale, with each of `threads`.
    #[must_use]
    pub fn all(workloads: &[Workload], threads: &[usize]) -> Vec<Self> {
        let wants = |workload: Workload| workloads.contains(&workload);
        let mut stages = vec![sequential(&wants), random(&wants, threads)];
        if wants(Workload::Fillrandom) {
            for &threads in threads.iter().filter(|&&threads| threads > 1) {
                let row = row(Workload::Fillrandom.name(), threads);
                let step = Step::Fill(Fill::Random(threads), Some(row));
                stages.push(stage(&format!("writers-{threads}"), vec![step]));
            }
        }
        if wants(Workload::Batch100) {
            let step = Step::Fill(Fill::Batches, Some(row(Workload::Batch100.name(), 1)));
            stages.push(stage("batches", vec![step]));
        }
        if wants(Workload::GetMissBloom) {
            let read = |&threads: &usize| {
                let row = row(Workload::GetMissBloom.name(), threads);
                Step::Read(Read::Miss, row)
            };
            let mut steps = vec![Step::Fill(Fill::Random(1), None)];
            steps.extend(threads.iter().map(read));
            let bloom = true;
            stages.push(Self {
                bloom,
                ..stage("bloom", steps)
            });
        }
        if wants(Workload::Versions8) {
            let steps = vec![
                Step::Fill(Fill::Versions, Some(row("versions8-fill", 1))),
                Step::Read(Read::Versioned, row("versions8-get", 1)),
            ];
            stages.push(stage("versions", steps));
        }
        if wants(Workload::Mixed) {
            stages.push(stage("mixed", vec![Step::Mixed]));
        }
        if wants(Workload::Memory) {
            stages.push(stage("memory", vec![Step::Memory]));
        }
        stages.retain(|stage| !stage.steps.is_empty());
        stages
    }

    /// Whether the stage says something even of a table that was filled off the clock.
    #[must_use]
    pub fn reads(&self) -> bool {
        let reads = |step: &Step| matches!(step, Step::Read(..) | Step::Memory);
        self.steps.iter().any(reads)
    }
}

const fn row(name: &'static str, threads: usize) -> Row {
    Row { name, threads }
}

fn stage(name: &str, steps: Vec<Step>) -> Stage {
    Stage {
        name: name.to_owned(),
        steps,
        bloom: false,
    }
}

fn sequential(wants: &dyn Fn(Workload) -> bool) -> Stage {
    let scans = [
        (Workload::ScanFilledseq, Read::Forward),
        (Workload::ScanBackwardFilledseq, Read::Backward),
    ];
    let wanted = scans.into_iter().filter(|&(workload, _)| wants(workload));
    let mut steps: Vec<Step> = wanted
        .map(|(workload, read)| Step::Read(read, row(workload.name(), 1)))
        .collect();
    let fill = wants(Workload::Fillseq).then_some(row(Workload::Fillseq.name(), 1));
    if fill.is_some() || !steps.is_empty() {
        steps.insert(0, Step::Fill(Fill::Sequential, fill));
    }
    stage("sequential", steps)
}

/// The single-threaded random fill and all that reads its table.
fn random(wants: &dyn Fn(Workload) -> bool, threads: &[usize]) -> Stage {
    let mut steps = Vec::new();
    for (workload, read) in Workload::READS {
        if wants(workload) {
            let one = |&threads: &usize| Step::Read(read, row(workload.name(), threads));
            steps.extend(threads.iter().map(one));
        }
    }
    let fill = wants(Workload::Fillrandom) && threads.contains(&1);
    if fill || !steps.is_empty() {
        let row = fill.then_some(row(Workload::Fillrandom.name(), 1));
        steps.insert(0, Step::Fill(Fill::Random(1), row));
    }
    stage("random", steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn stages_have_names_of_their_own_and_begin_with_a_table() {
        let stages = Stage::all(&Workload::ALL, &[1, 2, 4]);
        let names: BTreeSet<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!(names.len(), stages.len());
        assert_eq!(stages.len(), 9);
        for stage in &stages {
            let first = stage.steps[0];
            assert!(!matches!(first, Step::Read(..)), "{}", stage.name);
        }
    }

    #[test]
    fn only_what_was_asked_for_is_measured() {
        let stages = Stage::all(&[Workload::GetHit], &[2]);
        let row = Row {
            name: "get-hit",
            threads: 2,
        };
        let steps = vec![
            Step::Fill(Fill::Random(1), None),
            Step::Read(Read::Hit, row),
        ];
        assert_eq!(stages, [stage("random", steps)]);
        assert_eq!(Stage::all(&[], &[1]), []);
        let stages = Stage::all(&[Workload::Mixed], &[1, 2]);
        assert!(stages.len() == 1 && !stages[0].reads());
    }
}
