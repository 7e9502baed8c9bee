//! Compiles RocksDB's InlineSkipList and ConcurrentArena, and the shim before them, from the
//! sources inside the crate `librocksdb-sys`. That crate is locked and downloaded but never built:
//! the few files needed here take seconds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "librocksdb-sys";
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

/// What RocksDB's own build defines on Linux.
const DEFINES: [&str; 6] = [
    "NDEBUG",
    "OS_LINUX",
    "ROCKSDB_PLATFORM_POSIX",
    "ROCKSDB_LIB_IO_POSIX",
    "ROCKSDB_PTHREAD_ADAPTIVE_MUTEX",
    "ROCKSDB_SCHED_GETCPU_PRESENT",
];

/// The answer of `cargo metadata`. Without `--filter-platform` it downloads all locked packages, also
/// those that no target needs.
fn metadata(flags: &[&str]) -> Result<serde_json::Value, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(flags)
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// The folder with RocksDB's sources.
fn sources() -> Result<PathBuf, String> {
    let metadata = metadata(&["--offline"]).or_else(|_| metadata(&[]))?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or_else(|| format!("{PACKAGE} is not among the packages"))?;
    let folder = Path::new(manifest).with_file_name("rocksdb");
    if folder.join(FILES[0]).is_file() {
        Ok(folder)
    } else {
        Err(format!("{} holds no sources", folder.display()))
    }
}

fn fail(what: &str) -> ! {
    eprintln!("{what}");
    std::process::exit(1);
}

fn main() {
    for path in ["build.rs", SHIM, "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    // The settings above are those of Linux; elsewhere the peer is left out.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let rocksdb = sources().unwrap_or_else(|error| {
        fail(&format!(
            "the sources of RocksDB inside {PACKAGE} were not found; \
             run `cargo fetch --manifest-path bench/Cargo.toml`\n{error}"
        ))
    });
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++20")
        // As RocksDB is built for users, whatever the Rust profile is.
        .opt_level(3)
        .debug(false)
        .warnings(false)
        .flag("-fno-rtti")
        .include(&rocksdb)
        .include(rocksdb.join("include"))
        .file(SHIM)
        .files(FILES.map(|file| rocksdb.join(file)));
    for name in DEFINES {
        build.define(name, None);
    }
    if let Err(error) = build.try_compile("verimem_isl") {
        fail(&format!(
            "RocksDB's InlineSkipList was not compiled; it needs a C++20 compiler (Debian: `apt-get \
             install g++`)\n{error}"
        ));
    }
}
