//! A memtable for LSM storage engines.
