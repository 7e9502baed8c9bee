//! Range deletions in any order of their sequence numbers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verimem_driver::hostile::check_tombstones(bytes));
