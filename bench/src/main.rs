//! `compare`: verimem beside its peers. See `--help`.

use clap::Parser;
use std::path::Path;
use std::process::ExitCode;

use verimem_bench::counting::Counting;
use verimem_bench::options::{Format, Options};
use verimem_bench::report::Cell;
use verimem_bench::{growth, plot, report, run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn compare(options: &Options) -> Result<(), String> {
    // Before hours of work, not after them.
    if let Some(path) = &options.plot {
        writable(path)?;
    }
    options.cells()?;
    let mut lanes = options.lanes()?;
    if options.format == Format::Text {
        print!("{}", report::legend(&lanes));
    }
    let text = options.format == Format::Text && !options.growth;
    let mut finished = |cell: &Cell, lanes: &[_]| {
        if text {
            println!("\n{}", report::table(cell, lanes));
        }
    };
    let cells = run::run(options, &mut lanes, &mut finished)?;
    let points = growth::points(&cells, options.quick);
    if options.growth && options.format == Format::Text {
        println!("\n{}", growth::table(&points, &lanes));
    }
    if options.format == Format::Json {
        let rows = if options.growth {
            growth::rows(
                &points,
                &lanes,
                cells.first().map_or(0, |cell| cell.name.rounds),
            )
        } else {
            let rows = cells.iter().flat_map(|cell| report::rows(cell, &lanes));
            rows.collect()
        };
        println!("{:#}", serde_json::Value::Array(rows));
    }
    if let Some(path) = &options.plot {
        let picture = if options.growth {
            plot::curves(&points, &lanes)
        } else {
            plot::bars(&cells, &lanes)
        };
        let written = std::fs::write(path, picture?);
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
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
