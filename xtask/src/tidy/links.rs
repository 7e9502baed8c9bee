//! Relative links in Markdown lead to files that exist.

use std::path::Path;

use super::Violation;
use super::files::TextFile;

const RULE: &str = "link";

pub fn check(file: &TextFile, root: &Path) -> Vec<Violation> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    links(&file.text)
        .into_iter()
        .filter(|(_, target)| !resolves(root, &file.path, target))
        .map(|(line, target)| {
            Violation::new(&file.path, line, RULE, format!("`{target}` does not exist"))
        })
        .collect()
}

/// Every link target with its line, outside code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|m| start.starts_with(m));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                let targets = inline_targets(&without_code(line));
                found.extend(targets.into_iter().map(|t| (index + 1, t)));
                found.extend(definition(start).map(|t| (index + 1, t)));
            }
        }
    }
    found
}

/// The line with what stands between backticks blanked out.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

/// The targets of `[text](target)` and `![text](target "title")`.
fn inline_targets(line: &str) -> Vec<String> {
    line.match_indices("](")
        .filter_map(|(at, mark)| {
            let rest = &line[at + mark.len()..];
            let end = closing(rest)?;
            let target = rest[..end].split_whitespace().next()?;
            Some(target.trim_matches(['<', '>']).to_owned())
        })
        .collect()
}

/// The parenthesis that ends a target; targets may hold pairs of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The target of a definition, `[name]: target`.
fn definition(line: &str) -> Option<String> {
    let (name, target) = line.strip_prefix('[')?.split_once("]:")?;
    let usable = !name.contains(']') && !name.starts_with('^');
    usable.then(|| {
        target
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    })
}

fn resolves(root: &Path, file: &str, target: &str) -> bool {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    // Another site (`https:`, `mailto:`), an item of rustdoc (`a::b`), or a
    // heading of this same file.
    if path.is_empty() || path.contains(':') {
        return true;
    }
    let path = path.replace("%20", " ");
    match path.strip_prefix('/') {
        Some(from_root) => root.join(from_root).exists(),
        None => {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            root.join(folder).join(path).exists()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(text: &str) -> Vec<String> {
        links(text).into_iter().map(|(_, t)| t).collect()
    }

    #[test]
    fn links_are_found_in_text() {
        let text = "See [a](x.md) and ![b](y.png \"title\"), [c](z(1).md#part).\n\n[ref]: w.md 'W'";
        assert_eq!(targets(text), ["x.md", "y.png", "z(1).md#part", "w.md"]);
    }

    #[test]
    fn code_holds_no_links() {
        assert!(targets("`[a](x.md)`\n```text\n[b](y.md)\n```\n~~~\n[c]: z.md\n~~~").is_empty());
        assert_eq!(targets("```\n```\n[d](after.md)"), ["after.md"]);
    }

    #[test]
    fn only_what_exists_resolves() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for target in [
            "main.rs",
            "./tidy/",
            "../Cargo.toml#dependencies",
            "/src/main.rs",
            "#here",
        ] {
            assert!(resolves(root, "src/README.md", target), "{target}");
        }
        for target in ["https://example.org/x", "mailto:a@example.org", "crate::x"] {
            assert!(resolves(root, "src/README.md", target), "{target}");
        }
        for target in ["none.rs", "../none.md#part", "/main.rs"] {
            assert!(!resolves(root, "src/README.md", target), "{target}");
        }
    }

    #[test]
    fn broken_links_carry_their_line_and_other_files_are_left_alone() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = |path: &str| TextFile {
            path: path.into(),
            text: "ok\n[a](none.md)".into(),
        };
        assert_eq!(check(&file("a.md"), root)[0].line, 2);
        assert!(check(&file("a.txt"), root).is_empty());
    }
}
