//! Which files belong to the tree, and their contents.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Violation;
use crate::source::SourceFile;

/// The folders whose Rust files are held to the rules.
const RUST_FOLDERS: [&str; 11] = [
    "src",
    "model",
    "loom-tests",
    "fuzz",
    "tests",
    "tools",
    "xtask",
    "bench",
    "oracle",
    "examples",
    "docs",
];

/// A text file, whatever it holds.
pub struct TextFile {
    pub path: String,
    pub text: String,
}

/// Everything that the rules read.
pub struct Tree {
    pub root: PathBuf,
    pub texts: Vec<TextFile>,
    pub sources: Vec<SourceFile>,
    /// Rust files that are not Rust.
    pub unreadable: Vec<Violation>,
}

impl Tree {
    pub fn load(root: &Path) -> Result<Self, String> {
        let mut tree = Self {
            root: root.to_path_buf(),
            texts: Vec::new(),
            sources: Vec::new(),
            unreadable: Vec::new(),
        };
        for path in list(root)? {
            // The kept corpus is input for the fuzzer, in any bytes at all.
            if path.starts_with("fuzz/corpus/") {
                continue;
            }
            let full = root.join(&path);
            let bytes = match fs::read(&full) {
                Ok(bytes) => bytes,
                // Deleted here, and not yet from the index.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(format!("cannot read {}: {e}", full.display())),
            };
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            if is_rust(&path) {
                match SourceFile::parse(&path, &text) {
                    Ok(source) => tree.sources.push(source),
                    Err(message) => tree
                        .unreadable
                        .push(Violation::new(&path, 1, "parse", message)),
                }
            }
            tree.texts.push(TextFile { path, text });
        }
        mark_test_files(&mut tree.sources);
        Ok(tree)
    }
}

fn is_rust(path: &str) -> bool {
    let folder = path.split('/').next().unwrap_or_default();
    path.ends_with(".rs") && RUST_FOLDERS.contains(&folder)
}

/// Files that only a `#[cfg(test)] mod name;` pulls in are test code.
fn mark_test_files(sources: &mut [SourceFile]) {
    let mut test_stems = HashSet::new();
    for source in sources.iter() {
        for name in source.test_modules() {
            test_stems.insert(format!("{}/{name}", module_folder(&source.path)));
        }
    }
    for source in sources.iter_mut() {
        let is_test = test_stems.iter().any(|stem| {
            source.path == format!("{stem}.rs") || source.path.starts_with(&format!("{stem}/"))
        });
        if is_test {
            source.mark_all_test();
        }
    }
}

/// The folder in which a file's own `mod name;` items look.
fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

/// The files git tracks or would track. Where git cannot say (an unpacked
/// package), every file outside build folders.
fn list(root: &Path) -> Result<Vec<String>, String> {
    let mut files = match list_with_git(root) {
        Some(files) => files,
        None => {
            let mut files = Vec::new();
            walk(root, "", &mut files)?;
            files
        }
    };
    files.sort();
    files.dedup();
    Ok(files)
}

fn list_with_git(root: &Path) -> Option<Vec<String>> {
    // A folder that is not a checkout itself may lie inside another one.
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        // The checkout may belong to another user, as in a container.
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(["--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8_lossy(&output.stdout);
    let names = names.split('\0').filter(|name| !name.is_empty());
    Some(names.map(ToOwned::to_owned).collect())
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("cannot list {}: {e}", folder.display());
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            if name != "target" && name != ".git" {
                walk(&entry.path(), &format!("{prefix}{name}/"), files)?;
            }
        } else if kind.is_file() {
            files.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_marked_through_their_parent() {
        let parse = |path, text| SourceFile::parse(path, text).unwrap();
        let mut sources = vec![
            parse("src/arena/mod.rs", "#[cfg(test)]\nmod tests;\nmod block;"),
            parse("src/arena/tests.rs", "use a::b;"),
            parse("src/arena/block.rs", "use a::b;"),
        ];
        mark_test_files(&mut sources);
        assert!(sources[1].tokens.iter().all(|t| t.in_test));
        assert!(sources[2].tokens.iter().all(|t| !t.in_test));
    }

    #[test]
    fn only_rust_in_the_listed_folders_is_source() {
        assert!(is_rust("src/a/b.rs") && is_rust("xtask/src/main.rs") && is_rust("fuzz/x.rs"));
        assert!(!is_rust("README.md") && !is_rust("vendor/x.rs"));
    }
}
