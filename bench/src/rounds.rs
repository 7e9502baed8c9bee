//! Interleaved rounds over one cell of the matrix.
//!
//! A round visits the stages in order; within a stage, each workload visits all subjects before the
//! next one starts, beginning with another subject each round. The tables of a stage live side by
//! side and are freed when it ends.

use crate::counting::trim_heap;
use crate::data::Data;
use crate::lane::{Fill, Lane, Sample};
use crate::options::Options;
use crate::subject::Plan;
use crate::workload::{Read, Workload};

/// One line of the results: rates of all subjects, round by round.
#[derive(Debug, Clone)]
pub struct Series {
    /// The workload's name.
    pub workload: &'static str,
    /// How many threads were at work.
    pub threads: usize,
    /// Operations per second: one list per subject, in the order of the lanes, one sample per
    /// counted round, or none at all.
    pub rates: Vec<Vec<f64>>,
    /// What all subjects must answer, once one has.
    answer: Option<u64>,
}

/// The results of one cell.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Entries per table.
    pub entries: usize,
    /// The shape of the keys.
    pub keys: &'static str,
    /// The length of the values.
    pub values: usize,
    /// The speeds.
    pub series: Vec<Series>,
    /// Bytes per entry over the payload, in the order of the lanes.
    pub overheads: Vec<Option<f64>>,
}

/// The state of a cell that is being measured.
struct Measurement<'a> {
    lanes: &'a mut [Box<dyn Lane>],
    data: &'a Data,
    plan: Plan,
    options: &'a Options,
    /// 0 is the warm-up.
    round: usize,
    series: Vec<Series>,
}

impl Measurement<'_> {
    /// The lanes' places, beginning with another one each round.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, round) = (self.lanes.len(), self.round);
        (0..count).map(move |place| (place + round) % count)
    }

    fn record(
        &mut self,
        workload: &'static str,
        threads: usize,
        place: usize,
        sample: Sample,
    ) -> Result<(), String> {
        let found = self
            .series
            .iter()
            .position(|one| one.workload == workload && one.threads == threads);
        let index = found.unwrap_or_else(|| {
            let rates = vec![Vec::new(); self.lanes.len()];
            self.series.push(Series {
                workload,
                threads,
                rates,
                answer: None,
            });
            self.series.len() - 1
        });
        let series = &mut self.series[index];
        if *series.answer.get_or_insert(sample.answer) != sample.answer {
            let name = self.lanes[place].name();
            return Err(format!(
                "{name} answers {workload} otherwise than the subjects before it"
            ));
        }
        if self.round > 0 {
            series.rates[place].push(sample.rate);
        }
        Ok(())
    }

    /// Checks, off the clock and in the warm-up only, that the tables hold the same entries.
    fn check_contents(&self, filled: &str) -> Result<(), String> {
        if self.round > 0 {
            return Ok(());
        }
        let answers: Vec<u64> = self
            .lanes
            .iter()
            .map(|lane| lane.read(Read::Forward, 1, self.data).answer)
            .collect();
        match answers.iter().position(|&answer| answer != answers[0]) {
            None => Ok(()),
            Some(place) => Err(format!(
                "{} holds other entries after {filled} than {}",
                self.lanes[place].name(),
                self.lanes[0].name()
            )),
        }
    }

    /// Frees all tables, and lets the next ones begin on a heap without holes.
    fn free_all(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.free());
        if !self.options.keep_heap {
            trim_heap();
        }
    }

    /// Fills all tables; records the fill under `record`, if it was asked for.
    fn fill(&mut self, fill: Fill, record: Option<(Workload, usize)>) -> Result<(), String> {
        for place in self.order() {
            let sample = self.lanes[place].fill(fill, self.data, &self.plan);
            if let (Some((workload, threads)), Some(sample)) = (record, sample) {
                self.record(workload.name(), threads, place, sample)?;
            }
        }
        self.check_contents(record.map_or("a fill", |(workload, _)| workload.name()))
    }

    fn read(&mut self, workload: Workload, read: Read, threads: usize) -> Result<(), String> {
        // A scan over a table in key order says nothing about one over a randomly filled table.
        let scans = matches!(workload, Workload::ScanForward | Workload::ScanBackward);
        for place in self.order() {
            if scans && self.lanes[place].reordered(&self.plan) {
                continue;
            }
            let sample = self.lanes[place].read(read, threads, self.data);
            self.record(workload.name(), threads, place, sample)?;
        }
        Ok(())
    }

    fn sequential_stage(&mut self) -> Result<(), String> {
        let options = self.options;
        let (fill, scan) = (
            options.wants(Workload::Fillseq),
            options.wants(Workload::ScanFilledseq),
        );
        if fill || scan {
            self.fill(Fill::Sequential, fill.then_some((Workload::Fillseq, 1)))?;
        }
        if scan {
            self.read(Workload::ScanFilledseq, Read::Forward, 1)?;
        }
        self.free_all();
        Ok(())
    }

    /// The single-threaded random fill and all that reads its table.
    fn random_stage(&mut self) -> Result<(), String> {
        let options = self.options;
        let record = options.wants(Workload::Fillrandom) && options.threads.contains(&1);
        let reads: Vec<_> = Workload::READS
            .into_iter()
            .filter(|&(workload, _)| options.wants(workload))
            .collect();
        if record || !reads.is_empty() {
            self.fill(Fill::Random(1), record.then_some((Workload::Fillrandom, 1)))?;
        }
        for (workload, read) in reads {
            for &threads in &options.threads {
                self.read(workload, read, threads)?;
            }
        }
        self.free_all();
        Ok(())
    }

    fn writing_stages(&mut self) -> Result<(), String> {
        let options = self.options;
        for &threads in options.threads.iter().filter(|&&threads| threads > 1) {
            if options.wants(Workload::Fillrandom) {
                self.fill(Fill::Random(threads), Some((Workload::Fillrandom, threads)))?;
                self.free_all();
            }
        }
        if options.wants(Workload::Batch100) {
            self.fill(Fill::Batches, Some((Workload::Batch100, 1)))?;
            self.free_all();
        }
        if options.wants(Workload::Mixed) {
            for place in self.order() {
                let samples = self.lanes[place].mixed(self.data, &self.plan);
                if let Some([write, read]) = samples {
                    self.record("mixed-write", 2, place, write)?;
                    self.record("mixed-read", 2, place, read)?;
                }
            }
            self.check_contents("mixed")?;
            self.free_all();
        }
        Ok(())
    }
}

/// Measures one cell.
///
/// # Errors
///
/// A description of the first answer in which two subjects differ.
pub fn measure(
    lanes: &mut [Box<dyn Lane>],
    data: &Data,
    options: &Options,
) -> Result<Cell, String> {
    let plan = options.plan(data);
    let mut state = Measurement {
        lanes,
        data,
        plan,
        options,
        round: 0,
        series: Vec::new(),
    };
    for round in 0..=options.rounds() {
        state.round = round;
        state.sequential_stage()?;
        state.random_stage()?;
        state.writing_stages()?;
    }
    let series = state.series;
    let over_payload = |bytes: usize| (bytes as f64 / data.entries as f64) - data.payload() as f64;
    let overheads = lanes
        .iter_mut()
        .map(|lane| lane.bytes(data, &plan).map(over_payload))
        .collect();
    Ok(Cell {
        entries: data.entries,
        keys: data.shape.name(),
        values: data.value_len,
        series,
        overheads,
    })
}
