//! The reference memtable, and the operations that drive it.
//!
//! Everything here is plain, single-threaded and slow on purpose: a
//! [`ModelMemTable`] is a `BTreeMap` of entries, its cursors are positions in
//! that map, and every answer is computed from the definition. It knows nothing
//! of the crate it models, so an error there cannot hide here.
//!
//! - [`ModelMemTable`], [`InternalCursor`], [`VisibleCursor`]: the model;
//! - [`Op`] and its parts: what a test or a fuzzer does to a table, decoded from
//!   bytes by `arbitrary`, so that proptest and fuzzing share one generator;
//! - [`Histogram`]: what was done, and how it came out.

mod answer;
mod choice;
mod cursor;
mod histogram;
mod key;
mod many;
mod merging;
mod op;
mod order;
mod prefix;
mod ranges;
mod sight;
mod stamp;
mod table;
#[cfg(test)]
mod tests;

pub use answer::{Added, Answer, Base, Counters, Duplicates, Entry, Escaped, Refusal, kind};
pub use choice::{
    HiddenChoice, KeyChoice, SequenceChoice, SightChoice, SnapshotChoice, TimeChoice,
};
pub use cursor::{InternalCursor, VisibleCursor};
pub use histogram::Histogram;
pub use key::{Key, Value};
pub use many::{Beside, Bulk, Keys, Leg};
pub use merging::{MergeRefusal, Merged, Merging};
pub use op::{Add, Aside, Batch, Cursor, Handed, Motion, Op, PREFIX_HINTS, Reserve};
pub use order::{Order, Place};
pub use prefix::{PrefixMode, Prefixes};
pub use ranges::Fragment;
pub use sight::{Hidden, MAX_SEQUENCE, Pattern, Sight};
pub use stamp::{Layout, Version};
pub use table::{By, ModelMemTable, View};
