//! Words that must not reach the tree: marks of unfinished work, switched-off
//! tests, and claims that bounded checking cannot make.

use super::Violation;
use super::files::TextFile;

const RULE: &str = "words";

// Each is written in two parts, so that this file does not hold it.
const MARKS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
const CLAIMS: [&str; 2] = [
    concat!("formally ", "verified"),
    concat!("proven ", "correct"),
];
const CODE: [&str; 3] = [
    concat!("#[ig", "nore"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
];

pub fn check(file: &TextFile) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut previous = String::new();
    for (index, line) in file.text.lines().enumerate() {
        let lower = line.to_lowercase();
        // A claim may be broken over two lines of a paragraph.
        let joined = format!(
            "{} {}",
            previous.trim_end(),
            lower.trim_start_matches([' ', '/', '!', '*'])
        );
        for claim in CLAIMS {
            if lower.contains(claim) || (joined.contains(claim) && !previous.contains(claim)) {
                found.push(violation(file, index, claim));
            }
        }
        found.extend(
            MARKS
                .iter()
                .filter(|m| has_word(line, m))
                .map(|m| violation(file, index, m)),
        );
        found.extend(
            CODE.iter()
                .filter(|c| line.contains(*c))
                .map(|c| violation(file, index, c)),
        );
        previous = lower;
    }
    found
}

fn violation(file: &TextFile, index: usize, word: &str) -> Violation {
    Violation::new(
        &file.path,
        index + 1,
        RULE,
        format!("`{word}` must not be in the tree"),
    )
}

/// Whether `word` stands alone in the line, not inside a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        let file = TextFile {
            path: "a.md".into(),
            text: text.into(),
        };
        check(&file).len()
    }

    #[test]
    fn every_banned_word_is_found() {
        for word in MARKS.iter().chain(&CLAIMS).chain(&CODE) {
            assert_eq!(count(&format!("fine\nx {word} y")), 1, "{word}");
        }
    }

    #[test]
    fn claims_are_found_in_any_case_and_across_a_line_break() {
        assert_eq!(count(&CLAIMS[0].to_uppercase()), 1);
        let (a, b) = CLAIMS[0].split_once(' ').unwrap();
        assert_eq!(count(&format!("/// is {a}\n/// {b} by us")), 1);
    }

    #[test]
    fn longer_names_and_lints_pass() {
        assert_eq!(
            count("MY_TODOS = 1\ntodo = \"deny\"\nXXXL\nproven\ncorrect by test"),
            1
        );
        assert_eq!(count("MY_TODOS = 1\ntodo = \"deny\"\nXXXL\nignore this"), 0);
    }
}
