//! `cargo xtask tidy`: the house rules, enforced by reading the source.

mod files;
mod floors;
mod independence;
mod lengths;
mod links;
mod safety;
mod shim;
mod words;

pub use files::Tree;
pub use shim::raw_orderings;

use crate::workspace::Workspace;

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub file: String,
    pub line: usize,
    pub rule: &'static str,
    pub message: String,
}

impl Violation {
    fn new(file: &str, line: usize, rule: &'static str, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line,
            rule,
            message,
        }
    }
}

/// Checks the whole tree and prints what is wrong with it.
pub fn run(workspace: &Workspace) -> Result<(), String> {
    let tree = Tree::load(workspace.root())?;
    let violations = check(&tree);
    for v in &violations {
        println!("{}:{}: {}: {}", v.file, v.line, v.rule, v.message);
    }
    let checked = tree.texts.len();
    println!(
        "tidy: {checked} files checked ({} of Rust), {} violations",
        tree.sources.len(),
        violations.len()
    );
    verdict(checked, violations.len())
}

/// A run that read nothing has shown nothing.
fn verdict(checked: usize, violations: usize) -> Result<(), String> {
    match (checked, violations) {
        (0, _) => Err("tidy found no file to check".into()),
        (_, 0) => Ok(()),
        (_, 1) => Err("tidy found 1 violation of the house rules".into()),
        (_, n) => Err(format!("tidy found {n} violations of the house rules")),
    }
}

fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = tree.unreadable.clone();
    found.extend(floors::check(tree));
    for source in &tree.sources {
        found.extend(shim::check(source));
        found.extend(lengths::check(source));
        found.extend(safety::check(source));
    }
    found.extend(independence::check(tree));
    for text in &tree.texts {
        found.extend(words::check(text));
        found.extend(links::check(text, &tree.root));
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let dir = format!("verimem-tidy-{}-{name}", std::process::id());
            let root = std::env::temp_dir().join(dir);
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn rules(scratch: &Scratch) -> Vec<&'static str> {
        let tree = Tree::load(&scratch.0).unwrap();
        check(&tree).iter().map(|v| v.rule).collect()
    }

    #[test]
    fn a_clean_tree_has_no_violations() {
        let scratch = Scratch::new(
            "clean",
            &[
                ("src/lib.rs", "pub mod arena;\npub mod sync;\n"),
                ("src/arena/mod.rs", "use crate::sync::Arc;\n"),
                ("src/sync/mod.rs", "pub use std::sync::Arc;\n"),
                ("README.md", "[arena](src/arena/mod.rs)\n"),
            ],
        );
        assert!(rules(&scratch).is_empty());
        assert!(run(&Workspace::at(&scratch.0)).is_ok());
    }

    #[test]
    fn each_planted_violation_is_found_in_a_tree() {
        let marker = concat!("// TO", "DO: later\n");
        let long = "\n".repeat(501);
        let scratch = Scratch::new(
            "planted",
            &[
                ("src/sync/mod.rs", "use crate::memtable::X;\n"),
                ("src/arena/mod.rs", "use std::thread;\n"),
                ("src/key/mod.rs", marker),
                ("src/entry/mod.rs", &long),
                ("src/codec/mod.rs", "fn f() {\n    unsafe { g() }\n}\n"),
                ("src/error.rs", "fn f( {"),
                (
                    "model/Cargo.toml",
                    "[dependencies]\nverimem = { path = \"..\" }\n",
                ),
                ("docs/a.md", "[gone](missing.md)\n"),
            ],
        );
        let mut found = rules(&scratch);
        found.sort_unstable();
        let expected = [
            "floors",
            "independence",
            "length",
            "link",
            "parse",
            "safety",
            "shim",
            "words",
        ];
        assert_eq!(found, expected);
        assert!(run(&Workspace::at(&scratch.0)).is_err());
    }

    #[test]
    fn an_empty_tree_is_a_failure() {
        let scratch = Scratch::new("empty", &[]);
        fs::create_dir_all(&scratch.0).unwrap();
        assert!(
            run(&Workspace::at(&scratch.0))
                .unwrap_err()
                .contains("no file")
        );
        assert!(verdict(0, 0).is_err() && verdict(1, 0).is_ok());
    }
}
