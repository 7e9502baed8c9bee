//! `cargo xtask oracle`: random operations on RocksDB's own memtable and on verimem's, in `oracle`, a
//! workspace of its own. All flags go to its program `oracle`.

use crate::compare;
use crate::workspace::Workspace;

/// Runs `oracle` with `arguments`, once there is a C++ compiler.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), String> {
    compare::run_program(workspace, "oracle", "oracle", arguments)
}
