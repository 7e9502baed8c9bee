//! Which lines of the library were run: lcov's records, less the lines of tests.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::SourceFile;

/// How often each measured line of one file was run.
pub type Counts = BTreeMap<usize, u64>;

/// Every measured file, by its path from the workspace root.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Measured {
    pub files: BTreeMap<String, Counts>,
}

impl Measured {
    /// Adds a report in lcov's format. Of two reports a line counts the sum.
    pub fn add(&mut self, root: &str, lcov: &str) -> Result<(), String> {
        let mut file = None;
        for record in lcov.lines() {
            if let Some(path) = record.strip_prefix("SF:") {
                let path = path.strip_prefix(root).unwrap_or(path);
                file = Some(path.trim_start_matches('/').to_owned());
            } else if let Some(data) = record.strip_prefix("DA:") {
                let mut numbers = data.split(',').map(str::parse::<u64>);
                let (Some(Ok(line)), Some(Ok(count))) = (numbers.next(), numbers.next()) else {
                    return Err(format!("no line and count: {record}"));
                };
                let line = usize::try_from(line).map_err(|e| format!("{record}: {e}"))?;
                let path = file.clone().ok_or("lcov: a line of no file")?;
                *self.files.entry(path).or_default().entry(line).or_default() += count;
            }
        }
        Ok(())
    }

    /// Keeps the files of `sources` that are no tests, each of them even if nothing of
    /// it was measured, and of these the lines that are no tests.
    pub fn keep(&mut self, sources: &[&SourceFile]) {
        let mut files = BTreeMap::new();
        for source in sources.iter().filter(|source| !all_test(source)) {
            let mut counts = self.files.remove(&source.path).unwrap_or_default();
            let test = test_lines(source);
            counts.retain(|line, _| !test.contains(line));
            files.insert(source.path.clone(), counts);
        }
        self.files = files;
    }

    /// Measured lines, and how many of them were run.
    pub fn total(&self) -> (usize, usize) {
        let each = self.files.values().map(covered);
        each.fold((0, 0), |(a, b), (lines, run)| (a + lines, b + run))
    }
}

pub fn covered(counts: &Counts) -> (usize, usize) {
    (counts.len(), counts.values().filter(|n| **n > 0).count())
}

fn all_test(source: &SourceFile) -> bool {
    !source.tokens.is_empty() && source.tokens.iter().all(|token| token.in_test)
}

/// Every line from the first to the last token of an item under `cfg(test)`.
fn test_lines(source: &SourceFile) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    for pair in source.tokens.windows(2) {
        if pair[0].in_test && pair[1].in_test {
            lines.extend(pair[0].line..=pair[1].line);
        }
    }
    lines
}

/// Uncovered lines with no covered one between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub file: String,
    pub first: usize,
    pub last: usize,
    /// The text of its measured lines, without blanks around it, and without comments.
    pub lines: Vec<String>,
}

/// The gaps of one file.
pub fn gaps(source: &SourceFile, counts: &Counts) -> Vec<Gap> {
    let text: Vec<&str> = source.text.lines().map(str::trim).collect();
    let mut gaps: Vec<Gap> = Vec::new();
    let mut open = false;
    for (&line, &count) in counts {
        if count > 0 {
            open = false;
            continue;
        }
        let words = text.get(line.wrapping_sub(1)).copied().unwrap_or_default();
        // A region may run over a comment.
        if words.starts_with("//") {
            continue;
        }
        match gaps.last_mut().filter(|_| open) {
            Some(gap) => {
                gap.last = line;
                gap.lines.push(words.to_owned());
            }
            None => gaps.push(Gap {
                file: source.path.clone(),
                first: line,
                last: line,
                lines: vec![words.to_owned()],
            }),
        }
        open = true;
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "fn a() {\n  x();\n}\nfn b() {\n  y();\n}\n#[cfg(test)]\nmod tests {\n  fn c() {\n  }\n}\n";

    #[test]
    fn reports_are_added_up_and_tests_left_out() {
        let source = SourceFile::parse("src/a.rs", TEXT).unwrap();
        let mut unseen = SourceFile::parse("src/b.rs", "fn a() {}").unwrap();
        let mut measured = Measured::default();
        let lcov = "SF:/w/src/a.rs\nFN:1,a\nDA:1,1\nDA:2,0\nDA:9,1\nend_of_record\n\
                    SF:/w/tests/x.rs\nDA:1,0\nend_of_record\n";
        measured.add("/w", lcov).unwrap();
        measured
            .add("/w", "SF:/w/src/a.rs\nDA:1,2\nDA:2,0\n")
            .unwrap();
        measured.keep(&[&source, &unseen]);
        let counts = Counts::from([(1, 3), (2, 0)]);
        assert_eq!(measured.files["src/a.rs"], counts);
        assert!(measured.files["src/b.rs"].is_empty() && measured.files.len() == 2);
        assert_eq!(measured.total(), (2, 1));
        unseen.mark_all_test();
        measured.keep(&[&source, &unseen]);
        assert_eq!(measured.files.len(), 1);
        assert!(measured.add("/w", "SF:x\nDA:1\n").is_err());
    }

    #[test]
    fn a_gap_ends_at_a_covered_line_only() {
        let source = SourceFile::parse("src/a.rs", &TEXT.replace("y();", "// y")).unwrap();
        let counts = Counts::from([(1, 1), (2, 0), (3, 1), (4, 0), (5, 0), (6, 0)]);
        let gaps = gaps(&source, &counts);
        let seen: Vec<_> = gaps.iter().map(|g| (g.first, g.last)).collect();
        assert_eq!(seen, [(2, 2), (4, 6)]);
        assert_eq!(gaps[1].lines, ["fn b() {", "}"]);
    }
}
