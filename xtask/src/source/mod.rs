//! Rust source as a flat list of tokens with their lines.
//!
//! Comments and string contents never become tokens, so a rule that reads
//! tokens cannot be fooled by either. Bodies of macros are tokens too, so a
//! rule reaches inside `macro_rules!` as well.

mod paths;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

pub use paths::{PathUse, paths};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Ident,
    /// One punctuation character, or the path separator `::`.
    Punct,
    Open,
    Close,
    Literal,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: TokenKind,
    pub text: String,
    pub line: usize,
    /// Inside an item that exists under `cfg(test)` only.
    pub in_test: bool,
    /// How many inline `mod name { .. }` surround it.
    pub modules: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.kind != TokenKind::Literal && self.text == text
    }

    pub fn is_ident(&self) -> bool {
        self.kind == TokenKind::Ident
    }
}

/// One Rust file, read and split.
#[derive(Debug)]
pub struct SourceFile {
    /// From the workspace root, with `/` between the parts.
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
}

impl SourceFile {
    pub fn parse(path: &str, text: &str) -> Result<Self, String> {
        let stream: TokenStream = text.parse().map_err(|e: proc_macro2::LexError| {
            format!(
                "{path}:{}: cannot be read as Rust: {e}",
                e.span().start().line
            )
        })?;
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        mark_tests(&mut tokens);
        mark_modules(&mut tokens);
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens,
        })
    }

    /// Treats the whole file as test code: its `mod` item says `cfg(test)`.
    pub fn mark_all_test(&mut self) {
        for token in &mut self.tokens {
            token.in_test = true;
        }
    }

    /// The names in `#[cfg(test)] mod name;`, whose files are test code.
    pub fn test_modules(&self) -> Vec<&str> {
        self.tokens
            .windows(3)
            .filter(|w| w[0].is("mod") && w[0].in_test && w[2].is(";"))
            .map(|w| w[1].text.as_str())
            .collect()
    }
}

/// The index of the token that closes the group opened at `open`.
pub fn close_of(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => {
                depth -= 1;
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut colon_pending = false;
    for tree in stream {
        let joined = std::mem::take(&mut colon_pending);
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                let first = group.span_open().start().line;
                let last = group.span_close().start().line;
                out.push(token(TokenKind::Open, open, first));
                flatten(group.stream(), out);
                out.push(token(TokenKind::Close, close, last));
            }
            TokenTree::Ident(ident) => {
                let line = ident.span().start().line;
                out.push(token(TokenKind::Ident, &ident.to_string(), line));
            }
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                out.push(token(TokenKind::Literal, &literal.to_string(), line));
            }
            TokenTree::Punct(punct) => {
                let line = punct.span().start().line;
                if joined && punct.as_char() == ':' {
                    if let Some(last) = out.last_mut() {
                        last.text.push(':');
                    }
                } else {
                    colon_pending = punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
                    out.push(token(TokenKind::Punct, &punct.as_char().to_string(), line));
                }
            }
        }
    }
}

fn token(kind: TokenKind, text: &str, line: usize) -> Token {
    Token {
        kind,
        text: text.to_owned(),
        line,
        in_test: false,
        modules: 0,
    }
}

fn mark_tests(tokens: &mut [Token]) {
    let mut index = 0;
    while index + 1 < tokens.len() {
        let inner = tokens[index].is("#") && tokens[index + 1].is("!");
        let bracket = index + 1 + usize::from(inner);
        let starts = tokens[index].is("#") && tokens.get(bracket).is_some_and(|t| t.is("["));
        if !starts {
            index += 1;
            continue;
        }
        let close = close_of(tokens, bracket);
        if is_test_only(&tokens[bracket + 1..close]) {
            let end = if inner {
                tokens.len() - 1
            } else {
                item_end(tokens, close + 1)
            };
            for token in &mut tokens[index..=end] {
                token.in_test = true;
            }
            index = end;
        }
        index += 1;
    }
}

/// Whether an attribute is a `cfg` that holds in test builds only.
fn is_test_only(attribute: &[Token]) -> bool {
    let is_cfg = attribute.len() > 2 && attribute[0].is("cfg") && attribute[1].is("(");
    is_cfg && implies_test(&attribute[2..attribute.len() - 1])
}

/// Whether a condition cannot hold outside test builds.
fn implies_test(condition: &[Token]) -> bool {
    let inner = || condition.get(2..condition.len() - 1).unwrap_or_default();
    match condition.first().map_or("", |t| t.text.as_str()) {
        "test" => condition.len() == 1,
        "all" => alternatives(inner()).into_iter().any(implies_test),
        "any" => alternatives(inner()).into_iter().all(implies_test),
        _ => false,
    }
}

/// A list of conditions, split at its own commas.
fn alternatives(list: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0usize;
    list.split(|token| {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth -= 1,
            _ => {}
        }
        depth == 0 && token.is(",")
    })
    .filter(|part| !part.is_empty())
    .collect()
}

/// The last token of the item that starts at `from`: its `;`, or the end of
/// its first braces, whichever comes first.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut index = from;
    while index < tokens.len() {
        if tokens[index].is(";") {
            return index;
        }
        if tokens[index].kind == TokenKind::Open {
            let close = close_of(tokens, index);
            if tokens[index].is("{") {
                // `use a::{b};` goes on to its semicolon.
                let semicolon = tokens.get(close + 1).is_some_and(|t| t.is(";"));
                return close + usize::from(semicolon);
            }
            index = close;
        }
        index += 1;
    }
    tokens.len() - 1
}

fn mark_modules(tokens: &mut [Token]) {
    let opens: Vec<usize> = (2..tokens.len())
        .filter(|&i| tokens[i].is("{") && tokens[i - 1].is_ident() && tokens[i - 2].is("mod"))
        .collect();
    for open in opens {
        let close = close_of(tokens, open);
        for token in &mut tokens[open..=close] {
            token.modules += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_are_marked_and_other_code_is_not() {
        let source = "use a::b;\n#[cfg(test)]\nmod tests { use c::d; }\n#[cfg(not(test))]\nuse e::f;\n\
                      #[cfg(any(test, loom))] use g::h;\n#[cfg(all(test, unix))]\n#[x] use i::j;";
        let file = SourceFile::parse("x.rs", source).unwrap();
        let marks: Vec<_> = paths(&file.tokens)
            .iter()
            .map(|p| (p.text(), p.in_test))
            .collect();
        let expected = [
            ("a::b", false),
            ("c::d", true),
            ("e::f", false),
            ("g::h", false),
            ("i::j", true),
        ];
        assert_eq!(marks, expected.map(|(p, t)| (p.to_owned(), t)));
    }

    #[test]
    fn a_test_module_in_its_own_file_is_named() {
        let file = SourceFile::parse("x.rs", "mod a;\n#[cfg(test)]\nmod checks;\nmod b;").unwrap();
        assert_eq!(file.test_modules(), ["checks"]);
    }

    #[test]
    fn lines_and_module_depth_are_kept() {
        let file = SourceFile::parse("x.rs", "\nmod a {\n  mod b { use super::c; }\n}\n").unwrap();
        let found = paths(&file.tokens);
        assert_eq!((found[0].line, found[0].modules), (3, 2));
    }

    #[test]
    fn broken_source_names_the_file() {
        let error = SourceFile::parse("src/x.rs", "fn f( {").unwrap_err();
        assert!(error.starts_with("src/x.rs:"), "{error}");
    }

    #[test]
    fn a_condition_is_test_only_when_it_cannot_hold_elsewhere() {
        let test_only = |condition: &str| {
            let text = format!("#[cfg({condition})] mod m {{}}");
            SourceFile::parse("x.rs", &text).unwrap().tokens[0].in_test
        };
        for condition in [
            "test",
            "all(test, not(any(loom, shuttle)))",
            "any(test, all(unix, test),)",
        ] {
            assert!(test_only(condition), "{condition}");
        }
        for condition in [
            "not(test)",
            "any(test, unix)",
            "all(unix, not(test))",
            "feature = \"test\"",
        ] {
            assert!(!test_only(condition), "{condition}");
        }
    }
}
