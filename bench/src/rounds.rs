//! Interleaved rounds over one stage of one cell.
//!
//! A round visits all subjects with each step before the next one starts, beginning with another
//! subject each round, so that the tables of all subjects live side by side; where they would take
//! too much memory, it visits the subjects one after the other with all steps. All tables are freed
//! when the round ends.

use serde::{Deserialize, Serialize};

use crate::data::Data;
use crate::lane::{Lanes, Sample};
use crate::stage::{Row, Stage, Step};
use crate::subject::{Live, Plan};
use crate::workload::Read;

/// Tables that are expected to take more than this together do not live side by side.
const SIDE_BY_SIDE: usize = 4 << 30;

/// One line of the results: rates of all subjects, round by round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The workload's name.
    pub workload: String,
    /// How many threads were at work.
    pub threads: usize,
    /// Operations per second: one list per subject, in the order of the lanes, one sample per
    /// counted round, or none at all.
    pub rates: Vec<Vec<f64>>,
    /// What all subjects must answer, once one has.
    #[serde(skip)]
    answer: Option<u64>,
}

/// The results of one stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The speeds.
    pub series: Vec<Series>,
    /// Bytes per entry over the payload, in the order of the lanes; empty unless they were asked
    /// for.
    pub overheads: Vec<Option<f64>>,
}

/// A stage that is being measured.
struct Measurement<'a> {
    lanes: &'a mut Lanes,
    data: &'a Data,
    plan: Plan,
    /// 0 is the warm-up.
    round: usize,
    /// What all tables hold after the fill.
    contents: Option<u64>,
    outcome: Outcome,
}

impl Measurement<'_> {
    /// The lanes' places, beginning with another one each round.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, round) = (self.lanes.len(), self.round);
        (0..count).map(move |place| (place + round) % count)
    }

    fn record(&mut self, row: Row, place: usize, sample: Sample) -> Result<(), String> {
        let rows = &mut self.outcome.series;
        let same = |one: &Series| one.workload == row.name && one.threads == row.threads;
        let index = rows.iter().position(same).unwrap_or_else(|| {
            rows.push(Series {
                workload: row.name.to_owned(),
                threads: row.threads,
                rates: vec![Vec::new(); self.lanes.len()],
                answer: None,
            });
            rows.len() - 1
        });
        let series = &mut rows[index];
        if *series.answer.get_or_insert(sample.answer) != sample.answer {
            let name = self.lanes[place].name();
            return Err(format!(
                "{name} answers {} otherwise than the subjects before it",
                row.name
            ));
        }
        if self.round > 0 {
            series.rates[place].push(sample.rate);
        }
        Ok(())
    }

    /// Checks, off the clock and in the warm-up only, that the tables hold the same entries.
    fn check_contents(&mut self, place: usize, stage: &Stage) -> Result<(), String> {
        if self.round > 0 {
            return Ok(());
        }
        let answer = self.lanes[place].read(Read::Forward, 1, self.data).answer;
        if *self.contents.get_or_insert(answer) == answer {
            return Ok(());
        }
        let name = self.lanes[place].name();
        Err(format!(
            "{name} holds other entries in stage {} than the subjects before it",
            stage.name
        ))
    }

    fn visit(&mut self, place: usize, step: Step, stage: &Stage) -> Result<(), String> {
        if stage.bloom && !self.lanes[place].filters() {
            return Ok(());
        }
        let reordered = self.lanes[place].reordered(&self.plan);
        match step {
            // Filled off the clock, and nobody reads it.
            Step::Fill(..) | Step::Mixed if reordered && !stage.reads() => Ok(()),
            Step::Fill(fill, row) => {
                let sample = self.lanes[place].fill(fill, self.data, &self.plan);
                if let (Some(row), Some(sample)) = (row, sample) {
                    self.record(row, place, sample)?;
                }
                self.check_contents(place, stage)
            }
            // Answers are checked in each round that counts.
            Step::Read(..) if self.round == 0 => Ok(()),
            // Ranges of a table in key order say nothing about those of a randomly filled one.
            Step::Read(read, _) if read.ranges() && reordered && stage.name == "random" => Ok(()),
            Step::Read(read, row) => {
                let sample = self.lanes[place].read(read, row.threads, self.data);
                self.record(row, place, sample)
            }
            Step::Mixed => {
                if let Some(samples) = self.lanes[place].mixed(self.data, &self.plan) {
                    for (name, sample) in ["mixed-write", "mixed-read"].into_iter().zip(samples) {
                        self.record(Row { name, threads: 2 }, place, sample)?;
                    }
                    self.check_contents(place, stage)?;
                }
                Ok(())
            }
            Step::Memory => {
                let bytes = self.lanes[place].bytes(self.data, &self.plan);
                let entries = self.data.entries as f64;
                let over = bytes.map(|bytes| bytes as f64 / entries - self.data.payload() as f64);
                self.outcome.overheads.resize(self.lanes.len(), None);
                self.outcome.overheads[place] = over;
                Ok(())
            }
        }
    }

    fn visit_all(&mut self, stage: &Stage) -> Result<(), String> {
        if self.plan.bytes() * self.lanes.len() <= SIDE_BY_SIDE {
            for &step in &stage.steps {
                for place in self.order() {
                    self.visit(place, step, stage)?;
                }
            }
        } else {
            for place in self.order() {
                for &step in &stage.steps {
                    self.visit(place, step, stage)?;
                }
                self.lanes[place].free();
                self.plan.pages.settle();
            }
        }
        Ok(())
    }

    /// Frees all tables, and sees that none is left.
    fn free_all(&mut self) -> Result<(), String> {
        self.lanes.iter_mut().for_each(|lane| lane.free());
        self.plan.pages.settle();
        match Live::count() + self.lanes.iter().map(|lane| lane.live()).sum::<usize>() {
            0 => Ok(()),
            left => Err(format!("{left} tables are alive after a round")),
        }
    }
}

/// Measures one stage; calls `tick` after each round, the warm-up too.
///
/// # Errors
///
/// A description of the first answer in which two subjects differ, or of a table that was not freed.
pub fn measure(
    lanes: &mut Lanes,
    data: &Data,
    plan: Plan,
    stage: &Stage,
    rounds: usize,
    tick: &mut dyn FnMut(),
) -> Result<Outcome, String> {
    let plan = Plan {
        bloom: stage.bloom,
        ..plan
    };
    let mut state = Measurement {
        lanes,
        data,
        plan,
        round: 0,
        contents: None,
        outcome: Outcome::default(),
    };
    // What a table takes does not change from round to round.
    let rounds = match stage.steps[..] {
        [Step::Memory] => 0,
        _ => rounds,
    };
    for round in 0..=rounds {
        state.round = round;
        state.visit_all(stage)?;
        state.free_all()?;
        tick();
    }
    Ok(state.outcome)
}
