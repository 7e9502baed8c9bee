//! Which files there are under a directory.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::Note;

/// A regular file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path relative to the root; its bytes are the key.
    pub relative: PathBuf,
    /// Length when the tree was walked; it may be another by the time it is read.
    pub length: u64,
}

impl File {
    /// The file's key in the table.
    pub fn key(&self) -> &[u8] {
        self.relative.as_os_str().as_encoded_bytes()
    }
}

/// What the walk found.
#[derive(Debug, Default)]
pub struct Tree {
    /// Regular files, in the order of the walk.
    pub files: Vec<File>,
    /// Symbolic links and special files: reported, not a failure.
    pub skipped: Vec<Note>,
    /// Directories and files that the walk could not read.
    pub unreadable: Vec<Note>,
}

/// Room for a node, its links and its length fields in the estimate of what a
/// tree needs; the estimate only has to tell a tree that cannot fit.
const EXPECTED_OVERHEAD: u64 = 64;

impl Tree {
    /// Walks `root` without following symbolic links (but for `root` itself).
    pub fn walk(root: &Path) -> Self {
        let mut tree = Self::default();
        for entry in WalkDir::new(root).min_depth(1) {
            match entry {
                Ok(entry) => tree.take(root, &entry),
                Err(error) => {
                    let path = relative(root, error.path().unwrap_or(root));
                    tree.unreadable.push(Note::new(&path, io_reason(&error)));
                }
            }
        }
        tree
    }

    fn take(&mut self, root: &Path, entry: &walkdir::DirEntry) {
        let kind = entry.file_type();
        let path = relative(root, entry.path());
        if kind.is_dir() {
            return;
        }
        if kind.is_file() {
            match entry.metadata() {
                Ok(metadata) => self.files.push(File {
                    relative: path,
                    length: metadata.len(),
                }),
                Err(error) => self.unreadable.push(Note::new(&path, io_reason(&error))),
            }
        } else {
            let reason = if kind.is_symlink() {
                "symbolic link"
            } else {
                "special file"
            };
            self.skipped.push(Note::new(&path, reason));
        }
    }

    /// Bytes in all files.
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.length))
    }

    /// About how much memory the files will take in tables, and in the buffers
    /// of so many threads: at worst they read the longest files together.
    pub fn expected_memory(&self, threads: usize) -> u64 {
        let entries = self.files.iter().map(|file| {
            let entry = file.length.saturating_add(file.key().len() as u64);
            entry.saturating_add(EXPECTED_OVERHEAD)
        });
        let mut lengths: Vec<u64> = self.files.iter().map(|file| file.length).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let buffers = lengths.into_iter().take(threads);
        entries.chain(buffers).fold(0, u64::saturating_add)
    }
}

fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_path_buf()
}

/// walkdir's own message repeats the path.
fn io_reason(error: &walkdir::Error) -> String {
    error
        .io_error()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn walk_finds_hidden_files_and_lists_links() {
        let root = std::env::temp_dir().join(format!("verimem-tree-{}", std::process::id()));
        fs::create_dir_all(root.join(".hidden/deep")).unwrap();
        fs::write(root.join(".hidden/deep/.file"), b"abc").unwrap();
        fs::write(root.join("empty"), b"").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("empty", root.join("link")).unwrap();

        let mut tree = Tree::walk(&root);
        fs::remove_dir_all(&root).unwrap();
        tree.files.sort_by(|a, b| a.key().cmp(b.key()));
        let keys: Vec<_> = tree.files.iter().map(File::key).collect();
        assert_eq!(keys, [&b".hidden/deep/.file"[..], b"empty"]);
        assert_eq!(tree.bytes(), 3);
        assert!(tree.expected_memory(2) >= 2 * tree.bytes());
        assert!(tree.unreadable.is_empty());
        #[cfg(unix)]
        assert_eq!(
            tree.skipped,
            [Note::new(Path::new("link"), "symbolic link")]
        );
    }
}
