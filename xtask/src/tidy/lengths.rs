//! Files and functions short enough to read in one go.

use super::Violation;
use crate::source::{SourceFile, Token, close_of};

const RULE: &str = "length";
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 80;

pub fn check(source: &SourceFile) -> Vec<Violation> {
    let mut found = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines, at most {FILE_LINES_MAX}: split the file");
        found.push(Violation::new(&source.path, lines, RULE, message));
    }
    for function in functions(&source.tokens) {
        let length = function.last - function.first + 1;
        if length > FUNCTION_LINES_MAX {
            let message = format!(
                "`fn {}` has {length} lines, at most {FUNCTION_LINES_MAX}: split it",
                function.name
            );
            found.push(Violation::new(&source.path, function.first, RULE, message));
        }
    }
    found
}

struct Function<'a> {
    name: &'a str,
    first: usize,
    last: usize,
}

/// Every function with a body, from its `fn` to its closing brace.
fn functions(tokens: &[Token]) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        // Without a name it is a function pointer's type.
        if !pair[0].is("fn") || !pair[1].is_ident() {
            continue;
        }
        if let Some(last) = body_end(tokens, index) {
            found.push(Function {
                name: &pair[1].text,
                first: pair[0].line,
                last,
            });
        }
    }
    found
}

fn body_end(tokens: &[Token], from: usize) -> Option<usize> {
    let mut index = from;
    while let Some(token) = tokens.get(index) {
        if token.is(";") {
            return None; // declared only
        }
        if token.is("{") {
            return Some(tokens[close_of(tokens, index)].line);
        }
        let group = token.is("(") || token.is("[");
        index = if group {
            close_of(tokens, index) + 1
        } else {
            index + 1
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let source = SourceFile::parse("src/x.rs", text).unwrap();
        check(&source).into_iter().map(|v| v.message).collect()
    }

    #[test]
    fn file_length_is_limited() {
        assert!(messages(&"\n".repeat(500)).is_empty());
        assert_eq!(messages(&"\n".repeat(501)).len(), 1);
    }

    #[test]
    fn function_length_is_limited_also_inside_impls_and_macros() {
        let body = |lines: usize| "\n".repeat(lines);
        assert!(messages(&format!("fn f(a: [u8; 3]) -> u8\n{{{}}}", body(78))).is_empty());
        let found = messages(&format!("impl X {{ fn long(&self) {{{}}} }}", body(80)));
        assert!(found[0].contains("`fn long` has 81 lines"), "{found:?}");
        let text = format!("macro_rules! m {{ () => {{ fn g() {{{}}} }} }}", body(80));
        assert_eq!(messages(&text).len(), 1);
    }

    #[test]
    fn declarations_and_function_types_have_no_length() {
        let gap = "\n".repeat(100);
        assert!(messages(&format!("trait T {{ fn f(&self); {gap} }}")).is_empty());
        assert!(
            messages(&format!(
                "type F = fn(u8) -> u8; {gap} struct S {{ f: fn() }}"
            ))
            .is_empty()
        );
    }

    #[test]
    fn braces_in_strings_and_comments_do_not_end_a_function() {
        let text = format!("fn f() {{ // }}\n let _ = \"}}\";{}\n}}", "\n".repeat(90));
        assert_eq!(messages(&text).len(), 1);
    }
}
