//! The `verimem` command.
//!
//! `verimem load` puts a directory tree into memtables and checks every entry
//! against the file system; `verimem stress` races writers, readers and
//! scanners over rotating memtables and checks every answer against an oracle;
//! `verimem bench` measures how fast a memtable is; `verimem advise` says how to set one up.
//!
//! Exit status: 0 when all is well, 1 when a check or the work itself failed,
//! 2 when the command line makes no sense.

// Under a model checker a memtable only works inside a model, so there is
// nothing for a command to run; the crate still has to build there because it
// is one of the workspace's default members.
#[cfg(not(any(loom, shuttle)))]
mod advise;
#[cfg(not(any(loom, shuttle)))]
mod bench;
#[cfg(not(any(loom, shuttle)))]
mod cli;
#[cfg(not(any(loom, shuttle)))]
mod load;
#[cfg(not(any(loom, shuttle)))]
mod outcome;
#[cfg(not(any(loom, shuttle)))]
mod rep;
#[cfg(not(any(loom, shuttle)))]
mod size;
#[cfg(not(any(loom, shuttle)))]
mod stress;

#[cfg(not(any(loom, shuttle)))]
fn main() -> std::process::ExitCode {
    cli::main()
}

#[cfg(any(loom, shuttle))]
fn main() -> std::process::ExitCode {
    eprintln!("verimem: built for a model checker; build it without --cfg loom and --cfg shuttle");
    std::process::ExitCode::from(2)
}
