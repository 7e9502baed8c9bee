//! One type for several orders: fewer tables to compile.

use std::cmp::Ordering;

use verimem::{
    BytewiseComparator, Comparator, Error, ReverseBytewiseComparator, SharedPrefixComparator,
};

use crate::{Coarse, Compare};

/// The order of a [`Compare`] in which keys that compare equal have the same bytes.
#[derive(Debug)]
pub(crate) enum AnyOrder {
    Bytewise(BytewiseComparator),
    Reverse(ReverseBytewiseComparator),
    Coarse(Coarse),
    SharedPrefix(SharedPrefixComparator),
}

/// The prefix that some of the model's keys share.
pub(crate) fn shared_prefix() -> Result<SharedPrefixComparator, Error> {
    SharedPrefixComparator::new(b"eight---")
}

impl AnyOrder {
    pub(crate) fn new(compare: Compare) -> Result<Self, Error> {
        Ok(match compare {
            Compare::Bytewise | Compare::Plain => Self::Bytewise(BytewiseComparator),
            Compare::ReverseBytewise => Self::Reverse(ReverseBytewiseComparator),
            Compare::Coarse => Self::Coarse(Coarse),
            Compare::SharedPrefix => Self::SharedPrefix(shared_prefix()?),
        })
    }
}

impl Comparator for AnyOrder {
    const BYTE_PREFIX: bool = true;
    const EQUAL_BYTES: bool = true;

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Bytewise(order) => order.compare(a, b),
            Self::Reverse(order) => order.compare(a, b),
            Self::Coarse(order) => order.compare(a, b),
            Self::SharedPrefix(order) => order.compare(a, b),
        }
    }

    fn name(&self) -> &str {
        "test.AnyOrder"
    }

    fn is_prefix_successor(&self, prefix: &[u8], next: &[u8]) -> bool {
        match self {
            Self::Bytewise(order) => order.is_prefix_successor(prefix, next),
            Self::Reverse(order) => order.is_prefix_successor(prefix, next),
            Self::Coarse(order) => order.is_prefix_successor(prefix, next),
            Self::SharedPrefix(order) => order.is_prefix_successor(prefix, next),
        }
    }

    fn prefix(&self, user_key: &[u8]) -> u32 {
        match self {
            Self::Bytewise(order) => order.prefix(user_key),
            Self::Reverse(order) => order.prefix(user_key),
            Self::Coarse(order) => order.prefix(user_key),
            Self::SharedPrefix(order) => order.prefix(user_key),
        }
    }
}
