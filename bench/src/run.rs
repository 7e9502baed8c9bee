//! One run: all cells, stage by stage, with what a file already holds left out.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::data::Data;
use crate::journal::{Header, Journal};
use crate::lane::Lanes;
use crate::options::Options;
use crate::plan::Spec;
use crate::report::Cell;
use crate::rounds;
use crate::stage::Stage;

/// A bar on standard error, or lines where that is not a terminal.
struct Progress(ProgressBar);

impl Progress {
    fn new(work: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(work), ProgressDrawTarget::stderr());
        let template = "{elapsed_precise} [{bar:30}] {percent:>3} % (about {eta} left) {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn say(&self, text: &str) {
        if self.0.is_hidden() {
            eprintln!("{text}");
        } else {
            self.0.println(text);
        }
    }

    fn begin(&self, cell: &Spec, stage: &Stage) {
        let text = format!("{}: {}", cell.name(), stage.name);
        if self.0.is_hidden() {
            eprintln!("measuring {text}");
        } else {
            self.0.set_message(text);
        }
    }

    fn done(&self, work: u64) {
        self.0.inc(work);
    }
}

/// What a stage of a cell counts for in the bar, per round.
const fn work(cell: &Spec) -> u64 {
    cell.entries as u64
}

/// A cell's stages.
fn stages(cell: &Spec) -> Vec<Stage> {
    Stage::all(&cell.workloads, &cell.threads)
}

/// Measures all cells; hands each to `finished` as soon as it is complete.
///
/// # Errors
///
/// What is wrong with the options or the file of `--resume`, or the first answer in which two
/// subjects differ, or what `finished` says.
pub fn run(
    options: &Options,
    lanes: &mut Lanes,
    finished: &mut dyn FnMut(&Cell, &Lanes) -> Result<(), String>,
) -> Result<Vec<Cell>, String> {
    let cells = options.cells()?;
    let mut journal = match &options.resume {
        Some(path) => Some(Journal::open(path, &Header::new(options, lanes)?)?),
        None => None,
    };
    let total: u64 = cells
        .iter()
        .map(|cell| stages(cell).len() as u64 * (cell.rounds as u64 + 1) * work(cell))
        .sum();
    let progress = Progress::new(total);
    if let Some(journal) = &journal {
        journal.notes.iter().for_each(|note| progress.say(note));
    }
    let mut results = Vec::new();
    for cell in &cells {
        let result = measure(cell, options, lanes, &mut journal, &progress)?;
        progress.0.suspend(|| finished(&result, lanes))?;
        results.push(result);
    }
    progress.0.finish_and_clear();
    Ok(results)
}

fn measure(
    cell: &Spec,
    options: &Options,
    lanes: &mut Lanes,
    journal: &mut Option<Journal>,
    progress: &Progress,
) -> Result<Cell, String> {
    let name = cell.name();
    let plan = options.plan(cell);
    let mut result = Cell::new(name.clone());
    // Made only if something is left to measure.
    let mut data = None;
    for stage in stages(cell) {
        let kept = journal.as_ref().and_then(|file| file.find(&name, &stage));
        if let Some(outcome) = kept {
            progress.say(&format!("{name}: {}: already there, skipped", stage.name));
            result.add(outcome.clone());
            progress.done(work(cell) * (cell.rounds as u64 + 1));
            continue;
        }
        progress.begin(cell, &stage);
        let data = data.get_or_insert_with(|| {
            cell.pages.prepare();
            Data::new(cell.entries, cell.keys, cell.values, options.seed)
        });
        let mut tick = || progress.done(work(cell));
        let outcome = rounds::measure(lanes, data, plan, &stage, cell.rounds, &mut tick)?;
        if let Some(journal) = journal {
            journal.keep(&name, &stage, &outcome)?;
        }
        result.add(outcome);
    }
    lanes.iter_mut().for_each(|lane| lane.forget());
    Ok(result)
}
