//! Floors: a module names only modules on its own floor or below, and no
//! two modules name one another, directly or round a corner.

use std::collections::{BTreeMap, BTreeSet};

use super::{Tree, Violation};
use crate::source::{PathUse, SourceFile, paths};

const RULE: &str = "floors";

/// The table of floors. A new module at the top of `src` gets a row here.
const FLOORS: [(&str, u8); 23] = [
    ("sync", 0),
    ("codec", 1),
    ("error", 1),
    ("timed_value", 2),
    ("arena", 2),
    ("bloom", 3),
    ("key", 3),
    ("entry", 4),
    ("lookup", 4),
    ("visibility", 4),
    ("sequence_time", 4),
    ("sequencer", 5),
    ("skiplist", 5),
    ("blocked", 5),
    ("tombstones", 5),
    ("merge", 5),
    ("rep", 6),
    ("memtable", 8),
    ("list", 9),
    ("write_buffer", 9),
    ("batch", 9),
    ("advisor", 9),
    ("lib", u8::MAX),
];

/// Names at the crate root that stand for something inside a module: the
/// macro is defined in `sync`, and the ledger's file is there.
const ROOT_NAMES: [(&str, &str); 2] = [("ord", "sync"), ("ledger", "sync")];

struct Edge {
    from: String,
    to: String,
    file: String,
    line: usize,
}

pub fn check(tree: &Tree) -> Vec<Violation> {
    check_sources(&tree.sources)
}

fn check_sources(sources: &[SourceFile]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut edges = Vec::new();
    for source in sources {
        let Some(module) = module_path(&source.path) else {
            continue;
        };
        let Some(top) = module.first() else { continue }; // lib.rs wires everything
        if floor(top).is_none() {
            let message = format!("module `{top}` has no floor: add it to the table");
            found.push(Violation::new(&source.path, 1, RULE, message));
            continue;
        }
        for path in paths(&source.tokens) {
            match target(&module, &path) {
                Target::Elsewhere => {}
                Target::Unknown(name) => {
                    let message = format!(
                        "`{}` goes through the crate root: name the module that defines `{name}`",
                        path.text()
                    );
                    found.push(Violation::new(&source.path, path.line, RULE, message));
                }
                Target::Module(to) if to == *top => {}
                Target::Module(to) => edges.push(Edge {
                    from: top.clone(),
                    to,
                    file: source.path.clone(),
                    line: path.line,
                }),
            }
        }
    }
    found.extend(upward(&edges));
    found.extend(cycles(&edges));
    found
}

/// `["arena", "block"]` for `src/arena/block.rs`; empty for the crate root;
/// `None` outside `src`.
fn module_path(file: &str) -> Option<Vec<String>> {
    let inside = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut parts: Vec<String> = inside.split('/').map(ToOwned::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    Some(parts)
}

fn floor(module: &str) -> Option<u8> {
    let row = FLOORS.iter().find(|(name, _)| *name == module)?;
    Some(row.1)
}

enum Target {
    /// Another crate, or a name that is local.
    Elsewhere,
    Module(String),
    Unknown(String),
}

/// Where a path leads, seen from a file of `module`.
fn target(module: &[String], path: &PathUse) -> Target {
    let first = path.segments.first().map_or("", String::as_str);
    let name = match first {
        "crate" => path.segments.get(1),
        "super" => {
            let ups = path.segments.iter().take_while(|s| *s == "super").count();
            if ups < module.len() + path.modules {
                return Target::Elsewhere; // still inside this module
            }
            path.segments.get(ups)
        }
        _ => return Target::Elsewhere,
    };
    let Some(name) = name else {
        return Target::Elsewhere;
    };
    if let Some((_, home)) = ROOT_NAMES.iter().find(|(n, _)| n == name) {
        return Target::Module((*home).to_owned());
    }
    if floor(name).is_some() {
        Target::Module(name.clone())
    } else {
        Target::Unknown(name.clone())
    }
}

fn upward(edges: &[Edge]) -> Vec<Violation> {
    edges
        .iter()
        .filter(|e| floor(&e.to) > floor(&e.from))
        .map(|e| {
            let (from, to) = (floor(&e.from).unwrap_or(0), floor(&e.to).unwrap_or(0));
            let message = format!(
                "`{}` (floor {from}) imports `{}` (floor {to}): imports point down only",
                e.from, e.to
            );
            Violation::new(&e.file, e.line, RULE, message)
        })
        .collect()
}

/// Two modules of one floor may share code one way, never both ways.
fn cycles(edges: &[Edge]) -> Vec<Violation> {
    let mut level: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for e in edges.iter().filter(|e| floor(&e.to) == floor(&e.from)) {
        level.entry(&e.from).or_default().insert(&e.to);
    }
    let reaches = |from: &str, goal: &str| {
        let mut seen = BTreeSet::from([from]);
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            for &next in level.get(at).into_iter().flatten() {
                if next == goal {
                    return true;
                }
                if seen.insert(next) {
                    todo.push(next);
                }
            }
        }
        false
    };
    edges
        .iter()
        .filter(|e| floor(&e.to) == floor(&e.from) && reaches(&e.to, &e.from))
        .map(|e| {
            let message = format!("`{}` and `{}` import one another", e.from, e.to);
            Violation::new(&e.file, e.line, RULE, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile::parse(path, text).unwrap())
            .collect();
        check_sources(&sources)
            .into_iter()
            .map(|v| v.message)
            .collect()
    }

    #[test]
    fn downward_imports_pass() {
        assert!(
            violations(&[
                (
                    "src/memtable/mod.rs",
                    "use crate::{arena::{A, B}, sync::Arc};\nuse crate::ord;"
                ),
                (
                    "src/skiplist/node.rs",
                    "use super::height::H;\nuse crate::key::Kind;"
                ),
                (
                    "src/bloom.rs",
                    "use super::sync::Arc;\n#[cfg(test)] mod tests { use super::*; }"
                ),
                ("src/lib.rs", "pub use crate::memtable::MemTable;"),
                ("tests/driver/src/lib.rs", "use crate::anything::X;"),
            ])
            .is_empty()
        );
    }

    #[test]
    fn upward_imports_fail_however_they_are_written() {
        for source in [
            "use crate::memtable::MemTable;",
            "use crate::{sync::Arc, memtable::{self}};",
            "fn f() { crate::memtable::g() }",
            "use super::super::memtable::X;",
            "mod inner { use super::super::super::memtable::X; }",
            "macro_rules! m { () => { $crate::memtable::X } }",
        ] {
            let found = violations(&[("src/arena/block.rs", source)]);
            assert_eq!(found.len(), 1, "{source}: {found:?}");
            assert!(found[0].contains("down only"), "{found:?}");
        }
    }

    #[test]
    fn comments_and_strings_are_not_imports() {
        let source =
            "//! [`crate::memtable`]\nconst X: &str = \"crate::memtable::X\"; // crate::list";
        assert!(violations(&[("src/arena/mod.rs", source)]).is_empty());
    }

    #[test]
    fn a_module_without_a_floor_is_an_error() {
        let found = violations(&[("src/telemetry.rs", "")]);
        assert!(found[0].contains("no floor"), "{found:?}");
    }

    #[test]
    fn a_name_taken_from_the_crate_root_is_an_error() {
        let found = violations(&[("src/arena/mod.rs", "use crate::Error;")]);
        assert!(found[0].contains("crate root"), "{found:?}");
    }

    #[test]
    fn one_floor_may_import_one_way_only() {
        let one_way = [
            ("src/codec/mod.rs", "use crate::error::Error;"),
            ("src/error.rs", ""),
        ];
        assert!(violations(&one_way).is_empty());
        let round = [
            ("src/list/mod.rs", "use crate::advisor::A;"),
            ("src/advisor.rs", "use crate::batch::B;"),
            ("src/batch/mod.rs", "use crate::list::C;"),
        ];
        assert_eq!(violations(&round).len(), 3);
    }
}
