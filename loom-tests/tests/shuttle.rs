//! shuttle models: larger sizes, sequential consistency; each prints its
//! schedulers, executions and seed.
#![cfg(shuttle)]

#[path = "shuttle/arena.rs"]
mod arena;
#[path = "shuttle/batch.rs"]
mod batch;
#[path = "shuttle/hash.rs"]
mod hash;
#[path = "shuttle/in_place.rs"]
mod in_place;
#[path = "shuttle/memtable.rs"]
mod memtable;
#[path = "shuttle/merges.rs"]
mod merges;
#[path = "shuttle/overwrite.rs"]
mod overwrite;
#[path = "shuttle/published.rs"]
mod published;
#[path = "shuttle/sequencer.rs"]
mod sequencer;
#[path = "shuttle/skiplist.rs"]
mod skiplist;
#[path = "shuttle/timestamps.rs"]
mod timestamps;
#[path = "shuttle/tombstones.rs"]
mod tombstones;
#[path = "shuttle/vector.rs"]
mod vector;
#[path = "shuttle/write_buffer.rs"]
mod write_buffer;
