//! One file per structure.

mod crossbeam;
mod cursor;
#[cfg(target_os = "linux")]
pub mod inlineskiplist;
mod memtable;
mod pool;
mod skiplist;
mod skl;

pub use self::crossbeam::Crossbeam;
#[cfg(target_os = "linux")]
pub use self::inlineskiplist::InlineSkipList;
pub use self::memtable::{Any, MemTable};
pub use self::skiplist::SkipList;
pub use self::skl::Skl;
