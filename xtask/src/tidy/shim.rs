//! The `sync` module is the only door to threads, time, randomness and
//! atomics: what a checker must control, it has to see.

use super::Violation;
use crate::source::{PathUse, SourceFile, paths};

const RULE: &str = "shim";

/// Paths that only `src/sync` may name.
const CLOSED: [&[&str]; 9] = [
    &["std", "sync"],
    &["core", "sync"],
    &["alloc", "sync"],
    &["std", "thread"],
    &["std", "time"],
    &["crossbeam_utils", "Backoff"],
    &["crossbeam_utils", "atomic"],
    &["crossbeam_utils", "sync"],
    &["crossbeam_utils", "thread"],
];

/// Crates that only `src/sync` may name.
const CLOSED_CRATES: [&str; 4] = ["loom", "shuttle", "rand", "getrandom"];

/// Crates whose root must not be imported under another name or by `*`: what
/// is reached through it afterwards could not be seen.
const ROOTS: [&str; 4] = ["std", "core", "alloc", "crossbeam_utils"];

const ATOMIC_ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

pub fn check(source: &SourceFile) -> Vec<Violation> {
    if !source.path.starts_with("src/") || source.path.starts_with("src/sync/") {
        return Vec::new();
    }
    let mut found: Vec<Violation> = paths(&source.tokens)
        .iter()
        .filter_map(|path| {
            let message = judge(path)?;
            Some(Violation::new(&source.path, path.line, RULE, message))
        })
        .collect();
    found.extend(tokens(source));
    found
}

/// Every atomic ordering that is named outside `src/sync` and outside test
/// code, as `(line, path)`: there, an ordering comes from `ord!` only.
pub fn raw_orderings(source: &SourceFile) -> Vec<(usize, String)> {
    if !source.path.starts_with("src/") || source.path.starts_with("src/sync/") {
        return Vec::new();
    }
    paths(&source.tokens)
        .iter()
        .filter(|p| !p.in_test && is_raw_ordering(p))
        .map(|p| (p.line, p.text()))
        .collect()
}

fn is_raw_ordering(path: &PathUse) -> bool {
    let last = path.segments.last().map_or("", String::as_str);
    path.segments.len() > 1 && ATOMIC_ORDERINGS.contains(&last)
}

fn judge(path: &PathUse) -> Option<String> {
    let exempt = path.in_test
        && [["std", "sync"], ["std", "thread"]]
            .iter()
            .any(|p| path.starts_with(p));
    if exempt || (path.in_test && is_raw_ordering(path)) {
        return None;
    }
    if is_raw_ordering(path) {
        return Some(format!(
            "`{}`: outside src/sync an ordering is named with ord!",
            path.text()
        ));
    }
    let first = path.segments.first().map_or("", String::as_str);
    let root_import = path.imported
        && ROOTS.contains(&first)
        && (path.segments.len() == 1 || path.segments.get(1).is_some_and(|s| s == "*"));
    if root_import {
        return Some(format!(
            "`{}` hides what is used from it: name it in full",
            path.text()
        ));
    }
    let closed =
        CLOSED_CRATES.contains(&first) || CLOSED.iter().any(|prefix| path.starts_with(prefix));
    closed.then(|| format!("`{}`: only src/sync may name it", path.text()))
}

/// What is not a path: `thread_local!`, `extern crate loom`, a bare `SeqCst`.
fn tokens(source: &SourceFile) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        let after = |n: usize| source.tokens.get(index + n);
        let next_is = |text: &str| after(1).is_some_and(|t| t.is(text));
        let message = if token.is("thread_local") && next_is("!") {
            "`thread_local!`: only src/sync may use it".to_owned()
        } else if token.is("extern") && next_is("crate") {
            let name = after(2).map_or("", |t| t.text.as_str());
            if !CLOSED_CRATES.contains(&name) && !ROOTS.contains(&name) {
                continue;
            }
            format!("`extern crate {name}`: only src/sync may name it")
        } else if token.is("SeqCst") && !token.in_test {
            "`SeqCst`: name the pair that is ordered, and order it with acquire and release".into()
        } else {
            continue;
        };
        found.push(Violation::new(&source.path, token.line, RULE, message));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&SourceFile::parse(path, text).unwrap()).len()
    }

    #[test]
    fn every_closed_name_is_caught_however_it_is_written() {
        for text in [
            "use std::sync::Arc;",
            "use std::{fmt, sync::Arc};",
            "use std::{fmt::{self, Debug}, thread};",
            "fn f(x: std::sync::Arc<u8>) {}",
            "fn f() { ::std::thread::yield_now() }",
            "use core::sync::atomic::AtomicUsize;",
            "use alloc::sync::Arc;",
            "use std::time::Instant;",
            "use std as s;",
            "use std::*;",
            "use loom::sync::Arc;",
            "#[cfg(loom)] use loom as l;",
            "fn f() { shuttle::rand::thread_rng(); }",
            "use rand::Rng;",
            "fn f() { getrandom::fill(b) }",
            "thread_local! { static X: u8 = 1; }",
            "extern crate loom;",
            "use crossbeam_utils::{CachePadded, Backoff};",
            "fn f() { crossbeam_utils::Backoff::new(); }",
            "fn f(x: Ordering) { Ordering::Relaxed; }",
            "use crate::sync::atomic::Ordering::Acquire;",
            "fn f() { ord!(X, SeqCst); }",
            "macro_rules! m { () => { std::sync::Arc::new(0) } }",
            "#[cfg(test)] mod tests { use std::time::Instant; }",
            "#[cfg(test)] mod tests { use loom::model; }",
        ] {
            assert_eq!(count("src/arena/mod.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn what_is_allowed_passes() {
        for text in [
            "// std::sync::Arc\nconst X: &str = \"std::thread\";",
            "use std::{fmt, cmp::Ordering};\nfn f() { Ordering::Less; }",
            "use crossbeam_utils::CachePadded;",
            "use crate::sync::{Arc, thread};",
            "#[cfg(loom)] fn f() {}\n#[cfg(not(any(loom, shuttle)))] fn g() {}",
            "#[cfg(test)] mod tests { use std::{sync::Arc, thread}; }",
            "#[cfg(test)] mod tests { fn f() { std::sync::atomic::Ordering::Relaxed; } }",
            "fn f(rand: u8) { let loom = rand; }",
            "fn f() { ord!(X, Acquire); }",
        ] {
            assert_eq!(count("src/arena/mod.rs", text), 0, "{text}");
        }
        assert_eq!(
            count("src/sync/std.rs", "use std::sync::Arc; use loom::x;"),
            0
        );
        assert_eq!(count("tools/src/main.rs", "use std::thread;"), 0);
    }

    #[test]
    fn raw_orderings_are_listed_with_their_line() {
        let text = "fn f() {\n    a.load(Ordering::Acquire);\n}\n#[cfg(test)] mod t { fn g() { Ordering::Relaxed; } }";
        let source = SourceFile::parse("src/arena/mod.rs", text).unwrap();
        assert_eq!(
            raw_orderings(&source),
            [(2, "Ordering::Acquire".to_owned())]
        );
    }
}
