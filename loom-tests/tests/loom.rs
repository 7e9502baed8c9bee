//! loom models; each prints its bound, executions and outcomes.
#![cfg(loom)]

#[path = "loom/arena.rs"]
mod arena;
#[path = "loom/batch.rs"]
mod batch;
#[path = "loom/bloom.rs"]
mod bloom;
#[path = "loom/checked.rs"]
mod checked;
#[path = "loom/checker.rs"]
mod checker;
#[path = "loom/hash.rs"]
mod hash;
#[path = "loom/in_place.rs"]
mod in_place;
#[path = "loom/list.rs"]
mod list;
#[path = "loom/memtable.rs"]
mod memtable;
#[path = "loom/merges.rs"]
mod merges;
#[path = "loom/overwrite.rs"]
mod overwrite;
#[path = "loom/sequencer.rs"]
mod sequencer;
#[path = "loom/skiplist.rs"]
mod skiplist;
#[path = "loom/support.rs"]
mod support;
#[path = "loom/timestamps.rs"]
mod timestamps;
#[path = "loom/tombstones.rs"]
mod tombstones;
#[path = "loom/trail.rs"]
mod trail;
#[path = "loom/vector.rs"]
mod vector;
