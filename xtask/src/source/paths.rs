//! The paths of a file: imports, with their groups multiplied out, and the
//! paths in expressions and types.

use super::{Token, TokenKind, close_of};

/// One path as written: `a::b::c`, from an expression, a type or a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathUse {
    /// `*` is a segment of its own; `self` at the end of a `use` is dropped.
    pub segments: Vec<String>,
    pub line: usize,
    pub in_test: bool,
    pub modules: usize,
    /// From a `use` item, with its groups multiplied out.
    pub imported: bool,
}

impl PathUse {
    pub fn text(&self) -> String {
        self.segments.join("::")
    }

    /// Whether the path begins with these segments.
    pub fn starts_with(&self, prefix: &[&str]) -> bool {
        self.segments.len() >= prefix.len() && self.segments.iter().zip(prefix).all(|(a, b)| a == b)
    }
}

/// Every path of a file, in order.
pub fn paths(tokens: &[Token]) -> Vec<PathUse> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let token = &tokens[index];
        let next = tokens.get(index + 1);
        // `impl Trait + use<'a>` captures lifetimes, it imports nothing.
        if token.is("use") && !next.is_some_and(|t| t.is("<")) {
            index = use_tree(tokens, index + 1, &[], &mut found);
        } else if token.is_ident() && starts_path(tokens, index) {
            index = plain_path(tokens, index, &mut found);
        } else {
            index += 1;
        }
    }
    found
}

fn starts_path(tokens: &[Token], index: usize) -> bool {
    let before = |n: usize| index.checked_sub(n).map(|i| &tokens[i]);
    match before(1) {
        Some(t) if t.is(".") => false,
        // `::std` is global; `Vec::<T>::new` goes on from its turbofish.
        Some(t) if t.is("::") => !before(2).is_some_and(|t| t.is(">")),
        _ => true,
    }
}

fn plain_path(tokens: &[Token], start: usize, found: &mut Vec<PathUse>) -> usize {
    let mut segments = vec![tokens[start].text.clone()];
    let mut index = start + 1;
    while index + 1 < tokens.len() && tokens[index].is("::") && tokens[index + 1].is_ident() {
        segments.push(tokens[index + 1].text.clone());
        index += 2;
    }
    if segments.len() > 1 {
        found.push(path_use(segments, &tokens[start], false));
    }
    index
}

/// Reads one `use` tree; returns the index after it.
fn use_tree(tokens: &[Token], start: usize, prefix: &[String], found: &mut Vec<PathUse>) -> usize {
    let mut segments = prefix.to_vec();
    let mut index = start;
    let mut leaf = None;
    while let Some(token) = tokens.get(index) {
        if token.is("{") {
            let close = close_of(tokens, index);
            index += 1;
            while index < close {
                index = use_tree(tokens, index, &segments, found);
            }
            index = close + 1;
            leaf = None;
            continue;
        }
        index += 1;
        if token.is(";") || token.is(",") {
            break;
        } else if token.kind == TokenKind::Close {
            index -= 1;
            break;
        } else if token.is("as") {
            index += 1; // the new name
        } else if token.is_ident() || token.is("*") {
            if !token.is("self") || segments.is_empty() {
                segments.push(token.text.clone());
            }
            leaf = Some(token);
        }
    }
    if let Some(token) = leaf {
        found.push(path_use(segments, token, true));
    }
    index.max(start + 1)
}

fn path_use(segments: Vec<String>, at: &Token, imported: bool) -> PathUse {
    PathUse {
        segments,
        line: at.line,
        in_test: at.in_test,
        modules: at.modules,
        imported,
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceFile;
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        let file = SourceFile::parse("x.rs", source).unwrap();
        paths(&file.tokens).iter().map(PathUse::text).collect()
    }

    #[test]
    fn use_trees_are_multiplied_out() {
        let found = texts("use std::{sync::{Arc, atomic::*}, thread as t, fmt::{self}};\nuse a;");
        assert_eq!(
            found,
            [
                "std::sync::Arc",
                "std::sync::atomic::*",
                "std::thread",
                "std::fmt",
                "a"
            ]
        );
    }

    #[test]
    fn inline_and_global_paths_are_found_and_methods_are_not() {
        let found = texts("fn f() { ::std::sync::Arc::new(1); x.loom.y(); Vec::<u8>::new(); }");
        assert_eq!(found, ["std::sync::Arc::new"]);
    }

    #[test]
    fn comments_and_strings_hold_no_paths() {
        assert!(
            texts("// std::sync::Arc\n/* a::b */ const X: &str = \"std::thread::x\";").is_empty()
        );
        assert!(texts("/// see [`std::sync::Arc`]\nstruct X;").is_empty());
    }

    #[test]
    fn a_captured_lifetime_is_not_an_import() {
        assert!(texts("fn f<'a>() -> impl Sized + use<'a> {}").is_empty());
    }
}
