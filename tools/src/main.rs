//! The verimem command.

fn main() {}
