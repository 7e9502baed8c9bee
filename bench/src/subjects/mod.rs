//! One file per structure.

mod crossbeam;
mod cursor;
mod memtable;
mod skiplist;
mod skl;

pub use self::crossbeam::Crossbeam;
pub use self::memtable::MemTable;
pub use self::skiplist::SkipList;
pub use self::skl::Skl;
