//! Where the source names an ordering.

use crate::source::{SourceFile, Token, TokenKind};
use crate::tidy::raw_orderings as raw_orderings_of;

/// One `ord!(NAME, Ordering)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub name: String,
    pub ordering: String,
    pub file: String,
    pub line: usize,
}

/// Every use in `src`, tests left out.
pub fn uses(sources: &[SourceFile]) -> Vec<Use> {
    sources
        .iter()
        .filter(|source| source.path.starts_with("src/"))
        .flat_map(|source| {
            let found = source.tokens.windows(7).filter_map(one_use);
            found.map(|(name, ordering)| Use {
                name: name.text.clone(),
                ordering: ordering.text.clone(),
                file: source.path.clone(),
                line: name.line,
            })
        })
        .collect()
}

/// `ord ! ( NAME , Ordering )`; a comma may follow the ordering. A macro's
/// own definition has `$name` there, and does not match.
fn one_use(w: &[Token]) -> Option<(&Token, &Token)> {
    let shape = w[0].is("ord")
        && w[1].is("!")
        && w[2].kind == TokenKind::Open
        && w[3].is_ident()
        && w[4].is(",")
        && w[5].is_ident()
        && (w[6].kind == TokenKind::Close || w[6].is(","));
    (shape && !w[0].in_test).then(|| (&w[3], &w[5]))
}

/// Complaints about orderings that bypass the ledger.
pub fn raw_orderings(sources: &[SourceFile]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (line, path) in raw_orderings_of(source) {
            found.push(format!(
                "{}:{line}: `{path}` has no row in the ledger: use ord!",
                source.path
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(path: &str, text: &str) -> Vec<(String, String, usize)> {
        let source = SourceFile::parse(path, text).unwrap();
        uses(&[source])
            .into_iter()
            .map(|u| (u.name, u.ordering, u.line))
            .collect()
    }

    #[test]
    fn uses_are_found_with_their_line() {
        let text = "fn f() {\n a.load(ord!(NEXT_LOAD, Acquire));\n b.cas(\n  ord!(\n   CAS,\n   AcqRel,\n  ),\n  \
                    crate::ord![CAS_FAILED, Relaxed]);\n}";
        let expected = [
            ("NEXT_LOAD", "Acquire", 2),
            ("CAS", "AcqRel", 5),
            ("CAS_FAILED", "Relaxed", 8),
        ];
        let expected = expected.map(|(n, o, l)| (n.to_owned(), o.to_owned(), l));
        assert_eq!(scan("src/a.rs", text), expected);
    }

    #[test]
    fn comments_strings_tests_definitions_and_other_folders_are_no_use() {
        let text = "// ord!(A, Acquire)\nconst S: &str = \"ord!(B, Acquire)\";\n\
                    macro_rules! ord { ($n:ident, $o:ident) => { inner!(ord!($n, $o)) } }\n\
                    #[cfg(test)] mod tests { fn f() { ord!(C, Acquire); } }";
        assert!(scan("src/sync/mod.rs", text).is_empty());
        assert!(scan("tools/src/main.rs", "fn f() { ord!(A, Acquire); }").is_empty());
    }

    #[test]
    fn raw_orderings_are_reported() {
        let parse = |path| SourceFile::parse(path, "fn f() { x.load(Ordering::Acquire) }").unwrap();
        let found = raw_orderings(&[parse("src/arena/a.rs"), parse("src/sync/std.rs")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src/arena/a.rs:1:"), "{found:?}");
    }
}
