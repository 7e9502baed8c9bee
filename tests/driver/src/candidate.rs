//! What the tables of a run stand on.

use verimem::Comparator;
use verimem::rep::{AnyFactory, MemTableRepFactory, SkipListFactory};
use verimem_model::Duplicates;

use crate::{Config, Rep};

/// A representation to be tried, for tables of any order.
pub trait Candidate {
    /// What makes it.
    type Factory<C: Comparator>: MemTableRepFactory<C>;

    /// What makes it for one table.
    fn factory<C: Comparator>(&self) -> Self::Factory<C>;

    /// What it can do; everything, unless it says otherwise.
    fn abilities(&self) -> Abilities {
        Abilities::ALL
    }
}

/// What a representation can do beside what each must. What it cannot is not asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Abilities {
    /// Refuses an entry whose key and sequence number it has, at once. Without this, tables keep
    /// the first, and count the others until they are sealed.
    pub refuses_duplicates: bool,
    /// Overwrites entries.
    pub overwrites: bool,
    /// Stores checksums, verifies them, and verifies the order of entries.
    pub checks: bool,
    /// Keeps entries in the table's arena, so that a capacity limits it.
    pub uses_arena: bool,
    /// Refuses hints of other tables.
    pub knows_hints: bool,
}

impl Abilities {
    /// Everything.
    pub const ALL: Self = Self {
        refuses_duplicates: true,
        overwrites: true,
        checks: true,
        uses_arena: true,
        knows_hints: true,
    };

    /// What each representation can do.
    pub const LEAST: Self = Self {
        refuses_duplicates: false,
        overwrites: false,
        checks: false,
        uses_arena: false,
        knows_hints: false,
    };

    /// The same options, less those that are not asked of such a representation.
    #[must_use]
    pub fn of(self, config: &Config) -> Config {
        let mut config = config.allowed();
        config.rep = Rep::SkipList; // another one takes its place
        config.abilities = self;
        if !self.refuses_duplicates
            || !self.overwrites && config.duplicates == Duplicates::Overwrite
        {
            config.duplicates = Duplicates::KeepFirst;
        }
        if !self.checks {
            config.protection_bytes = 0;
            config.paranoid_checks = false;
            config.verify_checksums_on_seek = false;
            config.show_corrupt_keys = false;
        }
        if !self.uses_arena {
            config.capacity = None;
        }
        config
    }
}

/// The default.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Default;

impl Candidate for Default {
    type Factory<C: Comparator> = SkipListFactory;

    fn factory<C: Comparator>(&self) -> SkipListFactory {
        SkipListFactory
    }
}

/// One of the built-in ones, chosen when the program runs.
impl Candidate for Rep {
    type Factory<C: Comparator> = AnyFactory;

    fn factory<C: Comparator>(&self) -> AnyFactory {
        Self::factory(*self)
    }

    fn abilities(&self) -> Abilities {
        Self::abilities(*self)
    }
}
