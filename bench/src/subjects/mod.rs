//! One file per structure.

mod crossbeam;
mod skl;

pub use self::crossbeam::Crossbeam;
pub use self::skl::Skl;
