//! The reference memtable.
