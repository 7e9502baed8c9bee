//! `compare`: verimem beside its peers. See `--help`.

use clap::Parser;
use std::process::ExitCode;

use verimem_bench::counting::Counting;
use verimem_bench::data::Data;
use verimem_bench::options::{Format, Options};
use verimem_bench::{report, rounds};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn run(options: &Options) -> Result<(), String> {
    let mut lanes = options.lanes();
    if options.format == Format::Text {
        print!("{}", report::legend(&lanes));
        println!("one warm-up round, then {} rounds", options.rounds());
    }
    let mut rows = Vec::new();
    for &entries in &options.entries() {
        for &shape in &options.keys {
            for &values in &options.values {
                eprintln!(
                    "measuring {entries} entries, {} keys, values of {values} bytes",
                    shape.name()
                );
                let data = Data::new(entries, shape, values, options.seed);
                let cell = rounds::measure(&mut lanes, &data, options)?;
                match options.format {
                    Format::Text => println!("\n{}", report::table(&cell, &lanes)),
                    Format::Json => rows.extend(report::rows(&cell, &lanes)),
                }
            }
        }
    }
    if options.format == Format::Json {
        println!("{:#}", serde_json::Value::Array(rows));
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("compare: {message}");
            ExitCode::FAILURE
        }
    }
}
