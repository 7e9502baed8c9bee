//! How a few files of RocksDB are compiled, for the build scripts of `bench` and `oracle`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "librocksdb-sys";

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

fn find(file: &str) -> Result<PathBuf, String> {
    let metadata = metadata(&["--offline"]).or_else(|_| metadata(&[]))?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.ok_or_else(|| format!("{PACKAGE} is not among the packages"))?;
    let folder = Path::new(manifest).with_file_name("rocksdb");
    if folder.join(file).is_file() {
        Ok(folder)
    } else {
        Err(format!("{} holds no sources", folder.display()))
    }
}

fn fail(what: &str) -> ! {
    eprintln!("{what}");
    std::process::exit(1);
}

/// The folder with RocksDB's sources, `file` among them, for the workspace of a manifest.
pub fn sources(file: &str, manifest: &str) -> PathBuf {
    find(file).unwrap_or_else(|error| {
        fail(&format!(
            "the sources of RocksDB inside {PACKAGE} were not found; \
             run `cargo fetch --manifest-path {manifest}`\n{error}"
        ))
    })
}

/// A build with RocksDB's settings, for Linux.
pub fn build(sources: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++20")
        .debug(false)
        .warnings(false)
        .flag("-fno-rtti")
        .include(sources)
        .include(sources.join("include"));
    for name in DEFINES {
        build.define(name, None);
    }
    build
}

/// Compiles a library.
pub fn compile(build: &cc::Build, name: &str) {
    if let Err(error) = build.try_compile(name) {
        fail(&format!(
            "RocksDB's files were not compiled; they need a C++20 compiler (Debian: `apt-get \
             install g++`)\n{error}"
        ));
    }
}
