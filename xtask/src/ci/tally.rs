//! Counts the tests in libtest's summaries while passing the output on.

use std::io::{BufRead, BufReader, Read, Write};

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    /// Copies `from` to `to` line by line, and counts on the way.
    pub fn copy(&mut self, from: impl Read, mut to: impl Write) -> std::io::Result<()> {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            to.write_all(&line)?;
            to.flush()?;
            self.count(&String::from_utf8_lossy(&line));
            line.clear();
        }
        Ok(())
    }

    /// `test result: ok. 3 passed; 1 failed; ..`
    fn count(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("test result: ") else {
            return;
        };
        let number = |word: &str| {
            let before = rest
                .split(word)
                .next()
                .filter(|before| before.len() < rest.len())?;
            before.trim_end().rsplit(' ').next()?.parse::<u64>().ok()
        };
        self.passed += number("passed;").unwrap_or(0);
        self.failed += number("failed;").unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_added_up_and_everything_is_passed_on() {
        let text = "running 3 tests\ntest result: ok. 3 passed; 0 failed; 0 ignored\n\
                    test result: FAILED. 10 passed; 2 failed; 0 ignored\nfive passed; 9 failed;\nlast";
        let mut tally = Tally::default();
        let mut out = Vec::new();
        tally.copy(text.as_bytes(), &mut out).unwrap();
        assert_eq!(out, text.as_bytes());
        assert_eq!(
            tally,
            Tally {
                passed: 13,
                failed: 2
            }
        );
    }
}
