//! What was done, and how it came out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Counts of operations by name and outcome.
///
/// ```
/// use verimem_model::Histogram;
///
/// let mut histogram = Histogram::default();
/// histogram.count("get", "found");
/// let read: Histogram = "get/found=2 seal/ok=1".parse().unwrap();
/// histogram.merge(&read);
/// assert_eq!(histogram.to_string(), "get/found=3 seal/ok=1");
/// assert_eq!(histogram.total(), 4);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: BTreeMap<(Cow<'static, str>, Cow<'static, str>), u64>,
}

impl Histogram {
    /// Counts one operation.
    pub fn count(&mut self, operation: &'static str, outcome: &'static str) {
        *self
            .counts
            .entry((operation.into(), outcome.into()))
            .or_default() += 1;
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            *self.counts.entry(key.clone()).or_default() += count;
        }
    }

    /// How many operations were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many operations of one name were counted.
    #[must_use]
    pub fn of(&self, operation: &str) -> u64 {
        self.iter()
            .filter(|row| row.0 == operation)
            .map(|row| row.2)
            .sum()
    }

    /// Rows of operation, outcome and count.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.counts
            .iter()
            .map(|((operation, outcome), count)| (&**operation, &**outcome, *count))
    }
}

/// `operation/outcome=count`, separated by spaces.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (operation, outcome, count)) in self.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{operation}/{outcome}={count}")?;
        }
        Ok(())
    }
}

/// Reads what [`Display`](fmt::Display) wrote.
impl FromStr for Histogram {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut histogram = Self::default();
        for word in line.split_whitespace() {
            let bad = || format!("not operation/outcome=count: {word}");
            let (name, count) = word.split_once('=').ok_or_else(bad)?;
            let (operation, outcome) = name.split_once('/').ok_or_else(bad)?;
            let count: u64 = count.parse().map_err(|_| bad())?;
            let key = (operation.to_owned().into(), outcome.to_owned().into());
            *histogram.counts.entry(key).or_default() += count;
        }
        Ok(histogram)
    }
}
