//! Compiles RocksDB's InlineSkipList and ConcurrentArena, and the shim before them, from the
//! sources inside the crate `librocksdb-sys`. That crate is locked and downloaded but never built:
//! the few files needed here take seconds.

mod rocksdb;

use std::env;

const SHIM: &str = "src/subjects/inlineskiplist/shim.cc";

/// What the shim needs of RocksDB beside its headers.
const FILES: [&str; 7] = [
    "memory/arena.cc",
    "memory/concurrent_arena.cc",
    "port/mmap.cc",
    "port/port_posix.cc",
    "util/dynamic_bloom.cc",
    "util/hash.cc",
    "util/random.cc",
];

fn main() {
    for path in ["build.rs", "rocksdb.rs", SHIM, "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    // RocksDB's settings are those of Linux; elsewhere the peer is left out.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let sources = rocksdb::sources(FILES[0], "bench/Cargo.toml");
    let mut build = rocksdb::build(&sources);
    build
        // As RocksDB is built for users, whatever the Rust profile is.
        .opt_level(3)
        .file(SHIM)
        .files(FILES.map(|file| sources.join(file)));
    rocksdb::compile(&build, "verimem_isl");
}
