//! The reference model stands alone: a model that shares code with what it
//! models would share its mistakes.

use super::{Tree, Violation};
use crate::source::{SourceFile, paths};

const RULE: &str = "independence";
const MANIFEST: &str = "model/Cargo.toml";

pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some(manifest) = tree.texts.iter().find(|t| t.path == MANIFEST) {
        for line in manifest_lines(&manifest.text) {
            let message = "the model must not depend on verimem".to_owned();
            found.push(Violation::new(MANIFEST, line, RULE, message));
        }
    }
    found.extend(tree.sources.iter().flat_map(check_source));
    found
}

fn check_source(source: &SourceFile) -> Vec<Violation> {
    if !source.path.starts_with("model/") {
        return Vec::new();
    }
    paths(&source.tokens)
        .iter()
        .filter(|path| path.segments[0] == "verimem")
        .map(|path| {
            let message = format!("`{}`: the model must not use verimem", path.text());
            Violation::new(&source.path, path.line, RULE, message)
        })
        .collect()
}

/// The lines that name verimem as a dependency, under any section's heading.
fn manifest_lines(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            in_dependencies = section.ends_with("dependencies");
            if section.ends_with("dependencies.verimem") {
                found.push(index + 1);
            }
        } else if in_dependencies || line.contains("package") {
            let key = line.split(['=', '.', ' ']).next().unwrap_or_default();
            let renamed = line.replace(' ', "").contains("package=\"verimem\"");
            if (in_dependencies && key.trim_matches('"') == "verimem") || renamed {
                found.push(index + 1);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_on_verimem_is_found_in_every_spelling() {
        for text in [
            "[dependencies]\nverimem.workspace = true",
            "[dev-dependencies]\nverimem = { path = \"..\" }",
            "[target.'cfg(unix)'.dependencies]\nverimem={ path = \"..\" }",
            "[dependencies.verimem]\npath = \"..\"",
            "[dependencies]\nx = { package = \"verimem\", path = \"..\" }",
        ] {
            assert_eq!(manifest_lines(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn its_own_name_is_no_dependency() {
        let text = "[package]\nname = \"verimem-model\"\n# verimem = 1\n[dependencies]\nverimem-other = \"1\"";
        assert!(manifest_lines(text).is_empty());
    }

    #[test]
    fn a_use_of_verimem_is_found() {
        let parse = |path| SourceFile::parse(path, "use verimem::MemTable;").unwrap();
        assert_eq!(check_source(&parse("model/src/lib.rs")).len(), 1);
        assert!(check_source(&parse("tools/src/main.rs")).is_empty());
    }
}
