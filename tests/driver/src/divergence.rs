//! Where table and model part.

use std::fmt;

/// A difference between the table and the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Index of the operation; none for the comparison at the end.
    pub op_index: Option<usize>,
    /// What was done.
    pub what: String,
    /// What the model says.
    pub expected: String,
    /// What the table says.
    pub actual: String,
}

impl Divergence {
    /// A difference between two values; `run` fills in the operation.
    #[must_use]
    pub fn new(what: String, expected: &dyn fmt::Debug, actual: &dyn fmt::Debug) -> Self {
        Self {
            op_index: None,
            what,
            expected: format!("{expected:?}"),
            actual: format!("{actual:?}"),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op_index {
            Some(index) => write!(f, "operation {index}, ")?,
            None => f.write_str("at the end, ")?,
        }
        let Self {
            what,
            expected,
            actual,
            ..
        } = self;
        write!(f, "{what}:\n  expected: {expected}\n  actual:   {actual}")
    }
}

impl std::error::Error for Divergence {}

/// Fails with a [`Divergence`] unless two values are equal.
macro_rules! same {
    ($expected:expr, $actual:expr, $($what:tt)+) => {{
        match (&$expected, &$actual) {
            (expected, actual) => {
                if expected != actual {
                    return Err($crate::Divergence::new(format!($($what)+), expected, actual));
                }
            }
        }
    }};
}
pub(crate) use same;
