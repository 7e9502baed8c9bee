//! The representations that a table can stand on, as the command line names them: the one place
//! that knows which there are.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use verimem::memtable::DuplicatePolicy;
use verimem::rep::{
    AnyFactory, HashLinkListFactory, HashSkipListFactory, SkipListFactory, VectorFactory,
};

/// How a table keeps its entries, by RocksDB's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Rep {
    /// An ordered list with towers.
    Skiplist,
    /// Buckets by prefix, each with towers.
    HashSkiplist,
    /// Buckets by prefix, each a list while it is short.
    HashLinklist,
    /// Entries that are sorted when they are read.
    Vector,
}

impl Rep {
    /// The name on the command line and in the report.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What makes it, with so many buckets if it has any.
    pub fn factory(self, bucket_count: usize) -> AnyFactory {
        match self {
            Self::Skiplist => AnyFactory::SkipList(SkipListFactory),
            Self::HashSkiplist => AnyFactory::HashSkipList(HashSkipListFactory {
                bucket_count,
                ..Default::default()
            }),
            Self::HashLinklist => AnyFactory::HashLinkList(HashLinkListFactory {
                bucket_count,
                ..Default::default()
            }),
            Self::Vector => AnyFactory::Vector(VectorFactory::default()),
        }
    }

    /// Whether it has buckets, by the prefix of the key.
    pub fn has_buckets(self) -> bool {
        matches!(self, Self::HashSkiplist | Self::HashLinklist)
    }

    /// Whether it keeps the first of two duplicates, and can do nothing else.
    pub fn only_keeps_first(self) -> bool {
        self == Self::Vector
    }

    /// What becomes of duplicates: they are refused where that can be.
    pub fn strictest(self) -> DuplicatePolicy {
        if self.only_keeps_first() {
            DuplicatePolicy::KeepFirst
        } else {
            DuplicatePolicy::Reject
        }
    }

    /// That a table stands on it: one that should have buckets may have none.
    ///
    /// # Errors
    ///
    /// What the table says that it stands on.
    pub fn check(self, name: &str) -> Result<(), String> {
        if name == self.name() {
            return Ok(());
        }
        Err(format!(
            "a {} was asked for, the table has a {name}",
            self.name()
        ))
    }
}

/// `--memtablerep`: a list of representations, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reps(pub Vec<Rep>);

impl FromStr for Reps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut list = Vec::new();
        for name in text.split(',') {
            let named = match name {
                "all" => Rep::value_variants().to_vec(),
                _ => vec![Rep::from_str(name, false).map_err(|_| unknown(name))?],
            };
            for rep in named {
                if !list.contains(&rep) {
                    list.push(rep);
                }
            }
        }
        Ok(Self(list))
    }
}

impl fmt::Display for Reps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.0))
    }
}

fn names(reps: &[Rep]) -> String {
    let names: Vec<String> = reps.iter().map(|rep| rep.name()).collect();
    names.join(",")
}

fn unknown(name: &str) -> String {
    format!(
        "no representation {name:?}; there are: {},all",
        names(Rep::value_variants())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representations_are_read_back() {
        for rep in Rep::value_variants() {
            assert_eq!(rep.name().parse(), Ok(Reps(vec![*rep])));
        }
        let all: Reps = "all".parse().unwrap();
        assert_eq!(all.0, Rep::value_variants());
        assert_eq!("skiplist,all".parse(), Ok(all.clone()));
        assert_eq!(all.to_string().parse(), Ok(all));
        for bad in ["", "skiplist,", "btree", "Skiplist"] {
            assert!(bad.parse::<Reps>().is_err(), "{bad:?}");
        }
    }
}
