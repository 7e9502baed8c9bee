//! Where the workspace is, and where its builds go.

use std::env;
use std::path::{Path, PathBuf};

/// The checkout that the tasks work on.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that holds xtask: cargo names xtask's own folder when it
    /// runs it; a copied binary looks upwards from the current directory.
    pub fn find() -> Result<Self, String> {
        if let Some(manifest) = env::var_os("CARGO_MANIFEST_DIR")
            && let Some(root) = Path::new(&manifest).parent().filter(|p| is_root(p))
        {
            return Ok(Self::at(root));
        }
        let here = env::current_dir().map_err(|e| format!("no current directory: {e}"))?;
        here.ancestors()
            .find(|p| is_root(p))
            .map(Self::at)
            .ok_or_else(|| format!("{} is not inside the verimem workspace", here.display()))
    }

    /// The workspace rooted at `root`.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn join(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A target directory of its own: builds with different `--cfg` flags in
    /// one directory evict one another.
    pub fn target_dir(&self, purpose: &str) -> PathBuf {
        let base = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir));
        base.join(purpose)
    }
}

fn is_root(path: &Path) -> bool {
    path.join("xtask/Cargo.toml").is_file() && path.join("Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_this_checkout() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.join("xtask/src/workspace.rs").is_file());
    }

    #[test]
    fn target_directories_differ_by_purpose() {
        let workspace = Workspace::at(Path::new("somewhere"));
        assert_ne!(
            workspace.target_dir("loom"),
            workspace.target_dir("shuttle")
        );
        assert!(workspace.target_dir("loom").ends_with("loom"));
    }
}
