//! `compare`: verimem beside its peers. See `--help`.

use clap::Parser;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use verimem_bench::counting::Counting;
use verimem_bench::options::{Format, Options};
use verimem_bench::{growth, plot, report, run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn compare(options: &Options) -> Result<(), String> {
    // Before hours of work, not after them.
    for path in options.plot.iter().chain(&options.output) {
        writable(path)?;
    }
    options.cells()?;
    let mut lanes = options.lanes()?;
    let text = options.format == Format::Text;
    let mut report = Report::new(options.output.as_deref())?;
    if text {
        report.write(&report::legend(&lanes))?;
    }
    let tables = text && !options.growth;
    let cells = run::run(options, &mut lanes, &mut |cell, lanes| match tables {
        true => report.write(&format!("\n{}\n", report::table(cell, lanes))),
        false => Ok(()),
    })?;
    let points = growth::points(&cells, options.quick);
    match (options.format, options.growth) {
        (Format::Text, false) => {}
        (Format::Text, true) => report.write(&format!("\n{}\n", growth::table(&points, &lanes)))?,
        (Format::Json, false) => {
            let rows = cells.iter().flat_map(|cell| report::rows(cell, &lanes));
            report.write(&report::array(&rows.collect::<Vec<_>>()))?;
        }
        (Format::Json, true) => {
            let rounds = cells.first().map_or(0, |cell| cell.name.rounds);
            report.write(&report::array(&growth::rows(&points, &lanes, rounds)))?;
        }
    }
    let Some(path) = &options.plot else {
        return Ok(());
    };
    let picture = if options.growth {
        plot::curves(&points, &lanes)
    } else {
        plot::bars(&cells, &lanes)
    };
    let written = std::fs::write(path, picture?);
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

/// Where the report goes.
struct Report(Box<dyn Write>);

impl Report {
    fn new(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else {
            return Ok(Self(Box::new(std::io::stdout())));
        };
        let file = std::fs::File::create(path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(Box::new(file)))
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        let written = self
            .0
            .write_all(text.as_bytes())
            .and_then(|()| self.0.flush());
        written.map_err(|error| format!("cannot write the report: {error}"))
    }
}

/// Sees that the file can be written; leaves what is in it.
fn writable(path: &Path) -> Result<(), String> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.create(true).append(true).open(path);
    opened.map_or_else(
        |error| Err(format!("{}: {error}", path.display())),
        |_| Ok(()),
    )
}

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("compare: {message}");
            ExitCode::FAILURE
        }
    }
}
