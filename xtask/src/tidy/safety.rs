//! Every unsafe block and unsafe impl is preceded by its proof.
//!
//! clippy asks for the same of code it compiles; this rule also reads the
//! code of every other platform, checker and macro body.

use super::Violation;
use crate::source::{SourceFile, Token};

const RULE: &str = "safety";
const PROOF: &str = "SAFETY:";

pub fn check(source: &SourceFile) -> Vec<Violation> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (index, pair) in source.tokens.windows(2).enumerate() {
        if !pair[0].is("unsafe") {
            continue;
        }
        let what = match pair[1].text.as_str() {
            "{" => "unsafe block",
            "impl" => "unsafe impl",
            _ => continue,
        };
        let statement = statement_start(&source.tokens, index);
        if !has_proof(&lines, statement, pair[0].line) {
            let message = format!("{what} without a `// {PROOF}` comment before it");
            found.push(Violation::new(&source.path, pair[0].line, RULE, message));
        }
    }
    found
}

/// The line on which the statement or item holding this token begins.
fn statement_start(tokens: &[Token], index: usize) -> usize {
    let mut first = index;
    while first > 0 {
        let before = &tokens[first - 1];
        if before.is(";") || before.is("{") || before.is("}") {
            break;
        }
        first -= 1;
    }
    tokens[first].line
}

/// A proof stands between the start of the statement and the block, or in the
/// comment that ends right above either of them.
fn has_proof(lines: &[&str], statement: usize, block: usize) -> bool {
    let is_proof = |line: usize| {
        lines
            .get(line - 1)
            .is_some_and(|text| comment_has_proof(text))
    };
    (statement..=block).any(is_proof)
        || comment_above(lines, statement).any(is_proof)
        || comment_above(lines, block).any(is_proof)
}

/// The line numbers of the comments and attributes right above a line.
fn comment_above<'a>(lines: &'a [&str], line: usize) -> impl Iterator<Item = usize> + 'a {
    (1..line).rev().take_while(|&above| {
        let text = lines.get(above - 1).map_or("", |text| text.trim_start());
        text.starts_with("//") || text.starts_with("#[")
    })
}

fn comment_has_proof(text: &str) -> bool {
    text.find("//").is_some_and(|at| text[at..].contains(PROOF))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let source = SourceFile::parse("src/x.rs", text).unwrap();
        check(&source).iter().map(|v| v.line).collect()
    }

    #[test]
    fn a_proof_above_passes() {
        for text in [
            "fn f() {\n    // SAFETY: owned.\n    unsafe { g() }\n}",
            "fn f() {\n    // SAFETY: owned\n    // by us.\n    let x =\n        unsafe { g() };\n}",
            "fn f() {\n    let x =\n        // SAFETY: owned.\n        unsafe { g() };\n}",
            "// SAFETY: no interior.\n#[cfg(unix)]\nunsafe impl Send for X {}",
            "fn f() -> u8 {\n    g(1, // SAFETY: owned.\n        unsafe { h() })\n}",
            "unsafe fn f() {}\nunsafe extern \"C\" { fn g(); }\nunsafe trait T {}",
        ] {
            assert!(lines(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_missing_proof_fails() {
        assert_eq!(lines("fn f() {\n    unsafe { g() }\n}"), [2]);
        assert_eq!(lines("unsafe impl Send for X {}"), [1]);
        assert_eq!(
            lines("// SAFETY: far away.\n\nunsafe impl Send for X {}"),
            [3]
        );
        assert_eq!(
            lines("macro_rules! m { () => {\n    unsafe { g() }\n} }"),
            [2]
        );
    }

    #[test]
    fn one_proof_does_not_serve_two_blocks() {
        let text = "fn f() {\n    // SAFETY: owned.\n    unsafe { g() };\n    unsafe { h() };\n}";
        assert_eq!(lines(text), [4]);
    }

    #[test]
    fn a_string_is_no_proof_and_no_block() {
        let text = "fn f() {\n    let s = \"SAFETY: unsafe { }\";\n    unsafe { g(s) }\n}";
        assert_eq!(lines(text), [3]);
    }
}
