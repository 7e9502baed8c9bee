//! The same operations on RocksDB's memtable and on verimem's, every answer compared.
//!
//! - [`Rocks`] is `rocksdb::MemTable`, compiled from RocksDB's own sources;
//! - [`run`](run()) drives both by the operations of `verimem-model`;
//! - [`Why`] lists where RocksDB answers otherwise and is wrong by the specification, or right in
//!   another place than here. Each has a test in `tests/explained.rs`.
#[cfg(not(target_os = "linux"))]
compile_error!("RocksDB's files are compiled with its settings for Linux only");

mod answers;
mod batches;
mod compare;
mod cursors;
mod damaged;
mod explained;
mod in_place;
mod rocks;
mod run;
mod stamped;
mod stored;
mod sys;
mod writes;

pub use answers::{Seen, folded, gathered, merged, theirs};
pub use batches::one_batch;
pub use damaged::one_damaged;
pub use explained::{Totals, Why};
pub use in_place::{one_in_place, revised};
pub use rocks::{Added, Code, Extras, Fragment, Iter, Reply, Rocks, Way};
pub use run::{any, fitting, one, run, run_on};
pub use stamped::{Slip, one_stamped};
pub use stored::{default_column, entity, stored};
pub use sys::Counters;
