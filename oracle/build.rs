//! Compiles `rocksdb::MemTable` and what it needs, and the shim before it, from the sources inside
//! the crate `librocksdb-sys`. That crate is locked and downloaded but never built: of its 300 files
//! these take a minute.

#[path = "../bench/rocksdb.rs"]
mod rocksdb;

const SHIM: &str = "src/shim.cc";
const STUBS: &str = "src/stubs.cc";
const BATCHES: &str = "src/batches.cc";

/// The memtable, the write batch, and all that a path taken here reaches. `stubs.cc` says what is left out.
const FILES: [&str; 28] = [
    "db/dbformat.cc",
    "db/memtable.cc",
    "db/merge_helper.cc",
    "db/merge_operator.cc",
    "db/range_tombstone_fragmenter.cc",
    "db/seqno_to_time_mapping.cc",
    "db/wide/wide_column_serialization.cc",
    "db/wide/wide_columns.cc",
    "db/write_batch.cc",
    "db/write_batch_base.cc",
    "memory/arena.cc",
    "memory/concurrent_arena.cc",
    "memtable/alloc_tracker.cc",
    "memtable/skiplistrep.cc",
    "monitoring/perf_context.cc",
    "monitoring/perf_level.cc",
    "port/mmap.cc",
    "port/port_posix.cc",
    "table/iterator.cc",
    "util/cleanable.cc",
    "util/coding.cc",
    "util/comparator.cc",
    "util/dynamic_bloom.cc",
    "util/hash.cc",
    "util/random.cc",
    "util/slice.cc",
    "util/status.cc",
    "util/xxhash.cc",
];

fn main() {
    for path in [
        "build.rs",
        "../bench/rocksdb.rs",
        SHIM,
        STUBS,
        BATCHES,
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    // Clippy's builds are apart from the others, and nothing is linked in them.
    if std::env::var_os("CLIPPY_ARGS").is_some() {
        return;
    }
    let sources = rocksdb::sources(FILES[0], "oracle/Cargo.toml");
    let mut build = rocksdb::build(&sources);
    build
        // What is never called is never linked, nor is what that refers to.
        .flag("-ffunction-sections")
        .flag("-fdata-sections")
        .opt_level(2)
        .files([SHIM, STUBS, BATCHES])
        .files(FILES.map(|file| sources.join(file)));
    rocksdb::compile(&build, "verimem_oracle");
}
