//! Merge operands over several tables, and the laws of the operators.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verimem_driver::hostile::check_merges(bytes));
